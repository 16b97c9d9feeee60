/* mmreplay run: a scenario, or a trace against policies, to a result folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/analysis.h"
#include "sim/base/file.h"
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/commands/batch.h"
#include "sim/commands/command.h"
#include "sim/commands/input.h"
#include "sim/commands/published.h"
#include "sim/commands/workload_source.h"
#include "sim/policy/plugin.h"
#include "sim/results/program.h"
#include "sim/results/results.h"

static const char help[] =
"usage: mmreplay run SCENARIO.yaml [options]\n"
"       mmreplay run TRACE.mmt [--policy AXIS=VALUE,..].. [options]\n"
"\n"
"Replays a trace under every cell of a scenario, or under the captured kernel\n"
"and one cell for each --policy, and ends with the table of `mmreplay compare`.\n"
"A finished cell is not run again: an interrupted run continues.\n"
"\n"
"  -o, --output DIR     result folder (default results/NAME, after the input)\n"
"  -p, --policy A=B,..  one more cell: the baseline with these values; also\n"
"                       kernel=linux-6.1 and AXIS.OPTION=VALUE (repeatable)\n"
"  -s, --set KEY=VALUE  over what the file says (repeatable): an axis or kernel\n"
"                       of the baseline, machine=NAME, machine.cpus, replay.costs,\n"
"                       replay.replicates, generate.threads, seed, ...\n"
"      --plugin F.so    policies from a shared object that was compiled against\n"
"                       the installed headers (repeatable); its digest is part\n"
"                       of the id of every cell that uses it\n"
"  -j, --jobs N         cells at a time (default: one per CPU)\n"
"  -n, --dry-run        print the cells, run nothing, write nothing\n"
"      --events A..B    log what happens from A to B of simulated time for\n"
"                       `mmreplay timeline`: 0..5ms, 1.5s..2s (bare: ns)\n"
"      --export-trace DIR  write each simulated run as a trace, DIR/ID.mmt,\n"
"                       with its digest in DIR/ID.mmt.json\n"
"      --cell ID        only this cell, as `run -n` names it: writes its file and\n"
"                       no table (repeatable)\n"
"      --plan           print one self-contained command for each missing cell, for\n"
"                       GNU parallel or any scheduler; run again without to collect\n"
"      --slurm[=OPTIONS]  the missing cells as a Slurm job array over a shared\n"
"                       folder, with these options of sbatch (a shell reads\n"
"                       them, so quotes work as there); waits and collects\n"
"      --cell-seconds N  a cell that takes longer is failed, the others go on\n"
"      --cell-bytes N   a cell that needs more memory is failed; K, M, G\n"
"      --decode-cache N  bytes for one decoded copy of a trace that several cells\n"
"                       replay (default 1G); larger ones are decoded by each\n"
"      --eager          every piece of work is an event: slower, same bytes\n"
"      --json           the table, or the plan of --dry-run, as JSON\n"
"  -q, --quiet          no progress, no summary\n"
"  -h, --help           this text\n"
"\n"
"Table to stdout, words to stderr. Exit status: 0 done, 1 the input or a cell\n"
"failed, 2 the command line is wrong. `mmreplay policies`, `kernels` and\n"
"`machines` list what can be named.\n";

/** struct arguments - of one call */
struct arguments {
	const char *input, *output;
	const char **set, **policy;
	uint32_t set_count, policy_count;
	const char **cell, **pass;	/* pass: words for the command of a cell */
	uint32_t pass_count;
	const char *slurm;		/* options of sbatch; NULL: here */
	struct run_options run;
	bool dry_run, plan, json;
};

static int parse_bytes(const char *option, const char *text, uint64_t *out,
		       struct errbuf *e)
{
	static const char suffix[] = "KMGT";
	char *end;
	unsigned long long n = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(suffix, *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - suffix + 1) : 0;

	if (*text < '0' || *text > '9' || (*end && (!unit || end[1])) ||
	    n > UINT64_MAX >> shift)
		return err_usage(e, "%s %s: expected bytes, like 512M or 4G",
				 option, text);
	*out = n << shift;
	return 0;
}

/* What changes a cell or limits it goes into its own command, too. */
static void pass_on(struct arguments *a, const char *option, const char *value)
{
	a->pass[a->pass_count++] = option;
	if (value)
		a->pass[a->pass_count++] = value;
}

static void pass_option(int c, struct arguments *a)
{
	static const struct { int c; const char *option; } passed[] = {
		{ 'p', "--policy" }, { 's', "--set" }, { 'P', "--plugin" },
		{ 'V', "--events" }, { 'X', "--export-trace" },
		{ 'E', "--eager" }, { 'T', "--cell-seconds" },
		{ 'B', "--cell-bytes" },
	};

	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (passed[i].c == c)
			pass_on(a, passed[i].option, c == 'E' ? NULL : optarg);
}

static void add_cell(struct arguments *a, const char *id)
{
	for (uint32_t i = 0; i < a->run.only_count; i++)
		if (!strcmp(a->cell[i], id))
			return;
	a->cell[a->run.only_count++] = id;
}

/* Of two that ask for different things, one would be left undone. */
static int check_pairs(const struct arguments *a, struct errbuf *e)
{
	const struct { bool one, other; const char *text; } pairs[] = {
		{ a->plan, a->slurm, "--plan and --slurm" },
		{ a->plan, a->dry_run, "--plan and --dry-run" },
		{ a->plan, a->json, "--plan and --json" },
		{ a->slurm, a->dry_run, "--slurm and --dry-run" },
		{ a->slurm, a->run.only_count, "--slurm and --cell" },
		{ a->dry_run, a->run.only_count, "--dry-run and --cell" },
		{ a->json, a->run.only_count, "--json and --cell" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i].one && pairs[i].other)
			return err_usage(e, "run: %s exclude each other; expected one of them; see --help",
					 pairs[i].text);
	return 0;
}

/* Options that say where and how cells run, not what they are. */
static int take_where(int c, struct arguments *a, char **argv, struct errbuf *e)
{
	switch (c) {
	case 'j':
		return command_count("--jobs", optarg, 1024, &a->run.jobs, e);
	case 'T':
		return command_count("--cell-seconds", optarg, UINT32_MAX,
				   &a->run.cell_seconds, e);
	case 'B':
		return parse_bytes("--cell-bytes", optarg, &a->run.cell_bytes, e);
	case 'D':
		return parse_bytes("--decode-cache", optarg,
				   &a->run.decode_cache_bytes, e);
	case 'C':
		add_cell(a, optarg);
		return 0;
	case 'L':
		a->plan = true;
		return 0;
	case 'S':
		a->slurm = optarg ? optarg : "";
		return 0;
	case ':':
		return err_usage(e, "run: no value for '%s'; see --help",
				 argv[optind - 1]);
	default:
		return err_usage(e, "run: unknown option '%s'; see --help",
				 argv[optind - 1]);
	}
}

static int take_option(int c, struct arguments *a, char **argv,
		       struct errbuf *e)
{
	switch (c) {
	case 'o':
		a->output = optarg;
		return 0;
	case 'p':
		a->policy[a->policy_count++] = optarg;
		return 0;
	case 's':
		a->set[a->set_count++] = optarg;
		return 0;
	case 'P':
		return plugin_load(optarg, e);
	case 'n':
		a->dry_run = true;
		return 0;
	case 'V':
		return parse_window(optarg, &a->run, e);
	case 'X':
		a->run.export_dir = optarg;
		return 0;
	case 'E':
		a->run.eager = true;
		return 0;
	case 'J':
		a->json = true;
		return 0;
	case 'q':
		a->run.quiet = true;
		return 0;
	default:
		return take_where(c, a, argv, e);
	}
}

static int parse(int argc, char **argv, struct arguments *a, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "policy", required_argument, NULL, 'p' },
		{ "set", required_argument, NULL, 's' },
		{ "plugin", required_argument, NULL, 'P' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "events", required_argument, NULL, 'V' },
		{ "export-trace", required_argument, NULL, 'X' },
		{ "cell", required_argument, NULL, 'C' },
		{ "plan", no_argument, NULL, 'L' },
		{ "slurm", optional_argument, NULL, 'S' },
		{ "cell-seconds", required_argument, NULL, 'T' },
		{ "cell-bytes", required_argument, NULL, 'B' },
		{ "decode-cache", required_argument, NULL, 'D' },
		{ "eager", no_argument, NULL, 'E' },
		{ "json", no_argument, NULL, 'J' },
		{ "quiet", no_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, ":o:p:s:j:nq", longs, NULL)) >= 0) {
		if (take_option(c, a, argv, e))
			return -1;
		pass_option(c, a);
	}
	if (optind >= argc)
		return err_usage(e, "run: expected SCENARIO.yaml or a trace; see --help");
	if (optind + 1 < argc)
		return err_usage(e, "run: more than one input: '%s'; see --help",
				 argv[optind + 1]);
	a->input = argv[optind];
	pass_on(a, "--", a->input);
	return check_pairs(a, e);
}

/* By cell: would it run? As results_run() finds, which also reads what is there. */
static bool *missing_cells(const struct scenario *s, const struct run_options *o,
			   struct errbuf *e)
{
	uint32_t *todo = xcalloc(s->cell_count + 1, sizeof(*todo)), count = 0;
	bool *missing = xcalloc(s->cell_count + 1, sizeof(*missing));
	struct run_summary found;

	if (results_missing(s, o, false, todo, &count, &found, e)) {
		free(missing);
		missing = NULL;
	}
	for (uint32_t i = 0; missing && i < count; i++)
		missing[todo[i]] = true;
	free(todo);
	return missing;
}

static void print_plan(const struct scenario *s, const bool *missing)
{
	printf("%s: %u cells of %s %s\n", s->name, s->cell_count,
	       s->trace_path ? "trace" : "workload", s->trace_text);
	for (uint32_t i = 0; i < s->cell_count; i++) {
		const struct cell *c = &s->cells[i];

		printf("  %s  %-5s %s", c->id, missing[i] ? "new" : "there",
		       c->label);
		if (c->replay.replicates > 1)
			printf(" #%u", c->replicate + 1);
		printf("%s\n", c->baseline ? "  (baseline)" : "");
	}
	for (uint32_t i = 0; i < s->merged_count; i++)
		printf("  same as %s: %s\n", s->merged[i].into,
		       s->merged[i].label);
	for (uint32_t i = 0; i < s->refused_count; i++)
		printf("  refused %s: %s\n", s->refused[i].label,
		       s->refused[i].reason);
}

static json_t *plan_cells(const struct scenario *s, const bool *missing)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->cell_count; i++) {
		const struct cell *c = &s->cells[i];
		json_t *o = json_object();

		json_object_set_new(o, "id", json_text(c->id));
		json_object_set_new(o, "label", json_text(c->label));
		json_object_set_new(o, "baseline", json_boolean(c->baseline));
		json_object_set_new(o, "seed", json_integer((json_int_t)c->seed));
		json_object_set_new(o, "there", json_boolean(!missing[i]));
		json_array_append_new(list, o);
	}
	return list;
}

static void print_plan_json(const struct scenario *s, const bool *missing)
{
	json_t *root = json_object(), *refused = json_array();
	json_t *merged = json_array();

	for (uint32_t i = 0; i < s->refused_count; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "label", json_text(s->refused[i].label));
		json_object_set_new(o, "reason", json_text(s->refused[i].reason));
		json_array_append_new(refused, o);
	}
	for (uint32_t i = 0; i < s->merged_count; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "label", json_text(s->merged[i].label));
		json_object_set_new(o, "into", json_text(s->merged[i].into));
		json_array_append_new(merged, o);
	}
	json_object_set_new(root, "scenario", json_text(s->name));
	json_object_set_new(root, "trace", json_text(s->trace_text));
	json_object_set_new(root, "cells", plan_cells(s, missing));
	json_object_set_new(root, "refused", refused);
	json_object_set_new(root, "merged", merged);
	json_dumpf(root, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(root);
}

static int print_table(const char *dir, bool json, struct errbuf *e)
{
	const char *no_colour = getenv("NO_COLOR");
	struct compare_options o = {
		.format = json ? COMPARE_JSON : COMPARE_TEXT,
		.colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour),
	};
	struct result_set *set = results_load(&dir, 1, e);
	int r = set ? compare_write(set, &o, stdout, e) : -1;

	results_free(set);
	return r;
}

static void say_words(const struct scenario *s, const char *dir,
		      const struct run_summary *sum)
{
	for (uint32_t i = 0; i < s->refused_count; i++)
		fprintf(stderr, "not run: %s: %s\n", s->refused[i].label,
			s->refused[i].reason);
	for (uint32_t i = 0; i < s->merged_count; i++)
		fprintf(stderr, "same as %s: %s\n", s->merged[i].into,
			s->merged[i].label);
	fprintf(stderr, "%u cells: %u run, %u were there; results in %s\n",
		sum->cells, sum->ran, sum->reused, dir);
	say_mended(sum, dir);
}

/* One line per cell that failed. */
static void say_failed(const char *dir)
{
	struct result_set *set;
	struct errbuf why = { 0 };

	set = results_load(&dir, 1, &why);
	for (uint32_t i = 0; set && i < set->cell_count; i++)
		if (set->cells[i].failed)
			fprintf(stderr, "failed: %s: %s\n", set->cells[i].label,
				set->cells[i].failure);
	results_free(set);
}

/* Only cells were asked for: no table, and no words but those of failures. */
static int run_only(const struct arguments *a, const struct scenario *s,
		    const struct run_options *o, struct errbuf *e)
{
	struct run_summary sum;

	if (results_run(s, o, &sum, e))
		return -1;
	if (!o->quiet) {
		fprintf(stderr, "%u cells: %u run, %u were there\n", sum.cells,
			sum.ran, sum.reused);
		say_mended(&sum, o->out_dir);
	}
	return sum.failed ? err_set(e, -1, "%s: %u of %u cells failed",
				    a->input, sum.failed, sum.cells) : 0;
}

static int run_cells(const struct arguments *a, const struct scenario *s,
		     const char *dir, struct errbuf *e)
{
	struct batch b = { dir, a->pass, a->pass_count };
	struct run_options o = a->run;
	struct run_summary sum;

	o.out_dir = dir;
	o.only = a->cell;
	if (a->plan)
		return batch_print(&b, s, &o, e);
	if (o.only_count)
		return run_only(a, s, &o, e);
	if (a->slurm) {
		if (slurm_run(&b, s, &o, a->slurm, e))
			return -1;
		o.missing_because = "its Slurm task ended without a result; see the logs in slurm/ of the result folder";
	}
	if (results_run(s, &o, &sum, e))
		return -1;
	if (s->published && !sum.failed && published_beside(s, dir, e))
		return -1;
	if (sum.failed < sum.cells && print_table(dir, a->json, e))
		return -1;
	fflush(stdout);
	if (!o.quiet)
		say_words(s, dir, &sum);
	if (!sum.failed)
		return 0;
	say_failed(dir);
	return err_set(e, -1, "%u of %u cells failed", sum.failed, sum.cells);
}

static int dry_run(const struct arguments *a, const struct scenario *s,
		   const char *dir, struct errbuf *e)
{
	struct run_options o = a->run;
	bool *missing;

	o.out_dir = dir;
	missing = missing_cells(s, &o, e);
	if (missing && a->json)
		print_plan_json(s, missing);
	else if (missing)
		print_plan(s, missing);
	free(missing);
	return missing ? 0 : -1;
}

static int load_and_run(struct arguments *a, struct errbuf *e)
{
	struct scenario_overrides over = {
		.set = a->set, .set_count = a->set_count, .policy = a->policy,
		.policy_count = a->policy_count,
		.model_id = program_model_id(),
		.workloads = &workload_source };
	struct scenario *s = scenario_open(a->input, &over, e);
	char *dir;
	int r;

	if (!s)
		return -1;
	dir = a->output ? xstrdup(a->output) : default_output(a->input);
	r = a->dry_run ? dry_run(a, s, dir, e) : run_cells(a, s, dir, e);
	free(dir);
	scenario_free(s);
	return r;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct arguments a = {
		.set = xcalloc((size_t)argc + 1, sizeof(*a.set)),
		.policy = xcalloc((size_t)argc + 1, sizeof(*a.policy)),
		.cell = xcalloc((size_t)argc + 1, sizeof(*a.cell)),
		.run.decode_cache_bytes = 1ULL << 30,
		.pass = xcalloc(2 * (size_t)argc + 2, sizeof(*a.pass)) };
	int r = parse(argc, argv, &a, e);

	if (!r)
		r = load_and_run(&a, e);
	free(a.set);
	free(a.policy);
	free(a.cell);
	free(a.pass);
	return r ? -1 : 0;
}

const struct command cmd_run = {
	"run", "replay a trace under several policies, side by side", help, run
};
