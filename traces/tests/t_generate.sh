#!/bin/bash
# mmreplay generate and workloads from the command line: every workload with
# its defaults makes a trace that `info` reads and calls synthetic, wrong
# words are refused with exit status 2. What the traces hold: t_generate.c.
set -u
. sim/tests/tap.sh

# The command fails with status 2 and says what is wrong.
refused()	# TEXT ARGUMENTS..
{
	local text=$1

	shift
	"$MMREPLAY" "$@" >"$tmp/out" 2>"$tmp/err"
	[ $? = 2 ] && grep -q -- "$text" "$tmp/err"
	result $? "refused: $*"
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/err"

names=$("$MMREPLAY" workloads | awk '/^[a-z]/ { print $1 }')
echo 1..$(($(wc -w <<<"$names") + 13))

for w in $names; do
	# the defaults of this one are sized for a long run
	set -- $([ "$w" = vmalloc-pairs ] && echo loops=100)
	"$MMREPLAY" generate "$w" "$@" -o "$tmp/$w.mmt" 2>"$tmp/err" &&
		"$MMREPLAY" info "$tmp/$w.mmt" >"$tmp/info" 2>>"$tmp/err" &&
		grep -q '^synthetic' "$tmp/info"
	result $? "$w with its defaults"
done

"$MMREPLAY" workloads --json >"$tmp/out" 2>"$tmp/err"
[ "$(grep -c '"name"' "$tmp/out")" = "$(wc -w <<<"$names")" ]
result $? 'workloads --json lists them all'
"$MMREPLAY" workloads pft-threads >"$tmp/out" 2>"$tmp/err"
grep -q 'threads .*default' "$tmp/out" && grep -q '^after: ' "$tmp/out"
result $? 'workloads NAME lists its parameters'

"$MMREPLAY" generate pft-threads pages=100 -o - >"$tmp/a.mmt" 2>"$tmp/err" &&
	"$MMREPLAY" generate pft-threads pages=100 -o "$tmp/b.mmt" 2>>"$tmp/err" &&
	cmp "$tmp/a.mmt" "$tmp/b.mmt"
result $? 'to stdout: the same bytes'
"$MMREPLAY" generate mmap-churn loops=500 -o "$tmp/src.mmt" 2>"$tmp/err" &&
	"$MMREPLAY" generate --fit "$tmp/src.mmt" threads=4 ops=500 -o "$tmp/fit.mmt" 2>"$tmp/err" &&
	grep -q 'left out: exit' "$tmp/err" && "$MMREPLAY" info "$tmp/fit.mmt" | grep -q '^synthetic'
result $? 'a workload fitted to a trace, and what was left out'
# children that touch what their parent mapped: their faults need no mmap
"$MMREPLAY" generate --fit "$MMREPLAY_DATA/traces/samples/forker.mmt" -o "$tmp/fork.mmt" 2>"$tmp/err" &&
	awk '/^  made:/ { made = $10 } /^  mmap:/ { share = $2 / $7 } END { exit !(made < 20 && share < 1.5) }' "$tmp/err"
result $? 'a fitted fork server maps about as often as the trace'
"$MMREPLAY" generate pft-threads --json -o "$tmp/c.mmt" >"$tmp/out" 2>"$tmp/err"
grep -q '"digest"' "$tmp/out"
result $? '--json tells the digest'

refused 'did you mean' generate pft-treads -o "$tmp/x.mmt"
refused 'threads: expected' generate pft-threads threads=0 -o "$tmp/x.mmt"
refused 'KEY=VALUE' generate pft-threads threads -o "$tmp/x.mmt"
refused 'is missing' generate pft-threads
refused 'which workload' generate -o "$tmp/x.mmt"
refused 'unknown option' generate pft-threads --fast -o "$tmp/x.mmt"
[ ! -e "$tmp/x.mmt" ]
result $? 'nothing is written when refused'
