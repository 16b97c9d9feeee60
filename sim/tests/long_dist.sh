#!/bin/bash
# Pins that the archive of `make dist` is all that a packager needs: it builds
# without git, with a distribution's flags and without a word, to the same
# bytes from two folders, writes nothing beside BUILD, knows its commit, tests
# and installs itself, and a policy of one's own is compiled against what was
# installed. Does not pin the packages of any distribution.
. sim/tests/long_lib.sh
echo 1..8

if ! git rev-parse --verify -q HEAD >/dev/null; then
	while [ $n -lt 8 ]; do
		skip 'the archive' 'no git checkout'
	done
	exit 0
fi
commit=$(git describe --always --abbrev=12)
make -s dist BUILD="$tmp/dist" >"$tmp/log" 2>&1
result $? 'make dist' "$tmp/log"
mkdir -p "$tmp/one" "$tmp/two/deeper"
for dir in "$tmp/one" "$tmp/two/deeper"; do
	tar -xzf "$tmp"/dist/*.tar.gz -C "$dir" --strip-components=1
done

export CFLAGS='-g -O2 -fstack-protector-strong -fstack-clash-protection -Wformat -Werror=format-security'
export CPPFLAGS='-Wdate-time -D_FORTIFY_SOURCE=2' LDFLAGS='-Wl,-z,relro -Wl,-z,now'
make -s -C "$tmp/one" -j"$(nproc)" all >"$tmp/log" 2>&1
status=$?
grep -ivE '^  (CC|LINK) ' "$tmp/log" && status=1
result $status "builds with a distribution's flags, without a word" "$tmp/log"
touch "$tmp/stamp"
make -s -C "$tmp/two/deeper" -j"$(nproc)" BUILD="$tmp/out" all >"$tmp/log" 2>&1 &&
	cmp "$tmp/one/build/mmreplay" "$tmp/out/mmreplay" >>"$tmp/log" 2>&1
result $? 'same bytes from another folder' "$tmp/log"
find "$tmp/two" -newer "$tmp/stamp" >"$tmp/log"
[ ! -s "$tmp/log" ]
result $? 'with BUILD elsewhere nothing is written into the source' "$tmp/log"
program=$tmp/out/mmreplay
{ "$program" --version; readelf -d "$program"; } >"$tmp/log" 2>&1
grep -qx "commit $commit" "$tmp/log" && grep -q 'BIND_NOW\|Flags:.*NOW' "$tmp/log" &&
	! grep -qi 'rpath\|runpath' "$tmp/log"
result $? 'knows its commit; LDFLAGS arrive; no rpath' "$tmp/log"

make -s -C "$tmp/two/deeper" BUILD="$tmp/out" PREFIX=/opt/m DESTDIR="$tmp/stage" install >"$tmp/log" 2>&1
result $? 'installs' "$tmp/log"
mkdir "$tmp/empty"
(
	cd "$tmp/empty" && unset MMREPLAY_DATA CFLAGS CPPFLAGS LDFLAGS || exit 1
	export PATH=$tmp/stage/opt/m/bin:$PATH PKG_CONFIG_SYSROOT_DIR=$tmp/stage
	export PKG_CONFIG_PATH=$tmp/stage/opt/m/share/pkgconfig
	cp "$tmp/stage/opt/m/share/doc/mmreplay/skeleton.c" . &&
	"${CC:-gcc}" -shared -fPIC $(pkg-config --cflags mmreplay) -Wall -Werror skeleton.c -o skeleton.so &&
	mmreplay generate mmap-churn loops=50 -o t.mmt &&
	mmreplay run t.mmt --plugin ./skeleton.so --policy mm_lock=skeleton
) >"$tmp/log" 2>&1 && grep -q 'mm_lock=skeleton' "$tmp/log"
result $? 'and a policy is built in an empty folder from what was installed' "$tmp/log"

unset CFLAGS CPPFLAGS LDFLAGS
env -u MMREPLAY_LONG -u MMREPLAY -u MMREPLAY_ASAN -u MMREPLAY_DATA \
	make -s -C "$tmp/one" -j"$(nproc)" test T=t_base >"$tmp/log" 2>&1
result $? 'runs tests of its own' "$tmp/log"
