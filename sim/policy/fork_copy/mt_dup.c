/*
 * fork_copy: mt-dup. __mt_dup() of 6.8: the whole tree is copied node by node,
 * then each slot is replaced by the child's area in place (mas_store() with
 * nothing to move); an area that is not copied is cleared from its slot.
 */
#include "sim/mm/mm.h"

static int mt_dup_mmap(struct task *t, struct mm *oldmm, struct mm *mm)
{
	const struct index_ops *index = mm->k->index;
	struct vma *mpnt, *tmp;
	int err;

	if (dup_mmap_lock(t, oldmm, mm))
		return -EINTR;
	err = index->dup(t, oldmm, mm);		/* __mt_dup */
	if (err)
		goto out;
	TAILQ_FOREACH(mpnt, &oldmm->areas, link) {
		err = dup_vma(t, mpnt, mm, &tmp);
		prim(t, COST_LINE_WRITE, 1);	/* the slot: area, or NULL */
		if (err)
			break;		/* XA_ZERO: exit_mmap() stops here */
		if (!tmp)
			continue;
		vma_insert(t, mm, tmp);
		dup_pages(t, mpnt, tmp);
	}
out:
	dup_mmap_unlock(t, oldmm, mm);
	return err;
}

const struct fork_ops fork_copy_mt_dup = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fork_ops),
		.axis = "fork_copy", .name = "mt-dup",
		.models = "dup_mmap() since 6.8: __mt_dup() and one store a slot",
		.source = "d24062914837 (Peng Zhang)",
		.requires = TRAIT_MAPLE,
	},
	.dup_mmap = mt_dup_mmap,
};
