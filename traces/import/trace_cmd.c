/*
 * `trace-cmd report` text, with and without -t, with and without its plugins.
 * The line is the one of tracefs without flags and tgid by default; calls are
 * spelled sys_enter_x: and sys_exit_x:, pointers are raw.
 */
#include <string.h>
#include "traces/import/event.h"

enum { LOOK_BYTES = 256 << 10, LOOK_LINES = 200 };

static int score_lines(const char *text, size_t bytes)
{
	struct lexer *lx = lexer_new();
	const char *end = text + bytes;
	int events = 0, others = 0;

	for (int n = 0; n < LOOK_LINES && text < end; n++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((eol ? eol : end) - text);
		struct raw_event ev = { 0 };
		enum line_class c = ftrace_line(lx, text, len, &ev);

		events += c == LINE_EVENT;
		others += c == LINE_UNPARSED;
		text += len + 1;
	}
	lexer_free(lx);
	return events && events * 3 >= others ? 20 : 0;
}

static int detect(const char *text, size_t bytes)
{
	if (bytes > LOOK_BYTES)
		bytes = LOOK_BYTES;
	if ((bytes > 5 && !memcmp(text, "cpus=", 5)) ||
	    (bytes > 9 && !memcmp(text, "version =", 9)))
		return 100;
	return score_lines(text, bytes);
}

const struct import_format format_trace_cmd = {
	.name = "trace-cmd",
	.detect = detect,
	.line = ftrace_line,
};
