/*
 * fork_copy: maple-store. The maple tree as it first came into dup_mmap(),
 * before seed 3: vma_store() for each area, a full walk from the root and
 * nodes allocated as they are needed.
 */
#include "sim/mm/mm.h"

static int ms_dup_mmap(struct task *t, struct mm *oldmm, struct mm *mm)
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
			continue;
		mm->k->index->store(t, mm, tmp);	/* vma_mt_store */
		vma_insert(t, mm, tmp);
		dup_pages(t, mpnt, tmp);
	}
	dup_mmap_unlock(t, oldmm, mm);
	return err;
}

const struct fork_ops fork_copy_maple_store = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fork_ops),
		.axis = "fork_copy", .name = "maple-store",
		.models = "dup_mmap() of the maple series before seed 3: vma_store() each",
		.source = "Howlett, maple tree v2 10/61, 17 Aug 2021 (seed 3): the code before it",
		.requires = TRAIT_MAPLE,
	},
	.dup_mmap = ms_dup_mmap,
};
