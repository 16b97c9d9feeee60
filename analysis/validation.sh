#!/bin/bash
# VALIDATION.md from the program's own commands: validation.sh PROGRAM DIR >page
# DIR takes result folders and the JSON of each command. No time, no host and no
# path is in the page, so that two runs of one program are the same bytes.
set -u
program=$1
dir=$2
captures=../shared/captures
mkdir -p "$dir" || exit 1

block()		# FILE: as it is
{
	printf '```\n'
	cat "$1"
	printf '```\n\n'
}

# One directory a capture, with what its capture.json says of untraced runs.
imported()	# FOLDER FILE NAME: the trace, or nothing
{
	[ -f "$captures/$1/$2" ] || return 1
	mkdir -p "$dir/$3"
	cp "$captures/$1/capture.json" "$dir/$3" 2>/dev/null
	[ -f "$dir/$3/$3.mmt" ] ||
		"$program" import "$captures/$1/$2" -o "$dir/$3/$3.mmt" >/dev/null 2>&1
}

# The captures if they are there, else the bundled samples of some of them.
traces()
{
	local name

	for name in pin-churn1 pin-churn2 pin-pft1 pin-pft2 pin-pft2-onevma \
		pin-forker pin-thrstorm2 mix-touch-w1f1-64k \
		mix-populate-w1f1-64k stress-pthread churn4; do
		imported "native/$name" trace.ns.txt.zst "$name" &&
			echo "$dir/$name/$name.mmt"
	done
	[ -d "$captures/native" ] || ls traces/samples/*.mmt
}

section()	# FILE COMMAND..: its text and JSON
{
	local out=$1
	shift
	"$program" "$@" -q -o "$dir/$out" 2>&1 | sed "s|$dir/||g" >"$dir/$out.txt"
	"$program" "$@" -q -o "$dir/$out" --json >"$dir/$out.json" 2>/dev/null
}

targets_of()	# FILE..: the lines of targets, without the heads of folders
{
	sed -n '/^targets, /,/^$/p' "$@" | sed '/^$/d; s/^targets, //; s/, costs: /, /'
}

"$program" validate --ends -q -o "$dir/published" >"$dir/validate.txt" 2>"$dir/validate.err"
[ -s "$dir/validate.txt" ] || { cat "$dir/validate.err" >&2; exit 1; }
"$program" validate --ends -q -o "$dir/published" --json >"$dir/validate.json" 2>/dev/null
"$program" validate --null >"$dir/null.txt" 2>/dev/null
"$program" validate --null --json >"$dir/null.json" 2>/dev/null

# One picture of all points but those of effects above x10, which would leave the
# rest no room: a folder whose reference is the list of them.
mapfile -t drawn < <(ls scenarios/published/*.yaml | sed 's|.*/||; s/.yaml$//' |
	grep -v '^munmap-hold\|^vmap-augmented-all\|^out-of-reach')
rm -rf "$dir/all" && cp -r "$dir/published/fork-mt-dup" "$dir/all"
"$program" validate "${drawn[@]}" -q -o "$dir/published" --json \
	>"$dir/all/reference.json" 2>/dev/null
sed -i '0,/"scenario": ".*"/s//"scenario": "published results"/' "$dir/all/results.json"
"$program" plot "$dir/all" effect >/dev/null 2>&1 &&
	cp "$dir/all/plots/effect.png" analysis/validation-effect.png

mapfile -t list < <(traces)
"$program" fidelity "${list[@]}" -q -o "$dir/fidelity" >"$dir/fidelity.txt" || exit 1
"$program" fidelity "${list[@]}" -q -o "$dir/fidelity" --json >"$dir/fidelity.json"

# What the costs of captures say of another: ONE[+ONE] OTHER
samples=()
for pair in 'pin-churn1 pin-churn2' 'pin-pft1 pin-pft2' 'pin-pft1 pin-pft2-onevma' \
	'pin-churn1+pin-pft1 mix-touch-w1f1-64k' \
	'pin-churn1+pin-pft1 mix-populate-w1f1-64k'; do
	read -r ones other <<<"$pair"
	[ -f "$dir/$other/$other.mmt" ] || continue
	from=()
	for one in ${ones//+/ }; do
		from+=(--costs-from "$dir/$one/$one.mmt")
	done
	section "out-of-sample-$other" fidelity "${from[@]}" "$dir/$other/$other.mmt"
	samples+=("$dir/out-of-sample-$other.txt")
done

# What the calls of one kernel's capture do on another: every pair of captures.
kernels=(6.1.0 6.12.117 6.18.15)
: >"$dir/across.txt"
for load in churn2 forker thrstorm pft2 mix-touch-w1f1-64k mix-populate-w1f1-64k \
	bigunmap-thpoff vmapgen; do
	for k in "${kernels[@]}"; do
		imported "tcg/$k-smp2/$load" "$load.trace0.txt.zst" "$k-$load"
	done
	for a in "${kernels[@]}"; do
		for b in "${kernels[@]}"; do
			[ "$a" != "$b" ] && [ -f "$dir/$a-$load/$a-$load.mmt" ] &&
				[ -f "$dir/$b-$load/$b-$load.mmt" ] || continue
			section "across-$load-$a-$b" fidelity \
				--kernel "linux-${b%.*}" "$dir/$a-$load/$a-$load.mmt" \
				--reference "$dir/$b-$load/$b-$load.mmt"
			printf '%s, calls of %s on linux-%s\n' "$load" "$a" "${b%.*}"
			targets_of "$dir/across-$load-$a-$b.txt" | sed 1d
		done
	done
done >"$dir/across.txt"

count()		# VERDICT FILE..: targets with it
{
	local verdict=$1
	shift
	cat "$@" | grep -c "  $verdict "
}

line()		# NAME FILE..: a line of the summary
{
	local name=$1
	shift
	printf '| %s | %s | %s | %s |\n' "$name" "$(count met "$@")" \
		"$(count missed "$@")" "$(count noise-limited "$@")"
}

targets_of "$dir/fidelity.txt" >"$dir/targets-captures.txt"
targets_of "${samples[@]}" /dev/null >"$dir/targets-sample.txt"
read -r met missed < <(sed -n 's/^targets: \([0-9]*\) met, \([0-9]*\) missed/\1 \2/p' \
	"$dir/validate.txt")

cat <<END
# Validation

Made by \`make validation\` with $("$program" --version | sed 1q). Do not edit: run it
again and \`git diff\`. The JSON behind each part is in \`build/validation/\`.

## In short

| targets | met | missed | noise-limited |
| --- | --- | --- | --- |
| published results: skill and sign by family | $met | $missed | - |
END
line 'captures under their own kernel' "$dir/targets-captures.txt"
line 'out of sample: costs of one thread, waits of two' "$dir/targets-sample.txt"
line 'across kernels: counts' "$dir/across.txt"
cat <<END

The null predictor, which says that nothing changes: published results
$(sed -n 's/^targets: //p' "$dir/null.txt"). No verdict is tighter than the
capture's own spread: a row is noise-limited where that is wider than the limit.

END
cat analysis/validation-causes.md
cat <<END

## Published results

\`mmreplay validate\`: what a change did, $(sed -n 's/^targets: /targets /p' "$dir/validate.txt").

END
sed -n '/^family  /,/^out of reach:/p' "$dir/validate.txt" |
	sed '/^out of reach:/d' >"$dir/families.txt"
block "$dir/families.txt"
echo '![Effects, predicted against published](validation-effect.png)'
echo
echo '### Every point'
echo
echo 'Below each table: its three heaviest assumed costs at the ends of their ranges,'
echo 'and where a sign that is asked for flips, between there and where the cost is.'
echo
sed '/^family  /,$d' "$dir/validate.txt" | fold -s -w 108 >"$dir/points.txt"
block "$dir/points.txt"
echo '### Out of reach, and whether profiles are as listed'
echo
sed -n '/^out of reach:/,$p' "$dir/validate.txt" | fold -s -w 100 >"$dir/reach.txt"
block "$dir/reach.txt"
cat <<'END'
## Real captures

`mmreplay fidelity`: a capture replayed under its own kernel, with recorded and
with the model's costs, predicted beside recorded; "untraced": without the
tracer's time, beside what the program measured when nobody traced it.

END
block "$dir/targets-captures.txt"
echo '### Every row'
echo
sed "s|$dir/||; /^targets, /,/^$/d" "$dir/fidelity.txt" >"$dir/fidelity-page.txt"
block "$dir/fidelity-page.txt"
cat <<'END'
## Out of sample

`mmreplay fidelity --costs-from ONE OTHER`: costs fitted to captures of one thread
(`calibrate --fit`: lower quartiles) predict one of two. The order of calls, the
think time and who runs on which CPU are those of the second; costs of interrupts,
wake-ups and idle exits are those of the profile, whose `fitted_to` names
pin-churn2, mix-touch and mix-populate.

END
block "$dir/targets-sample.txt"
for f in "${samples[@]}"; do
	sed '/^targets, /,/^$/d; /^spread: /,$d' "$f" | fold -s -w 100 >"$f.page"
	block "$f.page"
done
cat <<'END'
## Across kernels

`mmreplay fidelity --kernel K A --reference B`: the calls of one kernel's capture
replayed under another kernel's preset, counts beside what that kernel counted.
All captures are of emulated machines: counts only. Every pair of captures of a
program is here; of 5.10 there is none with mmap_lock events, and 6.18 has none of
bigunmap and vmapgen.

END
block "$dir/across.txt"
