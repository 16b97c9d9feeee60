/*
 * vmap: nodes, since 6.9 (mm/vmalloc.c; seed 2; FACTS A15). One node per
 * possible CPU, each with
 *
 *   busy    by address: zones of 64 KiB go round the nodes
 *   lazy    by vn_id, the node that is written in the area; not merged
 *   pool    256 stacks of areas of 1 to 256 pages, filled only by a drain
 *
 * Life of an area:  free tree --alloc--> busy --vfree--> lazy --drain--> pool
 *                       ^                  ^                              | |
 *                       |                  +------------ alloc -----------+ |
 *                       +-------- decay, foreign, too large ----------------+
 *
 * An allocation that finds its CPU's pool empty takes the lowest fit of the
 * free tree, from wherever, and is tagged with the CPU's node all the same:
 * the question of seed 2 (option vn_id).
 *
 * Invariant: an address is in exactly one tree or pool, or moving.
 * Limit: the walk of find_unlink_vmap_area() over other nodes never happens,
 * areas are looked up by their start.
 */
#include <stdlib.h>
#include "sim/policy/vmap/nodes.h"

enum {
	WORKER_TASK_ID = 0xfffffe,	/* helpers count down from here */
	/* struct vmap_node: pools of 24 bytes, then pool_lock, busy, lazy, ... */
	POOL_BYTES = 24, POOL_LOCK_AT = MAX_VA_SIZE_PAGES * POOL_BYTES,
	BUSY_LOCK_AT = POOL_LOCK_AT + 32, LAZY_LOCK_AT = BUSY_LOCK_AT + 32,
	NODE_BYTES = POOL_LOCK_AT + 128,
};

struct size_pool {
	struct vmap_list head;
	uint64_t len;
};

struct vmap_node {
	struct size_pool pool[MAX_VA_SIZE_PAGES];
	struct spinlock pool_lock, busy_lock, lazy_lock;
	struct vmap_tree busy, lazy;
	struct vmap_list purge_list;
	struct vmap_work purge_work;
	uint64_t pool_bytes;
	uint32_t id;
	bool skip_populate, to_purge;
	struct place place;
};

struct nodes {
	struct vmap_heap heap;		/* first */
	struct vmap_node *node;
	uint32_t nr;
	const struct nodes_options *o;
};

static const struct nodes_options defaults = { .pool_classes = MAX_VA_SIZE_PAGES };

static struct nodes *vn_state(const struct kernel *k)
{
	return k->vmap_state;
}

static void vn_drain(struct task *t, struct vmap_work *w);
static void purge_work(struct task *t, struct vmap_work *w);

static void node_init(struct nodes *n, struct vmap_node *vn, uint32_t id)
{
	struct machine *m = n->heap.k->m;

	vn->id = id;
	for (unsigned i = 0; i < MAX_VA_SIZE_PAGES; i++)
		TAILQ_INIT(&vn->pool[i].head);
	spin_init(&vn->pool_lock, place_line(m, &vn->place, POOL_LOCK_AT),
		  metrics_lock(m->metrics, "vmap_node_pool_lock", false));
	spin_init(&vn->busy_lock, place_line(m, &vn->place, BUSY_LOCK_AT),
		  metrics_lock(m->metrics, "vmap_node_busy_lock", false));
	spin_init(&vn->lazy_lock, place_line(m, &vn->place, LAZY_LOCK_AT),
		  metrics_lock(m->metrics, "vmap_node_lazy_lock", false));
	/* struct rb_list: root, list head, lock */
	vmap_tree_at(&n->heap, &vn->busy, vn->busy_lock.line,
		     vn->busy_lock.line);
	vmap_tree_at(&n->heap, &vn->lazy, vn->lazy_lock.line,
		     vn->lazy_lock.line);
	TAILQ_INIT(&vn->purge_list);
	vmap_work_init(&vn->purge_work, WORKER_TASK_ID - 1 - id, purge_work, vn);
}

static void vn_init(struct kernel *k, unsigned possible_cpus)
{
	struct nodes *n = vn_state(k);
	struct address_cache *c = address_cache_new(k->m, "vmap_node",
						    NODE_BYTES, 64);

	n->o = k->cfg.policies.options[AXIS_VMAP];
	if (!n->o)
		n->o = &defaults;
	n->nr = n->o->nodes ? n->o->nodes : vmap_node_count(possible_cpus);
	vmap_heap_init(k, &n->heap, n->o->lazy_max_pages, false);
	vmap_work_init(&n->heap.drain, WORKER_TASK_ID, vn_drain, n);
	n->node = xcalloc(n->nr, sizeof(*n->node));
	for (uint32_t i = 0; i < n->nr; i++) {
		address_get(c, 0, &n->node[i].place);
		node_init(n, &n->node[i], i);
	}
}

/* ---- pools ---- */

/* size_to_va_pool() */
static struct size_pool *size_pool(const struct nodes *n, struct vmap_node *vn,
				   uint64_t bytes)
{
	uint64_t pages = bytes >> PAGE_SHIFT;

	return pages <= n->o->pool_classes ? &vn->pool[pages - 1] : NULL;
}

static struct line *pool_line(const struct machine *m,
			      const struct vmap_node *vn,
			      const struct size_pool *p)
{
	return place_line(m, &vn->place,
			  (uint32_t)(p - vn->pool) * POOL_BYTES);
}

/* list_add(), list_del_init(): head, the area, and the one behind it */
static void pool_touch(struct task *t, struct vmap_node *vn,
		       const struct size_pool *p, struct vmap_area *va,
		       struct vmap_area *behind)
{
	struct line_walk w;

	line_walk_begin(t, &w);
	line_walk_write(&w, pool_line(t->m, vn, p));
	if (va)
		line_walk_write(&w, place_line(t->m, &va->place, VMAP_OFF_LIST));
	if (behind)
		line_walk_write(&w, place_line(t->m, &behind->place,
					       VMAP_OFF_LIST));
	line_walk_end(&w);
	settle(t);
}

static bool node_pool_add_va(struct task *t, struct nodes *n,
			     struct vmap_node *vn, struct vmap_area *va)
{
	struct size_pool *p = size_pool(n, vn, range_bytes(va->r));

	if (!p)
		return false;
	spin_lock(t, &vn->pool_lock);
	pool_touch(t, vn, p, va, TAILQ_FIRST(&p->head));
	assert_held(t, &vn->pool_lock);
	TAILQ_INSERT_HEAD(&p->head, va, link);
	p->len++;
	vn->pool_bytes += range_bytes(va->r);
	n->heap.moving_bytes -= range_bytes(va->r);
	hold(n->heap.k, HOLD_VMAP, &va->held, STAGE_VMAP_LAZY, STAGE_VMAP_POOL, 1,
	     range_bytes(va->r));
	spin_unlock(t, &vn->pool_lock);
	return true;
}

/* The head or nothing: one that does not fit @align goes to the tail. */
static struct vmap_area *pool_take(struct task *t, struct nodes *n,
				   struct vmap_node *vn, struct size_pool *p,
				   uint64_t align)
{
	struct vmap_area *va = TAILQ_FIRST(&p->head);

	if (!va)
		return NULL;
	TAILQ_REMOVE(&p->head, va, link);
	if (va->r.start & (align - 1)) {
		TAILQ_INSERT_TAIL(&p->head, va, link);
		count(t, COUNT_VMAP_POOL_MISALIGNED);
		return NULL;
	}
	p->len--;
	vn->pool_bytes -= range_bytes(va->r);
	n->heap.moving_bytes += range_bytes(va->r);
	hold(n->heap.k, HOLD_VMAP, &va->held, STAGE_VMAP_POOL, STAGE_NONE, 1,
	     range_bytes(va->r));
	return va;
}

static struct vmap_area *node_pool_del_va(struct task *t, struct nodes *n,
					  struct vmap_node *vn,
					  const struct vmap_request *rq)
{
	struct size_pool *p = size_pool(n, vn, rq->size);
	struct vmap_area *va;

	if (!p)
		return NULL;
	line_read(t, pool_line(t->m, vn, p));
	settle(t);
	if (TAILQ_EMPTY(&p->head))
		return NULL;
	spin_lock(t, &vn->pool_lock);
	va = TAILQ_FIRST(&p->head);
	pool_touch(t, vn, p, va, va ? TAILQ_NEXT(va, link) : NULL);
	assert_held(t, &vn->pool_lock);
	va = pool_take(t, n, vn, p, rq->align);
	spin_unlock(t, &vn->pool_lock);
	return va;
}

/* ---- allocation ---- */

static struct vmap_area *node_alloc(struct task *t, struct nodes *n,
				    const struct vmap_request *rq,
				    uint32_t *vn_id)
{
	struct vmap_area *va;
	uint32_t id;

	*vn_id = 0;
	if (!vmap_whole(rq) || n->nr == 1)
		return NULL;
	settle(t);
	id = t->cpu->id % n->nr;
	va = node_pool_del_va(t, n, &n->node[id], rq);
	*vn_id = encode_vn_id(id, n->nr);
	if (!va) {
		count(t, COUNT_VMAP_POOL_MISS);
		return NULL;
	}
	count(t, COUNT_VMAP_POOL_HIT);
	if (addr_to_node_id(va->r.start, n->nr) != id)
		count(t, COUNT_VMAP_POOL_HIT_FOREIGN);
	return va;
}

static void vn_purge(struct task *t, bool full);

static int alloc_global(struct task *t, struct nodes *n,
			const struct vmap_request *rq, struct vmap_area **out)
{
	struct range r;

	prim(t, COST_VMAP_OBJECT, 1);
	if (vmap_heap_alloc(t, &n->heap, rq, &r)) {
		vn_purge(t, true);
		if (vmap_heap_alloc(t, &n->heap, rq, &r)) {
			prim(t, COST_VMAP_OBJECT, 1);
			return -EBUSY;
		}
	}
	*out = vmap_busy_area(t, &n->heap, r);
	return 0;
}

static int vn_alloc(struct task *t, const struct vmap_request *rq,
		    struct vmap_area **out)
{
	struct nodes *n = vn_state(kernel_of(t));
	struct vmap_node *vn;
	struct vmap_area *va;
	uint32_t vn_id;

	va = node_alloc(t, n, rq, &vn_id);
	if (!va && alloc_global(t, n, rq, &va))
		return -EBUSY;
	vn = &n->node[addr_to_node_id(va->r.start, n->nr)];
	if (n->o->vn_id == TAG_BY_ADDRESS && vn_id)
		vn_id = encode_vn_id(vn->id, n->nr);
	va->flags = vn_id;
	spin_lock(t, &vn->busy_lock);
	assert_held(t, &vn->busy_lock);
	vmap_touch(t, &n->heap, &vn->busy);
	vmap_tree_insert(&vn->busy, va);
	n->heap.moving_bytes -= rq->size;
	vmap_touched(t, &n->heap, &vn->busy, 1);
	spin_unlock(t, &vn->busy_lock);
	vmap_count_pages(t, &n->heap);
	*out = va;
	return 0;
}

/* ---- freeing ---- */

static void free_vmap_area_noflush(struct task *t, struct nodes *n,
				   struct vmap_area *va)
{
	struct vmap_heap *h = &n->heap;
	uint64_t nr_lazy = vmap_lazy_add(t, h, range_pages(va->r));
	uint32_t id = decode_vn_id(va->flags);
	struct vmap_node *vn;

	if (id >= n->nr)
		id = addr_to_node_id(va->r.start, n->nr);
	vn = &n->node[id];
	va->areas = 1;
	spin_lock(t, &vn->lazy_lock);
	assert_held(t, &vn->lazy_lock);
	vmap_touch(t, h, &vn->lazy);
	h->moving_bytes -= range_bytes(va->r);
	vmap_tree_insert(&vn->lazy, va);
	vmap_touched(t, h, &vn->lazy, 1);
	spin_unlock(t, &vn->lazy_lock);
	if (nr_lazy > h->lazy_max_pages) {
		settle(t);
		schedule_vmap_work(t, &h->drain, -1);
	}
}

static void vn_free(struct task *t, struct vmap_area *va)
{
	struct nodes *n = vn_state(kernel_of(t));
	struct vmap_node *vn = &n->node[addr_to_node_id(va->r.start, n->nr)];

	spin_lock(t, &vn->busy_lock);
	assert_held(t, &vn->busy_lock);
	vmap_touch(t, &n->heap, &vn->busy);
	vmap_tree_remove(&vn->busy, va);
	n->heap.moving_bytes += range_bytes(va->r);
	vmap_touched(t, &n->heap, &vn->busy, 1);
	spin_unlock(t, &vn->busy_lock);
	vmap_unmap(t, va->r);
	free_vmap_area_noflush(t, n, va);
	vmap_count_pages(t, &n->heap);
}

/* ---- draining ---- */

static void reclaim_list_global(struct task *t, struct vmap_heap *h,
				struct vmap_list *list, uint32_t stage)
{
	struct vmap_area *va;

	if (TAILQ_EMPTY(list))
		return;
	spin_lock(t, &h->free_lock);
	while ((va = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, va, link);
		vmap_heap_return(t, h, va, stage);
	}
	spin_unlock(t, &h->free_lock);
}

/* Detach the pool, so that nobody can see it; the rest comes back. */
static void decay_pool(struct task *t, struct nodes *n, struct vmap_node *vn,
		       struct size_pool *p, bool full, struct vmap_tree *decayed)
{
	uint64_t bytes = (uint64_t)(p - vn->pool + 1) << PAGE_SHIFT;
	uint64_t len, take;
	struct vmap_list list;
	struct vmap_area *va;

	TAILQ_INIT(&list);
	spin_lock(t, &vn->pool_lock);
	line_write(t, pool_line(t->m, vn, p));
	settle(t);
	len = p->len;
	TAILQ_CONCAT(&list, &p->head, link);
	p->len = 0;
	vn->pool_bytes -= len * bytes;
	n->heap.moving_bytes += len * bytes;
	spin_unlock(t, &vn->pool_lock);
	take = vmap_decay_count(n->o->decay, len, full);
	for (uint64_t i = 0; i < take; i++) {
		va = TAILQ_FIRST(&list);
		TAILQ_REMOVE(&list, va, link);
		vmap_add_merged(t, &n->heap, decayed, va);
	}
	settle(t);
	count_n(n->heap.k, COUNT_VMAP_POOL_DECAYED, take);
	if (take == len)
		return;
	spin_lock(t, &vn->pool_lock);
	BUG_ON(p->len);		/* only a drain adds, and it has the mutex */
	TAILQ_CONCAT(&p->head, &list, link);
	p->len = len - take;
	vn->pool_bytes += p->len * bytes;
	n->heap.moving_bytes -= p->len * bytes;
	spin_unlock(t, &vn->pool_lock);
}

static void decay_va_pool_node(struct task *t, struct nodes *n,
			       struct vmap_node *vn, bool full)
{
	struct line *line = NULL;
	struct vmap_tree decayed;

	vmap_assert_purging(t, &n->heap);
	vmap_tree_at(&n->heap, &decayed, NULL, NULL);	/* on the stack */
	for (uint32_t i = 0; i < n->o->pool_classes; i++) {
		struct size_pool *p = &vn->pool[i];
		struct line *l = pool_line(t->m, vn, p);

		if (l != line) {
			line_read(t, l);
			settle(t);
		}
		line = l;
		if (!TAILQ_EMPTY(&p->head))
			decay_pool(t, n, vn, p, full, &decayed);
	}
	reclaim_list_global(t, &n->heap, &decayed.list, STAGE_VMAP_POOL);
}

static void purge_vmap_node(struct task *t, struct nodes *n,
			    struct vmap_node *vn)
{
	struct vmap_list local;
	struct vmap_area *va;

	TAILQ_INIT(&local);
	while ((va = TAILQ_FIRST(&vn->purge_list))) {
		TAILQ_REMOVE(&vn->purge_list, va, link);
		vmap_lazy_sub(t, &n->heap, range_pages(va->r));
		count(t, COUNT_VMAP_PURGED_AREAS);
		if (decode_vn_id(va->flags) < n->nr && !vn->skip_populate &&
		    node_pool_add_va(t, n, vn, va))
			continue;
		TAILQ_INSERT_HEAD(&local, va, link);
	}
	reclaim_list_global(t, &n->heap, &local, STAGE_VMAP_LAZY);
}

static void purge_work(struct task *t, struct vmap_work *w)
{
	purge_vmap_node(t, vn_state(kernel_of(t)), w->arg);
}

/* decay, and take what is lazy; returns the number of nodes to purge */
static uint32_t collect(struct task *t, struct nodes *n, bool full)
{
	uint32_t to_purge = 0;

	for (uint32_t i = 0; i < n->nr; i++) {
		struct vmap_node *vn = &n->node[i];

		vn->skip_populate = full;
		decay_va_pool_node(t, n, vn, full);
		settle(t);
		vn->to_purge = vn->lazy.count > 0;
		if (!vn->to_purge)
			continue;
		spin_lock(t, &vn->lazy_lock);
		assert_held(t, &vn->lazy_lock);
		TAILQ_CONCAT(&vn->purge_list, &vn->lazy.list, link);
		n->heap.moving_bytes += vn->lazy.bytes;
		vmap_tree_init(&vn->lazy);
		spin_unlock(t, &vn->lazy_lock);
		to_purge++;
	}
	return to_purge;
}

/* The first nodes go to helpers on their own CPUs, the rest is done here. */
static void purge_nodes(struct task *t, struct nodes *n, uint32_t helpers)
{
	uint32_t helped = 0;

	vmap_assert_purging(t, &n->heap);
	count_n(n->heap.k, COUNT_VMAP_PURGE_HELPERS, helpers);
	for (uint32_t i = 0; i < n->nr; i++) {
		struct vmap_node *vn = &n->node[i];

		if (!vn->to_purge)
			continue;
		if (helped < helpers) {
			helped++;
			schedule_vmap_work(t, &vn->purge_work,
					   i < t->m->cpu_count ? (int)i : -1);
		} else {
			purge_vmap_node(t, n, vn);
		}
	}
	for (uint32_t i = 0; helped && i < n->nr; i++)
		flush_vmap_work(t, &n->node[i].purge_work);
}

/* __purge_vmap_area_lazy() under vmap_purge_lock */
static void vn_purge(struct task *t, bool full)
{
	struct nodes *n = vn_state(kernel_of(t));
	struct vmap_heap *h = &n->heap;
	uint32_t nodes;

	down_write(t, &h->purge_mutex);
	settle(t);
	nodes = collect(t, n, full);
	settle(t);
	if (nodes) {
		count(t, COUNT_VMAP_PURGE);
		flush_tlb_kernel(t);
		settle(t);
		purge_nodes(t, n, vmap_helper_count(n->o->helpers,
						    h->nr_lazy_pages,
						    h->lazy_max_pages, nodes));
	}
	up_write(t, &h->purge_mutex);
}

static void vn_drain(struct task *t, struct vmap_work *w)
{
	(void)w;
	vn_purge(t, false);
}

/* vmap_node_shrink_scan(), under the mutex as later kernels have it */
static void vn_shrink(struct task *t)
{
	struct nodes *n = vn_state(kernel_of(t));

	down_write(t, &n->heap.purge_mutex);
	settle(t);
	for (uint32_t i = 0; i < n->nr; i++)
		decay_va_pool_node(t, n, &n->node[i], true);
	up_write(t, &n->heap.purge_mutex);
}

static void vn_finish(struct kernel *k)
{
	vmap_heap_release(&vn_state(k)->heap);
	free(vn_state(k)->node);
}

static void vn_stat(const struct kernel *k, struct vmap_stat *s)
{
	const struct nodes *n = vn_state(k);

	s->nr_lazy_pages = n->heap.nr_lazy_pages;
	s->lazy_max_pages = n->heap.lazy_max_pages;
	s->object_bytes = address_cache_bytes(n->heap.pool.slab);
	s->free_nr_lazy = &n->heap.free_nr_lazy;
	vmap_blocks(&n->heap.free, n->heap.vmalloc, &s->free_blocks,
		    &s->largest_free_bytes);
	for (uint32_t i = 0; i < n->nr; i++)
		s->pooled_pages += n->node[i].pool_bytes >> PAGE_SHIFT;
}

static uint64_t check_pools(const struct vmap_node *vn)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < MAX_VA_SIZE_PAGES; i++) {
		const struct vmap_area *va;
		uint64_t len = 0;

		TAILQ_FOREACH(va, &vn->pool[i].head, link) {
			BUG_ON(range_pages(va->r) != i + 1);
			len++;
		}
		BUG_ON(len != vn->pool[i].len);
		bytes += len * (i + 1) * PAGE_BYTES;
	}
	BUG_ON(bytes != vn->pool_bytes);
	return bytes;
}

static void vn_check(const struct kernel *k)
{
	const struct nodes *n = vn_state(k);
	uint64_t bytes = n->heap.free.bytes + n->heap.moving_bytes;

	vmap_tree_check(&n->heap.free);
	for (uint32_t i = 0; i < n->nr; i++) {
		vmap_tree_check(&n->node[i].busy);
		vmap_tree_check(&n->node[i].lazy);
		bytes += n->node[i].busy.bytes + n->node[i].lazy.bytes +
			 check_pools(&n->node[i]);
	}
	BUG_ON(bytes != VMAP_SPACE_BYTES);
}

const struct vmap_ops vmap_nodes = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vmap_ops),
		.axis = "vmap", .name = "nodes",
		.models = "mm/vmalloc.c since 6.9: busy and lazy per node, size pools per CPU",
		.source = "FACTS A15; seed 2; Rezki v3 2024",
		.options = vmap_nodes_options,
		.option_bytes = sizeof(struct nodes_options),
	},
	.state_bytes = sizeof(struct nodes),
	.init = vn_init, .alloc = vn_alloc, .free = vn_free,
	.purge = vn_purge, .shrink = vn_shrink, .finish = vn_finish,
	.stat = vn_stat, .check = vn_check,
};
