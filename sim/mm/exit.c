/*
 * The end of an address space: mmput(), exit_mmap() (mm/mmap.c).
 *
 * Invariant: exit_mmap() runs once, by whoever drops the last user, which may
 * be a /proc reader. Nobody else finds the mm by then; what still contends is
 * CPU time, the allocator and RCU.
 */
#include "sim/mm/resource.h"

void mmget(struct task *t, struct mm *mm)
{
	line_rmw(t, mm_line(mm, mm->k->cfg.layout.mm_users));
	BUG_ON(!mm->users);
	mm->users++;
	/* a second user turns the index to copying nodes (seed 3) */
	if (mm->k->index->second_user)
		mm->k->index->second_user(mm);
}

bool mmget_not_zero(struct task *t, struct mm *mm)
{
	line_rmw(t, mm_line(mm, mm->k->cfg.layout.mm_users));
	if (!mm->users)
		return false;
	mm->users++;
	if (mm->k->index->second_user)
		mm->k->index->second_user(mm);
	return true;
}

void mmput(struct task *t, struct mm *mm)
{
	line_rmw(t, mm_line(mm, mm->k->cfg.layout.mm_users));
	BUG_ON(!mm->users);
	if (--mm->users)
		return;
	mm->exiting = true;
	exit_mmap(t, mm);
	settle(t);
	mm_count_put(mm);
}

/* Which lock exit_mmap() takes: none to 5.16 (nobody can find the mm), all of it
 * under the write lock with 64591e8605d6 (5.17), pages under the read lock and
 * the rest under the write lock since bf3980c85212. */
enum exit_lock { EXIT_UNLOCKED, EXIT_WRITE, EXIT_READ_THEN_WRITE };

static enum exit_lock exit_lock(const struct kernel *k)
{
	if (k->cfg.version < EXIT_LOCKED_SINCE)
		return EXIT_UNLOCKED;
	return k->cfg.version < 6001000 ? EXIT_WRITE : EXIT_READ_THEN_WRITE;
}

/* unmap_vmas() over everything; page tables and the flush come after it. */
static void exit_unmap(struct task *t, struct mm *mm, struct gather *g)
{
	enum exit_lock lock = exit_lock(mm->k);

	if (lock == EXIT_WRITE)
		mmap_write_lock(t, mm, WHOLE_MM, false);
	else if (lock == EXIT_READ_THEN_WRITE)
		mmap_read_lock(t, mm, WHOLE_MM, false);
	kop_segment(t, KOP_R);
	body(t, COST_UNMAP_REGION, 1);
	folios_drain(t);
	zap_range(t, mm, WHOLE_MM, g);
	if (lock != EXIT_READ_THEN_WRITE)
		return;
	mmap_read_unlock(t, mm, WHOLE_MM);
	mmap_write_lock(t, mm, WHOLE_MM, false);
}

/* Every area leaves the tree before the first is freed: what a reader of the
 * index could still find would be gone. */
static void exit_vmas(struct task *t, struct mm *mm, const struct hold_tag *tag)
{
	struct vma_list dead = TAILQ_HEAD_INITIALIZER(dead);
	struct vma *v;

	settle(t);
	while ((v = TAILQ_FIRST(&mm->areas))) {
		vma_start_write(t, v);	/* free_pgtables(), mm_wr_locked */
		vma_unlink(t, v);
		if (mm->k->mm_lock->vma_detach)
			mm->k->mm_lock->vma_detach(t, v);
		v->held = *tag;
		TAILQ_INSERT_TAIL(&dead, v, link);
	}
	rmap_unlink(t, mm, &dead);
	while ((v = TAILQ_FIRST(&dead))) {
		TAILQ_REMOVE(&dead, v, link);
		settle(t);
		body_less(t, COST_EXIT_VMA, 1, rmap_part_ns(mm, rmap_of(v)));
		vma_free(t, v, FREE_EXIT);
		cond_resched(t);
	}
}

void exit_mmap(struct task *t, struct mm *mm)
{
	struct kernel *k = mm->k;
	struct gather g = { .full_mm = true };

	settle(t);
	if (mm->family)
		mm->exit_rank = mm->family->leaving++;
	zap_asked(t, mm, WHOLE_MM, &g);
	hold(k, HOLD_VMA, &g.tag, STAGE_NONE, STAGE_UNMAPPING, mm->map_count,
	     vma_object_bytes(k));
	exit_unmap(t, mm, &g);
	kop_segment(t, KOP_W);
	free_pgtables(t, mm, WHOLE_MM, &g);
	tlb_finish(t, mm, &g);
	exit_vmas(t, mm, &g.tag);
	k->index->destroy(t, mm);
	settle(t);
	if (mm->family)
		mm->family->left++;
	if (exit_lock(k) != EXIT_UNLOCKED)
		mmap_write_unlock(t, mm, WHOLE_MM);
	if (k->vma_free->drain)
		k->vma_free->drain(t, mm);
}

void do_exit_mm(struct task *t, struct mm *mm)
{
	if (kernel_of(t)->cfg.null_kernel) {
		mm->users--;
		return;
	}
	task_set_mode(t, MODE_SYSTEM);
	kop_segment(t, KOP_PRE);
	/* exit_mm(): nothing is read under it, but it queues behind writers */
	mmap_read_lock(t, mm, WHOLE_MM, false);
	if (mm->users > 1)
		kop_segment(t, KOP_R);
	settle(t);
	/* the CPU keeps the tables loaded, lazily, until it switches */
	task_attach_mm(t, NULL);
	mmap_read_unlock(t, mm, WHOLE_MM);
	mmput(t, mm);
	sys_exit(t, 0);
}

void do_exit(struct task *t)
{
	if (kernel_of(t)->cfg.null_kernel)
		return;
	task_set_mode(t, MODE_SYSTEM);
	kop_segment(t, KOP_PRE);
	body(t, COST_EXIT_BODY, 1);
	sys_exit(t, 0);
}
