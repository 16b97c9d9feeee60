/*
 * Builds the side-by-side table: values of each group over its replicates,
 * and paired differences against the group's baseline.
 *
 * Invariant: an entry depends on the cells of its group and of its baseline
 * only, so a column says the same whatever stands beside it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "sim/base/mem.h"

/** struct series - values of a path over a group's replicates */
struct series {
	double *v;
	uint64_t *replicate;
	uint32_t n;
	bool integral;
};

static void series_get(struct series *r, const struct result_set *s,
		       const struct result_group *g, const char *path)
{
	r->v = xcalloc(g->cell_count + 1, sizeof(*r->v));
	r->replicate = xcalloc(g->cell_count + 1, sizeof(*r->replicate));
	r->n = 0;
	r->integral = true;
	for (uint32_t i = 0; i < g->cell_count; i++) {
		const struct result_cell *c = &s->cells[g->cells[i]];
		bool integral;

		if (!result_number(c->json, path, &r->v[r->n], &integral))
			continue;
		r->integral = r->integral && integral;
		r->replicate[r->n++] = c->replicate;
	}
}

static void series_release(struct series *r)
{
	free(r->v);
	free(r->replicate);
}

/* Both are ascending by replicate: one merge gives the pairs. Replicates that
 * share no seed are independent, so any pairing will do: first with first. */
static struct change paired(const struct series *a, const struct series *base)
{
	double *d = xcalloc(a->n + 1, sizeof(*d));
	uint32_t i = 0, k = 0, n = 0;
	struct change c;

	while (i < a->n && k < base->n) {
		if (a->replicate[i] < base->replicate[k])
			i++;
		else if (a->replicate[i] > base->replicate[k])
			k++;
		else
			d[n++] = a->v[i++] - base->v[k++];
	}
	for (i = 0; !n && i < a->n && i < base->n; i++)
		d[i] = a->v[i] - base->v[i];
	n = n ? n : i;
	c = change_of(d, n);
	free(d);
	return c;
}

/* The larger assumed share of the two configurations. */
static double assumed_share(const struct result_set *s, uint32_t a, uint32_t b)
{
	double x = 0, y = 0;

	group_mean(s, a, "cost_share.assumed", &x);
	group_mean(s, b, "cost_share.assumed", &y);
	return x > y ? x : y;
}

static void compare_entry(struct entry *e, const struct measure *m,
			  const struct series *a, const struct series *base,
			  double assumed, const json_t *studied)
{
	double sign;

	e->base_mean = sample_of(base->v, base->n).mean;
	e->change = paired(a, base);
	e->compared = e->change.pairs > 0;
	if (!e->compared)
		return;
	e->has_relative = e->base_mean != 0;
	if (e->has_relative) {
		e->relative = e->change.mean / fabs(e->base_mean);
		e->half_relative = e->change.half_width / fabs(e->base_mean);
	}
	e->assumed = (e->change.marked || !e->change.claimed) &&
		     e->change.mean != 0 && e->has_relative &&
		     (studied ? !conclusion_holds(studied) :
				fabs(e->relative) <= assumed);
	if (!e->change.marked || m->better == BETTER_NONE)
		return;
	sign = m->better == BETTER_HIGHER ? 1 : -1;
	e->verdict = e->change.mean * sign > 0 ? 1 : -1;
}

static void fill_row(struct table *t, uint32_t row)
{
	const struct result_set *s = t->set;
	const struct measure *m = &t->measures.m[row];
	struct series *all = xcalloc(s->group_count, sizeof(*all));

	for (uint32_t g = 0; g < s->group_count; g++)
		series_get(&all[g], s, &s->groups[g], m->path);
	for (uint32_t g = 0; g < s->group_count; g++) {
		struct entry *e = &t->entries[(size_t)row * s->group_count + g];
		uint32_t base = s->groups[g].base;

		e->present = all[g].n > 0;
		e->integral = all[g].integral;
		e->value = sample_of(all[g].v, all[g].n);
		if (base != g && !m->plain && e->present)
			compare_entry(e, m, &all[g], &all[base],
				      assumed_share(s, g, base),
				      study_conclusion(s, g, m->path));
	}
	for (uint32_t g = 0; g < s->group_count; g++)
		series_release(&all[g]);
	free(all);
}

/* Block by block, baseline first, then the order of the scenario. */
static void default_order(struct table *t)
{
	const struct result_set *s = t->set;
	uint32_t n = 0;

	for (uint32_t b = 0; b < s->block_count; b++) {
		uint32_t base = s->groups[s->blocks[b].first].base;

		if (s->groups[base].block == b)
			t->order[n++] = base;
		for (uint32_t g = 0; g < s->group_count; g++)
			if (s->groups[g].block == b &&
			    !(g == base && s->groups[base].block == b))
				t->order[n++] = g;
	}
}

/* @before: absent values go last; equal ones keep their order. */
static int sort_order(struct table *t, const char *metric, struct errbuf *e)
{
	bool down = metric[0] == '-', any = false;
	const char *path = metric + down;
	const struct result_set *s = t->set;
	double *key = xcalloc(s->group_count, sizeof(*key));

	for (uint32_t g = 0; g < s->group_count; g++) {
		bool have = group_mean(s, g, path, &key[g]);

		any |= have;
		if (down)
			key[g] = -key[g];
		if (!have)
			key[g] = INFINITY;
	}
	for (uint32_t i = 1; i < s->group_count; i++) {
		uint32_t g = t->order[i], at = i;

		if (s->groups[g].base == g)
			continue;
		for (; at > 0; at--) {
			uint32_t prev = t->order[at - 1];

			if (s->groups[prev].block != s->groups[g].block ||
			    s->groups[prev].base == prev ||
			    key[prev] <= key[g])
				break;
			t->order[at] = prev;
		}
		t->order[at] = g;
	}
	free(key);
	return any ? 0 : err_usage(e, "--sort %s: no cell has such a number", path);
}

int table_build(struct table *t, const struct result_set *s,
		const struct compare_options *o, struct errbuf *e)
{
	int err = 0;

	*t = (struct table){ .set = s };
	if (o->metric_count)
		err = measures_named(s, o->metrics, o->metric_count,
				     &t->measures, e);
	else
		measures_usual(s, &t->measures);
	t->order = xcalloc(s->group_count, sizeof(*t->order));
	default_order(t);
	if (!err && o->sort)
		err = sort_order(t, o->sort, e);
	t->entries = xcalloc((size_t)t->measures.count * s->group_count + 1,
			     sizeof(*t->entries));
	for (uint32_t i = 0; i < t->measures.count && !err; i++)
		fill_row(t, i);
	if (err)
		table_release(t);
	return err;
}

void table_release(struct table *t)
{
	measures_release(&t->measures);
	free(t->order);
	free(t->entries);
	*t = (struct table){ 0 };
}

/* One decimal, none from 10 on where the spread hides it, two below 0.1. */
static int decimals_for(double pct, double half_pct)
{
	if (half_pct >= 0.95 || fabs(pct) >= 99.5)
		return 0;
	return fabs(pct) < 0.095 && half_pct < 0.095 ? 2 : 1;
}

/* A half width that would print as 0 is rounded up: never too narrow. */
static void put_percent(struct text *out, double pct, double half, bool spread)
{
	int d = spread ? decimals_for(pct, half) :
		fabs(pct) >= 9.95 ? 0 : fabs(pct) >= 0.095 ? 1 : 2;
	double least = d == 0 ? 1 : d == 1 ? 0.1 : 0.01;
	char buf[32];

	snprintf(buf, sizeof(buf), "%+.*f", d, pct);
	text_put(out, strpbrk(buf, "123456789") ? buf : buf + 1);
	if (spread)
		text_add(out, "\u00b1%.*f", d, half < least / 2 ? least : half);
}

static void put_factor(struct text *out, double factor, double half, bool spread)
{
	int d = spread ? half < 0.95 : factor < 99.5;

	text_add(out, "x%.*f", d, factor);
	if (spread)
		text_add(out, "\u00b1%.*f", d, d && half < 0.05 ? 0.1 : half);
}

static void put_change(struct text *out, const struct entry *e, const char *unit)
{
	const struct change *c = &e->change;
	bool spread = c->claimed && !c->exact;

	if (!e->compared)
		return;
	if (c->mean == 0 && !spread) {
		text_put(out, "same");
		return;
	}
	if (!e->has_relative) {
		text_put(out, "from 0");
	} else if (e->relative < 9) {
		put_percent(out, 100 * e->relative, 100 * e->half_relative,
			    spread);
		text_put(out, unit);
	} else {
		put_factor(out, e->relative + 1, e->half_relative, spread);
	}
	if (c->exact)
		text_put(out, " exact");
	if (c->marked)
		text_put(out, "*");
	if (e->assumed)
		text_put(out, "?");
}

void entry_change(struct text *out, const struct entry *e)
{
	put_change(out, e, "%");
}

void entry_change_short(struct text *out, const struct entry *e)
{
	put_change(out, e, "");
}

void entry_spread(struct text *out, const struct entry *e)
{
	const struct sample *v = &e->value;
	double pct = v->mean != 0 ? 100 * v->sd / fabs(v->mean) : 0;

	if (v->exact)
		text_put(out, "exact");
	else if (v->n >= PAIRS_MIN && v->mean != 0)
		text_add(out, "\u00b1%.*f%%",
			 pct >= 0.95 ? 0 : pct >= 0.095 ? 1 : 2, pct);
}
