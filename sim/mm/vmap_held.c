/*
 * What freed areas hold, see vmap.h: the ledger of their addresses and objects,
 * and what is lazy, pooled and free at the end.
 *
 * Invariant: an area in a stage holds one object; the freed areas that were
 * merged into it are counted as they were freed, so byte-seconds are exact.
 * Cost: O(kinds of area) a move.
 */
#include <stdlib.h>
#include "sim/mm/vmap.h"

void kernel_vmap_report(const struct kernel *k, struct vmap_report *r)
{
	*r = (struct vmap_report){ 0 };
	if (!k->cfg.null_kernel && k->vmap->report)
		k->vmap->report(k, r);
}

void vmap_count_end(struct kernel *k)
{
	struct vmap_stat s = { 0 };
	struct vmap_report pools = { 0 };
	uint64_t unasked = 0;

	k->vmap->stat(k, &s);
	kernel_vmap_report(k, &pools);
	for (uint32_t i = 0; i < pools.count; i++)
		unasked += pools.pool[i].asked ? 0 :
			   pools.pool[i].areas * pools.pool[i].pages;
	free(pools.pool);
	count_n(k, COUNT_VMAP_END_UNASKED_PAGES, unasked);
	count_n(k, COUNT_VMAP_END_FREE_PAGES, s.free_bytes >> PAGE_SHIFT);
	count_n(k, COUNT_VMAP_END_LAZY_PAGES, s.nr_lazy_pages);
	count_n(k, COUNT_VMAP_END_POOLED_PAGES, s.pooled_pages);
	count_n(k, COUNT_VMAP_LAZY_MAX_PAGES, s.lazy_max_pages);
	count_n(k, COUNT_VMAP_END_FREE_BLOCKS, s.free_blocks);
	if (s.free_nr_lazy) {
		count_n(k, COUNT_VMAP_FREE_NR_LAZY_P50,
			(uint64_t)hist_quantile(s.free_nr_lazy, 50, 100));
		count_n(k, COUNT_VMAP_FREE_NR_LAZY_P90,
			(uint64_t)hist_quantile(s.free_nr_lazy, 90, 100));
		count_n(k, COUNT_VMAP_FREE_NR_LAZY_MAX,
			(uint64_t)s.free_nr_lazy->max);
	}
	count_n(k, COUNT_VMAP_END_OBJECT_BYTES, s.object_bytes);
	count_n(k, COUNT_VMAP_END_LARGEST_FREE, s.largest_free_bytes >> PAGE_SHIFT);
}

static uint32_t stage_of(const struct kernel *k, uint32_t stage)
{
	return stage == STAGE_NONE ? stage : k->stage[stage];
}

/* Of @va's node: addresses. */
static void node_moves(struct kernel *k, const struct vmap_area *va,
		       uint32_t from, uint32_t to, uint64_t bytes)
{
	hold_part_move(k->metrics, k->hold[HOLD_VMAP], va->node,
		       stage_of(k, from), stage_of(k, to), bytes,
		       k->m->engine.now_ns);
}

static void object_moves(struct kernel *k, struct vmap_area *va, uint32_t to)
{
	struct hold_tag tag = { va->asked_ns, HOLD_NO_MM, k->vmap_op[va->kind] };

	hold(k, HOLD_VMAP_AREA, &tag, va->stage, to, 1, VMAP_AREA_BYTES);
	va->stage = to;
}

void vmap_object_gone(struct kernel *k, struct vmap_area *va)
{
	object_moves(k, va, STAGE_NONE);
}

void vmap_hold(struct kernel *k, struct vmap_area *va, uint32_t from,
	       uint32_t to)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < VMAP_KINDS; i++) {
		struct vmap_freed *f = &va->freed[i];
		struct hold_tag tag = { f->asked_ns, HOLD_NO_MM, k->vmap_op[i] };

		hold_merged(k, HOLD_VMAP, &tag, from, to, f->objects, f->bytes);
		bytes += f->bytes;
		if (to == STAGE_NONE)
			*f = (struct vmap_freed){ 0 };
	}
	node_moves(k, va, from, to, bytes);
	object_moves(k, va, to);
}

/* @from: where its addresses stand; its object is in use until now. */
static void enters_lazy(struct kernel *k, struct vmap_area *va, uint32_t from)
{
	va->areas = 1;
	va->asked_ns = k->m->engine.now_ns;
	BUG_ON(va->stage != STAGE_NONE);
	vmap_hold(k, va, from, STAGE_VMAP_LAZY);
}

void vmap_freed(struct kernel *k, struct vmap_area *va)
{
	va->freed[va->kind] = (struct vmap_freed){
		1, range_bytes(va->r), k->m->engine.now_ns };
	enters_lazy(k, va, STAGE_NONE);
}

void vmap_dirty(struct kernel *k, const struct vmap_area *va,
		struct vmap_freed *f, uint64_t bytes)
{
	sim_ns now = k->m->engine.now_ns;
	struct hold_tag tag = { now, HOLD_NO_MM, k->vmap_op[VMAP_BLOCK] };

	f->objects++;
	f->bytes += bytes;
	f->asked_ns += now;
	hold(k, HOLD_VMAP, &tag, STAGE_NONE, STAGE_VMAP_DIRTY, 1, bytes);
	node_moves(k, va, STAGE_NONE, STAGE_VMAP_DIRTY, bytes);
}

void vmap_block_freed(struct kernel *k, struct vmap_area *va,
		      const struct vmap_freed *dirty)
{
	BUG_ON(dirty->bytes != range_bytes(va->r));
	va->freed[VMAP_BLOCK] = *dirty;
	enters_lazy(k, va, STAGE_VMAP_DIRTY);
}

void vmap_check_held(const struct kernel *k, uint64_t areas)
{
	const struct hold_class *h = &k->metrics->holds[k->hold[HOLD_VMAP]];

	for (uint32_t s = 0; s < k->metrics->stage_count; s++) {
		uint64_t bytes = 0;

		for (uint32_t i = 0; i < h->parts; i++)
			bytes += hold_part_at(h, i, s)->bytes;
		BUG_ON(bytes != h->stage[s].bytes);
	}
	h = &k->metrics->holds[k->hold[HOLD_VMAP_AREA]];
	BUG_ON(h->objects < areas);	/* and those on their way */
	vmap_check_tables(k);
}
