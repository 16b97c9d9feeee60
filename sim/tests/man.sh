#!/bin/sh
# man.sh PROGRAM DIR: manual pages from the program's own --help texts, so that
# there is one text to keep right: DIR/mmreplay.1 and DIR/mmreplay-COMMAND.1.
# RUN goes before the program; DAY (YYYY-MM-DD) is what the pages are dated.
#
# A help text is: usage lines; paragraphs that start in column 1; options,
# "  -x, --long ARG   what it does"; other indented lines, which stay as they
# are. A line in column 1 that ends in a colon is a heading; below it a word
# before two blanks is an item.
set -eu

program=$1 dir=$2
mkdir -p "$dir"
# ask WORDS..: of the program, through RUN where it is another machine's
ask()
{
	${RUN-} "$program" "$@"
}

version=$(ask --version | sed 1q)

# page NAME SUMMARY <help >page
page()
{
	awk -v name="$1" -v summary="$2" -v version="$version" -v day="${DAY-}" '
	function escape(s)
	{
		gsub(/\\/, "\\e", s)
		gsub(/-/, "\\-", s)
		while (match(s, /`[^`]*`/))
			s = substr(s, 1, RSTART - 1) "\\fB" \
			    substr(s, RSTART + 1, RLENGTH - 2) "\\fR" \
			    substr(s, RSTART + RLENGTH)
		sub(/^[.'\'']/, "\\\\\\&&", s)
		return s
	}

	# What stands open: a block of lines as they are, or an item.
	function close_block()
	{
		if (block == "verbatim")
			print ".fi\n.RE"
		block = ""
	}

	# "TAG   text": the tag ends where two blanks do
	function item(line,   i, tag)
	{
		close_block()
		sub(/^ +/, "", line)
		i = match(line, /   *[^ ]/)
		tag = i ? substr(line, 1, i - 1) : line
		if (!i)
			line = ""
		else {
			line = substr(line, i)
			sub(/^ +/, "", line)
		}
		printf ".TP\n\\fB%s\\fR\n", escape(tag)
		if (line != "")
			print escape(line)
		block = "item"
	}

	function heading(line)
	{
		close_block()
		print ".SH " toupper(line)
		block = "heading"
	}

	# An item goes on after an empty line only if the next line is indented.
	function text(line)
	{
		if (line ~ /^[a-z][-a-z ]*:$/) {
			headed = 1
			heading(substr(line, 1, length(line) - 1))
		} else if (line ~ /^ +-/) {
			if (!options++)
				heading("options")
			item(line)
		} else if (headed && line ~ /^  [^ ]+  +[^ ]/) {
			item(line)
		} else if (line ~ /^ / && block == "item") {
			sub(/^ +/, "", line)
			print escape(line)
		} else if (line ~ /^ /) {
			if (block != "verbatim")
				print ".RS 2\n.nf"
			block = "verbatim"
			print escape(line)
		} else {
			if (options && !headed && !notes++)
				heading("notes")
			if (block != "text" && block != "heading") {
				close_block()
				print ".PP"
			}
			block = "text"
			print escape(line)
		}
	}

	NR == 1 {
		printf ".TH %s 1 \"%s\" \"%s\" \"User Commands\"\n",
		       toupper(name), day, version
		printf ".nh\n.ad l\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.nf\n",
		       escape(name), escape(summary)
		synopsis = 1
	}
	synopsis && /^$/ {
		print ".fi"
		heading("description")
		synopsis = 0
		next
	}
	synopsis { sub(/^usage: |^       /, ""); print escape($0); next }
	/^$/ { if (block != "heading") close_block(); headed = 0; next }
	{ text($0) }
	END {
		heading("see also")
		print ".BR mmreplay (1)"
	}'
}

ask --help >"$dir/help.tmp"
page mmreplay 'replay Linux memory-management traces through kernel policies' \
	<"$dir/help.tmp" | sed '$d' >"$dir/mmreplay.1"
sed -n '/^commands:/,/^$/s/^  \([a-z][a-z-]*\)  *\(.*\)/\1 \2/p' "$dir/help.tmp" |
while read -r command summary; do
	ask "$command" --help </dev/null |
		page "mmreplay-$command" "$summary" >"$dir/mmreplay-$command.1"
done
(cd "$dir" && ls mmreplay-*.1) | sed 's/\.1$//; s/.*/.BR & (1),/; s/-/\\-/g; $s/,$//' >>"$dir/mmreplay.1"
rm "$dir/help.tmp"
