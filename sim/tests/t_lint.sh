#!/bin/bash
# Pins that the tree obeys sim/tests/lint.sh, and that each rule of it catches
# a breach. Does not pin formatting.
set -u
export LINT_FAST=1
lint=$PWD/sim/tests/lint.sh
. sim/tests/tap.sh

# A tree with one file; lint must fail and name the breach.
catches()	# NAME FILE CONTENT MESSAGE
{
	rm -rf "$tmp/t"
	mkdir -p "$tmp/t/$(dirname "$2")"
	printf '%b\n' "$3" >"$tmp/t/$2"
	(cd "$tmp/t" && "$lint") >"$tmp/out" 2>&1
	[ $? = 1 ] && grep -q -- "$4" "$tmp/out"
	result $? "lint catches $1"
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

echo 1..9
"$lint" >"$tmp/out" 2>&1
status=$?
sed 's/^/# /' "$tmp/out"
result $status 'the tree obeys lint'

catches 'an upward include' sim/sync/x.c '#include "sim/mm/mm.h"' 'must not see'
catches 'metrics in engine' sim/engine/x.c '#include "sim/metrics/m.h"' 'must not see'
catches 'traces in mm' sim/mm/x.c '#include "traces/trace.h"' 'must not see'
catches 'the simulator in analysis' analysis/x.c '#include "sim/mm/mm.h"' 'must not see'
catches 'floating point' sim/mm/x.c 'static /* x */ double y;' 'no floating point'
catches 'unfinished work' sim/base/x.c '/* TO''DO */' 'unfinished'
catches 'a machine path' sim/base/x.c '/* /''root/x */' 'path of one machine'
catches 'a long file' sim/base/x.c "$(printf '\\n%.0s' {1..601})" '600 lines'
