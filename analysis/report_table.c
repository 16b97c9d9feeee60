/*
 * Tables of the HTML report. A cell's exact number is in its data-v, which is
 * what sorting uses; what is printed is rounded by the same functions as on
 * the terminal.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/report.h"
#include "sim/base/mem.h"

enum { KEY_MEASURES = 10 };

void report_html(FILE *out, const char *s)
{
	struct text t = { 0 };

	text_clean(&t, s, TEXT_HTML);
	fputs(text_str(&t), out);
	text_release(&t);
}

static void put_exact(FILE *out, double v)
{
	struct text t = { 0 };

	text_exact(&t, v);
	fputs(text_str(&t), out);
	text_release(&t);
}

/* One value with its change below it, or a dash. */
static void cell(FILE *out, const struct table *t, uint32_t row, uint32_t group)
{
	const struct measure *m = &t->measures.m[row];
	const struct entry *e = table_entry(t, row, group);
	struct text value = { 0 }, extra = { 0 };

	if (!e->present) {
		fputs("<td>-</td>", out);
		return;
	}
	text_value(&value, e->value.mean, m->unit);
	if (t->set->groups[group].base == group && !m->plain)
		entry_spread(&extra, e);
	else
		entry_change(&extra, e);
	fprintf(out, "<td%s data-v=\"", e->verdict > 0 ? " class=\"better\"" :
		e->verdict < 0 ? " class=\"worse\"" : "");
	put_exact(out, e->value.mean);
	fputs("\" title=\"", out);
	put_exact(out, e->value.mean);
	fprintf(out, " %s, mean of %u\">%s", unit_names[m->unit], e->value.n,
		text_str(&value));
	if (extra.len)
		fprintf(out, "<span class=\"chg\">%s</span>", text_str(&extra));
	fputs("</td>", out);
	text_release(&value);
	text_release(&extra);
}

static void column_name(FILE *out, const struct table *t, uint32_t column)
{
	uint32_t g = t->order[column];

	fprintf(out, "[%u] ", column + 1);
	report_html(out, t->set->groups[g].label);
	if (t->set->groups[g].base == g)
		fputs(" (baseline)", out);
}

static void open_table(FILE *out, const char *what)
{
	fprintf(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n"
		"<table class=\"sortable\">\n<thead><tr>", what);
}

static void close_table(FILE *out)
{
	fputs("</table></div>\n", out);
}

static void sort_head(FILE *out, const char *open)
{
	fprintf(out, "<th scope=\"col\">%s<button class=\"sort\" type=\"button\">", open);
}

/* What a policy is judged by: makespan, throughput, p99s, waits, holds. */
static uint32_t key_measures(const struct table *t, uint32_t *rows)
{
	uint32_t n = 0, ops = 0, locks = 0, holds = 0;

	for (uint32_t i = 0; i < t->measures.count && n < KEY_MEASURES; i++) {
		const struct measure *m = &t->measures.m[i];
		size_t len = strlen(m->path);
		bool p99 = m->section == SECTION_LATENCY && len > 4 &&
			   !strcmp(m->path + len - 4, ".p99") && ops < 4;
		bool lock = m->section == SECTION_LOCKS && !m->indent && locks < 2;
		bool hold = m->section == SECTION_HOLD && !m->indent && holds < 2;

		if (!p99 && !lock && !hold && m->section != SECTION_RUN)
			continue;
		ops += p99;
		locks += lock;
		holds += hold;
		rows[n++] = i;
	}
	return n;
}

static void measure_name(FILE *out, const struct measure *m)
{
	size_t len = strlen(m->path);

	if (m->section == SECTION_LATENCY && m->indent) {
		char *op = xasprintf("%.*s", (int)len - 11, m->path + 11);
		char *dot = strrchr(op, '.');

		if (dot)
			*dot = ' ';
		report_html(out, op);
		free(op);
		return;
	}
	report_html(out, m->name);
	if (m->section == SECTION_LOCKS && !m->indent)
		fputs(", waited", out);
}

void report_policies(FILE *out, const struct table *t)
{
	uint32_t rows[KEY_MEASURES], n = key_measures(t, rows);

	open_table(out, "Policies and the measures that matter");
	sort_head(out, "");
	fputs("policy</button></th>", out);
	for (uint32_t i = 0; i < n; i++) {
		sort_head(out, "");
		measure_name(out, &t->measures.m[rows[i]]);
		fputs("</button></th>", out);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
	for (uint32_t k = 0; k < t->set->group_count; k++) {
		fputs("<tr><th scope=\"row\"><span class=\"n\">", out);
		column_name(out, t, k);
		fputs("</span></th>", out);
		for (uint32_t i = 0; i < n; i++)
			cell(out, t, rows[i], t->order[k]);
		fputs("</tr>\n", out);
	}
	fputs("</tbody>", out);
	close_table(out);
}

static void section_row(FILE *out, const struct table *t, uint32_t row,
			uint32_t columns)
{
	enum section s = t->measures.m[row].section;
	uint32_t elided = t->measures.elided[s];

	fprintf(out, "%s<tbody>\n<tr class=\"section\"><th colspan=\"%u\" scope=\"rowgroup\">%s",
		row ? "</tbody>\n" : "", columns + 1, section_titles[s]);
	if (elided)
		fprintf(out, " <span class=\"dim\">(%u smaller not shown)</span>",
			elided);
	fputs("</th></tr>\n", out);
}

static void one_block(FILE *out, const struct table *t, uint32_t first,
		      uint32_t end)
{
	open_table(out, "All measures, one column a policy");
	sort_head(out, "");
	fputs("measure</button></th>", out);
	for (uint32_t k = first; k < end; k++) {
		sort_head(out, "");
		column_name(out, t, k);
		fputs("</button></th>", out);
	}
	fputs("</tr></thead>\n", out);
	for (uint32_t i = 0; i < t->measures.count; i++) {
		const struct measure *m = &t->measures.m[i];

		if (!i || m->section != m[-1].section)
			section_row(out, t, i, end - first);
		fprintf(out, "<tr%s><th scope=\"row\"><span class=\"n\">",
			m->indent ? " class=\"sub\"" : "");
		if (m->section == SECTION_LATENCY && m->indent)
			measure_name(out, m);
		else
			report_html(out, m->name);
		if (m->group) {
			fputs(", ", out);
			report_html(out, m->group);
		}
		fputs("</span></th>", out);
		for (uint32_t k = first; k < end; k++)
			cell(out, t, i, t->order[k]);
		fputs("</tr>\n", out);
	}
	fputs(t->measures.count ? "</tbody>" : "", out);
	close_table(out);
}

void report_measures(FILE *out, const struct table *t)
{
	const struct result_set *s = t->set;

	for (uint32_t k = 0; k < s->group_count;) {
		uint32_t b = s->groups[t->order[k]].block, end = k;
		struct text note = { 0 };

		while (end < s->group_count && s->groups[t->order[end]].block == b)
			end++;
		note_block(&note, s, b, TEXT_HTML);
		fprintf(out, "<p class=\"dim\">%s</p>\n", text_str(&note));
		text_release(&note);
		one_block(out, t, k, end);
		k = end;
	}
}

static bool put_axis(json_t *axes, const json_t *policies)
{
	const char *axis;
	json_t *v;

	json_object_foreach((json_t *)policies, axis, v)
		json_object_set_new_nocheck(axes, axis, json_true());
	return json_object_size(axes) > 0;
}

static void axis_value(FILE *out, const json_t *v, const json_t *base)
{
	const char *s = json_string_value(v);
	bool differs = base && !json_equal((json_t *)v, (json_t *)base);

	fputs(differs ? "<td><strong>" : "<td>", out);
	report_html(out, s ? s : "-");
	fputs(differs ? "</strong></td>" : "</td>", out);
}

void report_axes(FILE *out, const struct table *t)
{
	const struct result_set *s = t->set;
	json_t *axes = json_object(), *v;
	const char *axis;

	for (uint32_t k = 0; k < s->group_count; k++)
		put_axis(axes, json_object_get(
			s->cells[s->groups[k].example].json, "policies"));
	open_table(out, "Policy on each axis");
	fputs("<th scope=\"col\">policy</th><th scope=\"col\">kernel</th>", out);
	json_object_foreach(axes, axis, v) {
		fputs("<th scope=\"col\">", out);
		report_html(out, axis);
		fputs("</th>", out);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
	for (uint32_t k = 0; k < s->group_count; k++) {
		const struct result_group *g = &s->groups[t->order[k]];
		const json_t *cell_json = s->cells[g->example].json;
		const json_t *base = s->cells[s->groups[g->base].example].json;

		fputs("<tr><th scope=\"row\"><span class=\"n\">", out);
		column_name(out, t, k);
		fputs("</span></th>", out);
		axis_value(out, json_object_get(cell_json, "kernel"),
			   json_object_get(base, "kernel"));
		json_object_foreach(axes, axis, v)
			axis_value(out,
				   json_object_get(json_object_get(cell_json, "policies"), axis),
				   json_object_get(json_object_get(base, "policies"), axis));
		fputs("</tr>\n", out);
	}
	fputs("</tbody>", out);
	close_table(out);
	json_decref(axes);
}
