/*
 * Trees of virtual areas, see vmap.h.
 *
 * Invariant: max_bytes of a node is the largest area in its subtree; no two
 * areas of a tree overlap. Free areas that touch are one.
 * Cost: O(log n) expected per operation; with large alignments the search may
 * visit more, as the kernel's does. The shape is a treap's, about 1.4 times
 * as deep as the kernel's red-black tree once there are many areas.
 */
#include "sim/mm/vmap.h"

void vmap_tree_init(struct vmap_tree *t)
{
	t->root = NULL;
	TAILQ_INIT(&t->list);
	t->count = t->bytes = 0;
}

/* ---- lines ---- */

static void reads(const struct vmap_tree *t, const struct vmap_area *v,
		  uint32_t offset)
{
	if (t->walk)
		line_walk_read(t->walk, place_line(t->m, &v->place, offset));
}

static void writes(const struct vmap_tree *t, const struct vmap_area *v,
		   uint32_t offset)
{
	if (t->walk)
		line_walk_write(t->walk, place_line(t->m, &v->place, offset));
}

static void root_is(struct vmap_tree *t, struct vmap_area *root)
{
	if (t->walk && t->root_line && t->root != root)
		line_walk_write(t->walk, t->root_line);
	else if (t->walk && t->root_line)
		line_walk_read(t->walk, t->root_line);
	t->root = root;
}

/* @va joins or leaves the list: its neighbours point elsewhere. */
static void list_changes(const struct vmap_tree *t, struct vmap_area *va)
{
	struct vmap_area *next = TAILQ_NEXT(va, link);
	struct vmap_area *prev = TAILQ_PREV(va, vmap_list, link);

	if (next)
		writes(t, next, VMAP_OFF_LIST);
	if (prev)
		writes(t, prev, VMAP_OFF_LIST);
	if (t->walk && t->list_line && !(next && prev))
		line_walk_write(t->walk, t->list_line);
	writes(t, va, VMAP_OFF_LIST);
}

/* ---- the treap ---- */

static void pull(const struct vmap_tree *t, struct vmap_area *v)
{
	uint64_t max = range_bytes(v->r);

	if (v->left && v->left->max_bytes > max)
		max = v->left->max_bytes;
	if (v->right && v->right->max_bytes > max)
		max = v->right->max_bytes;
	if (max != v->max_bytes && t->augmented)
		writes(t, v, VMAP_OFF_MAX);
	v->max_bytes = max;
}

static void child_is(const struct vmap_tree *t, struct vmap_area *v,
		     struct vmap_area **child, struct vmap_area *now)
{
	if (*child != now)
		writes(t, v, VMAP_OFF_NODE);
	*child = now;
	pull(t, v);
}

static void split(const struct vmap_tree *t, struct vmap_area *v, uint64_t addr,
		  struct vmap_area **low, struct vmap_area **high)
{
	struct vmap_area *part;

	if (!v) {
		*low = *high = NULL;
		return;
	}
	reads(t, v, VMAP_OFF_NODE);
	if (v->r.start < addr) {
		split(t, v->right, addr, &part, high);
		child_is(t, v, &v->right, part);
		*low = v;
	} else {
		split(t, v->left, addr, low, &part);
		child_is(t, v, &v->left, part);
		*high = v;
	}
}

static struct vmap_area *join(const struct vmap_tree *t, struct vmap_area *low,
			      struct vmap_area *high)
{
	if (!low || !high)
		return low ? low : high;
	if (low->prio > high->prio) {
		child_is(t, low, &low->right, join(t, low->right, high));
		return low;
	}
	child_is(t, high, &high->left, join(t, low, high->left));
	return high;
}

static struct vmap_area *insert(const struct vmap_tree *t,
				struct vmap_area *root, struct vmap_area *va)
{
	if (!root || va->prio > root->prio) {
		writes(t, va, VMAP_OFF_NODE);
		split(t, root, va->r.start, &va->left, &va->right);
		pull(t, va);
		return va;
	}
	reads(t, root, VMAP_OFF_NODE);
	if (va->r.start < root->r.start)
		child_is(t, root, &root->left, insert(t, root->left, va));
	else
		child_is(t, root, &root->right, insert(t, root->right, va));
	return root;
}

static struct vmap_area *erase(const struct vmap_tree *t,
			       struct vmap_area *root, struct vmap_area *va)
{
	BUG_ON(!root);
	reads(t, root, VMAP_OFF_NODE);
	if (root == va)
		return join(t, va->left, va->right);
	if (va->r.start < root->r.start)
		child_is(t, root, &root->left, erase(t, root->left, va));
	else
		child_is(t, root, &root->right, erase(t, root->right, va));
	return root;
}

/* @va has changed its size: every node above it may know another maximum. */
static void resized(const struct vmap_tree *t, struct vmap_area *root,
		    struct vmap_area *va)
{
	BUG_ON(!root);
	if (root != va)
		resized(t, va->r.start < root->r.start ? root->left :
			root->right, va);
	pull(t, root);
}

static void resize(struct vmap_tree *t, struct vmap_area *va, struct range r)
{
	t->bytes += range_bytes(r) - range_bytes(va->r);
	va->r = r;
	writes(t, va, VMAP_OFF_NODE);
	resized(t, t->root, va);
}

/* The first area that ends after @addr. */
static struct vmap_area *first_after(const struct vmap_tree *t, uint64_t addr)
{
	struct vmap_area *v = t->root, *found = NULL;

	while (v) {
		if (v->r.end > addr) {
			found = v;
			v = v->left;
		} else {
			v = v->right;
		}
	}
	return found;
}

void vmap_tree_insert(struct vmap_tree *t, struct vmap_area *va)
{
	struct vmap_area *next = first_after(t, va->r.start);

	BUG_ON(va->r.start >= va->r.end);
	BUG_ON(next && next->r.start < va->r.end);
	root_is(t, insert(t, t->root, va));
	if (next)
		TAILQ_INSERT_BEFORE(next, va, link);
	else
		TAILQ_INSERT_TAIL(&t->list, va, link);
	list_changes(t, va);
	t->count++;
	t->bytes += range_bytes(va->r);
}

void vmap_tree_remove(struct vmap_tree *t, struct vmap_area *va)
{
	root_is(t, erase(t, t->root, va));
	va->left = va->right = NULL;
	list_changes(t, va);
	TAILQ_REMOVE(&t->list, va, link);
	t->count--;
	t->bytes -= range_bytes(va->r);
}

struct vmap_area *vmap_tree_find(const struct vmap_tree *t, uint64_t addr)
{
	struct vmap_area *v = first_after(t, addr);

	return v && v->r.start <= addr ? v : NULL;
}

struct vmap_area *vmap_tree_next(const struct vmap_tree *t, uint64_t addr)
{
	return first_after(t, addr);
}

static void block(uint64_t start, uint64_t end, struct range r,
		  struct vmap_stat *s)
{
	if (start < r.start)
		start = r.start;
	if (end > r.end)
		end = r.end;
	if (start >= end)
		return;
	s->free_blocks++;
	s->free_bytes += end - start;
	if (end - start > s->largest_free_bytes)
		s->largest_free_bytes = end - start;
}

void vmap_blocks(const struct vmap_tree *t, struct range r, struct vmap_stat *s)
{
	const struct vmap_area *v;

	TAILQ_FOREACH(v, &t->list, link)
		block(v->r.start, v->r.end, r, s);
}

void vmap_gaps(const struct vmap_tree *t, struct range r, struct vmap_stat *s)
{
	const struct vmap_area *v;
	uint64_t end = r.start;

	TAILQ_FOREACH(v, &t->list, link) {
		block(end, v->r.start, r, s);
		end = v->r.end;
	}
	block(end, r.end, r, s);
}

uint64_t vmap_tree_depth(const struct vmap_tree *t)
{
	return 64 - (uint64_t)__builtin_clzll(t->count + 1);
}

struct vmap_area *vmap_area_new(struct vmap_pool *p, uint32_t cpu,
				struct range r)
{
	struct vmap_area *va = pool_get(&p->objects);

	va->r = r;
	va->stage = STAGE_NONE;
	va->prio = draw(p->seed, 0, DRAW_POLICY + 1, p->births++);
	if (p->slab)
		address_get(p->slab, cpu, &va->place);
	return va;
}

void vmap_area_free(struct vmap_pool *p, uint32_t cpu, struct vmap_area *va)
{
	if (p->slab)
		address_put(p->slab, cpu, &va->place);
	pool_put(&p->objects, va);
}

void vmap_touch_area(const struct vmap_tree *t, const struct vmap_area *va)
{
	reads(t, va, VMAP_OFF_NODE);
}

/* find_va_links(): the way down to where @addr would be linked in */
void vmap_tree_walk(const struct vmap_tree *t, uint64_t addr)
{
	const struct vmap_area *v = t->root;

	if (!t->walk)
		return;
	if (t->root_line)
		line_walk_read(t->walk, t->root_line);
	for (; v; v = v->r.start <= addr ? v->right : v->left)
		reads(t, v, VMAP_OFF_NODE);
}

static void absorb(struct vmap_pool *p, uint32_t cpu, struct vmap_tree *t,
		   struct vmap_area *into, struct vmap_area *va, struct range r)
{
	into->areas += va->areas;
	for (unsigned i = 0; i < VMAP_KINDS; i++) {
		into->freed[i].objects += va->freed[i].objects;
		into->freed[i].bytes += va->freed[i].bytes;
		into->freed[i].asked_ns += va->freed[i].asked_ns;
	}
	resize(t, into, r);
	writes(t, va, VMAP_OFF_NODE);	/* the slab's link */
	if (p->k && va->stage != STAGE_NONE)
		vmap_object_gone(p->k, va);
	vmap_area_free(p, cpu, va);
}

struct vmap_area *vmap_merge_or_add(struct vmap_pool *p, uint32_t cpu,
				    struct vmap_tree *t, struct vmap_area *va)
{
	struct vmap_area *next = first_after(t, va->r.start), *prev;
	struct range r = va->r;

	BUG_ON(next && next->r.start < r.end);
	prev = next ? TAILQ_PREV(next, vmap_list, link) :
		      TAILQ_LAST(&t->list, vmap_list);
	if (next && next->r.start == r.end) {
		vmap_tree_walk(t, r.start);
		r.end = next->r.end;
		absorb(p, cpu, t, next, va, r);
		va = next;
	}
	if (prev && prev->r.end == r.start) {
		if (va == next)
			vmap_tree_remove(t, va);
		else
			vmap_tree_walk(t, r.start);
		absorb(p, cpu, t, prev, va,
		       (struct range){ prev->r.start, r.end });
		return prev;
	}
	if (va != next)
		vmap_tree_insert(t, va);
	return va;
}

/* Where @rq would lie in @v; false if it does not fit. */
static bool fits(const struct vmap_area *v, const struct vmap_request *rq,
		 uint64_t *addr)
{
	uint64_t at = v->r.start > rq->vstart ? v->r.start : rq->vstart;
	uint64_t end = v->r.end < rq->vend ? v->r.end : rq->vend;
	uint64_t aligned = (at + rq->align - 1) & ~(rq->align - 1);

	*addr = aligned;
	return aligned >= at && aligned < end && end - aligned >= rq->size;
}

static struct vmap_area *lowest_fit(const struct vmap_tree *t,
				    struct vmap_area *v,
				    const struct vmap_request *rq,
				    uint64_t *addr)
{
	struct vmap_area *found = NULL;

	if (!v)
		return NULL;
	reads(t, v, VMAP_OFF_MAX);
	if (v->max_bytes < rq->size)
		return NULL;
	reads(t, v, VMAP_OFF_NODE);
	if (v->r.start > rq->vstart)
		found = lowest_fit(t, v->left, rq, addr);
	if (!found && fits(v, rq, addr))
		found = v;
	if (!found && v->r.end < rq->vend)
		found = lowest_fit(t, v->right, rq, addr);
	return found;
}

enum vmap_fit vmap_alloc_lowest(struct vmap_pool *p, uint32_t cpu,
				struct vmap_tree *free,
				const struct vmap_request *rq,
				struct range *out)
{
	struct vmap_area *va;
	struct range whole;
	uint64_t addr;

	if (free->walk)	/* whoever pays has a root in memory */
		line_walk_read(free->walk, free->root_line);
	va = lowest_fit(free, free->root, rq, &addr);
	if (!va)
		return FIT_NONE;
	*out = (struct range){ addr, addr + rq->size };
	whole = va->r;
	if (whole.start == out->start && whole.end == out->end) {
		vmap_tree_remove(free, va);
		writes(free, va, VMAP_OFF_NODE);
		vmap_area_free(p, cpu, va);
		return FIT_FULL;
	}
	if (whole.start == out->start) {
		resize(free, va, (struct range){ out->end, whole.end });
		return FIT_LEFT;
	}
	resize(free, va, (struct range){ whole.start, out->start });
	if (whole.end == out->end)
		return FIT_RIGHT;
	vmap_tree_insert(free, vmap_area_new(p, cpu, (struct range){
				 out->end, whole.end }));
	return FIT_MIDDLE;
}

static uint64_t check_node(const struct vmap_area *v, uint64_t *count)
{
	uint64_t max = range_bytes(v->r), sub;

	++*count;
	if (v->left) {
		BUG_ON(v->left->prio > v->prio);
		sub = check_node(v->left, count);
		max = sub > max ? sub : max;
	}
	if (v->right) {
		BUG_ON(v->right->prio > v->prio);
		sub = check_node(v->right, count);
		max = sub > max ? sub : max;
	}
	BUG_ON(v->max_bytes != max);
	return max;
}

void vmap_tree_check(const struct vmap_tree *t)
{
	const struct vmap_area *v;
	uint64_t count = 0, bytes = 0, end = 0;

	if (t->root)
		check_node(t->root, &count);
	BUG_ON(count != t->count);
	TAILQ_FOREACH(v, &t->list, link) {
		BUG_ON(v->r.start < end);
		end = v->r.end;
		bytes += range_bytes(v->r);
	}
	BUG_ON(bytes != t->bytes);
}
