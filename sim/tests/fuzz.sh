#!/bin/bash
# make fuzz: libFuzzer on every reader of foreign bytes, FUZZ_SECONDS each
# (default 600), two at a time, T=word for those whose name contains it. Starts from the
# committed seeds; what it learns stays in BUILD/fuzz/corpus, what it finds in
# BUILD/fuzz/found. A finding becomes a seed under */tests/fuzz/ once mended.
# Prints TAP, one line a reader. Exit 1 if something was found.
set -u
export LC_ALL=C

build=${BUILD:-build}/fuzz	# relative where BUILD is: make takes no blanks
seconds=${FUZZ_SECONDS:-600}
export MMREPLAY_DATA=$PWD
program=$build/readers

skip()
{
	echo "1..1"
	echo "ok 1 - fuzz # SKIP $1"
	exit 0
}

command -v clang >/dev/null 2>&1 || skip 'no clang (make deps-long)'
mkdir -p "$build"
echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d == 0 && n; }' >"$build/probe.c"
clang -fsanitize=fuzzer,address "$build/probe.c" -o "$build/probe" 2>/dev/null ||
	skip 'clang has no libFuzzer (make deps-long: libclang-rt)'

# The test library as it is, with coverage; entry.c is linked only here.
flags='-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -DMMREPLAY_TEST'
flags="$flags -fsanitize=fuzzer-no-link,address,undefined"
make --no-print-directory -s -j"$(nproc)" CC=clang BUILD="$build" SAN="$flags" \
	"$build/test/libmmreplay.a" >"$build/make.log" 2>&1 ||
	{ tail -n 20 "$build/make.log" >&2; exit 1; }
clang -g -fsanitize=fuzzer,address,undefined -o "$program" \
	"$build/test/sim/tests/fuzz/entry.o" "$build/test/libmmreplay.a" \
	-rdynamic $(pkg-config --libs yaml-0.1 libzstd zlib jansson) \
	$(pkg-config --libs libtracefs libtracecmd 2>/dev/null) -lcmocka -lm -ldl -lpthread ||
	exit 1

mapfile -t targets < <("$program" | grep -- "${T:-}")
if [ ${#targets[@]} = 0 ]; then
	echo "fuzz: no reader has '$T' in its name; there are:" $("$program" | cut -d' ' -f1) >&2
	exit 1
fi
export ASAN_OPTIONS=detect_stack_use_after_return=0:${ASAN_OPTIONS:-}
export program build seconds

fuzz_one()	# "NAME SEEDS"
{
	local name=${1%% *} seeds=${1#* }
	mkdir -p "$build/corpus/$name" "$build/found"
	FUZZ_TARGET=$name "$program" -max_total_time="$seconds" -timeout=20 \
		-rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="$build/found/$name-" \
		"$build/corpus/$name" "$seeds" >"$build/$name.log" 2>&1
	echo $? >"$build/$name.end"
}
export -f fuzz_one
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "${FUZZ_JOBS:-2}" bash -c 'fuzz_one "$0"'

n=0 failed=0
echo "1..${#targets[@]}"
for target in "${targets[@]}"; do
	name=${target%% *}
	n=$((n + 1))
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
	covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$build/$name.log" | tail -n 1)
	if [ "$(cat "$build/$name.end")" = 0 ]; then
		echo "ok $n - $name: ${runs:-0} inputs in $seconds s, $covered edges"
	else
		failed=1
		echo "not ok $n - $name"
		grep -aE 'ERROR|BUG|runtime error|^    #[0-9]+ .* in |Test unit written' "$build/$name.log" |
			sed 's/0x[0-9a-f]* in //; s/ (BuildId.*//; /fuzzer::\|libc/d' |
			awk '/LLVMFuzzerTestOneInput/ { deep = 1 } !deep || !/^ +#/' | head -n 24 | sed 's/^/# /'
	fi
done
exit $failed
