/*
 * mmreplay sensitivity: moves every cost that is not measured over its range,
 * one at a time and all at once, and says which would flip which conclusion.
 *
 * Each variation is an ordinary result folder OUT/costs/KEY=VALUE; finished
 * ones are not run again. Costs that no cell was charged or asked for are left
 * out, and one that changes nothing at its high end is not tried at its low
 * end. Cost: one or two runs of all cells per cost, six of two per flip.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/sensitivity.h"
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/base/rng.h"
#include "sim/commands/command.h"
#include "sim/commands/study.h"

static const char help[] =
"usage: mmreplay sensitivity SCENARIO.yaml|TRACE.mmt [options]\n"
"\n"
"Varies every cost of the machine profile that is not measured over its stated\n"
"range and prints, per policy, which of them would flip the sign of its change\n"
"against the baseline, and at what value. Replicate 0 only: no jitter.\n"
"\n"
"With --speedup: what would it be worth? Shortens the critical sections of one\n"
"lock, or one cost, by 10 to 100 % at a time and prints what throughput and p99\n"
"of the baseline would gain, the most promising first.\n"
"\n"
"What is in RESULTS/sensitivity (-o), `compare` and `report` of RESULTS say, too.\n"
"\n"
"      --speedup        a virtual speed-up of every lock and every cost\n"
"      --lock NAME      of this lock only: mmap_lock, or one side of it like\n"
"                       mmap_lock.write (repeatable; with --cost: of these costs, too)\n"
"      --cell LABEL     with --speedup: of this cell, too, or of `all`\n"
"  -o, --output DIR     result folder (default results/sensitivity or\n"
"                       results/speedup)\n"
"  -m, --metric PATH    what is compared (default run.makespan_ns)\n"
"  -c, --cost KEY       only this cost (repeatable)\n"
"  -l, --joint N        runs with all costs drawn at once, Latin hypercube\n"
"                       (default 16, 0 to 1000)\n"
"  -p, --policy A=B,..  as in `mmreplay run`\n"
"  -s, --set KEY=VALUE  as in `mmreplay run`\n"
"  -j, --jobs N         cells at a time (default: one per CPU)\n"
"      --json           JSON instead of text\n"
"  -h, --help           this text\n"
"\n"
"Inside a shortened lock, work and stalls for cache lines take less time; waits\n"
"for other locks, interrupts and sleeps do not. User time and recorded costs stay\n"
"what they were. Each variation is a result folder below DIR.\n"
"\n"
"Writes DIR/sensitivity.json or DIR/speedup.json; `mmreplay plot DIR tornado` and\n"
"`mmreplay plot DIR speedup` draw them.\n";

enum { BISECT_STEPS = 6 };

struct hunt {
	struct study *s;
	struct effects base_effects;
	struct conclusion *found;
	uint32_t found_count;
	uint32_t *costs, cost_count;	/* those that are varied */
};

/* All cells with the costs in set[set_count..] of the study. */
static int vary(struct study *s, uint32_t extra, const char *name,
		struct effects *out, struct errbuf *e)
{
	char *below = xasprintf("costs/%s", name);
	char *dir = study_vary(s, extra, below, e);
	int r = dir ? effects_read(dir, s->metric, out, e) : -1;

	free(dir);
	free(below);
	return r;
}

static int vary_one(struct study *s, const char *key, int64_t value,
		    struct effects *out, struct errbuf *e)
{
	char *set = xasprintf("machine.costs.%s=%lld", key, (long long)value);
	char *name = xasprintf("%s=%lld", key, (long long)value);
	int r;

	s->set[s->set_count] = set;
	r = vary(s, 1, name, out, e);
	free(name);
	free(set);
	return r;
}

static bool same_sign(double a, double b)
{
	return (a > 0) == (b > 0) && (a < 0) == (b < 0);
}

/* The end of [holds, flips] that flips is moved towards where it holds. */
static int bisect(struct study *s, const struct conclusion *c,
		  struct swing *w, struct errbuf *e)
{
	int64_t holds = w->value, flips = w->flips_below ? w->low : w->high;
	int r = 0;

	s->label = c->cell;	/* the others are of no interest here */
	for (int i = 0; i < BISECT_STEPS; i++) {
		int64_t middle = holds + (flips - holds) / 2;
		struct effects f;
		double change = 0;

		if (middle == holds || middle == flips)
			break;
		r = vary_one(s, w->cost, middle, &f, e);
		if (r)
			break;
		if (effects_find(&f, c->label, &change) &&
		    same_sign(change, c->change))
			holds = middle;
		else
			flips = middle;
		effects_release(&f);
	}
	s->label = NULL;
	w->flip_value = holds;
	return r;
}

static bool equal_effects(const struct effects *a, const struct effects *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		double change;

		if (!effects_find(b, a->e[i].label, &change) ||
		    change != a->e[i].change)
			return false;
	}
	return true;
}

static int judge(struct study *s, struct conclusion *c, struct swing w,
		 const struct effects *low, const struct effects *high,
		 struct errbuf *e)
{
	if (!effects_find(low, c->label, &w.at_low) ||
	    !effects_find(high, c->label, &w.at_high) ||
	    (w.at_low == c->change && w.at_high == c->change))
		return 0;
	w.flips_below = !same_sign(w.at_low, c->change);
	w.flips = w.flips_below || !same_sign(w.at_high, c->change);
	if (w.flips && bisect(s, c, &w, e))
		return -1;
	c->swings = xrealloc(c->swings, c->swing_count + 1, sizeof(w));
	c->swings[c->swing_count++] = w;
	return 0;
}

static int try_cost(struct hunt *h, uint32_t i, struct errbuf *e)
{
	struct study *s = h->s;
	const struct cost_value *v = &s->base->cells[0].profile.cost[i];
	struct swing w = { .cost = profile_cost(i)->key, .value = v->value,
			   .cls = cost_class_names[v->cls], .low = v->low,
			   .high = v->high };
	struct effects low, high;
	int r = vary_one(s, w.cost, v->high, &high, e);

	if (r)
		return r;
	if (equal_effects(&h->base_effects, &high)) {
		effects_release(&high);
		return 0;
	}
	r = vary_one(s, w.cost, v->low, &low, e);
	for (uint32_t k = 0; !r && k < h->found_count; k++)
		r = judge(s, &h->found[k], w, &low, &high, e);
	if (!r)
		effects_release(&low);
	effects_release(&high);
	return r;
}

static bool varies(const struct study *s, uint32_t i)
{
	const struct cost_value *v = &s->base->cells[0].profile.cost[i];

	if (v->low >= v->high || v->cls == COST_MEASURED ||
	    v->cls == COST_RECORDED)
		return false;
	return study_wants(s, i) && study_asks(s, i);
}

static int check_only(const struct study *s, struct errbuf *e)
{
	uint32_t n = s->base->cells[0].profile.cost_count;
	const char **keys = xcalloc(n, sizeof(*keys));
	int r = 0;

	for (uint32_t i = 0; i < n; i++)
		keys[i] = profile_cost(i)->key;
	for (uint32_t k = 0; k < s->only_count && !r; k++) {
		uint32_t i = 0;

		while (i < n && strcmp(keys[i], s->only[k]))
			i++;
		if (i == n)
			r = err_unknown(e, (struct loc){ 0 }, "cost", s->only[k],
					keys, n);
	}
	free(keys);
	return r;
}

/* Latin hypercube: cost i takes stratum perm_i(draw); strata are permuted by
 * an odd multiplier and an offset per cost, drawn from the cost's index. */
static int64_t joint_value(const struct cost_value *v, uint32_t i, uint32_t n,
			   uint32_t of)
{
	uint64_t span = (uint64_t)(v->high - v->low);
	uint64_t stride = 1, offset = draw_below(draw(1, i, DRAW_POLICY, 0), of);
	uint64_t stratum;

	for (uint64_t k = draw_below(draw(1, i, DRAW_POLICY, 1), of); k > 1; k--) {
		uint64_t a = k, b = of;

		while (b) {
			uint64_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1) {
			stride = k;
			break;
		}
	}
	stratum = (offset + n * stride) % of;
	return v->low + (int64_t)(span * (2 * stratum + 1) / (2 * of));
}

static int try_joint(struct hunt *h, uint32_t n, struct errbuf *e)
{
	struct study *s = h->s;
	uint32_t count = s->base->cells[0].profile.cost_count, extra = 0;
	char *name = xasprintf("joint-%u-of-%u", n + 1, s->joint);
	struct effects f;
	int r;

	for (uint32_t i = 0; i < count; i++)
		if (varies(s, i))
			s->set[s->set_count + extra++] = xasprintf(
				"machine.costs.%s=%lld", profile_cost(i)->key,
				(long long)joint_value(&s->base->cells[0].profile.cost[i],
						       i, n, s->joint));
	r = vary(s, extra, name, &f, e);
	for (uint32_t k = 0; !r && k < h->found_count; k++) {
		double change;

		if (!effects_find(&f, h->found[k].label, &change))
			continue;
		h->found[k].joint_runs++;
		h->found[k].joint_same += same_sign(change, h->found[k].change);
	}
	if (!r)
		effects_release(&f);
	for (uint32_t i = 0; i < extra; i++)
		free((char *)(uintptr_t)s->set[s->set_count + i]);
	free(name);
	return r;
}

/* Variation @i: first the costs one by one, then all at once. */
static int try_one(struct hunt *h, uint32_t i, struct errbuf *e)
{
	return i < h->cost_count ? try_cost(h, h->costs[i], e) :
				   try_joint(h, i - h->cost_count, e);
}

static void try_ahead(void *arg, uint32_t i)
{
	struct errbuf ignored = { 0 };

	if (try_one(arg, i, &ignored))
		return;
}

static int vary_all(struct hunt *h, struct errbuf *e)
{
	struct study *s = h->s;
	uint32_t n = s->base->cells[0].profile.cost_count, todo;
	int r = 0;

	h->costs = xcalloc(n, sizeof(*h->costs));
	for (uint32_t i = 0; i < n; i++)
		if (varies(s, i))
			h->costs[h->cost_count++] = i;
	todo = h->cost_count + s->joint;
	progress_start(&s->progress, "varying costs", "variations", todo);
	study_ahead(s, todo, try_ahead, h);
	for (uint32_t i = 0; i < todo && !r; i++)
		r = try_one(h, i, e);
	progress_end(&s->progress);
	free(h->costs);
	return r;
}

static int print_found(struct hunt *h, struct errbuf *e)
{
	const struct study *s = h->s;
	char *path = xasprintf("%s/sensitivity.json", s->dir);
	json_t *root;
	int r;

	for (uint32_t k = 0; k < h->found_count; k++)
		conclusion_sort(&h->found[k]);
	root = sensitivity_json(h->found, h->found_count, s->metric,
				h->base_effects.model_id);
	r = json_save(path, root, e);
	if (!r && s->json) {
		json_dumpf(root, stdout, JSON_INDENT(1));
		putchar('\n');
	} else if (!r) {
		sensitivity_text(h->found, h->found_count, s->metric, stdout);
	}
	json_decref(root);
	free(path);
	return r;
}

static int run_base(struct hunt *h, struct errbuf *e)
{
	const struct study *s = h->s;

	if (effects_read(s->dir, s->metric, &h->base_effects, e))
		return -1;
	if (!h->base_effects.count)
		return err_set(e, -1, "%s: no cell to compare with a baseline has %s",
			       s->input, s->metric);
	h->found_count = h->base_effects.count;
	h->found = xcalloc(h->found_count, sizeof(*h->found));
	for (uint32_t k = 0; k < h->found_count; k++) {
		h->found[k].label = h->base_effects.e[k].label;
		h->found[k].baseline = h->base_effects.e[k].baseline;
		h->found[k].cell = h->base_effects.e[k].cell;
		h->found[k].change = h->base_effects.e[k].change;
	}
	return 0;
}

static int hunt_flips(struct study *s, struct errbuf *e)
{
	struct hunt h = { .s = s };
	int r = run_base(&h, e);

	if (!r)
		r = vary_all(&h, e);
	if (!r)
		r = print_found(&h, e);
	for (uint32_t k = 0; k < h.found_count; k++)
		free(h.found[k].swings);
	free(h.found);
	effects_release(&h.base_effects);
	return r;
}

static int number(const char *text, const char *option, uint32_t most,
		  uint32_t *out, struct errbuf *e)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || !*text || *text == '-' || n > most)
		return err_usage(e, "%s %s: expected 0 to %u", option, text, most);
	*out = (uint32_t)n;
	return 0;
}

static int take_option(int c, struct study *s, char **argv, struct errbuf *e)
{
	switch (c) {
	case 'o':
		s->dir = optarg;
		return 0;
	case 'm':
		s->metric = optarg;
		return 0;
	case 'c':
		s->only[s->only_count++] = optarg;
		return 0;
	case 'l':
		return number(optarg, "--joint", 1000, &s->joint, e);
	case 'p':
		s->policy[s->policy_count++] = optarg;
		return 0;
	case 's':
		s->set[s->set_count++] = optarg;
		return 0;
	case 'j':
		return number(optarg, "--jobs", 1024, &s->jobs, e);
	case 'L':
		s->locks[s->lock_count++] = optarg;
		s->speedup = true;
		return 0;
	case 'C':
		s->label = strcmp(optarg, "all") ? optarg : NULL;
		return 0;
	case 'U':
		s->speedup = true;
		return 0;
	case 'J':
		s->json = true;
		return 0;
	default:
		return err_usage(e, c == ':' ? "sensitivity: no value for '%s'; see --help" :
				 "sensitivity: unknown option '%s'; see --help",
				 argv[optind - 1]);
	}
}

static int parse(int argc, char **argv, struct study *s, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "metric", required_argument, NULL, 'm' },
		{ "cost", required_argument, NULL, 'c' },
		{ "joint", required_argument, NULL, 'l' },
		{ "policy", required_argument, NULL, 'p' },
		{ "set", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "speedup", no_argument, NULL, 'U' },
		{ "lock", required_argument, NULL, 'L' },
		{ "cell", required_argument, NULL, 'C' },
		{ "json", no_argument, NULL, 'J' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, ":o:m:c:l:p:s:j:", longs, NULL)) >= 0)
		if (take_option(c, s, argv, e))
			return -1;
	if (optind + 1 != argc)
		return err_usage(e, "sensitivity: expected one SCENARIO.yaml or trace; see --help");
	s->input = argv[optind];
	if (!s->dir)
		s->dir = s->speedup ? "results/speedup" : "results/sensitivity";
	if (!s->speedup)
		s->label = NULL;
	s->set[s->set_count++] = "replay.replicates=1";
	return 0;
}

static int check_label(const struct study *s, const struct scenario *sc,
		       struct errbuf *e)
{
	const char **labels = xcalloc(sc->cell_count + 1, sizeof(*labels));
	uint32_t i = 0;
	int r = 0;

	for (; i < sc->cell_count; i++)
		labels[i] = sc->cells[i].label;
	for (i = 0; i < sc->cell_count && strcmp(labels[i], s->label); i++)
		;
	if (i == sc->cell_count)
		r = err_unknown(e, (struct loc){ 0 }, "cell", s->label, labels, i);
	free(labels);
	return r;
}

/* The base runs, then what is to be varied. */
static int run_study(struct study *s, struct errbuf *e)
{
	struct scenario *base = study_load(s, 0, e);
	struct result_set *ran = NULL;
	int r = base ? 0 : -1;

	s->base = base;
	if (!r && s->label && *s->label)
		r = check_label(s, base, e);
	if (!r)
		r = check_only(s, e);
	if (!r)
		study_choose(s, base);
	if (!r)
		r = study_run(s, base, s->dir, e);
	if (!r && !(ran = results_load(&s->dir, 1, e)))
		r = -1;
	s->ran = ran;
	if (!r)
		r = s->speedup ? speedup_run(s, e) : hunt_flips(s, e);
	results_free(ran);
	scenario_free(base);
	return r;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	size_t n = (size_t)argc + PROFILE_COSTS_MAX + 2;
	struct study s = {
		.metric = "run.makespan_ns", .joint = 16, .label = "",
		.set = xcalloc(n, sizeof(*s.set)),
		.policy = xcalloc(n, sizeof(*s.policy)),
		.only = xcalloc(n, sizeof(*s.only)),
		.locks = xcalloc(n, sizeof(*s.locks)) };
	int r = parse(argc, argv, &s, e);

	if (!r)
		r = run_study(&s, e);
	free(s.set);
	free(s.policy);
	free(s.only);
	free(s.locks);
	return r ? -1 : 0;
}

const struct command cmd_sensitivity = {
	"sensitivity", "which assumed cost would flip the conclusion, and where",
	help, run
};
