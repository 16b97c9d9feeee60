/*
 * vmap: nodes, since 6.9 (mm/vmalloc.c; seed 2). One node per
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
#include "sim/policy/vmap/nodes_int.h"

static const struct nodes_options defaults = { .pool_classes = MAX_VA_SIZE_PAGES };

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
	vmap_work_init(&vn->purge_work, WORKER_TASK_ID - 1 - id, vn_purge_work, vn);
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
	vmap_heap_init(k, &n->heap, n->nr, n->o->lazy_max_pages, false);
	vmap_work_init(&n->heap.drain, WORKER_TASK_ID, vn_drain, n);
	n->node = xcalloc(n->nr, sizeof(*n->node));
	for (uint32_t i = 0; i < n->nr; i++) {
		address_get(c, 0, &n->node[i].place);
		node_init(n, &n->node[i], i);
	}
}

/* ---- allocation ---- */

/* Another node's pool has an area of this size, of no use to this CPU. */
static bool elsewhere(const struct nodes *n, const struct vmap_node *vn,
		      const struct vmap_request *rq)
{
	uint64_t pages = rq->size >> PAGE_SHIFT;

	return pages <= n->o->pool_classes &&
	       n->pooled[pages - 1] > vn->pool[pages - 1].len;
}

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
		if (elsewhere(n, &n->node[id], rq))
			count(t, COUNT_VMAP_POOL_MISS_ELSEWHERE);
		if (!n->drained)
			count(t, COUNT_VMAP_POOL_MISS_BEFORE);
		return NULL;
	}
	count(t, COUNT_VMAP_POOL_HIT);
	if (!n->drained)
		count(t, COUNT_VMAP_POOL_HIT_BEFORE);
	if (addr_to_node_id(va->r.start, n->nr) != id)
		count(t, COUNT_VMAP_POOL_HIT_FOREIGN);
	return va;
}

static int alloc_global(struct task *t, struct nodes *n,
			const struct vmap_request *rq, struct vmap_area **out)
{
	struct range r;

	prim(t, COST_VMAP_OBJECT, 1);
	if (vmap_heap_alloc(t, &n->heap, rq, &r)) {
		vn_purge(t, PURGE_FULL);
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
	va->node = vn_id ? decode_vn_id(vn_id) : vn->id;
	spin_lock(t, &vn->busy_lock);
	assert_held(t, &vn->busy_lock);
	vmap_touch(t, &n->heap, &vn->busy);
	vmap_tree_insert(&vn->busy, va);
	n->heap.moving_bytes -= rq->size;
	vmap_touched(t, &n->heap, &vn->busy, 1);
	spin_unlock(t, &vn->busy_lock);
	vmap_count_pages(t, &n->heap, rq->kind);
	*out = va;
	return 0;
}

/* ---- freeing ---- */

static void free_vmap_area_noflush(struct task *t, struct nodes *n,
				   struct vmap_area *va)
{
	struct vmap_heap *h = &n->heap;
	uint64_t nr_lazy = vmap_lazy_add(t, h, range_pages(va->r));
	struct vmap_node *vn = &n->node[va->node];

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
	uint32_t kind = va->kind;

	spin_lock(t, &vn->busy_lock);
	assert_held(t, &vn->busy_lock);
	vmap_touch(t, &n->heap, &vn->busy);
	vmap_tree_remove(&vn->busy, va);
	n->heap.moving_bytes += range_bytes(va->r);
	vmap_touched(t, &n->heap, &vn->busy, 1);
	spin_unlock(t, &vn->busy_lock);
	vmap_unmap(t, va);
	free_vmap_area_noflush(t, n, va);
	vmap_count_pages(t, &n->heap, kind);
}

/* Who allocated it is not known: the nodes take turns. */
static bool vn_old_lazy(struct kernel *k, uint64_t pages)
{
	struct nodes *n = vn_state(k);
	uint32_t id = (uint32_t)(n->old_areas++ % n->nr);
	struct vmap_area *va = vmap_heap_old(&n->heap, pages, id);

	if (!va)
		return false;
	va->flags = encode_vn_id(id, n->nr);
	n->heap.moving_bytes -= range_bytes(va->r);
	vmap_tree_insert(&n->node[id].lazy, va);
	return true;
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
	vmap_blocks(&n->heap.free, n->heap.vmalloc, s);
	for (uint32_t i = 0; i < n->nr; i++)
		s->pooled_pages += n->node[i].pool_bytes >> PAGE_SHIFT;
}

static void vn_report(const struct kernel *k, struct vmap_report *r)
{
	const struct nodes *n = vn_state(k);

	r->nodes = n->nr;
	for (uint32_t i = 0; i < n->nr * n->o->pool_classes; i++) {
		uint32_t node = i / n->o->pool_classes;
		uint32_t pages = i % n->o->pool_classes + 1;
		const struct size_pool *p = &n->node[node].pool[pages - 1];

		if (!p->len)
			continue;
		if ((r->count & (r->count + 1)) == 0)	/* 0, 1, 3, 7, ... */
			r->pool = xrealloc(r->pool, 2 * r->count + 1,
					   sizeof(*r->pool));
		r->pool[r->count++] = (struct vmap_class){ node, pages, p->len,
							   p->asked };
	}
}

static void vn_check(const struct kernel *k)
{
	const struct nodes *n = vn_state(k);
	uint64_t bytes = n->heap.free.bytes + n->heap.moving_bytes, areas = 0;

	vmap_tree_check(&n->heap.free);
	vmap_check_blocks(k);
	for (uint32_t i = 0; i < n->nr; i++) {
		vmap_tree_check(&n->node[i].busy);
		vmap_tree_check(&n->node[i].lazy);
		areas += n->node[i].lazy.count;
		bytes += n->node[i].busy.bytes + n->node[i].lazy.bytes +
			 vmap_node_check_pools(&n->node[i]);
	}
	BUG_ON(bytes != VMAP_SPACE_BYTES);
	for (uint32_t i = 0; i < MAX_VA_SIZE_PAGES; i++)
		areas += n->pooled[i];
	vmap_check_held(k, areas);
}

const struct vmap_ops vmap_nodes = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vmap_ops),
		.axis = "vmap", .name = "nodes",
		.models = "mm/vmalloc.c since 6.9: busy and lazy per node, size pools per CPU",
		.source = "Rezki v3 20240102184633.748113; He, 7 Feb 2024 (seed 2)",
		.options = vmap_nodes_options,
		.option_bytes = sizeof(struct nodes_options),
	},
	.state_bytes = sizeof(struct nodes),
	.init = vn_init, .alloc = vn_alloc, .free = vn_free,
	.old_lazy = vn_old_lazy, .purge = vn_purge, .shrink = vn_shrink, .finish = vn_finish,
	.stat = vn_stat, .report = vn_report, .check = vn_check,
};
