/*
 * Slab objects of areas while they are free. One goes back to its slab, where
 * only another area can have it, until all of that slab are free and the slab
 * goes back to the page allocator: stage `slab-partial` of the ledger. (With a
 * lock object beside it the area stands for both.)
 *
 * SLAB_TYPESAFE_BY_RCU: whoever holds a stale pointer sees whatever area is at
 * that address now. So there each slab object has one struct vma for good.
 *
 * Cost: O(1); when a slab goes back, O(objects in it). Memory: by the largest
 * number of areas that ever lived.
 */
#include "sim/mm/mm.h"

/** struct vma_slot - what the ledger knows of a slab object */
struct vma_slot {
	struct vma *vma;		/* typesafe: its own */
	struct hold_tag tag;
	bool partial;			/* free, after an area had it */
};

static struct vma_slot *slot_at(struct kernel *k, uint64_t n)
{
	uint64_t old = k->vma_slot_count;

	if (n >= old) {
		k->vma_slot_count = n < 512 ? 1024 : 2 * n;
		k->vma_slots = xrealloc(k->vma_slots, k->vma_slot_count,
					sizeof(*k->vma_slots));
		memset(k->vma_slots + old, 0,
		       (k->vma_slot_count - old) * sizeof(*k->vma_slots));
	}
	return &k->vma_slots[n];
}

static void leave_partial(struct kernel *k, struct vma_slot *s)
{
	if (!s->partial)
		return;
	s->partial = false;
	hold(k, HOLD_VMA, &s->tag, STAGE_SLAB_PARTIAL, STAGE_NONE, 1,
	     vma_object_bytes(k));
}

struct vma *vma_slot_take(struct kernel *k, const struct place *p)
{
	struct vma_slot *s = slot_at(k, address_number(k->vma_cache, p));
	struct vma *v;

	leave_partial(k, s);
	if (!k->typesafe)
		return pool_get(&k->vma_pool);
	v = s->vma;
	if (!v)
		return s->vma = pool_get(&k->vma_pool);
	memset(v, 0, sizeof(*v));
	return v;
}

bool vma_slot_put(struct vma *v, uint32_t cpu)
{
	struct place place = v->place;	/* a stale reader still knows where */
	struct kernel *k = v->mm->k;
	uint64_t n = address_number(k->vma_cache, &place);
	uint64_t per_slab = address_per_slab(k->vma_cache);
	uint64_t slabs = address_cache_bytes(k->vma_cache);
	bool local = address_put(k->vma_cache, cpu, &place);
	struct vma_slot *s = slot_at(k, n);

	if (address_cache_bytes(k->vma_cache) < slabs) {
		for (uint64_t i = n - n % per_slab; per_slab--; i++)
			leave_partial(k, slot_at(k, i));
	} else if (v->detached) {	/* else the run is over: mm_destroy() */
		s->partial = true;
		s->tag = v->held;
		hold(k, HOLD_VMA, &s->tag, STAGE_NONE, STAGE_SLAB_PARTIAL, 1,
		     vma_object_bytes(k));
	}
	if (k->typesafe)
		v->mm = NULL;
	else
		pool_put(&k->vma_pool, v);
	return local;
}

uint64_t vma_slots_free(const struct kernel *k)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < k->vma_slot_count; i++)
		n += k->vma_slots[i].partial;
	return n;
}
