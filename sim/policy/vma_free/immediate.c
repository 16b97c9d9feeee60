/*
 * vma_free: immediate. kmem_cache_free() where the area dies, to 6.3. Only for
 * kernels in which nobody looks an area up without mmap_lock: a reader under
 * RCU would be left with freed memory.
 */
#include "sim/mm/mm.h"

static void imm_free(struct task *t, struct vma *v, enum free_why why)
{
	struct kernel *k = v->mm->k;
	uint64_t bytes = vma_object_bytes(k);

	prim(t, COST_VMA_FREE, 1);
	settle(t);
	if (why != FREE_MERGE)	/* a merge asks and frees in one instant */
		hold(k, HOLD_VMA, &v->held, STAGE_UNMAPPING, STAGE_NONE, 1,
		     bytes);
	if (!vma_object_free(v, t->cpu->id))
		prim(t, COST_VMA_FREE_REMOTE, 1);
}

const struct vma_free_ops vma_free_immediate = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vma_free_ops),
		.axis = "vma_free", .name = "immediate",
		.models = "vm_area_free() to 6.3: kmem_cache_free at once",
		.source = "kernel/fork.c to 6.3, as in the mails about seed 0",
	},
	.free = imm_free,
};
