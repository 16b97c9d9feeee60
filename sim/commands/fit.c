/*
 * Costs from captures, see fit.h.
 *
 * Invariant: a cost is moved only by a quantity that it is in; what the
 * capture does not show keeps the value of the base profile and is listed.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/results.h"
#include "sim/base/hist.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/commands/fit.h"
#include "sim/commands/input.h"
#include "sim/commands/recorded.h"
#include "sim/results/program.h"

enum { PASSES = 2, SAMPLES_MIN = 20, QUANTILE_PCT = 25, MANY = 20 };

/** struct rule - in order: a rule may rely on those above it */
static const struct rule {
	const char *key, *quantity;
} rules[] = {
	{ "fault_anon_ns", "gap_ns.fault" },
	{ "unmap_region_ns", "locks.mmap_lock.read.hold_ns" },
	{ "munmap_body_ns", "latency_ns.munmap" },
	{ "mmap_body_ns", "latency_ns.mmap" },
	{ "mprotect_body_ns", "latency_ns.mprotect" },
	{ "mremap_body_ns", "latency_ns.mremap" },
	{ "madvise_body_ns", "latency_ns.madvise" },
	{ "clone_thread_ns", "latency_ns.clone-thread" },
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };
_Static_assert((int)RULES <= (int)FIT_COSTS_MAX, "room for every rule");

static const char hidden[] =
	"wake-up, idle exit, spinning, line transfer, IPI send, latency and\n"
	"receipt (one thread has none of them); the share of entry, zeroing and VMA\n"
	"lock in a fault, of tree and slab in a call";

static double row_named(const json_t *reference, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reference, "rows"), i, row)
		if (!strcmp(name, json_string_value(json_object_get(row, "quantity"))))
			return json_number_value(json_object_get(row, "value"));
	return 0;
}

/* Reads of the lock are the second halves of munmap, if those are most. */
static bool shows(const json_t *reference, const char *quantity)
{
	return strcmp(quantity, "locks.mmap_lock.read.hold_ns") ||
	       2 * row_named(reference, "latency_ns.munmap.count") >
	       row_named(reference, "locks.mmap_lock.read.acquired");
}

static double row_value(const json_t *reference, const char *quantity)
{
	char name[96];

	if (!shows(reference, quantity))
		return 0;
	snprintf(name, sizeof(name), "%s.p%d", quantity, QUANTILE_PCT);
	return row_named(reference, name);
}

static double cell_value(struct result_cell *cell, const char *quantity,
			 struct errbuf *e)
{
	const json_t *buckets = json_object_get(result_hists(cell), quantity);
	struct hist h = { 0 };
	double v = 0;

	if (buckets && !json_hist(buckets, &h, e) && h.count >= SAMPLES_MIN)
		v = (double)hist_quantile(&h, QUANTILE_PCT, 100);
	hist_release(&h);
	return v;
}

static int run_once(const char *trace, const char *dir,
		    const char *const *sets, uint32_t set_count,
		    const struct fit *f, struct result_set **out,
		    int64_t base_ns[RULES], struct errbuf *e)
{
	const char **set = xcalloc(set_count + f->set_count + 2, sizeof(*set));
	struct scenario_overrides over = { .set = set,
					   .model_id = program_model_id() };
	struct run_options o = { .out_dir = dir, .jobs = 1, .quiet = true };
	struct run_summary sum;
	struct scenario *s;
	int r = -1;

	set[over.set_count++] = "replay.tracing=as-captured";
	set[over.set_count++] = "replay.costs=model";
	for (uint32_t i = 0; i < set_count; i++)
		set[over.set_count++] = sets[i];
	for (uint32_t i = 0; i < f->set_count; i++)
		set[over.set_count++] = f->set[i];
	s = scenario_for_trace(trace, &over, e);
	if (s)
		r = results_run(s, &o, &sum, e);
	if (!r)
		say_mended(&sum, dir);
	for (uint32_t i = 0; !r && i < RULES; i++)
		for (uint32_t k = 0; k < MM_COST_END - MACHINE_COST_COUNT; k++)
			if (!strcmp(mm_costs[k].key, rules[i].key))
				base_ns[i] = s->cells[0].profile.cost[
					MACHINE_COST_COUNT + k].value;
	scenario_free(s);
	free(set);
	*out = r ? NULL : results_load(&dir, 1, e);
	return *out ? 0 : -1;
}

static void set_cost(struct fit *f, const struct fit_cost *c)
{
	size_t key = strlen("machine.costs.") + strlen(c->key);
	char *text = xasprintf("machine.costs.%s=%lld", c->key, (long long)c->ns);

	for (uint32_t i = 0; i < f->set_count; i++) {
		if (strncmp(f->set[i], text, key + 1))
			continue;
		free(f->set[i]);
		f->set[i] = text;
		return;
	}
	f->set[f->set_count++] = text;
}

static void move(struct fit *f, struct fit_cost *c)
{
	double by = c->recorded_ns - c->predicted_ns;

	c->ns += (int64_t)by;
	if (c->ns < 1)
		c->ns = 1;
	set_cost(f, c);
}

static int pass(const char *trace, const char *dir, const char *const *sets,
		uint32_t set_count, const json_t *reference, bool last,
		struct fit *f, struct errbuf *e)
{
	int64_t base_ns[RULES] = { 0 };
	struct result_set *r;

	if (run_once(trace, dir, sets, set_count, f, &r, base_ns, e))
		return -1;
	for (uint32_t i = 0; i < RULES; i++) {
		struct fit_cost *c = &f->cost[i];
		double rec = row_value(reference, c->quantity);
		double pred = cell_value(&r->cells[0], c->quantity, e);

		if (!c->base_ns)
			c->base_ns = c->ns = base_ns[i];
		/* many times the cost: it is something else's quantity */
		if (c->from != trace && c->known)
			continue;	/* an earlier capture has shown it */
		if (!rec || !pred || rec > MANY * (double)c->base_ns)
			continue;
		c->known = true;
		c->from = trace;
		c->recorded_ns = rec;
		c->predicted_ns = pred;
		if (!last)
			move(f, c);
	}
	results_free(r);
	return 0;
}

int fit_costs(const char *const *traces, uint32_t count, const char *dir,
	      const char *const *sets, uint32_t set_count, struct fit *f,
	      struct errbuf *e)
{
	int r = 0;

	*f = (struct fit){ .count = RULES };
	for (uint32_t i = 0; i < RULES; i++)
		f->cost[i] = (struct fit_cost){ .key = rules[i].key,
						.quantity = rules[i].quantity };
	for (uint32_t t = 0; !r && t < count; t++) {
		json_t *reference = recorded_of(traces[t], recorded_json, e);

		r = reference ? 0 : -1;
		for (int n = 0; !r && n <= PASSES; n++)
			r = pass(traces[t], dir, sets, set_count, reference,
				 n == PASSES, f, e);
		json_decref(reference);
	}
	return r;
}

void fit_release(struct fit *f)
{
	for (uint32_t i = 0; i < f->set_count; i++)
		free(f->set[i]);
	*f = (struct fit){ 0 };
}

void fit_write(const struct fit *f, FILE *out)
{
	fprintf(out, "%-20s %-30s %9s %9s %9s %9s %9s\n", "cost", "from the p25 of",
		"base ns", "fitted ns", "recorded", "predicted", "residual");
	for (uint32_t i = 0; i < f->count; i++) {
		const struct fit_cost *c = &f->cost[i];

		if (!c->known)
			continue;
		fprintf(out, "%-20s %-30s %9lld %9lld %9.0f %9.0f %+8.1f %%\n",
			c->key, c->quantity, (long long)c->base_ns,
			(long long)c->ns, c->recorded_ns, c->predicted_ns,
			100 * (c->predicted_ns - c->recorded_ns) / c->recorded_ns);
	}
	fputs("not in these captures, base kept:", out);
	for (uint32_t i = 0; i < f->count; i++)
		if (!f->cost[i].known)
			fprintf(out, " %s", f->cost[i].key);
	fprintf(out, "\nnot identifiable, base kept: %s\n\n", hidden);
}
