#!/bin/bash
# Pins that length is no matter of memory: a capture repeated to 1 GB of text,
# its threads going on, and a thread storm repeated to 1 GB, each round with
# tids of its own (200,000 threads), pass through import | cut | dump, each
# below 64 MiB at its peak, nothing lost; that a million tasks give a trace with
# an account, and one tid used a million times. Does not pin speed. Memory does
# grow with tasks alive at once, 2.1 KiB each in import, and with those that the
# trace names: about 70 bytes each in import and dump, 140 in cut.
. sim/tests/long_lib.sh
names=('1 GB of text: nothing is lost on its way' 'import, cut and dump stay below 64 MiB each'
	'1 GB of a thread storm: nothing is lost on its way' 'import, cut and dump stay below 64 MiB each'
	'a million tasks have an account' 'their trace is sound'
	'a million uses of one tid have an account' 'their trace is sound')
echo "1..${#names[@]}"
run=$build/mmreplay
export TMPDIR=$tmp
if ! command -v python3 >/dev/null; then
	for name in "${names[@]}"; do
		skip "$name" 'no python3 to ask for the peak of memory'
	done
	exit 0
fi

# peak NAME COMMAND..: COMMAND as part of a pipe; its peak in KiB into NAME.kib
peak()
{
	python3 -c 'import os, resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as f:
    f.write("%d\n" % resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)' "$tmp/$1.kib" "${@:2}"
}

# repeat BYTES: a capture, again and again, its clock going on
repeat()
{
	awk -v most="$1" '
	/task_newtask|sched_process|_clone|exit_group|exit_mmap/ { next }	# nobody ends
	match($0, / [0-9]+\.[0-9]+: /) {
		n++
		before[n] = substr($0, 1, RSTART)
		stamp = substr($0, RSTART + 1, RLENGTH - 3)
		split(stamp, part, ".")
		second[n] = part[1]
		after[n] = "." part[2] substr($0, RSTART + RLENGTH - 2)
	}
	END {
		for (round = 0; bytes < most; round += 2)
			for (i = 1; i <= n; i++) {
				line = before[i] (second[i] + round) after[i]
				print line
				bytes += length(line) + 1
			}
	}' traces/tests/data/trace-cmd-ns.txt
}

# storm BYTES: threads that are created and end, again and again, with new tids
storm()
{
	zstd -dc traces/tests/data/storm-ns.txt.zst | awk -v most="$1" '
	# fmt() - @text with %d for each tid of the storm; they go to tid[]
	function fmt(text,	out, m, at, len)
	{
		gsub(/%/, "%%", text)
		while (match(text, /(-|:|pid=)2[3-6][0-9][0-9][0-9]( |$)/)) {
			at = RSTART
			len = RLENGTH
			m = substr(text, at, len)
			match(m, /[0-9]+/)
			tid[++tids] = substr(m, RSTART, RLENGTH) + 0
			sub(/[0-9]+/, "%d", m)
			out = out substr(text, 1, at - 1) m
			text = substr(text, at + len)
		}
		return out text
	}
	match($0, / [0-9]+\.[0-9]+: /) {
		line = $0
		at = RSTART
		len = RLENGTH
		tids = 0
		n++
		split(substr(line, at + 1, len - 3), stamp, ".")
		second[n] = stamp[1]
		ns[n] = stamp[2]
		form[n] = fmt(substr(line, 1, at))
		head[n] = tids
		form[n] = form[n] "%d.%09d" fmt(substr(line, at + len - 2))
		for (i = 1; i <= 3; i++)
			by[n, i] = i <= tids ? tid[i] : 0
	}
	END {
		for (round = 0; bytes < most; round++)
			for (i = 1; i <= n; i++) {
				t = ns[i] + round * 30000000
				s = second[i] + int(t / 1000000000)
				t %= 1000000000
				d = round * 4000
				if (head[i])
					line = sprintf(form[i], by[i, 1] + d, s, t, by[i, 2] + d, by[i, 3] + d)
				else
					line = sprintf(form[i], s, t, by[i, 1] + d, by[i, 2] + d, by[i, 3] + d)
				print line
				bytes += length(line) + 1
			}
	}'
}

# piped SOURCE RECORDS FIRST: what SOURCE prints through all three; results FIRST
# and the next
piped()
{
	"$1" 1000000000 |
		peak import "$run" import - -o - 2>"$tmp/account" |
		peak cut "$run" cut - --time 0s.. -o - 2>"$tmp/kept" |
		peak dump "$run" dump - --all --no-segments 2>"$tmp/err" | wc -l >"$tmp/lines"
	kept=$(awk '/^cut:/ { print $2 }' "$tmp/kept")
	awk '/^trace-cmd:/ { exit !($2 > 8000000 && $2 == $5 + $9 + $12 + $15 + $18) }' "$tmp/account" &&
		[ "${kept:-0}" -gt "$2" ] && [ "$(cat "$tmp/lines")" = "$kept" ]
	result $? "${names[$3]}" "$tmp/account"
	echo "# $(grep -o '^[0-9]* tasks' "$tmp/account"); peaks in KiB: import $(cat "$tmp/import.kib"), cut $(cat "$tmp/cut.kib"), dump $(cat "$tmp/dump.kib")"
	[ "$(cat "$tmp"/*.kib | sort -n | tail -n 1)" -lt 65536 ]
	result $? "${names[$3 + 1]}"
}

piped repeat 5000000 0
piped storm 7000000 2

# munmaps MANY: a million calls, each by a task of its own, or all by one tid
munmaps()
{
	awk -v many="$1" '
	function line(what, by)
	{
		printf "  p-%d [000] %d.%06d000: %s\n", by ? by : tid, 1 + us / 1000000, us % 1000000, what
		us++
	}
	BEGIN {
		for (i = 0; i < 1000000; i++) {
			tid = 1000 + (many ? i : 0)
			if (!many)
				line("task_newtask: pid=1000 comm=p clone_flags=1200000 oom_score_adj=0", 999)
			line("sys_enter_munmap: addr: 0x00400000, len: 0x00001000")
			line("sys_exit_munmap: 0x0")
			if (!many) {
				line("sched_process_exit: comm=p pid=1000 prio=120 group_dead=true")
				line("exit_mmap: mt_mod 0x1, DESTROY")
			}
		}
	}'
}

# accounted MANY LINES TASKS FIRST: import of munmaps(), results FIRST and the next
accounted()
{
	munmaps "$1" | "$run" import - -o "$tmp/many.mmt" 2>"$tmp/account"
	grep -q "^trace-cmd: $2 lines = $2 in ops" "$tmp/account" &&
		grep -q "^$3 tasks" "$tmp/account"
	result $? "${names[$4]}" "$tmp/account"
	"$run" check "$tmp/many.mmt" >"$tmp/err" 2>&1
	result $? "${names[$4 + 1]}" "$tmp/err"
}

accounted 1 2000000 1000000 4
accounted 0 5000000 1000001 6
