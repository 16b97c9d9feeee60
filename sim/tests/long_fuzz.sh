#!/bin/bash
# Every fuzzer for FUZZ_SECONDS each (600).
T='' exec sim/tests/fuzz.sh
