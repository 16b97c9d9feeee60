# zsh completion for mmreplay

_mmreplay_add()	# words; those that end in '=' get no blank behind
{
	local -a plain open
	plain=(${@:#*=})
	open=(${(M)@:#*=})
	(( $#plain )) && compadd -- $plain
	(( $#open )) && compadd -S '' -- $open
}

_mmreplay_pairs()	# PROGRAM KIND-OF-NAME
{
	compset -P '*,'
	if [[ $PREFIX == *=* ]]; then
		local name=${PREFIX%%=*}
		compset -P '*='
		_mmreplay_add ${(f)"$(_mmreplay_list $1 values $name)"}
	else
		_mmreplay_add kernel= ${(f)"$(_mmreplay_list $1 $2)"}
	fi
}

_mmreplay()
{
	local program=$words[1] command=$words[2] kind more previous=$words[CURRENT-1]

	if (( CURRENT == 2 )); then
		_mmreplay_add ${(f)"$(_mmreplay_list $program commands)"}
		return
	fi
	if [[ $command == capture ]] && (( ${words[(i)--]} < CURRENT )); then
		if [[ $previous == -- ]]; then _command_names; else _files; fi
		return
	fi
	if [[ $PREFIX == --*=* ]]; then		# --option=word
		previous=${PREFIX%%=*}
		compset -P 1 '*='
	fi
	kind=$(_mmreplay_kind $command $previous $PREFIX)
	[[ $kind == *' '* ]] && more=${kind#* }
	kind=${kind%% *}
	case $kind in
	pairs)		_mmreplay_pairs $program axes ;;
	setting)	_mmreplay_pairs $program settings ;;
	options)	_mmreplay_add ${(f)"$(_mmreplay_list $program options $command)"} ;;
	policies)	_mmreplay_add ${${(f)"$(_mmreplay_list $program axes)"}%=} ;;
	generate)	if (( CURRENT == 3 )); then
				_mmreplay_add ${(f)"$(_mmreplay_list $program workloads)"}
			else
				_mmreplay_add ${(f)"$(_mmreplay_list $program keys $words[3])"}
			fi ;;
	plot)		if (( CURRENT == 3 )); then
				_files
			else
				_mmreplay_add ${(f)"$(_mmreplay_list $program plots)"}
			fi ;;
	file)		_files ;;
	none)		;;
	*)		_mmreplay_add ${(f)"$(_mmreplay_list $program $kind $more)"} ;;
	esac
}

_mmreplay "$@"
