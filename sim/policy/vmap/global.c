/*
 * vmap: global, 5.2 to 6.8 (mm/vmalloc.c; FACTS A15). Three trees behind three
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
#include "sim/mm/vmap.h"

enum { WORKER_TASK_ID = 0xfffffe, LOCKS = 3 };

struct global {
	struct vmap_tree free, busy, lazy;
	struct vmap_pool pool;
	struct spinlock free_lock, busy_lock, lazy_lock;
	struct rwsem purge_mutex;	/* vmap_purge_lock, write side only */
	struct place place[LOCKS + 2];
	struct line *nr_line;		/* vmap_lazy_nr */
	uint64_t nr_lazy_pages, lazy_max_pages;
	struct task worker;
	bool worker_alive, work_pending;
	uint64_t moving_bytes;		/* between two trees */
};

static struct global *vg(const struct kernel *k)
{
	return k->vmap_state;
}

static uint64_t pages_of(const struct vmap_area *va)
{
	return range_pages(va->r);
}

/* fls(online CPUs) * 32 MiB */
static uint64_t lazy_max_pages(uint32_t cpus)
{
	uint64_t bits = 32u - (unsigned)__builtin_clz(cpus);

	return bits * ((32ULL << 20) / PAGE_BYTES);
}

static void vg_init(struct kernel *k, unsigned possible_cpus)
{
	struct global *g = vg(k);
	struct machine *m = k->m;
	struct address_cache *c = address_cache_new(m, "vmap_globals", 64, 64);

	(void)possible_cpus;
	vmap_tree_init(&g->free);
	vmap_tree_init(&g->busy);
	vmap_tree_init(&g->lazy);
	pool_init(&g->pool.objects, sizeof(struct vmap_area));
	g->pool.seed = m->seed;
	for (unsigned i = 0; i < LOCKS + 2; i++)
		address_get(c, 0, &g->place[i]);
	spin_init(&g->free_lock, place_line(m, &g->place[0], 0),
		  metrics_lock(m->metrics, "free_vmap_area_lock", false));
	spin_init(&g->busy_lock, place_line(m, &g->place[1], 0),
		  metrics_lock(m->metrics, "vmap_area_lock", false));
	spin_init(&g->lazy_lock, place_line(m, &g->place[2], 0),
		  metrics_lock(m->metrics, "purge_vmap_area_lock", false));
	rwsem_init(m, &g->purge_mutex, k->rwsem, place_line(m, &g->place[3], 0),
		   metrics_lock(m->metrics, "vmap_purge_lock", false));
	g->nr_line = place_line(m, &g->place[4], 0);
	g->lazy_max_pages = lazy_max_pages(m->cpu_count);
	vmap_tree_insert(&g->free,
			 vmap_area_new(&g->pool, (struct range){
				PAGE_BYTES, UINT64_MAX & ~(PAGE_BYTES - 1) }));
}

/* ---- allocation ---- */

static void walk(struct task *t, const struct vmap_tree *tree, uint64_t links)
{
	prim(t, COST_VMAP_TREE_VISIT, vmap_tree_depth(tree));
	prim(t, COST_VMAP_TREE_LINK, links);
	settle(t);
}

static bool alloc_from_free(struct task *t, struct global *g,
			    const struct vmap_request *rq, struct range *r)
{
	enum vmap_fit fit;

	spin_lock(t, &g->free_lock);
	walk(t, &g->free, 1);
	assert_held(t, &g->free_lock);
	fit = vmap_alloc_lowest(&g->pool, &g->free, rq, r);
	if (fit != FIT_NONE)
		g->moving_bytes += rq->size;
	if (fit == FIT_MIDDLE)		/* the preloaded object is linked too */
		prim(t, COST_VMAP_TREE_LINK, 1);
	spin_unlock(t, &g->free_lock);
	return fit != FIT_NONE;
}

static void vg_purge(struct task *t, bool full);

static int vg_alloc(struct task *t, const struct vmap_request *rq,
		    struct vmap_area **out)
{
	struct global *g = vg(kernel_of(t));
	struct vmap_area *va;
	struct range r;

	prim(t, COST_VMAP_OBJECT, 1);
	if (!alloc_from_free(t, g, rq, &r)) {
		/* overflow: what is lazy may be what is missing */
		vg_purge(t, true);
		if (!alloc_from_free(t, g, rq, &r))
			return -EBUSY;
	}
	va = vmap_area_new(&g->pool, r);
	spin_lock(t, &g->busy_lock);
	walk(t, &g->busy, 1);
	assert_held(t, &g->busy_lock);
	vmap_tree_insert(&g->busy, va);
	g->moving_bytes -= rq->size;
	spin_unlock(t, &g->busy_lock);
	*out = va;
	return 0;
}

/* ---- freeing ---- */

static void drain_fiber(void *arg)
{
	vg_purge(arg, false);
}

static void worker_step(struct task *t)
{
	struct global *g = vg(kernel_of(t));

	if (g->work_pending) {
		g->work_pending = false;
		task_start_fiber(t, drain_fiber, "vmap drain");
		return;
	}
	g->worker_alive = false;
	task_exit(t);
}

/* schedule_work(&drain_vmap_work): once, however often it is asked for */
static void schedule_drain(struct task *t, struct global *g)
{
	uint64_t gen = g->worker.gen;
	struct machine *m = t->m;

	g->work_pending = true;
	if (g->worker_alive)
		return;
	g->worker_alive = true;
	task_init(m, &g->worker, WORKER_TASK_ID, worker_step, NULL);
	g->worker.gen = gen + 1;	/* events of its last life are stale */
	g->worker.op_kind = KERNEL_OP_WORKER;
	task_launch(t, &g->worker, m->profile->cost[COST_WAKE_LATENCY].value);
}

static void free_vmap_area_noflush(struct task *t, struct global *g,
				   struct vmap_area *va)
{
	uint64_t pages = pages_of(va), nr_lazy;

	line_rmw(t, g->nr_line);
	g->nr_lazy_pages += pages;
	nr_lazy = g->nr_lazy_pages;
	va->areas = 1;
	spin_lock(t, &g->lazy_lock);
	walk(t, &g->lazy, 1);
	assert_held(t, &g->lazy_lock);
	g->moving_bytes -= range_bytes(va->r);
	vmap_merge_or_add(&g->pool, &g->lazy, va);
	spin_unlock(t, &g->lazy_lock);
	if (nr_lazy > g->lazy_max_pages) {
		settle(t);
		schedule_drain(t, g);
	}
}

static void vg_free(struct task *t, struct vmap_area *va)
{
	struct global *g = vg(kernel_of(t));

	spin_lock(t, &g->busy_lock);
	walk(t, &g->busy, 1);
	assert_held(t, &g->busy_lock);
	vmap_tree_remove(&g->busy, va);
	g->moving_bytes += range_bytes(va->r);
	spin_unlock(t, &g->busy_lock);
	body(t, COST_VMAP_UNMAP_PAGE, pages_of(va) - 1);
	free_vmap_area_noflush(t, g, va);
}

/* ---- draining ---- */

static void take_lazy(struct task *t, struct global *g, struct vmap_tree *lazy)
{
	vmap_tree_init(lazy);
	spin_lock(t, &g->lazy_lock);
	assert_held(t, &g->lazy_lock);
	lazy->count = g->lazy.count;
	TAILQ_CONCAT(&lazy->list, &g->lazy.list, link);
	g->moving_bytes += g->lazy.bytes;
	vmap_tree_init(&g->lazy);
	spin_unlock(t, &g->lazy_lock);
}

/* cond_resched_lock(): not while the backlog is above twice the limit */
static void lock_break(struct task *t, struct global *g)
{
	if (g->nr_lazy_pages >= 2 * g->lazy_max_pages)
		return;
	if (!t->need_resched && TAILQ_EMPTY(&g->free_lock.waiters))
		return;
	spin_unlock(t, &g->free_lock);
	cond_resched(t);
	spin_lock(t, &g->free_lock);
}

static void merge_back(struct task *t, struct global *g, struct vmap_list *list)
{
	struct kernel *k = kernel_of(t);
	struct vmap_area *va;

	spin_lock(t, &g->free_lock);
	while ((va = TAILQ_FIRST(list))) {
		uint64_t pages = pages_of(va), areas = va->areas;

		walk(t, &g->free, 1);
		assert_held(t, &g->free_lock);
		TAILQ_REMOVE(list, va, link);
		va->areas = 0;
		g->moving_bytes -= range_bytes(va->r);
		vmap_merge_or_add(&g->pool, &g->free, va);
		hold_bytes(k, HOLD_VMAP, STAGE_VMAP_LAZY, STAGE_NONE, areas,
			   pages << PAGE_SHIFT);
		count_n(k, COUNT_VMAP_PURGED_AREAS, areas);
		line_rmw(t, g->nr_line);
		g->nr_lazy_pages -= pages;
		settle(t);
		lock_break(t, g);
	}
	spin_unlock(t, &g->free_lock);
}

/* __purge_vmap_area_lazy() under vmap_purge_lock */
static void vg_purge(struct task *t, bool full)
{
	struct global *g = vg(kernel_of(t));
	struct vmap_tree lazy;
	struct vmap_list list;

	(void)full;		/* there are no pools to decay */
	down_write(t, &g->purge_mutex);
	settle(t);
	take_lazy(t, g, &lazy);
	settle(t);
	if (lazy.count) {
		TAILQ_INIT(&list);
		TAILQ_CONCAT(&list, &lazy.list, link);
		count(t, COUNT_VMAP_PURGE);
		flush_tlb_kernel(t);
		merge_back(t, g, &list);
	}
	up_write(t, &g->purge_mutex);
}

static void vg_finish(struct kernel *k)
{
	struct global *g = vg(k);

	rwsem_release(&g->purge_mutex);
	pool_release(&g->pool.objects);
}

static void vg_check(const struct kernel *k)
{
	const struct global *g = vg(k);
	uint64_t space = (UINT64_MAX & ~(PAGE_BYTES - 1)) - PAGE_BYTES;

	vmap_tree_check(&g->free);
	vmap_tree_check(&g->busy);
	vmap_tree_check(&g->lazy);
	BUG_ON(g->free.bytes + g->busy.bytes + g->lazy.bytes + g->moving_bytes !=
	       space);
}

const struct vmap_ops vmap_global = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vmap_ops),
		.axis = "vmap", .name = "global",
		.models = "mm/vmalloc.c of 5.2 to 6.8: three trees, three global locks",
		.source = "FACTS A15, B5; Rezki 2019",
	},
	.state_bytes = sizeof(struct global),
	.init = vg_init, .alloc = vg_alloc, .free = vg_free,
	.purge = vg_purge, .finish = vg_finish, .check = vg_check,
};
