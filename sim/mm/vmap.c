/*
 * Trees of virtual areas, see vmap.h; and the kernel's entry points.
 *
 * Invariant: max_bytes of a node is the largest area in its subtree; no two
 * areas of a tree overlap. Free areas that touch are one.
 * Cost: O(log n) expected per operation; with large alignments the search may
 * visit more, as the kernel's does.
 */
#include "sim/mm/vmap.h"

void vmap_tree_init(struct vmap_tree *t)
{
	t->root = NULL;
	TAILQ_INIT(&t->list);
	t->count = t->bytes = 0;
}

static void pull(struct vmap_area *v)
{
	v->max_bytes = range_bytes(v->r);
	if (v->left && v->left->max_bytes > v->max_bytes)
		v->max_bytes = v->left->max_bytes;
	if (v->right && v->right->max_bytes > v->max_bytes)
		v->max_bytes = v->right->max_bytes;
}

static void split(struct vmap_area *v, uint64_t addr, struct vmap_area **low,
		  struct vmap_area **high)
{
	if (!v) {
		*low = *high = NULL;
	} else if (v->r.start < addr) {
		split(v->right, addr, &v->right, high);
		*low = v;
		pull(v);
	} else {
		split(v->left, addr, low, &v->left);
		*high = v;
		pull(v);
	}
}

static struct vmap_area *join(struct vmap_area *low, struct vmap_area *high)
{
	if (!low || !high)
		return low ? low : high;
	if (low->prio > high->prio) {
		low->right = join(low->right, high);
		pull(low);
		return low;
	}
	high->left = join(low, high->left);
	pull(high);
	return high;
}

static struct vmap_area *insert(struct vmap_area *root, struct vmap_area *va)
{
	if (!root || va->prio > root->prio) {
		split(root, va->r.start, &va->left, &va->right);
		root = va;
	} else if (va->r.start < root->r.start) {
		root->left = insert(root->left, va);
	} else {
		root->right = insert(root->right, va);
	}
	pull(root);
	return root;
}

static struct vmap_area *erase(struct vmap_area *root, struct vmap_area *va)
{
	BUG_ON(!root);
	if (root == va)
		return join(va->left, va->right);
	if (va->r.start < root->r.start)
		root->left = erase(root->left, va);
	else
		root->right = erase(root->right, va);
	pull(root);
	return root;
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
	t->root = insert(t->root, va);
	if (next)
		TAILQ_INSERT_BEFORE(next, va, link);
	else
		TAILQ_INSERT_TAIL(&t->list, va, link);
	t->count++;
	t->bytes += range_bytes(va->r);
}

void vmap_tree_remove(struct vmap_tree *t, struct vmap_area *va)
{
	t->root = erase(t->root, va);
	va->left = va->right = NULL;
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

static void block(uint64_t start, uint64_t end, struct range r, uint64_t *count,
		  uint64_t *largest_bytes)
{
	if (start < r.start)
		start = r.start;
	if (end > r.end)
		end = r.end;
	if (start >= end)
		return;
	++*count;
	if (end - start > *largest_bytes)
		*largest_bytes = end - start;
}

void vmap_blocks(const struct vmap_tree *t, struct range r, uint64_t *count,
		 uint64_t *largest_bytes)
{
	const struct vmap_area *v;

	TAILQ_FOREACH(v, &t->list, link)
		block(v->r.start, v->r.end, r, count, largest_bytes);
}

void vmap_gaps(const struct vmap_tree *t, struct range r, uint64_t *count,
	       uint64_t *largest_bytes)
{
	const struct vmap_area *v;
	uint64_t end = r.start;

	TAILQ_FOREACH(v, &t->list, link) {
		block(end, v->r.start, r, count, largest_bytes);
		end = v->r.end;
	}
	block(end, r.end, r, count, largest_bytes);
}

uint64_t vmap_tree_depth(const struct vmap_tree *t)
{
	return 64 - (uint64_t)__builtin_clzll(t->count + 1);
}

struct vmap_area *vmap_area_new(struct vmap_pool *p, struct range r)
{
	struct vmap_area *va = pool_get(&p->objects);

	va->r = r;
	va->prio = draw(p->seed, 0, DRAW_POLICY + 1, p->births++);
	return va;
}

struct vmap_area *vmap_merge_or_add(struct vmap_pool *p, struct vmap_tree *t,
				    struct vmap_area *va)
{
	struct vmap_area *next = first_after(t, va->r.start), *prev;

	prev = next ? TAILQ_PREV(next, vmap_list, link) :
		      TAILQ_LAST(&t->list, vmap_list);
	if (next && next->r.start == va->r.end) {
		vmap_tree_remove(t, next);
		va->r.end = next->r.end;
		va->areas += next->areas;
		va->held.asked_ns += next->held.asked_ns;
		pool_put(&p->objects, next);
	}
	if (prev && prev->r.end == va->r.start) {
		vmap_tree_remove(t, prev);
		va->r.start = prev->r.start;
		va->areas += prev->areas;
		va->held.asked_ns += prev->held.asked_ns;
		pool_put(&p->objects, prev);
	}
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

static struct vmap_area *lowest_fit(struct vmap_area *v,
				    const struct vmap_request *rq,
				    uint64_t *addr)
{
	struct vmap_area *found = NULL;

	if (!v || v->max_bytes < rq->size)
		return NULL;
	if (v->r.start > rq->vstart)
		found = lowest_fit(v->left, rq, addr);
	if (!found && fits(v, rq, addr))
		found = v;
	if (!found && v->r.end < rq->vend)
		found = lowest_fit(v->right, rq, addr);
	return found;
}

enum vmap_fit vmap_alloc_lowest(struct vmap_pool *p, struct vmap_tree *free,
				const struct vmap_request *rq,
				struct range *out)
{
	struct vmap_area *va;
	struct range whole;
	uint64_t addr;

	va = lowest_fit(free->root, rq, &addr);
	if (!va)
		return FIT_NONE;
	*out = (struct range){ addr, addr + rq->size };
	whole = va->r;
	vmap_tree_remove(free, va);
	if (whole.start == out->start && whole.end == out->end) {
		pool_put(&p->objects, va);
		return FIT_FULL;
	}
	va->r = whole;
	if (whole.start == out->start) {
		va->r.start = out->end;
		vmap_tree_insert(free, va);
		return FIT_LEFT;
	}
	va->r.end = out->start;
	vmap_tree_insert(free, va);
	if (whole.end == out->end)
		return FIT_RIGHT;
	vmap_tree_insert(free, vmap_area_new(p, (struct range){ out->end,
								whole.end }));
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

/* ---- entry points ---- */

/* The caller is in the kernel already: its system call is an op of its own. */
static void vmap_enter(struct task *t)
{
	task_set_mode(t, MODE_SYSTEM);
	kop_segment(t, KOP_PRE);
}

void vmap_count_end(struct kernel *k)
{
	struct vmap_stat s = { 0 };

	k->vmap->stat(k, &s);
	count_n(k, COUNT_VMAP_END_LAZY_PAGES, s.nr_lazy_pages);
	count_n(k, COUNT_VMAP_END_POOLED_PAGES, s.pooled_pages);
	count_n(k, COUNT_VMAP_LAZY_MAX_PAGES, s.lazy_max_pages);
	count_n(k, COUNT_VMAP_END_FREE_BLOCKS, s.free_blocks);
	count_n(k, COUNT_VMAP_END_LARGEST_FREE, s.largest_free_bytes >> PAGE_SHIFT);
}

int64_t do_vmalloc(struct task *t, const struct vmap_request *rq,
		   struct vmap_area **out)
{
	struct kernel *k = kernel_of(t);
	struct vmap_request r = *rq;
	int err;

	*out = NULL;
	if (k->cfg.null_kernel)
		return 0;
	if (!r.vstart && !r.vend) {
		r.vstart = VMALLOC_START;
		r.vend = VMALLOC_END;
	}
	if (r.align < PAGE_BYTES)
		r.align = PAGE_BYTES;
	r.size = page_up(r.size);
	vmap_enter(t);
	err = r.size ? k->vmap->alloc(t, &r, out) : -EINVAL;
	if (!err)	/* the guard page is not mapped */
		body(t, COST_VMAP_MAP_PAGE, (r.size >> PAGE_SHIFT) - 1);
	else
		count(t, COUNT_VMAP_ALLOC_FAILED);
	return sys_exit(t, err);
}

void do_vfree(struct task *t, struct vmap_area *va)
{
	struct kernel *k = kernel_of(t);

	if (k->cfg.null_kernel || !va)
		return;
	vmap_enter(t);
	settle(t);
	/* the pages are free at once; what is held from now is addresses */
	va->held = hold_tag_of(t, NULL);
	hold(k, HOLD_VMAP, &va->held, STAGE_NONE, STAGE_VMAP_LAZY, 1,
	     range_bytes(va->r));
	k->vmap->free(t, va);
	sys_exit(t, 0);
}
