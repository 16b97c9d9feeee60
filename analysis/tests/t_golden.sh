#!/bin/bash
# Pins the layout of the table in every form, of folded stacks and of gnuplot's
# input, byte by byte, on a small committed folder. After an intended change:
# GOLDEN=write MMREPLAY=build/mmreplay bash analysis/tests/t_golden.sh
set -u
data=analysis/tests/data
gold=$data/golden
n=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp -r "$data/small" "$tmp/small"

same()	# NAME FILE
{
	n=$((n + 1))
	if [ "${GOLDEN-}" = write ]; then
		mkdir -p "$gold"
		cp "$2" "$gold/$1"
	fi
	if diff -u "$gold/$1" "$2" >"$tmp/diff" 2>&1; then
		echo "ok $n - $1"
	else
		sed 's/^/# /' "$tmp/diff" | head -n 40
		echo "not ok $n - $1"
	fi
}

form()	# NAME ARGS..
{
	local name=$1
	shift
	"$MMREPLAY" "$@" >"$tmp/out" 2>"$tmp/err" || sed 's/^/# /' "$tmp/err"
	same "$name" "$tmp/out"
}

plots='latency-cdf change lock-wait lock-hold blame op-time cpu-time hold reference effect'
echo 1..$((8 + 2 * $(wc -w <<<"$plots")))
form compare.txt compare "$tmp/small"
form compare.csv compare "$tmp/small" --format csv
form compare.json compare "$tmp/small" --json
form compare.md compare "$tmp/small" --format markdown
form metric.txt compare "$tmp/small" -m latency_ns.fault -m run --sort=-run.makespan_ns
form baseline.txt compare "$tmp/small" -b munmap=downgrade -m run.makespan_ns
form flame.folded flame "$tmp/small"
form list.txt plot --list
"$MMREPLAY" plot "$tmp/small" >/dev/null 2>"$tmp/err" || sed 's/^/# /' "$tmp/err"
for p in $plots; do
	same "$p.gp" "$tmp/small/plots/$p.gp"
	same "$p.dat" "$tmp/small/plots/$p.dat"
done
