/*
 * vma_free: typesafe. 6.15 and later: kmem_cache_free() where the area dies, in
 * a SLAB_TYPESAFE_BY_RCU cache. The object may be reused at
 * once, but only as an area; a slab page that became empty waits for a grace
 * period before others may have it. No call_rcu per area.
 *
 * Who looks an area up without mmap_lock may find another one in its place,
 * and must look again at what it locked: that check is per-vma-refcnt's.
 */
#include "sim/mm/mm.h"

static void typesafe_free(struct task *t, struct vma *v, enum free_why why)
{
	struct kernel *k = v->mm->k;
	uint64_t bytes = vma_object_bytes(k), slabs;
	struct hold_tag tag = v->held;
	bool local;

	prim(t, COST_VMA_FREE, 1);
	settle(t);
	if (why != FREE_MERGE)
		hold(k, HOLD_VMA, &v->held, STAGE_UNMAPPING, STAGE_NONE, 1,
		     bytes);
	slabs = address_cache_bytes(k->vma_cache);
	local = vma_object_free(v, t->cpu->id);
	slabs -= address_cache_bytes(k->vma_cache);	/* all of one are free */
	if (!local)
		prim(t, COST_VMA_FREE_REMOTE, 1);
	if (slabs)			/* rcu_free_slab() */
		rcu_hold_object(t, k, HOLD_VMA, &tag,
				address_per_slab(k->vma_cache), bytes,
				cost_later(k, COST_RCU_CALLBACK, 1));
}

const struct vma_free_ops vma_free_typesafe = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vma_free_ops),
		.axis = "vma_free", .name = "typesafe",
		.models = "vm_area_free() since 6.15: SLAB_TYPESAFE_BY_RCU, freed and reused at once",
		.source = "v7 cover 20241226170710, v10 cover 20250213224655",
		.provides = TRAIT_RCU_SAFE_FREE | TRAIT_TYPESAFE_FREE,
	},
	.free = typesafe_free,
};
