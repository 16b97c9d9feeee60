/*
 * The table in a few lines: where the baseline waits, then each policy with its
 * change, the pair of ops whose waiting changed most, and how sure that is of
 * the costs. Only what the cells, and a study of them, say.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { WINNERS_SHOWN = 8, NEGLIGIBLE = 200 };	/* of all that was waited */

/** struct summary - the table and its row of makespans */
struct summary {
	const struct table *t;
	struct text *out;
	uint32_t row;
	bool asked, studied;	/* a change could be undone; a study exists */
};

static uint32_t row_of(const struct table *t, const char *path)
{
	for (uint32_t i = 0; i < t->measures.count; i++)
		if (!strcmp(t->measures.m[i].path, path))
			return i;
	return RESULT_NONE;
}

/* Columns of a block with a change in @row, smallest value first. */
static uint32_t ranked_columns(const struct table *t, uint32_t row,
			       uint32_t block, uint32_t *column)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < t->set->group_count; k++) {
		const struct entry *e = table_entry(t, row, t->order[k]);
		uint32_t at = n;

		if (!e->compared || t->set->groups[t->order[k]].block != block)
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

/* What the group waited, a mean over its cells: behind one pair, or in all. */
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

			for (int n = 0; pair && n < 3; n++)
				same &= json_equal(json_object_get(entry, part[n]),
						   json_object_get(pair, part[n]));
			if (same)
				sum += json_number_value(
					json_object_get(entry, "wait_ns"));
		}
	}
	return g->cell_count ? sum / g->cell_count : 0;
}

/* The pair of @from's cells on which @group waits most more or less than @base
 * does; @base RESULT_NONE: on which it waits most. */
static const json_t *largest_pair(const struct result_set *s, uint32_t from,
				  uint32_t group, uint32_t base, double *most)
{
	const struct result_group *g = &s->groups[from];
	const json_t *found = NULL, *pair;
	size_t k;

	if (!g->cell_count)
		return NULL;
	json_array_foreach(json_object_get(s->cells[g->cells[0]].json, "blame"),
			   k, pair) {
		double d = pair_wait(s, group, pair);

		if (base != RESULT_NONE)
			d -= pair_wait(s, base, pair);
		d = d < 0 ? -d : d;
		if (d <= *most)
			continue;
		*most = d;
		found = pair;
	}
	return found;
}

void put_field(struct text *out, const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	text_clean(out, s ? s : "?", TEXT_PLAIN);
}

static void put_pair(struct text *out, const json_t *pair)
{
	put_field(out, pair, "waiter");
	text_put(out, " behind ");
	put_field(out, pair, "holder");
	text_put(out, " on ");
	put_field(out, pair, "lock");
}

/* Which pair's waiting the policy changed most, and from what to what. */
static void put_why(struct summary *y, uint32_t group)
{
	const struct result_set *s = y->t->set;
	uint32_t base = s->groups[group].base;
	double most = (pair_wait(s, group, NULL) + pair_wait(s, base, NULL)) /
		      NEGLIGIBLE;
	const json_t *pair = largest_pair(s, group, group, base, &most);
	const json_t *gone = largest_pair(s, base, group, base, &most);

	pair = gone ? gone : pair;
	if (!pair)
		return;
	text_put(y->out, "; waits changed most: ");
	put_pair(y->out, pair);
	text_put(y->out, ", ");
	text_value(y->out, pair_wait(s, base, pair), UNIT_NS);
	text_put(y->out, " to ");
	text_value(y->out, pair_wait(s, group, pair), UNIT_NS);
}

static void put_column(struct summary *y, uint32_t column)
{
	const struct table *t = y->t;
	uint32_t group = t->order[column];
	const struct entry *e = table_entry(t, y->row, group);
	const json_t *c = study_conclusion(t->set, group,
					   t->measures.m[y->row].path);

	text_add(y->out, "[%u] ", column + 1);
	text_clean(y->out, t->set->groups[group].label, TEXT_PLAIN);
	text_put(y->out, ": ");
	entry_change(y->out, e);
	put_why(y, group);
	if (c) {
		text_put(y->out, "; ");
		conclusion_words(y->out, c);
		y->studied = true;
	}
	y->asked |= e->assumed && !c;
	text_put(y->out, "\n");
}

/* The baseline: its makespan, and where it waits. */
static void put_baseline(struct summary *y, uint32_t block)
{
	const struct result_set *s = y->t->set;
	uint32_t g = s->groups[s->blocks[block].first].base, k = 0;
	double total = pair_wait(s, g, NULL), most = 0;
	const json_t *pair = largest_pair(s, g, g, RESULT_NONE, &most);

	while (y->t->order[k] != g)
		k++;
	text_add(y->out, "makespan ");
	text_value(y->out, table_entry(y->t, y->row, g)->value.mean, UNIT_NS);
	text_add(y->out, " in [%u] ", k + 1);
	text_clean(y->out, s->groups[g].label, TEXT_PLAIN);
	if (pair) {
		text_put(y->out, "; of its waits, ");
		text_value(y->out, total, UNIT_NS);
		text_put(y->out, " in all, ");
		text_value(y->out, most, UNIT_NS);
		text_put(y->out, " were ");
		put_pair(y->out, pair);
	}
	text_put(y->out, "\n");
}

/* With a sweep: the best and the worst of each point, a line each; of one, itself. */
static void put_block(struct summary *y, uint32_t block, const uint32_t *column,
		      uint32_t n)
{
	bool first = true;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)y->t->set->blocks[block].params, key, v) {
		char *number = json_dumps(v, JSON_ENCODE_ANY);

		text_put(y->out, first ? "" : ", ");
		text_clean(y->out, key, TEXT_PLAIN);
		text_add(y->out, "=%s", number);
		free(number);
		first = false;
	}
	for (uint32_t i = 0; i < n; i += n > 1 ? n - 1 : 1) {
		text_put(y->out, i ? "; worst " : first ? "" : ": ");
		text_put(y->out, !i && n > 1 ? "best " : "");
		text_add(y->out, "[%u] ", column[i] + 1);
		text_clean(y->out, y->t->set->groups[y->t->order[column[i]]].label,
			   TEXT_PLAIN);
		text_put(y->out, " ");
		entry_change(y->out, table_entry(y->t, y->row,
						 y->t->order[column[i]]));
	}
	text_put(y->out, "\n");
}

static void put_blocks(struct summary *y)
{
	const struct result_set *s = y->t->set;
	uint32_t *column = xcalloc(s->group_count + 1, sizeof(*column));

	for (uint32_t b = 0; b < s->block_count && b < WINNERS_SHOWN; b++) {
		uint32_t n = ranked_columns(y->t, y->row, b, column);

		if (s->block_count > 1 && n) {
			put_block(y, b, column, n);
			continue;
		}
		if (s->block_count == 1)
			put_baseline(y, b);
		for (uint32_t i = 0; i < n && i < WINNERS_SHOWN; i++)
			put_column(y, column[i]);
	}
	free(column);
}

static double ratio_at(const json_t *point, const char *predicted,
		       const char *published)
{
	double p = json_number_value(json_object_get(point, published));

	return p > 0 ? json_number_value(json_object_get(point, predicted)) / p :
		       0;
}

/* Where reference.json has what was published: the cells by that, point by point. */
static void put_published(struct summary *y)
{
	static const char *const keys[2][2] = {
		{ "predicted_before", "published_before" },
		{ "predicted", "published" }
	};
	const json_t *r = y->t->set->reference, *p;
	const json_t *points = json_object_get(r, "points");
	size_t i;

	if (!json_is_true(json_object_get(r, "same_unit")) ||
	    !json_object_get(json_array_get(points, 0), "predicted"))
		return;
	text_put(y->out, "here / published, ");
	put_field(y->out, r, "source");
	for (int k = 0; k < 2; k++) {
		text_put(y->out, k ? "; after: " : "; before the change: ");
		json_array_foreach(points, i, p)
			text_add(y->out, "%s%.2f at %g", i ? ", " : "",
				 ratio_at(p, keys[k][0], keys[k][1]),
				 json_number_value(json_object_get(p, "x")));
	}
	text_put(y->out, "\n");
}

/* Which assumed costs it leans on, and how to learn what they could undo. */
static void put_costs(struct summary *y)
{
	const struct result_set *s = y->t->set;
	const struct result_group *g = &s->groups[y->t->order[0]];
	struct text words = { 0 };
	double share;

	if (g->cell_count)
		assumed_words(&words, s->cells[g->cells[0]].json);
	if (words.len && group_mean(s, y->t->order[0], "cost_share.assumed", &share))
		text_add(y->out, "assumed costs, %.1f %% of the time of [1]: %s\n",
			 100 * share, text_str(&words));
	if (y->asked && !y->studied) {
		text_put(y->out, "which cost could undo a ?, and at what value: mmreplay sensitivity SCENARIO -o ");
		text_clean(y->out, s->dirs[0], TEXT_PLAIN);
		text_put(y->out, "/sensitivity, then this again\n");
	}
	text_release(&words);
}

void table_summary(struct text *out, const struct table *t)
{
	struct summary y = { .t = t, .out = out,
			     .row = row_of(t, "run.makespan_ns") };

	if (y.row == RESULT_NONE)
		return;
	put_blocks(&y);
	put_published(&y);
	put_costs(&y);
}
