#!/bin/bash
# Pins what a user of `run`, `policies`, `kernels` and `machines` sees: exit
# status, one clear line for what is wrong, table on stdout and words on
# stderr, the files of a run, that it is repeatable and is not run twice.
# Does not pin numbers, nor the layout of the compare table.
set -u
run=${MMREPLAY:-build/mmreplay}
. sim/tests/tap.sh

# Exit status, and the one line on stderr (a grep pattern).
refuses()	# NAME STATUS LINE ARGUMENT..
{
	local name=$1 status=$2 line=$3
	shift 3
	"$run" "$@" >"$tmp/out" 2>"$tmp/err"
	[ $? = "$status" ] && [ ! -s "$tmp/out" ] &&
		[ "$(wc -l <"$tmp/err")" = 1 ] && grep -q -- "$line" "$tmp/err"
	result $? "$name"
}

# Two folders are the same but for host.json.
same()	# A B
{
	[ -z "$(diff -rq "$1" "$2" | grep -v 'host.json differ$')" ]
}

tree=$PWD
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
run=$(realpath "$run")
cd "$tmp" || exit 1
touch out err

"$run" generate mmap-churn loops=60 cpus=2 -o t.mmt >out 2>err || {
	echo 'Bail out! generate failed'
	exit 1
}
cat >s.yaml <<'YAML'
scenario: from the test
trace: t.mmt
machine: vm-2cpu
baseline: {kernel: linux-6.12}
compare: [{munmap: exclusive}, {kernel: linux-6.1}]
matrix: {mm_lock: [mm-wide, per-vma], vma_free: [immediate, rcu]}
YAML

echo 1..66
"$run" run s.yaml -o a --jobs 1 >out 2>err
[ $? = 0 ] && [ -s out ] && grep -q '^5 cells: 5 run, 0 were there; results in a$' err
result $? 'run prints a table to stdout and words to stderr'
grep -q '^not run: mm_lock=per-vma vma_free=immediate: mm_lock: per-vma ' err
result $? 'a refused combination is listed with its reason'
[ "$(ls a)" = "$(printf 'cells\nhost.json\nresults.json\nscenario.yaml')" ] &&
	[ "$(ls a/cells | wc -l)" = 5 ]
result $? 'a folder has scenario.yaml, results.json, host.json and the cells'

"$run" run s.yaml -o b --jobs 2 -q >out 2>err && [ ! -s err ] && same a b
result $? 'the same bytes with --jobs 2; --quiet says nothing'
"$run" run s.yaml -o c --eager -q >out 2>err && same a c
result $? 'the same bytes with --eager'
"$run" run s.yaml -o a >out 2>err && grep -q '^5 cells: 0 run, 5 were there' err && same a b
result $? 'what is there is not run again'
"$run" run s.yaml --dry-run -o d >out 2>err && [ ! -e d ] && grep -q ' new *munmap=exclusive$' out
result $? '--dry-run prints the cells and writes nothing'
"$run" run s.yaml -n --json -o a >out 2>err && grep -q '"there": true' out
result $? '--dry-run --json'
"$run" run s.yaml -o a --json >out 2>err && [ "$(head -c 1 out)" = '{' ]
result $? '--json prints the table as JSON'
"$run" run t.mmt -p munmap=exclusive -p mm_lock=mm-wide,munmap=exclusive \
	--set machine=desktop-8cpu -q >out 2>err && [ -e results/t/results.json ]
result $? 'run TRACE --policy; results/NAME is the default folder'
printf "no trace\n" >s.yaml.txt
head -c 1000 t.mmt >cut.mmt
cp s.yaml cut.yaml && sed -i 's/t.mmt/cut.mmt/' cut.yaml

refuses 'no input' 2 'run: expected SCENARIO.yaml or a trace; see --help' run
refuses 'two inputs' 2 "run: more than one input: 'b'" run a b
refuses 'a folder without a name' 2 "-o '': expected the name of a result folder" run s.yaml -o ''
refuses 'unknown option' 2 "run: unknown option '--bogus'; see --help" run --bogus
refuses 'bad --jobs' 2 'jobs 0: expected 1 to 1024' run s.yaml --jobs 0
refuses 'missing scenario' 1 'mmreplay: nope.yaml: cannot open: No such file' run nope.yaml
refuses 'missing trace' 1 'mmreplay: nope.mmt: open: No such file' run nope.mmt
refuses 'truncated trace' 1 'mmreplay: cut.mmt: offset ' run cut.yaml
refuses 'no trace at all' 1 'mmreplay: s.yaml.txt: offset 0: not a native trace' run s.yaml.txt
refuses 'a trace that can be read only once' 1 'mmreplay: /dev/fd/[0-9]*: is no file that can be read again' run <(cat t.mmt)
refuses 'unknown policy' 2 "mmreplay: --policy mm_lock=mm-wid: unknown mm_lock 'mm-wid'; did you mean 'mm-wide'?" \
	run t.mmt -p mm_lock=mm-wid
refuses 'unknown axis' 2 "mmreplay: --set mmlock=x: unknown key 'mmlock'" run t.mmt --set mmlock=x
refuses 'forbidden combination' 2 'mm_lock=per-vma vma_free=immediate: mm_lock: per-vma ' \
	run t.mmt -p mm_lock=per-vma,vma_free=immediate
refuses 'folder that cannot be written' 1 't.mmt: cannot make folder: Not a directory' \
	run t.mmt -o t.mmt/x

"$run" policies >out 2>err && grep -q '^mm_lock: ' out && grep -q '^  per-vma$' out
result $? 'policies'
"$run" kernels >out 2>err && [ "$(grep -c '^linux-6.18 ' out)" -ge 1 ] &&
	[ "$(awk 'length > 100' out | wc -l)" = 0 ]
result $? 'kernels, in 100 columns'
"$run" machines vm-2cpu >out 2>err && grep -q '^atomic_rmw_ns  *[0-9]*  measured ' out
result $? 'machines NAME'
for c in policies kernels machines; do
	"$run" "$c" --json | python3 -c 'import json, sys; json.load(sys.stdin)' 2>/dev/null ||
		"$run" "$c" --json | grep -q '^[]}]$' || echo "$c"
done >out 2>err
[ ! -s out ]
result $? 'policies, kernels, machines --json'
refuses 'unknown machine' 2 "mmreplay: unknown machine 'vm-3cpu'; did you mean 'vm-2cpu'?" machines vm-3cpu
refuses 'unknown kernel' 2 "mmreplay: unknown kernel 'linux-7.1'" kernels linux-7.1

for words in --help -h help --version 'run --help'; do
	"$run" $words >/dev/full 2>err
	[ $? = 1 ] && grep -q '^mmreplay: standard output: cannot write: No space' err || echo "$words"
done >out
[ ! -s out ]
result $? 'help and version that could not be written are an error'

printf 'generate: {workload: mmap-churn, loops: 40, cpus: 2}\nmachine: vm-2cpu\nsweep: {generate.threads: [1, 2]}\n' >g.yaml
"$run" run g.yaml -o g1 -q --jobs 1 >out 2>err && "$run" run g.yaml -o g2 -q --eager >>out 2>>err &&
	[ "$(ls g1/traces/*.mmt | wc -l)" = 2 ] && same g1 g2 &&
	grep -q '"generated": "mmap-churn ' g1/results.json
result $? 'a workload: one trace for each set of parameters, the same bytes twice'
for i in 1 2 3; do		# damaged, exchanged; and, without a word, not sealed yet
	first=$(ls g2/traces/*.mmt | head -1) other=$(ls g2/traces/*.mmt | tail -1)
	rm -r g2/cells
	case $i in
	1)	printf '\377\377' | dd of="$first" bs=1 conv=notrunc \
			seek=$(($(stat -c %s "$first") / 2)) 2>/dev/null ;;
	2)	cp "$other" "$first" ;;
	3)	rm "${first%.mmt}.json" ;;
	esac
	cmp -s "$first" "g1/${first#*/}" && [ $i != 3 ] && echo "# $i: nothing was changed"
	"$run" run g.yaml -o g2 2>err >out && same g1 g2 &&
		[ $i = "$(grep -q '^1 made anew in g2/traces: ' err && echo $i || echo 3)" ] ||
		{ echo "# $i"; cat err; }
done >said
mv said out && [ ! -s out ] && rm -r g2/cells && "$run" run g.yaml -o g2 >out 2>err && ! grep anew err
result $? 'a generated trace that is not what was made is made anew, one that is stays'
# Everyone who runs cells says so: here over a cluster whose queue is a shell.
mkdir bin && printf '#!/bin/sh\necho 7\nfor f; do :; done\nfor i in 1 2; do SLURM_ARRAY_TASK_ID=$i sh "$f"; done >&2\n' >bin/sbatch &&
	printf '#!/bin/sh\n' >bin/squeue && chmod +x bin/*
rm -r g2/cells && truncate -s -3 "$(ls g2/traces/*.mmt | head -1)"
PATH=$PWD/bin:$PATH "$run" run g.yaml -o g2 --slurm 2>err >out && rm -r g2/slurm && same g1 g2 &&
	[ "$(grep -c '^1 made anew in g2/traces: ' err)" = 1 ]
result $? 'also under --slurm'
# One queue that takes nothing, one that runs nothing: what is good already stays.
mkdir bin2 bin3 && printf '#!/bin/sh\nexit 1\n' >bin2/sbatch && printf '#!/bin/sh\necho 7\n' >bin3/sbatch &&
	chmod +x bin[23]/sbatch && cp -r g2 g3 && rm "$(ls g3/cells/*.json | tail -1)" && cp -r g3 g4
PATH=$PWD/bin2:$PWD/bin:$PATH "$run" run g.yaml -o g3 --slurm --events 0..1us 2>err >out
[ $? = 1 ] && grep -q '^mmreplay: sbatch refused' err && diff -r g3/cells g4/cells >>out &&
	! PATH=$PWD/bin3:$PWD/bin:$PATH "$run" run g.yaml -o g3 --slurm --events 0..1us 2>err >out &&
	grep -q '^mmreplay: 1 of 2 cells are there without the series, events or trace wanted: its Slurm task' err &&
	cmp "$(ls g3/cells/*.json | head -1)" "$(ls g4/cells/*.json)" && grep -q '"failed": "its Slurm' "$(ls g3/cells/*.json | tail -1)" &&
	! PATH=$PWD/bin2:$PWD/bin:$PATH "$run" run g.yaml -o g3 --slurm --events 0..1us 2>err >out &&
	[ "$(ls g3/cells)" = "$(ls g4/cells)" ] &&
	PATH=$PWD/bin:$PATH "$run" run g.yaml -o g3 --slurm --events 0..1us 2>err >out && [ "$(ls g3/cells/*.events | wc -l)" = 2 ]
result $? 'a whole cell that only lacks events is not lost to a cluster that does nothing, a failed one is'
mkdir bin4 && first=$(ls g3/cells/*.json | head -1) && rm "$first" &&
	printf '#!/bin/sh\necho 7\nhead -c 99 "%s" >"%s"\n' "$(ls g3/cells/*.json | tail -1)" "$first" >bin4/sbatch && chmod +x bin4/sbatch
PATH=$PWD/bin4:$PWD/bin:$PATH "$run" run g.yaml -o g3 --slurm 2>err >out
[ $? = 1 ] && grep -q '^mmreplay: 1 of 2 cells failed' err && grep -q '"failed": "its Slurm' "$first"
result $? 'half a cell is no result of a task'
rm -r g1/traces
"$run" run g.yaml -o g1 >out 2>err && grep -q '^2 cells: 0 run, 2 were there;' err && [ ! -e g1/traces ]
result $? 'cells that are there need no trace'

# Other machines: one command a cell, from anywhere.
odd="o d'd \"\$(x);é"		# a shell has to take each line as it is
mkdir "$odd" && cp s.yaml t.mmt "$odd" && (cd "$odd" && "$run" run s.yaml -o "p '1" --plan) >plan 2>err &&
	[ "$(wc -l <plan)" = 5 ] && [ ! -e "$odd/p '1" ] &&
	(cd / && if [ -n "${MMREPLAY_LONG-}" ] && command -v parallel; then
		parallel -j2 <"$OLDPWD/plan"
	else
		xargs -d '\n' -n1 -P2 sh -c <"$OLDPWD/plan"
	fi) >out 2>err && mv "$odd/p '1" p1 && [ ! -e p1/results.json ] &&
	"$run" run s.yaml -o p1 >out 2>err && grep -q ' 0 run, 5 were there' err &&
	"$run" run s.yaml -o p2 -q >/dev/null 2>>err && same p1 p2
result $? 'run --plan: a self-contained command a cell, the same bytes'
rm "$(ls p1/cells/*.json | head -1)"
[ "$("$run" run s.yaml -o p1 --plan | wc -l)" = 1 ]
result $? 'run --plan names what is missing'
mkdir $'new\nline' && cp t.mmt $'new\nline' && (cd $'new\nline' && "$run" run t.mmt --plan) >out 2>err
[ $? = 1 ] && [ ! -s out ] && grep -q "^mmreplay: '.*/new..': a line break in this name" err &&
	[ "$(wc -l <err)" = 1 ] && ! "$run" run s.yaml -o $'p\n9' --plan >out 2>err && [ ! -s out ]
result $? 'and refuses a name that no line can hold'
for pair in '--plan --slurm' '--plan -n' '--plan --json' '--slurm -n' '--slurm --cell a' '-n --cell a' '--json --cell a'; do
	"$run" run s.yaml -o p9 $pair 2>err
	[ $? = 2 ] && grep -q '^mmreplay: run: --.* and --.* exclude each other' err && [ ! -e p9 ] || echo "# $pair"
done >out
[ ! -s out ]
result $? 'two options of which one would be left undone'
refuses 'no such cell' 2 'mmreplay: --cell 12ab: this scenario has no such cell' run s.yaml -o p1 --cell 12ab
refuses 'no such cell to plan' 2 'mmreplay: --cell 12ab: this scenario' run s.yaml -o p1 --cell 12ab --plan
refuses 'no size' 2 'mmreplay: --cell-bytes 5X: expected bytes' run s.yaml --cell-bytes 5X
"$run" run s.yaml -o p4 -q --decode-cache 0 >/dev/null 2>err && same p2 p4 &&
	grep -q '"chunks": 0' p2/host.json && ! grep -q '"chunks": 0' p4/host.json
result $? 'run --decode-cache: one decoded copy or one each, the same bytes'
(ulimit -d 1000 && "$run" run t.mmt -o p9 >out 2>err)
[ $? = 1 ] && [ "$(wc -l <err)" = 1 ] && grep -q '^mmreplay: .*out of memory' err
result $? 'no memory is said so, and is no bug'
for kib in 700 1000 1500 2000 2500 3000 3500; do
	for to in '' '--salvage saved.mmt'; do
		(ulimit -d $kib && "$run" check "$tree/traces/samples/churn2.mmt" $to >out 2>err) ||
			grep -q 'out of memory' err || { echo "# $kib $to"; cat err; }
	done
done >said
[ ! -s said ]
result $? 'nor makes it a damaged trace of a sound one'
# over before anybody could look at it: the kernel keeps the limit
"$run" run t.mmt -o p3 --cell-bytes 100K >out 2>err
[ $? = 1 ] && [ "$(grep -c '^failed: .*needs more than --cell-bytes 102400: .*out of memory' err)" = 1 ] &&
	"$run" run t.mmt -o p3 -n 2>>err | grep -q ' new ' &&
	"$run" run t.mmt -o p3 -q --cell-bytes 4G --cell-seconds 600 >/dev/null 2>err &&
	"$run" run t.mmt -o p5 -q >/dev/null 2>>err && same p5 p3
result $? 'run --cell-bytes: too large is failed with a reason, and run again'

# Writing them changes nothing, and they are the same under --eager.
"$run" run s.yaml -o e0 -q >/dev/null 2>err &&
	"$run" run s.yaml -o e1 -q --events 10us..0.5ms >out 2>>err &&
	"$run" run s.yaml -o e2 -q --events 10us..0.5ms --eager >out 2>>err &&
	same e1 e2 && [ "$(ls e1/cells/*.events | wc -l)" = 5 ] &&
	[ "$(diff -rq e0 e1 | grep -v '\.events$' | grep -v 'host.json differ$')" = '' ]
result $? 'run --events leaves the results as they are'
"$run" timeline e1 -o t.json >out 2>err && grep -q '"cat":"hold"' t.json && grep -q '"ph":"C"' t.json
result $? 'timeline of those events'
"$run" timeline s.yaml --events 10us..0.5ms -d e4 -o t4.json >out 2>err && [ "$(cat out)" = t4.json ] &&
	grep -q '"cat":"hold"' t4.json && [ "$(ls e4/cells/*.events | wc -l)" -gt 0 ] &&
	truncate -s -9 "$(ls e4/cells/*.json | head -1)" &&
	"$run" timeline s.yaml --events 10us..0.5ms -d e4 -o t5.json >out 2>err && cmp t4.json t5.json >>err &&
	grep -q '^1 run again in e4: ' err
result $? 'timeline of a scenario runs it first'
"$run" run s.yaml -o e1 --events 10us..0.5ms >out 2>err && grep -q ' 0 run, 5 were there' err &&
	"$run" run s.yaml -o e1 --events 0..1us >out 2>err && grep -q ' 5 run, 0 were there' err
result $? 'another window is another log'
cp "$(ls e1/cells/*.events | head -1)" "$(ls e1/cells/*.events | tail -1)"
"$run" run s.yaml -o e1 --events 0..1us >out 2>err && grep -q '^1 run again in e1: ' err
result $? 'and the log of another cell is damage'
"$run" run s.yaml -o e1 -q --export-trace x1 >out 2>err &&
	for t in x1/*.mmt; do "$run" check "$t" >>out 2>>err || break; done &&
	[ "$(ls x1/*.mmt | wc -l)" = 5 ] && "$run" run "$(ls x1/*.mmt | head -1)" -o e3 -q >>out 2>>err
result $? 'run --export-trace writes traces that run takes'
for i in run there; do "$run" run t.mmt -o e5 --export-trace e5/cells >out 2>err || break; done
grep -q ' 0 run, 1 were there' err && "$run" compare e5 >out 2>>err && [ "$(ls e5/cells | wc -l)" = 3 ]
result $? 'also beside the cells'

# What happens to a file beside a cell is seen by the next run, and by who reads it.
sed 's/^machine:.*/&\nreport: {series_ms: 1}/' s.yaml >series.yaml
again()	# COMMAND... on three files of a finished run
{
	rm -rf d1 x2 && "$run" run series.yaml -o d1 -q --events 0..1ms --export-trace x2 >out 2>err || return 1
	set -- "$1" "$(ls d1/cells/*.events | head -1)" "$(ls d1/series/*.csv | sed -n 2p)" "$(ls x2/*.mmt | sed -n 3p)"
	cp -r d1 d0
	for f in "$2" "$3" "$4"; do eval "$1"; done
	"$run" plot d1 hold >out 2>err && return 1
	grep -q 'series/.*\.csv: .* bytes, not the .* that its cell wrote.*run the scenario again' err || return 1
	rm -rf d1/plots
	"$run" timeline d1 -o t.json >out 2>err && return 1
	grep -q 'd1/cells/.*\.events:' err || return 1
	"$run" run series.yaml -o d1 --events 0..1ms --export-trace x2 >out 2>err &&
		grep -q ' 3 run, 2 were there' err && grep -q '^3 run again in d1: their cell file, series, events or trace' err &&
		same d0 d1 && "$run" timeline d1 -o t.json >out 2>err && rm -rf d0
}
# Another digit in the middle, where the file is as readable as before.
other_digit()	# FILE
{
	local at=$(($(stat -c %s "$1") / 2)) byte
	for byte in $(od -An -v -tu1 -j$at -N999 "$1"); do
		[ "$byte" -lt 48 ] || [ "$byte" -gt 57 ] || break
		at=$((at + 1))
	done
	printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 conv=notrunc seek=$at 2>/dev/null
}
again 'case $f in *.events) : >"$f" ;; *) truncate -s -9 "$f" ;; esac' && again 'other_digit "$f"'
result $? 'a series, log or trace that was cut short, emptied or edited: said, and its cell run again'
believes()	# COMMAND..: it reads d1 with an edited cell as if nothing were
{
	"$run" "$@" >out 2>err || ! grep -q '^mmreplay: d1/cells/.*\.json: changed since it was written; run the scenario again$' err
}
cell=$(ls d1/cells/*.json | head -1)
cp "$cell" written && sed -i 's/"makespan_ns": [0-9]*/"makespan_ns": 7/' "$cell"
! believes compare d1 && ! believes plot d1 op-time && ! believes report d1 -o r.html && [ ! -e r.html ] &&
	truncate -s -9 "$cell" && ! believes compare d1 && : >"$cell" && ! believes compare d1
result $? 'an edited cell, or a cut one, is refused by compare, plot and report'
"$run" run series.yaml -o d1 --plan 2>err >out && [ "$(wc -l <out)" = 1 ] && grep -q '^1 run again in d1: ' err &&
	"$run" run series.yaml -o d1 >out 2>err && grep -q ' 1 run, 4 were there' err &&
	grep -q '^1 run again in d1: their cell file, ' err && cmp "$cell" written >>err &&
	sed -i '/^ "seal":/d' "$cell" && "$run" compare d1 >out 2>>err
result $? 'and run again, which is said; one without a seal is as good as its word'
cp -r d1 d2 && mkfifo d2/mine.json
for file in host.json results.json scenario.yaml "${cell#d1/}" series/x traces/y; do
	rm -rf d2/"$file" && mkdir -p d2/traces && mkfifo "d2/$file" && timeout 20 "$run" run series.yaml -o d2 2>err
	[ $? = 1 ] && grep -q "^mmreplay: d2/$file: is a pipe, socket or device; expected" err || { echo "# $file"; cat err; }
	rm "d2/$file"
done >out
mkfifo d2/results.json && timeout 20 "$run" compare d2 2>>err >>out
[ $? = 1 ] && grep -q '^mmreplay: d2/results.json: is a pipe, expected a file$' err && [ ! -s out ]
result $? 'a pipe in a result folder is named, not waited for'
cp -r d1 d6 && cp written "d6/${cell#d1/}" && log=$(ls d6/cells/*.events | head -1) && rm "$log" && mkfifo "$log" &&
	timeout 20 "$run" run series.yaml -n -o d6 --events 0..1ms >out 2>err && [ "$(grep -c ' new ' out)" = 1 ] &&
	timeout 20 "$run" run series.yaml --plan -o d6 --events 0..1ms >out 2>err && [ "$(wc -l <out)" = 1 ] &&
	grep -q '^1 run again in d6: ' err
result $? 'nor by run -n and --plan, in the place of a log'
rm "$log" && for to in "${log##*/}" nowhere; do
	ln -sf "$to" "$log" && ! "$run" timeline d6 -o t6.json 2>err && [ ! -e t6.json ] &&
		grep -q "^mmreplay: $log: cannot open: " err || { echo "# $to"; cat err; }
done >out
rm "$log" && "$run" timeline d6 -o t6.json >/dev/null 2>err && [ ! -s out ]
result $? 'timeline: a log that cannot be opened is an error, one that is absent is not'
# Of another size than was written: seen without a reading, which would take minutes.
cp -r d1 d5 && "$run" run series.yaml -o d5 -q --events 0..1ms --export-trace x3 >out 2>err &&
	log=$(ls d5/cells/*.events | head -1) &&
	tail -n 1 "$log" >end && truncate -s 100G "$(ls d5/series/*.csv | sed -n 2p)" "$(ls x3/*.mmt | sed -n 3p)" "$log" &&
	cat end >>"$log" && timeout 20 "$run" run series.yaml -n -o d5 --events 0..1ms --export-trace x3 >out 2>err &&
	[ "$(grep -c ' new ' out)" = 3 ]
result $? 'a sparse file as large as a disk beside a cell is not read'
refuses 'no window' 2 'mmreplay: --events 5ms..1ms: expected a window' run s.yaml --events 5ms..1ms
"$run" run series.yaml -o h1 -q >out 2>err && "$run" run series.yaml -o h2 -q --eager >>out 2>>err &&
	same h1 h2 && [ "$(ls h1/series/*.csv | wc -l)" = 5 ] &&
	[ "$(cat h1/series/*.csv | sort -u | grep -c '^t_ns,metric,value$')" = 1 ] &&
	cat h1/series/*.csv | grep -q '^[0-9]*,hold\.vma,[0-9]*$'
result $? 'report.series_ms: a series a cell, the same under --eager'

for f in "$tree"/scenarios/*.yaml; do
	"$run" run "$f" -n >/dev/null 2>>err || echo "$f"
done >out 2>err
[ ! -s out ]
result $? 'every bundled scenario can be planned'

# Readers of 5.3 to 5.10 spin behind a handoff that nobody takes, until RCU
# wants their CPU: then one queues up and wakes the first waiter.
"$run" generate mmap-churn threads=64 loops=50 -o churn.mmt >out 2>err &&
	"$run" run churn.mmt -o handoff -q --set kernel=linux-5.4 --set machine=threadripper-3970x >out 2>err
result $? 'a writer with the handoff is not slept out by spinning readers'
