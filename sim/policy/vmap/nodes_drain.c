/*
 * Draining vmap: nodes, see nodes.h: __purge_vmap_area_lazy() and its helpers.
 * Under vmap_purge_lock every pool decays and every lazy list is taken; one
 * flush on all CPUs; then what is lazy goes to its node's pool or back to the
 * free tree, by the drainer and by one helper for each further full limit.
 */
#include "sim/policy/vmap/nodes_int.h"

void reclaim_list_global(struct task *t, struct vmap_heap *h,
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

static void purge_vmap_node(struct task *t, struct nodes *n,
			    struct vmap_node *vn)
{
	uint64_t nr_purged_pages = 0;
	struct vmap_list local;
	struct vmap_area *va;

	TAILQ_INIT(&local);
	while ((va = TAILQ_FIRST(&vn->purge_list))) {
		uint64_t nr = range_pages(va->r);

		TAILQ_REMOVE(&vn->purge_list, va, link);
		if (n->o->lazy_nr == LAZY_NR_AREA)
			vmap_lazy_sub(t, &n->heap, nr);
		else
			nr_purged_pages += nr;
		count(t, COUNT_VMAP_PURGED_AREAS);
		if (decode_vn_id(va->flags) < n->nr && !vn->skip_populate &&
		    node_pool_add_va(t, n, vn, va))
			continue;
		TAILQ_INSERT_HEAD(&local, va, link);
	}
	vmap_lazy_sub(t, &n->heap, nr_purged_pages);
	reclaim_list_global(t, &n->heap, &local, STAGE_VMAP_LAZY);
}

void vn_purge_work(struct task *t, struct vmap_work *w)
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
void vn_purge(struct task *t, enum vmap_purge why)
{
	struct nodes *n = vn_state(kernel_of(t));
	struct vmap_heap *h = &n->heap;
	bool flush = vmap_purge_begin(t, h, why);
	uint32_t nodes = collect(t, n, why == PURGE_FULL);

	settle(t);
	if (nodes) {
		count(t, COUNT_VMAP_PURGE);
		flush_tlb_kernel(t);
		settle(t);
		n->drained = true;
		purge_nodes(t, n, vmap_helper_count(n->o->helpers,
						    h->nr_lazy_pages,
						    h->lazy_max_pages, nodes));
		flush = false;
	}
	vmap_purge_end(t, h, flush);
}

void vn_drain(struct task *t, struct vmap_work *w)
{
	(void)w;
	vn_purge(t, PURGE_DRAIN);
}

/* vmap_node_shrink_scan(), under the mutex as later kernels have it */
void vn_shrink(struct task *t)
{
	struct nodes *n = vn_state(kernel_of(t));

	down_write(t, &n->heap.purge_mutex);
	settle(t);
	for (uint32_t i = 0; i < n->nr; i++)
		decay_va_pool_node(t, n, &n->node[i], true);
	up_write(t, &n->heap.purge_mutex);
}
