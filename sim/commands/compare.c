/* mmreplay compare: result folders to the side-by-side table. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/analysis.h"
#include "sim/base/getopt.h"
#include "sim/base/mem.h"
#include "sim/commands/command.h"

static const char help[] =
"usage: mmreplay compare RESULTS.. [options]\n"
"\n"
"The policies of one or several result folders side by side: one column a\n"
"policy, one row a measure, and the change against the baseline with its\n"
"spread. Replicates of a cell are one column: their mean, and paired\n"
"differences with Student's t where there are at least 3.\n"
"\n"
"  -f, --format FORM    text (default), csv, json, markdown\n"
"      --json           as --format json\n"
"  -b, --baseline CELL  measure against this one: label, cell id or column\n"
"  -m, --metric PATH    only this measure, or all below it (repeatable), e.g.\n"
"                       latency_ns.fault, hold.vma.peak_bytes; `all` for all\n"
"  -s, --sort PATH      order the policies by a measure; -PATH for downwards\n"
"  -w, --width COLUMNS  of the text (default 100)\n"
"  -h, --help           this text\n"
"\n"
"* marks a change that exceeds the replay spread, ? one that assumed costs\n"
"could undo. NO_COLOR is obeyed; colour goes to a terminal only.\n";

static int format_of(const char *name, enum compare_format *f, struct errbuf *e)
{
	static const char *const names[] = { "text", "csv", "json", "markdown",
					     "md" };
	static const enum compare_format forms[] = {
		COMPARE_TEXT, COMPARE_CSV, COMPARE_JSON, COMPARE_MARKDOWN,
		COMPARE_MARKDOWN
	};

	for (size_t i = 0; i < 5; i++) {
		if (strcmp(name, names[i]))
			continue;
		*f = forms[i];
		return 0;
	}
	return err_unknown(e, (struct loc){ 0 }, "format", name, names, 4);
}

static int parse(int argc, char **argv, struct compare_options *o,
		 const char **metrics, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "baseline", required_argument, NULL, 'b' },
		{ "metric", required_argument, NULL, 'm' },
		{ "sort", required_argument, NULL, 's' },
		{ "width", required_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, ":f:b:m:s:w:", longs, NULL)) >= 0) {
		if (c == 'f' && format_of(optarg, &o->format, e))
			return -1;
		if (c == 'j')
			o->format = COMPARE_JSON;
		if (c == 'b')
			o->baseline = optarg;
		if (c == 'm')
			metrics[o->metric_count++] = optarg;
		if (c == 's')
			o->sort = optarg;
		if (c == 'w') {
			int n = atoi(optarg);

			if (n < 60 || n > 1000)
				return err_usage(e, "--width %s: expected 60 to 1000",
						 optarg);
			o->columns = (uint32_t)n;
		}
		if (c == ':' || c == '?')
			return err_usage(e, "compare: %s '%s'; see --help",
					 c == ':' ? "no value for" :
						    "unknown option",
					 argv[optind - 1]);
	}
	o->metrics = metrics;
	return 0;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	const char **metrics = xcalloc((size_t)argc + 1, sizeof(*metrics));
	const char *no_colour = getenv("NO_COLOR");
	struct compare_options o = {
		.colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour),
	};
	struct result_set *s = NULL;
	int err = parse(argc, argv, &o, metrics, e);

	if (!err && optind >= argc)
		err = err_usage(e, "compare: no result folder given; see --help");
	if (!err) {
		s = results_load((const char *const *)argv + optind,
				 (uint32_t)(argc - optind), e);
		err = s ? 0 : -1;
	}
	if (!err && o.baseline)
		err = results_baseline(s, o.baseline, e);
	if (!err)
		err = compare_write(s, &o, stdout, e);
	results_free(s);
	free(metrics);
	return err ? -1 : 0;
}

const struct command cmd_compare = {
	"compare", "policies side by side: table as text, CSV, JSON, Markdown",
	help, run
};
