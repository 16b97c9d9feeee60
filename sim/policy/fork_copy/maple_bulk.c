/*
 * fork_copy: maple-bulk. Seed 3, 6.1 to 6.7: nodes for the worst case are
 * reserved from the parent's count of areas (mas_entry_count(), later
 * mas_expected_entries()), then each area is stored where the last one ended;
 * what was not used is freed by mas_destroy().
 *
 * VM_DONTCOPY areas are counted but not copied: part of the reservation is
 * always too much.
 */
#include "sim/mm/mm.h"

enum { LEAF_FILL = 14, INNER_FILL = 8, WORKING_NODES = 3 };

/* mas_expected_entries(): a gap beside each area, room left in each node */
static unsigned worst_case_nodes(uint32_t entries)
{
	unsigned nodes = (2 * entries + 1 + LEAF_FILL - 1) / LEAF_FILL;

	nodes += (nodes + INNER_FILL - 1) / INNER_FILL;
	return nodes + WORKING_NODES;
}

static int mb_dup_mmap(struct task *t, struct mm *oldmm, struct mm *mm)
{
	const struct index_ops *index = mm->k->index;
	struct vma *mpnt, *tmp;
	int err = 0;

	if (dup_mmap_lock(t, oldmm, mm))
		return -EINTR;
	settle(t);
	err = index->prealloc(t, mm, worst_case_nodes(oldmm->map_count));
	if (err)
		goto out;
	TAILQ_FOREACH(mpnt, &oldmm->areas, link) {
		err = dup_vma(t, mpnt, mm, &tmp);
		if (err)
			break;
		if (!tmp)
			continue;
		index->append(t, mm, tmp);	/* mas_store, no walk */
		vma_insert(t, mm, tmp);
		dup_pages(t, mpnt, tmp);
	}
	index->unreserve(t, mm);		/* mas_destroy */
out:
	dup_mmap_unlock(t, oldmm, mm);
	return err;
}

const struct fork_ops fork_copy_maple_bulk = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fork_ops),
		.axis = "fork_copy", .name = "maple-bulk",
		.models = "dup_mmap() of 6.1 to 6.7: nodes reserved, areas stored in order",
		.source = "Howlett, maple tree v2 10/61, 17 Aug 2021 (seed 3)",
		.requires = TRAIT_MAPLE,
	},
	.dup_mmap = mb_dup_mmap,
};
