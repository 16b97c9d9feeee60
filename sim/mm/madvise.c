/*
 * madvise (mm/madvise.c). Which lock a behaviour takes:
 *
 *   DONTNEED, FREE                       read; VMA lock from 6.17 in one area
 *   COLD, PAGEOUT, WILLNEED, POPULATE    read
 *   flags (HUGEPAGE, DONTFORK, ...)      write
 *
 * Invariant: flags change only under the write lock; pages go under any.
 * Limits: FREE leaves pages resident (no reclaim); WILLNEED reads nothing.
 */
#include "sim/mm/abi.h"
#include "sim/mm/mm.h"

struct flag_advice {
	uint32_t set, clear;
};

static const struct flag_advice flag_advice[] = {
	[ABI_MADV_NORMAL] = { 0, VM_RAND_READ | VM_SEQ_READ },
	[ABI_MADV_RANDOM] = { VM_RAND_READ, VM_SEQ_READ },
	[ABI_MADV_SEQUENTIAL] = { VM_SEQ_READ, VM_RAND_READ },
	[ABI_MADV_DONTFORK] = { VM_DONTCOPY, 0 },
	[ABI_MADV_DOFORK] = { 0, VM_DONTCOPY },
	[ABI_MADV_MERGEABLE] = { VM_MERGEABLE, 0 },
	[ABI_MADV_UNMERGEABLE] = { 0, VM_MERGEABLE },
	[ABI_MADV_HUGEPAGE] = { VM_HUGEPAGE, VM_NOHUGEPAGE },
	[ABI_MADV_NOHUGEPAGE] = { VM_NOHUGEPAGE, VM_HUGEPAGE },
	[ABI_MADV_DONTDUMP] = { VM_DONTDUMP, 0 },
	[ABI_MADV_DODUMP] = { 0, VM_DONTDUMP },
	[ABI_MADV_WIPEONFORK] = { VM_WIPEONFORK, 0 },
	[ABI_MADV_KEEPONFORK] = { 0, VM_WIPEONFORK },
};

static bool changes_flags(uint64_t behavior)
{
	return behavior < sizeof(flag_advice) / sizeof(flag_advice[0]) &&
	       (behavior == ABI_MADV_NORMAL || flag_advice[behavior].set ||
		flag_advice[behavior].clear);
}

static int64_t advise_flags(struct task *t, struct mm *mm, struct range r,
			    uint64_t behavior)
{
	const struct flag_advice *a = &flag_advice[behavior];
	int64_t ret;

	if (mmap_write_lock(t, mm, r, true))
		return -EINTR;
	kop_segment(t, KOP_W);
	body(t, COST_MADVISE_BODY, 1);
	ret = vma_change_flags(t, mm, r, a->set, a->clear);
	mmap_write_unlock(t, mm, r);
	return ret;
}

/* Locked pages stay: can_madv_lru_vma(), madvise_dontneed_free_valid_vma() */
static bool refuses(const struct vma *v, uint64_t behavior)
{
	return (v->flags & VM_LOCKED) &&
	       (behavior == ABI_MADV_DONTNEED || behavior == ABI_MADV_FREE ||
		behavior == ABI_MADV_COLD || behavior == ABI_MADV_PAGEOUT);
}

/* Work on the pages of @r, all of which @v covers. */
static void advise_area(struct task *t, struct mm *mm, struct range r,
			uint64_t behavior, struct gather *g)
{
	uint64_t known, maybe;

	if (behavior == ABI_MADV_DONTNEED ||
	    behavior == ABI_MADV_DONTNEED_LOCKED || behavior == ABI_MADV_REMOVE) {
		zap_range(t, mm, r, g);
		return;
	}
	settle(t);
	resident_count(mm, r, &known, &maybe);
	if (behavior == ABI_MADV_WILLNEED || !known)
		return;
	body(t, COST_PROTECT_PAGE, known);	/* walk, clear young or dirty */
	settle(t);
	mm->k->tlb->flush(t, mm, range_pages(r), false);
}

static int64_t advise_areas(struct task *t, struct mm *mm, struct range r,
			    uint64_t behavior, struct gather *g)
{
	struct vma *v = mm->k->index->find(t, mm, r.start);
	uint64_t at = r.start;
	int64_t ret = 0;

	while (v && v->r.start < r.end) {
		struct range part = v->r;

		if (v->r.start > at)
			ret = -ENOMEM;	/* a hole: told at the end */
		if (refuses(v, behavior))
			return -EINVAL;
		at = v->r.end;
		if (part.start < r.start)
			part.start = r.start;
		if (part.end > r.end)
			part.end = r.end;
		advise_area(t, mm, part, behavior, g);
		v = mm->k->index->next(t, mm, v);
	}
	return at < r.end ? -ENOMEM : ret;
}

/* Of what was recorded, the share behind the flush comes behind it. */
static void advise_segment(struct task *t, struct mm *mm, struct range r,
			   uint64_t behavior)
{
	struct zap_ns zap = { 0 };

	settle(t);
	if (behavior == ABI_MADV_DONTNEED)
		zap = zap_estimate(mm, r);
	kop_segment_around(t, KOP_R, zap.before_flush, zap.after_flush);
	body(t, COST_MADVISE_BODY, 1);
}

static bool needs_one_area(uint64_t behavior)
{
	return behavior == ABI_MADV_DONTNEED || behavior == ABI_MADV_FREE;
}

/* 6.17: one area, its own lock, no mmap_lock. False: take mmap_lock. */
static bool advise_under_vma_lock(struct task *t, struct mm *mm, struct range r,
				  uint64_t behavior, struct gather *g)
{
	const struct mm_lock_ops *ops = mm->k->mm_lock;
	struct vma *v;

	if (!(mm->k->scope & SCOPE_MADVISE) || !ops->vma_read_begin ||
	    !needs_one_area(behavior))
		return false;
	v = ops->vma_read_begin(t, mm, r.start, false);
	if (!v)
		return false;
	settle(t);
	if (v->r.end < r.end || refuses(v, behavior)) {
		ops->vma_read_end(t, v);
		return false;
	}
	v->in_fault++;
	kop_area_locked(t);
	advise_segment(t, mm, r, behavior);	/* the same work, under another lock */
	advise_area(t, mm, r, behavior, g);
	tlb_finish(t, mm, g);
	kop_rest(t);
	settle(t);
	v->in_fault--;
	ops->vma_read_end(t, v);
	return true;
}

static int64_t advise_pages(struct task *t, struct mm *mm, struct range r,
			    uint64_t behavior)
{
	bool zaps = behavior == ABI_MADV_DONTNEED;
	struct gather g = { 0 };
	int64_t ret;

	if (zaps)
		zap_asked(t, mm, r, &g);
	if (advise_under_vma_lock(t, mm, r, behavior, &g))
		return 0;
	if (mmap_read_lock(t, mm, r, false)) {
		tlb_finish(t, mm, &g);
		return -EINTR;
	}
	advise_segment(t, mm, r, behavior);
	ret = advise_areas(t, mm, r, behavior, &g);
	tlb_finish(t, mm, &g);
	kop_rest(t);
	mmap_read_unlock(t, mm, r);
	return ret;
}

int64_t sys_madvise(struct task *t, struct mm *mm, uint64_t addr,
		    uint64_t len, uint64_t behavior)
{
	struct range r = { addr, addr + page_up(len) };
	struct zap_ns zap;
	int64_t ret;

	if (kernel_of(t)->cfg.null_kernel)
		return 0;
	settle(t);
	zap = zap_estimate(mm, r);
	/* captured under a VMA lock (6.17), so without an R segment: what the
	 * walk costs goes from the one piece there is to the section */
	if (needs_one_area(behavior))
		kop_split(t, KOP_PRE, KOP_R, cost_ns(mm->k, COST_SYSCALL),
			  zap.before_flush + zap.after_flush +
			  cost_ns(mm->k, COST_MADVISE_BODY));
	sys_enter(t);
	if ((addr & (PAGE_BYTES - 1)) || r.end < r.start)
		return sys_exit(t, -EINVAL);
	if (r.start == r.end)
		return sys_exit(t, 0);
	if (changes_flags(behavior))
		ret = advise_flags(t, mm, r, behavior);
	else if (behavior == ABI_MADV_POPULATE_READ ||
		 behavior == ABI_MADV_POPULATE_WRITE)
		ret = mm_populate(t, mm, r,
				  behavior == ABI_MADV_POPULATE_WRITE);
	else
		ret = advise_pages(t, mm, r, behavior);
	kop_effect(t);
	return sys_exit(t, ret);
}
