/*
 * tracefs `trace` and `trace_pipe` text, and what it is with options that
 * leave no arguments or no stamps, which is therefore refused by name.
 */
#include <string.h>
#include "traces/import/lexer.h"

/* tracefs prints flags or a tgid by default, and its own form of calls */
static int detect(const char *text, size_t bytes)
{
	const struct look l = lexer_look(ftrace_line, text, bytes);
	bool mine = l.facts.calls_spelled || (!l.facts.calls_named &&
		    (l.facts.has_flags || l.facts.has_tgid));

	if (bytes >= 9 && !memcmp(text, "# tracer:", 9))
		return 100;
	if (!reads_most(&l, true))
		return 0;
	return mine ? 50 : 10;
}

const struct import_format format_tracefs = {
	.name = "tracefs",
	.detect = detect,
	.line = ftrace_line,
};

static bool digits(const char **p, const char *end, bool hex)
{
	const char *start = *p;

	while (*p < end && (is_digit(**p) ||
			    (hex && **p >= 'a' && **p <= 'f')))
		++*p;
	return *p > start;
}

/* "17481 1 3538968033805 type: 189", "0000101d 00000001 0000..4c0f type: 190" */
static enum line_class raw_line(struct lexer *lx, const char *p, size_t bytes,
				struct raw_event *ev)
{
	const char *end = p + bytes;

	(void)lx;
	(void)ev;
	if (bytes && *p == '#')
		return LINE_HEADER;
	for (int i = 0; i < 3; i++) {
		if (!digits(&p, end, true) || p == end || *p++ != ' ')
			return LINE_BLANK;
	}
	return end - p > 6 && !memcmp(p, "type: ", 6) ? LINE_EVENT :
							LINE_BLANK;
}

static int detect_raw(const char *text, size_t bytes)
{
	const struct look l = lexer_look(raw_line, text, bytes);

	return l.events ? 200 : 0;
}

const struct import_format format_tracefs_raw = {
	.name = "tracefs-raw",
	.detect = detect_raw,
	.refuse = "tracefs text printed with option `raw` or `hex` carries "
		  "event numbers but no arguments; print the buffer again "
		  "with `echo noraw > trace_options` (nohex)",
	.line = ftrace_line,
};

/* behind binary words that may hold anything, a newline too */
static enum line_class bin_line(struct lexer *lx, const char *text,
				size_t bytes, struct raw_event *ev)
{
	struct span s = { text, text + bytes };
	uint64_t type;

	(void)lx;
	(void)ev;
	return memchr(text, 0, bytes) && skip_to(&s, "type: ") &&
	       take_u64(&s, 10, &type) && s.p == s.end ? LINE_EVENT :
							 LINE_BLANK;
}

static int detect_bin(const char *text, size_t bytes)
{
	const struct look l = lexer_look(bin_line, text, bytes);

	return l.events && bytes >= 9 && !memcmp(text, "# tracer:", 9) ? 200 :
									 0;
}

const struct import_format format_tracefs_bin = {
	.name = "tracefs-bin",
	.detect = detect_bin,
	.refuse = "tracefs text printed with option `bin` carries event "
		  "numbers but no arguments; print the buffer again with "
		  "`echo nobin > trace_options`",
	.line = ftrace_line,
};

static enum line_class bare_line(struct lexer *lx, const char *text,
				 size_t bytes, struct raw_event *ev)
{
	const struct span s = { text, text + bytes };

	if (!bytes || *text == '#')
		return LINE_HEADER;
	return ftrace_event(lx, s, ev) == LINE_EVENT &&
	       ev->type != RAW_OTHER ? LINE_EVENT : LINE_UNPARSED;
}

static int detect_bare(const char *text, size_t bytes)
{
	const struct look l = lexer_look(bare_line, text, bytes);

	return reads_most(&l, false) ? 200 : 0;
}

const struct import_format format_tracefs_bare = {
	.name = "tracefs-bare",
	.detect = detect_bare,
	.refuse = "tracefs text printed with option `nocontext-info` has "
		  "neither task nor CPU nor time; print the buffer again with "
		  "`echo context-info > trace_options`",
	.line = ftrace_line,
};
