/*
 * The table in three lines: who wins and by how much, where the baseline
 * waits, and which answer has no spread. Only what the table itself says.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { WINNERS_SHOWN = 8 };

static uint32_t row_of(const struct table *t, const char *path)
{
	for (uint32_t i = 0; i < t->measures.count; i++)
		if (!strcmp(t->measures.m[i].path, path))
			return i;
	return RESULT_NONE;
}

/* Columns with a change in @row, smallest value first. */
static uint32_t ranked_columns(const struct table *t, uint32_t row,
			       uint32_t *column)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < t->set->group_count; k++) {
		const struct entry *e = table_entry(t, row, t->order[k]);
		uint32_t at = n;

		if (!e->compared)
			continue;
		for (; at > 0; at--) {
			const struct entry *prev =
				table_entry(t, row, t->order[column[at - 1]]);

			if (prev->value.mean <= e->value.mean)
				break;
			column[at] = column[at - 1];
		}
		column[at] = k;
		n++;
	}
	return n;
}

static void winners(struct text *out, const struct table *t)
{
	uint32_t row = row_of(t, "run.makespan_ns"), n;
	uint32_t *column = xcalloc(t->set->group_count + 1, sizeof(*column));

	n = row == RESULT_NONE ? 0 : ranked_columns(t, row, column);
	for (uint32_t i = 0; i < n && i < WINNERS_SHOWN; i++) {
		text_add(out, i ? ", [%u] " : "makespan against [1]: [%u] ",
			 column[i] + 1);
		entry_change(out, table_entry(t, row, t->order[column[i]]));
	}
	if (n)
		text_put(out, "\n");
	free(column);
}

/* All that the group waited on any lock: the blame list sums to it. */
static double total_wait(const struct result_set *s, uint32_t group)
{
	const struct result_group *g = &s->groups[group];
	double sum = 0;

	for (uint32_t i = 0; i < g->cell_count; i++) {
		const json_t *cell = s->cells[g->cells[i]].json, *entry;
		size_t k;

		json_array_foreach(json_object_get(cell, "blame"), k, entry)
			sum += json_number_value(json_object_get(entry, "wait_ns"));
	}
	return g->cell_count ? sum / g->cell_count : 0;
}

/* What the group waited behind one pair, a mean over its cells. */
static double pair_wait(const struct result_set *s, uint32_t group,
			const json_t *pair)
{
	static const char *const part[] = { "lock", "waiter", "holder" };
	const struct result_group *g = &s->groups[group];
	double sum = 0;

	for (uint32_t i = 0; i < g->cell_count; i++) {
		const json_t *cell = s->cells[g->cells[i]].json, *entry;
		size_t k;

		json_array_foreach(json_object_get(cell, "blame"), k, entry) {
			bool same = true;

			for (int n = 0; n < 3; n++)
				same &= json_equal(json_object_get(entry, part[n]),
						   json_object_get(pair, part[n]));
			if (same)
				sum += json_number_value(
					json_object_get(entry, "wait_ns"));
		}
	}
	return g->cell_count ? sum / g->cell_count : 0;
}

static void put_part(struct text *out, const json_t *pair, const char *key)
{
	const char *s = json_string_value(json_object_get(pair, key));

	text_clean(out, s ? s : "?", TEXT_PLAIN);
}

/* The heaviest pair of the baseline, whether or not the table has room for it. */
static void worst_wait(struct text *out, const struct table *t)
{
	const struct result_set *s = t->set;
	const struct result_group *g = &s->groups[t->order[0]];
	const json_t *worst = NULL, *pair;
	double total = total_wait(s, t->order[0]), most = 0;
	size_t k;

	if (!g->cell_count || total <= 0)
		return;
	json_array_foreach(json_object_get(s->cells[g->cells[0]].json, "blame"),
			   k, pair) {
		double wait = pair_wait(s, t->order[0], pair);

		if (wait <= most)
			continue;
		most = wait;
		worst = pair;
	}
	if (!worst)
		return;
	text_put(out, "most waiting in [1]: ");
	put_part(out, worst, "waiter");
	text_put(out, " behind ");
	put_part(out, worst, "holder");
	text_put(out, " on ");
	put_part(out, worst, "lock");
	text_put(out, ", ");
	text_value(out, most, UNIT_NS);
	text_put(out, " of ");
	text_value(out, total, UNIT_NS);
	text_put(out, "\n");
}

void table_summary(struct text *out, const struct table *t)
{
	if (t->set->block_count > 1)
		return;
	winners(out, t);
	worst_wait(out, t);
}
