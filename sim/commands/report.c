/* mmreplay report: a result folder as one self-contained HTML page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/analysis.h"
#include "sim/base/file.h"
#include "sim/base/getopt.h"
#include "sim/base/mem.h"
#include "sim/commands/command.h"

static const char help[] =
"usage: mmreplay report RESULTS [options]\n"
"\n"
"Writes RESULTS/report.html: warnings, tables, pictures, scenario and machine\n"
"in one file that opens offline. Draws the pictures first (`mmreplay plot`);\n"
"without gnuplot the page has none and says so. The page's path goes to\n"
"standard output.\n"
"\n"
"  -o, --output FILE    write there; - is standard output\n"
"      --no-plots       take the pictures that are there, draw none\n"
"  -h, --help           this text\n";

static int draw(const struct result_set *s, const char *dir)
{
	struct plot_options o = { .dir = dir };
	struct errbuf e = { 0 };
	FILE *sink = fopen("/dev/null", "w");
	int err;

	if (!sink)
		return -1;
	err = plot_write(s, &o, sink, &e);
	fclose(sink);
	if (err)
		fprintf(stderr, "mmreplay: report: no pictures: %s\n", e.text);
	return err;
}

static int write_page(const struct result_set *s, const char *dir,
		      const char *path, struct errbuf *e)
{
	struct atomic_file a;
	int err;

	if (!strcmp(path, "-"))
		return report_write(s, dir, stdout, e);
	err = atomic_open(&a, path, e);
	if (err)
		return err;
	err = report_write(s, dir, a.f, e);
	if (!err)
		err = atomic_commit(&a, e);
	else
		atomic_abort(&a);
	if (!err)
		printf("%s\n", path);
	return err;
}

static int report(const char *dir, const char *output, bool plots,
		  struct errbuf *e)
{
	struct result_set *s = results_load(&dir, 1, e);
	char *path = output ? xstrdup(output) :
			      xasprintf("%s/report.html", s ? s->dirs[0] : dir);
	int err = s ? 0 : -1;

	if (!err && plots)
		draw(s, s->dirs[0]);
	if (!err)
		err = write_page(s, s->dirs[0], path, e);
	results_free(s);
	free(path);
	return err ? -1 : 0;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "no-plots", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	const char *output = NULL;
	bool plots = true;
	int c;

	while ((c = getopt_long(argc, argv, ":o:", longs, NULL)) >= 0) {
		if (c == 'o')
			output = optarg;
		if (c == 'n')
			plots = false;
		if (c == ':' || c == '?')
			return err_usage(e, "report: %s '%s'; see --help",
					 c == ':' ? "no value for" :
						    "unknown option",
					 argv[optind - 1]);
	}
	if (optind + 1 != argc)
		return err_usage(e, "report: expected one result folder; see --help");
	return report(argv[optind], output, plots, e);
}

const struct command cmd_report = {
	"report", "a result folder as one self-contained HTML page", help, run
};
