/* mmreplay plot: pictures of a result folder, through gnuplot. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "analysis/analysis.h"
#include "sim/base/getopt.h"
#include "sim/base/mem.h"
#include "sim/commands/command.h"

static const char help[] =
"usage: mmreplay plot RESULTS [NAME..]\n"
"       mmreplay plot --list\n"
"\n"
"Draws RESULTS/plots/NAME.png and NAME.svg, all plots that have data or the\n"
"named ones. NAME.gp and NAME.dat stay beside them: edit the script and run\n"
"`gnuplot NAME.gp` in that folder to draw it your way. The paths of the\n"
"pictures go to standard output.\n"
"\n"
"  -l, --list     the plots there are, and what each needs\n"
"      --json     with --list: as JSON\n"
"  -h, --help     this text\n";

static int list(bool json)
{
	const struct plot_info *p;

	if (json)
		puts("[");
	for (unsigned i = 0; (p = plot_at(i)); i++) {
		if (json)
			printf(" {\"name\": \"%s\", \"title\": \"%s\", \"needs\": \"%s\"}%s\n",
			       p->name, p->title, p->needs,
			       plot_at(i + 1) ? "," : "");
		else
			printf("%-12s %s\n%-12s   needs %s\n", p->name, p->title,
			       "", p->needs);
	}
	if (json)
		puts("]");
	return 0;
}

static int draw(int argc, char **argv, struct errbuf *e)
{
	const char *dir = argv[0];
	struct result_set *s = results_load(&dir, 1, e);
	struct plot_options o = {
		.dir = dir, .names = (const char *const *)argv + 1,
		.name_count = (uint32_t)argc - 1, .words = stderr,
	};
	int err = s ? plot_write(s, &o, stdout, e) : -1;

	results_free(s);
	return err ? -1 : 0;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	bool want_list = false, json = false;
	int c;

	while ((c = getopt_long(argc, argv, "l", longs, NULL)) >= 0) {
		want_list |= c == 'l';
		json |= c == 'j';
		if (c == '?')
			return err_usage(e, "plot: unknown option '%s'; see --help",
					 argv[optind - 1]);
	}
	if (want_list)
		return list(json);
	if (optind >= argc)
		return err_usage(e, "plot: no result folder given; see --help");
	return draw(argc - optind, argv + optind, e);
}

const struct command cmd_plot = {
	"plot", "pictures of a result folder, PNG and SVG, through gnuplot",
	help, run
};
