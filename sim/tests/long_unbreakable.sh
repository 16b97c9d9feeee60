#!/bin/bash
# Pins that nothing done to run, import or capture loses work or leaves it half-
# written: kill -9 at random moments and again gives the bytes of an uninterrupted
# run; a full disk and a read-only folder are clear errors after which a run with
# room continues; two runs in one folder; a cell past its time or memory; 10^5
# tasks, 320 GiB in one mapping, 10^6 areas; a stack that overflows is named. The
# seed of the moments is printed, KILLS of each kind (20). Does not pin power
# loss, nor network file systems.
# As root in a mount namespace of its own.
if [ "$(id -u)" = 0 ] && [ -z "${UNSHARED-}" ] && unshare -m true 2>/dev/null; then
	UNSHARED=1 exec unshare -m bash "$0"
fi
. sim/tests/long_lib.sh
names=('kill -9 of run at random moments' 'nothing half-written is left of it'
	'a byte changed anywhere in what cells wrote is said, and mended'
	'kill -9 of one worker, first to go where memory ends, is that cell, and it is run again'
	'kill -9 of import at random moments' 'kill -9 of capture at random moments'
	'a full disk is said, what was there is whole' 'with room again it continues'
	'a file that may not grow is said, what was there is whole'
	'/dev/full is said' 'a read-only folder is said'
	'two runs in one folder' 'a cell past its time is failed, the others are done'
	'a cell past its memory is failed, the others are done'
	'10^5 tasks' 'more ops at once than stacks is said' 'a mapping of 320 GiB' '10^6 areas' '10^6 areas in one address space' 'an overflowing stack is named')
echo "1..${#names[@]}"
run=$build/mmreplay
cd "$tmp" || exit 1
RANDOM=${MMREPLAY_SEED:-$$}
echo "# MMREPLAY_SEED=${MMREPLAY_SEED:-$$}"

"$run" generate mmap-churn threads=4 loops=1500 -o t.mmt >/dev/null
study()		# FOLDER OPTIONS..
{
	local to=$1
	shift
	"$run" run t.mmt -o "$to" -q --set machine=desktop-8cpu --set kernel=linux-6.12 \
		--set replay.replicates=3 --policy mm_lock=mm-wide --policy kernel=linux-4.19 "$@"
}
same()		# FOLDER: the bytes of an uninterrupted run
{
	diff -r -x host.json -x '.*' whole "$1"
}
start=$(date +%s%N)
study whole >whole.out 2>err
took_ms=$((($(date +%s%N) - start) / 1000000))
kill_at_random()	# COMMAND..: kill -9 at most LONGEST ms after its start
{
	"$@" >killed.out 2>&1 &
	local pid=$!
	sleep "$(printf '0.%03d' $((RANDOM % (took_ms < 999 ? took_ms : 999))))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
}
for _ in $(seq "${KILLS:-20}"); do
	kill_at_random study killed
done
for f in killed/cells/*.json; do
	[ ! -e "$f" ] || python3 -m json.tool "$f" >/dev/null 2>>bad || echo "$f" >>bad
done
study killed >killed.out 2>err && said_same whole.out killed.out && same killed >diff.log && [ ! -s bad ]
result $? "${names[0]}" diff.log
[ -z "$(find killed -name '.*.tmp')" ]
result $? "${names[1]}"

logged()	# FOLDER: a run with all that cells can write
{
	"$run" run t.mmt -o "$1" --set machine=desktop-8cpu --set kernel=linux-6.12 \
		--set report.series_ms=5 --policy mm_lock=mm-wide --events 0..2ms \
		--export-trace "$1/traces-of"
}
logged byte >out 2>err && cp -r byte as-written
for _ in $(seq "${KILLS:-20}"); do
	files=(byte/cells/* byte/series/* byte/traces-of/*.mmt)
	f=${files[RANDOM % ${#files[@]}]}
	at=$(((RANDOM << 15 | RANDOM) % $(stat -c %s "$f")))
	is=$(od -An -tu1 -j$at -N1 "$f")
	printf "\\x$(printf %x $((is ^ 1 << RANDOM % 8)))" | dd of="$f" bs=1 conv=notrunc seek=$at 2>/dev/null
	logged byte 2>err >out && grep -q '^1 run again in byte: ' err && diff -r -x host.json as-written byte >>err ||
		{ echo "$f at $at was $is"; cat err; } >>unseen
done
[ ! -e unseen ]
result $? "${names[2]}" unseen
rm -rf byte as-written

study worker --jobs 1 >out 2>err &
pid=$!
for _ in $(seq 500); do
	victim=$(pgrep -P "$(pgrep -P $pid | head -n 1)") && break
	sleep 0.01
done
sleep 0.02
more=$(($(cat "/proc/$victim/oom_score_adj") - $(cat /proc/$pid/oom_score_adj)))
kill -9 "$victim"
wait $pid
[ $? = 1 ] && [ $more -gt 0 ] && grep -q '^failed: .*ended by signal 9 (Killed)' err &&
	grep -q '^mmreplay: 1 of 9 cells failed' err && study worker >out 2>err && same worker >err
result $? "${names[3]}" err

text=$MMREPLAY_DATA/traces/tests/fuzz/import-trace-cmd/ns.txt
for _ in $(seq 400); do cat "$text"; done >big.txt
"$run" import big.txt -o whole.mmt >/dev/null 2>&1
for _ in $(seq "${KILLS:-20}"); do
	rm -f killed.mmt
	kill_at_random "$run" import big.txt -o killed.mmt
	[ ! -e killed.mmt ] || cmp -s whole.mmt killed.mmt || echo half >>half
done
"$run" import big.txt -o killed.mmt >/dev/null 2>&1 && cmp -s whole.mmt killed.mmt && [ ! -e half ]
result $? "${names[4]}"

# Each capture is of its own run: what is left is a whole trace or nothing, and
# the tracer as it was. A guard process puts that back, soon after.
[ -d /sys/kernel/tracing/instances ] || mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
instances=/sys/kernel/tracing/instances
if "$run" capture -o live.mmt -- /bin/true >out 2>err; then
	ls $instances >tracing 2>/dev/null
	took_ms=900
	for _ in $(seq "${KILLS:-20}"); do
		rm -f live.mmt
		kill_at_random "$run" capture -o live.mmt -- sh -c 'i=0; while [ $i -lt 30 ]; do i=$((i + 1)); /bin/true; done'
		[ ! -e live.mmt ] || "$run" check live.mmt >/dev/null 2>&1 || echo 'half a trace' >>torn
	done
	for _ in $(seq 50); do
		ls $instances 2>/dev/null | cmp -s - tracing && break
		sleep 0.1
	done
	ls $instances 2>/dev/null | cmp tracing - >>torn 2>&1
	ls -A | grep -E '^\.?live' | grep -vx live.mmt >>torn
	"$run" capture -o live.mmt -- /bin/true >out 2>err && "$run" check live.mmt >/dev/null && [ ! -s torn ]
	result $? "${names[5]}" torn
else
	skip "${names[5]}" "$(head -n 1 err)"
fi

whole_or_failed()	# FOLDER: every cell that is there is that of the whole run
{
	for f in "$1"/cells/*.json; do
		[ ! -e "$f" ] || cmp -s "$f" "whole/cells/${f##*/}" || return 1
	done
}
if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=256k tmpfs full 2>/dev/null; then
	trap 'umount -l "$tmp/full" 2>/dev/null; umount -l "$tmp/ro" 2>/dev/null; rm -rf "$tmp"' EXIT
	study full/e --jobs 2 --events 0..1s --export-trace full/e/x >out 2>err
	[ $? = 1 ] && grep -qi 'no space' err && [ -z "$(find full/e -name '.*.tmp')" ]
	log=$?
	rm -rf full/e
	study full/r >out 2>err
	[ $? = 1 ] && [ $log = 0 ] && grep -qi 'no space' err && whole_or_failed full/r && [ -e full/r/scenario.yaml ]
	result $? "${names[6]}" err
	mount -o remount,size=64m full
	study full/r >out 2>err && said_same whole.out out && same full/r >diff.log
	result $? "${names[7]}" err
else
	skip "${names[6]}" 'no tmpfs, or not root'
	skip "${names[7]}" 'no tmpfs, or not root'
fi
(ulimit -f 24; study short) >out 2>err
code=$?
[ $code = 1 ] && grep -qiE 'too large|File size' err && whole_or_failed short &&
	study short >out 2>err && same short >diff.log
result $? "${names[8]}" err
"$run" compare whole >/dev/full 2>err
[ $? = 1 ] && grep -q 'cannot write: No space left on device' err
result $? "${names[9]}" err

if [ "$(id -u)" = 0 ]; then
	mkdir ro && mount -t tmpfs -o ro tmpfs ro 2>/dev/null
else
	mkdir -m 555 ro
fi
study ro/r >out 2>err
[ $? = 1 ] && grep -qiE 'read-only|permission' err
result $? "${names[10]}" err
[ "$(id -u)" != 0 ] || umount ro 2>/dev/null

study both >a.out 2>a.err &
study both >b.out 2>b.err
b=$?
wait $!
[ $? = 0 ] && [ $b = 0 ] && said_same whole.out a.out && said_same whole.out b.out && same both >diff.log
result $? "${names[11]}" diff.log

"$run" generate mmap-churn threads=8 loops=200000 -o long.mmt >/dev/null 2>&1
"$run" run long.mmt -o slow --set kernel=linux-6.12 --set machine=desktop-8cpu \
	--policy kernel=null --cell-seconds 2 >out 2>err
[ $? = 1 ] && grep -q '^failed: linux-6.12: took longer than --cell-seconds 2$' err
result $? "${names[12]}" err
rm -rf slow long.mmt

# Storms need a stack each where they wait; the null kernel waits nowhere.
"$run" generate thread-storm threads=500 batch=10 loops=1 -o storm.mmt >/dev/null 2>&1
"$run" run storm.mmt -o fat --set kernel=linux-6.12 --set machine=threadripper-3970x \
	--policy kernel=null --cell-bytes 48M >out 2>err
[ $? = 1 ] && grep -q '^failed: linux-6.12: needs more than --cell-bytes 50331648: .*out of memory' err &&
	grep -q '^mmreplay: 1 of 2 cells failed' err
result $? "${names[13]}" err

large()		# SETS..: a run that is done, with no fault or call gone astray
{
	"$run" run large.mmt -o large -q --set kernel=linux-6.12 --set max_map_count=4000000 "$@" >out 2>err &&
		! grep -qE '^!.*(hit no area|failed in the replay)' out
}
number()	# KEY: the largest of all cells of large/
{
	grep -h "\"$1\": " large/cells/*.json | tr -dc '0-9\n' | sort -n | tail -n 1
}
"$run" generate thread-storm threads=1000 batch=100 loops=1 -o large.mmt >/dev/null 2>&1 &&
	large --set machine=threadripper-3970x && [ "$(number ops)" -gt 800000 ]
result $? "${names[14]}" out
rm -rf large
"$run" generate mmap-churn threads=110000 loops=1 window=1 -o large.mmt >/dev/null 2>&1
"$run" run large.mmt -o large -q --set kernel=linux-6.1 --set machine=desktop-8cpu \
	--set max_map_count=4000000 --set replay.instances=2 >out 2>err
[ $? = 1 ] && grep -q '^failed: linux-6.1: .*more than 200000 ops in flight at once' err
result $? "${names[15]}" err
rm -rf large
"$run" generate munmap-large gib=320 -o large.mmt >/dev/null 2>&1 &&
	large --set machine=xeon-e5-2680-2s && grep -q '^ page, peak  *320 GiB' out
result $? "${names[16]}" out
rm -rf large
"$run" generate exit-many-vmas processes=16 vmas=65500 -o large.mmt >/dev/null 2>&1 &&
	large --set machine=desktop-8cpu && [ "$(number peak_objects)" -ge 1000000 ]
result $? "${names[17]}" out
rm -rf large
"$run" generate exit-many-vmas vmas=1000000 how=munmap-each -o large.mmt >/dev/null 2>&1 &&
	large --set machine=desktop-8cpu && [ "$(number ops)" -gt 999990 ]
result $? "${names[18]}" out
rm -rf large large.mmt

# A policy from outside whose fault recurses without end.
sed 's|^static void sk_fault(.*|static int deep(volatile int n)\n{\n\tvolatile int m = deep(n + 1);\n\n\treturn m + n;\n}\n\n&|
	s|^\tfault_under_mmap_lock(|\twork_ns(t, deep(0), COST_ASSUMED);\n&|' \
	"$MMREPLAY_DATA/sim/policy/skeleton.c" >deep.c
"${CC:-gcc}" -I"$MMREPLAY_DATA" -std=gnu17 -D_GNU_SOURCE -O1 -fPIC -shared -w deep.c -o deep.so >err 2>&1 &&
	"$run" run t.mmt -o deep --plugin ./deep.so --set kernel=linux-6.12 -p mm_lock=skeleton >out 2>err
[ $? = 1 ] && grep -q '^failed: mm_lock=skeleton: ended by signal 11 .*fiber stack overflow in fault' err &&
	grep -q '^mmreplay: 1 of 2 cells failed' err
result $? "${names[19]}" err
