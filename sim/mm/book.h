#ifndef MMREPLAY_MM_BOOK_H
#define MMREPLAY_MM_BOOK_H

#include "sim/machine/machine.h"

/*
 * The books of a lock that a policy builds itself: acquisitions, waits, holds
 * and blame, as the locks of sim/sync keep them. Recording costs no simulated
 * time; each call belongs to the instant in which the lock word changes.
 */

/** struct book - of one lock */
struct book {
	struct lock_class *cls;
	struct blame *blame;		/* while there are waiters */
	uint32_t inside;
	uint8_t last_op;
	uint16_t ops[METRIC_OPS_MAX];	/* who is inside, by op kind */
};

/** struct book_wait - one wait, on the waiter's stack */
struct book_wait {
	sim_ns start_ns;
	int64_t spin_ns, sleep_ns;	/* filled by the waiter */
	unsigned sleeps;
	struct blame_mark mark;
};

/** book_enter() - @t has the lock, without having waited */
void book_enter(struct task *t, struct book *b, enum lock_side side);
void book_wait_begin(struct task *t, struct book *b, struct book_wait *w);
/** book_wait_end() - the wait is over: @t has the lock if @got */
void book_wait_end(struct task *t, struct book *b, struct book_wait *w,
		   enum lock_side side, bool got);
void book_leave(struct task *t, struct book *b, enum lock_side side);
/** book_downgrade() - the writer @t is a reader from now on */
void book_downgrade(struct task *t, struct book *b);
/** book_sleep() - task_sleep(), or its killable form, counted as part of @w */
void book_sleep(struct task *t, struct book_wait *w, bool killable);

#endif
