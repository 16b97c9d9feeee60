#!/bin/bash
# Opens the HTML report in a real headless browser (only with MMREPLAY_LONG=1,
# and where there is one): it loads its pictures, sorts by a
# click and back, fits a phone, and shows hostile text as text.
set -u
data=analysis/tests/data
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
names='loads-pictures sorts-by-click sorts-back fits-phone no-foreign-script dark-differs'
echo "1..$(wc -w <<<"$names")"
if [ -z "${MMREPLAY_LONG-}" ] || [ -z "$browser" ]; then
	n=0
	for name in $names; do
		n=$((n + 1))
		echo "ok $n - $name # SKIP needs MMREPLAY_LONG=1 and chromium"
	done
	exit 0
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp -r "$data/small" "$tmp/r"
sed -i 's/munmap=downgrade/<script>document.title=1<\/script><img src=x onerror=document.title=2>/' \
	"$tmp/r/results.json" "$tmp"/r/cells/*.json
"$MMREPLAY" report "$tmp/r" >/dev/null || exit 1

# A probe at the end of a copy of the page writes what it saw into the page.
cat >"$tmp/probe" <<'JS'
<script>
window.addEventListener('load',function(){
 var say={},images=Array.from(document.images);
 say['loads-pictures']=images.length>=8&&images.every(function(i){return i.naturalWidth>100});
 var table=document.querySelector('table.sortable'),body=table.tBodies[0];
 var values=function(){return Array.from(body.rows).map(function(r){return +r.cells[1].dataset.v})};
 var ascending=function(v){return v.every(function(x,i){return !i||v[i-1]<=x})};
 var button=table.querySelectorAll('button.sort')[1];
 button.click();
 say['sorts-by-click']=ascending(values())&&button.closest('th').getAttribute('aria-sort')==='ascending';
 button.focus();
 say['sorts-back']=document.activeElement===button&&(button.click(),ascending(values().reverse()));
 say['fits-phone']=document.documentElement.scrollWidth<=window.innerWidth;
 say['no-foreign-script']=document.title.length>5&&document.querySelectorAll('img[src="x"]').length===0;
 say['background']=getComputedStyle(document.body.parentElement).backgroundColor;
 document.body.dataset.probe=JSON.stringify(say);
});
</script>
JS
sed -e "/<\/body>/{
r $tmp/probe
N
}" "$tmp/r/report.html" >"$tmp/page.html"

dom()	# FLAGS.. FILE
{
	"$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync \
		--user-data-dir="$tmp/profile" --virtual-time-budget=8000 --dump-dom "$@" 2>/dev/null |
		grep -o 'data-probe="[^"]*"' | sed 's/&quot;/"/g'
}

dom --window-size=1200,900 "file://$tmp/page.html" >"$tmp/wide"
dom --window-size=500,900 "file://$tmp/page.html" >"$tmp/narrow"
dom --blink-settings=preferredColorScheme=0 "file://$tmp/page.html" >"$tmp/dark"
n=0
for name in $names; do
	n=$((n + 1))
	case $name in
	fits-phone)	grep -q '"fits-phone":true' "$tmp/narrow" ;;
	dark-differs)	a=$(grep -o '"background":"[^"]*"' "$tmp/wide")
			b=$(grep -o '"background":"[^"]*"' "$tmp/dark")
			[ -n "$a" ] && [ -n "$b" ] && [ "$a" != "$b" ] ;;
	*)		grep -q "\"$name\":true" "$tmp/wide" ;;
	esac
	if [ $? = 0 ]; then
		echo "ok $n - $name"
	else
		sed 's/^/# /' "$tmp/wide" "$tmp/narrow" "$tmp/dark"
		echo "not ok $n - $name"
	fi
done
