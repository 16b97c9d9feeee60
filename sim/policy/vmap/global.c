/*
 * vmap: global, 5.2 to 6.8 (mm/vmalloc.c). Three trees behind three
 * global locks:
 *
 *   free_vmap_area_lock    free areas, lowest-address first fit
 *   vmap_area_lock         busy areas
 *   purge_vmap_area_lock   freed, but still in somebody's TLB: lazy
 *
 * vfree() only makes an area lazy. Above lazy_max_pages a worker drains: one
 * flush on every CPU for all of them, then back into the free tree.
 *
 * Invariant: an address is in exactly one tree, or in a list of a drain.
 */
#include <stddef.h>
#include "sim/policy/vmap/heap.h"

enum { WORKER_TASK_ID = 0xfffffe };

struct global {
	struct vmap_heap heap;		/* first */
	struct vmap_tree busy, lazy;
	struct spinlock busy_lock, lazy_lock;
	uint32_t lookups;
};

enum vmap_block_index { INDEX_PER_CPU, INDEX_ONE };
enum vmap_words { WORDS_PACKED, WORDS_PADDED };

struct global_options {
	uint64_t lazy_max_pages;
	uint32_t words, lookups, blocks;
};

static const char *const words_names[] = { "packed", "padded", NULL };

static const char *const blocks_names[] = { "per-cpu", "one-index", NULL };

static const struct option global_options[] = {
	{ .key = "lazy_max_pages", .type = OPT_U64,
	  .offset = offsetof(struct global_options, lazy_max_pages),
	  .def = "0", .min = 0, .max = 1LL << 40, .unit = "pages",
	  .help = "lazy pages above which a drain starts; 0: fls(CPUs) * 32 MiB" },
	{ .key = "words", .type = OPT_ENUM,
	  .offset = offsetof(struct global_options, words), .def = "packed",
	  .names = words_names, .unit = "",
	  .help = "where locks, roots and counts lie: in one cache line, as a linker packs them, or each in its own" },
	{ .key = "lookups", .type = OPT_U32,
	  .offset = offsetof(struct global_options, lookups), .def = "0",
	  .min = 0, .max = 2, .unit = "count",
	  .help = "searches of the busy tree in a vfree before the one that unlinks: none since 6.3, 2 before" },
	{ .key = "blocks", .type = OPT_ENUM,
	  .offset = offsetof(struct global_options, blocks), .def = "per-cpu",
	  .names = blocks_names, .unit = "",
	  .help = "where vm_map_ram looks up its blocks: in one index for all (before 6.4), or one per CPU" },
	OPTION_END
};

static struct global *vg(const struct kernel *k)
{
	return k->vmap_state;
}

static void vg_drain(struct task *t, struct vmap_work *w);

static void vg_init(struct kernel *k, unsigned possible_cpus)
{
	const struct global_options *o = k->cfg.policies.options[AXIS_VMAP];
	struct global *g = vg(k);
	struct vmap_heap *h = &g->heap;

	(void)possible_cpus;
	vmap_heap_init(k, h, 1, o ? o->lazy_max_pages : 0,
		       o && o->words == WORDS_PADDED);
	g->lookups = o ? o->lookups : 0;
	k->vmap_one_index = o && o->blocks == INDEX_ONE;
	vmap_work_init(&h->drain, WORKER_TASK_ID, vg_drain, g);
	vmap_tree_at(h, &g->busy, vmap_global_line(h, VG_BUSY_ROOT),
		     vmap_global_line(h, VG_BUSY_LIST));
	vmap_tree_at(h, &g->lazy, vmap_global_line(h, VG_LAZY_ROOT),
		     vmap_global_line(h, VG_LAZY_LIST));
	spin_init(&g->busy_lock, vmap_global_line(h, VG_BUSY_LOCK),
		  metrics_lock(k->metrics, "vmap_area_lock", false));
	spin_init(&g->lazy_lock, vmap_global_line(h, VG_LAZY_LOCK),
		  metrics_lock(k->metrics, "purge_vmap_area_lock", false));
}

/* ---- allocation ---- */

static void vg_purge(struct task *t, enum vmap_purge why);

static int vg_alloc(struct task *t, const struct vmap_request *rq,
		    struct vmap_area **out)
{
	struct global *g = vg(kernel_of(t));
	struct vmap_area *va;
	struct range r;

	prim(t, COST_VMAP_OBJECT, 1);
	if (vmap_heap_alloc(t, &g->heap, rq, &r)) {
		/* overflow: what is lazy may be what is missing */
		vg_purge(t, PURGE_FULL);
		if (vmap_heap_alloc(t, &g->heap, rq, &r)) {
			prim(t, COST_VMAP_OBJECT, 1);
			return -EBUSY;
		}
	}
	va = vmap_busy_area(t, &g->heap, r);
	spin_lock(t, &g->busy_lock);
	assert_held(t, &g->busy_lock);
	vmap_touch(t, &g->heap, &g->busy);
	vmap_tree_insert(&g->busy, va);
	g->heap.moving_bytes -= rq->size;
	vmap_touched(t, &g->heap, &g->busy, 1);
	spin_unlock(t, &g->busy_lock);
	vmap_set_vm(t, &g->busy_lock, va, rq->kind);
	vmap_count_pages(t, &g->heap, rq->kind);
	*out = va;
	return 0;
}

/* ---- freeing ---- */

static void vg_drain(struct task *t, struct vmap_work *w)
{
	(void)w;
	vg_purge(t, PURGE_DRAIN);
}

static void free_vmap_area_noflush(struct task *t, struct global *g,
				   struct vmap_area *va)
{
	struct vmap_heap *h = &g->heap;
	uint64_t nr_lazy = vmap_lazy_add(t, h, range_pages(va->r));

	spin_lock(t, &g->lazy_lock);
	assert_held(t, &g->lazy_lock);
	h->moving_bytes -= range_bytes(va->r);
	vmap_add_merged(t, h, &g->lazy, va);
	spin_unlock(t, &g->lazy_lock);
	if (nr_lazy > h->lazy_max_pages) {
		settle(t);
		schedule_vmap_work(t, &h->drain, -1);
	}
}

/* find_vm_area(), remove_vm_area(): each a section of its own before 6.3 */
static void look_up(struct task *t, struct global *g, struct vmap_area *va)
{
	spin_lock(t, &g->busy_lock);
	assert_held(t, &g->busy_lock);
	vmap_touch(t, &g->heap, &g->busy);
	vmap_tree_walk(&g->busy, va->r.start);
	vmap_touched(t, &g->heap, &g->busy, 0);
	spin_unlock(t, &g->busy_lock);
}

static void vg_free(struct task *t, struct vmap_area *va)
{
	struct global *g = vg(kernel_of(t));
	uint32_t kind = va->kind;

	for (uint32_t i = 0; i < g->lookups; i++)
		look_up(t, g, va);
	spin_lock(t, &g->busy_lock);
	assert_held(t, &g->busy_lock);
	vmap_touch(t, &g->heap, &g->busy);
	vmap_tree_remove(&g->busy, va);
	g->heap.moving_bytes += range_bytes(va->r);
	vmap_touched(t, &g->heap, &g->busy, 1);
	spin_unlock(t, &g->busy_lock);
	vmap_unmap(t, va);
	free_vmap_area_noflush(t, g, va);
	vmap_count_pages(t, &g->heap, kind);
}

/* ---- draining ---- */

static void take_lazy(struct task *t, struct global *g, struct vmap_list *list)
{
	vmap_assert_purging(t, &g->heap);
	TAILQ_INIT(list);
	spin_lock(t, &g->lazy_lock);
	assert_held(t, &g->lazy_lock);
	TAILQ_CONCAT(list, &g->lazy.list, link);
	g->heap.moving_bytes += g->lazy.bytes;
	vmap_tree_init(&g->lazy);
	spin_unlock(t, &g->lazy_lock);
}

/* cond_resched_lock(): not while the backlog is above twice the limit */
static void lock_break(struct task *t, struct vmap_heap *h)
{
	if (h->nr_lazy_pages >= 2 * h->lazy_max_pages)
		return;
	if (!t->need_resched && TAILQ_EMPTY(&h->free_lock.waiters))
		return;
	spin_unlock(t, &h->free_lock);
	cond_resched(t);
	spin_lock(t, &h->free_lock);
}

static void merge_back(struct task *t, struct vmap_heap *h,
		       struct vmap_list *list)
{
	struct vmap_area *va;

	vmap_assert_purging(t, h);
	spin_lock(t, &h->free_lock);
	while ((va = TAILQ_FIRST(list))) {
		uint64_t pages = range_pages(va->r);

		TAILQ_REMOVE(list, va, link);
		count_n(h->k, COUNT_VMAP_PURGED_AREAS, va->areas);
		vmap_heap_return(t, h, va, STAGE_VMAP_LAZY);
		vmap_lazy_sub(t, h, pages);
		settle(t);
		lock_break(t, h);
	}
	spin_unlock(t, &h->free_lock);
}

/* __purge_vmap_area_lazy() under vmap_purge_lock */
static void vg_purge(struct task *t, enum vmap_purge why)
{
	struct global *g = vg(kernel_of(t));
	struct vmap_list list;
	bool flush = vmap_purge_begin(t, &g->heap, why);

	take_lazy(t, g, &list);
	settle(t);
	if (!TAILQ_EMPTY(&list)) {
		count(t, COUNT_VMAP_PURGE);
		flush_tlb_kernel(t);
		merge_back(t, &g->heap, &list);
		flush = false;
	}
	vmap_purge_end(t, &g->heap, flush);
}

static bool vg_old_lazy(struct kernel *k, uint64_t pages)
{
	struct global *g = vg(k);
	struct vmap_area *va = vmap_heap_old(&g->heap, pages, 0);

	if (!va)
		return false;
	g->heap.moving_bytes -= range_bytes(va->r);
	vmap_merge_or_add(&g->heap.pool, 0, &g->lazy, va);
	return true;
}

static void vg_finish(struct kernel *k)
{
	vmap_heap_release(&vg(k)->heap);
}

static void vg_stat(const struct kernel *k, struct vmap_stat *s)
{
	const struct vmap_heap *h = &vg(k)->heap;

	s->nr_lazy_pages = h->nr_lazy_pages;
	s->lazy_max_pages = h->lazy_max_pages;
	s->object_bytes = address_cache_bytes(h->pool.slab);
	s->free_nr_lazy = &h->free_nr_lazy;
	vmap_blocks(&h->free, h->vmalloc, s);
}

static void vg_check(const struct kernel *k)
{
	const struct global *g = vg(k);

	vmap_tree_check(&g->heap.free);
	vmap_tree_check(&g->busy);
	vmap_tree_check(&g->lazy);
	vmap_check_blocks(k);
	vmap_check_held(k, g->lazy.count);
	BUG_ON(g->heap.free.bytes + g->busy.bytes + g->lazy.bytes +
	       g->heap.moving_bytes != VMAP_SPACE_BYTES);
}

const struct vmap_ops vmap_global = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vmap_ops),
		.axis = "vmap", .name = "global",
		.models = "mm/vmalloc.c of 5.2 to 6.8: three trees, three global locks",
		.source = "Rezki 20190402162531.10888 (2019); v1 cover 20230522110849",
		.options = global_options,
		.option_bytes = sizeof(struct global_options),
	},
	.state_bytes = sizeof(struct global),
	.init = vg_init, .alloc = vg_alloc, .free = vg_free,
	.old_lazy = vg_old_lazy, .purge = vg_purge, .finish = vg_finish, .stat = vg_stat,
	.check = vg_check,
};
