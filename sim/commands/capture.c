/* mmreplay capture: trace the running kernel, import what it did. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "traces/capture/capture.h"

static const char help[] =
"usage: mmreplay capture [options] -- COMMAND [ARGUMENT]..\n"
"       mmreplay capture [options] --pid PID | --cgroup FOLDER | --all\n"
"\n"
"Captures memory-management events of a command and its children, of a running\n"
"process with its threads and children, of a cgroup, or of the whole system,\n"
"and imports them. Needs root: tracefs, on a stock kernel, in a trace instance\n"
"of its own; whatever else is being traced goes on. vmalloc events are taken\n"
"of the whole system, since its frees come from kernel threads. All tracing\n"
"state is put back when the capture ends, in whatever way it does.\n"
"Without the right to trace, strace takes its place for a command or a PID:\n"
"system calls only.\n"
"\n"
"  -o, --output FILE    the trace (default capture.mmt)\n"
"  -s, --seconds N      end after N seconds; else when the command or process\n"
"                       ends, or at ^C\n"
"  -l, --level LEVEL    core: system calls, faults, processes\n"
"                       locks: and mmap_lock, contention, TLB flushes\n"
"                       sched: and switches and wakers (default)\n"
"      --pid PID        a process, its threads and its children\n"
"      --cgroup FOLDER  processes of a cgroup and below, and what they start\n"
"      --all            every process but this one\n"
"      --user NAME      run the command as this user\n"
"      --buffer-mib N   of all CPUs together (default: an eighth of what is\n"
"                       free, at most 512); 36 bytes an event\n"
"      --keep FOLDER    keep the text, layout and facts beside\n"
"      --tool NAME      auto (default), tracefs, strace\n"
"      --reader NAME    auto (default), text, raw: how the buffers are read; raw\n"
"                       needs libtracefs and serves machines without a steady TSC\n"
"      --json           the importer's account on stdout\n"
"  -h, --help           this text\n"
"\n"
"What it costs: 0.2 to 0.3 us an event, half of it inside mmap_lock for lock\n"
"events. Level locks, measured on a 2-CPU guest with kernel 6.18, medians of 7\n"
"paired runs, wall time of programs that do little else: page faults +14 %,\n"
"mmap and munmap +26 %, thread creation +13 %, fork +5 %, a parallel Python\n"
"program +3 %. sched adds what switches and wakings there are. Nothing is read\n"
"while it runs, until a buffer is half full.\n"
"\n"
"examples:\n"
"  mmreplay capture -o make.mmt -- make -j8\n"
"  mmreplay capture --pid 4711 --seconds 10 -o server.mmt\n"
"  mmreplay capture --tool strace -o small.mmt -- ./a.out\n";

static int number(const char *option, const char *text, int64_t min,
		  int64_t max, int64_t *out, struct errbuf *e)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	if (end == text || *end || errno || *out < min || *out > max)
		return err_usage(e, "%s: expected a whole number from %" PRId64 " to %" PRId64 ", got '%s'",
				 option, min, max, text);
	return 0;
}

static int choice(const char *what, const char *text,
		  const char *const *names, uint32_t *out, struct errbuf *e)
{
	size_t n = 0;

	for (; names[n]; n++) {
		if (!strcmp(names[n], text)) {
			*out = (uint32_t)n;
			return 0;
		}
	}
	return err_unknown(e, (struct loc){ 0 }, what, text, names, n);
}

static int one_option(int c, struct capture_options *o, bool *json,
		      struct errbuf *e)
{
	int64_t n = 0;
	int code = 0;

	if (c == 'o')
		o->output = optarg;
	else if (c == 's')
		code = number("--seconds", optarg, 1, 1000000, &o->seconds, e);
	else if (c == 'l')
		code = choice("level", optarg, capture_level_names, &o->level, e);
	else if (c == 'p' && !(code = number("--pid", optarg, 1, 1 << 30, &n, e)))
		o->pid = (uint32_t)n;
	else if (c == 'b' &&
		 !(code = number("--buffer-mib", optarg, 1, 1 << 20, &n, e)))
		o->buffer_mib = (uint64_t)n;
	else if (c == 'c')
		o->cgroup = optarg;
	else if (c == 'a')
		o->all = true;
	else if (c == 'u')
		o->user = optarg;
	else if (c == 'k')
		o->keep = optarg;
	else if (c == 't')
		code = choice("tool", optarg, capture_tool_names, &o->tool, e);
	else if (c == 'r')
		code = choice("reader", optarg, capture_reader_names, &o->reader, e);
	else if (c == 'j')
		*json = true;
	return code;
}

static int parse(int argc, char **argv, struct capture_options *o, bool *json,
		 struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "seconds", required_argument, NULL, 's' },
		{ "level", required_argument, NULL, 'l' },
		{ "pid", required_argument, NULL, 'p' },
		{ "cgroup", required_argument, NULL, 'c' },
		{ "all", no_argument, NULL, 'a' },
		{ "user", required_argument, NULL, 'u' },
		{ "buffer-mib", required_argument, NULL, 'b' },
		{ "keep", required_argument, NULL, 'k' },
		{ "tool", required_argument, NULL, 't' },
		{ "reader", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	int c, whom;

	/* + : what follows the first word belongs to the command */
	while ((c = getopt_long(argc, argv, "+:o:s:l:", longs, NULL)) >= 0) {
		if (c == ':' || c == '?')
			return err_usage(e, "capture: %s '%s'; see --help",
					 c == ':' ? "no value for" :
						    "unknown option",
					 argv[optind - 1]);
		if (one_option(c, o, json, e))
			return -1;
	}
	if (optind < argc)
		o->command = argv + optind;
	whom = !!o->command + !!o->pid + !!o->cgroup + o->all;
	if (whom != 1)
		return err_usage(e, "capture: expected one of -- COMMAND, --pid, --cgroup, --all; %s",
				 whom ? "several are given" : "none is given");
	if (o->user && !o->command)
		return err_usage(e, "--user goes with a command");
	return 0;
}

static void print_end(const struct capture_options *o,
		      const struct capture_result *r)
{
	int st = r->command_status;

	for (unsigned i = 0; i < r->note_count; i++)
		fprintf(stderr, "note: %s\n", r->notes[i]);
	if (st != -1 && WIFSIGNALED(st))
		fprintf(stderr, "note: the command was killed by signal %d\n",
			WTERMSIG(st));
	else if (st != -1 && WEXITSTATUS(st))
		fprintf(stderr, "note: the command ended with status %d\n",
			WEXITSTATUS(st));
	if (r->drained)
		fprintf(stderr, "note: %" PRIu64 " lines were read while it ran, which takes CPU time; a larger --buffer-mib avoids it\n",
			r->drained);
	if (!r->used_strace)
		fprintf(stderr, "%s: %" PRIu64 " lines in %.3f s, %" PRIu64 " events lost\n",
			o->output, r->lines, (double)r->duration_ns / 1e9,
			r->lost);
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct capture_options o = { .output = "capture.mmt",
				     .level = CAPTURE_SCHED };
	struct capture_result r = { 0 };
	bool json = false;
	json_t *account;

	if (parse(argc, argv, &o, &json, e))
		return -1;
	if (capture_run(&o, &r, e)) {
		for (unsigned i = 0; i < r.note_count; i++)
			fprintf(stderr, "note: %s\n", r.notes[i]);
		capture_result_release(&r);
		return -1;
	}
	print_end(&o, &r);
	import_account_print(&r.account, stderr);
	if (json) {
		account = import_account_json(&r.account);
		json_dumpf(account, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(account);
	}
	capture_result_release(&r);
	return 0;
}

const struct command cmd_capture = {
	.name = "capture",
	.summary = "trace the running kernel: a command, a process, a cgroup, all",
	.help = help,
	.run = run,
};
