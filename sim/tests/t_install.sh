#!/bin/bash
# Pins what `make install` and `make dist` leave: a program that finds its data
# from where it stands, modes that everybody can read, a manual page for every sub-command that groff takes
# without a word, headers that need nothing else, completion that knows commands,
# options and names, and an archive that carries the version. Does not pin the
# wording of any page.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

result()	# STATUS NAME
{
	n=$((n + 1))
	[ "$1" = 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}

skip()	# NAME REASON
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

echo 1..20
build=$(realpath "$BUILD")
prefix=$tmp/usr
export BUILD=$build DESTDIR=$tmp/stage PREFIX="/opt/m o'd&" VERSION=1.2.3
mkdir -p "$DESTDIR$PREFIX/bin"		# was there before
(umask 077 && sim/tests/install.sh) >"$tmp/log" 2>&1 &&
	[ -x "$tmp/stage$PREFIX/bin/mmreplay" ] &&
	grep -qxF "prefix=$PREFIX" "$tmp/stage$PREFIX/share/pkgconfig/mmreplay.pc"
result $? 'install with DESTDIR and PREFIX'
find "$tmp"/stage/* \( -type d ! -perm 755 -o -type f ! -name mmreplay ! -perm 644 \) >"$tmp/out"
[ ! -s "$tmp/out" ]
result $? 'everybody may read it, whatever the umask was'
root=$tmp/stage$PREFIX
(cd "$root" && find . ! -type d | sed 's,^\./,,' | LC_ALL=C sort | diff share/mmreplay/files -) >"$tmp/out" 2>&1
result $? 'share/mmreplay/files is what was installed, below PREFIX and nothing of DESTDIR'
cp -r "$tmp/stage" "$tmp/gone"
root=$tmp/gone$PREFIX
mine=(share/mmreplay/scenarios/machines/my-host.yaml share/man/man1/mmreplay-mine.1
	include/mmreplay/sim/mine.h share/doc/mmreplay/mine/text bin/other)
for file in "${mine[@]}"; do
	mkdir -p "$root/${file%/*}" && echo mine >"$root/$file"
done
DESTDIR=$tmp/gone sim/tests/install.sh --remove >"$tmp/out" 2>&1 &&
	[ "$(cd "$root" && find . ! -type d | LC_ALL=C sort)" = \
		"$(printf './%s\n' "${mine[@]}" | LC_ALL=C sort)" ] &&
	[ ! -e "$root/share/mmreplay/traces" ] && [ -d "$root/share/pkgconfig" ]
result $? 'uninstall takes the files that install brought, no other'
cp -r "$tmp/stage" "$tmp/none" && DESTDIR=$tmp/none sim/tests/install.sh --remove >"$tmp/out" 2>&1 &&
	! ls -d "$tmp/none$PREFIX"/{share,include,share/doc}/mmreplay >"$tmp/out" 2>/dev/null &&
	[ -z "$(find "$tmp/none" ! -type d)" ]
result $? 'and its own folders, where they are empty'
! DESTDIR=$tmp/none sim/tests/install.sh --remove >"$tmp/out" 2>&1 &&
	grep -q '/share/mmreplay/files: not there' "$tmp/out" && grep -q 'make install over it' "$tmp/out"
result $? 'uninstall says where there is no list of what to remove'
(cd "$tmp/stage$PREFIX/share/doc/mmreplay" && find . -name '*.md' | while read -r text; do
	grep -o '](\([^)#:]*\))' "$text" | sed 's/^](//; s/)$//' | while read -r link; do
		[ -e "$(dirname "$text")/$link" ] || echo "# $text links to $link"
	done
done) >"$tmp/out"
cat "$tmp/out"
[ ! -s "$tmp/out" ] && [ "$(find "$tmp/stage$PREFIX/share/doc" -name '*.md' | wc -l)" -ge 6 ]
result $? 'what the installed texts link to lies beside them'
! PREFIX=opt/m sim/tests/install.sh >"$tmp/out" 2>&1 && grep -q 'begins with /' "$tmp/out"
result $? 'a relative PREFIX is refused'
(export PKG_CONFIG_PATH=$tmp/stage$PREFIX/share/pkgconfig
[ "$(pkg-config --variable=prefix mmreplay)" = "$PREFIX" ] &&
	eval "set -- $(pkg-config --cflags mmreplay)" && [ "$1" = "-I$PREFIX/include/mmreplay" ]) &&
	! PREFIX='/opt/m"' sim/tests/install.sh >"$tmp/out" 2>&1 && grep -q 'mmreplay.pc cannot hold' "$tmp/out"
result $? 'pkg-config names a PREFIX with blanks and quotes; one that it cannot is refused'
mv "$tmp/stage$PREFIX" "$prefix"		# moved: it must still find its data
program=$prefix/bin/mmreplay
unset MMREPLAY_DATA DESTDIR PREFIX VERSION

(cd / && "$program" machines) >"$tmp/out" 2>&1 && grep -q '^vm-2cpu ' "$tmp/out"
result $? 'the installed program finds its machines'

if [ -e traces/samples/churn2.mmt ]; then
	(cd "$tmp" && "$program" run "$prefix/share/mmreplay/scenarios/demo.yaml" \
		--dry-run) >"$tmp/out" 2>&1
	status=$?
	[ $status = 0 ] || sed 's/^/# /' "$tmp/out"
	result $status 'the installed demo is complete'
else
	skip 'the installed demo is complete' 'no sample trace yet'
fi

commands=$("$program" --help | sed -n '/^commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
status=0
for page in mmreplay $(printf 'mmreplay-%s ' $commands); do
	page=$prefix/share/man/man1/$page.1
	[ -s "$page" ] && grep -q '^\.SH SYNOPSIS' "$page" || { echo "# $page"; status=1; }
done
result $status 'a manual page for every sub-command'

if command -v groff >/dev/null 2>&1; then
	for page in "$prefix"/share/man/man1/*.1; do
		groff -man -Tascii -ww -z "$page"
	done >"$tmp/out" 2>&1
	[ ! -s "$tmp/out" ]
	result $? 'groff takes the pages without a word'
else
	skip 'groff takes the pages without a word' 'no groff'
fi

# Forward and backward: nearly every header is once before what it needs. Each
# alone, fifty compilers, where there is time.
compiles()	# HEADER..
{
	printf '#include "%s"\n' "$@" |
		"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -I"$include" -fsyntax-only -x c -
}
status=0
include=$prefix/include/mmreplay
mapfile -t headers < <(cd "$include" && find . -name '*.h' | sed 's,^\./,,' | LC_ALL=C sort)
mapfile -t backward < <(printf '%s\n' "${headers[@]}" | tac)
[ ${#headers[@]} -ge 50 ] && compiles "${headers[@]}" && compiles "${backward[@]}" || status=1
for h in ${MMREPLAY_LONG:+"${headers[@]}"}; do
	compiles "$h" || { echo "# $h"; status=1; }
done
result $status 'installed headers compile without the tree'

(cd "$tmp" && PKG_CONFIG_PATH=$prefix/share/pkgconfig
export PKG_CONFIG_PATH
[ "$(pkg-config --modversion mmreplay)" = 1.2.3 ] && [ -z "$(pkg-config --libs mmreplay)" ] &&
"${CC:-gcc}" -shared -fPIC $(pkg-config --define-variable=prefix="$prefix" --cflags mmreplay) \
	"$prefix/share/doc/mmreplay/skeleton.c" -o skeleton.so &&
	"$program" generate mmap-churn loops=50 -o p.mmt &&
	"$program" run p.mmt -q --plugin ./skeleton.so -p mm_lock=skeleton -o p) >"$tmp/out" 2>&1
status=$?
[ $status = 0 ] || sed 's/^/# /' "$tmp/out"
result $status 'a plug-in from the installed files alone'

cat >"$tmp/complete.bash" <<'END'
PATH=$1:$PATH
compopt() { :; }
source "$2"
try()	# LINE WANTED: a word that must be among the replies
{
	COMP_LINE=$1 COMP_POINT=${#1}
	COMPREPLY=()
	_mmreplay mmreplay
	printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -- "$2" ||
		{ echo "# '$1' does not offer '$2'"; exit 1; }
}
try 'mmreplay r' run
try 'mmreplay run --pol' --policy
try 'mmreplay run x.mmt -p mm_l' mm_lock=
try 'mmreplay run x.mmt -p mm_lock=per-' per-vma
try 'mmreplay run x.mmt --policy mm_lock=per-vma,munmap=d' downgrade
try 'mmreplay run x.mmt --policy kernel=linux-6.1' linux-6.12
try 'mmreplay run x.mmt --set machine=vm' vm-2cpu
try 'mmreplay machines ' vm-2cpu
try 'mmreplay import x --format ' tracefs
try 'mmreplay generate pft-threads thr' threads=
try 'mmreplay compare r --format=' csv
try 'mmreplay run x.mmt --policy=mm_lock=per-' per-vma
try 'mmreplay sensitivity x.mmt -c idle' idle_exit_ns
try 'mmreplay plot r t' tornado
try 'mmreplay capture -o x -- gre' grep
try 'mmreplay --v' --version
END
bash "$tmp/complete.bash" "$prefix/bin" \
	"$prefix/share/bash-completion/completions/mmreplay"
result $? 'bash completion'
# Outside a real completion its builtins are not there: stand-ins print.
cat >"$tmp/complete.zsh" <<'END'
PATH=$1:$PATH
compadd() { while [[ $1 == -* && $1 != -- ]]; do [[ $1 == -S ]] && shift; shift; done; print -rl -- ${@:2} }
compset() { local p=${@[-1]}; [[ $PREFIX == ${~p}* ]] && PREFIX=${PREFIX##${~p}}; return 0 }
_files() { print FILES }
_command_names() { print COMMANDS }
try()	# WANTED WORD...
{
	local wanted=$1
	shift
	words=("$@") CURRENT=$# PREFIX=${@[-1]}
	source $file | grep -qxF -- $wanted || { print "# '$*' does not offer '$wanted'"; exit 1 }
}
file=$2
try run mmreplay r
try --policy mmreplay run --pol
try mm_lock= mmreplay run -p mm_l
try per-vma mmreplay run -p mm_lock=p
try downgrade mmreplay run --policy mm_lock=per-vma,munmap=d
try vm-2cpu mmreplay run --set machine=vm
try vm-2cpu mmreplay machines ''
try threads= mmreplay generate pft-threads thr
try csv mmreplay compare r --format=c
try tornado mmreplay plot r t
try FILES mmreplay run ''
try COMMANDS mmreplay capture -o x -- ''
END

(PATH=$prefix/bin:$PATH
. sim/commands/completion.sh
for command in $commands; do
	_mmreplay_list mmreplay options "$command"
done) >"$tmp/out"
[ "$(wc -l <"$tmp/out")" -ge 60 ] && grep -qx -e --slurm "$tmp/out" &&
	! grep -vxE -e '--?[a-z0-9A-Z]+(-[a-z0-9]+)*' "$tmp/out"
result $? 'options are completed as they are typed, without their arguments'
if command -v zsh >/dev/null 2>&1; then
	zsh -f "$tmp/complete.zsh" "$prefix/bin" \
		"$prefix/share/zsh/site-functions/_mmreplay"
	result $? 'zsh completion'
else
	skip 'zsh completion' 'no zsh'
fi

if git rev-parse --git-dir >/dev/null 2>&1; then
	version=$("$program" --version | sed 1q)
	make -s dist BUILD="$tmp/dist" >"$tmp/out" 2>&1 &&
		tar -xzf "$tmp/dist/mmreplay-${version#* }.tar.gz" -C "$tmp" &&
		[ -e "$tmp/mmreplay-${version#* }/Makefile" ] &&
		git rev-parse --verify -q "$(cut -d' ' -f1 "$tmp/mmreplay-${version#* }/.commit")" >"$tmp/out"
	result $? 'make dist carries its commit'
	make -s -C "$tmp/mmreplay-${version#* }" -n all >"$tmp/out" 2>&1
	result $? 'the archive is a source tree'
else
	skip 'make dist carries its commit' 'no git checkout'
	skip 'the archive is a source tree' 'no git checkout'
fi
