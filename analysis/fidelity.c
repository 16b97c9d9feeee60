/*
 * Verdicts on what a replay predicted, row by row of a recorded reference.
 *
 * Invariant: no verdict is tighter than the capture's own spread. Rows of
 * unit "part" explain others and are not judged.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/fidelity.h"
#include "analysis/table.h"
#include "sim/base/hist.h"
#include "sim/base/mem.h"

static const double identity_share = 0.05;

const char *const verdict_names[VERDICT_COUNT] = {
	"within-10", "within-25", "off", "identity", "noise-limited", "absent"
};

enum verdict fidelity_judge(double error, double spread, double samples,
			    bool identity)
{
	double off = fabs(error);

	if (samples < FIDELITY_SAMPLES_MIN)
		return VERDICT_NOISE;
	if (off <= 0.10 && spread <= 0.10)
		return identity ? VERDICT_IDENTITY : VERDICT_WITHIN_10;
	if (off <= 0.25 && spread <= 0.25)
		return identity ? VERDICT_IDENTITY : VERDICT_WITHIN_25;
	if (off <= 0.25 || off <= spread)
		return VERDICT_NOISE;
	return VERDICT_OFF;
}

static double number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static const json_t *row_named(const json_t *rows, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		const char *q = json_string_value(json_object_get(row, "quantity"));

		if (q && !strcmp(q, name))
			return row;
	}
	return NULL;
}

/* How many samples a quantile or mean stands for; a count stands for itself. */
static double samples_of(const json_t *rows, const char *quantity)
{
	static const struct {
		const char *part, *count;
	} known[] = {
		{ ".wait_ns.", ".contended" }, { ".hold_ns.", ".acquired" },
	};
	const char *dot = strrchr(quantity, '.');
	const json_t *row = row_named(rows, quantity);
	const json_t *samples = json_object_get(row, "samples");
	char name[128];

	if (samples)
		return json_number_value(samples);
	if (!dot)
		return FIDELITY_SAMPLES_MIN;
	if (!strcmp(dot, ".contended"))
		return number(row, "value");

	for (size_t i = 0; i < 2; i++) {
		const char *at = strstr(quantity, known[i].part);

		if (!at)
			continue;
		snprintf(name, sizeof(name), "%.*s%s", (int)(at - quantity),
			 quantity, known[i].count);
		row = row_named(rows, name);
		return row ? number(row, "value") : 0;
	}
	if (strncmp(quantity, "latency_ns.", 11) || !strcmp(dot, ".count"))
		return FIDELITY_SAMPLES_MIN;
	snprintf(name, sizeof(name), "%.*s.count", (int)(dot - quantity),
		 quantity);
	row = row_named(rows, name);
	return row ? number(row, "value") : 0;
}

/* ---- where the time of an op went ---- */

static double recorded_part(const json_t *rows, const char *kind,
			    const char *part)
{
	const json_t *row;
	char name[96];

	snprintf(name, sizeof(name), "op_time_ns.%s.%s", kind, part);
	row = row_named(rows, name);
	return row ? number(row, "value") : 0;
}

static double predicted_part(const json_t *cell, const char *kind,
			     const char *part)
{
	char path[96];
	double v = 0;

	snprintf(path, sizeof(path), "op_time_ns.%s.%s", kind, part);
	result_number(cell, path, &v, NULL);
	return v;
}

/* The two parts that differ most, as shares of the recorded time. */
static void blame(const json_t *rows, const json_t *cell, struct check *c)
{
	static const char *const parts[] = { "work", "spin", "sleep", "line",
					     "runqueue", "irq" };
	const char *kind = c->quantity + 11;
	double diff[6], whole = 0;
	char name[32];
	size_t used = 0;

	if (strncmp(c->quantity, "latency_ns.", 11))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(strrchr(kind, '.') - kind),
		 kind);
	for (int i = 0; i < 6; i++) {
		double r = recorded_part(rows, name, parts[i]);

		diff[i] = predicted_part(cell, name, parts[i]) - r;
		whole += r;
	}
	for (int n = 0; n < 2 && whole > 0; n++) {
		int most = 0;

		for (int i = 1; i < 6; i++)
			if (fabs(diff[i]) > fabs(diff[most]))
				most = i;
		used += (size_t)snprintf(c->blame + used,
					 sizeof(c->blame) - used,
					 "%s%s %+.0f %%", n ? ", " : "",
					 parts[most], 100 * diff[most] / whole);
		diff[most] = 0;
	}
}

/* ---- checks ---- */

static void record_bucket(struct hist *h, const json_t *pair, int64_t least)
{
	int64_t lower = json_integer_value(json_array_get(pair, 0));
	json_int_t n = json_integer_value(json_array_get(pair, 1));

	if (lower >= least && n > 0)
		hist_record_many(h, lower, (uint64_t)n);
}

/*
 * What @quantity is of the waits of @least and more: the cell's histogram
 * without the shorter ones. LOCK.contended is their count.
 */
static double of_long_waits(const json_t *hists, const char *quantity,
			    int64_t least)
{
	const char *dot = strrchr(quantity, '.');
	bool counts = !strcmp(dot, ".contended");
	const json_t *pairs, *pair;
	struct hist h = { 0 };
	char name[128];
	double v;
	size_t i;

	snprintf(name, sizeof(name), "%.*s%s", (int)(dot - quantity), quantity,
		 counts ? ".wait_ns" : "");
	pairs = json_object_get(hists, name);
	json_array_foreach(pairs, i, pair)
		record_bucket(&h, pair, least);
	if (counts)
		v = (double)h.count;
	else if (!strcmp(dot, ".mean"))
		v = (double)hist_mean(&h);
	else
		v = (double)hist_quantile(&h, (uint32_t)atoi(dot + 2), 100);
	hist_release(&h);
	return v;
}

/* @quantity "a+b/c" is a ratio of what the cell has under both. */
static double predicted(const json_t *cell, const char *quantity)
{
	const char *slash = strchr(quantity, '/');
	char top[160];
	double v = 0, of = 0;

	if (!slash) {
		result_number(cell, quantity, &v, NULL);
		return v;
	}
	snprintf(top, sizeof(top), "%.*s", (int)(slash - quantity), quantity);
	result_number(cell, top, &v, NULL);
	result_number(cell, slash + 1, &of, NULL);
	return of > 0 ? v / of : 0;
}

static void judge(const json_t *rows, const json_t *row, struct result_cell *of,
		  bool recorded_costs, struct check *c)
{
	const json_t *cell = of->json;
	const json_t *share = json_object_get(row, "wait_share");
	int64_t least = json_integer_value(json_object_get(row, "at_least_ns"));
	bool identity = recorded_costs && share &&
			json_number_value(share) < identity_share;

	c->unit = json_string_value(json_object_get(row, "unit"));
	c->recorded = number(row, "value");
	c->verdict = VERDICT_ABSENT;
	if (json_is_null(json_object_get(row, "value")))
		return;
	if (c->recorded > 0)
		c->spread = number(row, "spread") / c->recorded;
	c->predicted = least ? of_long_waits(result_hists(of), c->quantity,
						 least) :
			       predicted(cell, c->quantity);
	c->has_error = c->recorded > 0;
	if (c->has_error)
		c->error = (c->predicted - c->recorded) / c->recorded;
	c->samples = samples_of(rows, c->quantity);
	if (!c->has_error)
		c->verdict = c->predicted > 0 ? VERDICT_OFF : VERDICT_WITHIN_10;
	else
		c->verdict = fidelity_judge(c->error, c->spread,
					    c->samples, identity);
	if (c->verdict == VERDICT_OFF)
		blame(rows, cell, c);
}

static struct result_cell *baseline(const struct result_set *s)
{
	for (uint32_t i = 0; i < s->cell_count; i++)
		if (s->cells[i].baseline)
			return &s->cells[i];
	return NULL;
}

int fidelity_of(const struct result_set *s, const char *trace,
		const char *costs, enum fidelity_kind kind, struct fidelity *f,
		struct errbuf *e)
{
	struct result_cell *cell = baseline(s);
	const json_t *rows = json_object_get(s->reference, "rows"), *row;
	size_t i;

	struct text assumed = { 0 };

	*f = (struct fidelity){ 0 };
	if (!cell || !rows)
		return err_set(e, -1, "%s: no baseline cell, or no reference.json",
			       s->dirs[0]);
	if (cell->failed)
		return err_set(e, -1, "%s: %s", trace, cell->failure);
	f->trace = xstrdup(trace);
	f->costs = xstrdup(costs);
	f->kind = kind;
	assumed_report(&assumed, cell->json, "TRACE.mmt -p AXIS=POLICY");
	f->assumed = assumed.s;
	f->checks = xcalloc(json_array_size(rows) + 1, sizeof(*f->checks));
	f->spread_of = json_string_value(json_object_get(s->reference,
							 "spread_of"));
	json_array_foreach(rows, i, row) {
		struct check *c = &f->checks[f->count];
		const char *unit = json_string_value(json_object_get(row, "unit"));

		c->quantity = json_string_value(json_object_get(row, "quantity"));
		if (!c->quantity || !unit || !strcmp(unit, "part"))
			continue;
		judge(rows, row, cell, kind == FIDELITY_RECORDED, c);
		f->verdicts[c->verdict]++;
		f->count++;
	}
	return 0;
}

void fidelity_release(struct fidelity *f)
{
	free(f->trace);
	free(f->costs);
	free(f->assumed);
	free(f->checks);
	*f = (struct fidelity){ 0 };
}
