#!/bin/bash
# Pins that sim/policy/skeleton.c, compiled apart, is loaded by --plugin and runs
# as mm-wide does, that its digest is part of the cell's id, and that what does
# not fit is refused before anything runs, with the reason.
set -u
build=${BUILD:-build}
program=$(realpath "$build/mmreplay")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
here=$(pwd)
cc=${CC:-gcc}
n=0
cases=10

ok()	# STATUS NAME
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		sed 's/^/# /' "$tmp/log"
		echo "not ok $n - $2"
	fi
}

make_so()	# NAME SED-SCRIPT FLAGS..
{
	sed "$2" sim/policy/skeleton.c >"$tmp/$1.c"
	"$cc" -I"$here" -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIC \
		-shared "${@:3}" "$tmp/$1.c" -o "$tmp/$1.so" >"$tmp/log" 2>&1
}

run()	# NAME OUT POLICY..
{
	"$program" run "$tmp/t.mmt" -q --plugin "$tmp/$1.so" -o "$tmp/$2" \
		-p "$3" >"$tmp/log" 2>&1
}

refused()	# NAME WORDS
{
	run "$1" refused mm_lock=skeleton && return 1
	[ ! -e "$tmp/refused" ] && grep -q -- "$2" "$tmp/log"
}

ids()
{
	(cd "$tmp/$1/cells" && ls) | LC_ALL=C sort
}

echo "1..$cases"
"$program" generate mmap-churn threads=2 -o "$tmp/t.mmt" >"$tmp/log" 2>&1 ||
	{ cat "$tmp/log"; exit 1; }
make_so good ''
ok $? compiles
run good out mm_lock=skeleton
ok $? runs
run good wide mm_lock=mm-wide && run good out2 mm_lock=skeleton
same=1
figures=$(grep -h '"makespan_ns"' "$tmp"/out/cells/*.json | LC_ALL=C sort)
[ "$figures" = "$(grep -h '"makespan_ns"' "$tmp"/wide/cells/*.json | LC_ALL=C sort)" ] &&
	same=0
ok $same like-mm-wide
make_so other 's/as mm-wide; an example/as mm-wide; another file/'
run other out3 mm_lock=skeleton
[ "$(ids out)" = "$(ids out2)" ] && [ "$(ids out)" != "$(ids out3)" ]
ok $? digest-in-id
make_so hash '' -DPLUGIN_HEADERS=1
refused hash 'compiled against other headers'
ok $? other-headers
make_so tests '' -DMMREPLAY_TEST
refused tests 'compiled for the test build'
ok $? other-build
make_so hooks 's/	.fault = sk_fault,//; s/static void sk_fault/void sk_fault/; s/.write_held = sk_write_held,//; s/static bool sk_write_held/bool sk_write_held/'
refused hooks 'mm_lock: skeleton: missing hooks: fault write_held'
ok $? missing-hooks
make_so size 's/.size = sizeof(struct mm_lock_ops)/.size = 8/'
refused size 'a table of 8 bytes'
ok $? table-size
make_so taken 's/"skeleton"/"range"/'
refused taken 'mm_lock: range is there already'
ok $? name-taken
echo 'not an object' >"$tmp/text.so"
refused text 'not a plug-in'
ok $? no-object
