/*
 * `trace-cmd report` text, with and without -t, with and without its plugins.
 * The line is the one of tracefs without flags and tgid by default; calls are
 * spelled sys_enter_x: and sys_exit_x:, pointers are raw.
 */
#include <string.h>
#include "traces/import/lexer.h"

static int detect(const char *text, size_t bytes)
{
	const struct look l = lexer_look(ftrace_line, text, bytes);

	if ((bytes > 5 && !memcmp(text, "cpus=", 5)) ||
	    (bytes > 9 && !memcmp(text, "version =", 9)))
		return 100;
	return reads_most(&l, true) ? 20 : 0;
}

const struct import_format format_trace_cmd = {
	.name = "trace-cmd",
	.detect = detect,
	.line = ftrace_line,
};
