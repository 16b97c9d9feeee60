/*
 * Scores of published results. Invariant: the null predictor goes through the
 * same code; its effect is 0 because its "after" is its "before".
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "analysis/validate.h"
#include "sim/base/mem.h"

static const double skill_least = 0.5, median_least_pct = 5;

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static double number_of(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

void validation_reserve(struct validation *v, uint32_t count)
{
	v->results = xcalloc(count + 1, sizeof(*v->results));
	v->families = xcalloc(count + 1, sizeof(*v->families));
}

/* ---- predicted values ---- */

/* The groups of @x: the baseline, and the one that is measured against it. */
static int find_groups(const struct result_set *s, const struct vresult *r,
		       double x, uint32_t *before, uint32_t *after,
		       struct errbuf *e)
{
	uint32_t found = 0;

	for (uint32_t g = 0; g < s->group_count; g++) {
		const struct result_group *group = &s->groups[g];
		const json_t *cell = s->cells[group->example].json;
		const json_t *params = json_object_get(cell, "params");

		if (*r->x && number_of(params, r->x) != x)
			continue;
		*(group->baseline ? before : after) = g;
		found += group->baseline ? 1U : 0x100U;
		if (group->failed_count)
			return err_set(e, -EINVAL, "%s: a cell failed: %s",
				       r->result, group->label);
	}
	if (found != 0x101)
		return err_set(e, -EINVAL,
			       "%s: expected one baseline and one other cell at %s = %g",
			       r->result, *r->x ? r->x : "the only point", x);
	return 0;
}

/* A key of the cells, sums of keys, or one of these by another: A+B/C+D. */
static bool value_of(const struct result_set *s, uint32_t group,
		     const char *quantity, double *v)
{
	const char *slash = strchr(quantity, '/');
	double by = 1;
	char *above;
	bool there;

	if (!slash)
		return group_mean(s, group, quantity, v) && *v > 0;
	above = xasprintf("%.*s", (int)(slash - quantity), quantity);
	there = group_mean(s, group, above, v) &&
		group_mean(s, group, slash + 1, &by) && *v > 0 && by > 0;
	free(above);
	*v /= by > 0 ? by : 1;
	return there;
}

static int predict(const struct result_set *s, struct vresult *r,
		   struct vpoint *p, struct errbuf *e)
{
	uint32_t before = 0, after = 0;
	double share = 0;

	if (find_groups(s, r, p->x, &before, &after, e))
		return -EINVAL;
	if (!value_of(s, before, r->quantity, &p->predicted_before) ||
	    !value_of(s, after, r->quantity, &p->predicted_after))
		return err_set(e, -EINVAL, "%s: its cells have no %s above 0",
			       r->result, r->quantity);
	group_mean(s, after, "cost_share.assumed", &share);
	if (share > r->assumed_share) {
		const struct result_group *g = &s->groups[after];
		char *input = xasprintf("scenarios/published/%s.yaml", r->result);
		struct text t = { 0 };

		r->assumed_share = share;
		assumed_report(&t, s->cells[g->cells[0]].json, input);
		free(r->assumed);
		r->assumed = t.s;
		json_decref(r->costs);
		r->costs = json_incref(json_object_get(
				s->cells[g->cells[0]].json, "costs"));
		free(input);
	}
	return 0;
}

static int add_point(struct vresult *r, const struct result_set *s,
		     const json_t *from, bool null, struct errbuf *e)
{
	struct vpoint *p = &r->points[r->count++];

	p->x = number_of(from, "x");
	p->before = number_of(from, "before");
	p->after = number_of(from, "after");
	p->effect_published = log(p->after / p->before);
	if (null)
		p->predicted_before = p->predicted_after = p->before;
	else if (predict(s, r, p, e))
		return -EINVAL;
	p->effect_predicted = log(p->predicted_after / p->predicted_before);
	p->strong = fabs(p->effect_published) > 2 * r->noise_pct / 100.0;
	p->sign_right = p->effect_published > 0 ? p->effect_predicted > 0 :
						  p->effect_predicted < 0;
	return 0;
}

int validation_add(struct validation *v, const struct result_set *s,
		   json_t *published, bool null, struct errbuf *e)
{
	const json_t *points = json_object_get(published, "points"), *point;
	struct vresult *r = &v->results[v->count++];
	size_t i;

	*r = (struct vresult){
		.json = json_incref(published),
		.result = text_of(published, "result"),
		.family = text_of(published, "family"),
		.class = text_of(published, "class"),
		.source = text_of(published, "source"),
		.machine = text_of(published, "machine"),
		.why = text_of(published, "why"),
		.quantity = text_of(published, "quantity"),
		.x = text_of(published, "x"),
		.noise_pct = (uint32_t)number_of(published, "noise_pct"),
		.points = xcalloc(json_array_size(points) + 1,
				  sizeof(*r->points)),
	};
	json_array_foreach(points, i, point)
		if (add_point(r, s, point, null, e))
			return -EINVAL;
	return 0;
}

/* ---- scores ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void score(const struct validation *v, struct vfamily *f)
{
	double off = 0, whole = 0, *sizes;
	uint32_t n = 0, room = 1;

	for (uint32_t i = 0; i < v->count; i++)
		room += v->results[i].count;
	sizes = xcalloc(room, sizeof(*sizes));
	for (uint32_t i = 0; i < v->count; i++) {
		const struct vresult *r = &v->results[i];

		for (uint32_t k = 0; k < r->count; k++) {
			const struct vpoint *p = &r->points[k];

			if (strcmp(r->family, f->family))
				continue;
			off += fabs(p->effect_predicted - p->effect_published);
			whole += fabs(p->effect_published);
			f->strong += p->strong;
			f->sign_right += p->strong && p->sign_right;
			sizes[n++] = fabs(p->effect_published);
		}
	}
	qsort(sizes, n, sizeof(*sizes), by_size);
	f->points = n;
	f->skill = whole > 0 ? 1 - off / whole : 0;
	f->median_pct = n ? 100 * expm1((sizes[(n - 1) / 2] + sizes[n / 2]) / 2) : 0;
	free(sizes);
}

static void judge(struct vfamily *f)
{
	if (!strcmp(f->class, "prediction") && f->median_pct > median_least_pct)
		f->skill_target = f->skill >= skill_least ? TARGET_MET :
							    TARGET_MISSED;
	if (strcmp(f->class, "fitted") && f->strong)
		f->sign_target = f->sign_right == f->strong ? TARGET_MET :
							      TARGET_MISSED;
}

void validation_score(struct validation *v)
{
	v->family_count = 0;
	for (uint32_t i = 0; i < v->count; i++) {
		const struct vresult *r = &v->results[i];
		uint32_t k = 0;

		while (k < v->family_count &&
		       strcmp(v->families[k].family, r->family))
			k++;
		if (k == v->family_count)
			v->families[v->family_count++] = (struct vfamily){
				.family = r->family, .class = r->class };
	}
	for (uint32_t k = 0; k < v->family_count; k++) {
		score(v, &v->families[k]);
		judge(&v->families[k]);
	}
}

static uint32_t count_targets(const struct validation *v, enum vtarget which)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < v->family_count; k++)
		n += (uint32_t)(v->families[k].skill_target == which) +
		     (uint32_t)(v->families[k].sign_target == which);
	return n;
}

uint32_t validation_missed(const struct validation *v)
{
	return count_targets(v, TARGET_MISSED);
}

uint32_t validation_met(const struct validation *v)
{
	return count_targets(v, TARGET_MET);
}

void validation_release(struct validation *v)
{
	for (uint32_t i = 0; i < v->count; i++) {
		json_decref(v->results[i].json);
		free(v->results[i].points);
		free(v->results[i].assumed);
		json_decref(v->results[i].costs);
		for (uint32_t k = 0; k < v->results[i].swing_count; k++)
			for (int end = 0; end < 2; end++)
				free(v->results[i].swings[k].effect[end]);
	}
	free(v->results);
	free(v->families);
	*v = (struct validation){ 0 };
}
