#!/bin/bash
# make install: everything under DESTDIR/PREFIX; with --remove those files go, and
# the program's own folders where nothing else is in them. The program finds its
# data from where it stands, so an installed tree may be moved afterwards.
#
#   bin/mmreplay
#   share/mmreplay/{scenarios,traces/samples}   as in the source tree
#   share/mmreplay/files                        every file of these, below PREFIX
#   share/man/man1, share/bash-completion, share/zsh
#   share/doc/mmreplay                          README.md and what it links to
#   include/mmreplay, share/pkgconfig           for policies as plug-ins
#
# The manual is what the program says of itself, so it has to run: RUN is put
# in front of it where it was built for another machine.
set -euo pipefail
umask 022

build=${BUILD:-build} prefix=${PREFIX:-/usr/local} version=${VERSION:-0}
to=${DESTDIR:-}$prefix
program=$build/mmreplay
bash_page=$to/share/bash-completion/completions/mmreplay
zsh_page=$to/share/zsh/site-functions/_mmreplay
about=$to/share/pkgconfig/mmreplay.pc
doc=$to/share/doc/mmreplay
list=share/mmreplay/files

case $prefix in
*[\"\\\$\#\`]* | *$'\n'*)
	echo "PREFIX=$prefix: expected none of \" \\ \$ # \`, which mmreplay.pc cannot hold" >&2
	exit 1 ;;
/*)	;;
*)	echo "PREFIX=$prefix: expected a path that begins with /" >&2
	exit 1 ;;
esac

if [ "${1-}" = --remove ]; then
	if [ ! -r "$to/$list" ]; then
		echo "$to/$list: not there, and it says what to remove." >&2
		echo "Installed by an older version? then make install over it, with the same PREFIX and DESTDIR, and uninstall again" >&2
		exit 1
	fi
	mapfile -t files < <(grep -vE '^/|(^|/)\.\.(/|$)|^$' "$to/$list" | grep -vxF "$list")
	for file in "${files[@]}" "$list"; do	# the list last: may be done again
		rm -f "$to/$file"
	done
	for folder in "$to"/{share/mmreplay,include/mmreplay} "$doc"; do
		[ ! -d "$folder" ] || find "$folder" -depth -type d -empty -delete
	done
	exit 0
fi

# copy DIR FILE...: with their paths, below DIR; modes of the place, not of the tree
copy()
{
	local dir=$1
	shift
	mkdir -p "$dir"
	tar -c --mode=u=rw,go=r "$@" | tar -x -C "$dir" --no-same-owner
}

files()
{
	find "$@" -type f ! -path '*/tests/*' | LC_ALL=C sort
}

# linked FILE: what a text of the tree links to
linked()
{
	grep -o '](\([^)#:]*\))' "$1" | sed 's/^](//; s/)$//' | while read -r link; do
		realpath -m --relative-to=. "$(dirname "$1")/$link"
	done
}

read -ra run <<<"${RUN-}"
if ! said=$("${run[@]}" "$program" --version 2>&1); then
	echo "$program does not run here: $said" >&2
	echo "built for another machine? then RUN='qemu-aarch64 -L /' or the like" >&2
	exit 1
fi
rm -rf "$build/man"
DAY=${DAY-} RUN=${RUN-} sim/tests/man.sh "$program" "$build/man"

install -D -m 755 "$program" "$to/bin/mmreplay"
install -d "$to/share/man/man1"
install -m 644 "$build"/man/*.1 "$to/share/man/man1"

mapfile -t data < <(files scenarios traces/samples)
copy "$to/share/mmreplay" "${data[@]}"

# What a policy may include: its own room and those below it.
rooms=()
for room in base engine machine sync metrics mm policy; do
	rooms+=("sim/$room")
done
mapfile -t headers < <(files "${rooms[@]}" traces/trace.h | grep -E '\.(h|def)$')
copy "$to/include/mmreplay" "${headers[@]}"

mkdir -p "${bash_page%/*}" "${zsh_page%/*}" "${about%/*}"
cat sim/commands/completion.sh sim/commands/completion.bash >"$bash_page"
{
	echo '#compdef mmreplay'
	cat sim/commands/completion.sh sim/commands/completion.zsh
} >"$zsh_page"
cat >"$about" <<END
prefix=$prefix
includedir=\${prefix}/include/mmreplay
datadir=\${prefix}/share/mmreplay

Name: mmreplay
Description: headers for policies that mmreplay loads with --plugin
Version: $version
Cflags: -I"\${includedir}" -std=gnu17 -D_GNU_SOURCE
END

texts=(README.md traces/FORMAT.md)
for ((i = 0; i < ${#texts[@]}; i++)); do	# it grows meanwhile
	[[ ${texts[i]} == *.md ]] || continue
	for text in $(linked "${texts[i]}"); do
		[[ " ${texts[*]} " == *" $text "* ]] || texts+=("$text")
	done
done
copy "$doc" "${texts[@]}"
install -m 644 sim/policy/skeleton.c "$doc"

# What an earlier version brought stays listed; its list of folders is no more.
rm -f "$to/share/mmreplay/folders"
{
	printf '%s\n' bin/mmreplay "$list" "${bash_page#"$to/"}" "${zsh_page#"$to/"}" "${about#"$to/"}"
	(cd "$build/man" && printf 'share/man/man1/%s\n' *.1)
	printf 'share/mmreplay/%s\n' "${data[@]}"
	printf 'include/mmreplay/%s\n' "${headers[@]}"
	printf 'share/doc/mmreplay/%s\n' "${texts[@]}" skeleton.c
	[ ! -e "$to/$list" ] || cat "$to/$list"
} | LC_ALL=C sort -u >"$to/$list.new"
mv "$to/$list.new" "$to/$list"
