/* mmreplay fidelity: replay as captured; predicted beside recorded. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/fidelity.h"
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "sim/results/program.h"
#include "sim/commands/fit.h"
#include "sim/commands/input.h"
#include "sim/commands/recorded.h"
#include "sim/results/results.h"

static const char help[] =
"usage: mmreplay fidelity TRACE.mmt.. [options]\n"
"\n"
"Replays each capture under the preset of its own kernel, on the profile of its\n"
"own machine, tasks on the CPUs that they had, with the tracer's time where it\n"
"was, once with recorded costs and once with the model's, and puts what that\n"
"predicts beside what was recorded; then without the tracer, beside the untraced\n"
"runs of capture.json. At the end, which targets are met, missed or noise-limited.\n"
"\n"
"  -o, --output DIR        result folders DIR/NAME-COSTS (default\n"
"                          results/fidelity)\n"
"  -c, --capture-json FILE  what is known of the capture's repeats, for one\n"
"                          trace (default: capture.json beside the trace)\n"
"      --costs MODE        only `recorded` or only `model`\n"
"      --costs-from ONE    fit costs to this capture first (repeatable; one\n"
"                          thread of the same program), then predict the others\n"
"                          with the model's costs: out of sample\n"
"      --kernel NAME       replay under the preset of another kernel ...\n"
"      --reference OTHER   ... and compare counts, no times, with OTHER.mmt, a\n"
"                          capture of the same program on that kernel\n"
"  -s, --set KEY=VALUE     as for run (repeatable)\n"
"  -j, --jobs N            cells at a time (default: one per CPU)\n"
"      --json              the checks as JSON\n"
"  -q, --quiet             no progress\n"
"  -h, --help              this text\n"
"\n"
"Verdicts: within-10, within-25, off; identity: recorded costs of an operation\n"
"that hardly waits, so little is predicted; noise-limited: the capture itself\n"
"varies by more than the error (or than the verdict would claim); absent: the\n"
"capture has no events for it. Exit status 0 whatever the verdicts are.\n";

enum { COSTS_MODES = 2 };
static const char *const costs_modes[COSTS_MODES] = { "recorded", "model" };

/** struct arguments - of one call */
struct arguments {
	char *const *traces;
	uint32_t trace_count, set_count;
	const char *output, *capture_json, *costs;
	const char *kernel, *reference;	/* another kernel's, and its capture */
	const char **set, **from;
	uint32_t from_count;
	struct fit fit;
	struct run_options run;
	bool json;
};

static int take(int c, struct arguments *a, struct errbuf *e)
{
	switch (c) {
	case 'o':
		a->output = optarg;
		return 0;
	case 'c':
		a->capture_json = optarg;
		return 0;
	case 'C':
		if (strcmp(optarg, costs_modes[0]) && strcmp(optarg, costs_modes[1]))
			return err_usage(e, "--costs %s: expected recorded or model",
					 optarg);
		a->costs = optarg;
		return 0;
	case 'F':
		a->from[a->from_count++] = optarg;
		return 0;
	case 'K':
		a->kernel = optarg;
		return 0;
	case 'R':
		a->reference = optarg;
		return 0;
	case 's':
		a->set[a->set_count++] = optarg;
		return 0;
	case 'j':
		return command_count("--jobs", optarg, 1024, &a->run.jobs, e);
	case 'J':
		a->json = true;
		return 0;
	case 'q':
		a->run.quiet = true;
		return 0;
	default:
		return err_usage(e, "fidelity: %s; see --help",
				 c == ':' ? "a value is missing" : "unknown option");
	}
}

static int parse(int argc, char **argv, struct arguments *a, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "capture-json", required_argument, NULL, 'c' },
		{ "costs", required_argument, NULL, 'C' },
		{ "costs-from", required_argument, NULL, 'F' },
		{ "kernel", required_argument, NULL, 'K' },
		{ "reference", required_argument, NULL, 'R' },
		{ "set", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "json", no_argument, NULL, 'J' },
		{ "quiet", no_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, ":o:c:s:j:q", longs, NULL)) >= 0)
		if (take(c, a, e))
			return -1;
	if (optind >= argc)
		return err_usage(e, "fidelity: no trace given; see --help");
	a->traces = argv + optind;
	a->trace_count = (uint32_t)(argc - optind);
	if (!a->kernel != !a->reference)
		return err_usage(e, "--kernel and --reference go together");
	if (a->reference && a->trace_count > 1)
		return err_usage(e, "--reference is for one trace, not for %u",
				 a->trace_count);
	if (a->capture_json && a->trace_count > 1)
		return err_usage(e, "--capture-json is for one trace, not for %u",
				 a->trace_count);
	return 0;
}

static char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');

	return xasprintf("%.*s", dot && dot != name ? (int)(dot - name) :
			 (int)strlen(name), name);
}

/* ---- repeats of the captured program ---- */

/* Half of what the wall times of the untraced runs span; 0 if there are none. */
static double wall_spread_ns(const json_t *capture)
{
	const json_t *runs = json_object_get(capture, "untraced_runs"), *run;
	double least = 0, most = 0;
	size_t i;

	json_array_foreach(runs, i, run) {
		double s = json_number_value(json_object_get(run, "wall_s"));

		if (!i || s < least)
			least = s;
		if (!i || s > most)
			most = s;
	}
	return json_array_size(runs) > 1 ? (most - least) / 2 * 1e9 : 0;
}

static bool measures_wall(const char *quantity)
{
	return !strcmp("run.makespan_ns", quantity) ||
	       !strcmp("work_ns", quantity) ||
	       !strncmp("process_ns.", quantity, 11);
}

static int add_repeats(json_t *reference, const char *path, struct errbuf *e)
{
	json_t *capture = json_read(path, e), *row;
	size_t i;

	if (!capture)
		return -1;
	json_array_foreach(json_object_get(reference, "rows"), i, row)
		if (measures_wall(json_string_value(
				json_object_get(row, "quantity"))))
			json_object_set_new(row, "spread", json_real(
				wall_spread_ns(capture)));
	json_object_set_new(reference, "spread_of",
			    json_string("half the span of the untraced runs in capture.json"));
	json_decref(capture);
	return 0;
}

/* The capture.json of a trace, or NULL; caller frees. */
static char *capture_of(const struct arguments *a, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *beside;

	if (a->capture_json)
		return xstrdup(a->capture_json);
	beside = xasprintf("%.*s%scapture.json",
			   slash ? (int)(slash - path) : 0, path,
			   slash ? "/" : "");
	if (!access(beside, R_OK))
		return beside;
	free(beside);
	return NULL;
}

static json_t *reference_of(const char *path, const char *capture,
			    struct errbuf *e)
{
	json_t *o = recorded_of(path, recorded_json, e);

	if (o && capture && add_repeats(o, capture, e)) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* ---- one folder: one trace, one way of charging ---- */

/** struct folder - one trace, one way of charging, one reference */
struct folder {
	const char *trace, *costs;
	enum fidelity_kind kind;
	json_t *reference;
};

/* What is counted in the simulated run as in a capture, into its cell. */
static int add_run(const struct folder *w, const char *dir,
		   struct result_set *s, struct errbuf *e)
{
	for (uint32_t i = 0; i < s->cell_count; i++) {
		char *path = xasprintf("%s/runs/%s.mmt", dir, s->cells[i].id);
		struct mmt_reader *run = mmt_open(path, 0, 0, e);
		json_t *o = NULL, *cell = s->cells[i].json;

		free(path);
		if (run && w->kind == FIDELITY_KERNELS) {
			o = recorded_sections(run, e);
			json_object_set(cell, "sections", o);
		} else if (run) {
			o = recorded_run(run, e);
			json_object_update(cell, o);
		}
		if (run)
			mmt_close(run);
		if (!o)
			return -1;
		json_decref(o);
	}
	return 0;
}

static int run_folder(const struct arguments *a, const struct folder *w,
		      const char *dir, struct errbuf *e)
{
	char *mode = xasprintf("replay.costs=%s", w->costs);
	const char **set = xcalloc(a->set_count + 4, sizeof(*set));
	char *kernel = xasprintf("kernel=%s", a->kernel ? a->kernel : "");
	char *runs = xasprintf("%s/runs", dir);
	struct scenario_overrides over = {
		.set = set, .set_count = a->set_count + 3,
		.model_id = program_model_id() };
	struct run_options o = a->run;
	struct run_summary sum;
	struct scenario *s;
	int r = -1;

	set[0] = w->kind == FIDELITY_UNTRACED ? "replay.tracing=removed" :
						"replay.tracing=as-captured";
	set[1] = "replay.placement=captured";
	set[2] = mode;
	for (uint32_t i = 0; i < a->set_count; i++)
		set[i + 3] = a->set[i];
	if (a->kernel)
		set[over.set_count++] = kernel;
	o.export_dir = runs;
	s = scenario_for_trace(w->trace, &over, e);
	o.out_dir = dir;
	if (s)
		r = results_run(s, &o, &sum, e);
	if (!r)
		say_mended(&sum, dir);
	scenario_free(s);
	free(set);
	free(mode);
	free(kernel);
	free(runs);
	return r;
}

static int check_folder(const struct arguments *a, const struct folder *w,
			struct fidelity *f, struct result_set **set,
			struct errbuf *e)
{
	bool untraced = w->kind == FIDELITY_UNTRACED;
	char *name = name_of(w->trace);
	char *costs = xasprintf("%s%s", w->costs, untraced ? ", untraced" : "");
	char *dir = xasprintf("%s/%s-%s%s", a->output, name,
			      a->kernel ? a->kernel : w->costs,
			      untraced ? "-untraced" : "");
	char *path = xasprintf("%s/reference.json", dir);
	const char *const dirs[] = { dir };
	int r = run_folder(a, w, dir, e);

	if (!r)
		r = json_save(path, w->reference, e);
	if (!r) {
		*set = results_load(dirs, 1, e);
		r = *set ? add_run(w, dir, *set, e) : 0;
	}
	if (!r)
		r = *set ? fidelity_of(*set, name, costs, w->kind, f, e) : -1;
	free(path);
	free(dir);
	free(costs);
	free(name);
	return r;
}

static enum fidelity_kind kind_of(const struct arguments *a, const char *costs)
{
	if (a->kernel)
		return FIDELITY_KERNELS;
	if (!strcmp(costs, "recorded"))
		return FIDELITY_RECORDED;
	return a->from_count ? FIDELITY_SAMPLE : FIDELITY_IN_SAMPLE;
}

/** struct checks - of all traces */
struct checks {
	struct fidelity *list;
	struct result_set **sets;
	uint32_t count;
};

static int check_costs(const struct arguments *a, const char *trace,
		       const char *costs, json_t *reference, json_t *untraced,
		       struct checks *c, struct errbuf *e)
{
	struct folder w = { trace, costs, kind_of(a, costs), reference };
	int r = check_folder(a, &w, &c->list[c->count], &c->sets[c->count], e);

	c->count++;
	if (r || !json_array_size(json_object_get(untraced, "rows")))
		return r;
	w.kind = FIDELITY_UNTRACED;
	w.reference = untraced;
	r = check_folder(a, &w, &c->list[c->count], &c->sets[c->count], e);
	c->count++;
	return r;
}

static int check_trace(const struct arguments *a, const char *trace,
		       struct checks *c, struct errbuf *e)
{
	const char *costs = a->from_count || (a->kernel && !a->costs) ?
			    "model" : a->costs;
	char *capture = a->kernel ? NULL : capture_of(a, trace);
	json_t *reference = a->reference ?
			    recorded_of(a->reference, recorded_ratios, e) :
			    reference_of(trace, capture, e);
	json_t *untraced = capture && reference ? untraced_json(capture, e) :
						  NULL;
	int r = reference && !(capture && !untraced) ? 0 : -1;

	for (int i = 0; !r && i < COSTS_MODES; i++)
		if (!costs || !strcmp(costs, costs_modes[i]))
			r = check_costs(a, trace, costs_modes[i], reference,
					untraced, c, e);
	json_decref(reference);
	json_decref(untraced);
	free(capture);
	return r;
}

/* The fitted costs become settings of every run. */
static int fit_first(struct arguments *a, struct errbuf *e)
{
	char *dir;
	int r;

	if (!a->from_count)
		return 0;
	dir = xasprintf("%s/fit", a->output);
	r = fit_costs(a->from, a->from_count, dir, a->set, a->set_count,
		      &a->fit, e);
	free(dir);
	if (r)
		return r;
	fit_write(&a->fit, a->json ? stderr : stdout);
	for (uint32_t i = 0; i < a->fit.set_count; i++)
		a->set[a->set_count++] = a->fit.set[i];
	return 0;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct arguments a = {
		.output = "results/fidelity",
		.from = xcalloc((size_t)argc + 1, sizeof(*a.from)),
		.set = xcalloc((size_t)argc + FIT_COSTS_MAX,
			       sizeof(*a.set)) };
	size_t room = 2 * COSTS_MODES * (size_t)argc;
	struct checks c = { .list = xcalloc(room, sizeof(*c.list)),
			    .sets = xcalloc(room, sizeof(*c.sets)) };
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = fit_first(&a, e);
	for (uint32_t i = 0; !r && i < a.trace_count; i++)
		r = check_trace(&a, a.traces[i], &c, e);
	if (!r)
		fidelity_write(c.list, c.count, a.json, stdout);
	for (uint32_t i = 0; i < c.count; i++) {
		fidelity_release(&c.list[i]);
		results_free(c.sets[i]);
	}
	free(c.list);
	free(c.sets);
	fit_release(&a.fit);
	free(a.from);
	free(a.set);
	return r ? -1 : 0;
}

const struct command cmd_fidelity = {
	"fidelity", "replay as captured; predicted beside recorded, with verdicts",
	help, run
};
