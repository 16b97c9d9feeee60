#!/bin/bash
# Pins that a short run of the release program reads no uninitialised or freed
# memory under valgrind and loses none, fibers included. The sanitizers, which
# the other tests run under, do not see uninitialised memory.
. sim/tests/long_lib.sh
echo 1..3

if ! command -v valgrind >/dev/null 2>&1; then
	for name in generate import run; do
		skip "valgrind: $name" 'no valgrind (make deps-long)'
	done
	exit 0
fi
check()		# NAME WORDS..
{
	local name=$1
	shift
	valgrind -q --error-exitcode=99 --trace-children=yes --leak-check=full \
		--errors-for-leak-kinds=definite "$build/mmreplay" "$@" >"$tmp/log" 2>&1
	result $? "valgrind: $name" "$tmp/log"
}
check generate generate mmap-churn threads=4 loops=60 -o "$tmp/t.mmt"
check import import traces/tests/fuzz/import-trace-cmd/ns.txt -o "$tmp/i.mmt"
check run run "$tmp/t.mmt" -o "$tmp/run" -q --jobs 1 --set machine=desktop-8cpu \
	--set kernel=linux-6.12 --policy mm_lock=mm-wide
