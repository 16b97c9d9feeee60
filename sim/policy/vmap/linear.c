/*
 * vmap: linear, before 5.2 (mm/vmalloc.c). One tree of busy areas
 * behind vmap_area_lock and no free tree: alloc_vmap_area() walks from area to
 * area until the hole between two is large enough, O(areas), beginning at
 * free_vmap_cache, the last area that was placed or the one below a freed one.
 * cached_hole_size is the largest hole that such walks passed by: a smaller
 * request starts again from the bottom.
 *
 * A freed area stays in the tree, and in the way, until a purge. Who exceeds
 * the limit purges himself, unless somebody is at it.
 *
 * Invariant: what is not in the busy tree is free.
 */
#include <stddef.h>
#include <stdlib.h>
#include "sim/policy/vmap/heap.h"

struct linear {
	struct vmap_heap heap;		/* first; its free tree is unused */
	struct vmap_tree busy;
	struct vmap_area **purge_list;	/* vmap_purge_list, LIFO in the kernel */
	uint64_t purge_count, purge_room;
	struct spinlock lock;
	struct vmap_area *cache;	/* free_vmap_cache */
	uint64_t cached_hole_bytes, cached_vstart, cached_align;
};

struct linear_options {
	uint64_t lazy_max_pages;
};

static const struct option linear_options[] = {
	{ .key = "lazy_max_pages", .type = OPT_U64,
	  .offset = offsetof(struct linear_options, lazy_max_pages),
	  .def = "0", .min = 0, .max = 1LL << 40, .unit = "pages",
	  .help = "lazy pages above which a free purges; 0: fls(CPUs) * 32 MiB" },
	OPTION_END
};

static struct linear *vl(const struct kernel *k)
{
	return k->vmap_state;
}

static void vl_init(struct kernel *k, unsigned possible_cpus)
{
	const struct linear_options *o = k->cfg.policies.options[AXIS_VMAP];
	struct linear *l = vl(k);
	struct vmap_heap *h = &l->heap;

	(void)possible_cpus;
	k->vmap_one_index = true;
	vmap_heap_init(k, h, 1, o ? o->lazy_max_pages : 0, false);
	vmap_tree_at(h, &l->busy, vmap_global_line(h, VG_BUSY_ROOT),
		     vmap_global_line(h, VG_BUSY_LIST));
	spin_init(&l->lock, vmap_global_line(h, VG_BUSY_LOCK),
		  metrics_lock(k->metrics, "vmap_area_lock", false));
}

/* ---- allocation ---- */

static uint64_t align_up(uint64_t addr, uint64_t align)
{
	return (addr + align - 1) & ~(align - 1);
}

/* Where the walk begins: *@first is the area that may be in the way. */
static uint64_t walk_start(struct linear *l, const struct vmap_request *rq,
			   struct vmap_area **first)
{
	if (!l->cache || rq->size < l->cached_hole_bytes ||
	    rq->vstart < l->cached_vstart || rq->align < l->cached_align) {
		l->cached_hole_bytes = 0;
		l->cache = NULL;
	}
	l->cached_vstart = rq->vstart;
	l->cached_align = rq->align;
	if (l->cache) {
		*first = l->cache;
		if (align_up(l->cache->r.end, rq->align) >= rq->vstart)
			return align_up(l->cache->r.end, rq->align);
		l->cached_hole_bytes = 0;
		l->cache = NULL;
	}
	*first = vmap_tree_next(&l->busy, rq->vstart);
	return align_up(rq->vstart, rq->align);
}

/* Returns the address, or vend; @steps: areas passed. */
static uint64_t find_hole(struct linear *l, const struct vmap_request *rq,
			  uint64_t *steps)
{
	struct vmap_area *v;
	uint64_t addr = walk_start(l, rq, &v);

	while (v && addr + rq->size > v->r.start && addr + rq->size <= rq->vend) {
		vmap_touch_area(&l->busy, v);
		if (addr + l->cached_hole_bytes < v->r.start)
			l->cached_hole_bytes = v->r.start - addr;
		addr = align_up(v->r.end, rq->align);
		v = TAILQ_NEXT(v, link);
		++*steps;
	}
	return addr >= rq->vstart && addr + rq->size <= rq->vend ? addr : rq->vend;
}

static int alloc_hole(struct task *t, struct linear *l,
		      const struct vmap_request *rq, struct vmap_area **out)
{
	uint64_t steps = 0, addr;

	spin_lock(t, &l->lock);
	assert_held(t, &l->lock);
	vmap_touch(t, &l->heap, &l->busy);
	addr = find_hole(l, rq, &steps);
	if (addr != rq->vend) {
		*out = vmap_area_new(&l->heap.pool, t->cpu->id,
				     (struct range){ addr, addr + rq->size });
		vmap_tree_insert(&l->busy, *out);
		l->cache = *out;
	}
	vmap_touched(t, &l->heap, &l->busy, addr != rq->vend);
	prim(t, COST_VMAP_TREE_VISIT, steps);
	spin_unlock(t, &l->lock);
	return addr != rq->vend ? 0 : -EBUSY;
}

static void vl_purge(struct task *t, enum vmap_purge why);

static int vl_alloc(struct task *t, const struct vmap_request *rq,
		    struct vmap_area **out)
{
	struct linear *l = vl(kernel_of(t));

	prim(t, COST_VMAP_OBJECT, 1);
	settle(t);
	vmap_heap_note(&l->heap, rq);
	if (!alloc_hole(t, l, rq, out))
		return 0;
	vl_purge(t, PURGE_FULL);
	if (!alloc_hole(t, l, rq, out))
		return 0;
	prim(t, COST_VMAP_OBJECT, 1);
	return -EBUSY;
}

/* ---- freeing ---- */

/* __free_vmap_area() */
static void free_area(struct task *t, struct linear *l, struct vmap_area *va)
{
	settle(t);
	assert_held(t, &l->lock);
	if (l->cache && va->r.end < l->cached_vstart)
		l->cache = NULL;
	else if (l->cache && va->r.start <= l->cache->r.start)
		l->cache = TAILQ_PREV(va, vmap_list, link);
	vmap_touch(t, &l->heap, &l->busy);
	vmap_tree_remove(&l->busy, va);
	vmap_hold(l->heap.k, va, STAGE_VMAP_LAZY, STAGE_NONE);
	vmap_area_free(&l->heap.pool, t->cpu->id, va);
	vmap_touched(t, &l->heap, &l->busy, 1);
	prim(t, COST_VMAP_OBJECT, 1);
}

/* __purge_vmap_area_lazy() under vmap_purge_lock */
static bool purge_locked(struct task *t, struct linear *l)
{
	struct vmap_area **list = l->purge_list;
	uint64_t n = l->purge_count;

	vmap_assert_purging(t, &l->heap);
	l->purge_list = NULL;
	l->purge_count = l->purge_room = 0;
	if (!n)
		return false;
	count(t, COUNT_VMAP_PURGE);
	flush_tlb_kernel(t);
	vmap_assert_purging(t, &l->heap);
	spin_lock(t, &l->lock);
	for (uint64_t i = n; i-- > 0; ) {
		uint64_t pages = range_pages(list[i]->r);

		free_area(t, l, list[i]);
		count(t, COUNT_VMAP_PURGED_AREAS);
		vmap_lazy_sub(t, &l->heap, pages);
		settle(t);
		if (!t->need_resched && TAILQ_EMPTY(&l->lock.waiters))
			continue;
		spin_unlock(t, &l->lock);
		cond_resched(t);
		spin_lock(t, &l->lock);
	}
	spin_unlock(t, &l->lock);
	free(list);
	return true;
}

static void vl_purge(struct task *t, enum vmap_purge why)
{
	struct linear *l = vl(kernel_of(t));
	bool flush = vmap_purge_begin(t, &l->heap, why);

	if (purge_locked(t, l))
		flush = false;
	vmap_purge_end(t, &l->heap, flush);
}

static void purge_list_add(struct linear *l, struct vmap_area *va)
{
	if (l->purge_count == l->purge_room) {
		l->purge_room = l->purge_room ? 2 * l->purge_room : 64;
		l->purge_list = xrealloc(l->purge_list, l->purge_room,
					 sizeof(*l->purge_list));
	}
	l->purge_list[l->purge_count++] = va;
}

static void vl_free(struct task *t, struct vmap_area *va)
{
	struct linear *l = vl(kernel_of(t));
	uint64_t nr_lazy;

	spin_lock(t, &l->lock);		/* find_vmap_area() */
	assert_held(t, &l->lock);
	vmap_touch(t, &l->heap, &l->busy);
	vmap_tree_walk(&l->busy, va->r.start);
	vmap_touched(t, &l->heap, &l->busy, 0);
	spin_unlock(t, &l->lock);
	vmap_unmap(t, va);
	nr_lazy = vmap_lazy_add(t, &l->heap, range_pages(va->r));
	settle(t);
	purge_list_add(l, va);
	if (nr_lazy <= l->heap.lazy_max_pages ||
	    !down_write_trylock(t, &l->heap.purge_mutex))
		return;
	settle(t);
	purge_locked(t, l);
	up_write(t, &l->heap.purge_mutex);
}

static bool vl_old_lazy(struct kernel *k, uint64_t pages)
{
	struct vmap_area *va = vmap_heap_old(&vl(k)->heap, pages, 0);

	if (!va)
		return false;
	vmap_tree_insert(&vl(k)->busy, va);
	purge_list_add(vl(k), va);
	return true;
}

static void vl_finish(struct kernel *k)
{
	free(vl(k)->purge_list);
	vmap_heap_release(&vl(k)->heap);
}

static void vl_stat(const struct kernel *k, struct vmap_stat *s)
{
	const struct linear *l = vl(k);

	s->nr_lazy_pages = l->heap.nr_lazy_pages;
	s->lazy_max_pages = l->heap.lazy_max_pages;
	s->object_bytes = address_cache_bytes(l->heap.pool.slab);
	s->free_nr_lazy = &l->heap.free_nr_lazy;
	vmap_gaps(&l->busy, l->heap.vmalloc, s);
}

static void vl_check(const struct kernel *k)
{
	vmap_tree_check(&vl(k)->busy);
	vmap_check_blocks(k);
	vmap_check_held(k, vl(k)->purge_count);
}

const struct vmap_ops vmap_linear = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vmap_ops),
		.axis = "vmap", .name = "linear",
		.models = "mm/vmalloc.c before 5.2: one lock, a walk over the busy areas",
		.source = "Rezki 20190402162531.10888 (2019): the code before it",
		.options = linear_options,
		.option_bytes = sizeof(struct linear_options),
	},
	.state_bytes = sizeof(struct linear),
	.init = vl_init, .alloc = vl_alloc, .free = vl_free,
	.old_lazy = vl_old_lazy, .purge = vl_purge, .finish = vl_finish, .stat = vl_stat,
	.check = vl_check,
};
