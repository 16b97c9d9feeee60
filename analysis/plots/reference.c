/*
 * reference: predicted over recorded, a row a quantity, a mark a policy; or
 * over published, a row a figure at its own params, before or after the
 * change. The grey band is the reference's own spread: no prediction can be
 * better than that.
 */
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/table.h"

enum { ROWS_MOST = 40, GROUPS_MOST = 16 };

/* @params, @baseline: of the cells meant; NULL: of every cell */
struct row {
	const char *quantity;
	double value, spread;
	const json_t *params, *baseline;
};

static uint32_t read_rows(const json_t *reference, struct row *rows)
{
	const json_t *list = json_object_get(reference, "rows"), *entry;
	uint32_t n = 0;
	size_t i;

	json_array_foreach(list, i, entry) {
		const json_t *spread = json_object_get(entry, "spread");
		const char *q = json_string_value(json_object_get(entry, "quantity"));
		double v = json_number_value(json_object_get(entry, "value"));

		if (q && v > 0 && n < ROWS_MOST)
			rows[n++] = (struct row){
				q, v, json_number_value(spread),
				json_object_get(entry, "params"),
				json_object_get(entry, "baseline") };
	}
	return n;
}

/* Does the row speak of this group's cells? */
static bool row_is_of(const struct plot_job *job, const struct row *row,
		      uint32_t group)
{
	const struct result_group *g = &job->set->groups[group];
	const json_t *there = job->set->blocks[g->block].params, *v;
	const char *key;

	if (row->baseline && json_is_true(row->baseline) != g->baseline)
		return false;
	json_object_foreach((json_t *)row->params, key, v)
		if (json_number_value(json_object_get(there, key)) !=
		    json_number_value(v))
			return false;
	return true;
}

/* One quantity at several points: it is the title, and no part of the names. */
static bool one_quantity(const struct row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!json_object_size(rows[i].params) ||
		    strcmp(rows[i].quantity, rows[0].quantity))
			return false;
	return true;
}

static void row_name(struct text *out, const struct row *row, bool quantity)
{
	const char *key, *part = quantity ? " at " : "";
	const json_t *v;

	if (quantity)
		text_put(out, row->quantity);
	json_object_foreach((json_t *)row->params, key, v) {
		text_add(out, "%s%s %g", part, key, json_number_value(v));
		part = " at ";
	}
	if (row->baseline)
		text_put(out, json_is_true(row->baseline) ? ", before" :
							    ", after");
}

static void put_bands(struct plot_job *job, const struct row *rows, uint32_t n)
{
	bool quantity = !one_quantity(rows, n);

	text_put(&job->dat, "# row\treference\tspread\tquantity\n");
	for (uint32_t i = 0; i < n; i++) {
		struct text name = { 0 }, plain = { 0 };

		row_name(&plain, &rows[i], quantity);
		text_add(&job->dat, "%u\t", n - i);
		text_exact(&job->dat, rows[i].value);
		text_put(&job->dat, "\t");
		text_exact(&job->dat, rows[i].spread);
		text_put(&job->dat, "\t\"");
		text_clean(&name, text_str(&plain), TEXT_GNUPLOT);
		for (const char *p = text_str(&name); *p; p++)
			text_add(&job->dat, *p == '%' ? "%%%%" : "%c", *p);
		text_put(&job->dat, "\"\n");
		text_release(&name);
		text_release(&plain);
	}
	text_put(&job->dat, "\n\n");
}

static bool put_points(struct plot_job *job, uint32_t group,
		       const struct row *rows, uint32_t n, double span[2])
{
	bool any = false;

	text_put(&job->dat, "# ");
	plot_label(&job->dat, job, group, 200);
	text_put(&job->dat, "\n# row\tpredicted\treference\n");
	for (uint32_t i = 0; i < n; i++) {
		double v;

		if (!row_is_of(job, &rows[i], group) ||
		    !group_mean(job->set, group, rows[i].quantity, &v) || v <= 0)
			continue;
		text_add(&job->dat, "%u\t", n - i);
		text_exact(&job->dat, v);
		text_put(&job->dat, "\t");
		text_exact(&job->dat, rows[i].value);
		text_put(&job->dat, "\n");
		v /= rows[i].value;
		span[0] = v < span[0] ? v : span[0];
		span[1] = v > span[1] ? v : span[1];
		any = true;
	}
	if (!any)
		text_put(&job->dat, "NaN\tNaN\tNaN\n");
	text_put(&job->dat, "\n\n");
	return any;
}

static void commands(struct plot_job *job, const struct row *rows, uint32_t n,
		     const uint32_t *groups, uint32_t group_count,
		     const double span[2], const char *kind)
{
	static const int marks[] = { 7, 5, 13, 9, 11, 6, 4, 12 };
	bool quantity = !one_quantity(rows, n);
	size_t widest = 1;

	for (uint32_t i = 0; i < n; i++) {
		struct text name = { 0 };

		row_name(&name, &rows[i], quantity);
		if (text_width(text_str(&name)) > widest)
			widest = text_width(text_str(&name));
		text_release(&name);
	}
	widest = widest > 60 ? 60 : widest;
	plot_panels(job, 1, 1, 110 + n * 26,
		    &(struct plot_frame){ .left = (unsigned)widest * 15 / 2 + 22,
			.key_rows = plot_key_rows(job, groups, group_count) });
	plot_key(job, true, plot_key_rows(job, groups, group_count));
	if (!quantity) {
		text_put(&job->gp, "set title '");
		text_clean(&job->gp, rows[0].quantity, TEXT_GNUPLOT);
		text_put(&job->gp, "'\n");
	}
	text_add(&job->gp,
		 "set logscale x\nset xrange [%.9g:%.9g]\nset yrange [0.4:%u.6]\n"
		 "set ytics scale 0\nset xlabel 'predicted / %s (band: spread of the %s value)'\n"
		 "set style fill solid 1 noborder\n"
		 "set arrow 1 from first 1, graph 0 to first 1, graph 1 nohead lc rgb '#222222' lw 1.2\n",
		 span[0] / 1.15, span[1] * 1.15, n, kind, kind);
	plot_ratio_tics(job, "x", span[0] / 1.15, span[1] * 1.15, "(");
	text_add(&job->gp,
		 "plot '%s.dat' index 0 using (1):1:($3<$2?1-$3/$2:0.01):(1+$3/$2):($1-0.3):($1+0.3):ytic(4) with boxxyerror fc rgb '#dddddd' notitle",
		 job->name);
	for (uint32_t k = 0; k < group_count; k++) {
		text_add(&job->gp,
			 ", \\\n  '' index %u using ($2/$3):1 with points pt %d ps 1.2 ",
			 k + 1, marks[(k + k / 8) % 8]);
		plot_line(&job->gp, job, groups[k]);
		text_put(&job->gp, " title '");
		plot_label(&job->gp, job, groups[k], 60);
		text_put(&job->gp, "'");
	}
	text_put(&job->gp, "\n");
}

static void build(struct plot_job *job)
{
	const char *kind = json_string_value(json_object_get(
		job->set->reference, "kind"));
	uint32_t groups[PLOT_GROUPS_MOST], group_count, n;
	struct row rows[ROWS_MOST];
	double span[2] = { 0.8, 1.25 };
	bool any = false;

	kind = kind && !strcmp(kind, "published") ? "published" : "recorded";
	n = read_rows(job->set->reference, rows);
	if (!n) {
		text_put(&job->why, job->set->reference ?
			 "reference.json has no rows with a value" :
			 "no reference.json in this folder");
		return;
	}
	group_count = plot_shown(job, groups, GROUPS_MOST);
	put_bands(job, rows, n);
	for (uint32_t k = 0; k < group_count; k++)
		any |= put_points(job, groups[k], rows, n, span);
	commands(job, rows, n, groups, group_count, span, kind);
	if (!any) {
		text_clear(&job->dat);
		text_put(&job->why, "no cell has a quantity of reference.json");
	}
}

const struct plot plot_reference = {
	{ "reference", "Predicted against measured",
	  "reference.json with rows whose quantities the cells have" },
	build
};
