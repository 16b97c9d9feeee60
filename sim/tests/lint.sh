#!/bin/bash
# make lint: the rules of the house that a compiler does not check. Exit 1 and
# one line per breach. Layout (clang-format) is counted but never fails; the
# count takes most of the time, and LINT_FAST=1 leaves it out.
set -u
export LC_ALL=C

roots=()
for d in sim traces analysis scenarios .ci; do
	[ -d "$d" ] && roots+=("$d")
done
mapfile -t texts < <(find "${roots[@]}" -type f ! -path 'traces/samples/*' \
	\( -name '*.[ch]' -o -name '*.def' -o -name '*.sh' -o -name '*.md' \
	-o -name '*.yaml' -o -name '*.gp' -o -path '.ci/*' \) | sort)
for f in Makefile README.md; do
	[ -e "$f" ] && texts+=("$f")
done

awk '
function breach(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; bad++ }

# The folder that decides: sim/NAME, or traces, analysis; main.c is a command.
function room(path,   p)
{
	split(path, p, "/")
	if (p[1] != "sim")
		return p[1]
	return p[2] ~ /\./ ? "commands" : p[2]
}

function may_include(from, to, path)
{
	if (from == to || to == "base")
		return 1
	if (from == "commands")		# the public headers of every part
		return 1
	if (from == "traces" || from == "analysis" || from == "base")
		return 0
	if (to == "traces")
		return from == "replay" && path ~ /^traces\/(trace\.h|format\/)/
	if (to == "metrics")
		return level[from] >= level["machine"]
	if (from == "metrics" || !(to in level) || !(from in level))
		return 0
	return level[to] < level[from]
}

# The code of a line, without comments and strings.
function code(line,   out, i)
{
	gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
	out = ""
	while (line != "") {
		if (in_comment) {
			i = index(line, "*/")
			if (!i)
				return out
			in_comment = 0
			line = substr(line, i + 2)
		} else {
			i = index(line, "/*")
			if (!i)
				return out line
			out = out substr(line, 1, i - 1) " "
			in_comment = 1
			line = substr(line, i + 2)
		}
	}
	return out
}

function end_of_file()
{
	if (last != "" && lines > 600 && last ~ /\.(c|h|sh)$/) {
		printf "%s:%d: more than 600 lines\n", last, lines
		bad++
	}
}

BEGIN {
	n = split("base engine machine sync mm policy replay scenario " \
		  "results commands", order, " ")
	for (i = 1; i <= n; i++)
		level[order[i]] = i
	integer_only = "^sim/(base/rng|(engine|machine|sync|mm|policy|replay)/)"
}

FNR == 1 { end_of_file(); last = FILENAME; in_comment = 0
	   test = FILENAME ~ /\/tests\// }
{ lines = FNR }

/[T]ODO|[F]IXME/	{ breach("unfinished work belongs in an issue") }
/\/(work|root|home)\/[a-z]/ && !/^#!/ { breach("path of one machine") }

FILENAME !~ /\.(c|h|def)$/ { next }
{ text = code($0) }
!test && FILENAME ~ integer_only && text ~ /(^|[^A-Za-z0-9_])(double|float)([^A-Za-z0-9_]|$)/ {
	breach("no floating point in the simulator")
}
!test && match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/) {
	split($0, part, "\"")
	path = part[2]
	if (path !~ /\//) {
		if (path != "model_id.h" && path != "commit.h")
			breach("include from the root of the tree: " path)
	} else if (path ~ /\/tests\//) {
		breach("only tests include from tests: " path)
	} else if (!may_include(room(FILENAME), room(path), path)) {
		breach(room(FILENAME) " must not see " path)
	}
}
END { end_of_file(); exit bad > 0 }
' "${texts[@]}"
status=$?

if [ -z "${LINT_FAST-}" ] && command -v clang-format >/dev/null 2>&1; then
	differ=0
	mapfile -t sources < <(printf '%s\n' "${texts[@]}" | grep '\.[ch]$')
	for f in "${sources[@]}"; do
		clang-format --dry-run -Werror "$f" >/dev/null 2>&1 ||
			differ=$((differ + 1))
	done
	echo "clang-format (advisory): $differ of ${#sources[@]} files differ"
fi
echo "lint: ${#texts[@]} files, $([ $status = 0 ] && echo clean || echo "see above")"
exit $status
