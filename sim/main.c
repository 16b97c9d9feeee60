/*
 * mmreplay: the sub-command table, nothing more. Library code returns its
 * errors in an errbuf; this is the one place that prints them.
 */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "commit.h"
#include "sim/base/errbuf.h"
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/base/stop.h"
#include "sim/commands/command.h"
#include "sim/results/program.h"

#define COMMAND(name) extern const struct command cmd_##name;
#include "sim/commands/commands.def"
#undef COMMAND

static const struct command *const commands[] = {
#define COMMAND(name) &cmd_##name,
#include "sim/commands/commands.def"
#undef COMMAND
};

#ifdef HAVE_TRACECMD
enum { HAS_TRACECMD = 1 };
#else
enum { HAS_TRACECMD = 0 };
#endif
#ifdef HAVE_TRACEFS
enum { HAS_TRACEFS = 1 };
#else
enum { HAS_TRACEFS = 0 };
#endif

static const char more[] =
"\n`mmreplay COMMAND --help` describes one. `mmreplay --version` names the program,\n"
"its commit and its model.\n"
"\n"
"exit status:\n"
"  0   done, whatever the figures say\n"
"  1   the input, a cell or a file failed, and stderr says which; for validate\n"
"      a target missed, for check a damaged trace\n"
"  2   the command line is wrong\n"
"\n"
"environment:\n"
"  MMREPLAY_DATA   folder with scenarios/ of machines and kernels; else\n"
"                  PREFIX/share/mmreplay beside the program, else the source tree\n"
"  TMPDIR          for what a pipe, a capture or a plot needs on disk meanwhile (/tmp)\n"
"  NO_COLOR        no colour, on terminals either\n"
"\n"
"plug-ins:\n"
"A policy of your own is one C file, `skeleton.c` of the installed documentation\n"
"to begin with, compiled against the installed headers and named to `run`:\n"
"\n"
"  cc -shared -fPIC $(pkg-config --cflags mmreplay) skeleton.c -o skeleton.so\n"
"  mmreplay run TRACE.mmt --plugin ./skeleton.so --policy mm_lock=skeleton\n";

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void usage(FILE *out)
{
	fprintf(out, "usage: mmreplay COMMAND [options]\n\n"
		"Replays captured Linux memory-management traces through interchangeable\n"
		"kernel policies and reports contention, memory hold and latency side by side.\n\n"
		"commands:\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-14s %s\n", commands[i]->name,
			commands[i]->summary);
	fputs(more, out);
}

/* What results hang on, and what the build can read beyond the rest. */
static void version(void)
{
	printf("%s\n", program_name());
	printf("commit %s\n", *MMREPLAY_COMMIT ? MMREPLAY_COMMIT : "unknown");
	printf("model %s, part of the id of every result\n", program_model_id());
	printf("trace.dat %s, raw trace buffers %s\n",
	       HAS_TRACECMD ? "yes" : "no (built without libtracecmd)",
	       HAS_TRACEFS ? "yes" : "no (built without libtracefs)");
}

static const struct command *find(const char *name, struct errbuf *e)
{
	const char *names[COMMAND_COUNT];

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		names[i] = commands[i]->name;
		if (!strcmp(name, names[i]))
			return commands[i];
	}
	err_unknown(e, (struct loc){ 0 }, "command", name, names,
		    COMMAND_COUNT);
	return NULL;
}

/* The end of a command that printed: what it returns, 1 if that was lost. */
static int end_output(int status)
{
	struct errbuf lost = { 0 };

	fflush(stdout);
	if (!err_stream(&lost, stdout, "standard output"))
		return status;
	fprintf(stderr, "mmreplay: %s\n", lost.text);
	return 1;
}

int main(int argc, char **argv)
{
	struct errbuf e = { 0 };
	const struct command *cmd;
	int status;

	mem_keep_heap();
	json_need_memory();
	setlocale(LC_ALL, "C");
	signal(SIGXFSZ, SIG_IGN);	/* past RLIMIT_FSIZE: EFBIG, as on a full disk */
	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		usage(stdout);
		return end_output(0);
	}
	if (!strcmp(argv[1], "--version")) {
		version();
		return end_output(0);
	}
	cmd = find(argv[1], &e);
	if (!cmd) {
		fprintf(stderr, "mmreplay: %s\n", e.text);
		return 2;
	}
	if (command_help(cmd, argc - 1, argv + 1))
		return end_output(0);
	optind = 1;
	opterr = 0;
	status = cmd->run(argc - 1, argv + 1, &e);
	if (status >= 0) {
		status = end_output(status);
	} else {
		fflush(stdout);	/* what it printed stands before what it says of it */
		fprintf(stderr, "mmreplay: %s\n", e.text);
		status = e.exit_status ? e.exit_status : 1;
	}
	if (stop_signal())
		raise(stop_signal());
	return status;
}
