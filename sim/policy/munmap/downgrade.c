/*
 * munmap since 4.20: detach under the write lock, then downgrade and zap with
 * the lock held for reading (__do_munmap(), since 6.4 do_vmi_align_munmap(),
 * since 6.12 vms_gather_munmap_vmas() and vms_complete_munmap_vmas()).
 *
 * For munmap(2), brk and mremap that shrink. MAP_FIXED and the move of mremap
 * keep the write lock (MUNMAP_KEEP), as the kernel does.
 *
 * Invariant: what is zapped under the read lock was detached before: no fault,
 * no other writer and no other downgraded holder can meet it.
 */
#include "sim/mm/mm.h"

enum { SPECIAL_MERGED, SPECIAL_SEED_4 };

struct dg_options {
	uint32_t special;
};

static const char *const special_names[] = { "merged", "seed-4", NULL };

static const struct option dg_options[] = {
	{ .key = "special", .type = OPT_ENUM,
	  .offset = offsetof(struct dg_options, special), .def = "merged",
	  .names = special_names, .unit = "",
	  .help = "seed-4: locked, hugetlb and PFN areas are zapped before the downgrade; merged: only unlocked, to 5.17" },
	OPTION_END
};

/* What may not be done with the lock held for reading (seed 4, patch 2). */
static void before_downgrade(struct task *t, struct mm *mm, struct vms *vms)
{
	const struct dg_options *o = mm->k->cfg.policies.options[AXIS_MUNMAP];

	if (o && o->special == SPECIAL_SEED_4)
		vms_unmap_special(t, mm, vms, VM_LOCKED | VM_SPECIAL);
	else if (mm->k->cfg.version < 5018000)	/* a213e5cf71cb */
		vms_munlock(t, mm, vms);
}

/* 5.8 to 6.4: a stack beside the hole could grow under the read lock into
 * page tables that are being freed. */
static bool may_downgrade(const struct mm *mm, const struct vms *vms)
{
	uint32_t version = mm->k->cfg.version;
	const struct vma *next;

	if (version < 5008000 || version >= 6005000)
		return true;
	next = vma_first_after(mm, vms->r.end);
	return !next || !(next->flags & VM_GROWSDOWN);
}

static int dg_munmap(struct task *t, struct mm *mm, struct range r,
		     unsigned flags)
{
	bool keep = flags & MUNMAP_KEEP, downgraded = false;
	struct vms vms;
	int err;

	vms_begin(t, mm, r, &vms);
	if (!(flags & MUNMAP_LOCKED) && mmap_write_lock(t, mm, r, true)) {
		vms_abort(t, &vms);
		return -EINTR;
	}
	if (!keep) {
		vms_split_segments(t, mm, &vms);
		kop_segment(t, KOP_W);
	}
	err = vms_gather(t, mm, &vms);
	if (err) {
		vms_abort(t, &vms);
		goto out;
	}
	before_downgrade(t, mm, &vms);
	if (!keep && vms.vma_count && may_downgrade(mm, &vms)) {
		mmap_write_downgrade(t, mm, r);
		downgraded = true;
		kop_effect(t);
	}
	if (!keep)
		vms_segment(t, mm, &vms, KOP_R);
	unmap_region(t, mm, &vms);
	remove_vmas(t, &vms);
out:
	if (keep)
		return err;
	if (downgraded)
		mmap_read_unlock(t, mm, r);
	else
		mmap_write_unlock(t, mm, r);
	kop_effect(t);
	return err;
}

const struct munmap_ops munmap_downgrade = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct munmap_ops),
		.axis = "munmap", .name = "downgrade",
		.models = "munmap(2) since 4.20: zap and free with mmap_lock held for reading",
		.source = "dd2283f2605e; Yang Shi, RFC v6 2/2, 26 Jul 2018 (seed 4)",
		.options = dg_options, .option_bytes = sizeof(struct dg_options),
		.requires = TRAIT_MMAP_READ_LOCK,
	},
	.munmap = dg_munmap,
};
