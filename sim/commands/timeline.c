/* mmreplay timeline: events of simulated cells for Perfetto. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "analysis/analysis.h"
#include "analysis/timeline.h"
#include "sim/base/file.h"
#include "sim/base/getopt.h"
#include "sim/base/mem.h"
#include "sim/commands/command.h"
#include "sim/commands/input.h"
#include "sim/commands/workload_source.h"
#include "sim/results/program.h"
#include "sim/results/results.h"

static const char help[] =
"usage: mmreplay timeline RESULTS [-o T.json] [--cell CELL]..\n"
"       mmreplay timeline SCENARIO.yaml|TRACE.mmt [-o T.json] [options]\n"
"\n"
"The simulated run for Perfetto (ui.perfetto.dev) or chrome://tracing: ops and\n"
"waits by task, holds by lock, arrows from a wait to who ended it, CPUs, hold and\n"
"queue counters. Of each cell the first replicate, others by id. RESULTS needs cells\n"
"that ran with events (`mmreplay run --events A..B`); a scenario or a trace is run\n"
"with events first.\n"
"\n"
"  -o, --output FILE    default and -: standard output\n"
"  -c, --cell CELL      only this one, by id or label (repeatable)\n"
"      --events A..B    window of simulated time (default 0..10ms)\n"
"  -d, --dir DIR        result folder of the run (default results/NAME)\n"
"  -p, --policy A=B,..  as in `mmreplay run`\n"
"  -s, --set KEY=VALUE  as in `mmreplay run`\n"
"  -h, --help           this text\n";

/** struct call - what the command line said */
struct call {
	const char *input, *output;
	const char **cell, **set, **policy;
	uint32_t cell_count, set_count, policy_count;
	const char *dir;
	struct run_options run;
};

/* By id any cell; by label, and without names, the first replicate that is whole. */
static bool wanted(const struct result_set *s, uint32_t cell, const char **names,
		   uint32_t n)
{
	const struct result_cell *c = &s->cells[cell];
	const struct result_group *g = &s->groups[c->group];
	bool first = g->cell_count && g->cells[0] == cell;

	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(names[i], c->id) ||
		    (first && !strcmp(names[i], c->label)))
			return true;
	return !n && first;
}

/* Is the name taken? What cannot be opened is an error, not a cell without events. */
static bool is_there(const char *path)
{
	struct stat st;

	return !lstat(path, &st) || errno != ENOENT;
}

static bool has_events(const struct result_cell *c)
{
	char *path = xasprintf("%s/cells/%s.events", c->dir, c->id);
	bool have = is_there(path);

	free(path);
	return have;
}

static int add_cell(struct timeline *t, const struct result_cell *c,
		    struct errbuf *e)
{
	char *path = xasprintf("%s/cells/%s.events", c->dir, c->id);
	bool there = is_there(path);
	FILE *in = there ? file_stream(path, e) : NULL;
	int err = there && !in ? e->code : 0;

	if (in) {
		err = timeline_add(t, in, path, e);
		fclose(in);
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
		any = wanted(s, i, names, n) && has_events(&s->cells[i]);
	if (!any)
		return err_set(e, -ENOENT,
			       "%s: no such cell has events; run the scenario with --events A..B",
			       s->dirs[0]);
	timeline_begin(&t, out);
	for (uint32_t i = 0; i < s->cell_count && !err; i++)
		if (wanted(s, i, names, n))
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
	if (!err) {
		err = atomic_commit(&a, e);
		if (!err)
			printf("%s\n", path);
		return err;
	}
	atomic_abort(&a);
	return err;
}

/* Run the scenario with events; what is there is not run again. */
static int run_first(const struct call *c, const char *dir, struct errbuf *e)
{
	struct scenario_overrides over = {
		.set = c->set, .set_count = c->set_count,
		.policy = c->policy, .policy_count = c->policy_count,
		.model_id = program_model_id(), .workloads = &workload_source };
	struct scenario *s = scenario_open(c->input, &over, e);
	struct run_options o = c->run;
	struct run_summary sum = { 0 };
	int r = s ? 0 : -1;

	o.out_dir = dir;
	if (s)
		r = results_run(s, &o, &sum, e);
	if (!r)
		say_mended(&sum, dir);
	if (!r && sum.failed)
		r = err_set(e, -1, "%s: %u of %u cells failed", dir, sum.failed,
			    sum.cells);
	scenario_free(s);
	return r;
}

static int timeline(const struct call *c, struct errbuf *e)
{
	struct stat st;
	bool folder = !stat(c->input, &st) && S_ISDIR(st.st_mode);
	char *dir = folder ? xstrdup(c->input) : c->dir ? xstrdup(c->dir) :
		    default_output(c->input);
	int r = folder ? 0 : run_first(c, dir, e);
	struct result_set *s = r ? NULL :
			       results_load((const char *const *)&dir, 1, e);

	r = s ? write_to(s, c->output, c->cell, c->cell_count, e) : -1;
	results_free(s);
	free(dir);
	return r;
}

static int take_option(int o, struct call *c, char **argv, struct errbuf *e)
{
	switch (o) {
	case 'o':
		c->output = optarg;
		return 0;
	case 'c':
		c->cell[c->cell_count++] = optarg;
		return 0;
	case 'd':
		c->dir = optarg;
		return 0;
	case 'p':
		c->policy[c->policy_count++] = optarg;
		return 0;
	case 's':
		c->set[c->set_count++] = optarg;
		return 0;
	case 'V':
		return parse_window(optarg, &c->run, e);
	default:
		return err_usage(e, o == ':' ? "timeline: no value for '%s'; see --help" :
				 "timeline: unknown option '%s'; see --help",
				 argv[optind - 1]);
	}
}

static int parse(int argc, char **argv, struct call *c, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "cell", required_argument, NULL, 'c' },
		{ "events", required_argument, NULL, 'V' },
		{ "dir", required_argument, NULL, 'd' },
		{ "policy", required_argument, NULL, 'p' },
		{ "set", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	int o;

	while ((o = getopt_long(argc, argv, ":o:c:d:p:s:", longs, NULL)) >= 0)
		if (take_option(o, c, argv, e))
			return -1;
	if (optind + 1 != argc)
		return err_usage(e, "timeline: expected one result folder, SCENARIO.yaml or trace; see --help");
	c->input = argv[optind];
	c->set[c->set_count++] = "replay.replicates=1";
	return 0;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	size_t n = (size_t)argc + 2;
	struct call c = { .cell = xcalloc(n, sizeof(*c.cell)),
			  .set = xcalloc(n, sizeof(*c.set)),
			  .policy = xcalloc(n, sizeof(*c.policy)),
			  .run = { .events = true,
				   .events_end_ns = 10 * NSEC_PER_MSEC } };
	int r = parse(argc, argv, &c, e);

	if (!r)
		r = timeline(&c, e);
	free(c.cell);
	free(c.set);
	free(c.policy);
	return r ? -1 : 0;
}

const struct command cmd_timeline = {
	"timeline", "events of simulated cells as a timeline for Perfetto", help,
	run
};
