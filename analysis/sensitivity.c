/*
 * sensitivity: from result folders with one cost moved to the costs that would
 * flip a conclusion. Pure: reads folders, writes text and JSON.
 *
 * A conclusion is the sign of (value / baseline - 1) of one metric for one
 * cell, at replicate 0: costs are varied, not think times, so the differences
 * are exact and say nothing about the replay spread.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/sensitivity.h"
#include "analysis/text.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

enum { SWINGS_SHOWN = 8 };

int effects_read(const char *dir, const char *metric, struct effects *out,
		 struct errbuf *e)
{
	struct result_set *s = results_load(&dir, 1, e);
	bool integral;

	*out = (struct effects){ 0 };
	if (!s)
		return -1;
	out->e = xcalloc(s->group_count + 1, sizeof(*out->e));
	for (uint32_t i = 0; i < s->group_count; i++) {
		const struct result_group *g = &s->groups[i];
		double value, base;

		if (g->baseline || g->base == i || g->base == RESULT_NONE ||
		    !g->cell_count || !s->groups[g->base].cell_count)
			continue;
		if (!result_number(s->cells[g->cells[0]].json, metric, &value,
				   &integral) ||
		    !result_number(s->cells[s->groups[g->base].cells[0]].json,
				   metric, &base, &integral) || base == 0)
			continue;
		out->e[out->count++] = (struct effect){
			.label = group_title(s, i),
			.baseline = group_title(s, g->base),
			.cell = xstrdup(s->cells[g->example].label),
			.change = value / base - 1 };
	}
	out->model_id = xstrdup(json_string_value(
		json_object_get(s->heads[0], "model_id")));
	results_free(s);
	return 0;
}

void effects_release(struct effects *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		free(f->e[i].label);
		free(f->e[i].baseline);
		free(f->e[i].cell);
	}
	free(f->e);
	free(f->model_id);
	*f = (struct effects){ 0 };
}

bool effects_find(const struct effects *f, const char *label, double *change)
{
	for (uint32_t i = 0; i < f->count; i++) {
		if (strcmp(f->e[i].label, label))
			continue;
		*change = f->e[i].change;
		return true;
	}
	return false;
}

static double swing_width(const struct swing *s)
{
	double w = s->at_high - s->at_low;

	return w < 0 ? -w : w;
}

/* Flips first, then the widest; equal ones by name. */
static int swing_compare(const void *pa, const void *pb)
{
	const struct swing *a = pa, *b = pb;
	double wa = swing_width(a), wb = swing_width(b);

	if (a->flips != b->flips)
		return a->flips ? -1 : 1;
	if (wa != wb)
		return wa > wb ? -1 : 1;
	return strcmp(a->cost, b->cost);
}

void conclusion_sort(struct conclusion *c)
{
	qsort(c->swings, c->swing_count, sizeof(*c->swings), swing_compare);
}

static void put_verdict(const struct conclusion *c, FILE *out)
{
	bool any = false;

	for (uint32_t i = 0; i < c->swing_count; i++) {
		const struct swing *s = &c->swings[i];

		if (!s->flips)
			continue;
		any = true;
		fprintf(out, "  flips with %s %s %lld (now %lld, %s, %lld to %lld)\n",
			s->cost, s->flips_below ? "below" : "above",
			(long long)s->flip_value, (long long)s->value, s->cls,
			(long long)s->low, (long long)s->high);
	}
	if (!any)
		fprintf(out, "  holds for every single cost over its whole range\n");
	if (c->joint_runs)
		fprintf(out, "  all costs at once: same sign in %u of %u draws\n",
			c->joint_same, c->joint_runs);
}

static void put_swings(const struct conclusion *c, FILE *out)
{
	uint32_t n = c->swing_count < SWINGS_SHOWN ? c->swing_count : SWINGS_SHOWN;

	if (n)
		fprintf(out, "  %-26s %-9s %12s %12s %9s %9s\n", "cost", "class",
			"low", "high", "at low", "at high");
	for (uint32_t i = 0; i < n; i++) {
		const struct swing *s = &c->swings[i];

		fprintf(out, "  %-26s %-9s %12lld %12lld %+8.2f%% %+8.2f%%\n",
			s->cost, s->cls, (long long)s->low, (long long)s->high,
			100 * s->at_low, 100 * s->at_high);
	}
	if (n < c->swing_count)
		fprintf(out, "  %u costs with a smaller swing not shown\n",
			c->swing_count - n);
}

void sensitivity_text(const struct conclusion *c, uint32_t count,
		      const char *metric, FILE *out)
{
	fprintf(out, "Which cost could undo it: %s against the baseline\n", metric);
	for (uint32_t i = 0; i < count; i++) {
		struct text label = { 0 };

		text_clean(&label, c[i].label, TEXT_PLAIN);
		fprintf(out, "\n%s: %+.2f%%\n", text_str(&label),
			100 * c[i].change);
		text_release(&label);
		put_verdict(&c[i], out);
		put_swings(&c[i], out);
	}
}

static json_t *swing_json(const struct swing *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "cost", json_string(s->cost));
	json_object_set_new(o, "class", json_string(s->cls));
	json_object_set_new(o, "value", json_integer(s->value));
	json_object_set_new(o, "low", json_integer(s->low));
	json_object_set_new(o, "high", json_integer(s->high));
	json_object_set_new(o, "change_at_low", json_real(s->at_low));
	json_object_set_new(o, "change_at_high", json_real(s->at_high));
	json_object_set_new(o, "flips", json_boolean(s->flips));
	if (s->flips) {
		json_object_set_new(o, "flips_at", json_integer(s->flip_value));
		json_object_set_new(o, "flips_side",
				    json_string(s->flips_below ? "below" : "above"));
	}
	return o;
}

json_t *sensitivity_json(const struct conclusion *c, uint32_t count,
			 const char *metric, const char *model_id)
{
	json_t *root = json_object(), *list = json_array();

	json_object_set_new(root, "model_id", json_string(model_id));
	json_object_set_new(root, "metric", json_string(metric));
	for (uint32_t i = 0; i < count; i++) {
		json_t *o = json_object(), *swings = json_array();

		json_object_set_new(o, "label", json_text(c[i].label));
		json_object_set_new(o, "baseline", json_text(c[i].baseline));
		json_object_set_new(o, "change", json_real(c[i].change));
		json_object_set_new(o, "joint_runs", json_integer(c[i].joint_runs));
		json_object_set_new(o, "joint_same", json_integer(c[i].joint_same));
		for (uint32_t k = 0; k < c[i].swing_count; k++)
			json_array_append_new(swings, swing_json(&c[i].swings[k]));
		json_object_set_new(o, "costs", swings);
		json_array_append_new(list, o);
	}
	json_object_set_new(root, "conclusions", list);
	return root;
}
