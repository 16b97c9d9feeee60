#!/bin/bash
# Pins that `run --eager`, in which every piece of work is an event, gives the same
# bytes as `run`, on generated loads with more threads than CPUs, under kernels
# whose locks are counts, and, with MMREPLAY_LONG=1, on more seeds and on bundled
# scenarios. A difference means that state was read or changed with a debt unpaid.
# Does not pin any particular time.
set -u
run=$(realpath "${MMREPLAY:-build/mmreplay}")
scenarios=$(realpath "${MMREPLAY_DATA:-.}")/scenarios
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
n=0 long=${MMREPLAY_LONG:+1}

same()	# NAME INPUT SETTINGS..
{
	local name=$1
	shift
	n=$((n + 1))
	rm -rf fast eager
	if "$run" run "$@" -q -o fast >out 2>err && "$run" run "$@" -q --eager -o eager >out 2>err &&
	   diff -rq -x host.json fast eager >out 2>err; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		head -c 2000 out err | sed 's/^/# /'
	fi
}

faults='--set machine=zen5-64core-2s --set machine.cpus=5'
crowd='--set machine=threadripper-3970x --set machine.cpus=3'
slow=(seed-0-exit-batching seed-1-lock-placement seed-2-cross-cpu seed-3-fork-maple)
seeds=$((long ? 20 : 1))
echo "1..$((seeds * 3 + (long ? ${#slow[@]} : 0)))"
for seed in $(seq "$seeds"); do
	"$run" generate pft-threads threads=6 pages=20 seed="$seed" -o f.mmt >/dev/null 2>&1
	"$run" generate mmap-churn threads=7 loops=20 seed="$seed" -o c.mmt >/dev/null 2>&1
	same "faults of 6 threads on 5 CPUs, seed $seed" f.mmt $faults
	same "churn of 7 threads on 3 CPUs, seed $seed" c.mmt $crowd
	same "range locks, maple tree, seed $seed" c.mmt $crowd \
		--set kernel=linux-6.1 --set mm_lock=range
done
[ -z "$long" ] || for s in "${slow[@]}"; do
	same "$s" "$scenarios/$s.yaml"
done
