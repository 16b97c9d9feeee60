# What can be completed, asked of the program itself, so that it is never out
# of date. Plain shell: install.sh puts this in front of both completions.

# _mmreplay_list PROGRAM KIND [NAME]: one word a line, nothing on errors
_mmreplay_list()
{
	case $2 in
	commands)	printf '%s\n' --help --version
			"$1" --help |
			sed -n '/^commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' ;;
	# "  -o, --output DIR   what it does": what stands before two blanks,
	# without the argument
	options)	"$1" "$3" --help |
			sed -n 's/^ \{2,\}\(-[^ ]\)/\1/; t head
				b
				: head
				s/  .*//; s/[[ =][[A-Z.=].*//; s/, */\n/g; p' ;;
	axes)		"$1" policies | sed -n 's/^\([a-z_]*\):.*/\1=/p' ;;
	policies)	"$1" policies "$3" | sed -n 's/^  \([^ ].*\)/\1/p' ;;
	kernels)	"$1" kernels | sed -n 's/^\(linux-[^ ]*\).*/\1/p' | sort -u ;;
	machines)	"$1" machines | sed -n '1d; s/^\([^ ][^ ]*\).*/\1/p' ;;
	costs)		"$1" machines vm-2cpu | sed -n 's/^\([a-z_]*_ns\) .*/\1/p' ;;
	plots)		"$1" plot --list | sed -n 's/^\([a-z][^ ]*\) .*/\1/p' ;;
	users)		getent passwd | cut -d: -f1 ;;
	words)		echo "$3" | tr ' ' '\n' ;;
	formats | workloads)
			"$1" "$2" | sed -n 's/^\([a-z][^ ]*\).*/\1/p' ;;
	keys)		"$1" workloads "$3" | sed -n 's/^  \([a-z_]*\)  .*/\1=/p' ;;
	# what the left of "KEY=" takes, in --policy and --set
	values)		case $3 in
			kernel)		_mmreplay_list "$1" kernels ;;
			machine)	_mmreplay_list "$1" machines ;;
			*)		_mmreplay_list "$1" policies "$3" ;;
			esac ;;
	settings)	printf 'kernel=\nmachine=\nmachine.cpus=\nreplay.costs=\n'
			printf 'replay.pacing=\nreplay.replicates=\nseed=\n'
			_mmreplay_list "$1" axes ;;
	esac 2>/dev/null
}

# _mmreplay_kind COMMAND PREVIOUS WORD: what kind of word WORD is, and of what;
# `none` where only a number or a name of the user's own fits
_mmreplay_kind()
{
	case $2 in
	-p | --policy)	echo pairs; return ;;
	-s | --set)	echo setting; return ;;
	-o | --output)	echo file; return ;;
	-j | --jobs | --cell | --cell-seconds | --cell-bytes | --decode-cache | --events)
			echo none; return ;;
	esac
	case $1:$2 in
	import:-f | import:--format)	echo formats; return ;;
	compare:-f | compare:--format)	echo words 'text csv json markdown'; return ;;
	fidelity:--costs)		echo words 'recorded model'; return ;;
	fidelity:--kernel)		echo kernels; return ;;
	capture:-l | capture:--level)	echo words 'core locks sched'; return ;;
	capture:--tool)			echo words 'auto tracefs strace'; return ;;
	capture:--reader)		echo words 'auto text raw'; return ;;
	capture:--user)			echo users; return ;;
	calibrate:-b | calibrate:--base)	echo machines; return ;;
	sensitivity:-c | sensitivity:--cost)	echo costs; return ;;
	*:--time | *:--task | *:--tasks | *:--lines | *:--seconds | *:--pid | *:--width)
			echo none; return ;;
	esac
	case $3 in
	-*)	echo options "$1"; return ;;
	esac
	case $1 in
	policies | kernels | machines | workloads)
			echo "$1" ;;
	generate | plot)
			echo "$1" ;;
	*)		echo file ;;
	esac
}
