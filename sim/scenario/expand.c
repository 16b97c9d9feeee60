/*
 * From the baseline to all cells: compare lists them, matrix multiplies them,
 * sweep repeats all of it for every point, replicates repeat each cell.
 *
 * Every cell is checked. A combination of the matrix that may not run is
 * listed with its reason; anywhere else it is an error. Cells that differ
 * only on axes without effect are one cell, and the other label is kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/policy/registry.h"
#include "sim/scenario/config.h"
#include "sim/scenario/draft.h"

enum { CELLS_MAX = 10000, PRODUCT_KEYS_MAX = 16 };

/** struct product - all combinations of a map of lists; the last key turns first */
struct product {
	const struct ynode *map;
	size_t at[PRODUCT_KEYS_MAX];
};

/** struct growing - cells so far, each with a digest of its configuration */
struct growing {
	struct cell *cells;
	struct digest *config;
	struct refused *refused;
	struct merged *merged;
	uint32_t count, refused_count, merged_count;
};

/** struct cell_place - one cell that is asked for */
struct cell_place {
	const char *label;
	struct loc at;
	const struct setting *option;	/* where it came from the command line */
	bool baseline, in_matrix;
};

static int product_start(struct product *p, const struct ynode *map,
			 const char *what, struct errbuf *e)
{
	uint64_t total = 1;

	*p = (struct product){ .map = map };
	if (!map)
		return 0;
	if (map->kind != YNODE_MAP || map->count > PRODUCT_KEYS_MAX)
		return err_at(e, -EINVAL, map->at,
			      "%s: expected a map of at most %d keys, each with a list",
			      what, PRODUCT_KEYS_MAX);
	for (size_t i = 0; i < map->count; i++) {
		const struct ynode *list = map->items[i];

		if (list->kind != YNODE_SEQ || list->count == 0)
			return err_at(e, -EINVAL, list->at,
				      "%s: %s: expected a list of values, like [a, b]",
				      what, map->keys[i]);
		total *= list->count;
		if (total > CELLS_MAX)
			return err_at(e, -EINVAL, map->at,
				      "%s: more than %d combinations", what,
				      CELLS_MAX);
	}
	return 0;
}

static void product_settings(const struct product *p, struct settings *out)
{
	out->count = 0;
	for (size_t i = 0; p->map && i < p->map->count; i++)
		settings_add(out, (struct setting){
			.key = p->map->keys[i], .at = p->map->key_at[i],
			.value = p->map->items[i]->items[p->at[i]] });
}

static bool product_next(struct product *p)
{
	for (size_t i = p->map ? p->map->count : 0; i-- > 0;) {
		if (++p->at[i] < p->map->items[i]->count)
			return true;
		p->at[i] = 0;
	}
	return false;
}

/* kernel: its name; everything else: key=value */
static void write_setting(const struct setting *s, FILE *out)
{
	const struct ynode *v = s->value;

	if (v->kind == YNODE_SCALAR) {
		if (!strcmp(s->key, "kernel"))
			fputs(v->scalar, out);
		else
			fprintf(out, "%s=%s", s->key, v->scalar);
		return;
	}
	fprintf(out, "%s=", s->key);
	for (size_t i = 0; v->kind == YNODE_MAP && i < v->count; i++)
		if (v->items[i]->kind == YNODE_SCALAR)
			fprintf(out, "%s%s%s%s", i ? "," : "",
				strcmp(v->keys[i], "policy") ? v->keys[i] : "",
				strcmp(v->keys[i], "policy") ? "=" : "",
				v->items[i]->scalar);
}

/* The label that a cell names itself, or one made of what it sets. */
static const char *make_label(const char *first, const struct settings *l,
			      const struct settings *sweep, struct arena *a)
{
	const char *own = NULL;
	char *text, *kept;
	struct memtext t;
	FILE *out = memtext_open(&t);
	bool any = first != NULL;

	for (size_t i = 0; i < l->count; i++)
		if (!strcmp(l->v[i].key, "label") &&
		    l->v[i].value->kind == YNODE_SCALAR)
			own = l->v[i].value->scalar;
	fputs(own ? own : first ? first : "", out);
	any |= own != NULL;
	for (unsigned pass = 0; pass < 2; pass++) {
		const struct settings *from = pass ? sweep : l;

		for (size_t i = 0; i < from->count; i++) {
			if (!pass && (own || (first && !strcmp(from->v[i].key, "kernel"))))
				continue;
			if (any)
				fputc(' ', out);
			write_setting(&from->v[i], out);
			any = true;
		}
	}
	text = memtext_close(&t);
	kept = arena_strdup(a, text);
	free(text);
	return kept;
}

static void add_refused(struct growing *g, const char *label,
			const char *reason, struct arena *a)
{
	g->refused = xrealloc(g->refused, g->refused_count + 1,
			      sizeof(*g->refused));
	g->refused[g->refused_count++] =
		(struct refused){ label, arena_strdup(a, reason) };
}

static void add_merged(struct growing *g, const char *label, const char *into)
{
	g->merged = xrealloc(g->merged, g->merged_count + 1,
			     sizeof(*g->merged));
	g->merged[g->merged_count++] = (struct merged){ label, into };
}

static int add_cell(struct growing *g, const struct draft *d,
		    const struct cell_place *p, struct errbuf *e)
{
	uint64_t inert = policy_inert(&d->cell.kernel.policies);
	struct digest config = config_digest(&d->cell, inert);
	struct cell *c;

	for (uint32_t i = 0; i < g->count; i++) {
		if (g->config[i].hi == config.hi &&
		    g->config[i].lo == config.lo &&
		    g->cells[i].source == d->cell.source) {
			add_merged(g, p->label, g->cells[i].label);
			return 0;
		}
		if (!strcmp(g->cells[i].label, p->label))
			return err_at(e, -EINVAL, p->at,
				      "two different cells are labelled '%s'; expected a label: of its own",
				      p->label);
	}
	if ((g->count & (g->count + 1)) == 0) {	/* grows at 0, 1, 3, 7, ... */
		g->cells = xrealloc(g->cells, 2 * g->count + 1,
				    sizeof(*g->cells));
		g->config = xrealloc(g->config, 2 * g->count + 1,
				     sizeof(*g->config));
	}
	g->config[g->count] = config;
	c = &g->cells[g->count++];
	*c = d->cell;
	c->label = p->label;
	c->baseline = p->baseline;
	return 0;
}

/* @d with the sweep point and --set on top, checked, into the list. */
static int place_cell(struct build *b, struct growing *g, struct draft d,
		      const struct settings *sweep, const struct cell_place *p,
		      struct errbuf *e)
{
	struct loc at = p->at.path || !sweep->count ? p->at : sweep->v[0].at;
	struct errbuf why = { 0 };
	int r = draft_apply(&d, sweep, true, b, e);

	if (!r)
		r = profile_check(&d.cell.profile, NULL, at, e);
	if (!r)
		r = draft_apply(&d, &b->pins, true, b, e);
	if (r)
		return r;
	r = draft_finish(&d, (struct loc){ 0 }, b->a, e);
	if (!r && g->count + g->refused_count + g->merged_count == CELLS_MAX)
		return err_at(e, -EINVAL, at, "more than %d cells", CELLS_MAX);
	if (r)	/* only --set can have done it */
		return setting_failed(&b->pins.v[b->pins.count - 1], r, e);
	r = source_choose(b, &d, e);
	if (r)
		return r;
	if (!policy_check(&d.cell.kernel.policies, &why))
		return add_cell(g, &d, p, e);
	if (p->in_matrix) {
		add_refused(g, p->label, why.text, b->a);
		return 0;
	}
	r = err_at(e, -EINVAL, p->at, "%s: %s", p->label, why.text);
	if (p->option)
		e->exit_status = 2;
	return r;
}

static int place_compare(struct build *b, struct growing *g,
			 const struct draft *root, const struct settings *sweep,
			 struct errbuf *e)
{
	const struct ynode *list = b->compare;
	struct settings l = { 0 };
	int r = 0;

	if (list && list->kind != YNODE_SEQ)
		return err_at(e, -EINVAL, list->at,
			      "compare: expected a list of cells, like - {munmap: downgrade}");
	for (size_t i = 0; list && i < list->count && !r; i++) {
		struct cell_place p = { .at = list->items[i]->at };
		struct draft d = *root;

		l.count = 0;
		r = settings_from_map(&l, list->items[i], "", b->a, e);
		if (!r)
			r = draft_apply(&d, &l, true, b, e);
		if (r)
			break;
		p.label = make_label(NULL, &l, sweep, b->a);
		r = place_cell(b, g, d, sweep, &p, e);
	}
	settings_release(&l);
	return r;
}

/* --policy a=b,c=d */
static int place_policy(struct build *b, struct growing *g,
			const struct draft *root, const struct settings *sweep,
			const char *text, struct errbuf *e)
{
	char *copy = arena_strdup(b->a, text), *save = NULL;
	struct settings l = { 0 };
	struct draft d = *root;
	int r = 0;

	for (char *item = strtok_r(copy, ",", &save); item && !r;
	     item = strtok_r(NULL, ",", &save))
		r = settings_from_text(&l, "--policy", item, b->a, e);
	if (!r && !l.count)
		r = err_usage(e, "--policy: expected axis=value,...");
	if (!r)
		r = draft_apply(&d, &l, true, b, e);
	if (!r) {
		struct cell_place p = { .label = make_label(NULL, &l, sweep, b->a),
				   .option = &l.v[0] };

		r = place_cell(b, g, d, sweep, &p, e);
	}
	settings_release(&l);
	return r;
}

static int place_matrix(struct build *b, struct growing *g,
			const struct draft *root, const struct settings *sweep,
			struct errbuf *e)
{
	struct settings l = { 0 };
	struct product p;
	int r = product_start(&p, b->matrix, "matrix", e);

	if (!b->matrix || r)
		return r;
	do {
		struct cell_place place = { .at = b->matrix->at, .in_matrix = true };
		struct draft d = *root;

		product_settings(&p, &l);
		r = draft_apply(&d, &l, true, b, e);
		if (r)
			break;
		place.label = make_label(NULL, &l, sweep, b->a);
		r = place_cell(b, g, d, sweep, &place, e);
	} while (!r && product_next(&p));
	settings_release(&l);
	return r;
}

/* All cells of one point of the sweep. */
static int place_point(struct build *b, struct growing *g,
		       const struct settings *sweep, struct errbuf *e)
{
	struct cell_place p = { .baseline = true };
	struct draft root = b->base;
	int r = draft_apply(&root, &b->baseline, true, b, e);

	if (r)
		return r;
	if (b->baseline.count) {
		p.at = b->baseline.v[0].at;
		if (b->baseline.v[0].option)
			p.option = &b->baseline.v[0];
	}
	p.label = make_label(root.cell.kernel.name, &b->baseline, sweep, b->a);
	r = place_cell(b, g, root, sweep, &p, e);
	if (!r)
		r = place_compare(b, g, &root, sweep, e);
	for (uint32_t i = 0; i < b->policy_count && !r; i++)
		r = place_policy(b, g, &root, sweep, b->policy[i], e);
	return r ? r : place_matrix(b, g, &root, sweep, e);
}

/* Replicates of a cell are neighbours, with seeds that follow each other. */
static int keep(struct build *b, const struct growing *g, struct errbuf *e)
{
	struct scenario *s = b->s;
	uint64_t total = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->count; i++)
		total += g->cells[i].replay.replicates;
	if (total > 2 * CELLS_MAX)
		return err_set(e, -EINVAL, "%s: %llu cells with their replicates; expected at most %d",
			       s->name, (unsigned long long)total, 2 * CELLS_MAX);
	s->cell_count = (uint32_t)total;
	s->cells = arena_alloc(b->a, s->cell_count * sizeof(*s->cells));
	for (uint32_t i = 0; i < g->count; i++) {
		for (uint32_t k = 0; k < g->cells[i].replay.replicates; k++) {
			struct cell *c = &s->cells[n++];

			*c = g->cells[i];
			c->replicate = k;
			c->seed = s->seed + k;
		}
	}
	s->refused_count = g->refused_count;
	s->refused = arena_alloc(b->a, (g->refused_count + 1) * sizeof(*s->refused));
	s->merged_count = g->merged_count;
	s->merged = arena_alloc(b->a, (g->merged_count + 1) * sizeof(*s->merged));
	for (uint32_t i = 0; i < g->refused_count; i++)
		s->refused[i] = g->refused[i];
	for (uint32_t i = 0; i < g->merged_count; i++)
		s->merged[i] = g->merged[i];
	return 0;
}

int expand(struct build *b, struct errbuf *e)
{
	struct settings sweep = { 0 };
	struct growing g = { 0 };
	struct product p;
	int r = product_start(&p, b->sweep, "sweep", e);

	while (!r) {
		product_settings(&p, &sweep);
		r = place_point(b, &g, &sweep, e);
		if (r || !product_next(&p))
			break;
	}
	if (!r)
		r = keep(b, &g, e);
	settings_release(&sweep);
	free(g.cells);
	free(g.config);
	free(g.refused);
	free(g.merged);
	return r;
}
