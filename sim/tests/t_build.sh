#!/bin/bash
# Pins: the Makefile can be read on a system without compiler and pkg-config;
# make deps is silent when all is there, installs without a question as root,
# and else prints one line to run. Nothing is installed here: id, apt-get and
# sudo are stand-ins. Does not pin that the packages exist.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

result()	# STATUS NAME
{
	n=$((n + 1))
	[ "$1" = 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}

# A PATH with a few tools and no compiler.
bare=$tmp/bin
mkdir -p "$bare"
for tool in sh make sed find sort expand nproc env cat; do
	ln -s "$(type -P $tool)" "$bare/$tool"
done
printf '#!/bin/sh\necho "$DEBIAN_FRONTEND: $*" >>%s/apt\n' "$tmp" >"$bare/apt-get"
printf '#!/bin/sh\ncat %s/uid\n' "$tmp" >"$bare/id"
chmod +x "$bare/apt-get" "$bare/id"

echo 1..6
PATH=$bare MAKEFLAGS= make help >"$tmp/out" 2>&1 && grep -q '^demo ' "$tmp/out"
result $? 'make help on a bare system'
PATH=$bare MAKEFLAGS= make -n all BUILD="$tmp/b" >"$tmp/out" 2>&1
result $? 'make -n all on a bare system'

if CC=gcc sh sim/tests/deps.sh >"$tmp/out" 2>&1; then
	[ ! -s "$tmp/out" ]
	result $? 'deps is silent when nothing is missing'
else
	n=$((n + 1))
	echo "ok $n - deps is silent when nothing is missing # SKIP something is"
fi

echo 0 >"$tmp/uid"
PATH=$bare CC=gcc sh sim/tests/deps.sh >"$tmp/out" 2>&1 &&
	[ "$(sed -n 1p "$tmp/apt")" = 'noninteractive: update -q' ] &&
	grep -q '^noninteractive: install -y --no-install-recommends gcc .*gnuplot-nox' "$tmp/apt"
result $? 'root: installs without a question'

rm "$tmp/apt"
echo 1000 >"$tmp/uid"
PATH=$bare CC=gcc sh sim/tests/deps.sh >"$tmp/out" 2>&1
[ $? = 1 ] && [ ! -e "$tmp/apt" ] && [ "$(wc -l <"$tmp/out")" = 1 ] &&
	grep -q 'sudo apt-get update && sudo apt-get install -y .*gcc' "$tmp/out"
result $? 'ordinary user: one line to run, exit 1'

printf '#!/bin/sh\n[ "$1" = -n ] || exit 1; shift; exec "$@"\n' >"$bare/sudo"
ln -s "$(type -P true)" "$bare/true"
chmod +x "$bare/sudo"
PATH=$bare CC=gcc sh sim/tests/deps.sh >"$tmp/out" 2>&1 &&
	grep -q '^noninteractive: install -y' "$tmp/apt"
result $? 'sudo without a password: installs'
