/*
 * compare: builds the table and hands it to the writer of its form, and the
 * two forms for programs. CSV and JSON carry exact numbers: the value of every
 * replicate stands there with the digits of its cell file.
 */
#include <errno.h>
#include <string.h>
#include "analysis/table.h"
#include "sim/base/file.h"

int compare_write(const struct result_set *s, const struct compare_options *o,
		  FILE *out, struct errbuf *e)
{
	struct table t;
	int err = table_build(&t, s, o, e);

	if (err)
		return err;
	switch (o->format) {
	case COMPARE_CSV:
		err = compare_csv(&t, out);
		break;
	case COMPARE_JSON:
		err = compare_json(&t, out);
		break;
	case COMPARE_MARKDOWN:
		err = compare_markdown(&t, out);
		break;
	case COMPARE_TEXT:
	default:
		err = compare_text(&t, o, out);
		break;
	}
	table_release(&t);
	if (ferror(out))
		return err_stream(e, out, "compare");
	return err ? err_set(e, err, "compare: %s", strerror(-err)) : 0;
}

static const char *spread_name(const struct change *c)
{
	return !c->claimed ? "none" : c->exact ? "exact" : "replay spread";
}

static void csv_number(struct text *line, double v, bool have)
{
	text_put(line, ",");
	if (have)
		text_exact(line, v);
}

/* replicate=value, joined with blanks: digits as in the cell files */
static void put_values(struct text *line, const struct result_set *s,
		       uint32_t group, const char *path)
{
	const struct result_group *g = &s->groups[group];
	const char *sep = "";
	double v;

	for (uint32_t i = 0; i < g->cell_count; i++) {
		const struct result_cell *c = &s->cells[g->cells[i]];

		if (!result_number(c->json, path, &v, NULL))
			continue;
		text_add(line, "%s%llu=", sep, (unsigned long long)c->replicate);
		text_exact(line, v);
		sep = " ";
	}
}

static void csv_line(struct text *line, const struct table *t, uint32_t row,
		     uint32_t column)
{
	const struct result_set *s = t->set;
	uint32_t g = t->order[column];
	const struct measure *m = &t->measures.m[row];
	const struct entry *e = table_entry(t, row, g);
	const struct change *c = &e->change;

	text_clean(line, m->path, TEXT_CSV);
	text_add(line, ",%s,%u,", unit_names[m->unit], column + 1);
	text_clean(line, s->groups[g].label, TEXT_CSV);
	text_add(line, ",%u,%d,%u", s->groups[g].block + 1,
		 s->groups[g].base == g, e->value.n);
	csv_number(line, e->value.mean, e->present);
	csv_number(line, e->value.sd, e->value.n >= PAIRS_MIN);
	csv_number(line, e->base_mean, e->compared);
	csv_number(line, c->mean, e->compared);
	csv_number(line, c->half_width, e->compared && c->claimed);
	csv_number(line, e->relative, e->has_relative);
	text_add(line, ",%u,%s,%d,%d,", c->pairs,
		 e->compared ? spread_name(c) : "", c->marked, e->assumed);
	put_values(line, s, g, m->path);
	text_put(line, "\n");
}

int compare_csv(const struct table *t, FILE *out)
{
	fputs("metric,unit,column,label,block,baseline,n,mean,sd,baseline_mean,"
	      "change,change_half_width_95,change_relative,pairs,spread,marked,"
	      "assumed_could_undo,values\n", out);
	for (uint32_t i = 0; i < t->measures.count; i++) {
		for (uint32_t k = 0; k < t->set->group_count; k++) {
			struct text line = { 0 };

			csv_line(&line, t, i, k);
			fputs(text_str(&line), out);
			text_release(&line);
		}
	}
	return 0;
}

/* Integers stay integers: 12 and not 12.0. */
static json_t *number(double v)
{
	if (v >= -9007199254740992.0 && v <= 9007199254740992.0 &&
	    v == (double)(json_int_t)v)
		return json_integer((json_int_t)v);
	return json_real(v);
}

static json_t *json_column(const struct table *t, uint32_t column)
{
	const struct result_set *s = t->set;
	uint32_t g = t->order[column];
	const struct result_group *group = &s->groups[g];
	const struct result_cell *c = &s->cells[group->example];
	static const char *const keys[] = { "kernel", "machine", "policies",
					    "params", "inert" };
	json_t *o = json_object(), *ids = json_array();

	json_object_set_new(o, "column", json_integer(column + 1));
	json_object_set_new(o, "label", json_string(group->label));
	json_object_set_new(o, "baseline", json_boolean(group->base == g));
	json_object_set_new(o, "block", json_integer(group->block + 1));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_set(o, keys[i], json_object_get(c->json, keys[i]));
	for (uint32_t i = 0; i < group->cell_count; i++)
		json_array_append_new(ids,
			json_string(s->cells[group->cells[i]].id));
	json_object_set_new(o, "cells", ids);
	json_object_set_new(o, "failed", json_integer(group->failed_count));
	return o;
}

static json_t *json_values(const struct table *t, uint32_t group,
			   const char *path)
{
	const struct result_group *g = &t->set->groups[group];
	json_t *list = json_array();
	double v;

	for (uint32_t i = 0; i < g->cell_count; i++) {
		const struct result_cell *c = &t->set->cells[g->cells[i]];

		if (result_number(c->json, path, &v, NULL))
			json_array_append_new(list, json_pack("{s:I,s:o}",
				"replicate", (json_int_t)c->replicate,
				"value", number(v)));
	}
	return list;
}

static json_t *json_entry(const struct table *t, uint32_t row, uint32_t column)
{
	uint32_t g = t->order[column];
	const struct entry *e = table_entry(t, row, g);
	const struct change *c = &e->change;
	json_t *o = json_pack("{s:i,s:i,s:o}", "column", (int)column + 1, "n",
			      (int)e->value.n, "mean", number(e->value.mean));
	json_t *d;

	if (e->value.n >= PAIRS_MIN)
		json_object_set_new(o, "sd", number(e->value.sd));
	json_object_set_new(o, "values",
			    json_values(t, g, t->measures.m[row].path));
	if (!e->compared)
		return o;
	d = json_pack("{s:o,s:i,s:s,s:b,s:b}", "mean", number(c->mean), "pairs",
		      (int)c->pairs, "spread", spread_name(c), "marked",
		      c->marked, "assumed_could_undo", e->assumed);
	if (c->claimed)
		json_object_set_new(d, "half_width_95", number(c->half_width));
	if (e->has_relative)
		json_object_set_new(d, "relative", number(e->relative));
	json_object_set_new(o, "change", d);
	return o;
}

static json_t *json_row(const struct table *t, uint32_t row)
{
	static const char *const better[] = { "none", "lower", "higher" };
	const struct measure *m = &t->measures.m[row];
	json_t *list = json_array();

	for (uint32_t k = 0; k < t->set->group_count; k++)
		if (table_entry(t, row, t->order[k])->present)
			json_array_append_new(list, json_entry(t, row, k));
	return json_pack("{s:s,s:s,s:s,s:s,s:o}", "metric", m->path, "unit",
			 unit_names[m->unit], "section",
			 section_titles[m->section], "better",
			 better[m->better], "columns", list);
}

static json_t *json_notes(const struct table *t)
{
	struct note_list notes = { 0 };
	json_t *list = json_array();

	notes_collect(t->set, TEXT_PLAIN, &notes);
	for (uint32_t i = 0; i < notes.count; i++) {
		json_t *columns = json_array();

		for (uint32_t k = 0; k < t->set->group_count; k++)
			for (uint32_t j = 0; j < notes.n[i].group_count; j++)
				if (notes.n[i].groups[j] == t->order[k])
					json_array_append_new(columns,
						json_integer(k + 1));
		json_array_append_new(list, json_pack("{s:s,s:o}", "text",
			notes.n[i].text, "columns", columns));
	}
	notes_release(&notes);
	return list;
}

int compare_json(const struct table *t, FILE *out)
{
	json_t *columns = json_array(), *rows = json_array(), *root;
	int err;

	for (uint32_t k = 0; k < t->set->group_count; k++)
		json_array_append_new(columns, json_column(t, k));
	for (uint32_t i = 0; i < t->measures.count; i++)
		json_array_append_new(rows, json_row(t, i));
	root = json_pack("{s:i,s:s,s:s,s:f,s:o,s:o,s:o}", "format", 1,
			 "scenario", t->set->scenario, "spread",
			 "replay spread: 95 % interval of paired differences, Student t",
			 "level", 0.95, "columns", columns, "rows", rows,
			 "notes", json_notes(t));
	err = root ? json_dumpf(root, out, JSON_INDENT(1) | JSON_ENSURE_ASCII) : -1;
	if (root)
		fputc('\n', out);
	json_decref(root);
	return err ? -EIO : 0;
}
