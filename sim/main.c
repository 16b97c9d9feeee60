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
#include "sim/base/errbuf.h"
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
	fprintf(out, "\n`mmreplay COMMAND --help` describes one. "
		"`mmreplay --version` names the program.\n");
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

int main(int argc, char **argv)
{
	struct errbuf e = { 0 };
	const struct command *cmd;
	int status;
	bool written;

	setlocale(LC_ALL, "C");
	signal(SIGXFSZ, SIG_IGN);	/* past RLIMIT_FSIZE: EFBIG, as on a full disk */
	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("%s\n", program_name());
		return 0;
	}
	cmd = find(argv[1], &e);
	if (!cmd) {
		fprintf(stderr, "mmreplay: %s\n", e.text);
		return 2;
	}
	if (command_help(cmd, argc - 1, argv + 1))
		return 0;
	optind = 1;
	opterr = 0;
	status = cmd->run(argc - 1, argv + 1, &e);
	/* what a command printed stands before what it says of it */
	written = !fflush(stdout) && !ferror(stdout);
	if (status < 0) {
		fprintf(stderr, "mmreplay: %s\n", e.text);
		return e.exit_status ? e.exit_status : 1;
	}
	if (!written) {
		fprintf(stderr, "mmreplay: standard output: write failed\n");
		return 1;
	}
	return status;
}
