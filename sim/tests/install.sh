#!/bin/bash
# make install: everything under DESTDIR/PREFIX. The program finds its data from
# where it stands, so an installed tree may be moved afterwards.
#
#   bin/mmreplay
#   share/mmreplay/{scenarios,traces/samples}   as in the source tree
#   share/man/man1, share/bash-completion, share/zsh, share/doc/mmreplay
#   include/mmreplay, lib/pkgconfig             for policies as plug-ins
set -euo pipefail

build=${BUILD:-build} prefix=${PREFIX:-/usr/local}
to=${DESTDIR:-}$prefix
program=$build/mmreplay
version=$("$program" --version)
version=${version#* }

# copy DIR FILE...: with their paths, below DIR
copy()
{
	local dir=$1 f
	shift
	for f; do
		install -D -m 644 "$f" "$dir/$f"
	done
}

files()
{
	find "$@" -type f ! -path '*/tests/*' | LC_ALL=C sort
}

install -D -m 755 "$program" "$to/bin/mmreplay"

mapfile -t data < <(files scenarios traces/samples)
copy "$to/share/mmreplay" "${data[@]}"

rm -rf "$build/man"
sim/tests/man.sh "$program" "$build/man"
for page in "$build"/man/*.1; do
	install -D -m 644 "$page" "$to/share/man/man1/${page##*/}"
done

bash_dir=$to/share/bash-completion/completions
zsh_dir=$to/share/zsh/site-functions
mkdir -p "$bash_dir" "$zsh_dir"
cat sim/commands/completion.sh sim/commands/completion.bash >"$bash_dir/mmreplay"
{
	echo '#compdef mmreplay'
	cat sim/commands/completion.sh sim/commands/completion.zsh
} >"$zsh_dir/_mmreplay"

# What a policy may include: its own room and those below it.
rooms=()
for room in base engine machine sync metrics mm policy; do
	rooms+=("sim/$room")
done
mapfile -t headers < <(files "${rooms[@]}" traces/trace.h | grep -E '\.(h|def)$')
copy "$to/include/mmreplay" "${headers[@]}"

mkdir -p "$to/lib/pkgconfig"
cat >"$to/lib/pkgconfig/mmreplay.pc" <<END
prefix=$prefix
includedir=\${prefix}/include/mmreplay
datadir=\${prefix}/share/mmreplay

Name: mmreplay
Description: headers for policies that mmreplay loads with --plugin
Version: $version
Cflags: -I\${includedir} -std=gnu17 -D_GNU_SOURCE -fPIC
END

docs=$to/share/doc/mmreplay
for doc in LICENSE README.md traces/FORMAT.md sim/policy/skeleton.c; do
	[ ! -e "$doc" ] || install -D -m 644 "$doc" "$docs/${doc##*/}"
done
