#!/bin/bash
# mmreplay calibrate on the machine that runs the tests: under a minute, a
# profile that loads, says what it could not measure, leaves nothing behind.
# Does not pin any value: the machine is shared with other tests. The sanitized
# build repeats each probe three times; MMREPLAY_LONG=1 takes the release build.
set -u
program=$MMREPLAY_ASAN
[ -z "${MMREPLAY_LONG-}" ] || program=$MMREPLAY
. sim/tests/tap.sh

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/err"

echo 1..7
ls /dev/shm >"$tmp/shm.before" 2>/dev/null
# CPU time: other tests run beside this one
TIMEFORMAT='%0U %0S'
took=$({ time "$program" calibrate -o "$tmp/box.yaml" >"$tmp/out" 2>"$tmp/err"; } 2>&1)
result $? 'runs'
[ $((${took/ /+})) -le 60 ]
result $? "takes at most a minute of CPU time (user, system: $took s)"
grep -q '^machine: "box"' "$tmp/box.yaml" && grep -q 'class: measured' "$tmp/box.yaml"
result $? 'writes a profile'
grep -q 'costs measured' "$tmp/err" && grep -q 'call_rcu_ns' "$tmp/err"
result $? 'says what it could not measure'

# complete: a scenario loader takes it as it takes the bundled ones
"$program" machines "$tmp/box.yaml" >"$tmp/out" 2>"$tmp/err"
result $? 'the profile loads'

! pgrep -P $$ -x mmreplay >/dev/null && ls /dev/shm 2>/dev/null | cmp -s - "$tmp/shm.before"
result $? 'leaves no process and no file'

"$program" calibrate --base no-such-box >"$tmp/out" 2>"$tmp/err"
[ $? != 0 ] && grep -q 'no-such-box' "$tmp/err"
result $? 'an unknown base is refused before anything is measured'
