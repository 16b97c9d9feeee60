#!/bin/bash
# Pins that the program builds for arm64 and gives the same bytes there, run
# under qemu-user: switching of fibers, sizes, rounding. Its manual is made by it.
. sim/tests/long_lib.sh
echo 1..3

why=
libs=/usr/lib/aarch64-linux-gnu
command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 || why='no aarch64-linux-gnu-gcc'
command -v qemu-aarch64 >/dev/null 2>&1 || why="${why:+$why, }no qemu-aarch64"
for lib in yaml zstd jansson z; do
	[ -e $libs/lib$lib.so ] || why="${why:+$why, }no lib$lib for arm64"
done
if [ -n "$why" ]; then
	skip 'builds for arm64' "$why (make deps-long)"
	skip 'arm64: installs with RUN' 'not built'
	skip 'arm64: same bytes' 'not built'
	exit 0
fi
export PKG_CONFIG_LIBDIR=$libs/pkgconfig:/usr/share/pkgconfig
build_as arm64 CC=aarch64-linux-gnu-gcc all
status=$?
result $status 'builds for arm64' "$tmp/make.log"
if [ $status != 0 ]; then
	skip 'arm64: installs with RUN' 'not built'
	skip 'arm64: same bytes' 'not built'
	exit 0
fi
build_as arm64 CC=aarch64-linux-gnu-gcc RUN='qemu-aarch64 -L /' PREFIX=/usr DESTDIR="$tmp/stage" install
[ $? = 0 ] && [ -s "$tmp/stage/usr/share/man/man1/mmreplay-run.1" ] &&
	readelf -h "$tmp/stage/usr/bin/mmreplay" | grep -q AArch64
result $? 'arm64: installs with RUN' "$tmp/make.log"
work "$tmp/native" "$build/mmreplay" &&
	work "$tmp/arm64" qemu-aarch64 -L / "$build/arm64/mmreplay" &&
	same_bytes 'arm64: same bytes' "$tmp/native" "$tmp/arm64" ||
	result 1 'arm64: same bytes' "$tmp/arm64.log"
