/*
 * Page faults from the entry to the area: dispatch, lookup under mmap_lock,
 * stack growth (arch/x86/mm/fault.c, lock_mm_and_find_vma()).
 *
 * Invariant: after a lock was dropped, the area is looked up again.
 * Limit: a stack grows to 8 MiB, or as far as it was at the start.
 */
#include "sim/mm/mm.h"

enum { STACK_LIMIT_BYTES = 8 << 20 };

static bool between(uint32_t v, uint32_t low, uint32_t high)
{
	return v >= low && v < high;
}

/* 6.5 took the write lock for stack growth; backported to 6.4.1, 6.3.11 and
 * 6.1.37. */
static bool grows_under_write_lock(const struct kernel *k)
{
	uint32_t v = k->cfg.version;

	return v >= 6004001 || between(v, 6003011, 6004000) ||
	       between(v, 6001037, 6002000);
}

/* expand_downwards(): not into the guard gap of what lies below, unless that
 * is a stack as well or cannot be accessed. */
static bool can_grow_to(struct vma *v, uint64_t addr)
{
	uint64_t start = page_down(addr);
	const struct vma *prev;

	if (!v || !(v->flags & VM_GROWSDOWN) ||
	    v->r.end - start > STACK_LIMIT_BYTES)
		return false;
	prev = vma_prev(v);
	return !prev || (prev->flags & VM_GROWSDOWN) ||
	       !(prev->flags & VM_PROT) ||
	       start - prev->r.end >= STACK_GUARD_GAP_BYTES;
}

static struct vma *grow_under_read_lock(struct task *t, struct vma *v,
					struct fault *f)
{
	uint64_t start = page_down(f->addr);

	vma_expand_down(t, v, start, false);
	count(t, COUNT_STACK_GROWTH);
	return v;
}

/* The rwsem cannot be upgraded: let go, take it again, look again. */
static struct vma *grow_under_write(struct task *t, struct mm *mm,
				    struct fault *f)
{
	struct range r = fault_range(f);
	struct vma *v;

	mmap_read_unlock(t, mm, r);
	if (mmap_write_lock(t, mm, r, true))
		return NULL;
	v = mm->k->index->find(t, mm, f->addr);
	if (!v || (v->r.start > f->addr && !can_grow_to(v, f->addr))) {
		mmap_write_unlock(t, mm, r);
		return NULL;
	}
	if (v->r.start > f->addr) {
		vma_expand_down(t, v, r.start, true);
		count(t, COUNT_STACK_GROWTH);
	}
	mmap_write_downgrade(t, mm, r);
	return v;
}

struct vma *lock_mm_and_find_vma(struct task *t, struct mm *mm,
				 struct fault *f)
{
	struct range r = fault_range(f);
	struct vma *v;

	/* trylock first: a fault in kernel mode must not wait for a lock that
	 * it holds (do_user_addr_fault(), get_mmap_lock_carefully()) */
	if (!mmap_read_trylock(t, mm, r) && mmap_read_lock(t, mm, r, true))
		return NULL;
	v = mm->k->index->find(t, mm, f->addr);
	if (v && v->r.start <= f->addr)
		return v;
	if (can_grow_to(v, f->addr)) {
		if (grows_under_write_lock(mm->k))
			return grow_under_write(t, mm, f);
		return grow_under_read_lock(t, v, f);
	}
	mmap_read_unlock(t, mm, r);
	return NULL;
}

void fault_under_mmap_lock(struct task *t, struct mm *mm, struct fault *f,
			   enum kop_path path)
{
	struct vma *v = lock_mm_and_find_vma(t, mm, f);

	fault_path(t, path);
	if (!v) {
		f->failed = true;
		return;
	}
	if (access_error(v, f))
		f->failed = true;
	else
		handle_mm_fault(t, v, f, 0);
	mmap_read_unlock(t, mm, fault_range(f));
}

/* do_user_addr_fault() since 6.4: the area's own lock, else mmap_lock. */
void fault_under_vma_lock(struct task *t, struct mm *mm, struct fault *f)
{
	const struct mm_lock_ops *ops = mm->k->mm_lock;
	enum kop_path path = KOP_PATH_MMAP;
	enum fault_result r;
	struct vma *v;

	if (!f->user)		/* kernel-mode access: exception tables first */
		goto lock_mmap;
	v = ops->vma_read_begin(t, mm, f->addr, true);
	if (!v)
		goto lock_mmap;
	if (access_error(v, f)) {
		ops->vma_read_end(t, v);
		goto lock_mmap;
	}
	r = handle_mm_fault(t, v, f, FAULT_FLAG_VMA_LOCK);
	if (!(r & (FAULT_RETRY | FAULT_COMPLETED)))
		ops->vma_read_end(t, v);
	if (!(r & FAULT_RETRY)) {
		count(t, COUNT_VMA_LOCK_SUCCESS);
		fault_path(t, f->took_trylock ? KOP_PATH_VMA_TRYLOCK :
						KOP_PATH_VMA);
		return;
	}
	count(t, COUNT_VMA_LOCK_RETRY);
	path = KOP_PATH_RETRY;
lock_mmap:
	fault_under_mmap_lock(t, mm, f, path);
}

int64_t do_fault(struct task *t, struct mm *mm, struct fault *f)
{
	struct kernel *k = kernel_of(t);

	if (k->cfg.null_kernel)
		return 0;
	task_set_mode(t, MODE_SYSTEM);
	kop_segment(t, KOP_PRE);
	/* exc_page_fault(): prefetchw(), whichever lock it will be */
	line_prefetch(t, mm_line(mm, mm->k->cfg.layout.mmap_lock));
	body(t, COST_FAULT_ENTRY, 1);
	settle(t);
	count(t, COUNT_PGFAULT);
	f->failed = false;
	f->took_trylock = false;
	k->mm_lock->fault(t, mm, f);
	if (f->failed)
		count(t, COUNT_FAULT_OUTSIDE);
	return sys_exit(t, f->failed ? -EFAULT : 0);
}
