#ifndef MMREPLAY_COMMANDS_COMMAND_H
#define MMREPLAY_COMMANDS_COMMAND_H

#include "sim/base/errbuf.h"

/*
 * A sub-command is one file in sim/commands/ that defines
 * `const struct command cmd_NAME` and one line in commands.def.
 *
 * run() parses its own options with getopt_long (argv[0] is the name of the
 * sub-command; optind is reset to 1 before the call), prints data to stdout
 * and words to stderr. Return: exit status 0, or -1 with @e set.
 */
struct command {
	const char *name;
	const char *summary;	/* one line for the list */
	const char *help;	/* whole text of --help; starts with "usage:" */
	int (*run)(int argc, char **argv, struct errbuf *e);
};

/**
 * command_help() - true if `--help` or `-h` is among the arguments
 * Prints cmd->help to stdout then. main asks before it calls run().
 */
int command_help(const struct command *cmd, int argc, char **argv);

/** command_count() - the value of @option, a number from 1 to @most */
int command_count(const char *option, const char *text, uint32_t most,
		  uint32_t *out, struct errbuf *e);

#endif
