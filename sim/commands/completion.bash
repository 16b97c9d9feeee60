# bash completion for mmreplay

# The words that begin as the current one does. Readline replaces only what
# follows the last '=', so that much is cut off in front.
_mmreplay_reply()	# CURRENT <words
{
	local word
	while read -r word; do
		[[ $word == "$1"* ]] || continue
		[[ $word == *= ]] && compopt -o nospace 2>/dev/null
		COMPREPLY+=("${word#"${1%"${1##*=}"}"}")
	done
}

# A=x,B=y: names up to '=', then values; earlier pairs stand in front
_mmreplay_pairs()	# PROGRAM CURRENT KIND-OF-NAME
{
	local done=${2%"${2##*,}"} last=${2##*,}
	case $last in
	*=*)	_mmreplay_list "$1" values "${last%%=*}" |
			sed "s/^/$done${last%%=*}=/" ;;
	*)	{
			_mmreplay_list "$1" "$3"
			echo kernel=
		} | sort -u | sed "s/^/$done/" ;;
	esac
}

_mmreplay()
{
	local line=${COMP_LINE:0:COMP_POINT} words kind more cur prev
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=('')
	cur=${words[-1]} prev=${words[-2]-} COMPREPLY=()

	if ((${#words[@]} < 3)); then
		_mmreplay_reply "$cur" < <(_mmreplay_list "$1" commands)
		return
	fi
	case $cur in		# --option=word
	--*=*)	prev=${cur%%=*} cur=${cur#*=} ;;
	esac
	if [[ ${words[1]} == capture && " ${words[*]:2:${#words[@]}-3} " == *' -- '* ]]; then
		kind=file
		[[ $prev != -- ]] || mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	else
		read -r kind more < <(_mmreplay_kind "${words[1]}" "$prev" "$cur")
	fi
	case $kind in
	pairs)		_mmreplay_reply "$cur" < <(_mmreplay_pairs "$1" "$cur" axes) ;;
	setting)	_mmreplay_reply "$cur" < <(_mmreplay_pairs "$1" "$cur" settings) ;;
	options)	_mmreplay_reply "$cur" < <(_mmreplay_list "$1" options "${words[1]}") ;;
	policies)	_mmreplay_reply "$cur" < <(_mmreplay_list "$1" axes | tr -d =) ;;
	generate)	if ((${#words[@]} == 3)); then
				_mmreplay_reply "$cur" < <(_mmreplay_list "$1" workloads)
			else
				_mmreplay_reply "$cur" < <(_mmreplay_list "$1" keys "${words[2]}")
			fi ;;
	plot)		if ((${#words[@]} == 3)); then
				compopt -o default 2>/dev/null
			else
				_mmreplay_reply "$cur" < <(_mmreplay_list "$1" plots)
			fi ;;
	file)		compopt -o default 2>/dev/null ;;
	*)		_mmreplay_reply "$cur" < <(_mmreplay_list "$1" "$kind" "$more") ;;
	esac
}

complete -F _mmreplay mmreplay
