#!/bin/bash
# Pins what `make bench` writes and how two of its files are compared: worse
# beyond noise is slower, a machine that is slower as a whole is not, sizes do
# not follow the machine; a replay whose calls fail gives no figure. Does not
# pin any speed.
set -u
bench=$(realpath "$BUILD")/bench/bench
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

result()	# STATUS NAME
{
	n=$((n + 1))
	[ "$1" = 0 ] && echo "ok $n - $2" || { sed 's/^/# /' "$tmp/out"; echo "not ok $n - $2"; }
}

file()		# NAME HOST SPEED NS MIB: a bench.json
{
	cat >"$tmp/$1" <<END
{"results": [
 {"name": "host-loop", "value": $2, "unit": "M/s", "target": null, "spread_pct": 1},
 {"name": "a-speed", "value": $3, "unit": "Mops/s", "target": 5, "spread_pct": 2},
 {"name": "a-time", "value": $4, "unit": "ns", "target": null, "spread_pct": 2},
 {"name": "a-size", "value": $5, "unit": "MiB", "target": 256, "spread_pct": 0}]}
END
}

compare()	# NEW STATUS PATTERN [WORD]: against old
{
	"$bench" ${4:+--only "$4"} --compare "$tmp/old" "$tmp/$1" >"$tmp/out" 2>&1
	[ $? = "$2" ] && grep -qE -- "$3" "$tmp/out"
}

echo 1..17
"$bench" --only fiber-switch --runs 1 --dir "$tmp" --program /nowhere -o "$tmp/json" >"$tmp/out" 2>&1 &&
	grep -q '"name": "fiber-switch"' "$tmp/json" && grep -q '"unit": "ns"' "$tmp/json" &&
	grep -q '"target": null' "$tmp/json" && grep -q '^2 figures; 0 targets' "$tmp/out"
result $? 'figures as a table and as JSON'

# both structures on the same events; differing pops would end it
"$bench" --only 1e2 --runs 1 --dir "$tmp" --program /nowhere -o "$tmp/json" >"$tmp/out" 2>&1 &&
	grep -q '^queue-wheel-1e2 .* x queue-heap-1e2$' "$tmp/out"
result $? 'heap and wheel agree with real block sizes'

file old 400 10 100 50
file same 400 9.8 103 50
compare same 0 '^3 figures in both, 0 slower, 0 faster'
result $? 'noise is not slower'
file slow 400 7 100 50
compare slow 1 '^a-speed .* x 0.70  SLOWER'
result $? 'a rate that fell is slower'
file time 400 10 150 50
compare time 1 '^a-time .* x 0.67  SLOWER'
result $? 'a time that grew is slower'
file host 200 5 200 50
compare host 0 ' 0 slower, 0 faster'
result $? 'a machine of half the speed is not'
file size 200 5 200 100
compare size 1 '^a-size .* x 0.50  SLOWER'
result $? 'memory does not follow the machine'

cat >"$tmp/program" <<'END'	# generate WORDS.. -o FILE, run FILE -o FOLDER ..
#!/bin/sh
if [ "$1" = run ]; then
	mkdir -p "$4"
	echo '{"cells": {"a": {"events": 2}}}' >"$4/host.json"
	echo '{"cells": [{"id": "a", "run": {"ops": 2, "contacts": 2}, "warnings":
		["7 calls failed in the replay or in the capture, not in both"]}]}' >"$4/results.json"
fi
END
chmod +x "$tmp/program"
"$bench" --only ops-churn --runs 1 --dir "$tmp" --program "$tmp/program" -o "$tmp/json" >"$tmp/out" 2>&1
[ $? = 1 ] && grep -q '7 calls failed' "$tmp/out" && grep -q '^bench: 1 runs failed' "$tmp/out"
result $? 'a replay whose calls fail is no figure'

cp "$tmp/json" "$tmp/before"
"$bench" --only fibre-life --dir "$tmp" --program /nowhere -o "$tmp/json" >"$tmp/out" 2>&1
[ $? = 1 ] && grep -q "has 'fibre-life' in it; did you mean 'fiber-life'" "$tmp/out" &&
	grep -q ' growth-cpus-1-4096 ' "$tmp/out" && cmp -s "$tmp/before" "$tmp/json"
result $? 'a word that no figure has is refused, with the nearest and all there are'
"$bench" --only jobs-2-bare --dir "$tmp" --program /nowhere -o "$tmp/json" >"$tmp/out" 2>&1
[ $? = 1 ] && grep -q "^bench: no figure with 'jobs-2-bare' can be had here" "$tmp/out" &&
	cmp -s "$tmp/before" "$tmp/json"
result $? 'nothing measured is an error'
for goal in bench bench-compare; do
	MAKEFLAGS= make -n $goal BUILD="$tmp/b" BASE="$tmp/old" T=fiber 2>&1 | grep -F "$tmp/b/bench"
done >"$tmp/out"
grep -qF "$tmp/b/bench-fiber.json" "$tmp/out" && ! grep -qF "$tmp/b/bench.json" "$tmp/out"
result $? 'a run of some figures leaves the table of all alone'

compare time 0 '^1 figures in both, 0 slower' a-size
result $? 'a word picks'
sed '/"a-time"/d; s/{"res/{"machine": "M, 1 CPUs", "res/' "$tmp/same" >"$tmp/part"
sed -i 's/{"res/{"machine": "N, 2 CPUs", "res/' "$tmp/old"
compare part 0 '^not in .*/part: a-time$'
result $? 'a figure that one file lacks is named'
grep -q '^another machine: N, 2 CPUs; now M, 1 CPUs$' "$tmp/out"
result $? 'so is another machine'
echo '{"cells": []}' >"$tmp/else"
compare else 1 'else: no figures; expected a bench.json'
result $? 'a file of something else is refused'
make -s bench-compare BASE="$tmp/nowhere" >"$tmp/out" 2>&1
[ $? = 2 ] && grep -q 'expected BASE=file' "$tmp/out" && [ "$(wc -l <"$tmp/out")" -le 2 ]
result $? 'a BASE that is not there is refused before anything is measured'
MAKEFLAGS= make -n BUILD="$tmp/b" BASE="$tmp/old" "$tmp/b/obj/sim/main.o" >"$tmp/out" 2>&1 &&
	grep -q -- ' -std=gnu17 .* -I\. ' "$tmp/out"
result $? 'a BASE leaves the flags of the compiler alone'
