#!/bin/bash
# cut, merge and anonymize as a user sees them, on the bundled captures: nothing is lost when all is
# kept, a part replays on the layout that the records before it made, filters
# say what they dropped, wrong input gives one line.
# Does not pin the layout area by area (t_edit_space.c does).
set -u
export LC_ALL=C
program=${MMREPLAY_ASAN:-${MMREPLAY:-build/mmreplay}}
fast=${MMREPLAY:-build/mmreplay}
samples=${MMREPLAY_DATA:-.}/traces/samples
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

refuses() {	# refuses NAME STATUS TEXT COMMAND..
	local name=$1 want=$2 text=$3
	shift 3
	"$program" "$@" >"$work/out" 2>"$work/err" </dev/null
	local status=$?
	[ $status = "$want" ] && [ "$(wc -l <"$work/err")" = 1 ] &&
		grep -qF -- "$text" "$work/err" && [ ! -e "$work/x.mmt" ]
	check "$name" $?
	[ $status = "$want" ] || sed 's/^/# /' "$work/err"
}

plain() {	# records without the numbers that a new trace gives anew
	"$fast" dump -a "$1" | cut -c1-22,29- |
		sed 's/ mm [0-9]*//; s/mm=[0-9?]*//; s/_task=[0-9?]*//'
}

outside() {	# faults that hit no area when this trace is replayed
	"$fast" run "$1" -o "$work/r.$RANDOM$RANDOM" 2>/dev/null |
		sed -n 's/^! *\([0-9]*\) faults hit no area.*/\1/p'
}

# a quarter of a capture: layouts change all along, and each check dumps it
"$fast" cut "$samples/churn2.mmt" --time 0..60ms -o "$work/trace.mmt" 2>/dev/null
trace=$work/trace.mmt
"$fast" cut "$trace" -o "$work/all.mmt" 2>"$work/err"
plain "$trace" | sort >"$work/a"
plain "$work/all.mmt" | sort | cmp -s - "$work/a"
check 'cut without a filter keeps every record' $?
read -r records kept before after filtered < <(sed -n \
	's/^cut: \([0-9]*\) records = \([0-9]*\) kept + \([0-9]*\) before + \([0-9]*\) after the window + \([0-9]*\) filtered$/\1 \2 \3 \4 \5/p' "$work/err")
[ "$records" = "$kept" ] && [ "$records" = "$("$fast" dump -a --no-segments "$trace" | wc -l)" ]
check 'its account counts them' $?

"$fast" cut "$trace" --time 30ms..45ms -o "$work/w.mmt" 2>"$work/err"
want=$("$fast" dump -a --no-segments "$trace" | awk '$1 >= 0.03 && $1 < 0.045' | wc -l)
[ "$("$fast" dump -a --no-segments "$work/w.mmt" | wc -l)" = "$want" ]
check 'a window has the records that start in it' $?
"$program" check "$work/w.mmt" >/dev/null
check 'it is a sound trace' $?
[ -z "$(outside "$work/w.mmt")" ]
check 'it replays on the layout that the records before it made' $?
"$program" cut "$work/w.mmt" --task 1 -o "$work/s.mmt" 2>/dev/null &&
	[ -z "$(outside "$work/s.mmt")" ]
check 'one task of it replays on what the other made' $?
"$program" cut "$work/w.mmt" --time 3ms..6ms -o "$work/ww.mmt" 2>/dev/null &&
	"$fast" cut "$trace" --time 33ms..36ms -o "$work/direct.mmt" 2>/dev/null
plain "$work/direct.mmt" >"$work/a"
plain "$work/ww.mmt" | cmp -s - "$work/a"
check 'a part of a part is that part of the whole' $?

"$fast" cut "$trace" --task 1 --kind fault -o "$work/f.mmt" 2>"$work/err"
want=$("$fast" dump -t 1 -k fault --no-segments "$trace" | wc -l)
[ "$("$fast" dump -a --no-segments "$work/f.mmt" | wc -l)" = "$want" ] &&
	grep -q 'assumed for what dropped records made' "$work/err"
check 'task and kind filter, and what they took away is assumed' $?
"$fast" info "$work/f.mmt" | grep -q '^absent .* sched waking '
check 'classes of which nothing is left are absent' $?
"$fast" cut - -o - --time 0..15ms <"$trace" 2>/dev/null |
	"$fast" dump -a --no-segments - | cut -c1-19 >"$work/b"
"$fast" dump -a --no-segments "$trace" | awk '$1 < 0.015' | cut -c1-19 |
	cmp -s - "$work/b"
check 'cut works in a pipe' $?

refuses 'a task that is not there' 2 '--task 99: the trace has tasks 0 to' \
	cut "$trace" --task 99 -o "$work/x.mmt"
refuses 'an unknown kind' 2 "unknown kind 'falt'; did you mean 'fault'" \
	cut "$trace" --kind falt -o "$work/x.mmt"
refuses 'a window backward' 2 'expected a window of the trace like' \
	cut "$trace" --time 2s..1s -o "$work/x.mmt"
refuses 'no output' 2 'no output given' cut "$trace"
head -c 30000 "$trace" >"$work/broken.mmt"
refuses 'a truncated trace' 1 'truncated?' cut "$work/broken.mmt" -o "$work/x.mmt"
for window in 0..30ms 30ms..45ms 45ms..; do
	"$fast" cut "$trace" --time $window -o "$work/part-$window.mmt" 2>/dev/null
done
"$fast" merge --one-run "$work/part-30ms..45ms.mmt" "$work/part-0..30ms.mmt" \
	"$work/part-45ms...mmt" -o "$work/m.mmt" 2>"$work/err"
plain "$trace" | sort >"$work/a"
plain "$work/m.mmt" | sort | cmp -s - "$work/a"
check 'the parts of a run make the run' $?
[ "$("$fast" info "$work/m.mmt" | grep '^tasks')" = "$("$fast" info "$trace" | grep '^tasks')" ] &&
	[ "$("$fast" info "$work/m.mmt" | grep '^address')" = "$("$fast" info "$trace" | grep '^address')" ]
check 'with the same tasks, address spaces and layouts' $?
"$program" merge --one-run "$work/w.mmt" "$work/direct.mmt" -o "$work/d.mmt" 2>"$work/err"
[ "$("$fast" dump -a --no-segments "$work/d.mmt" | wc -l)" = "$("$fast" dump -a --no-segments "$work/w.mmt" | wc -l)" ] &&
	grep -q ' written + [1-9][0-9]* that stood in two inputs' "$work/err"
check 'a record that stands in two inputs is written once' $?
"$program" merge "$work/w.mmt" "$work/direct.mmt" --offset 2=-1.5ms -o "$work/h.mmt" 2>"$work/err"
grep -q '^merge, hosts: ' "$work/err" && grep -q ' 4 CPUs' "$work/err" &&
	"$fast" dump --no-segments "$work/h.mmt" | grep -q ' \[003\] ' &&
	[ -z "$(outside "$work/h.mmt")" ]
check 'hosts stay apart, with CPUs of their own' $?
refuses 'a single trace' 2 'merge takes 2 to 256 traces' merge "$trace" -o "$work/x.mmt"
refuses 'an offset of nothing' 2 'there are 2 inputs' \
	merge "$trace" "$trace" --offset 3=1ms -o "$work/x.mmt"
refuses 'an offset without a time' 2 'expected N=TIME' \
	merge "$trace" "$trace" --offset 1ms -o "$work/x.mmt"
"$fast" generate mmap-churn -o "$work/g.mmt" >/dev/null 2>&1
refuses 'traces of two kernels as one run' 1 'not one run' \
	merge --one-run "$trace" "$work/g.mmt" -o "$work/x.mmt"

echo 000102030405060708090a0b0c0d0e0f >"$work/key"
"$program" anonymize "$work/w.mmt" --key "$work/key" -o "$work/n.mmt" 2>/dev/null &&
	"$fast" anonymize "$work/w.mmt" --key "$work/key" -o "$work/n2.mmt" 2>/dev/null
cmp -s "$work/n.mmt" "$work/n2.mmt"
check 'the same key gives the same bytes' $?
"$fast" anonymize "$work/w.mmt" -o "$work/n3.mmt" 2>/dev/null
! cmp -s "$work/n.mmt" "$work/n3.mmt"
check 'without a key one is drawn' $?
"$fast" info --json "$work/w.mmt" | grep -q churn &&
	{ "$fast" info --json "$work/n.mmt"; "$fast" dump -a --json "$work/n.mmt"; } >"$work/a"
! grep -qiE 'churn|hi\.sh' "$work/a"
check 'no name of a task, file or command is left' $?
addresses() {
	"$fast" dump --no-segments "$1" | sed -n 's/.*addr=\(0x[0-9a-f]*\).*/\1/p' | sort -u
}
addresses "$work/w.mmt" | grep -v '^0x0$' >"$work/a"
addresses "$work/n.mmt" | grep -v '^0x0$' >"$work/b"
[ -s "$work/a" ] && [ -z "$(comm -12 "$work/a" "$work/b")" ] &&
	[ "$(wc -l <"$work/a")" = "$(wc -l <"$work/b")" ]
check 'no user address is what it was, and different ones stay different' $?
offsets() {
	"$fast" dump --no-segments "$1" | grep -v 'addr=0x0 ' |
		sed -n 's/.*addr=0x[0-9a-f]*\([0-9a-f]\{5\}\) len=\([^ ]*\) .*/\1 \2/p'
}
offsets "$work/w.mmt" >"$work/a"
[ -s "$work/a" ] && offsets "$work/n.mmt" | cmp -s - "$work/a"
check 'lengths and places in a huge page stay' $?
[ -z "$(outside "$work/n.mmt")" ] && [ "$("$fast" info "$work/n.mmt" | sed -n '/^replayed/,/^schedule/p')" = \
	"$("$fast" info "$work/w.mmt" | sed -n '/^replayed/,/^schedule/p')" ]
check 'it replays as the trace does' $?
echo short >"$work/bad"
refuses 'a key that is none' 1 'expected 16 bytes or 32 hex digits' \
	anonymize "$work/w.mmt" --key "$work/bad" -o "$work/x.mmt"

echo "1..$number"
exit $failed
