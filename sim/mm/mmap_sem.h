#ifndef MMREPLAY_MM_MMAP_SEM_H
#define MMREPLAY_MM_MMAP_SEM_H

#include "sim/mm/mm.h"

/*
 * mmap_lock as the rw_semaphore that it is in every kernel so far, as hooks of
 * struct mm_lock_ops: a policy that keeps it takes them as they are, or calls
 * them from hooks that do more. Its state of an mm begins with a struct rwsem.
 * The range is ignored: it is all or nothing. Costs: those of sim/sync/rwsem.h.
 */

void mmap_sem_init(struct mm *mm);
void mmap_sem_release(struct mm *mm);
/** mmap_sem_write() - Return: 0, or -EINTR if @killable and @t was killed */
int mmap_sem_write(struct task *t, struct mm *mm, struct range r, bool killable);
void mmap_sem_downgrade(struct task *t, struct mm *mm, struct range r);
void mmap_sem_write_end(struct task *t, struct mm *mm, struct range r);
/** mmap_sem_read() - Return: as mmap_sem_write() */
int mmap_sem_read(struct task *t, struct mm *mm, struct range r, bool killable);
bool mmap_sem_read_trylock(struct task *t, struct mm *mm, struct range r);
void mmap_sem_read_end(struct task *t, struct mm *mm, struct range r);
/** mmap_sem_write_held() - does @t have it for writing, by the lock word */
bool mmap_sem_write_held(const struct task *t, const struct mm *mm,
			 struct range r);

#endif
