/*
 * munmap up to 4.19: everything under the write lock, the zap included.
 *
 * Invariant: on return the write lock is as munmap_flags says.
 */
#include "sim/mm/mm.h"

static int ex_munmap(struct task *t, struct mm *mm, struct range r,
		     unsigned flags)
{
	struct vms vms;
	int err;

	vms_begin(t, mm, r, &vms);
	if (!(flags & MUNMAP_LOCKED) && mmap_write_lock(t, mm, r, true)) {
		vms_abort(t, &vms);
		return -EINTR;
	}
	if (!(flags & MUNMAP_KEEP))
		vms_segment(t, mm, &vms, KOP_W);
	err = vms_gather(t, mm, &vms);	/* find_vma, __split_vma, detach_vmas */
	if (err) {
		vms_abort(t, &vms);
	} else {
		if (!(flags & MUNMAP_KEEP))	/* what a later kernel does in R */
			vms_segment(t, mm, &vms, KOP_R);
		unmap_region(t, mm, &vms);
		remove_vmas(t, &vms);
	}
	if (flags & MUNMAP_KEEP)
		return err;
	mmap_write_unlock(t, mm, r);
	kop_effect(t);
	return err;
}

const struct munmap_ops munmap_exclusive = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct munmap_ops),
		.axis = "munmap", .name = "exclusive",
		.models = "do_munmap() to 4.19: zap and free under mmap_sem for writing",
		.source = "Yang Shi, RFC v6 2/2, 26 Jul 2018 (seed 4): the code before it",
	},
	.munmap = ex_munmap,
};
