/*
 * The global free space of virtual areas since 5.2, see heap.h.
 *
 * Invariant: free areas that touch are one. An area that is in no tree is
 * counted in moving_bytes, so that nothing can be lost unseen.
 */
#include <stdlib.h>
#include "sim/policy/vmap/heap.h"

uint64_t vmap_lazy_max_pages(uint32_t cpus)
{
	uint64_t bits = 32u - (unsigned)__builtin_clz(cpus);

	return bits * ((32ULL << 20) / PAGE_BYTES);
}

struct line *vmap_global_line(const struct vmap_heap *h, enum vmap_global at)
{
	uint32_t offset = h->padded ? at / 4 * 128 : (uint32_t)at;

	return place_line(h->k->m, &h->globals, offset);
}

void vmap_tree_at(const struct vmap_heap *h, struct vmap_tree *t,
		  struct line *root, struct line *list)
{
	memset(t, 0, sizeof(*t));
	vmap_tree_init(t);
	t->m = h->k->m;
	t->root_line = root;
	t->list_line = list;
}

static void globals_init(struct kernel *k, struct vmap_heap *h)
{
	struct machine *m = k->m;
	uint32_t bytes = h->padded ? VG_BYTES / 4 * 128 : VG_BYTES;

	address_get(address_cache_new(m, "vmap_globals", bytes, 128), 0,
		    &h->globals);
	address_get(address_cache_new(m, "vmap_purge_lock", 64, 64), 0,
		    &h->place);
	spin_init(&h->free_lock, vmap_global_line(h, VG_FREE_LOCK),
		  metrics_lock(m->metrics, "free_vmap_area_lock", false));
	rwsem_init(m, &h->purge_mutex, k->rwsem, place_line(m, &h->place, 0),
		   metrics_lock(m->metrics, "vmap_purge_lock", false));
	h->nr_line = vmap_global_line(h, VG_NR_LAZY);
	h->pages_line = vmap_global_line(h, VG_NR_VMALLOC);
	vmap_tree_at(h, &h->free, vmap_global_line(h, VG_FREE_ROOT),
		     vmap_global_line(h, VG_FREE_LIST));
	h->free.augmented = true;
	metrics_watch(k->metrics, "vmap.free_areas", &h->free.count);
}

void vmap_heap_init(struct kernel *k, struct vmap_heap *h, uint32_t nodes,
		    uint64_t lazy_max_pages, bool padded)
{
	struct machine *m = k->m;

	h->k = k;
	h->padded = padded;
	globals_init(k, h);
	pool_init(&h->pool.objects, sizeof(struct vmap_area));
	h->pool.slab = address_cache_new(m, "vmap_area", VMAP_AREA_BYTES,
					 VMAP_AREA_ALIGN);
	h->pool.seed = m->seed;
	h->pool.k = k;
	hold_parts(k->metrics, k->hold[HOLD_VMAP], nodes);
	h->lazy_max_pages = lazy_max_pages ? lazy_max_pages :
			    vmap_lazy_max_pages(m->cpu_count);
	h->vmalloc = (struct range){ VMALLOC_START, VMALLOC_END };
	h->preloaded = xcalloc(m->cpu_count, sizeof(*h->preloaded));
	vmap_tree_insert(&h->free,
			 vmap_area_new(&h->pool, 0, (struct range){
				PAGE_BYTES, UINT64_MAX & ~(PAGE_BYTES - 1) }));
}

void vmap_heap_release(struct vmap_heap *h)
{
	/* a run ends with its last traced task, maybe in the midst of a drain */
	if (!h->k->m->tasks_alive)
		rwsem_release(&h->purge_mutex);
	pool_release(&h->pool.objects);
	hist_release(&h->free_nr_lazy);
	free(h->preloaded);
}

bool vmap_purge_begin(struct task *t, struct vmap_heap *h, enum vmap_purge why)
{
	bool flush = false;

	down_write(t, &h->purge_mutex);
	if (why != PURGE_DRAIN)
		flush = vmap_purge_blocks(t, why == PURGE_ALIASES);
	settle(t);
	return flush;
}

void vmap_purge_end(struct task *t, struct vmap_heap *h, bool flush)
{
	if (flush) {
		flush_tlb_kernel(t);
		settle(t);
	}
	up_write(t, &h->purge_mutex);
}

void vmap_assert_purging(const struct task *t, const struct vmap_heap *h)
{
	const struct rwsem *s = &h->purge_mutex;

	if (!(s->word & RWSEM_WRITER) || s->owner != t)
		BUG("task %u purges without vmap_purge_lock", t->id);
}

bool vmap_whole(const struct vmap_request *rq)
{
	return rq->vend - rq->vstart >= VMALLOC_END - VMALLOC_START - 1;
}

void vmap_heap_note(struct vmap_heap *h, const struct vmap_request *rq)
{
	if (vmap_whole(rq))
		h->vmalloc = (struct range){ rq->vstart, rq->vend };
}

void vmap_touch(struct task *t, struct vmap_heap *h, struct vmap_tree *tree)
{
	line_walk_begin(t, &h->walk);
	tree->walk = &h->walk;
}

void vmap_touched(struct task *t, struct vmap_heap *h, struct vmap_tree *tree,
		  uint64_t links)
{
	struct line_walk walk = h->walk;

	tree->walk = NULL;
	line_walk_end(&walk);
	prim(t, COST_VMAP_TREE_VISIT, vmap_tree_depth(tree));
	prim(t, COST_VMAP_TREE_LINK, links);
}

struct vmap_area *vmap_busy_area(struct task *t, struct vmap_heap *h,
				 struct range r)
{
	struct vmap_area *va;
	struct line_walk w;

	line_walk_begin(t, &w);
	va = vmap_area_new(&h->pool, t->cpu->id, r);
	line_walk_write(&w, place_line(t->m, &va->place, VMAP_OFF_NODE));
	line_walk_write(&w, place_line(t->m, &va->place, VMAP_OFF_MAX));
	line_walk_end(&w);
	return va;
}

void vmap_set_vm(struct task *t, struct spinlock *lock, struct vmap_area *va,
		 uint32_t kind)
{
	if (kind > VMAP_VMAP)
		return;
	spin_lock(t, lock);
	line_write(t, place_line(t->m, &va->place, VMAP_OFF_MAX));
	spin_unlock(t, lock);
}

void vmap_count_pages(struct task *t, struct vmap_heap *h, uint32_t kind)
{
	if (kind == VMAP_VMALLOC)
		line_rmw(t, h->pages_line);
}

/*
 * preload_this_cpu_lock(): the object that a fit in the middle will need is
 * allocated before the lock is taken. Whoever comes second frees his.
 */
static void preload_this_cpu_lock(struct task *t, struct vmap_heap *h)
{
	bool mine;

	settle(t);
	mine = !h->preloaded[t->cpu->id];
	if (mine)
		prim(t, COST_VMAP_OBJECT, 1);
	spin_lock(t, &h->free_lock);
	if (!mine)
		return;
	if (h->preloaded[t->cpu->id])
		prim(t, COST_VMAP_OBJECT, 1);
	h->preloaded[t->cpu->id] = true;
	settle(t);
}

/* adjust_va_to_fit_type(): what a fit costs beside the first link */
static void pay_fit(struct task *t, struct vmap_heap *h, enum vmap_fit fit)
{
	if (fit == FIT_FULL)		/* the free area's object goes */
		prim(t, COST_VMAP_OBJECT, 1);
	if (fit != FIT_MIDDLE)
		return;
	if (!h->preloaded[t->cpu->id])	/* it came from another CPU */
		prim(t, COST_VMAP_OBJECT, 1);
	h->preloaded[t->cpu->id] = false;
	prim(t, COST_VMAP_TREE_LINK, 1);
}

int vmap_heap_alloc(struct task *t, struct vmap_heap *h,
		    const struct vmap_request *rq, struct range *out)
{
	enum vmap_fit fit;

	preload_this_cpu_lock(t, h);
	assert_held(t, &h->free_lock);
	vmap_heap_note(h, rq);
	vmap_touch(t, h, &h->free);
	metrics_sample(h->k->metrics, t->m->engine.now_ns);
	fit = vmap_alloc_lowest(&h->pool, t->cpu->id, &h->free, rq, out);
	if (fit != FIT_NONE)
		h->moving_bytes += rq->size;
	vmap_touched(t, h, &h->free, 1);
	pay_fit(t, h, fit);
	spin_unlock(t, &h->free_lock);
	return fit == FIT_NONE ? -EBUSY : 0;
}

void vmap_add_merged(struct task *t, struct vmap_heap *h,
		     struct vmap_tree *tree, struct vmap_area *va)
{
	uint64_t before = tree->count + 1;

	vmap_touch(t, h, tree);
	vmap_merge_or_add(&h->pool, t->cpu->id, tree, va);
	before -= tree->count;
	vmap_touched(t, h, tree, 1);
	prim(t, COST_VMAP_OBJECT, before);
}

void vmap_heap_return(struct task *t, struct vmap_heap *h,
		      struct vmap_area *va, uint32_t stage)
{
	settle(t);
	assert_held(t, &h->free_lock);
	va->areas = 0;
	va->flags = 0;
	h->moving_bytes -= range_bytes(va->r);
	vmap_hold(h->k, va, stage, STAGE_NONE);
	vmap_add_merged(t, h, &h->free, va);
}

struct vmap_area *vmap_heap_old(struct vmap_heap *h, uint64_t pages,
				uint32_t node)
{
	struct vmap_request rq = { .size = pages << PAGE_SHIFT,
				   .align = PAGE_BYTES << (64 - __builtin_clzll(pages)),
				   .vstart = h->vmalloc.start,
				   .vend = h->vmalloc.end };
	struct vmap_area *va;
	struct range r;

	if (vmap_alloc_lowest(&h->pool, 0, &h->free, &rq, &r) == FIT_NONE)
		return NULL;
	va = vmap_area_new(&h->pool, 0, r);
	va->kind = VMAP_OLD;
	va->node = node;
	h->moving_bytes += rq.size;
	h->nr_lazy_pages += pages;
	vmap_freed(h->k, va);
	return va;
}

uint64_t vmap_lazy_add(struct task *t, struct vmap_heap *h, uint64_t pages)
{
	line_rmw(t, h->nr_line);
	h->nr_lazy_pages += pages;
	hist_record(&h->free_nr_lazy, (int64_t)h->nr_lazy_pages);
	return h->nr_lazy_pages;
}

uint64_t vmap_lazy_sub(struct task *t, struct vmap_heap *h, uint64_t pages)
{
	line_rmw(t, h->nr_line);
	BUG_ON(h->nr_lazy_pages < pages);
	h->nr_lazy_pages -= pages;
	return h->nr_lazy_pages;
}

/* ---- work items ---- */

void vmap_work_init(struct vmap_work *w, uint32_t id,
		    void (*fn)(struct task *t, struct vmap_work *w), void *arg)
{
	*w = (struct vmap_work){ .id = id, .fn = fn, .arg = arg };
}

static void work_fiber(void *task)
{
	struct task *t = task;
	struct vmap_work *w = task;

	w->fn(t, w);
	settle(t);
	w->running = false;
	if (w->waiter)
		task_wake(t, w->waiter);
}

static void work_step(struct task *t)
{
	struct vmap_work *w = (struct vmap_work *)(void *)t;

	if (w->pending) {
		w->pending = false;
		w->running = true;
		task_start_fiber(t, work_fiber, "vmap drain");
		return;
	}
	w->alive = false;
	task_exit(t);
}

void schedule_vmap_work(struct task *t, struct vmap_work *w, int cpu)
{
	uint64_t gen;

	settle(t);
	gen = w->task.gen;
	if (cpu < 0)
		cpu = (int)t->cpu->id;
	w->pending = true;
	if (w->alive)
		return;
	w->alive = true;
	task_init(t->m, &w->task, w->id, work_step, NULL);
	w->task.gen = gen + 1;	/* events of its last life are stale */
	w->task.op_kind = KERNEL_OP_WORKER;
	w->task.affinity = (uint64_t)(cpu + 1);
	task_launch(t, &w->task, cost_take(t->m, COST_WAKE_LATENCY, 1));
}

void flush_vmap_work(struct task *t, struct vmap_work *w)
{
	settle(t);
	while (w->pending || w->running) {
		w->waiter = t;
		task_sleep(t);
		settle(t);
	}
	w->waiter = NULL;
}
