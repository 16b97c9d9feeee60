#ifndef MMREPLAY_SYNC_MUTEX_H
#define MMREPLAY_SYNC_MUTEX_H

#include "sim/sync/spinlock.h"

/*
 * Mutex, kernel/locking/mutex.c since 4.10: adaptive spinning while the owner
 * runs, a FIFO of sleepers, and handoff to the first sleeper once it has been
 * woken in vain. Left out: wait/wound, real-time tasks.
 */

struct mutex_waiter;
TAILQ_HEAD(mutex_waiters, mutex_waiter);

enum { MUTEX_SIM_BYTES = 32 };

/** struct mutex - 32 simulated bytes, one line
 *  @granted: the owner was given the lock and has not noticed yet */
struct mutex {
	struct line *line;
	struct task *owner;
	bool handoff, granted;
	struct spinlock wait_lock;
	struct mutex_waiters waiters;
	struct task_queue spinners;	/* OSQ */
	struct task *first_spinner;	/* first sleeper, woken, spins beside it */
	struct lock_class *cls;
	sim_ns held_since_ns;
	uint8_t owner_op;
	uint32_t event;			/* number in the event log */
	struct blame *blame;		/* while there are waiters */
};

void mutex_init(struct machine *m, struct mutex *l, struct line *line,
		struct lock_class *cls);
void mutex_release(struct mutex *l);

/* All from fiber context; killable: -EINTR if killed while it slept, else 0. */
void mutex_lock(struct task *t, struct mutex *l);
int mutex_lock_killable(struct task *t, struct mutex *l);
bool mutex_trylock(struct task *t, struct mutex *l);
void mutex_unlock(struct task *t, struct mutex *l);

#endif
