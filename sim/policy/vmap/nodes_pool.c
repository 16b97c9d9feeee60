/*
 * The size pools of vmap: nodes, see nodes.h. A node has 256 stacks of areas of
 * 1 to 256 pages. A drain fills them and makes them decay; an allocation takes
 * the head, if that is aligned, and never searches.
 */
#include "sim/policy/vmap/nodes_int.h"

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

bool node_pool_add_va(struct task *t, struct nodes *n,
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
	n->pooled[p - vn->pool]++;
	vn->pool_bytes += range_bytes(va->r);
	n->heap.moving_bytes -= range_bytes(va->r);
	vmap_hold(n->heap.k, va, STAGE_VMAP_LAZY, STAGE_VMAP_POOL);
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
	n->pooled[p - vn->pool]--;
	vn->pool_bytes -= range_bytes(va->r);
	n->heap.moving_bytes += range_bytes(va->r);
	vmap_hold(n->heap.k, va, STAGE_VMAP_POOL, STAGE_NONE);
	return va;
}

struct vmap_area *node_pool_del_va(struct task *t, struct nodes *n,
					  struct vmap_node *vn,
					  const struct vmap_request *rq)
{
	struct size_pool *p = size_pool(n, vn, rq->size);
	struct vmap_area *va;

	if (!p)
		return NULL;
	line_read(t, pool_line(t->m, vn, p));
	settle(t);
	p->asked = true;
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
	n->pooled[p - vn->pool] -= len;
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
	n->pooled[p - vn->pool] += p->len;
	vn->pool_bytes += p->len * bytes;
	n->heap.moving_bytes -= p->len * bytes;
	spin_unlock(t, &vn->pool_lock);
}

void decay_va_pool_node(struct task *t, struct nodes *n,
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

uint64_t vmap_node_check_pools(const struct vmap_node *vn)
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
