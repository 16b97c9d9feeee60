/*
 * The true set of areas of an address space: a treap by address with a list in
 * the same order. Free of simulated cost; vma_index policies charge for it.
 *
 * Invariant: areas are disjoint, the list is sorted, heap order by prio. Bounds
 * may be changed in place as long as the order of areas stays.
 * Cost: O(log n) expected; priorities are a hash of the area's birth number,
 * so the shape is the same on every machine.
 */
#include "sim/mm/mm.h"

struct vma *vma_first_after(const struct mm *mm, uint64_t addr)
{
	struct vma *found = NULL, *v = mm->root;

	assert_paid(mm->k->m);
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

struct vma *vma_containing(const struct mm *mm, uint64_t addr)
{
	struct vma *v = vma_first_after(mm, addr);

	return v && v->r.start <= addr ? v : NULL;
}

struct vma *vma_before(const struct mm *mm, uint64_t addr)
{
	struct vma *found = NULL, *v = mm->root;

	assert_paid(mm->k->m);
	while (v) {
		if (v->r.end <= addr) {
			found = v;
			v = v->right;
		} else {
			v = v->left;
		}
	}
	return found;
}

/* Areas below @addr to *@low, the others to *@high. */
static void split(struct vma *v, uint64_t addr, struct vma **low,
		  struct vma **high)
{
	while (v) {
		if (v->r.start < addr) {
			*low = v;
			low = &v->right;
			v = v->right;
		} else {
			*high = v;
			high = &v->left;
			v = v->left;
		}
	}
	*low = *high = NULL;
}

static struct vma *join(struct vma *low, struct vma *high)
{
	struct vma *root = NULL, **slot = &root;

	while (low && high) {
		if (low->prio > high->prio) {
			*slot = low;
			slot = &low->right;
			low = low->right;
		} else {
			*slot = high;
			slot = &high->left;
			high = high->left;
		}
	}
	*slot = low ? low : high;
	return root;
}

void vma_tree_insert(struct mm *mm, struct vma *v)
{
	struct vma **slot = &mm->root, *next = vma_first_after(mm, v->r.start);

	assert_paid(mm->k->m);
	BUG_ON(v->r.start >= v->r.end);
	BUG_ON(next && next->r.start < v->r.end);
	while (*slot && (*slot)->prio >= v->prio)
		slot = v->r.start < (*slot)->r.start ? &(*slot)->left :
						       &(*slot)->right;
	split(*slot, v->r.start, &v->left, &v->right);
	*slot = v;
	if (next)
		TAILQ_INSERT_BEFORE(next, v, link);
	else
		TAILQ_INSERT_TAIL(&mm->areas, v, link);
	mm->map_count++;
}

void vma_tree_erase(struct mm *mm, struct vma *v)
{
	struct vma **slot = &mm->root;

	assert_paid(mm->k->m);
	while (*slot != v) {
		BUG_ON(!*slot);
		slot = v->r.start < (*slot)->r.start ? &(*slot)->left :
						       &(*slot)->right;
	}
	*slot = join(v->left, v->right);
	v->left = v->right = NULL;
	TAILQ_REMOVE(&mm->areas, v, link);
	mm->map_count--;
}
