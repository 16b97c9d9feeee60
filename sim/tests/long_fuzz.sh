#!/bin/bash
# Every fuzzer for FUZZ_SECONDS each (600).
exec sim/tests/fuzz.sh
