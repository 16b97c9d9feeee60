/*
 * `vmap` of a cell: virtual address space that is lazily freed or pooled, by
 * node, what of the pools is there for whom, how often a pool had what was asked
 * for, and how the free space is cut up. RESULTS.md has the meaning of each key.
 */
#include <string.h>
#include "sim/base/json.h"
#include "sim/results/cell.h"

static void set_uint(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

static uint64_t counter(const struct metrics *m, const char *name)
{
	for (uint32_t i = 0; i < m->counter_count; i++)
		if (!strcmp(m->counter_names[i], name))
			return m->counters[i];
	return 0;
}

/* part / whole; absent where there was nothing to have a part of. */
static void set_share(json_t *o, const char *key, uint64_t part, uint64_t whole)
{
	if (whole)
		json_object_set_new(o, key, json_real((double)part /
						      (double)whole));
}

static const struct hold_class *vmap_class(const struct metrics *m)
{
	for (uint32_t i = 0; i < m->hold_count; i++)
		if (m->holds[i].part && !strcmp(m->holds[i].name, "vmap"))
			return &m->holds[i];
	return NULL;
}

/* Of stage vmap-NAME, at one node or all: peak, mean over the run, at the end. */
static json_t *standing(const struct replay_result *r,
			const struct hold_class *h, uint32_t node,
			const char *name)
{
	const struct metrics *m = r->metrics;
	json_t *o = json_object();

	for (uint32_t s = 0; s < m->stage_count; s++) {
		const struct hold_part *p = hold_part_at(h, node, s);

		if (strcmp(m->stage_names[s], name))
			continue;
		set_uint(o, "peak_bytes", p->peak_bytes);
		set_uint(o, "mean_bytes", r->makespan_ns > 0 ?
			 (uint64_t)(p->byte_ns / r->makespan_ns) : 0);
		set_uint(o, "end_bytes", p->bytes);
	}
	return o;
}

/* Whose request found something: before the first drain, after, and where not. */
static void set_hits(json_t *o, const struct metrics *m)
{
	uint64_t hit = counter(m, "vmap_pool_hit");
	uint64_t miss = counter(m, "vmap_pool_miss");
	uint64_t hit_before = counter(m, "vmap_pool_hit_before_drain");
	uint64_t miss_before = counter(m, "vmap_pool_miss_before_drain");

	set_share(o, "hit_before_drain_share", hit_before,
		  hit_before + miss_before);
	set_share(o, "hit_after_drain_share", hit - hit_before,
		  hit + miss - hit_before - miss_before);
	set_share(o, "foreign_hit_share", counter(m, "vmap_pool_hit_foreign"),
		  hit);
	set_share(o, "elsewhere_miss_share",
		  counter(m, "vmap_pool_miss_elsewhere"), miss);
}

/* The pool of one node at the end: areas by pages, and what nobody asked for. */
static void set_sizes(json_t *o, const struct vmap_report *r, uint32_t node)
{
	json_t *sizes = json_object();
	uint64_t unasked = 0;
	char pages[16];

	for (uint32_t i = 0; i < r->count; i++) {
		const struct vmap_class *c = &r->pool[i];

		if (c->node != node)
			continue;
		snprintf(pages, sizeof(pages), "%u", c->pages);
		set_uint(sizes, pages, c->areas);
		if (!c->asked)
			unasked += c->areas * c->pages * PAGE_BYTES;
	}
	set_uint(o, "unasked_bytes", unasked);
	json_object_set_new(o, "areas_by_pages", sizes);
}

static json_t *nodes_part(const struct replay_result *r,
			  const struct hold_class *h)
{
	json_t *all = json_object();
	char key[16];

	for (uint32_t i = 0; i < h->parts; i++) {
		json_t *o = json_object(), *lazy, *pool;

		lazy = standing(r, h, i, "vmap-lazy");
		pool = standing(r, h, i, "vmap-pool");
		set_sizes(pool, &r->vmap, i);
		if (!json_integer_value(json_object_get(lazy, "peak_bytes"))) {
			json_decref(lazy);
			json_decref(pool);
			json_decref(o);
			continue;
		}
		json_object_set_new(o, "lazy", lazy);
		json_object_set_new(o, "pool", pool);
		snprintf(key, sizeof(key), "%u", i);
		json_object_set_new(all, key, o);
	}
	return all;
}

static json_t *free_part(const struct metrics *m)
{
	uint64_t pages = counter(m, "vmap_end_free_pages");
	uint64_t largest = counter(m, "vmap_end_largest_free_pages");
	json_t *o = json_object();

	set_uint(o, "blocks", counter(m, "vmap_end_free_blocks"));
	set_uint(o, "largest_bytes", largest * PAGE_BYTES);
	set_uint(o, "scattered_bytes", (pages - largest) * PAGE_BYTES);
	return o;
}

json_t *cell_vmap_json(const struct replay_result *r)
{
	const struct metrics *m = r->metrics;
	const struct hold_class *h = vmap_class(m);
	json_t *o, *pool;

	if (!h || (!h->peak_objects && !counter(m, "vmap_page_tables")))
		return NULL;
	o = json_object();
	set_uint(o, "lazy_max_bytes",
		 counter(m, "vmap_lazy_max_pages") * PAGE_BYTES);
	json_object_set_new(o, "lazy", standing(r, h, h->parts, "vmap-lazy"));
	if (r->vmap.nodes) {
		pool = standing(r, h, h->parts, "vmap-pool");
		set_uint(pool, "unasked_bytes", PAGE_BYTES *
			 counter(m, "vmap_end_unasked_pages"));
		set_hits(pool, m);
		json_object_set_new(o, "pool", pool);
		json_object_set_new(o, "nodes", nodes_part(r, h));
	}
	json_object_set_new(o, "free", free_part(m));
	set_uint(o, "area_slab_bytes", counter(m, "vmap_end_object_bytes"));
	set_uint(o, "page_table_bytes",
		 counter(m, "vmap_page_tables") * PAGE_BYTES);
	return o;
}
