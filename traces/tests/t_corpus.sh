#!/bin/bash
# Whole captures, imported and counted a second time by awk: lines, calls,
# faults, lock events, vmalloc; public strace texts by grep. Needs captures that
# are no part of the project: $MMREPLAY_CAPTURES, else ../shared/captures, and
# $MMREPLAY_PUBLIC, else public/ beside that; without captures one test
# is skipped. By default some of each kind, all with MMREPLAY_LONG=1.
set -u
export LC_ALL=C
captures=${MMREPLAY_CAPTURES:-../shared/captures}
program=${MMREPLAY:-build/mmreplay}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -d "$captures" ]; then
	echo '1..1'
	echo "ok 1 # SKIP no captures at \$MMREPLAY_CAPTURES or ../shared/captures"
	exit 0
fi

# Small ones of every kind first; the big native texts only on demand.
list() {
	ls "$captures"/fixtures/*.txt "$captures"/fixtures/*.txt.zst |
		grep -v format-raw
	if [ -n "${MMREPLAY_LONG-}" ]; then
		find "$captures/tcg" "$captures/native" \
			"$captures/native-waking" "$captures/native-perf" \
			-name '*trace*.txt.zst' \
			-o -name 'vmalloc.txt.zst' -o -name 'perf.script.txt.zst' | sort
		return
	fi
	ls "$captures"/tcg/*/churn2/*.trace0.txt.zst \
		"$captures"/tcg/*/forker/*.trace0.txt.zst \
		"$captures"/tcg/*/thrstorm/*.trace?.txt.zst \
		"$captures"/native/{pin-vmapgen2,memcached,javac}/*.txt.zst \
		"$captures"/native-waking/{pin-churn2,make-lua-j4}/trace.ns.txt.zst
}

text() {
	case $1 in
	*.zst)	zstd -dcq "$1" ;;
	*)	cat "$1" ;;
	esac
}

# KEY COUNT lines, from the raw text, by event name only
count_raw() {
	text "$1" | awk '
	# the event is the word behind the first stamp: digits, dot, colon
	{
		lines++
		for (i = 2; i <= NF; i++)
			if ($i ~ /^[0-9]+(\.[0-9]+)?:$/)
				break
		if (i >= NF) next
		name = $(i + 1)
		if (name ~ /^[a-z_]+:[a-z_]+/)		# perf: group:event
			sub(/^[a-z_]+:/, "", name)
		if (name ~ /^sys_/) {
			if ($(i + 2) == "->" || name ~ /^sys_exit_[a-z0-9_]+:$/)
				next
			sub(/^sys_enter_/, "", name)
			sub(/^sys_/, "", name)
			sub(/[(:].*/, "", name)
			call[name]++
			next
		}
		sub(/:$/, "", name)
		event[name]++
	}
	END {
		print "lines", lines + 0
		print "mmap", call["mmap"] + 0
		print "munmap", call["munmap"] + 0
		print "mremap", call["mremap"] + 0
		print "mprotect", call["mprotect"] + 0
		print "madvise", call["madvise"] + 0
		print "brk", call["brk"] + 0
		# perf starts between the call and its event
		print "exec", call["execve"] ? call["execve"] : \
			event["sched_process_exec"] + 0
		print "clones", call["clone"] + call["clone3"] + \
			call["fork"] + call["vfork"]
		print "fault", event["page_fault_user"] + \
			event["page_fault_kernel"]
		print "mmap-lock-start", event["mmap_lock_start_locking"] + 0
		print "mmap-lock-acquired", \
			event["mmap_lock_acquire_returned"] + 0
		print "mmap-lock-released", event["mmap_lock_released"] + 0
		print "vmalloc", event["alloc_vmap_area"] + 0
		print "vfree", event["free_vmap_area_noflush"] + 0
		print "vmap-purge", event["purge_vmap_area_lazy"] + 0
		print "exit-mm", event["exit_mmap"] + 0
	}'
}

# the same keys from the account
count_import() {
	awk '
	/^ ( )?"[a-z_-]+": -?[0-9]+,?$/ {	# the losses stand deeper
		gsub(/[":,]/, "")
		n[$1] = $2
	}
	END {
		split("lines mmap munmap mremap mprotect madvise brk exec " \
			"clones fault mmap-lock-start mmap-lock-acquired " \
			"mmap-lock-released vmalloc vfree vmap-purge exit-mm",
			key, " ")
		n["clones"] = n["fork"] + n["vfork"] + n["clone-thread"]
		for (i = 1; i in key; i++)
			print key[i], n[key[i]] + 0
	}' "$1"
}

number=0 failed=0
while read -r file; do
	number=$((number + 1))
	name=${file#"$captures"/}
	if ! "$program" import "$file" -o "$work/t.mmt" --json \
			>"$work/json" 2>"$work/err"; then
		echo "not ok $number - $name: $(head -n 1 "$work/err")"
		failed=1
		continue
	fi
	count_raw "$file" >"$work/raw"
	count_import "$work/json" >"$work/imported"
	if ! grep -q '"balanced": true' "$work/json"; then
		echo "not ok $number - $name: account does not add up"
		failed=1
	# a line torn by the reader of trace_pipe has a name, but no fields
	elif [ "$name" != fixtures/lost-trace_pipe.txt.zst ] &&
			! diff "$work/raw" "$work/imported" >"$work/diff"; then
		echo "not ok $number - $name: counts differ"
		sed 's/^/# /' "$work/diff"
		failed=1
	else
		echo "ok $number - $name"
	fi
done < <(list)

number=$((number + 1))
if "$program" import "$captures/fixtures/format-raw.trace.txt" \
		-o "$work/t.mmt" 2>"$work/err"; then
	echo "not ok $number - format-raw is refused"
	failed=1
elif grep -q 'option `raw`' "$work/err"; then
	echo "ok $number - format-raw is refused by name"
else
	echo "not ok $number - format-raw: $(head -n 1 "$work/err")"
	failed=1
fi
# strace: a call is one line, or the one that is not finished
public=${MMREPLAY_PUBLIC:-$captures/../public}
for file in "$public"/*.strace "$public"/*.strace.zst; do
	[ -f "$file" ] || continue
	number=$((number + 1))
	for call in mmap munmap mremap mprotect madvise brk; do
		echo "$call $(text "$file" | grep -aoE "(^|[^a-z_0-9.])$call\(" |
			wc -l)"
	done >"$work/raw"
	"$program" import "$file" -o "$work/t.mmt" --json >"$work/json" 2>/dev/null
	count_import "$work/json" | grep -E '^(mmap|munmap|mremap|mprotect|madvise|brk) ' \
		>"$work/imported"
	grep -q '"balanced": true' "$work/json" && diff "$work/raw" "$work/imported" \
		>"$work/diff"
	if [ $? = 0 ]; then
		echo "ok $number - public ${file##*/}"
	else
		echo "not ok $number - public ${file##*/}"
		sed 's/^/# /' "$work/diff"
		failed=1
	fi
done
# no memory events in them, but tracefs and trace-cmd text all the same
for file in "$public"/catapult-*.txt "$public"/trappy-*.txt; do
	[ -f "$file" ] || continue
	number=$((number + 1))
	if "$program" import "$file" -o "$work/t.mmt" --json >"$work/json" \
			2>/dev/null && grep -q '"balanced": true' "$work/json"; then
		echo "ok $number - public ${file##*/}"
	else
		echo "not ok $number - public ${file##*/}"
		failed=1
	fi
done
echo "1..$number"
exit $failed
