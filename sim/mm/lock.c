/*
 * The lock policy's hooks, each through one thin wrapper: here sections are
 * watched from outside the policy, so that a policy that forgets a lock call
 * is caught by what it allows to happen and by the lock word itself.
 *
 * Invariant (test build): no write section overlaps another section of a
 * different task; whoever holds one can prove it by write_held().
 * On return from a lock call the task owes nothing.
 */
#include "sim/mm/mm.h"

#ifdef MMREPLAY_TEST
static bool overlaps(struct range a, struct range b)
{
	return a.start < b.end && b.start < a.end;
}

static void section_enter(struct task *t, struct mm *mm, struct range r,
			  bool write)
{
	struct section *s;

	TAILQ_FOREACH(s, &mm->sections, link) {
		if ((write || s->write) && overlaps(s->r, r))
			BUG("mm %u: task %u %s while task %u %s", mm->id, t->id,
			    write ? "writes" : "reads", s->task->id,
			    s->write ? "writes" : "reads");
	}
	s = pool_get(&mm->k->section_pool);
	*s = (struct section){ .task = t, .r = r, .write = write };
	TAILQ_INSERT_TAIL(&mm->sections, s, link);
}

static struct section *section_of(struct task *t, struct mm *mm, bool write)
{
	struct section *s;

	TAILQ_FOREACH(s, &mm->sections, link)
		if (s->task == t && s->write == write)
			return s;
	BUG("mm %u: task %u leaves a section that it is not in", mm->id, t->id);
}

static void section_leave(struct task *t, struct mm *mm, bool write)
{
	struct section *s = section_of(t, mm, write);

	TAILQ_REMOVE(&mm->sections, s, link);
	pool_put(&mm->k->section_pool, s);
}

static void section_downgrade(struct task *t, struct mm *mm)
{
	section_of(t, mm, true)->write = false;
}
#else
#define section_enter(t, mm, r, w) ((void)0)
#define section_leave(t, mm, w) ((void)0)
#define section_downgrade(t, mm) ((void)0)
#endif

int mmap_write_lock(struct task *t, struct mm *mm, struct range r, bool killable)
{
	int err = mm->k->mm_lock->write_begin(t, mm, r, killable);

	if (err)
		return err;
	/* what an uncontended pair of lock and unlock costs (P of MODEL.md 3) */
	prim_expected(t, 2 * cost_ns(mm->k, COST_ATOMIC));
	settle(t);
	section_enter(t, mm, r, true);
	mm_assert_write_locked(t, mm, r);
	return 0;
}

void mmap_write_unlock(struct task *t, struct mm *mm, struct range r)
{
	settle(t);
	mm_assert_write_locked(t, mm, r);
	section_leave(t, mm, true);
	mm->k->mm_lock->write_end(t, mm, r);
}

void mmap_write_downgrade(struct task *t, struct mm *mm, struct range r)
{
	settle(t);
	mm_assert_write_locked(t, mm, r);
	section_downgrade(t, mm);
	count(t, COUNT_MMAP_DOWNGRADE);
	mm->k->mm_lock->write_to_read(t, mm, r);
	prim_expected(t, cost_ns(mm->k, COST_ATOMIC));
	settle(t);
}

int mmap_read_lock(struct task *t, struct mm *mm, struct range r, bool killable)
{
	int err = mm->k->mm_lock->read_begin(t, mm, r, killable);

	if (err)
		return err;
	prim_expected(t, 2 * cost_ns(mm->k, COST_ATOMIC));
	settle(t);
	section_enter(t, mm, r, false);
	return 0;
}

bool mmap_read_trylock(struct task *t, struct mm *mm, struct range r)
{
	const struct mm_lock_ops *ops = mm->k->mm_lock;
	bool got = ops->read_trylock && ops->read_trylock(t, mm, r);

	if (!got)
		return false;
	prim_expected(t, 2 * cost_ns(mm->k, COST_ATOMIC));
	settle(t);
	section_enter(t, mm, r, false);
	return true;
}

void mmap_read_unlock(struct task *t, struct mm *mm, struct range r)
{
	settle(t);
	section_leave(t, mm, false);
	mm->k->mm_lock->read_end(t, mm, r);
}

void vma_start_write(struct task *t, struct vma *v)
{
	const struct mm_lock_ops *ops = v->mm->k->mm_lock;

	if (!ops->vma_start_write)
		return;
	ops->vma_start_write(t, v);
	settle(t);
}

void mm_assert_write_locked(const struct task *t, const struct mm *mm,
			    struct range r)
{
	if (mm->exiting && mm->k->cfg.version < EXIT_LOCKED_SINCE)
		return;
	if (!mm->k->mm_lock->write_held(t, mm, r))
		BUG("mm %u changes and task %u does not hold it for writing",
		    mm->id, t->id);
}

void mm_assert_walk(const struct task *t, const struct mm *mm)
{
#ifdef MMREPLAY_TEST
	const struct section *s;

	if (rcu_reading(t))
		return;
	TAILQ_FOREACH(s, &mm->sections, link)
		if (s->task == t)
			return;
	BUG("mm %u: task %u walks the index outside of lock and RCU section",
	    mm->id, t->id);
#else
	(void)t, (void)mm;
#endif
}
