#!/bin/bash
# Runs test programs and test scripts, one more at a time than there are CPUs
# (some wait for clocks and disks), and counts their TAP lines. A part that
# crashes, runs out of time, prints no plan or fewer
# results than planned is one more failure, so silence never passes. Lines that
# a part begins with "## " are for who runs it, and printed.
# The last line is always: N passed, N failed, N skipped
set -u
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL	# a test that runs make is its own

: "${BUILD:=build}"
export BUILD
build=$(realpath -m "$BUILD")
export MMREPLAY=${MMREPLAY:-$build/mmreplay}
export MMREPLAY_ASAN=${MMREPLAY_ASAN:-$build/test/mmreplay}
export MMREPLAY_DATA=${MMREPLAY_DATA:-$PWD}
export CMOCKA_MESSAGE_OUTPUT=TAP
# Freed memory is watched until 32 MiB more were freed: in the default's 256 every
# part touches that much memory, a third of its time. Long runs keep the default.
export ASAN_OPTIONS=detect_stack_use_after_return=0:${ASAN_OPTIONS:-}
[ -n "${MMREPLAY_LONG-}" ] || ASAN_OPTIONS=quarantine_size_mb=32:$ASAN_OPTIONS
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}

# One part: output to OUT/NAME.log, status and milliseconds to OUT/NAME.end
if [ "${1-}" = --one ]; then
	name=${3//\//_}
	limit=${TEST_LIMIT_S:-100}
	[ -n "${MMREPLAY_LONG-}" ] && limit=0
	start=${EPOCHREALTIME/./}
	case $3 in
	*.sh)	timeout -k 5 $limit bash "$3" ;;
	*)	timeout -k 5 $limit "$(realpath "$3")" ;;
	esac >"$2/$name.log" 2>&1 </dev/null
	echo "$? $(( (${EPOCHREALTIME/./} - start) / 1000 ))" >"$2/$name.end"
	exit 0
fi

# Both ends of a long log: what fails is at the end, beside its seed.
excerpt()
{
	if [ "$(wc -l <"$1")" -le 200 ]; then
		cat "$1"
	else
		head -n 100 "$1"; echo ...; tail -n 100 "$1"
	fi
}

out=$BUILD/test-output
rm -rf "$out"
mkdir -p "$out"
printf '%s\0' "$@" | xargs -0 -n 1 -P "${TEST_JOBS:-$(($(nproc) + 1))}" "$0" --one "$out"

passed=0 failed=0 skipped=0
for part in "$@"; do
	log=$out/${part//\//_}.log
	status=125 ms=0
	[ -e "${log%.log}.end" ] && read -r status ms <"${log%.log}.end"
	# cmocka prints a skipped test as "not ok N # SKIP name"
	read -r ok bad skip plan < <(awk '
		/^(not )?ok .*# SKIP/	{ skip++; next }
		/^ok /			{ ok++ }
		/^not ok /		{ bad++ }
		/^1\.\.[0-9]+/		{ plan += substr($1, 4) }
		END { print ok + 0, bad + 0, skip + 0, plan + 0 }' "$log")
	why=
	if [ "$status" = 124 ] || [ "$status" = 137 ]; then
		why='ran out of time'
	elif [ "$plan" != $((ok + bad + skip)) ]; then
		why="planned $plan results, printed $((ok + bad + skip)), status $status"
	elif [ "$plan" = 0 ]; then
		why='no plan'
	elif [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		why="exit status $status"
	fi
	[ -n "$why" ] && bad=$((bad + 1))
	printf '%-44s %4d ok %3d failed %3d skipped %7d.%01d s\n' \
		"${part#"$BUILD"/test/}" "$ok" "$bad" "$skip" \
		$((ms / 1000)) $((ms % 1000 / 100))
	if [ "$bad" != 0 ]; then
		[ -n "$why" ] && echo "    $why"
		excerpt "$log" | sed 's/^/    /'
	else
		sed -n 's/^## /    /p' "$log"
	fi
	passed=$((passed + ok)) failed=$((failed + bad))
	skipped=$((skipped + skip))
done
# What was left out and why, as far as the part says why.
for part in "$@"; do
	log=$out/${part//\//_}.log
	[ -e "$log" ] && sed -n "s|^.*ok [0-9]* *-* *\(.*\)# SKIP *\(.*\)|skipped: ${part#"$BUILD"/test/}: \1\2|p" "$log"
done
echo "total time $SECONDS s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
