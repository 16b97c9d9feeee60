#!/bin/bash
# Pins the test runner: what it counts, and that a part that crashes, stops
# early, prints no plan or fails without saying so makes it red; what of a part
# is printed. Does not pin the time limit.
set -u
run=$PWD/sim/tests/run.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

# case NAME WANTED-LAST-LINE WANTED-STATUS SCRIPT...
case_is()
{
	local name=$1 last=$2 status=$3 i=0 parts=()
	shift 3
	for body in "$@"; do
		i=$((i + 1))
		printf '%b\n' "$body" >"$tmp/t_$i.sh"
		parts+=("$tmp/t_$i.sh")
	done
	BUILD=$tmp/build "$run" "${parts[@]}" >"$tmp/out" 2>&1
	local got=$?
	n=$((n + 1))
	if [ "$got" = "$status" ] && [ "$(tail -n 1 "$tmp/out")" = "$last" ]; then
		echo "ok $n - $name"
	else
		sed 's/^/# /' "$tmp/out"
		echo "not ok $n - $name"
	fi
}

echo 1..9
case_is 'counts' '3 passed, 0 failed, 2 skipped' 0 \
	'echo 1..3; echo "ok 1 - a"; echo "ok 2 - b"; echo "not ok 3 # SKIP c"' \
	'echo 1..2; echo "ok 1 - a"; echo "ok 2 - b # SKIP no gnuplot"'
case_is 'a failure' '1 passed, 1 failed, 0 skipped' 1 \
	'echo 1..2; echo "ok 1 - a"; echo "not ok 2 - b"; exit 1'
case_is 'a crash in the middle' '1 passed, 1 failed, 0 skipped' 1 \
	'echo 1..3; echo "ok 1 - a"; kill -SEGV $$'
case_is 'a crash at the end' '1 passed, 1 failed, 0 skipped' 1 \
	'echo 1..1; echo "ok 1 - a"; exit 23'
case_is 'an early stop' '1 passed, 1 failed, 0 skipped' 1 \
	'echo 1..2; echo "ok 1 - a"'
case_is 'no plan' '1 passed, 1 failed, 0 skipped' 1 'echo "ok 1 - a"'
case_is 'silence' '0 passed, 1 failed, 0 skipped' 1 ':'
case_is 'nothing to run' '0 passed, 0 failed, 0 skipped' 1

body='echo 1..1; echo "## simulated 3, exact 3"; echo "# seed 7"; echo "ok 1 - a"'
printf '%b\n' "$body" >"$tmp/t_1.sh"
BUILD=$tmp/build "$run" "$tmp/t_1.sh" >"$tmp/out" 2>&1 &&
	grep -qx '    simulated 3, exact 3' "$tmp/out" && ! grep -q 'seed 7' "$tmp/out" &&
	echo 'ok 9 - lines for who runs it are printed' ||
	echo 'not ok 9 - lines for who runs it are printed'
