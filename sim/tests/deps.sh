#!/bin/sh
# make deps: what the build, the demo and the tests need on a Debian system;
# make deps-long: what make check-long needs besides. Nothing missing: no
# output, no network, nothing touched. Otherwise installs as root or through
# sudo without a password, and never asks a question.
set -u

what=${1-}
missing= foreign=
CC=${CC:-gcc}

# need PACKAGE COMMAND...: the package is missing if the command fails
need()
{
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}

# Before pkg-config is there, the header has to do as evidence.
have_lib()
{
	if command -v pkg-config >/dev/null 2>&1; then
		pkg-config --exists "$1"
	else
		test -e "/usr/include/$2"
	fi
}

case $CC in
gcc | cc)	need gcc command -v "$CC" ;;
*)		need "${CC##*/}" command -v "${CC%% *}" ;;
esac
need libc6-dev test -e /usr/include/stdlib.h
need pkg-config command -v pkg-config
need libyaml-dev have_lib yaml-0.1 yaml.h
need libzstd-dev have_lib libzstd zstd.h
need zlib1g-dev have_lib zlib zlib.h
need libjansson-dev have_lib jansson jansson.h
need gnuplot-nox command -v gnuplot
need libcmocka-dev have_lib cmocka cmocka.h
need zstd command -v zstd
# optional at build time: trace.dat, and capture without a steady TSC
need libtracecmd-dev have_lib libtracecmd trace-cmd/trace-cmd.h
need libtracefs-dev have_lib libtracefs tracefs/tracefs.h
need libtraceevent-dev have_lib libtraceevent traceevent/event-parse.h

if [ "$what" = -long ]; then
	need clang command -v clang
	need libclang-rt-dev sh -c 'ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*'
	need valgrind command -v valgrind
	need slurmctld command -v slurmctld
	need slurmd command -v slurmd
	need slurm-client command -v sbatch
	need munge command -v munged
	need groff command -v groff
	need chromium command -v chromium
	need python3-jsonschema python3 -c 'import jsonschema'
	need zsh command -v zsh
	need gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
	need qemu-user command -v qemu-aarch64
	arm=/usr/lib/aarch64-linux-gnu
	for lib in yaml zstd jansson; do
		test -e $arm/lib$lib.so || foreign="$foreign lib$lib-dev:arm64"
	done
	test -e $arm/libz.so || foreign="$foreign zlib1g-dev:arm64"
fi
[ -n "$missing$foreign" ] || exit 0

install="apt-get install -y --no-install-recommends"
if ! command -v apt-get >/dev/null 2>&1; then
	echo "missing (names as in Debian 12):$missing$foreign" >&2
	exit 1
elif [ "$(id -u)" = 0 ]; then
	sudo=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	sudo='sudo -n'
else
	echo "missing packages; run:  sudo apt-get update && sudo $install$missing$foreign" >&2
	exit 1
fi

echo "installing:$missing$foreign"
export DEBIAN_FRONTEND=noninteractive
set -e
[ -z "$foreign" ] || $sudo dpkg --add-architecture arm64
$sudo apt-get update -q </dev/null
[ -z "$missing" ] ||
	$sudo env DEBIAN_FRONTEND=noninteractive $install $missing -q </dev/null
# libraries of another architecture: without them one test is skipped
[ -z "$foreign" ] ||
	$sudo env DEBIAN_FRONTEND=noninteractive $install $foreign -q </dev/null ||
	echo "not installable here:$foreign" >&2
