#!/bin/bash
# trace.dat: damaged ones are refused in one clear line, with or without
# libtracecmd. A real one is large and names the machine, so none is in the
# project: $MMREPLAY_TRACE_DAT is compared with what trace-cmd reports of it.
set -u
export LC_ALL=C
program=${MMREPLAY_ASAN:-${MMREPLAY:-build/mmreplay}}
head=${MMREPLAY_DATA:-.}/traces/tests/fuzz/import-trace-dat/head.dat
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0

check() {	# check NAME STATUS: an ok line
	number=$((number + 1))
	if [ "$2" = 0 ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		failed=1
	fi
}

refused() {	# refused FILE: exit 1, one line that says why, no output
	"$program" import "$1" -o "$work/x.mmt" >/dev/null 2>"$work/err"
	[ $? = 1 ] && [ "$(wc -l <"$work/err")" = 1 ] &&
		grep -qE 'its library could not read on|built without it' \
			"$work/err" && [ ! -e "$work/x.mmt" ]
}

head -c 10 "$head" >"$work/magic.dat"
refused "$work/magic.dat"
check 'a magic alone is refused' $?
refused "$head"
check 'a file that ends in its header is refused' $?
zstd -q "$head" -o "$work/head.dat.zst"
refused "$work/head.dat.zst"
check 'the same behind zstd' $?

real=${MMREPLAY_TRACE_DAT-}
if [ -z "$real" ] || ! command -v trace-cmd >/dev/null ||
		"$program" import "$head" -o "$work/x" 2>&1 | grep -q 'built without'; then
	number=$((number + 1))
	echo "ok $number # SKIP no \$MMREPLAY_TRACE_DAT, trace-cmd or libtracecmd"
else
	trace-cmd report -t -N "$real" 2>/dev/null >"$work/report.txt"
	# the report has no flags, so it cannot tell who woke in an interrupt
	for f in "$real" "$work/report.txt"; do
		"$program" import "$f" -o "$work/t.mmt" 2>/dev/null &&
			"$program" dump -a "$work/t.mmt" |
			sed 's/in_interrupt=[0-9]/in_interrupt/' | cksum
	done | uniq -c | grep -q '^ *2 '
	check 'the same records as from trace-cmd report' $?
fi
echo "1..$number"
exit $failed
