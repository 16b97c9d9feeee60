/*
 * mmap and brk (mm/mmap.c): everything under the write lock, population
 * afterwards under the read lock.
 *
 * Invariant: addresses are the recorded ones; the search for a gap costs time
 * (mmap_body) and its result is forced. An address that is taken, by a drift
 * that the order rules did not catch, is replaced as MAP_FIXED would, and
 * counted (mmap_address_conflict).
 * Limit: two file mappings never merge, since the trace's `file` says only
 * that there is one; pieces of one mapping do.
 */
#include "sim/mm/abi.h"
#include "sim/mm/resource.h"

static uint32_t vm_flags(uint64_t prot, uint64_t flags, bool file)
{
	uint32_t f = 0;

	if (prot & ABI_PROT_READ)
		f |= VM_READ;
	if (prot & ABI_PROT_WRITE)
		f |= VM_WRITE;
	if (prot & ABI_PROT_EXEC)
		f |= VM_EXEC;
	if (flags & ABI_MAP_SHARED)
		f |= VM_SHARED;
	if (file)
		f |= VM_FILE;
	if (flags & ABI_MAP_GROWSDOWN)
		f |= VM_GROWSDOWN;
	if (flags & ABI_MAP_LOCKED)
		f |= VM_LOCKED;
	if (flags & ABI_MAP_NORESERVE)
		f |= VM_NORESERVE;
	else if ((f & VM_WRITE) && !(f & VM_SHARED))
		f |= VM_ACCOUNT;
	return f;
}

/* A mapping where there is none: a neighbour grows, or a new area. */
struct vma *map_region(struct task *t, struct mm *mm,
			      const struct vma_want *w)
{
	struct vma *v = vma_merge_new(t, mm, w);

	if (v)
		return v;
	v = vma_alloc(t, mm);
	v->r = w->r;
	v->flags = w->flags;
	v->file = w->file;
	v->pgoff = w->pgoff;
	v->anon_vma = w->anon_vma;
	if (w->anon_vma)
		v->anon_singular = w->anon_singular;
	rmap_change(t, mm, (struct rmap_of){ .anon_vma = v->anon_vma });
	vma_link(t, mm, v);
	rmap_change(t, mm, (struct rmap_of){ .file = v->file });
	return v;
}

static int64_t mmap_region(struct task *t, struct mm *mm, struct range r,
			   uint32_t flags, bool fixed)
{
	struct kernel *k = mm->k;
	struct vma_want w = { .r = r, .flags = flags };
	struct vma *v;
	int err;

	if (flags & (VM_FILE | VM_SHARED))
		w.file = ++k->files_born;
	else
		w.pgoff = r.start >> PAGE_SHIFT;
	settle(t);
	body_less(t, COST_MMAP_BODY, 1,
		  rmap_part_ns(mm, (struct rmap_of){ .file = w.file }));
	settle(t);
	if (mm->map_count > k->cfg.max_map_count)
		return -ENOMEM;
	v = vma_first_after(mm, r.start);
	if (v && v->r.start < r.end) {
		if (!fixed)
			count(t, COUNT_MMAP_ADDRESS_CONFLICT);
		err = do_munmap_keep(t, mm, r);
		if (err)
			return err;
	}
	w.anon_singular = true;
	map_region(t, mm, &w);
	return (int64_t)r.start;
}

int64_t sys_mmap(struct task *t, struct mm *mm, uint64_t addr, uint64_t len,
		 uint64_t prot, uint64_t flags, bool file)
{
	struct range r = { page_down(addr), page_down(addr) + page_up(len) };
	uint32_t vmf = vm_flags(prot, flags, file);
	int64_t ret;

	if (kernel_of(t)->cfg.null_kernel)
		return (int64_t)addr;
	sys_enter(t);
	if (!len || r.end <= r.start)
		return sys_exit(t, -EINVAL);
	if (mmap_write_lock(t, mm, r, true))
		return sys_exit(t, -EINTR);
	kop_segment(t, KOP_W);
	ret = mmap_region(t, mm, r, vmf, flags & ABI_MAP_FIXED);
	mmap_write_unlock(t, mm, r);
	kop_effect(t);
	if (ret >= 0 && ((vmf & VM_LOCKED) ||
	    (flags & (ABI_MAP_POPULATE | ABI_MAP_NONBLOCK)) == ABI_MAP_POPULATE))
		mm_populate(t, mm, r, vmf & VM_WRITE);
	return sys_exit(t, ret);
}

/* The heap grows: mostly its area does (do_brk_flags()). */
static int64_t brk_grow(struct task *t, struct mm *mm, struct range r)
{
	struct vma_want w = {
		.r = r, .flags = VM_READ | VM_WRITE | VM_ACCOUNT,
		.pgoff = r.start >> PAGE_SHIFT, .anon_singular = true,
	};
	struct vma *v;

	body(t, COST_BRK_BODY, 1);
	settle(t);
	v = vma_first_after(mm, r.start);
	/* one page stays free above the heap, and the gap of a stack there */
	if ((v && vm_start_gap(v) < r.end + PAGE_BYTES) ||
	    mm->map_count > mm->k->cfg.max_map_count)
		return -ENOMEM;
	map_region(t, mm, &w);
	return 0;
}

int64_t sys_brk(struct task *t, struct mm *mm, uint64_t old_brk,
		uint64_t new_brk)
{
	struct range r = { page_up(old_brk), page_up(new_brk) };
	struct kernel *k = kernel_of(t);
	int64_t err = 0;

	if (k->cfg.null_kernel)
		return (int64_t)new_brk;
	sys_enter(t);
	if (new_brk < old_brk)
		r = (struct range){ page_up(new_brk), page_up(old_brk) };
	if (mmap_write_lock(t, mm, r, true))
		return sys_exit(t, -EINTR);
	if (r.start < r.end && new_brk < old_brk) {
		/* releases the lock, downgraded since 4.20 */
		err = k->munmap->munmap(t, mm, r, MUNMAP_LOCKED);
		return sys_exit(t, err ? err : (int64_t)new_brk);
	}
	kop_segment(t, KOP_W);
	if (r.start < r.end)
		err = brk_grow(t, mm, r);
	else
		body(t, COST_BRK_BODY, 1);
	mmap_write_unlock(t, mm, r);
	kop_effect(t);
	return sys_exit(t, err ? (int64_t)old_brk : (int64_t)new_brk);
}

