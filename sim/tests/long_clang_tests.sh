#!/bin/bash
# All tests once more, built by clang with its address and undefined sanitizers.
. sim/tests/long_lib.sh
echo 1..1

if ! command -v clang >/dev/null 2>&1; then
	skip 'tests under clang' 'no clang (make deps-long)'
	exit 0
fi
env -u MMREPLAY_LONG -u MMREPLAY -u MMREPLAY_ASAN TEST_LIMIT_S=2000 make --no-print-directory -j"$(nproc)" \
	T= CC=clang BUILD="$build/clang" test >"$tmp/log" 2>&1
status=$?
grep -E -A12 '^not ok' "$build"/clang/test-output/*.log | grep -v SKIP >"$tmp/why"
result $status "tests under clang: $(tail -n 1 "$tmp/log")" "$tmp/why"
