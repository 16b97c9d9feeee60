# For the long_*.sh tests; sourced. TAP with one result a call, and one fixed
# piece of work whose result folder can be compared byte by byte.
set -u
export LC_ALL=C MMREPLAY_DATA=$PWD
build=$(realpath -m "$BUILD")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
. sim/tests/tap.sh

skip()		# NAME REASON
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# build_as NAME MAKE-WORDS..: the program, in a build folder of its own
build_as()
{
	local dir=$build/$1
	shift
	make --no-print-directory -s -j"$(nproc)" BUILD="$dir" "$@" >"$tmp/make.log" 2>&1
}

# work FOLDER COMMAND..: COMMAND generates a trace, runs it under several
# kernels and policies, and imports a text capture
work()
{
	local to=$1
	shift
	mkdir -p "$to" && (
		cd "$to" &&
		"$@" generate mmap-churn threads=4 loops=150 -o churn.mmt &&
		"$@" generate vmalloc-pairs jobs=4 loops=100 -o vmalloc.mmt &&
		"$@" import "$MMREPLAY_DATA/traces/tests/fuzz/import-trace-cmd/ns.txt" -o text.mmt &&
		"$@" run churn.mmt -o churn -q --set machine=desktop-8cpu \
			--set kernel=linux-6.12 --set replay.replicates=2 \
			--policy mm_lock=mm-wide --policy kernel=linux-4.19 &&
		"$@" run vmalloc.mmt -o vmalloc -q --set machine=vm-2cpu --set kernel=linux-6.1 &&
		rm -f churn/host.json vmalloc/host.json
	) >"$to.log" 2>&1
}

# same_bytes NAME A B: two folders of work()
same_bytes()
{
	diff -r "$2" "$3" >"$tmp/diff" 2>&1
	result $? "$1" "$tmp/diff"
}

# said_same A B: what two runs printed, but for the sentence that names the folder
said_same()
{
	cmp -s <(sed '/^which cost could undo/,/^$/d' "$1") <(sed '/^which cost could undo/,/^$/d' "$2")
}
