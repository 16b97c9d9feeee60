#!/bin/bash
# Pins what becomes of a run that is told to stop, that may not open many files,
# or cannot write one of its results: which cells are there, what is said, that
# nothing half-written stays, and that the same command goes on to the same bytes.
# Does not pin kill -9 nor a full disk (long_unbreakable.sh).
set -u
. sim/tests/tap.sh
run=$(realpath "${MMREPLAY:-build/mmreplay}")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
touch out err

same()	# A B: but for host.json
{
	[ -z "$(diff -rq "$1" "$2" | grep -v 'host.json differ$')" ]
}

# Until a worker writes its series; kills it and the run if it never does.
wait_for_series()	# FOLDER
{
	for _ in $(seq 500); do
		compgen -G "$1/series/.*.tmp" >list && return 0
		sleep 0.02
	done
	return 1
}

echo 1..5
"$run" generate mmap-churn loops=6000 -o long.mmt >out 2>err
"$run" generate mmap-churn loops=2 -o short.mmt >out 2>err
what=(run long.mmt --set machine=vm-2cpu --set report.series_ms=1 -j 2 -p mm_lock=mm-wide)
"$run" "${what[@]}" -o whole >out 2>err

"$run" "${what[@]}" -o stopped >out 2>err &
pid=$!
wait_for_series stopped
kill -TERM $pid
wait $pid 2>list
[ $? = 143 ] && [ ! -s out ] && [ "$(grep -c '^mmreplay: stopped by signal 15 (.*): . of 2 cells are there; the same command goes on' err)" = 1 ]
result $? 'SIGTERM stops a run with a word, and it dies of it'
[ -z "$(find stopped -name '.*.tmp')" ]
result $? 'nothing half-written is left'
"$run" "${what[@]}" -o stopped >out 2>err && same whole stopped
result $? 'the same command goes on, the same bytes'

(ulimit -n 20; exec "$run" run short.mmt -o many --set machine=vm-2cpu -j 64 \
	--set replay.replicates=16) >out 2>err && grep -q '^16 cells: 16 run' err
result $? 'as many workers at a time as files may be open for'

cat >two.yaml <<'YAML'
scenario: from the test
generate: {workload: mmap-churn}
machine: vm-2cpu
sweep: {generate.loops: [2, 1500, 3]}
YAML
"$run" run two.yaml -n >list 2>err
first=$(sed -n '2s/^ *\([0-9a-f]*\).*/\1/p' list) second=$(sed -n '3s/^ *\([0-9a-f]*\).*/\1/p' list)
mkdir -p "odd/cells/$first.json"
"$run" run two.yaml -o odd -j 2 >out 2>err
[ $? = 1 ] && [ ! -s out ] && grep -q "$first.json: cannot write" err && [ -f "odd/cells/$second.json" ]
result $? 'who cannot write stops the run, after those that run have ended'
