/*
 * What a published result's assumed costs do to its predicted effects: each at
 * the ends of its range, and where the sign of a point flips. Between where the
 * cost is and an end the effect is taken to be a straight line.
 */
#include <string.h>
#include "analysis/validate.h"

/* Is there a flip of point @i towards @end? Then at which value. */
static bool flips(const struct vresult *r, const struct vswing *s, int end,
		  uint32_t i, double *at)
{
	double now = r->points[i].effect_predicted, there;

	if (!r->points[i].strong || !s->effect[end])
		return false;
	there = s->effect[end][i];
	if ((now > 0) == (there > 0) && (now < 0) == (there < 0))
		return false;
	*at = (double)s->value + (double)(s->end[end] - s->value) *
				 (now == there ? 1 : now / (now - there));
	return true;
}

static void end_text(const struct vresult *r, const struct vswing *s, int end,
		     FILE *out)
{
	char t[24];

	if (!s->effect[end])
		return;
	fprintf(out, "  %-24s %6lld", s->cost, (long long)s->end[end]);
	for (uint32_t i = 0; i < r->count; i++)
		fprintf(out, " %8s", effect_text(t, sizeof(t),
						 s->effect[end][i]));
	fputc('\n', out);
}

static void flips_text(const struct vresult *r, const struct vswing *s, int end,
		       bool *any, FILE *out)
{
	double at;

	for (uint32_t i = 0; i < r->count; i++) {
		if (!flips(r, s, end, i, &at))
			continue;
		fprintf(out, "%s ", *any ? ";" : "  the sign flips");
		if (*r->x)
			fprintf(out, "at %g ", r->points[i].x);
		fprintf(out, "with %s %s about %.0f", s->cost,
			end ? "above" : "below", at);
		*any = true;
	}
}

void swings_text(const struct vresult *r, FILE *out)
{
	const char *dot = strrchr(r->x, '.');
	bool any = false;
	char t[24];

	fprintf(out, "  predicted effect, each cost at its ends\n  %31s",
		dot ? dot + 1 : "");
	for (uint32_t i = 0; *r->x && i < r->count; i++) {
		snprintf(t, sizeof(t), "%g", r->points[i].x);
		fprintf(out, " %8s", t);
	}
	fputc('\n', out);
	for (uint32_t k = 0; k < r->swing_count; k++)
		for (int end = 0; end < 2; end++)
			end_text(r, &r->swings[k], end, out);
	for (uint32_t k = 0; k < r->swing_count; k++)
		for (int end = 0; end < 2; end++)
			flips_text(r, &r->swings[k], end, &any, out);
	fprintf(out, "%s\n", any ? "" :
		"  no sign that is asked for flips with one of them");
}

static json_t *end_json(const struct vresult *r, const struct vswing *s, int end)
{
	json_t *o = json_object(), *list = json_array();

	for (uint32_t i = 0; i < r->count; i++)
		json_array_append_new(list, json_real(s->effect[end][i]));
	json_object_set_new(o, "at", json_integer(s->end[end]));
	json_object_set_new(o, "effects", list);
	return o;
}

static json_t *flip_json(const struct vresult *r, uint32_t i, double at)
{
	json_t *o = json_object();

	if (*r->x)
		json_object_set_new(o, "x", json_real(r->points[i].x));
	json_object_set_new(o, "at", json_real(at));
	return o;
}

json_t *swings_json(const struct vresult *r)
{
	json_t *list = json_array();

	for (uint32_t k = 0; k < r->swing_count; k++) {
		const struct vswing *s = &r->swings[k];
		json_t *o = json_object(), *ends = json_array();
		json_t *flip = json_array();
		double at;

		for (int end = 0; end < 2; end++) {
			if (s->effect[end])
				json_array_append_new(ends, end_json(r, s, end));
			for (uint32_t i = 0; i < r->count; i++)
				if (flips(r, s, end, i, &at))
					json_array_append_new(flip,
						flip_json(r, i, at));
		}
		json_object_set_new(o, "cost", json_string(s->cost));
		json_object_set_new(o, "value", json_integer(s->value));
		json_object_set_new(o, "ends", ends);
		json_object_set_new(o, "flips", flip);
		json_array_append_new(list, o);
	}
	return list;
}
