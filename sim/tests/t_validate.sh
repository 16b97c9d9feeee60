#!/bin/bash
# Pins `mmreplay validate`: two small results run and scored, the null predictor
# misses every target of every bundled result, a number of a profile that
# changes without fits.txt fails, a fit must be named by its profile, wrong
# input is refused by name. With MMREPLAY_LONG the whole set runs. Does not pin
# any score: VALIDATION.md has them.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
MMREPLAY_LONG=${MMREPLAY_LONG:-0}
cp -r scenarios "$tmp/scenarios"
export MMREPLAY_DATA=$tmp
list=$tmp/scenarios/published/fits.txt

result()	# STATUS NAME
{
	n=$((n + 1))
	[ "$1" = 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}

# The list as it is once the rows of today's profiles were checked.
stamp()
{
	: >"$list"
	"$MMREPLAY" validate --null 2>/dev/null | grep -A1 '^machine .*fits.txt' |
		grep -v '^machine\|^--' >"$tmp/fits"
	cp "$tmp/fits" "$list"
}

some()		# OPTIONS..
{
	"$MMREPLAY" validate munmap-hold fork-mt-dup-v2 -q -o "$tmp/v" "$@"
}

echo "1..$((MMREPLAY_LONG ? 15 : 14))"
stamp
some >"$tmp/out" 2>"$tmp/err"
grep -q '^ *6421 .* +53.0 %' "$tmp/out" && grep -q '^munmap-hold ' "$tmp/out" &&
	grep -q '^out of reach:' "$tmp/out"
result $? "points, families and what is out of reach are printed"
some --json >"$tmp/json" 2>/dev/null
keys=$(tr -d '\n' <"$tmp/json" | grep -o '"\(points\|families\|null\)": [[{]' | wc -l)
[ "$keys" -ge 3 ] && grep -q '"effect_predicted": ' "$tmp/json"
result $? "JSON has points, families and null"
cp "$tmp/json" "$tmp/first"
some --json >"$tmp/json" 2>/dev/null
cmp -s "$tmp/first" "$tmp/json"
result $? "the same bytes again"
"$MMREPLAY" validate munmap-hold -q -o "$tmp/v" --ends >"$tmp/out" 2>/dev/null
[ "$(grep -c '^  [a-z_0-9]*_ns  *[0-9]* ' "$tmp/out")" = 6 ] &&
	[ -d "$tmp/v/munmap-hold/costs/zone_page_ns=15" ] &&
	grep -q 'no sign that is asked for flips' "$tmp/out"
result $? "--ends: three assumed costs at both ends of their ranges"
"$MMREPLAY" plot "$tmp/v/munmap-hold" effect reference >"$tmp/plots" 2>/dev/null
grep -q 'effect.png$' "$tmp/plots" && grep -q 'reference.png$' "$tmp/plots"
result $? "effect and reference are drawn from the folder"

"$MMREPLAY" validate --null >"$tmp/null" 2>"$tmp/err"
[ $? = 1 ] && grep -q '^targets: 0 met, [1-9]' "$tmp/null"
result $? "the null predictor meets no target"
! grep -q '^machine .* fits.txt' "$tmp/null"
result $? "profiles agree with their list"

sed -i 's/\(zap_page_ns:\)/\1/; /zap_page_ns:/{n;s/value: [0-9]*/value: 61/}' \
	"$tmp/scenarios/machines/xeon-e5-2680-2s.yaml"
"$MMREPLAY" validate --null >"$tmp/out" 2>"$tmp/err"
[ $? = 1 ] && grep -q '^machine xeon-e5-2680-2s has other numbers' "$tmp/out" &&
	grep -q 'do not agree with' "$tmp/err"
result $? "a number that changed without its list fails"
sed -i 's/^fitted_to:$/fitted_to:\n  - "another row"/' \
	"$tmp/scenarios/machines/xeon-e5-2680-2s.yaml"
"$MMREPLAY" validate --null >"$tmp/out" 2>/dev/null
grep -q '^machine xeon-e5-2680-2s changed, and so did fitted_to' "$tmp/out"
result $? "and still with another list of rows, until it is checked"
sed -i 's/"another row"/"munmap-hold: fitted"/' \
	"$tmp/scenarios/machines/xeon-e5-2680-2s.yaml"
"$MMREPLAY" validate munmap-hold --null >/dev/null 2>"$tmp/err"
[ $? = 1 ] && grep -q 'not of class fitted, but machine' "$tmp/err"
result $? "no prediction of what the profile was fitted to"
sed -i 's/class: sign-only/class: fitted/' \
	"$tmp/scenarios/published/munmap-hold-320.yaml"
"$MMREPLAY" validate munmap-hold-320 --null >/dev/null 2>"$tmp/err"
[ $? = 1 ] && grep -q "has no row 'munmap-hold-320: ..'" "$tmp/err"
result $? "a fit that the profile does not name is refused"
sed -i 's/after: 8000/after: 0/' "$tmp/scenarios/published/munmap-hold-320.yaml"
"$MMREPLAY" validate munmap-hold-320 --null >/dev/null 2>"$tmp/err"
[ $? = 1 ] && grep -q 'munmap-hold-320.yaml:[0-9]*:[0-9]*: .*above 0' "$tmp/err"
result $? "a wrong point is refused with its place"
"$MMREPLAY" validate munmap-holt >/dev/null 2>"$tmp/err"
[ $? = 2 ] && grep -q "did you mean 'munmap-hold'" "$tmp/err"
result $? "an unknown result is refused, its neighbour named"
"$MMREPLAY" validate --bogus >/dev/null 2>"$tmp/err"
[ $? = 2 ]
result $? "an unknown option is refused"

[ "$MMREPLAY_LONG" = 0 ] && exit 0
unset MMREPLAY_DATA
"$MMREPLAY" validate -q -o "$tmp/all" --json >"$tmp/all.json" 2>"$tmp/err"
grep -q '"targets_met"' "$tmp/all.json" && ! grep -q 'fits.txt' "$tmp/err"
result $? "the whole set runs, and fits.txt is that of the profiles"
