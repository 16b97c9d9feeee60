#!/bin/bash
# import, info, dump, formats as a user sees them: the golden file of this
# version reads as it always did, pipes work, wrong input gives one clear line.
set -u
export LC_ALL=C
program=${MMREPLAY_ASAN:-${MMREPLAY:-build/mmreplay}}
data=${MMREPLAY_DATA:-.}/traces/tests/data
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

# refuses NAME STATUS TEXT COMMAND..: exit status, one line, TEXT in it
refuses() {
	local name=$1 want=$2 text=$3
	shift 3
	"$program" "$@" >"$work/out" 2>"$work/err" </dev/null
	local status=$?
	if [ $status = "$want" ] && [ "$(wc -l <"$work/err")" = 1 ] &&
			grep -qF -- "$text" "$work/err"; then
		check "$name" 0
	else
		check "$name" 1
		echo "# status $status, expected $want and '$text'"
		sed 's/^/# /' "$work/err"
	fi
}

"$program" dump -a "$data/golden-v1.mmt" | diff - "$data/golden-v1.txt" >"$work/d"
check 'the golden file of version 1 reads as it did' $?
sed 's/^/# /' "$work/d" | head -n 10

# the reading of fault paths has improved since; t_import_lost pins it
no_paths() {
	sed 's/ path=[a-z-]*//'
}
no_paths <"$data/golden-v1.txt" >"$work/golden"
"$program" import "$data/trace-cmd-ns.txt" -o "$work/a.mmt" 2>/dev/null
"$program" dump -a "$work/a.mmt" | no_paths | diff - "$work/golden" >/dev/null
check 'importing its text again gives the same records' $?

"$program" import - -o - <"$data/trace-cmd-ns.txt" 2>/dev/null |
	"$program" dump -a - | no_paths | diff - "$work/golden" >/dev/null
check 'import and dump work in a pipe' $?

"$program" dump --json -a "$data/golden-v1.mmt" >"$work/json"
[ "$(wc -l <"$work/json")" = "$(grep -c '^ *[0-9]*\.[0-9]* \[' "$data/golden-v1.txt")" ]
check 'dump --json prints one object a record' $?

"$program" info "$data/golden-v1.mmt" | grep -q '^  munmap  *[0-9]'
check 'info counts records by kind' $?
"$program" info --json "$data/golden-v1.mmt" | grep -q '"lock_event_tax_ns"'
check 'info --json has the header facts' $?
"$program" formats | grep -q '^trace-cmd'
check 'formats lists trace-cmd' $?

"$program" import "$data/tracefs-us.txt" -o "$work/b.mmt" 2>"$work/err"
grep -q '^tracefs: 232 lines = ' "$work/err" &&
	grep -q 'sched_wakeup: names no waker (sched_waking does) (first: ' "$work/err" &&
	grep -q '^a replay will lack' "$work/err"
check 'import prints its account' $?

"$program" import "$data/trace-cmd-ns.txt" --flags-from "$data/tracefs-us.txt" \
	-o "$work/c.mmt" 2>"$work/err" &&
	"$program" dump -k waking "$work/c.mmt" | grep -q 'in_interrupt=0'
check 'flags of the us text join the ns text' $?

refuses 'flags of another capture' 1 'the two texts are not of one buffer' \
	import "$data/trace-cmd-ns.txt" --flags-from "$data/tracefs-5.10.txt" \
	-o "$work/c.mmt"
{ cat "$data/tracefs-us.txt"; tail -n 1 "$data/tracefs-us.txt"; } >"$work/longer.txt"
refuses 'flags of more than this capture' 1 'goes on behind the last event' \
	import "$data/trace-cmd-ns.txt" --flags-from "$work/longer.txt" \
	-o "$work/c.mmt"
refuses 'no input' 2 'import: no input given' import -o "$work/x.mmt"
refuses 'no output' 2 'no output given' import "$data/tracefs-us.txt"
refuses 'a missing file' 1 'No such file' import /nonexistent -o "$work/x.mmt"
refuses 'an unknown format' 2 "unknown format 'tracfs'" \
	import "$data/tracefs-us.txt" -f tracfs -o "$work/x.mmt"
refuses 'a folder' 1 'is a directory' info "$data"
# no more of them is stored than the first bytes: a limit of 1 MiB is not met
(
	ulimit -f 1024
	timeout 20 "$program" info /dev/zero
	timeout 20 "$program" check - </dev/zero
) >"$work/out" 2>&1
printf 'mmreplay: %s: offset 0: not a native trace (other captures: mmreplay import)\n' \
	/dev/zero - | cmp -s - "$work/out"
check 'streams without an end are refused by their first bytes' $?
refuses 'text instead of a trace' 1 'offset 0: not a native trace' \
	info "$data/tracefs-us.txt"
refuses 'a trace instead of text' 1 'is a native trace already' \
	import "$data/golden-v1.mmt" -o "$work/x.mmt"
head -c 500 "$data/golden-v1.mmt" >"$work/cut.mmt"
refuses 'a truncated trace' 1 'truncated?' dump "$work/cut.mmt"
refuses 'a truncated trace to check' 1 'check --salvage' check "$work/cut.mmt"
refuses 'to check nothing' 2 'expected one trace' check
"$program" check "$data/golden-v1.mmt" 2>&1 | grep -q ': sound, [1-9][0-9]* records'
check 'check of a sound trace' $?
"$program" check "$data/golden-v1.mmt" --salvage "$work/saved.mmt" >/dev/null 2>&1 &&
	"$program" dump -a "$data/golden-v1.mmt" >"$work/whole.txt" &&
	"$program" dump -a "$work/saved.mmt" | cmp -s - "$work/whole.txt"
check 'salvage of a sound trace keeps every record' $?
refuses 'an unknown kind' 2 "unknown kind 'munmapp'" \
	dump -k munmapp "$data/golden-v1.mmt"
printf '# pid 9845 comm churn\nnonsense\n' >"$work/maps.txt"
refuses 'bad maps' 1 'maps.txt:2: no line of /proc/PID/maps' \
	import "$data/tracefs-us.txt" -o "$work/x.mmt" --maps "$work/maps.txt"
echo "1..$number"
exit $failed
