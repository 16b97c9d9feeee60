/*
 * trace.dat of trace-cmd, versions 6 and 7, compressed or not. libtracecmd
 * reads it, in a process of its own, since the file is foreign and the library
 * ends its process on what it cannot read; out comes the text that `trace-cmd
 * report -t -N` would print, with the flags column, which is then read like
 * any other.
 *
 * Invariant: one line an event, those of all buffers (the top one and trace
 * instances) in order of their stamps. Memory of the reading process is the
 * library's; here it is a pipe. Limit: without libtracecmd at build time the
 * file is refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "traces/import/event.h"

static int detect(const char *text, size_t bytes)
{
	return bytes >= 10 && !memcmp(text, "\x17\x08\x44tracing", 10) ? 300 :
									 0;
}

#ifdef HAVE_TRACECMD

#include <event-parse.h>
#include <trace-cmd.h>
#include <trace-seq.h>

static int print_record(struct tracecmd_input *in, struct tep_record *rec,
			int cpu, void *arg)
{
	struct tep_handle *tep = tracecmd_get_tep(in);
	struct trace_seq s;
	FILE *out = arg;

	if (rec->missed_events > 0)
		fprintf(out, "CPU:%d [%lld EVENTS DROPPED]\n", cpu,
			rec->missed_events);
	else if (rec->missed_events < 0)
		fprintf(out, "CPU:%d [EVENTS DROPPED]\n", cpu);
	trace_seq_init(&s);
	tep_print_event(tep, &s, rec, "%s-%d [%03d] %s ", TEP_PRINT_COMM,
			TEP_PRINT_PID, TEP_PRINT_CPU, TEP_PRINT_LATENCY);
	trace_seq_printf(&s, "%llu.%09llu: ", rec->ts / 1000000000,
			 rec->ts % 1000000000);
	tep_print_event(tep, &s, rec, "%s: %s", TEP_PRINT_NAME,
			TEP_PRINT_INFO);
	trace_seq_terminate(&s);
	fprintf(out, "%s\n", s.buffer);
	trace_seq_destroy(&s);
	return ferror(out) ? -1 : 0;
}

enum { BUFFERS_MAX = 64 };

static int convert(const char *path, FILE *out)
{
	struct tracecmd_input *in[BUFFERS_MAX];
	int n = 1, ret;

	tracecmd_set_loglevel(TEP_LOG_NONE);
	in[0] = tracecmd_open(path, TRACECMD_FL_LOAD_NO_PLUGINS);
	if (!in[0])
		return -EINVAL;
	for (int i = 0; i < tracecmd_buffer_instances(in[0]); i++) {
		if (n == BUFFERS_MAX)
			return -E2BIG;
		in[n] = tracecmd_buffer_instance_handle(in[0], i);
		n += in[n] != NULL;
	}
	ret = tracecmd_iterate_events_multi(in, n, print_record, out);
	while (n--)
		tracecmd_close(in[n]);
	return ret;
}

#endif

const struct import_format format_trace_dat = {
	.name = "trace-dat",
	.detect = detect,
#ifdef HAVE_TRACECMD
	.convert = convert,
#else
	.refuse = "trace.dat is read by libtracecmd, and this program was "
		  "built without it; install libtracecmd-dev and build again, "
		  "or import the text of `trace-cmd report -t`",
#endif
	.line = ftrace_line,
};
