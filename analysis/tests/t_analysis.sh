#!/bin/bash
# Pins the command lines of compare, plot, report, flame and timeline: exit
# statuses, messages, where output goes. Does not pin numbers (t_compare.c) or
# layout (t_golden.sh).
set -u
data=analysis/tests/data
n=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp -r "$data/small" "$tmp/r"

result()	# STATUS NAME
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		sed 's/^/# /' "$tmp/out" "$tmp/err" | head -n 20
		echo "not ok $n - $2"
	fi
}

runs()	# STATUS WORD-IN-STDERR ARGS..
{
	local want=$1 word=$2 status
	shift 2
	"$MMREPLAY" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	[ $status = "$want" ] && grep -qF -- "$word" "$tmp/err"
	result $? "$* exits $want saying '$word'"
}

echo 1..32
runs 2 'no result folder' compare
runs 2 "unknown option '--nope'" compare "$tmp/r" --nope
runs 2 "did you mean 'json'" compare "$tmp/r" --format jso
runs 2 'no cell has such a number' compare "$tmp/r" --metric latency_ns.nope
runs 2 'no cell has such a number' compare "$tmp/r" --sort nope
runs 2 "did you mean 'munmap=downgrade'" compare "$tmp/r" --baseline munmap=downgrad
runs 2 'expected 60 to 1000' compare "$tmp/r" --width 5
runs 1 'is no result folder' compare "$tmp"
runs 2 'no result folder' plot
runs 2 "did you mean 'latency-cdf'" plot "$tmp/r" latency-cd
runs 2 'expected one result folder' report
runs 2 'no result folder' flame
runs 2 'expected one result folder, SCENARIO.yaml or trace' timeline
runs 1 'no such cell has events' timeline "$tmp/r"

# A cell that is missing, truncated or another one is named.
cp -r "$tmp/r" "$tmp/bad"
cell=$(ls "$tmp/bad/cells" | head -n 1)
head -c 300 "$tmp/r/cells/$cell" >"$tmp/bad/cells/$cell"
runs 1 "cells/$cell" compare "$tmp/bad"
cp "$tmp/r/cells/$(ls "$tmp/r/cells" | tail -n 1)" "$tmp/bad/cells/$cell"
runs 1 'not the cell file of' compare "$tmp/bad"
rm "$tmp/bad/cells/$cell"
runs 1 'missing; run the scenario again' compare "$tmp/bad"
printf '{"format": 2, "cells": []}' >"$tmp/bad/results.json"
runs 1 'expected results of format 1' compare "$tmp/bad"
printf '{"format": 1, "cells": [{"id": "../../etc/passwd"}]}' >"$tmp/bad/results.json"
runs 1 'no usable id' compare "$tmp/bad"

"$MMREPLAY" compare "$tmp/r" >"$tmp/out" 2>"$tmp/err"
grep -q $'\033' "$tmp/out"
[ $? = 1 ] && [ ! -s "$tmp/err" ]
result $? 'compare into a pipe has no colour and no words'

"$MMREPLAY" compare "$tmp/r" --json >"$tmp/out" &&
	"$MMREPLAY" compare "$tmp/r" --format json | cmp -s - "$tmp/out"
result $? '--json is --format json'

"$MMREPLAY" compare "$tmp/r" "$tmp/r/" | cmp -s - <("$MMREPLAY" compare "$tmp/r")
result $? 'a folder given twice counts once'

# The same cells under another name differ by exactly nothing; with other seeds
# they are compared all the same, and the table says how.
cp -r "$tmp/r" "$tmp/twin"
sed -i 's/^ "label": "/&twin of /; s/^ "baseline": true/ "baseline": false/' "$tmp"/twin/cells/*.json
"$MMREPLAY" compare "$tmp/r" "$tmp/twin" -m run.makespan_ns --format csv >"$tmp/out" 2>"$tmp/err"
[ "$(grep -c "twin of linux.*,0,0,0,3,exact,0," "$tmp/out")" = 1 ]
result $? 'one cell under two names: two columns, the change exactly 0'

sed -i 's/^ "seed": /&9/' "$tmp"/twin/cells/*.json
"$MMREPLAY" compare "$tmp/r" "$tmp/twin" -m run.makespan_ns >"$tmp/out" 2>"$tmp/err"
[ $? = 0 ] && grep -q "no seed in common with the baseline: replicates are paired" "$tmp/out"
result $? 'other seeds are paired in order, and the table says so'

"$MMREPLAY" compare "$tmp/r" -m blame --format csv >"$tmp/out" 2>"$tmp/err"
[ $? = 0 ] && grep -q '^"blame\[.*\]\.wait_ns",ns,' "$tmp/out" && ! grep -q '^blame,' "$tmp/out"
result $? '--metric blame: time waited by pair, not how many pairs'

mkdir "$tmp/work"
TMPDIR=$tmp/work "$MMREPLAY" plot "$tmp/r" cpu-time sweep >"$tmp/out" 2>"$tmp/err"
[ $? = 0 ] && [ "$(cat "$tmp/out")" = "$tmp/r/plots/cpu-time.svg
$tmp/r/plots/cpu-time.png" ] && grep -q '^sweep: not drawn: no param' "$tmp/err"
result $? 'plot prints paths, and says why one has no data'

ls -A "$tmp/r/plots" | grep -q '^\.'
[ $? = 1 ] && rmdir "$tmp/work"
result $? 'plot leaves no temporary files'

mkdir "$tmp/empty"
PATH=$tmp/empty "$MMREPLAY" plot "$tmp/r" blame >"$tmp/out" 2>"$tmp/err"
[ $? = 1 ] && grep -q 'gnuplot: not found' "$tmp/err" && [ ! -e "$tmp/r/plots/blame.png" ]
result $? 'without gnuplot plot says what to install'

PATH=$tmp/empty "$MMREPLAY" report "$tmp/r" >"$tmp/out" 2>"$tmp/err"
[ $? = 0 ] && grep -q 'no pictures' "$tmp/err" && [ "$(cat "$tmp/out")" = "$tmp/r/report.html" ]
result $? 'without gnuplot report still writes its page'

"$MMREPLAY" report "$tmp/r" >"$tmp/out" 2>"$tmp/err"
[ $? = 0 ] && [ "$(grep -o '<figure' "$tmp/r/report.html" | wc -l)" -ge 8 ] &&
	! grep -qE 'src="[^d]|https?:|@import|url\(' "$tmp/r/report.html"
result $? 'report holds its pictures and fetches nothing'

"$MMREPLAY" report "$tmp/r" -o - --no-plots 2>"$tmp/err" | cmp -s - "$tmp/r/report.html"
result $? 'report is the same bytes each time, also on standard output'

"$MMREPLAY" flame "$tmp/r" -o "$tmp/f" && "$MMREPLAY" flame "$tmp/r" | cmp -s - "$tmp/f"
result $? 'flame to a file and to standard output agree'
