#!/bin/bash
# Pins: the Makefile can be read on a system without compiler and pkg-config;
# make deps is silent when all is there, installs without a question as root,
# and else prints one line to run; the tree may lie in a folder with any name,
# BUILD may not. Nothing is installed here: id, apt-get and sudo are stand-ins. Does not pin that the packages exist.
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

echo 1..8
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

odd="$tmp/ds t'\$(x)&"		# of the sources one will do
mkdir -p "$odd/sim" "$odd/traces" "$odd/analysis"
cp Makefile "$odd" && echo 'int one(void); int one(void) { return 1; }' >"$odd/sim/one.c"
MAKEFLAGS= make -s -C "$odd" BUILD=b b/obj/sim/one.o >"$tmp/out" 2>&1 &&
	! grep -qF "$odd" "$odd/b/obj/sim/one.o"
result $? 'a tree in a folder with blanks, quotes and a dollar is built, and not named in the object'
for build in "$odd/b" 'a b' a:b ''; do
	MAKEFLAGS= make -n help BUILD="$build" >"$tmp/out" 2>&1
	[ $? = 2 ] && [ "$(wc -l <"$tmp/out")" = 1 ] && grep -qF 'expected a folder without blanks' "$tmp/out" ||
		echo "# '$build'"
done >"$tmp/said"
[ ! -s "$tmp/said" ]
result $? 'a BUILD that make cannot have is refused in one line'
