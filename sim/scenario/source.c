/*
 * Where the ops of a cell come from: the trace file of the scenario, or a
 * generated workload with the parameters of this cell.
 *
 * A workload is known by its parameters, defaults written out: its trace is
 * written only when a cell that needs it runs, and the same parameters and
 * program give the same bytes. So the id of a cell is known before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/scenario/draft.h"

static struct source *source_add(struct build *b)
{
	struct scenario *s = b->s;
	const struct source **old = s->sources;
	struct source *made = arena_alloc(b->a, sizeof(*made));

	/* doubles at 1, 2, 4, ...: the arena keeps the old ones, half as many */
	if ((s->source_count & (s->source_count - 1)) == 0) {
		s->sources = arena_alloc(b->a, (2 * s->source_count + 1) *
					 sizeof(*s->sources));
		if (old)
			memcpy(s->sources, old,
			       s->source_count * sizeof(*old));
	}
	*made = (struct source){ .index = s->source_count };
	s->sources[s->source_count++] = made;
	return made;
}

int source_of_file(struct build *b, struct mmt_reader *trace)
{
	struct source *made = source_add(b);

	made->path = b->s->trace_path;
	made->text = b->s->trace_text;
	made->digest = mmt_digest(trace);
	b->base.cell.source = made;
	return 0;
}

/* ---- parameters ---- */

static int put_param(struct draft *d, const struct workload_param *p,
		     struct errbuf *e)
{
	uint32_t i = 0;

	while (i < d->work_count && strcmp(d->work[i].key, p->key))
		i++;
	if (i == WORKLOAD_PARAMS_MAX)
		return err_at(e, -EINVAL, p->key_at,
			      "generate: more than %d parameters",
			      WORKLOAD_PARAMS_MAX);
	d->work[i] = *p;
	if (i == d->work_count)
		d->work_count++;
	return 0;
}

int source_set(struct draft *d, const struct setting *s, const char *key,
	       struct build *b, struct errbuf *e)
{
	const char *text = node_text(s->value, s->key, e);

	if (!text)
		return -EINVAL;
	if (!b->workload)
		return err_at(e, -EINVAL, s->at,
			      "%s: the scenario replays a trace; expected generate: {workload: NAME} in it",
			      s->key);
	if (!strcmp(key, "workload"))
		return err_at(e, -EINVAL, s->at,
			      "%s: all cells replay the same workload; expected a parameter of it",
			      s->key);
	return put_param(d, &(struct workload_param){
		.key = key, .value = text, .key_at = s->at,
		.at = s->value->at }, e);
}

int source_read_generate(struct build *b, const struct ynode *n,
			 struct errbuf *e)
{
	const struct ynode *name = n->kind == YNODE_MAP ?
				   ynode_get(n, "workload") : NULL;

	if (!name)
		return err_at(e, -EINVAL, n->at,
			      "generate: expected a map like {workload: munmap-large, gib: 80}");
	b->workload = node_text(name, "workload", e);
	b->workload_at = name->at;
	if (!b->workload)
		return -EINVAL;
	if (!b->s->workloads)
		return err_at(e, -EINVAL, n->at,
			      "generate: cannot be used here; expected trace: FILE.mmt");
	for (size_t i = 0; i < n->count; i++) {
		struct workload_param p = {
			.key = n->keys[i], .key_at = n->key_at[i],
			.at = n->items[i]->at };
		int r;

		if (n->items[i] == name)
			continue;
		p.value = node_text(n->items[i], p.key, e);
		r = p.value ? put_param(&b->base, &p, e) : -EINVAL;
		if (r)
			return r;
	}
	b->s->trace_text = b->workload;
	return 0;
}

/* ---- the source of a cell ---- */

/** struct resolving - parameters as they come, and what they hash to */
struct resolving {
	struct arena *a;
	struct param *v;
	uint32_t count, room;
	struct digest digest;
};

static void take_resolved(void *arg, const char *key, const char *value)
{
	struct resolving *r = arg;

	if (r->count == r->room) {
		r->room = r->room ? 2 * r->room : 16;
		r->v = xrealloc(r->v, r->room, sizeof(*r->v));
	}
	r->v[r->count++] = (struct param){ arena_strdup(r->a, key),
					   arena_strdup(r->a, value) };
	digest_add_str(&r->digest, key);
	digest_add_str(&r->digest, value);
}

static const struct source *find_same(const struct scenario *s,
				      const struct digest *d)
{
	for (uint32_t i = 0; i < s->source_count; i++)
		if (s->sources[i]->digest.hi == d->hi &&
		    s->sources[i]->digest.lo == d->lo)
			return s->sources[i];
	return NULL;
}

static const char *describe(const struct workload *w, struct arena *a)
{
	const char *kept;
	struct memtext t;
	FILE *out = memtext_open(&t);
	char *text;

	fputs(w->name, out);
	for (uint32_t i = 0; i < w->param_count; i++)
		fprintf(out, " %s=%s", w->params[i].key, w->params[i].value);
	text = memtext_close(&t);
	kept = arena_strdup(a, text);
	free(text);
	return kept;
}

static const struct source *make_source(struct build *b,
					const struct workload *w,
					const struct resolving *r)
{
	struct source *made = source_add(b);
	struct workload_param *params = arena_alloc(b->a,
		(w->param_count + 1) * sizeof(*params));
	struct param *resolved = arena_alloc(b->a,
		(r->count + 1) * sizeof(*resolved));

	if (w->param_count)
		memcpy(params, w->params, w->param_count * sizeof(*params));
	if (r->count)
		memcpy(resolved, r->v, r->count * sizeof(*resolved));
	made->digest = r->digest;
	made->workload = *w;
	made->workload.params = params;
	made->resolved = resolved;
	made->resolved_count = r->count;
	made->text = describe(w, b->a);
	return made;
}

int source_choose(struct build *b, struct draft *d, struct errbuf *e)
{
	struct workload w = { .name = b->workload, .at = b->workload_at,
			      .params = d->work, .param_count = d->work_count };
	struct resolving r = { .a = b->a };
	int err;

	if (!b->workload)
		return 0;
	digest_init(&r.digest);
	digest_add_str(&r.digest, b->s->model_id);
	digest_add_str(&r.digest, b->workload);
	err = b->s->workloads->resolve(&w, take_resolved, &r, e);
	if (!err) {
		d->cell.source = find_same(b->s, &r.digest);
		if (!d->cell.source)
			d->cell.source = make_source(b, &w, &r);
	}
	free(r.v);
	return err;
}
