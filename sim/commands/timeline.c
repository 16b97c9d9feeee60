/* mmreplay timeline: events of simulated cells for Perfetto. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/analysis.h"
#include "analysis/timeline.h"
#include "sim/base/file.h"
#include "sim/base/getopt.h"
#include "sim/base/mem.h"
#include "sim/commands/command.h"

static const char help[] =
"usage: mmreplay timeline RESULTS [-o T.json] [--cell CELL]..\n"
"\n"
"The simulated run for Perfetto (ui.perfetto.dev) or chrome://tracing: ops and\n"
"waits by task, holds by lock, arrows from who let a waiter in, CPUs, hold and\n"
"queue counters. Needs cells that ran with events (`mmreplay run --events A..B`).\n"
"\n"
"  -o, --output FILE    default and -: standard output\n"
"  -c, --cell CELL      only this one, by id or label (repeatable)\n"
"  -h, --help           this text\n";

static bool wanted(const struct result_cell *c, const char **names, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(names[i], c->id) || !strcmp(names[i], c->label))
			return true;
	return !n;
}

static bool has_events(const struct result_cell *c)
{
	char *path = xasprintf("%s/cells/%s.events", c->dir, c->id);
	bool have = !access(path, R_OK);

	free(path);
	return have;
}

static int add_cell(struct timeline *t, const struct result_cell *c,
		    struct errbuf *e)
{
	char *path = xasprintf("%s/cells/%s.events", c->dir, c->id);
	FILE *in = fopen(path, "r");
	int err = 0;

	if (in) {
		err = timeline_add(t, in, path, e);
		fclose(in);
	} else if (errno != ENOENT) {
		err = err_sys(e, path, "open");
	}
	free(path);
	return err;
}

static int write_all(const struct result_set *s, const char **names, uint32_t n,
		     FILE *out, struct errbuf *e)
{
	struct timeline t;
	bool any = false;
	int err = 0;

	for (uint32_t i = 0; i < s->cell_count && !any; i++)
		any = wanted(&s->cells[i], names, n) && has_events(&s->cells[i]);
	if (!any)
		return err_set(e, -ENOENT,
			       "%s: no such cell has events; run the scenario with --events A..B",
			       s->dirs[0]);
	timeline_begin(&t, out);
	for (uint32_t i = 0; i < s->cell_count && !err; i++)
		if (wanted(&s->cells[i], names, n))
			err = add_cell(&t, &s->cells[i], e);
	return err ? err : timeline_end(&t, e);
}

static int write_to(const struct result_set *s, const char *path,
		    const char **names, uint32_t n, struct errbuf *e)
{
	struct atomic_file a;
	int err;

	if (!path || !strcmp(path, "-"))
		return write_all(s, names, n, stdout, e);
	err = atomic_open(&a, path, e);
	if (err)
		return err;
	err = write_all(s, names, n, a.f, e);
	if (!err)
		return atomic_commit(&a, e);
	atomic_abort(&a);
	return err;
}

static int timeline(int argc, char **argv, const char **names, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "cell", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 }
	};
	const char *output = NULL;
	struct result_set *s;
	uint32_t n = 0;
	int c, err;

	while ((c = getopt_long(argc, argv, ":o:c:", longs, NULL)) >= 0) {
		if (c == 'o')
			output = optarg;
		else if (c == 'c')
			names[n++] = optarg;
		else
			return err_usage(e, "timeline: %s '%s'; see --help",
					 c == ':' ? "no value for" :
						    "unknown option",
					 argv[optind - 1]);
	}
	if (optind + 1 != argc)
		return err_usage(e, "timeline: expected one result folder; see --help");
	s = results_load((const char *const *)argv + optind, 1, e);
	err = s ? write_to(s, output, names, n, e) : -1;
	results_free(s);
	return err;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	const char **names = xcalloc((size_t)argc + 1, sizeof(*names));
	int err = timeline(argc, argv, names, e);

	free(names);
	return err ? -1 : 0;
}

const struct command cmd_timeline = {
	"timeline", "events of simulated cells as a timeline for Perfetto", help,
	run
};
