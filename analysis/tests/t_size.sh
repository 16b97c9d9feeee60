#!/bin/bash
# Pins that 100 cells with 60 s of series compare, plot and report in seconds.
# The folder is made from the committed small one; times are of the release
# program, with room for a busy machine. Does not pin memory.
set -u
data=analysis/tests/data/small
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/r/cells" "$tmp/r/series"

# 60 s in steps of 10 ms, two metrics: 12,000 lines a cell.
awk 'BEGIN {
	print "t_ns,metric,value"
	for (i = 0; i < 6000; i++) {
		printf "%d,hold.page,%d\n", i * 1e7, (i % 37) * 4096
		printf "%d,hold_va.vmap,%d\n", i * 1e7, (i % 53) * 65536
	}
}' >"$tmp/series"

# Each small cell, with a histogram as wide as a real one, under 100 ids.
first=$(ls $data/cells | head -n 1)
hist=$(awk 'BEGIN { for (i = 64; i < 1200; i++) printf "[%d, 3], ", (i > 127 ? 128 + 2 * (i - 128) : i); print "[4000, 1]" }')
cells=
for p in $(seq 20); do
	for r in 1 2 3 4 5; do
		id=$(printf 'c%02d%02d' "$p" "$r")
		sed -e "s/^ \"id\": .*/ \"id\": \"$id\",/" \
			-e "s/^ \"label\": .*/ \"label\": \"policy $p\",/" \
			-e "s/^ \"baseline\": .*/ \"baseline\": $([ "$p" = 1 ] && echo true || echo false),/" \
			-e "s/^ \"seed\": .*/ \"seed\": $r,/" \
			-e "s/^ \"hist\": {/ \"hist\": { \"locks.x.write.hold_ns\": [$hist], \"locks.y.write.hold_ns\": [$hist],\n/" \
			"$data/cells/$first" >"$tmp/r/cells/$id.json"
		ln "$tmp/series" "$tmp/r/series/$id.csv"
		cells="$cells${cells:+, }{\"id\": \"$id\"}"
	done
done
echo "{\"format\": 1, \"scenario\": \"large\", \"model_id\": \"x\", \"cells\": [$cells]}" >"$tmp/r/results.json"

timed()	# NUMBER SECONDS NAME ARGS..
{
	local number=$1 limit=$2 name=$3 start=${EPOCHREALTIME/./} ms
	shift 3
	"$MMREPLAY" "$@" >"$tmp/out" 2>"$tmp/err"
	local status=$?
	ms=$(( (${EPOCHREALTIME/./} - start) / 1000 ))
	echo "# $name: $ms ms"
	if [ $status = 0 ] && [ -s "$tmp/out" ] && [ $ms -lt $((limit * 1000)) ]; then
		echo "ok $number - $name of 100 cells under $limit s"
	else
		sed 's/^/# /' "$tmp/err"
		echo "not ok $number - $name of 100 cells under $limit s"
	fi
}

echo 1..3
timed 1 8 compare compare "$tmp/r"
timed 2 20 plot plot "$tmp/r"
timed 3 8 report report --no-plots "$tmp/r"
