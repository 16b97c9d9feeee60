/* mmreplay validate: published results, predicted beside published. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "analysis/validate.h"
#include "sim/base/file.h"
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "sim/commands/input.h"
#include "sim/commands/published.h"
#include "sim/commands/workload_source.h"
#include "sim/results/program.h"
#include "sim/results/results.h"

static const char help[] =
"usage: mmreplay validate [RESULT..] [options]\n"
"\n"
"Runs the scenarios of scenarios/published/, each of which models a published\n"
"before and after, and scores what the change did: e = ln(after / before), per\n"
"family of points against the null predictor, which says that nothing changes.\n"
"Prints every point, the targets met and missed, and what is out of reach.\n"
"RESULT is the name of a file there without .yaml, or a path.\n"
"\n"
"  -o, --output DIR     result folders DIR/RESULT, each with reference.json\n"
"                       for `mmreplay plot` (default results/validate)\n"
"      --ends           run each result again with its three heaviest assumed\n"
"                       costs at the ends of their ranges, and say which sign\n"
"                       flips and where: up to six times the work\n"
"      --null           score the null predictor alone; runs nothing\n"
"  -j, --jobs N         cells at a time (default: one per CPU)\n"
"      --json           JSON instead of text\n"
"  -q, --quiet          no progress\n"
"  -h, --help           this text\n"
"\n"
"Exit status: 0 all targets met; 1 a target missed, the numbers of a machine\n"
"profile changed without its list of fits (scenarios/published/fits.txt), or the\n"
"input or a cell failed; 2 the command line is wrong.\n";

/** struct arguments - of one call */
struct arguments {
	char *const *names;
	uint32_t name_count;
	const char *output;
	char *dir;			/* of the published results */
	struct run_options run;
	bool json, null, ends;
};

static int take(int c, struct arguments *a, struct errbuf *e)
{
	switch (c) {
	case 'o':
		a->output = optarg;
		return 0;
	case 'N':
		a->null = true;
		return 0;
	case 'E':
		a->ends = true;
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
		return err_usage(e, "validate: %s; see --help",
				 c == ':' ? "a value is missing" : "unknown option");
	}
}

static int parse(int argc, char **argv, struct arguments *a, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "null", no_argument, NULL, 'N' },
		{ "ends", no_argument, NULL, 'E' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "json", no_argument, NULL, 'J' },
		{ "quiet", no_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, ":o:j:q", longs, NULL)) >= 0)
		if (take(c, a, e))
			return -1;
	a->names = argv + optind;
	a->name_count = (uint32_t)(argc - optind);
	return 0;
}

/* ---- which files ---- */

static const char *stem_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int find_file(const char *name,
		     const char **all, uint32_t count, const char **out,
		     struct arena *arena, struct errbuf *e)
{
	const char **names = arena_alloc(arena, (count + 1) * sizeof(*names));

	*out = name;
	if (strchr(name, '/') || strstr(name, ".yaml"))
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		char *stem = arena_strdup(arena, stem_of(all[i]));

		stem[strlen(stem) - strlen(".yaml")] = '\0';
		names[i] = stem;
		if (strcmp(stem, name))
			continue;
		*out = all[i];
		return 0;
	}
	return err_unknown(e, (struct loc){ 0 }, "published result", name,
			   names, count);
}

static const char **choose_files(const struct arguments *a, uint32_t *count,
				 struct arena *arena, struct errbuf *e)
{
	uint32_t all_count;
	const char **all = published_files(a->dir, &all_count, arena, e);
	const char **chosen;

	*count = all_count;
	if (!all || !a->name_count)
		return all;
	*count = a->name_count;
	chosen = arena_alloc(arena, *count * sizeof(*chosen));
	for (uint32_t i = 0; i < *count; i++)
		if (find_file(a->names[i], all, all_count, &chosen[i], arena,
			      e))
			return NULL;
	return chosen;
}

/* ---- one result: its scenario, its folder ---- */

/* One scenario into @dir, and its points behind those of @v. */
static int run_folder(const struct arguments *a, const struct scenario *s,
		      const char *dir, json_t *published, struct validation *v,
		      struct errbuf *e)
{
	const char *const dirs[] = { dir };
	struct result_set *set = NULL;
	struct run_options o = a->run;
	struct run_summary sum;
	int r;

	o.out_dir = dir;
	r = results_run(s, &o, &sum, e);
	if (!r) {
		say_mended(&sum, dir);
		set = results_load(dirs, 1, e);
		r = set ? validation_add(v, set, published, false, e) : -1;
	}
	results_free(set);
	return r;
}

/* The effects of all points with one cost at one end; NULL on error. */
static double *effects_at(const struct arguments *a, const char *path,
			  const struct vresult *r, const char *cost,
			  int64_t value, struct errbuf *e)
{
	char *set = xasprintf("machine.costs.%s=%lld", cost, (long long)value);
	char *dir = xasprintf("%s/%s/costs/%s=%lld", a->output, r->result, cost,
			      (long long)value);
	const char *const sets[] = { set };
	struct scenario_overrides over = { .set = sets, .set_count = 1,
					   .model_id = program_model_id(),
					   .workloads = &workload_source };
	struct scenario *s = scenario_load(path, &over, e);
	struct validation v = { 0 };
	double *out = NULL;

	validation_reserve(&v, 1);
	if (s && !run_folder(a, s, dir, r->json, &v, e)) {
		out = xcalloc(r->count + 1, sizeof(*out));
		for (uint32_t i = 0; i < r->count; i++)
			out[i] = v.results[0].points[i].effect_predicted;
	}
	validation_release(&v);
	scenario_free(s);
	free(dir);
	free(set);
	return out;
}

static int ends_of(const struct arguments *a, const char *path,
		   struct vresult *r, struct errbuf *e)
{
	static const char *const names[] = { "low", "high" };
	const char *key[ASSUMED_SHOWN];
	uint32_t n = r->costs ? assumed_heaviest(r->costs, key) : 0;

	_Static_assert((int)ASSUMED_SHOWN <= (int)SWINGS_MAX, "swings");
	for (uint32_t i = 0; i < n; i++) {
		const json_t *o = json_object_get(r->costs, key[i]);
		struct vswing *w = &r->swings[r->swing_count++];

		w->cost = key[i];
		w->value = json_integer_value(json_object_get(o, "value"));
		for (int end = 0; end < 2; end++) {
			w->end[end] = json_integer_value(
					json_object_get(o, names[end]));
			if (w->end[end] == w->value)
				continue;
			w->effect[end] = effects_at(a, path, r, key[i],
						    w->end[end], e);
			if (!w->effect[end])
				return -1;
		}
	}
	return 0;
}

static int score_folder(const struct arguments *a, const struct scenario *s,
			const char *path, json_t *published,
			struct validation *v, struct errbuf *e)
{
	char *dir = xasprintf("%s/%s", a->output, s->published->result);
	int r;

	if (!a->run.quiet)
		fprintf(stderr, "%s: %u cells\n", s->published->result,
			s->cell_count);
	r = run_folder(a, s, dir, published, v, e);
	if (!r)
		r = published_save(&v->results[v->count - 1], dir, e);
	if (!r && a->ends)
		r = ends_of(a, path, &v->results[v->count - 1], e);
	free(dir);
	return r;
}

static int one_result(const struct arguments *a, const char *path,
		      struct validation *v, struct validation *null,
		      struct errbuf *e)
{
	struct scenario_overrides over = { .model_id = program_model_id(),
					   .workloads = &workload_source };
	struct scenario *s = scenario_load(path, &over, e);
	json_t *published;
	int r;

	if (!s)
		return -1;
	if (!s->published) {
		err_set(e, -1, "%s: expected published: as well", path);
		scenario_free(s);
		return -1;
	}
	published = published_json(s->published);
	r = published_check_class(s, e);
	if (!r)
		r = validation_add(null, NULL, published, true, e);
	if (!r && !a->null)
		r = score_folder(a, s, path, published, v, e);
	json_decref(published);
	scenario_free(s);
	return r;
}

/* ---- what is said ---- */

static void print_json(const struct validation *v, const struct validation *null,
		       json_t *unreached, json_t *complaints)
{
	json_t *root = validation_json(v, null);

	json_object_set_new(root, "program", json_text(program_name()));
	json_object_set(root, "out_of_reach", unreached);
	json_object_set(root, "fits", complaints);
	json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(root);
}

static void print_text(const struct validation *v, json_t *unreached,
		       json_t *complaints)
{
	const json_t *o;
	size_t i;

	validation_text(v, stdout);
	printf("\nout of reach:\n");
	json_array_foreach(unreached, i, o)
		printf("  %s (%s)\n    %s\n",
		       json_string_value(json_object_get(o, "result")),
		       json_string_value(json_object_get(o, "source")),
		       json_string_value(json_object_get(o, "reason")));
	printf("\ntargets: %u met, %u missed\n", validation_met(v),
	       validation_missed(v));
	json_array_foreach(complaints, i, o)
		printf("%s\n", json_string_value(o));
}

static int say(const struct arguments *a, struct validation *v,
	       struct validation *null, struct errbuf *e)
{
	const struct validation *shown = a->null ? null : v;
	json_t *unreached = published_out_of_reach(a->dir, e);
	json_t *complaints = unreached ? published_check_fits(a->dir, e) : NULL;
	int r = complaints ? 0 : -1;

	validation_score(v);
	validation_score(null);
	if (!r && a->json)
		print_json(shown, null, unreached, complaints);
	else if (!r)
		print_text(shown, unreached, complaints);
	if (!r && json_array_size(complaints))
		r = err_set(e, -1, "machine profiles do not agree with %s/fits.txt: %zu",
			    a->dir, json_array_size(complaints));
	if (!r && validation_missed(shown))
		r = err_set(e, -1, "%u targets missed, %u met",
			    validation_missed(shown), validation_met(shown));
	json_decref(unreached);
	json_decref(complaints);
	return r;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct arguments a = { .output = "results/validate",
			       .dir = data_path("scenarios/published") };
	struct validation v = { 0 }, null = { 0 };
	struct arena arena = { 0 };
	uint32_t count = 0;
	const char **files = NULL;
	int r = parse(argc, argv, &a, e);

	if (!r) {
		files = choose_files(&a, &count, &arena, e);
		r = files ? 0 : -1;
	}
	validation_reserve(&v, count);
	validation_reserve(&null, count);
	for (uint32_t i = 0; !r && i < count; i++)
		r = one_result(&a, files[i], &v, &null, e);
	if (!r)
		r = say(&a, &v, &null, e);
	validation_release(&v);
	validation_release(&null);
	arena_release(&arena);
	free(a.dir);
	return r ? -1 : 0;
}

const struct command cmd_validate = {
	"validate", "published results: predicted, published, error", help, run
};
