/* Published beside predicted, as text and as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "analysis/validate.h"

static const char *const target_names[] = { "not asked", "met", "missed" };

/* ---- JSON ---- */

static void put_number(json_t *o, const char *key, double v)
{
	json_object_set_new(o, key, json_real(v));
}

static void put_text(json_t *o, const char *key, const char *s)
{
	json_object_set_new(o, key, json_string(s));
}

json_t *validation_points_json(const struct vresult *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->count; i++) {
		const struct vpoint *p = &r->points[i];
		json_t *o = json_object();

		put_text(o, "result", r->result);
		put_text(o, "family", r->family);
		put_text(o, "class", r->class);
		put_number(o, "x", p->x);
		put_number(o, "effect_published", p->effect_published);
		put_number(o, "effect_predicted", p->effect_predicted);
		put_number(o, "published", p->after);
		put_number(o, "predicted", p->predicted_after);
		put_number(o, "published_before", p->before);
		put_number(o, "predicted_before", p->predicted_before);
		json_object_set_new(o, "sign", p->strong ?
				    json_string(p->sign_right ? "right" : "wrong") :
				    json_null());
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *row_json(const struct vresult *r, double value, double x,
			bool baseline)
{
	json_t *o = json_object(), *params = json_object();

	put_text(o, "quantity", r->quantity);
	put_number(o, "value", value);
	put_number(o, "spread", value * r->noise_pct / 100);
	put_text(o, "unit", "as published");
	json_object_set_new(o, "baseline", json_boolean(baseline));
	if (*r->x)
		put_number(params, r->x, x);
	json_object_set_new(o, "params", params);
	return o;
}

json_t *validation_rows_json(const struct vresult *r)
{
	json_t *list = json_array();

	/* a quotient is no key of a cell; other units have no common level */
	if (strchr(r->quantity, '/') ||
	    !json_is_true(json_object_get(r->json, "same_unit")))
		return list;
	for (uint32_t i = 0; i < r->count; i++) {
		const struct vpoint *p = &r->points[i];

		json_array_append_new(list, row_json(r, p->before, p->x, true));
		json_array_append_new(list, row_json(r, p->after, p->x, false));
	}
	return list;
}

static json_t *all_swings_json(const struct validation *v)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < v->count; i++)
		if (v->results[i].swing_count)
			json_object_set_new(o, v->results[i].result,
					    swings_json(&v->results[i]));
	return o;
}

static json_t *families_json(const struct validation *v)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < v->family_count; i++) {
		const struct vfamily *f = &v->families[i];
		json_t *o = json_object();

		put_text(o, "family", f->family);
		put_text(o, "class", f->class);
		put_number(o, "skill", f->skill);
		json_object_set_new(o, "sign_right", json_integer(f->sign_right));
		json_object_set_new(o, "sign_asked", json_integer(f->strong));
		json_object_set_new(o, "points", json_integer(f->points));
		put_number(o, "median_effect_pct", f->median_pct);
		put_text(o, "skill_target", target_names[f->skill_target]);
		put_text(o, "sign_target", target_names[f->sign_target]);
		json_array_append_new(list, o);
	}
	return list;
}

json_t *validation_json(const struct validation *v,
			const struct validation *null)
{
	json_t *root = json_object(), *points = json_array(), *n = json_object();

	for (uint32_t i = 0; i < v->count; i++) {
		json_t *more = validation_points_json(&v->results[i]);

		json_array_extend(points, more);
		json_decref(more);
	}
	json_object_set_new(root, "points", points);
	json_object_set_new(root, "families", families_json(v));
	json_object_set_new(root, "ends", all_swings_json(v));
	json_object_set_new(n, "families", families_json(null));
	json_object_set_new(n, "targets_met", json_integer(validation_met(null)));
	json_object_set_new(n, "targets_missed",
			    json_integer(validation_missed(null)));
	json_object_set_new(root, "null", n);
	json_object_set_new(root, "targets_met", json_integer(validation_met(v)));
	json_object_set_new(root, "targets_missed",
			    json_integer(validation_missed(v)));
	return root;
}

/* ---- text ---- */

/* 12345678 as 12.3 M; four digits are enough to compare with a mail. */
static const char *short_number(char *out, size_t bytes, double v)
{
	static const struct {
		double from;
		const char *name;
	} steps[] = { { 1e9, " G" }, { 1e6, " M" }, { 1e4, " k" } };

	for (int i = 0; i < 3; i++) {
		double unit = i == 2 ? 1e3 : steps[i].from;

		if (v < steps[i].from)
			continue;
		snprintf(out, bytes, "%.4g%s", v / unit, steps[i].name);
		return out;
	}
	snprintf(out, bytes, "%.4g", v);
	return out;
}

const char *effect_text(char *out, size_t bytes, double e)
{
	if (fabs(e) < log(2))
		snprintf(out, bytes, "%+.1f %%", 100 * expm1(e));
	else if (e > 0)
		snprintf(out, bytes, "x%.3g", exp(e));
	else
		snprintf(out, bytes, "/%.3g", exp(-e));
	return out;
}

static void point_text(const struct vpoint *p, FILE *out)
{
	char t[6][24];

	fprintf(out, "  %8g %10s %10s %9s %10s %10s %9s  %s\n", p->x,
		short_number(t[0], 24, p->before),
		short_number(t[1], 24, p->after),
		effect_text(t[2], 24, p->effect_published),
		short_number(t[3], 24, p->predicted_before),
		short_number(t[4], 24, p->predicted_after),
		effect_text(t[5], 24, p->effect_predicted),
		!p->strong ? "" : p->sign_right ? "right" : "WRONG");
}

static void result_text(const struct vresult *r, FILE *out)
{
	const char *dot = strrchr(r->x, '.');

	fprintf(out, "%s (%s, family %s)\n  source: %s\n", r->result, r->class,
		r->family, r->source);
	if (*r->machine)
		fprintf(out, "  machine: %s\n", r->machine);
	if (*r->why)
		fprintf(out, "  class: %s\n", r->why);
	if (json_string_length(json_object_get(r->json, "off")))
		fprintf(out, "  where it is off: %s\n",
			json_string_value(json_object_get(r->json, "off")));
	fprintf(out, "  quantity: %s; noise %u %%; up to %.0f %% of the simulated time is of assumed costs\n",
		r->quantity, r->noise_pct, 100 * r->assumed_share);
	if (r->assumed)
		fprintf(out, "  %s\n", r->assumed);
	fprintf(out, "  %8s %31s %31s\n  %8s %10s %10s %9s %10s %10s %9s  %s\n",
		"", "published", "predicted", dot ? dot + 1 : "", "before",
		"after", "effect", "before", "after", "effect", "sign");
	for (uint32_t i = 0; i < r->count; i++)
		point_text(&r->points[i], out);
	if (r->swing_count)
		swings_text(r, out);
	fputc('\n', out);
}

void validation_text(const struct validation *v, FILE *out)
{
	for (uint32_t i = 0; i < v->count; i++)
		result_text(&v->results[i], out);
	fprintf(out, "%-34s %-10s %6s %7s %6s %6s %7s  %s\n", "family", "class",
		"points", "median", "skill", "null", "sign", "targets");
	for (uint32_t i = 0; i < v->family_count; i++) {
		const struct vfamily *f = &v->families[i];
		char median[24];

		fprintf(out, "%-34s %-10s %6u %7s %6.2f %6.2f %3u/%-3u  skill %s, sign %s\n",
			f->family, f->class, f->points,
			effect_text(median, sizeof(median),
				    log1p(f->median_pct / 100)),
			f->skill, 0.0, f->sign_right, f->strong,
			target_names[f->skill_target],
			target_names[f->sign_target]);
	}
	fprintf(out, "\nskill = 1 - sum|e_pred - e_pub| / sum|e_pub|, e = ln(after / before); predicting no\n"
		"change has 0. Asked: 0.5 of a family of class prediction whose median effect is\n"
		"above 5 %%; the right sign where |e_pub| is above twice the noise, but of a fit.\n");
}
