#ifndef MMREPLAY_SYNC_SPINLOCK_H
#define MMREPLAY_SYNC_SPINLOCK_H

#include "sim/machine/line.h"

/*
 * Queued spinlock: one atomic when free; otherwise FIFO (MCS), each waiter
 * burning its CPU. The hand-over costs one line transfer from the holder's
 * CPU to the next waiter's. Preemption is off from lock to unlock.
 */
struct spinlock {
	struct line *line;
	struct task *holder;
	struct task_queue waiters;
	struct lock_class *cls;		/* statistics */
	sim_ns held_since_ns;
	uint8_t holder_op;
	uint32_t event;			/* number in the event log */
	struct blame *blame;		/* while there are waiters */
};

void spin_init(struct spinlock *l, struct line *line, struct lock_class *cls);
void spin_lock(struct task *t, struct spinlock *l);
bool spin_trylock(struct task *t, struct spinlock *l);
void spin_unlock(struct task *t, struct spinlock *l);
void spin_lock_irq(struct task *t, struct spinlock *l);
void spin_unlock_irq(struct task *t, struct spinlock *l);

#endif
