/*
 * /proc/PID/maps, smaps, cmdline: readers that belong to somebody else
 * (fs/proc/task_mmu.c, fs/proc/base.c).
 *
 *   maps     read lock for one buffer of lines, dropped between buffers;
 *            from 6.17 each area's own lock in turn
 *   smaps    read lock, page tables walked, dropped every buffer too
 *   cmdline  read lock around each access_remote_vm(), the ps of seed 4: of
 *            the arguments; of their last byte, to 4.17 and again since 5.3;
 *            to 4.17 first for their bounds, since then under arg_lock
 *
 * Invariant: a reader holds a user of the mm, so it may be the one that runs
 * exit_mmap(). Between buffers it goes on by address, never by pointer.
 */
#include "sim/mm/mm.h"

/* One page of seq_file output holds about this many lines. */
enum { MAPS_LINES_PER_BUFFER = 50, SMAPS_AREAS_PER_BUFFER = 4 };

static void show_area(struct task *t, struct mm *mm, const struct vma *v,
		      enum proc_file what)
{
	uint64_t known, maybe;

	body(t, COST_PROC_VMA_LINE, 1);
	if (what != PROC_FILE_SMAPS)
		return;
	settle(t);
	resident_count(mm, v->r, &known, &maybe);
	body(t, COST_PROC_SMAPS_PAGE, known);
}

/* One buffer under the read lock. Return: where the next one begins, or
 * UINT64_MAX at the end. */
static uint64_t show_buffer(struct task *t, struct mm *mm, uint64_t at,
			    enum proc_file what)
{
	unsigned room = what == PROC_FILE_MAPS ? MAPS_LINES_PER_BUFFER :
						 SMAPS_AREAS_PER_BUFFER;
	struct vma *v;

	if (mmap_read_lock(t, mm, WHOLE_MM, true))
		return UINT64_MAX;
	kop_segment(t, KOP_R);
	v = mm->k->index->find(t, mm, at);
	while (v && room--) {
		show_area(t, mm, v, what);
		at = v->r.end;
		v = mm->k->index->next(t, mm, v);
	}
	if (!v)
		at = UINT64_MAX;
	mmap_read_unlock(t, mm, WHOLE_MM);
	return at;
}

/* 6.17: lock one area at a time; what cannot be locked costs mmap_lock. */
static uint64_t show_one_locked(struct task *t, struct mm *mm, uint64_t at)
{
	const struct mm_lock_ops *ops = mm->k->mm_lock;
	struct vma *v;

	settle(t);
	v = vma_first_after(mm, at);
	if (!v)
		return UINT64_MAX;
	if (at < v->r.start)
		at = v->r.start;
	v = ops->vma_read_begin(t, mm, at, false);
	if (!v)
		return show_buffer(t, mm, at, PROC_FILE_MAPS);
	v->in_fault++;
	body(t, COST_PROC_VMA_LINE, 1);
	settle(t);
	at = v->r.end;
	v->in_fault--;
	ops->vma_read_end(t, v);
	return at;
}

static void show_maps(struct task *t, struct mm *mm, enum proc_file what)
{
	bool per_vma = what == PROC_FILE_MAPS && mm->k->mm_lock->vma_read_begin &&
		       (mm->k->scope & SCOPE_PROC_MAPS);
	uint64_t at = 0;

	while (at != UINT64_MAX) {
		at = per_vma ? show_one_locked(t, mm, at) :
			       show_buffer(t, mm, at, what);
		cond_resched(t);
	}
}

/* One access under the read lock that reads a line or two. False: killed. */
static bool peek(struct task *t, struct mm *mm)
{
	if (mmap_read_lock(t, mm, WHOLE_MM, true))
		return false;
	prim(t, COST_LINE_READ, 1);
	mmap_read_unlock(t, mm, WHOLE_MM);
	return true;
}

/* 88aa7cc688d4 (4.18): arg_lock; d26d0cd97c88, 3d712546d8ba (5.3): last byte */
static void show_cmdline(struct task *t, struct mm *mm)
{
	uint32_t version = mm->k->cfg.version;
	unsigned before = version < 4018000 ? 2 : version >= 5003000;

	while (before--)
		if (!peek(t, mm))
			return;
	if (mmap_read_lock(t, mm, WHOLE_MM, true))
		return;
	kop_segment(t, KOP_R);
	body(t, COST_PROC_CMDLINE, 1);
	mmap_read_unlock(t, mm, WHOLE_MM);
}

int64_t do_proc_read(struct task *t, struct mm *target, enum proc_file what)
{
	if (kernel_of(t)->cfg.null_kernel)
		return 0;
	sys_enter(t);
	if (!mmget_not_zero(t, target))
		return sys_exit(t, 0);
	if (what == PROC_FILE_CMDLINE)
		show_cmdline(t, target);
	else
		show_maps(t, target, what);
	mmput(t, target);
	return sys_exit(t, 0);
}
