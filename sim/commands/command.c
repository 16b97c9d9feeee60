/* What every sub-command shares. */
#include <stdio.h>
#include <stdlib.h>
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

int command_count(const char *option, const char *text, uint32_t most,
		  uint32_t *out, struct errbuf *e)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || !*text || *text == '-' || n < 1 || n > most)
		return err_usage(e, "%s %s: expected 1 to %u", option, text, most);
	*out = (uint32_t)n;
	return 0;
}
