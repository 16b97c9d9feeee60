/*
 * Virtual speed-up: from result folders with one thing shorter to a ranking.
 * Pure: reads folders, writes text and JSON.
 *
 * Throughput is ops per makespan, and the ops are the same, so its gain is
 * makespan before / after - 1. All of it is replicate 0: exact, but a replay
 * reacts to a shift of a few ns by another interleaving, so gains of a few
 * tenths of a percent mean nothing.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/speedup.h"
#include "analysis/text.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

enum { RANK_STEP = 2,		/* by what half would be worth, if known */
       ROWS_MOST = 15,
       SPARE = 3 };		/* what is tried by part ranks by that, a little otherwise */

const unsigned speedup_pct[SPEEDUP_STEPS] = { 10, 25, 50, 75, 100 };

static int64_t whole(const json_t *cell, const char *path)
{
	return json_integer_value(result_at(cell, path));
}

/* The kind of op whose latencies sum to most; NULL if there is none. */
static const char *heaviest_op(const json_t *cell)
{
	json_t *ops = (json_t *)result_at(cell, "latency_ns"), *o;
	const char *kind, *best = NULL;
	double most = -1;

	json_object_foreach(ops, kind, o) {
		double ns = json_number_value(json_object_get(o, "count")) *
			    json_number_value(json_object_get(o, "mean"));

		if (ns > most) {
			most = ns;
			best = kind;
		}
	}
	return best;
}

static int64_t p99_of(const json_t *cell, const char *op)
{
	const json_t *o = json_object_get(result_at(cell, "latency_ns"), op);

	return json_integer_value(json_object_get(o, "p99"));
}

int speedups_read(const char *dir, struct speedups *out, struct errbuf *e)
{
	struct result_set *s = results_load(&dir, 1, e);

	*out = (struct speedups){ 0 };
	if (!s)
		return -1;
	out->cells = xcalloc(s->group_count + 1, sizeof(*out->cells));
	for (uint32_t i = 0; i < s->group_count; i++) {
		struct sped_cell *c = &out->cells[out->count];
		const json_t *cell;

		if (!s->groups[i].cell_count)
			continue;
		cell = s->cells[s->groups[i].cells[0]].json;
		if (!heaviest_op(cell) || !whole(cell, "run.makespan_ns"))
			continue;
		c->label = xstrdup(s->groups[i].label);
		c->op = xstrdup(heaviest_op(cell));
		c->makespan_ns = whole(cell, "run.makespan_ns");
		c->p99_ns = p99_of(cell, c->op);
		out->count++;
	}
	results_free(s);
	return 0;
}

void speedups_release(struct speedups *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		free(s->cells[i].label);
		free(s->cells[i].op);
		free(s->cells[i].list);
	}
	free(s->cells);
	*s = (struct speedups){ 0 };
}

static struct speedup *find_or_add(struct sped_cell *c, const char *kind,
				   const char *name, int64_t value)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (!strcmp(c->list[i].kind, kind) &&
		    !strcmp(c->list[i].name, name))
			return &c->list[i];
	c->list = xrealloc(c->list, c->count + 1, sizeof(*c->list));
	c->list[c->count] = (struct speedup){ .kind = kind, .name = name,
					      .value = value };
	return &c->list[c->count++];
}

static struct gain gain_of(const struct sped_cell *c, const json_t *cell)
{
	int64_t ns = whole(cell, "run.makespan_ns");
	struct gain g = { 0 };

	if (!ns)
		return g;
	g.known = true;
	g.throughput = (double)c->makespan_ns / (double)ns - 1;
	if (c->p99_ns)
		g.p99 = (double)p99_of(cell, c->op) / (double)c->p99_ns - 1;
	return g;
}

/* A tail is read from few samples: ten times as much must happen to it. */
static bool is_gain(const struct gain *g, double least)
{
	return g->throughput >= least || g->throughput <= -least ||
	       g->p99 >= 10 * least || g->p99 <= -10 * least;
}

int speedups_add(struct speedups *s, const char *dir, const char *kind,
		 const char *name, int64_t value, unsigned step,
		 struct errbuf *e)
{
	struct result_set *set = results_load(&dir, 1, e);

	if (!set)
		return -1;
	for (uint32_t i = 0; i < s->count; i++) {
		struct sped_cell *c = &s->cells[i];

		for (uint32_t g = 0; g < set->group_count; g++) {
			const struct result_group *group = &set->groups[g];
			struct speedup *u;

			if (strcmp(group->label, c->label) || !group->cell_count)
				continue;
			u = find_or_add(c, kind, name, value);
			u->gain[step] = gain_of(c, set->cells[group->cells[0]].json);
			break;
		}
	}
	results_free(set);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **speedups_locks(const char *dir, struct errbuf *e)
{
	struct result_set *s = results_load(&dir, 1, e);
	json_t *all = json_object(), *o;
	char **names = NULL;
	const char *name;
	size_t n = 0;

	for (uint32_t i = 0; s && i < s->cell_count; i++)
		json_object_foreach((json_t *)result_at(s->cells[i].json, "locks"),
				    name, o)
			json_object_set_new(all, name, json_true());
	if (s) {
		names = xcalloc(json_object_size(all) + 1, sizeof(*names));
		json_object_foreach(all, name, o)
			names[n++] = xstrdup(name);
		qsort(names, n, sizeof(*names), by_name);
	}
	json_decref(all);
	results_free(s);
	return names;
}

/* ---- what it says ---- */

static double rank_of(const struct speedup *u)
{
	const struct gain *half = &u->gain[RANK_STEP];
	const struct gain *all = &u->gain[SPEEDUP_STEPS - 1];

	return half->known ? half->throughput :
	       all->known ? all->throughput / 2 : 0;
}

static int by_gain(const void *pa, const void *pb)
{
	const struct speedup *a = pa, *b = pb;
	double ga = rank_of(a), gb = rank_of(b);
	int by_kind = strcmp(b->kind, a->kind);

	if (ga != gb)
		return ga > gb ? -1 : 1;
	return by_kind ? by_kind : strcmp(a->name, b->name);
}

void speedups_sort(struct speedups *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		qsort(s->cells[i].list, s->cells[i].count,
		      sizeof(*s->cells[i].list), by_gain);
}

static bool worth_a_row(const struct speedup *u, double least)
{
	for (int i = 0; i < SPEEDUP_STEPS; i++)
		if (u->gain[i].known && is_gain(&u->gain[i], least))
			return true;
	return false;
}

bool speedups_shown(struct speedups *s, const char *kind, const char *name,
		    double least)
{
	speedups_sort(s);
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t rows = 0;

		for (uint32_t k = 0; k < s->cells[i].count && rows < ROWS_MOST + SPARE; k++) {
			const struct speedup *u = &s->cells[i].list[k];

			if (!worth_a_row(u, least))
				continue;
			rows++;
			if (!strcmp(u->kind, kind) && !strcmp(u->name, name))
				return true;
		}
	}
	return false;
}

static void put_change(const struct gain *g, double change, FILE *out)
{
	if (g->known)
		fprintf(out, change < 9.9995 ? " %+6.1f" : " %+6.0f", 100 * change);
	else
		fputs("       ", out);
}

static void put_row(const struct speedup *u, FILE *out)
{
	struct text name = { 0 };

	text_add(&name, "%s ", u->kind);
	text_clean(&name, u->name, TEXT_PLAIN);
	fprintf(out, " %-27s", text_str(&name));
	text_release(&name);
	for (int i = 0; i < SPEEDUP_STEPS; i++)
		put_change(&u->gain[i], u->gain[i].throughput, out);
	fputc(' ', out);
	for (int i = 0; i < SPEEDUP_STEPS; i++)
		put_change(&u->gain[i], u->gain[i].p99, out);
	fputc('\n', out);
}

static void put_head(const struct sped_cell *c, FILE *out)
{
	struct text head = { 0 };

	text_clean(&head, c->label, TEXT_PLAIN);
	text_put(&head, ": makespan ");
	text_value(&head, (double)c->makespan_ns, UNIT_NS);
	text_put(&head, ", p99 of ");
	text_clean(&head, c->op, TEXT_PLAIN);
	text_put(&head, " ");
	text_value(&head, (double)c->p99_ns, UNIT_NS);
	fprintf(out, "\n%s\n %-27s %35s %35s\n %-27s", text_str(&head),
		"", "throughput changes by %", "p99 changes by %",
		"shorter by %");
	text_release(&head);
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < SPEEDUP_STEPS; i++)
			fprintf(out, " %6u", speedup_pct[i]);
		fputs(k ? "\n" : " ", out);
	}
}

void speedups_text(const struct speedups *s, double least, FILE *out)
{
	fputs("What it would be worth: one lock's critical sections, or one cost, shorter\n", out);
	for (uint32_t i = 0; i < s->count; i++) {
		const struct sped_cell *c = &s->cells[i];
		uint32_t rows = 0, less = 0, small = 0;

		put_head(c, out);
		for (uint32_t k = 0; k < c->count; k++) {
			if (!worth_a_row(&c->list[k], least))
				small++;
			else if (rows++ < ROWS_MOST)
				put_row(&c->list[k], out);
			else
				less++;
		}
		if (less)
			fprintf(out, " %u more gain less than these (--json has all)\n",
				less);
		if (small)
			fprintf(out, " %u change throughput by less than %.1f %% and p99 by less than %.0f %%\n",
				small, 100 * least, 1000 * least);
	}
}

static json_t *speedup_json(const struct speedup *u)
{
	json_t *o = json_object(), *steps = json_array();

	json_object_set_new(o, u->kind, json_text(u->name));
	if (u->value)
		json_object_set_new(o, "value", json_integer(u->value));
	for (int i = 0; i < SPEEDUP_STEPS; i++) {
		json_t *step;

		if (!u->gain[i].known)
			continue;
		step = json_object();
		json_object_set_new(step, "shorter_pct",
				    json_integer(speedup_pct[i]));
		json_object_set_new(step, "throughput",
				    json_real(u->gain[i].throughput));
		json_object_set_new(step, "p99", json_real(u->gain[i].p99));
		json_array_append_new(steps, step);
	}
	json_object_set_new(o, "steps", steps);
	return o;
}

json_t *speedups_json(const struct speedups *s)
{
	json_t *root = json_object(), *cells = json_array();

	for (uint32_t i = 0; i < s->count; i++) {
		const struct sped_cell *c = &s->cells[i];
		json_t *o = json_object(), *list = json_array();

		json_object_set_new(o, "label", json_text(c->label));
		json_object_set_new(o, "op", json_text(c->op));
		json_object_set_new(o, "makespan_ns", json_integer(c->makespan_ns));
		json_object_set_new(o, "p99_ns", json_integer(c->p99_ns));
		for (uint32_t k = 0; k < c->count; k++)
			json_array_append_new(list, speedup_json(&c->list[k]));
		json_object_set_new(o, "speedups", list);
		json_array_append_new(cells, o);
	}
	json_object_set_new(root, "cells", cells);
	return root;
}
