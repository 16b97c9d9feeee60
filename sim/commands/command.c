/* What every sub-command shares. */
#include <stdio.h>
#include <string.h>
#include "sim/commands/command.h"

int command_help(const struct command *cmd, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--"))
			break;
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(cmd->help, stdout);
			return 1;
		}
	}
	return 0;
}
