/* Predicted beside recorded, as text and as JSON. */
#include <stdio.h>
#include <string.h>
#include "analysis/fidelity.h"

/* 12345678 as 12.35 ms; counts as they are. */
static void value_text(char *out, size_t bytes, double v, const char *unit)
{
	static const struct {
		double from;
		const char *name;
	} steps[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" } };

	if (!strcmp(unit, "ratio")) {
		snprintf(out, bytes, "%.4f", v);
		return;
	}
	if (strcmp(unit, "ns")) {
		snprintf(out, bytes, "%.0f", v);
		return;
	}
	for (int i = 0; i < 3; i++) {
		if (v < steps[i].from)
			continue;
		snprintf(out, bytes, "%.3g %s", v / steps[i].from, steps[i].name);
		return;
	}
	snprintf(out, bytes, "%.0f ns", v);
}

static void percent(char *out, size_t bytes, double v, bool sign)
{
	snprintf(out, bytes, sign ? "%+.0f %%" : "%.0f %%", 100 * v);
}

static void line(const struct check *c, FILE *out)
{
	char recorded[24], predicted[24], error[24] = "-", spread[24];
	char name[64];
	const char *plus = strpbrk(c->quantity, "+/");
	int width = plus ? (int)(plus - c->quantity) : (int)strlen(c->quantity);

	value_text(recorded, sizeof(recorded), c->recorded, c->unit);
	value_text(predicted, sizeof(predicted), c->predicted, c->unit);
	percent(spread, sizeof(spread), c->spread, false);
	if (c->has_error)
		percent(error, sizeof(error), c->error, true);
	snprintf(name, sizeof(name), "%.*s%s", width, c->quantity,
		 !plus ? "" : *plus == '+' ? "+.." : "/..");
	fprintf(out, "%-36s %11s %10s %8s %7s  %s%s%s\n", name, recorded,
		predicted, error, spread, verdict_names[c->verdict],
		*c->blame ? ": " : "", c->blame);
}

static void folder(const struct fidelity *f, FILE *out)
{
	fprintf(out, "%s, costs: %s\n", f->trace, f->costs);
	fprintf(out, "%-36s %11s %10s %8s %7s  %s\n", "quantity", "recorded",
		"predicted", "error", "spread", "verdict");
	for (uint32_t i = 0; i < f->count; i++)
		if (f->checks[i].verdict != VERDICT_ABSENT)
			line(&f->checks[i], out);
	fprintf(out, "not in the capture:");
	for (uint32_t i = 0; i < f->count; i++)
		if (f->checks[i].verdict == VERDICT_ABSENT)
			fprintf(out, " %s", f->checks[i].quantity);
	fprintf(out, "%s\n", f->verdicts[VERDICT_ABSENT] ? "" : " nothing");
	fprintf(out, "%s\n\n", f->assumed ? f->assumed : "no assumed cost was paid");
}

static const char *const met_names[MET_COUNT] = {
	"met", "missed", "noise-limited"
};

static void target_line(const struct target *t, FILE *out)
{
	char limit[24] = "";

	if (t->limit > 0)
		percent(limit, sizeof(limit), t->limit, false);
	fprintf(out, "  %-44s %6s  %-13s %2u of %u rows", t->name, limit,
		met_names[target_met(t)], t->rows[MET_YES],
		t->rows[MET_YES] + t->rows[MET_NO] + t->rows[MET_NOISE]);
	if (t->rows[MET_NOISE])
		fprintf(out, ", %u noise-limited", t->rows[MET_NOISE]);
	if (t->worst && t->worst_error != 0)
		fprintf(out, "; worst %s %+.0f %%", t->worst,
			100 * t->worst_error);
	else if (t->worst)
		fprintf(out, "; not %s", t->worst);
	fputc('\n', out);
}

static void targets(const struct fidelity *list, uint32_t count, FILE *out)
{
	struct target t[FIDELITY_TARGETS_MAX];

	for (uint32_t i = 0; i < count; i++) {
		uint32_t n = fidelity_targets(&list[i], t);

		if (n)
			fprintf(out, "targets, %s, costs: %s\n", list[i].trace,
				list[i].costs);
		for (uint32_t k = 0; k < n; k++)
			target_line(&t[k], out);
	}
	fputc('\n', out);
}

static json_t *targets_json(const struct fidelity *list, uint32_t count)
{
	struct target t[FIDELITY_TARGETS_MAX];
	json_t *all = json_array();

	for (uint32_t i = 0; i < count; i++) {
		uint32_t n = fidelity_targets(&list[i], t);

		for (uint32_t k = 0; k < n; k++) {
			json_t *o = json_object();

			json_object_set_new(o, "trace", json_string(list[i].trace));
			json_object_set_new(o, "costs", json_string(list[i].costs));
			json_object_set_new(o, "target", json_string(t[k].name));
			json_object_set_new(o, "limit", json_real(t[k].limit));
			json_object_set_new(o, "verdict",
				json_string(met_names[target_met(&t[k])]));
			for (int m = 0; m < MET_COUNT; m++)
				json_object_set_new(o, met_names[m],
					json_integer(t[k].rows[m]));
			json_array_append_new(all, o);
		}
	}
	return all;
}

static void summary(const struct fidelity *list, uint32_t count, FILE *out)
{
	fprintf(out, "%-34s %-9s", "trace", "costs");
	for (int v = 0; v < VERDICT_COUNT; v++)
		fprintf(out, " %9.9s", verdict_names[v]);
	fputc('\n', out);
	for (uint32_t i = 0; i < count; i++) {
		fprintf(out, "%-34.34s %-9s", list[i].trace, list[i].costs);
		for (int v = 0; v < VERDICT_COUNT; v++)
			fprintf(out, " %9u", list[i].verdicts[v]);
		fputc('\n', out);
	}
	fprintf(out, "\nspread: half of a 95 %% interval, block bootstrap over 20 time blocks of the capture;\n"
		"of run.makespan_ns: %s\n", list[0].spread_of ?
		list[0].spread_of : "not known, one run");
}

static json_t *check_json(const struct fidelity *f, const struct check *c)
{
	json_t *o = json_object();
	bool there = c->verdict != VERDICT_ABSENT;

	json_object_set_new(o, "trace", json_string(f->trace));
	json_object_set_new(o, "costs", json_string(f->costs));
	json_object_set_new(o, "quantity", json_string(c->quantity));
	json_object_set_new(o, "recorded", there ? json_real(c->recorded) :
						   json_null());
	json_object_set_new(o, "predicted", there ? json_real(c->predicted) :
						    json_null());
	json_object_set_new(o, "error", c->has_error ? json_real(c->error) :
						       json_null());
	json_object_set_new(o, "spread", json_real(c->spread));
	json_object_set_new(o, "verdict",
			    json_string(verdict_names[c->verdict]));
	if (*c->blame)
		json_object_set_new(o, "contributors", json_string(c->blame));
	return o;
}

static void write_json(const struct fidelity *list, uint32_t count, FILE *out)
{
	json_t *root = json_object(), *checks = json_array();
	json_t *sums = json_array();

	for (uint32_t i = 0; i < count; i++) {
		json_t *o = json_object();

		for (uint32_t k = 0; k < list[i].count; k++)
			json_array_append_new(checks, check_json(&list[i],
						&list[i].checks[k]));
		json_object_set_new(o, "trace", json_string(list[i].trace));
		json_object_set_new(o, "costs", json_string(list[i].costs));
		if (list[i].assumed)
			json_object_set_new(o, "assumed", json_string(list[i].assumed));
		for (int v = 0; v < VERDICT_COUNT; v++)
			json_object_set_new(o, verdict_names[v],
				json_integer(list[i].verdicts[v]));
		json_array_append_new(sums, o);
	}
	json_object_set_new(root, "checks", checks);
	json_object_set_new(root, "summary", sums);
	json_object_set_new(root, "targets", targets_json(list, count));
	json_dumpf(root, out, JSON_INDENT(1));
	fputc('\n', out);
	json_decref(root);
}

void fidelity_write(const struct fidelity *list, uint32_t count, bool json,
		    FILE *out)
{
	if (json) {
		write_json(list, count, out);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		folder(&list[i], out);
	targets(list, count, out);
	summary(list, count, out);
}
