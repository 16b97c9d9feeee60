#!/bin/bash
# Pins that nothing done to run or import loses work or leaves it half-written:
# kill -9 at random moments and again gives the bytes of an uninterrupted run;
# a full disk and a read-only folder are clear errors after which a run with
# room continues; two runs in one folder; a cell past its time. The seed of the
# moments is printed. Does not pin power loss, nor network file systems.
. sim/tests/long_lib.sh
names=('kill -9 of run at random moments' 'nothing half-written is left of it'
	'kill -9 of import at random moments' 'a full disk is said, what was there is whole'
	'with room again it continues' '/dev/full is said' 'a read-only folder is said'
	'two runs in one folder' 'a cell past its time is failed, the others are done')
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
for _ in $(seq 20); do
	kill_at_random study killed
done
for f in killed/cells/*.json; do
	[ ! -e "$f" ] || python3 -m json.tool "$f" >/dev/null 2>>bad || echo "$f" >>bad
done
study killed >killed.out 2>err && cmp -s whole.out killed.out && same killed >diff.log && [ ! -s bad ]
result $? "${names[0]}" diff.log
[ -z "$(find killed -name '.*.tmp')" ]
result $? "${names[1]}"

text=$MMREPLAY_DATA/traces/tests/fuzz/import-trace-cmd/ns.txt
for _ in $(seq 400); do cat "$text"; done >big.txt
"$run" import big.txt -o whole.mmt >/dev/null 2>&1
for _ in $(seq 20); do
	rm -f killed.mmt
	kill_at_random "$run" import big.txt -o killed.mmt
	[ ! -e killed.mmt ] || cmp -s whole.mmt killed.mmt || echo half >>half
done
"$run" import big.txt -o killed.mmt >/dev/null 2>&1 && cmp -s whole.mmt killed.mmt && [ ! -e half ]
result $? "${names[2]}"

# A small file system as root, else a limit on the size of a file.
small=
if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=256k tmpfs full 2>/dev/null; then
	small=1
	trap 'umount -l "$tmp/full" 2>/dev/null; rm -rf "$tmp"' EXIT
	study full/r >out 2>err
	code=$?
else
	mkdir -p full
	(ulimit -f 40; study full/r) >out 2>err
	code=$?
fi
ok=1
for f in full/r/cells/*.json; do
	[ ! -e "$f" ] || cmp -s "$f" "whole/cells/${f##*/}" || grep -q '"failed": "' "$f" || ok=0
done
[ $code = 1 ] && [ $ok = 1 ] && grep -qiE 'space|too large|size' err out
result $? "${names[3]}" err
[ -z "$small" ] || mount -o remount,size=64m full
study full/r >out 2>err && cmp -s whole.out out && same full/r >diff.log
result $? "${names[4]}" err
"$run" compare whole >/dev/full 2>err
[ $? = 1 ] && grep -qi 'cannot write' err
result $? "${names[5]}" err

if [ "$(id -u)" = 0 ]; then
	mkdir ro && mount -t tmpfs -o ro tmpfs ro 2>/dev/null
else
	mkdir -m 555 ro
fi
study ro/r >out 2>err
[ $? = 1 ] && grep -qiE 'read-only|permission' err
result $? "${names[6]}" err
[ "$(id -u)" != 0 ] || umount ro 2>/dev/null

study both >a.out 2>a.err &
study both >b.out 2>b.err
b=$?
wait $!
[ $? = 0 ] && [ $b = 0 ] && cmp -s whole.out a.out && cmp -s whole.out b.out && same both >diff.log
result $? "${names[7]}" diff.log

"$run" generate mmap-churn threads=8 loops=200000 -o long.mmt >/dev/null 2>&1
"$run" run long.mmt -o slow --set kernel=linux-6.12 --set machine=desktop-8cpu \
	--policy kernel=null --cell-seconds 1 >out 2>err
[ $? = 1 ] && grep -q '^failed: linux-6.12: took longer than --cell-seconds 1' err
result $? "${names[8]}" err
rm -rf slow long.mmt
