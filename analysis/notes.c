/*
 * The words around a table: what a block is, how a column differs from its
 * baseline, and what a reader must know before believing a number. Every
 * string is cleaned for the form that it will stand in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { DIGEST_SHOWN = 12 };	/* characters: enough to tell traces apart */

/* Above these shares an answer leans on the replay, or on assumed costs. */
static const double moved_limit = 0.05, assumed_limit = 0.05;

static void put_scalar(struct text *out, const json_t *v, enum text_form form)
{
	if (json_is_string(v))
		text_clean(out, json_string_value(v), form);
	else if (json_is_number(v))
		text_exact(out, json_number_value(v));
	else
		text_put(out, json_is_true(v) ? "true" :
			      json_is_false(v) ? "false" : "?");
}

static void put_pairs(struct text *out, const json_t *object,
		      enum text_form form, const char *between,
		      const char *equals)
{
	const char *key, *sep = "";
	json_t *v;

	json_object_foreach((json_t *)object, key, v) {
		text_put(out, sep);
		text_clean(out, key, form);
		text_put(out, equals);
		if (json_is_number(v) && unit_of_path(key) == UNIT_NS)
			text_value(out, json_number_value(v), UNIT_NS);
		else
			put_scalar(out, v, form);
		sep = between;
	}
}

void note_block(struct text *out, const struct result_set *s, uint32_t block,
		enum text_form form)
{
	const struct result_block *b = &s->blocks[block];
	const json_t *cell = s->cells[s->groups[b->first].example].json;
	const json_t *digest = result_at(cell, "trace.digest");
	const json_t *machine = result_at(cell, "machine");
	uint32_t least = UINT32_MAX, most = 0;
	double simulated, captured;

	if (json_object_size(b->params)) {
		put_pairs(out, b->params, form, ", ", " = ");
		text_put(out, "; ");
	}
	text_put(out, "machine ");
	put_scalar(out, machine, form);
	if (result_number(cell, "distortion.cpus_simulated", &simulated, NULL) &&
	    result_number(cell, "distortion.cpus_captured", &captured, NULL))
		text_add(out, ", %.0f CPUs simulated, %.0f captured", simulated,
			 captured);
	for (uint32_t g = 0; g < s->group_count; g++) {
		uint32_t n = s->groups[g].cell_count;

		if (s->groups[g].block != block || !n)
			continue;
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	text_put(out, "; ");
	if (least < most)
		text_add(out, "%u to ", least);
	text_add(out, "%u replicate%s", most, most == 1 ? "" : "s");
	if (json_is_string(digest)) {
		char head[DIGEST_SHOWN + 1];

		snprintf(head, sizeof(head), "%s", json_string_value(digest));
		text_put(out, "; trace ");
		text_clean(out, head, form);
	}
}

/* Keys of the group's cell that its baseline has otherwise. */
void note_differs(struct text *out, const struct result_set *s, uint32_t group,
		  enum text_form form)
{
	const struct result_group *g = &s->groups[group];
	const json_t *a = s->cells[g->example].json;
	const json_t *b = s->cells[s->groups[g->base].example].json;
	static const char *const keys[] = { "kernel", "machine" };
	const json_t *theirs = json_object_get(b, "policies");
	const char *key, *sep = "";
	json_t *v;

	if (g->base == group)
		return;
	for (int i = 0; i < 2; i++) {
		v = json_object_get(a, keys[i]);
		if (!v || json_equal(v, json_object_get(b, keys[i])))
			continue;
		text_add(out, "%s%s=", sep, keys[i]);
		put_scalar(out, v, form);
		sep = " ";
	}
	json_object_foreach(json_object_get(a, "policies"), key, v) {
		if (json_equal(v, json_object_get(theirs, key)))
			continue;
		text_put(out, sep);
		text_clean(out, key, form);
		text_put(out, "=");
		put_scalar(out, v, form);
		sep = " ";
	}
}

static void note_add(struct note_list *l, const char *text, uint32_t group)
{
	struct note *n = NULL;

	for (uint32_t i = 0; i < l->count && !n; i++)
		if (!strcmp(l->n[i].text, text))
			n = &l->n[i];
	if (!n) {
		if (l->count == l->room) {
			l->room = l->room * 2 + 8;
			l->n = xrealloc(l->n, l->room, sizeof(*l->n));
		}
		n = &l->n[l->count++];
		*n = (struct note){ .text = xstrdup(text) };
	}
	for (uint32_t i = 0; i < n->group_count; i++)
		if (n->groups[i] == group)
			return;
	n->groups = xrealloc(n->groups, n->group_count + 1, sizeof(*n->groups));
	n->groups[n->group_count++] = group;
}

void notes_release(struct note_list *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		free(l->n[i].text);
		free(l->n[i].groups);
	}
	free(l->n);
	*l = (struct note_list){ 0 };
}

static void note_list_of(struct note_list *l, const json_t *list,
			 const char *prefix, uint32_t group,
			 enum text_form form)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		struct text t = { 0 };

		text_put(&t, prefix);
		if (json_is_object(v))
			put_pairs(&t, v, form, ", ", " ");
		else
			put_scalar(&t, v, form);
		note_add(l, text_str(&t), group);
		text_release(&t);
	}
}

static void note_trace(struct note_list *l, const json_t *cell, uint32_t group,
		       enum text_form form)
{
	const json_t *missed = result_at(cell, "trace.unreplayed");
	const json_t *tracing = result_at(cell, "trace.tracing");
	struct text t = { 0 };
	double lost;

	if (result_number(cell, "trace.lost", &lost, NULL) && lost > 0) {
		text_add(&t, "the capture lost %.0f events: counts are low, and what followed from them is missing",
			 lost);
		note_add(l, text_str(&t), group);
		text_clear(&t);
	}
	if (json_object_size(missed)) {
		text_put(&t, "not replayed: ");
		put_pairs(&t, missed, form, ", ", " ");
		note_add(l, text_str(&t), group);
		text_clear(&t);
	}
	if (json_is_string(tracing) &&
	    strcmp(json_string_value(tracing), "removed")) {
		text_put(&t, "tracing cost is part of these times: ");
		put_scalar(&t, tracing, form);
		note_add(l, text_str(&t), group);
	}
	text_release(&t);
}

static void note_shares(struct note_list *l, const json_t *cell, uint32_t group)
{
	double v;

	if (result_number(cell, "distortion.moved_share", &v, NULL) &&
	    v > moved_limit)
		note_add(l, "more than 5 % of the ops have moved causes: the answer leans on the replay more than on the trace",
			 group);
	if (result_number(cell, "cost_share.assumed", &v, NULL) &&
	    v > assumed_limit)
		note_add(l, "assumed costs are more than 5 % of the simulated time: changes marked ? are smaller than that share; `mmreplay sensitivity` tells whether they hold",
			 group);
}

static void note_failures(struct note_list *l, const struct result_set *s,
			  const struct result_cell *c, enum text_form form)
{
	const struct result_group *g = &s->groups[c->group];
	struct text t = { 0 };

	text_add(&t, "%u of %u replicates failed: ", g->failed_count,
		 g->failed_count + g->cell_count);
	text_clean(&t, c->failure ? c->failure : "no reason given", form);
	note_add(l, text_str(&t), c->group);
	text_release(&t);
}

static bool share_seeds(const struct result_set *s, const struct result_group *a,
			const struct result_group *b)
{
	for (uint32_t i = 0; i < a->cell_count; i++)
		for (uint32_t k = 0; k < b->cell_count; k++)
			if (s->cells[a->cells[i]].replicate ==
			    s->cells[b->cells[k]].replicate)
				return true;
	return !a->cell_count || !b->cell_count;
}

static void note_bases(struct note_list *l, const struct result_set *s)
{
	for (uint32_t g = 0; g < s->group_count; g++) {
		const struct result_group *base = &s->groups[s->groups[g].base];

		if (base->block != s->groups[g].block)
			note_add(l, "no baseline with the same trace and params: measured against one with others",
				 g);
		if (!share_seeds(s, &s->groups[g], base))
			note_add(l, "no seed in common with the baseline: replicates are paired in their order",
				 g);
	}
}

void notes_collect(const struct result_set *s, enum text_form form,
		   struct note_list *l)
{
	for (uint32_t i = 0; i < s->cell_count; i++) {
		const struct result_cell *c = &s->cells[i];

		if (c->failed) {
			note_failures(l, s, c, form);
			continue;
		}
		note_list_of(l, json_object_get(c->json, "hung_tasks"),
			     "hung task: ", c->group, form);
		note_list_of(l, json_object_get(c->json, "warnings"), "",
			     c->group, form);
		note_trace(l, c->json, c->group, form);
		note_shares(l, c->json, c->group);
	}
	note_bases(l, s);
}
