#!/bin/bash
# Pins what `mmreplay sensitivity` says: the effect of a cost is that of a run
# with this cost, an inert cost changes nothing, answers repeat, wrong names are
# refused. The same for --speedup, whose closed form is in t_theory.c. Does not
# pin any figure of a machine.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

result()	# STATUS NAME
{
	n=$((n + 1))
	[ "$1" = 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}

study()	# OPTIONS..
{
	"$MMREPLAY" sensitivity "$tmp/mix.mmt" -p mm_lock=mm-wide \
		-s replay.costs=model -o "$tmp/s" --joint 2 "$@"
}

makespan()	# FOLDER LABEL: of the cell with this label
{
	grep -l "\"label\": \"$2\"" "$1"/cells/*.json |
		xargs sed -n 's/.*"makespan_ns": \([0-9]*\).*/\1/p'
}

echo 1..15
# the first sixth: waits enough, and a study is sixty replays
"$MMREPLAY" cut traces/samples/mix-touch.mmt --time 0..30ms -o "$tmp/mix.mmt" 2>"$tmp/err" ||
	cat "$tmp/err"
study -c idle_exit_ns -c vmap_flush_ns >"$tmp/out" 2>"$tmp/err"
result $? "a study of two costs"
grep -q '^mm_lock=mm-wide: [+-][0-9.]*%$' "$tmp/out"
result $? "one conclusion per policy"
grep -q '^  idle_exit_ns' "$tmp/out" && ! grep -q '^  vmap_flush_ns' "$tmp/out"
result $? "a cost that nothing pays has no swing"

high=$(sed -n 's/^  idle_exit_ns  *[a-z]*  *[0-9]*  *\([0-9]*\) .*/\1/p' "$tmp/out")
said=$(sed -n 's/^  idle_exit_ns .* \([+-][0-9.]*\)%$/\1/p' "$tmp/out")
"$MMREPLAY" run "$tmp/mix.mmt" -p mm_lock=mm-wide -q \
	-s replay.costs=model -s machine.costs.idle_exit_ns="$high" \
	-o "$tmp/r" >/dev/null 2>&1
base=$(makespan "$tmp/r" linux-6.18)
wide=$(makespan "$tmp/r" mm_lock=mm-wide)
found=$(awk -v a="$wide" -v b="$base" 'BEGIN { printf "%+.2f", 100 * (a / b - 1) }')
[ -n "$said" ] && [ "$said" = "$found" ]
result $? "the change at the high end is that of a run: $said, $found"

study -c idle_exit_ns -c vmap_flush_ns >"$tmp/again" 2>&1
cmp -s "$tmp/out" "$tmp/again"
result $? "the same words again"
"$MMREPLAY" compare "$tmp/s" | sed -n '/^In short/,/^$/p' | tr '\n' ' ' |
	grep -Eq 'mm_lock=mm-wide: .*(flips +with|holds +with every +single cost)'
result $? "compare says what the study found"
study -c idle_exitt_ns >"$tmp/bad" 2>&1
[ $? = 2 ] && grep -q "did you mean 'idle_exit_ns'" "$tmp/bad"
result $? "an unknown cost is refused, its neighbour named"
"$MMREPLAY" plot "$tmp/s" tornado 2>/dev/null | grep -q 'tornado.png$'
result $? "the tornado is drawn"

speed()		# OPTIONS..
{
	"$MMREPLAY" sensitivity "$tmp/mix.mmt" -p mm_lock=mm-wide \
		-o "$tmp/v" --speedup --cell all "$@"
}

gain()	# LABEL FOLDER: throughput in percent, against the cell as it is
{
	local base fast

	base=$(makespan "$tmp/v" "$1")
	fast=$(makespan "$2" "$1")
	awk -v a="$base" -v b="$fast" 'BEGIN { printf "%+.1f", 100 * (a / b - 1) }'
}

speed --lock mmap_lock --cost idle_exit_ns --cost vmap_flush_ns >"$tmp/out" 2>"$tmp/err"
result $? "a virtual speed-up of a lock and two costs"
said=$(sed -n '/^mm_lock=mm-wide/,$s/^ lock mmap_lock  *\([^ ]*  *\)\{4\}\([^ ]*\) .*/\2/p' "$tmp/out")
"$MMREPLAY" run "$tmp/mix.mmt" -p mm_lock=mm-wide -q \
	-s replay.speedup_lock=mmap_lock -s replay.speedup_pct=100 \
	-o "$tmp/w" >/dev/null 2>&1
found=$(gain mm_lock=mm-wide "$tmp/w")
[ -n "$said" ] && [ "$said" = "$found" ]
result $? "the gain at 100 % is that of a run: $said, $found"
! ls -d "$tmp"/v/speedup/cost-vmap_flush_ns-* >"$tmp/ls" 2>&1 &&
	! grep -q 'cost vmap_flush_ns' "$tmp/out"
result $? "what nothing pays is not tried and has no row"
"$MMREPLAY" run "$tmp/mix.mmt" -q -s replay.speedup_lock=no_such_lock \
	-s replay.speedup_pct=50 -o "$tmp/x" >"$tmp/no" 2>&1
grep -q "has no lock 'no_such_lock'" "$tmp"/x/cells/*.json
result $? "a run without this lock says so"
speed --lock mmap_lok >"$tmp/bad" 2>&1
[ $? = 2 ] && grep -q "did you mean 'mmap_lock'" "$tmp/bad"
result $? "an unknown lock is refused, its neighbour named"
# A cell lists every cost that can matter: all others at their high end at once
# change nothing, and one that is listed does (above).
cell=$(grep -l '"label": "linux-6.18"' "$tmp"/s/cells/*.json)
set --
for key in $("$MMREPLAY" machines vm-2cpu | sed -n 's/^\([a-z_]*_ns\) .*/\1/p'); do
	high=$("$MMREPLAY" machines vm-2cpu | sed -n "s/^$key .*\.\.\([0-9]*\) .*/\1/p")
	grep -q "\"$key\": {" "$cell" || set -- "$@" -s "machine.costs.$key=$high"
done
[ $# -ge 20 ] && "$MMREPLAY" run "$tmp/mix.mmt" -q -s replay.costs=model \
	"$@" -o "$tmp/u" >/dev/null 2>&1
[ "$(makespan "$tmp/u" linux-6.18)" = "$(makespan "$tmp/s" linux-6.18)" ]
result $? "costs that a cell does not list change nothing: $(($# / 2)) of them"
"$MMREPLAY" plot "$tmp/v" speedup 2>/dev/null | grep -q 'speedup.png$'
result $? "the speed-up is drawn"
