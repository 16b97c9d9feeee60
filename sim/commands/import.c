/* mmreplay import: foreign captures to a native trace, with an account. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "traces/import/import.h"

static const char help[] =
"usage: mmreplay import IN.. -o OUT.mmt [options]\n"
"\n"
"Turns captures of other tools into a native trace. The format is found from\n"
"the content, plain, .zst or .gz; several inputs of one run are taken in order\n"
"of their time stamps. `mmreplay formats` lists what is read. - is stdin or\n"
"stdout.\n"
"\n"
"Every line is accounted for on stderr: lines = lines that became part of an op\n"
"+ measurements + headers + blanks + named losses. Then: what a replay will\n"
"lack, and what to capture next time.\n"
"\n"
"  -o, --output FILE      the trace to write (required)\n"
"  -f, --format NAME      do not look at the content, take this format\n"
"      --maps FILE        /proc/PID/maps of the traced processes: the layout at\n"
"                         the start; without it areas are assumed from use\n"
"      --vmalloc FILE     vmalloc events of an instance without pid filter\n"
"      --flags-from FILE  tracefs text (us) of the same buffer, for the\n"
"                         interrupt flag that trace-cmd report (ns) lacks\n"
"      --header FILE      capture.json with facts of the captured machine;\n"
"                         one in the folder of the first input is read anyway\n"
"      --clock-hz HZ      stamps without a unit (clocks x86-tsc, uptime) are HZ a\n"
"                         second: the TSC's kHz in dmesg times 1000, or the\n"
"                         kernel's HZ; else they give an order and no time\n"
"      --strict           any lost line or event, call without an end, or input\n"
"                         that breaks off is an error\n"
"      --json             the account as JSON on stdout\n"
"  -h, --help             this text\n";

static bool parse_hz(const char *text, uint64_t *hz)
{
	char *end;

	errno = 0;
	*hz = strtoull(text, &end, 10);
	return !errno && end != text && !*end && *hz &&
	       *hz <= 1000000000000;
}

static int parse(int argc, char **argv, struct import_options *o, bool *json,
		 struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "format", required_argument, NULL, 'f' },
		{ "maps", required_argument, NULL, 'm' },
		{ "vmalloc", required_argument, NULL, 'v' },
		{ "flags-from", required_argument, NULL, 'F' },
		{ "header", required_argument, NULL, 'H' },
		{ "clock-hz", required_argument, NULL, 'c' },
		{ "strict", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, ":o:f:", longs, NULL)) >= 0) {
		if (c == 'o')
			o->output = optarg;
		else if (c == 'f')
			o->format = optarg;
		else if (c == 'm')
			o->maps = optarg;
		else if (c == 'v')
			o->vmalloc = optarg;
		else if (c == 'F')
			o->flags_from = optarg;
		else if (c == 'H')
			o->header = optarg;
		else if (c == 'c' && !parse_hz(optarg, &o->clock_hz))
			return err_usage(e, "import: --clock-hz '%s': expected "
					 "1 to 1000000000000", optarg);
		else if (c == 's')
			o->strict = true;
		else if (c == 'j')
			*json = true;
		else
			return err_usage(e, "import: %s '%s'; see --help",
					 c == ':' ? "no value for" :
						    "unknown option",
					 argv[optind - 1]);
	}
	if (optind == argc)
		return err_usage(e, "import: no input given; see --help");
	if (!o->output)
		return err_usage(e, "import: no output given (-o OUT.mmt)");
	if (*json && !strcmp(o->output, "-"))
		return err_usage(e, "import: --json and the trace cannot both "
				 "go to stdout");
	return 0;
}

static uint64_t bytes_of(const struct import_options *o)
{
	uint64_t total = 0;
	struct stat st;

	for (unsigned i = 0; i < o->input_count; i++) {
		if (!stat(o->inputs[i], &st) && S_ISREG(st.st_mode))
			total += (uint64_t)st.st_size;
	}
	return total;
}

static void print_json(const struct import_account *acct)
{
	json_t *o = import_account_json(acct);

	json_dumpf(o, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(o);
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct import_options o = { 0 };
	struct import_account acct;
	struct progress progress;
	bool json = false;
	int ret = parse(argc, argv, &o, &json, e);

	if (ret)
		return -1;
	o.inputs = (const char *const *)argv + optind;
	o.input_count = (unsigned)(argc - optind);
	o.progress = &progress;
	progress_start(&progress, "import", "B", bytes_of(&o));
	ret = import_run(&o, &acct, e);
	progress_end(&progress);
	if (!ret && json)
		print_json(&acct);
	else if (!ret)
		import_account_print(&acct, stderr);
	import_account_release(&acct);
	return ret ? -1 : 0;
}

const struct command cmd_import = {
	"import", "captures of other tools to a native trace", help, run
};
