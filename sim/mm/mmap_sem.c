/* See mmap_sem.h. Invariant: the rwsem is the first member of mm->lock_state. */
#include "sim/mm/mmap_sem.h"

static struct rwsem *sem(const struct mm *mm)
{
	return mm->lock_state;
}

void mmap_sem_init(struct mm *mm)
{
	mmap_lock_init(mm, sem(mm));
}

void mmap_sem_release(struct mm *mm)
{
	rwsem_release(sem(mm));
}

int mmap_sem_write(struct task *t, struct mm *mm, struct range r, bool killable)
{
	(void)r;
	if (killable)
		return down_write_killable(t, sem(mm));
	down_write(t, sem(mm));
	return 0;
}

void mmap_sem_downgrade(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	downgrade_write(t, sem(mm));
}

void mmap_sem_write_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	up_write(t, sem(mm));
}

int mmap_sem_read(struct task *t, struct mm *mm, struct range r, bool killable)
{
	(void)r;
	if (killable)
		return down_read_killable(t, sem(mm));
	down_read(t, sem(mm));
	return 0;
}

bool mmap_sem_read_trylock(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	return down_read_trylock(t, sem(mm));
}

void mmap_sem_read_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	up_read(t, sem(mm));
}

bool mmap_sem_write_held(const struct task *t, const struct mm *mm,
			 struct range r)
{
	const struct rwsem *s = sem(mm);

	(void)r;
	return (s->word & RWSEM_WRITER) && s->owner == t;
}
