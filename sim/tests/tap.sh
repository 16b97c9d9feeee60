# For test scripts; sourced from the top of the tree. One TAP line a call; a
# failure shows the log, or the ends of $tmp/out and $tmp/err.
n=0

result()	# STATUS NAME [LOG]
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
		return
	fi
	if [ -n "${3-}" ]; then
		tail -n 40 "$3"
	else
		tail -c 2000 "$tmp/out" "$tmp/err" 2>/dev/null
	fi | sed 's/^/# /'
	echo "not ok $n - $2"
}
