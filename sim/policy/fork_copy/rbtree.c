/*
 * fork_copy: rbtree. dup_mmap() to 6.0: areas are copied in order, each linked
 * at the right edge of the child's tree (the parent link is remembered, so
 * there is no search) and at the end of its list.
 */
#include "sim/mm/mm.h"

static int rb_dup_mmap(struct task *t, struct mm *oldmm, struct mm *mm)
{
	struct vma *mpnt, *tmp;
	int err = 0;

	if (dup_mmap_lock(t, oldmm, mm))
		return -EINTR;
	TAILQ_FOREACH(mpnt, &oldmm->areas, link) {
		err = dup_vma(t, mpnt, mm, &tmp);
		if (err)
			break;
		if (!tmp)
			continue;	/* VM_DONTCOPY */
		mm->k->index->append(t, mm, tmp);	/* __vma_link_rb */
		vma_insert(t, mm, tmp);
		dup_pages(t, mpnt, tmp);	/* copy_page_range */
	}
	dup_mmap_unlock(t, oldmm, mm);
	return err;
}

const struct fork_ops fork_copy_rbtree = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fork_ops),
		.axis = "fork_copy", .name = "rbtree",
		.models = "dup_mmap() to 6.0",
		.source = "kernel/fork.c, dup_mmap() to 6.0 (from memory)",
		.requires = TRAIT_RBTREE,
	},
	.dup_mmap = rb_dup_mmap,
};
