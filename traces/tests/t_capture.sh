#!/bin/bash
# mmreplay capture on the running kernel: what is captured imports and runs,
# and tracing state is as it was, whatever ended the capture. Skipped, with
# the reason, where tracing is not allowed. In a mount namespace of its own,
# so that a tracefs that was not mounted is not mounted for others.
set -u
. sim/tests/tap.sh
T=/sys/kernel/tracing

skip()	# NAME
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $why"
}

if [ "${1-}" != inside ] && unshare -m true 2>/dev/null; then
	exec unshare -m bash "$0" inside
fi

why=
if [ "$(id -u)" != 0 ]; then
	why='not root'
elif ! mount -t tracefs nodev $T 2>/dev/null && [ ! -w $T/instances ]; then
	why='tracefs cannot be mounted or written here'
elif ! mkdir $T/instances/mmreplay-probe 2>/dev/null; then
	why='no tracing instance can be made here'
else
	rmdir $T/instances/mmreplay-probe
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export TMPDIR=$tmp
: >"$tmp/err"

# Everything global that a capture could leave changed.
state()
{
	ls $T/instances
	for f in saved_cmdlines_size trace_options current_tracer tracing_on \
		 set_event set_event_pid buffer_size_kb trace_clock events/enable; do
		echo "$f: $(cat $T/$f 2>/dev/null)"
	done
}

# As before within two seconds, and no text left behind.
restored()	# NAME
{
	local i ok=1

	for i in $(seq 40); do
		state >"$tmp/state.now"
		if cmp -s "$tmp/state" "$tmp/state.now" &&
		   ! ls -d "$tmp"/mmreplay-capture.* >/dev/null 2>&1; then
			ok=0
			break
		fi
		sleep 0.05
	done
	[ $ok = 0 ] || diff "$tmp/state" "$tmp/state.now" >"$tmp/err"
	result $ok "$1"
}

echo 1..25

# ---- what needs no right to trace ----

"$MMREPLAY" capture -o "$tmp/x.mmt" >/dev/null 2>"$tmp/err"
[ $? = 2 ] && grep -q 'none is given' "$tmp/err"
result $? 'refused: nobody to trace'
"$MMREPLAY" capture --all --pid 1 -o "$tmp/x.mmt" >/dev/null 2>"$tmp/err"
[ $? = 2 ] && grep -q 'several are given' "$tmp/err"
result $? 'refused: two at once'
"$MMREPLAY" capture --level all -- true >/dev/null 2>"$tmp/err"
[ $? = 2 ] && grep -q 'core, locks, sched' "$tmp/err"
result $? 'refused: an unknown level'
"$MMREPLAY" capture --tool strace --all -o "$tmp/x.mmt" >/dev/null 2>"$tmp/err"
[ $? = 2 ] && grep -q 'strace follows' "$tmp/err"
result $? 'refused: strace of the whole system'
PATH= "$MMREPLAY" capture --tool strace -o "$tmp/x.mmt" -- /bin/true >/dev/null 2>"$tmp/err"
[ $? = 1 ] && grep -q 'not installed' "$tmp/err"
result $? 'no strace: says so'

# An ordinary user: with --tool tracefs a refusal that says what to do.
if setpriv --reuid 65534 --clear-groups true 2>/dev/null; then
	cp "$MMREPLAY" "$tmp/mmreplay" && chmod 755 "$tmp" "$tmp/mmreplay"
	setpriv --reuid 65534 --clear-groups "$tmp/mmreplay" capture \
		--tool tracefs -o /dev/null -- true >/dev/null 2>"$tmp/err"
	[ $? = 1 ] && grep -q 'run as root; `--tool strace` works without' "$tmp/err"
	result $? 'an ordinary user is told what to do'
	setpriv --reuid 65534 --clear-groups "$tmp/mmreplay" capture \
		--all -o /dev/null >/dev/null 2>"$tmp/err"
	[ $? = 1 ] && grep -q 'run as root (strace follows' "$tmp/err"
	result $? 'and not sent to strace for the whole system'
else
	save=$why why='no setpriv to become an ordinary user'
	skip 'an ordinary user is told what to do'
	skip 'and not sent to strace for the whole system'
	why=$save
fi

# strace: a deadline and a signal end it, and what it had begun to trace
name1='strace: --seconds ends the command'
name2='strace: SIGTERM leaves a trace, nothing else'
name3='strace: SIGKILL leaves nobody traced'
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	timeout 20 "$MMREPLAY" capture --tool strace --seconds 1 -o "$tmp/s.mmt" \
		-- sleep 61 >/dev/null 2>"$tmp/err"
	result $? "$name1"
	for signal in TERM KILL; do
		"$MMREPLAY" capture --tool strace -o "$tmp/$signal.mmt" -- sleep 62 \
			>/dev/null 2>"$tmp/err" &
		pid=$!
		sleep 1
		kill -$signal $pid
		wait $pid 2>/dev/null
		status=$?
		for i in $(seq 40); do
			pgrep -f "^(strace .* )?sleep 62$" >/dev/null || break
			sleep 0.05
		done
		pgrep -f "^(strace .* )?sleep 62$" >/dev/null && left=1 || left=0
		[ $signal = TERM ] || break
		[ $status = 0 ] && [ $left = 0 ] && [ -s "$tmp/TERM.mmt" ]
		result $? "$name2"
	done
	[ $left = 0 ]
	result $? "$name3"
else
	save=$why why='strace is not installed, or may not trace'
	skip "$name1"
	skip "$name2"
	skip "$name3"
	why=$save
fi

if [ -n "$why" ]; then
	while [ $n -lt 25 ]; do
		skip 'capture through tracefs'
	done
	exit 0
fi

# ---- with it ----

state >"$tmp/state"

mkdir "$tmp/project"
for f in a b c; do
	echo "int $f(int x) { return x + 1; }" >"$tmp/project/$f.c"
done
printf 'all: a.o b.o c.o\n%%.o: %%.c\n\tcc -O1 -c -o $@ $<\n' >"$tmp/project/Makefile"
if command -v make >/dev/null && command -v cc >/dev/null; then
	command='make -C project'
else
	command='sh -c (:);(:);ls>/dev/null'
fi
(cd "$tmp" && "$MMREPLAY" capture -o make.mmt --keep kept -- $command >out 2>err)
result $? "captures: $command"
"$MMREPLAY" info "$tmp/make.mmt" >"$tmp/info" 2>"$tmp/err"
grep -q "^kernel  *$(uname -r)" "$tmp/info" && grep -q '^  fault  *[1-9]' "$tmp/info" &&
	grep -Eq '^  (fork|vfork)  *[1-9]' "$tmp/info" && grep -q '^  exec  *[1-9]' "$tmp/info" &&
	grep -q 'has .*mmap-lock.*waking.*layout' "$tmp/info"
result $? 'has faults, children, locks, wakers, the start layout'
head -c 2000 "$tmp/kept/trace.txt" | grep -Eq ' [0-9]+\.[0-9]{9}: ' ||
	! grep -q nonstop_tsc /proc/cpuinfo
result $? 'stamps in nanoseconds, where the TSC is steady'
restored 'tracing state is as before'
"$MMREPLAY" run "$tmp/make.mmt" --policy mm_lock=mm-wide -o "$tmp/res" >"$tmp/out" 2>"$tmp/err"
result $? 'runs'

# a command that cannot be run
"$MMREPLAY" capture -o "$tmp/x.mmt" -- "$tmp/no-such" >/dev/null 2>"$tmp/err"
[ $? = 1 ] && grep -q 'no-such: No such file' "$tmp/err" && [ ! -e "$tmp/x.mmt" ]
result $? 'a command that cannot be run is named'
restored 'and tracing state is as before'

# interrupted: what there is, is a trace
"$MMREPLAY" capture -o "$tmp/int.mmt" -- sleep 60 >/dev/null 2>"$tmp/err" &
pid=$!
sleep 0.7
kill -TERM $pid
wait $pid
[ $? = 0 ] && "$MMREPLAY" info "$tmp/int.mmt" >/dev/null 2>>"$tmp/err"
result $? 'SIGTERM ends a capture and leaves a trace'
restored 'and tracing state is as before'

# killed without a chance to clean up
"$MMREPLAY" capture -o "$tmp/kill.mmt" -- sleep 3 >/dev/null 2>"$tmp/err" &
pid=$!
sleep 0.7
ls $T/instances | grep -q mmreplay
result $? 'while it captures there is an instance'
kill -KILL $pid
wait $pid 2>/dev/null
restored 'SIGKILL: tracing state is as before'

# a running process, by pid, for a time
bash -c 'while :; do x=$(echo); done' &
pid=$!
"$MMREPLAY" capture --pid $pid --seconds 1 -o "$tmp/pid.mmt" >/dev/null 2>"$tmp/err" &&
	"$MMREPLAY" info "$tmp/pid.mmt" >"$tmp/info" && grep -q '^  fork  *[1-9]' "$tmp/info"
result $? 'a running process and its children'
grep -q '^has .*layout' "$tmp/info" && "$MMREPLAY" info --json "$tmp/pid.mmt" |
	grep -q '"resident_pages": [1-9]'
result $? 'and its layout at the start, with resident pages'
kill $pid
wait $pid 2>/dev/null

# a buffer that is far too small: lost events are counted, not hidden
"$MMREPLAY" capture --buffer-mib 1 --keep "$tmp/small" -o "$tmp/small.mmt" -- \
	bash -c 'for i in $(seq 150); do x=$(echo); done' >/dev/null 2>"$tmp/err"
result $? 'a small buffer: captures all the same'
lines=$(grep -c . "$tmp/small/trace.txt")
grep -Eq '[0-9]+ events lost' "$tmp/err" && [ "$lines" -gt 100 ]
result $? 'and tells how many events were lost'
