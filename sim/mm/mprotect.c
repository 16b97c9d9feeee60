/*
 * mprotect, mlock and munlock: areas change under the write lock, page by page
 * work and the flush inside it (mm/mprotect.c, mm/mlock.c).
 *
 *   mprotect of the middle:  AAAAAAAA  ->  AA BBBB AA     two splits
 *
 * Invariant: the range of the flags is exactly the range that was asked for;
 * a hole ends the call with -ENOMEM, what came before stays changed.
 */
#include "sim/mm/abi.h"
#include "sim/mm/mm.h"

/* Change @clear to @set in every area of @r; @done is told of each piece. */
static int64_t change_areas(struct task *t, struct mm *mm, struct range r,
			    uint32_t set, uint32_t clear,
			    void (*done)(struct task *, struct vma *,
					 struct range, uint32_t))
{
	struct vma *v = mm->k->index->find(t, mm, r.start);
	uint64_t at = r.start;

	while (at < r.end) {
		struct range part = { at, r.end };
		uint32_t old, new;

		if (!v || v->r.start > at)
			return -ENOMEM;
		if (part.end > v->r.end)
			part.end = v->r.end;
		old = v->flags;
		new = (old & ~clear) | set;
		if (done && (new & VM_WRITE) && !(old & (VM_ACCOUNT | VM_WRITE |
		    VM_SHARED | VM_NORESERVE)))
			new |= VM_ACCOUNT;
		if (new != old) {
			settle(t);
			v = vma_modify(t, v, part, new);
			if (!v)
				return -ENOMEM;
			if (done)
				done(t, v, part, old);
		}
		at = part.end;
		settle(t);
		v = v->r.end > at ? v : vma_next(v);
	}
	return 0;
}

int64_t vma_change_flags(struct task *t, struct mm *mm, struct range r,
			 uint32_t set, uint32_t clear)
{
	return change_areas(t, mm, r, set, clear, NULL);
}

/* change_protection(): every present entry, then one flush. */
static void change_protection(struct task *t, struct vma *v, struct range r,
			      uint32_t old)
{
	struct mm *mm = v->mm;
	uint64_t known, maybe;

	settle(t);
	resident_count(mm, r, &known, &maybe);
	if (!known)
		return;
	body(t, COST_PROTECT_PAGE, known);
	settle(t);
	/* private pages that lost write permission are reused at a write */
	if ((old & VM_WRITE) && !(v->flags & VM_WRITE) &&
	    !(v->flags & VM_SHARED))
		resident_mark(mm, r, RES_WP, 0);
	mm->k->tlb->flush(t, mm, range_pages(r), false);
	settle(t);
}

int64_t sys_mprotect(struct task *t, struct mm *mm, uint64_t addr,
		     uint64_t len, uint64_t prot)
{
	struct range r = { addr, addr + page_up(len) };
	uint32_t set = 0;
	int64_t ret;

	if (kernel_of(t)->cfg.null_kernel)
		return 0;
	sys_enter(t);
	if ((addr & (PAGE_BYTES - 1)) || r.end < r.start)
		return sys_exit(t, -EINVAL);
	if (r.start == r.end)
		return sys_exit(t, 0);
	set |= prot & ABI_PROT_READ ? VM_READ : 0;
	set |= prot & ABI_PROT_WRITE ? VM_WRITE : 0;
	set |= prot & ABI_PROT_EXEC ? VM_EXEC : 0;
	if (mmap_write_lock(t, mm, r, true))
		return sys_exit(t, -EINTR);
	kop_segment(t, KOP_W);
	body(t, COST_MPROTECT_BODY, 1);
	ret = change_areas(t, mm, r, set, VM_PROT, change_protection);
	mmap_write_unlock(t, mm, r);
	kop_effect(t);
	return sys_exit(t, ret);
}

int64_t sys_mlock(struct task *t, struct mm *mm, uint64_t addr, uint64_t len,
		  bool lock)
{
	struct range r = { page_down(addr), page_up(addr + len) };
	int64_t ret;

	if (kernel_of(t)->cfg.null_kernel)
		return 0;
	sys_enter(t);
	if (mmap_write_lock(t, mm, r, true))
		return sys_exit(t, -EINTR);
	kop_segment(t, KOP_W);
	body(t, COST_MLOCK_BODY, 1);
	ret = change_areas(t, mm, r, lock ? VM_LOCKED : 0,
			   lock ? 0 : VM_LOCKED, NULL);
	mmap_write_unlock(t, mm, r);
	kop_effect(t);
	if (!ret && lock)
		ret = mm_populate(t, mm, r, true);
	return sys_exit(t, ret);
}
