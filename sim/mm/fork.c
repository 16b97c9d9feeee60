/*
 * fork, clone of a thread, exec (kernel/fork.c, fs/exec.c).
 *
 * dup_mmap() belongs to the fork_copy policy; here are the steps it is made
 * of. Parent and child are write-locked throughout; the parent's TLB flush
 * happens before its lock is dropped.
 *
 *   parent  AAAA(rw)  ->  AAAA(rw, entries write-protected)
 *   child             ->  AAAA(same pages); the first write of either copies
 *
 * Invariant: private pages that both map carry RES_COW in both.
 * Limit: a page counts as shared while any relative is alive, even if the one
 * that shared this page is gone; with the last relative all are its own.
 */
#include "sim/mm/resource.h"

int dup_mmap_lock(struct task *t, struct mm *parent, struct mm *child)
{
	if (mmap_write_lock(t, parent, WHOLE_MM, true))
		return -EINTR;
	/* nested, and nobody else knows the child */
	if (mmap_write_lock(t, child, WHOLE_MM, false)) {
		mmap_write_unlock(t, parent, WHOLE_MM);
		return -EINTR;
	}
	kop_segment(t, KOP_W);
	settle(t);
	mm_join_family(parent, child);
	child->in_dup = true;
	return 0;
}

/* 6.4.3: a fault must not see entries that are being copied. */
static bool locks_parent_areas(const struct kernel *k)
{
	return k->cfg.version >= 6004003;
}

bool dup_out_of_memory(struct kernel *k)
{
	return k->fail_dup && !--k->fail_dup;
}

/* anon_vma_fork(): into the trees of the ancestors, then one of its own under
 * the same root; then beside the parent's area in the file's tree. */
static void dup_rmap(struct task *t, struct vma *v)
{
	struct rmap_of file = { .file = v->file };
	struct rmap_of anon = { .anon_vma = v->anon_vma };

	if (v->flags & VM_WIPEONFORK)
		anon.anon_vma = 0;
	settle(t);
	body_less(t, COST_FORK_VMA, 1, 2 * rmap_part_ns(v->mm, anon));
	rmap_change(t, v->mm, anon);
	rmap_change(t, v->mm, anon);
	if (!(v->flags & VM_FILE))
		return;
	body_less(t, COST_FORK_FILE_VMA, 1, rmap_part_ns(v->mm, file));
	rmap_change(t, v->mm, file);
}

int dup_vma(struct task *t, struct vma *v, struct mm *child, struct vma **out)
{
	struct vma *copy;

	*out = NULL;
	if (locks_parent_areas(v->mm->k))
		vma_start_write(t, v);
	if (v->flags & VM_DONTCOPY)
		return 0;
	if (dup_out_of_memory(v->mm->k))
		return -ENOMEM;
	dup_rmap(t, v);
	copy = vma_dup(t, child, v);
	copy->flags &= ~(uint32_t)VM_LOCKED;
	if (v->flags & VM_WIPEONFORK) {
		copy->anon_vma = 0;
		copy->anon_singular = true;
	} else if (copy->anon_vma) {
		copy->anon_singular = false;
	}
	*out = copy;
	return 0;
}

/* What the child's entries cost: per 4 KiB page, or per huge page. */
static uint64_t present_entries(const struct mm *mm, struct range r)
{
	struct range_run run;
	uint64_t at = r.start, n = 0;

	while (at < r.end && rangemap_next(&mm->resident, at, &run) &&
	       run.r.start < r.end) {
		uint64_t start = run.r.start > r.start ? run.r.start : r.start;
		uint64_t end = run.r.end < r.end ? run.r.end : r.end;

		if (!(run.value & RES_MAYBE))
			n += (end - start) >> (run.value & RES_HUGE ? PMD_SHIFT :
								      PAGE_SHIFT);
		at = run.r.end;
	}
	return n;
}

static void share_pages(struct vma *from, struct vma *to)
{
	struct mm *parent = from->mm, *child = to->mm;
	struct range r = from->r;
	struct range_run run;
	uint64_t at = r.start;

	resident_mark(parent, r, RES_COW, RES_WP);
	while (at < r.end && rangemap_next(&parent->resident, at, &run) &&
	       run.r.start < r.end) {
		at = run.r.end;
		if (run.value & RES_MAYBE)
			continue;
		if (run.r.start < r.start)
			run.r.start = r.start;
		if (run.r.end > r.end)
			run.r.end = r.end;
		resident_set(child, run.r, run.value);
		tables_set(child, run.r, run.value & RES_HUGE);
	}
}

/* PTE tables that the child needs for what the parent has in @r. */
static uint64_t tables_like(const struct mm *from, const struct mm *to,
			    struct range r)
{
	uint64_t mask = PMD_BYTES - 1, have, old;

	r = (struct range){ r.start & ~mask, (r.end + mask) & ~mask };
	have = rangemap_bytes(&from->tables[0], r);
	old = rangemap_bytes(&to->tables[0], r);
	return have > old ? (have - old) / PMD_BYTES : 0;
}

/*
 * copy_page_range(): not for areas that can be filled by faults again, which
 * is all that have no anon_vma.
 */
void dup_pages(struct task *t, struct vma *from, struct vma *to)
{
	if (!from->anon_vma || (from->flags & VM_WIPEONFORK))
		return;
	settle(t);
	body(t, COST_FORK_PTE, present_entries(from->mm, from->r));
	body(t, COST_PT_ALLOC, tables_like(from->mm, to->mm, from->r));
	settle(t);
	share_pages(from, to);
	cond_resched(t);
}

void dup_mmap_unlock(struct task *t, struct mm *parent, struct mm *child)
{
	mmap_write_unlock(t, child, WHOLE_MM);
	settle(t);
	child->in_dup = false;
	parent->k->tlb->flush(t, parent, UINT64_MAX, false);
	mmap_write_unlock(t, parent, WHOLE_MM);
}

int64_t do_fork(struct task *t, struct mm *mm, uint32_t child_id,
		struct mm **child)
{
	struct kernel *k = kernel_of(t);
	int err;

	*child = NULL;
	if (k->cfg.null_kernel) {
		*child = mm_new(k, child_id);
		return 0;
	}
	sys_enter(t);
	body(t, COST_FORK_BODY, 1);
	settle(t);
	*child = mm_new(k, child_id);
	err = k->fork->dup_mmap(t, mm, *child);
	if (err) {
		mmput(t, *child);
		mm_forget(*child);
		*child = NULL;
	}
	kop_effect(t);
	return sys_exit(t, err);
}

int64_t do_clone_thread(struct task *t, struct mm *mm)
{
	struct kernel *k = kernel_of(t);

	if (k->cfg.null_kernel) {
		mm->users++;
		return 0;
	}
	sys_enter(t);
	body(t, COST_CLONE_THREAD_BODY, 1);
	mmget(t, mm);
	kop_effect(t);
	return sys_exit(t, 0);
}

/* The new image's first area is its stack; the others are told by replay. */
static void setup_new_mm(struct task *t, struct mm *mm)
{
	if (mmap_write_lock(t, mm, WHOLE_MM, false))
		return;
	kop_segment(t, KOP_W);
	settle(t);
	mmap_write_unlock(t, mm, WHOLE_MM);
}

int64_t do_exec(struct task *t, struct mm *mm, uint32_t new_id,
		struct mm **fresh)
{
	struct kernel *k = kernel_of(t);

	if (k->cfg.null_kernel) {
		*fresh = mm_new(k, new_id);
		mm->users--;
		task_attach_mm(t, *fresh);
		return 0;
	}
	sys_enter(t);
	settle(t);
	*fresh = mm_new(k, new_id);
	body(t, COST_EXEC_BODY, 1);
	settle(t);
	setup_new_mm(t, *fresh);
	/* exec_mmap(): the old mm is held for reading while it is replaced */
	mmap_read_lock(t, mm, WHOLE_MM, false);
	kop_segment(t, KOP_R);
	settle(t);
	task_attach_mm(t, *fresh);
	mmap_read_unlock(t, mm, WHOLE_MM);
	mmput(t, mm);
	kop_effect(t);
	return sys_exit(t, 0);
}
