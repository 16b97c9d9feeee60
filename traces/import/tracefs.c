/*
 * tracefs `trace` and `trace_pipe` text, and what it is in option `raw`,
 * which has no arguments and is therefore refused by name.
 */
#include <string.h>
#include "traces/import/event.h"

enum { LOOK_BYTES = 256 << 10, LOOK_LINES = 200 };

/* lines that are events with this look: " sys_x(", " sys_x -> ", flags */
static int score_lines(const char *text, size_t bytes)
{
	struct lexer *lx = lexer_new();
	const char *end = text + bytes;
	int events = 0, others = 0, mine = 0;

	for (int n = 0; n < LOOK_LINES && text < end; n++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((eol ? eol : end) - text);
		struct raw_event ev = { 0 };

		switch (ftrace_line(lx, text, len, &ev)) {
		case LINE_EVENT:
			events++;
			if (memmem(text, len, ": sys_enter_", 12) ||
			    memmem(text, len, ": sys_exit_", 11))
				mine--;
			else if (ev.type == RAW_ENTER || ev.type == RAW_EXIT)
				mine++;
			break;
		case LINE_UNPARSED:
			others++;
			break;
		default:
			break;
		}
		text += len + 1;
	}
	if (events * 3 < others)
		events = 0;
	/* tracefs prints flags or a tgid by default, trace-cmd did neither */
	if (lexer_facts(lx)->has_flags || lexer_facts(lx)->has_tgid)
		mine++;
	lexer_free(lx);
	if (!events)
		return 0;
	return mine >= 0 ? 50 : 10;
}

static int detect(const char *text, size_t bytes)
{
	if (bytes > LOOK_BYTES)
		bytes = LOOK_BYTES;
	if (bytes >= 9 && !memcmp(text, "# tracer:", 9))
		return 100;
	return score_lines(text, bytes);
}

const struct import_format format_tracefs = {
	.name = "tracefs",
	.detect = detect,
	.line = ftrace_line,
};

static bool digits(const char **p, const char *end)
{
	const char *start = *p;

	while (*p < end && **p >= '0' && **p <= '9')
		++*p;
	return *p > start;
}

/* "17481 1 3538968033805 type: 189" */
static bool is_raw_line(const char *p, const char *end)
{
	for (int i = 0; i < 3; i++) {
		if (!digits(&p, end) || p == end || *p++ != ' ')
			return false;
	}
	return end - p > 6 && !memcmp(p, "type: ", 6);
}

static int detect_raw(const char *text, size_t bytes)
{
	const char *end = text + bytes;

	for (int n = 0; n < LOOK_LINES && text < end; n++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));

		if (!eol)
			eol = end;
		if (*text != '#' && is_raw_line(text, eol))
			return 200;
		text = eol + 1;
	}
	return 0;
}

const struct import_format format_tracefs_raw = {
	.name = "tracefs-raw",
	.detect = detect_raw,
	.refuse = "tracefs text printed with option `raw` carries event "
		  "numbers but no arguments; print the buffer again with "
		  "`echo noraw > trace_options`",
	.line = ftrace_line,
};
