#!/bin/bash
# Pins that the same input gives the same bytes whatever built the program: the
# release and sanitized builds of gcc, and clang's.
. sim/tests/long_lib.sh
echo 1..4

work "$tmp/gcc" "$build/mmreplay"
result $? 'a piece of work with the release build' "$tmp/gcc.log"
work "$tmp/san" "$build/test/mmreplay" &&
	same_bytes 'sanitized build: same bytes' "$tmp/gcc" "$tmp/san" ||
	result 1 'sanitized build: same bytes' "$tmp/san.log"
if ! command -v clang >/dev/null 2>&1; then
	skip 'clang builds it' 'no clang (make deps-long)'
	skip 'clang: same bytes' 'no clang'
	exit 0
fi
build_as clang CC=clang all
result $? 'clang builds it' "$tmp/make.log"
work "$tmp/clang" "$build/clang/mmreplay" &&
	same_bytes 'clang: same bytes' "$tmp/gcc" "$tmp/clang" ||
	result 1 'clang: same bytes' "$tmp/clang.log"
