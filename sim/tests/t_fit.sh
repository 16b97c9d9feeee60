#!/bin/bash
# calibrate --fit finds a cost that a simulated capture was made with, fidelity
# --costs-from uses it, and --kernel with --reference compares counts.
# Does not pin how well a real capture is predicted.
set -u
n=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

result()	# STATUS NAME
{
	n=$((n + 1))
	[ "$1" = 0 ] && echo "ok $n - $2" || { echo "not ok $n - $2"; tail -5 "$tmp/err" | sed 's/^/# /'; }
}

here=$PWD
m=$MMREPLAY
case $m in /*) ;; *) m=$here/$m ;; esac
export MMREPLAY_DATA=${MMREPLAY_DATA:-$here}
cd "$tmp" || exit 1

echo 1..6
"$m" generate mmap-churn threads=1 loops=400 -o one.mmt 2>err &&
	"$m" run one.mmt --set replay.costs=model --set machine.costs.mmap_body_ns=2000 \
		--export-trace runs -o out -q >/dev/null 2>>err
result $? 'a capture of a machine with another cost'

"$m" calibrate --fit runs/*.mmt -o fit.yaml >/dev/null 2>err
got=$(grep -A1 '^  mmap_body_ns:' fit.yaml | grep -o 'value: [0-9]*' | cut -d' ' -f2)
[ "${got:-0}" -ge 1950 ] && [ "$got" -le 2050 ]
result $? "the cost is found (${got:-none} for 2000)"

grep -q 'not identifiable.*wake-up' err && grep -q 'residual' err
result $? 'residuals and what is not identifiable are printed'

"$m" run one.mmt --set machine=fit.yaml --set replay.costs=model -o out2 -q >/dev/null 2>err
result $? 'the profile loads'

sample=$here/traces/samples/churn2.mmt
"$m" fidelity -q --kernel linux-6.1 "$sample" --reference "$sample" --json -o f >f.json 2>err
python3 - <<'P' 2>err
import json
c = {x["quantity"]: x for x in json.load(open("f.json"))["checks"]}
vma = c["vmstat.fault_path_vma/latency_ns.fault.count"]
assert vma["predicted"] == 0 and vma["recorded"] > .9 and vma["verdict"] == "off", vma
wd = c["sections.munmap.WD"]
assert wd["predicted"] > .99 and wd["recorded"] > .99 and wd["verdict"] == "within-10", wd
assert not [q for q in c if "_ns" in q.replace("latency_ns", "")]
P
result $? 'another kernel: path classes differ, sections do not, no times'

"$m" fidelity --kernel linux-6.1 "$sample" >/dev/null 2>err
[ $? = 2 ] && grep -q 'reference' err
result $? '--kernel wants --reference'
