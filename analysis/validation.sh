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

# Unpacked captures if they are there, else the bundled samples.
traces()
{
	local name f

	for name in pin-churn1 pin-churn2 pin-pft1 pin-pft2; do
		for f in "$captures/native/$name"/trace*.txt.zst; do
			[ -f "$f" ] || continue
			mkdir -p "$dir/$name"
			cp "$captures/native/$name/capture.json" "$dir/$name"
			"$program" import "$f" -o "$dir/$name/$name.mmt" >/dev/null 2>&1 &&
				echo "$dir/$name/$name.mmt"
			break
		done
	done
	ls traces/samples/*.mmt
}

"$program" validate -q -o "$dir/published" >"$dir/validate.txt" 2>"$dir/validate.err"
[ -s "$dir/validate.txt" ] || { cat "$dir/validate.err" >&2; exit 1; }
"$program" validate -q -o "$dir/published" --json >"$dir/validate.json" 2>/dev/null
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

cat <<END
# Validation

Made by \`make validation\` with $("$program" --version). Do not edit: run it
again and \`git diff\`. The JSON behind each part is in \`build/validation/\`.

## Published results

\`mmreplay validate\`: what a change did, $(sed -n 's/^targets: /targets /p' "$dir/validate.txt");
the null predictor, which says that nothing changes, $(sed -n 's/^targets: //p' "$dir/null.txt").

END
sed -n '/^family  /,/^out of reach:/p' "$dir/validate.txt" |
	sed '/^out of reach:/d' >"$dir/families.txt"
block "$dir/families.txt"
echo '![Effects, predicted against published](validation-effect.png)'
echo
echo '### Every point'
echo
sed '/^family  /,$d' "$dir/validate.txt" | fold -s -w 100 >"$dir/points.txt"
block "$dir/points.txt"
echo '### Out of reach, and whether profiles are as listed'
echo
sed -n '/^out of reach:/,$p' "$dir/validate.txt" | fold -s -w 100 >"$dir/reach.txt"
block "$dir/reach.txt"
cat <<'END'
## Real captures

`mmreplay fidelity`: a capture replayed under its own kernel, with recorded and
with the model's costs, predicted beside recorded.

END
sed "s|$dir/||" "$dir/fidelity.txt" >"$dir/fidelity-page.txt"
block "$dir/fidelity-page.txt"

# what ONE capture's costs say of another; what one kernel's calls do on another
imported()	# FOLDER FILE NAME: the trace, or nothing
{
	[ -f "$captures/$1/$2" ] || return 1
	[ -f "$dir/$3.mmt" ] ||
		"$program" import "$captures/$1/$2" -o "$dir/$3.mmt" >/dev/null 2>&1
}

section()	# FILE COMMAND..: its text as a block, its JSON beside
{
	local out=$1
	shift
	"$program" "$@" -q -o "$dir/$out" 2>&1 | sed "s|$dir/||g" |
		fold -s -w 100 >"$dir/$out.txt"
	"$program" "$@" -q -o "$dir/$out" --json >"$dir/$out.json" 2>/dev/null
	block "$dir/$out.txt"
}

cat <<'END2'
## Out of sample

`mmreplay fidelity --costs-from ONE TWO`: costs fitted to the capture of one thread
(`calibrate --fit`: lower quartiles) predict the capture of two. The order of calls
and the think time are those of the second; costs of interrupts, wake-ups and idle
exits are those of the profile, whose `fitted_to` names pin-churn2 and mix-touch.

END2
for pair in 'pin-churn1 pin-churn2' 'pin-pft1 pin-pft2'; do
	read -r one two <<<"$pair"
	imported "native/$one" trace.ns.txt.zst "$one" &&
		imported "native/$two" trace.ns.txt.zst "$two" || continue
	section "out-of-sample-$two" fidelity --costs-from "$dir/$one.mmt" "$dir/$two.mmt"
done
cat <<'END2'
## Across kernels

`mmreplay fidelity --kernel K A --reference B`: the calls of one kernel's capture
replayed under another kernel's preset, counts beside what that kernel counted.
Both captures are of emulated machines: counts only.

END2
for load in churn2 forker thrstorm; do
	imported "tcg/6.18.15-smp2/$load" "$load.trace0.txt.zst" "6.18-$load" &&
		imported "tcg/6.1.0-smp2/$load" "$load.trace0.txt.zst" "6.1-$load" ||
		continue
	section "across-$load" fidelity --kernel linux-6.1 "$dir/6.18-$load.mmt" \
		--reference "$dir/6.1-$load.mmt"
done
