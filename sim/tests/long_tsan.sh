#!/bin/bash
# Pins that the thread sanitizer finds nothing, with fibers announced to it, and
# that it changes no byte. It needs addresses without randomisation.
. sim/tests/long_lib.sh
echo 1..2

if ! setarch -R true 2>/dev/null; then
	skip 'builds with the thread sanitizer' 'setarch -R is not allowed here'
	skip 'thread sanitizer: silent, same bytes' 'not run'
	exit 0
fi
build_as tsan SAN='-O1 -g -fsanitize=thread -DMMREPLAY_TEST' "$build/tsan/test/mmreplay"
result $? 'builds with the thread sanitizer' "$tmp/make.log"
export TSAN_OPTIONS=halt_on_error=1:exitcode=66
work "$tmp/plain" "$build/mmreplay" &&
	work "$tmp/tsan" setarch -R "$build/tsan/test/mmreplay" &&
	same_bytes 'thread sanitizer: silent, same bytes' "$tmp/plain" "$tmp/tsan" ||
	result 1 'thread sanitizer: silent, same bytes' "$tmp/tsan.log"
