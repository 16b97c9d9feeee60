/* mmreplay formats: which captures can be imported. */
#include <stdio.h>
#include <string.h>
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "traces/import/import.h"

static const char help[] =
"usage: mmreplay formats [--json]\n"
"\n"
"The capture formats that `mmreplay import` reads, each plain, .zst or .gz.\n"
"The format is found from the content; --format NAME forces one.\n"
"\n"
"      --json           as JSON\n"
"  -h, --help           this text\n";

static void print_json(const struct import_format_info *f, unsigned n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{ssssss}",
			"name", f[i].name, "describes", f[i].describes,
			"source", f[i].source));
	json_dumpf(list, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(list);
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 }
	};
	const struct import_format_info *f;
	bool json = false;
	unsigned n;
	int c;

	while ((c = getopt_long(argc, argv, ":", longs, NULL)) >= 0) {
		if (c != 'j')
			return err_usage(e, "formats: unknown option '%s'; "
					 "see --help", argv[optind - 1]);
		json = true;
	}
	if (optind < argc)
		return err_usage(e, "formats takes no argument, got '%s'",
				 argv[optind]);
	f = import_formats(&n);
	if (json) {
		print_json(f, n);
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		printf("%-14s %s\n%-14s source: %s\n", f[i].name,
		       f[i].describes, "", f[i].source);
	return 0;
}

const struct command cmd_formats = {
	"formats", "capture formats that import reads", help, run
};
