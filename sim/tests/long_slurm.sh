#!/bin/bash
# Pins `run --slurm` against a real slurmctld, slurmd and munged on loopback, all
# started and stopped here: the results are those of a run on this machine; a
# task that is killed and requeued with scontrol is finished, and so is one that
# is requeued while it runs; a task that is killed and left is that cell's
# failure while the others are done; a run again does only what is missing; no
# process is left. Does not pin other schedulers or several nodes.
. sim/tests/long_lib.sh
names=('slurmctld, slurmd and munged are up' 'a run through Slurm'
	'the same bytes as a run here' 'a killed task, requeued with scontrol, is finished'
	'a running task, requeued with scontrol, is finished'
	'a killed task that is left is a failed cell, the others are done'
	'a run again does what is missing' 'an interrupted call finds its jobs again'
	'no process is left')
echo "1..${#names[@]}"
if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null || [ "$(id -u)" != 0 ]; then
	for name in "${names[@]}"; do
		skip "$name" 'no Slurm, or not root (make deps-long)'
	done
	exit 0
fi

pids=
started_here()	# the processes that have this cluster in their environment
{
	(unset SLURM_CONF; grep -lsF "SLURM_CONF=$tmp/" /proc/[0-9]*/environ | cut -d/ -f3)
}
stop_all()
{
	[ -z "$pids" ] || scancel --full --user=root >/dev/null 2>&1
	until_true 20 sh -c '[ -z "$(squeue -h -o %i)" ]'
	for pid in $pids; do
		kill "$pid" 2>/dev/null
		until_true 10 sh -c "! kill -0 $pid" || kill -9 "$pid"
		wait "$pid" 2>/dev/null
	done
	pids=
	for pid in $(started_here); do		# steps whose slurmd is gone
		kill -9 "$pid" 2>/dev/null
	done
}
trap 'stop_all; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
daemon()	# LOG COMMAND..
{
	local log=$1
	shift
	"$@" >"$log" 2>&1 &
	pids="$! $pids"
}
until_true()	# SECONDS COMMAND..
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

chmod 755 "$tmp"
mkdir -m 755 "$tmp/munge" "$tmp/state" "$tmp/spool"
dd if=/dev/urandom of="$tmp/munge/key" bs=1024 count=1 2>/dev/null
chmod 400 "$tmp/munge/key"
port=$((20000 + $$ % 20000))
cat >"$tmp/slurm.conf" <<END
ClusterName=mmreplay-test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$tmp/munge/socket,cred_expire=5
CredType=cred/munge
SlurmUser=root
StateSaveLocation=$tmp/state
SlurmdSpoolDir=$tmp/spool
SlurmctldPidFile=$tmp/slurmctld.pid
SlurmdPidFile=$tmp/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobRequeue=1
ReturnToService=2
MailProg=/bin/true
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(($(nproc) > 1 ? 2 : 1)) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF=$tmp/slurm.conf
daemon "$tmp/munged.log" munged -F --force --key-file="$tmp/munge/key" --socket="$tmp/munge/socket" \
	--pid-file="$tmp/munge/pid" --log-file="$tmp/munge/log" --seed-file="$tmp/munge/seed"
until_true 10 test -S "$tmp/munge/socket"
daemon "$tmp/slurmctld.log" slurmctld -D -c
daemon "$tmp/slurmd.log" slurmd -D -c
until_true 60 sh -c 'sinfo -h -o %T | grep -qE "idle|mixed|allocated"'
result $? "${names[0]}" "$tmp/slurmctld.log"

cd "$tmp" || exit 1
run=$build/mmreplay
"$run" generate mmap-churn threads=8 loops=30000 -o big.mmt >/dev/null
limit=300
study()		# FOLDER OPTIONS..; three cells, of which two run at a time
{
	local to=$1
	shift
	${limit:+timeout $limit} "$run" run big.mmt -o "$to" --set machine=desktop-8cpu --set kernel=linux-6.12 \
		--policy mm_lock=mm-wide --policy munmap=exclusive "$@"
}
time_limit=--slurm=--time=10
study here -q >here.out 2>here.err
study there $time_limit >there.out 2>there.err && said_same here.out there.out
result $? "${names[1]}" there.err
rm -f here/host.json
mv there/slurm logs && rm -f there/host.json
diff -r here there >diff.log 2>&1
result $? "${names[2]}" diff.log

# The mmreplay of a task of FOLDER, by its command line, as ID of the process.
task_of()	# FOLDER
{
	pgrep -of "mmreplay run -q -o $1 --cell"
}
wait_for_task()	# FOLDER: its process in $victim, its array in $job, its name in $task
{
	until_true 60 task_of "$1" || return 1
	victim=$(task_of "$1")
	job=$(tr '\0' '\n' <"/proc/$victim/environ" | sed -n 's/^SLURM_ARRAY_JOB_ID=//p')
	task=${job}_$(tr '\0' '\n' <"/proc/$victim/environ" | sed -n 's/^SLURM_ARRAY_TASK_ID=//p')
}
state_is()	# STATE: of $task
{
	scontrol show job "$task" | grep -q "JobState=$1"
}
# The third cell is held meanwhile: the call cannot end before the requeue.
requeue()	# FOLDER kill|run
{
	wait_for_task "$1" || return 1
	scontrol hold "$job" >/dev/null 2>&1
	if [ "$2" = kill ]; then
		kill -9 "$victim" && until_true 30 state_is FAILED || return 1
	fi
	scontrol requeue "$task" >requeue.log 2>&1 || return 1
	scontrol release "$job" >/dev/null 2>&1
	wait "$caller" && said_same here.out "$1.out" && grep -q Restarts=1 <(scontrol show job "$task")
}
study killed $time_limit >killed.out 2>killed.err &
caller=$!
requeue killed kill
result $? "${names[3]}" killed.err
study moved $time_limit >moved.out 2>moved.err &
caller=$!
requeue moved run
result $? "${names[4]}" moved.err

study left $time_limit >left.out 2>left.err &
caller=$!
wait_for_task left && kill -9 "$victim"
wait "$caller"
[ $? = 1 ] && grep -q '^mmreplay: 1 of 3 cells failed' left.err &&
	grep -q 'failed: .*its Slurm task ended without a result' left.err
result $? "${names[5]}" left.err
study left $time_limit >left.out 2>left.err && said_same here.out left.out && [ "$(ls left/slurm/*.log | wc -l)" = 4 ]
result $? "${names[6]}" left.err

limit=
study again $time_limit >again.out 2>again.err &
caller=$!
wait_for_task again && kill -9 "$caller"
wait "$caller" 2>/dev/null
study again $time_limit >again.out 2>again.err && said_same here.out again.out && [ "$(ls again/slurm/*.log | wc -l)" = 3 ]
result $? "${names[7]}" again.err

stop_all
sleep 0.2
started_here >left.pids
[ ! -s left.pids ]
result $? "${names[8]}" left.pids
