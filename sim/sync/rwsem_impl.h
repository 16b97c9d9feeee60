#ifndef MMREPLAY_SYNC_RWSEM_IMPL_H
#define MMREPLAY_SYNC_RWSEM_IMPL_H

#include "sim/machine/mutation.h"
#include "sim/sync/rwsem.h"

/* Inside the rw_semaphore: shared by its files. Rooms above use rwsem.h. */

enum {
	RWSEM_READERS_SHIFT = 8,
	RWSEM_HELD = ~0xff | RWSEM_WRITER,	/* any reader or the writer */
};

/**
 * struct rwsem_waiter - one task in the slow path, on its stack
 * @granted: a reader that owns the lock from granted_ns on
 * @woken: a writer was told to try; checked before it sleeps
 * @on: the list of a waker that has not come to wake this task yet
 * @last_reader: who had it for reading when a reader came; NULL: nobody
 * @no_reader_spin: readers were told not to spin when it came
 */
struct rwsem_waiter {
	struct task *t;
	TAILQ_ENTRY(rwsem_waiter) link, wake_link;
	struct rwsem_waiters *on;
	enum rwsem_side side;
	uint8_t op_kind, granter_op;
	bool granted, woken, handoff, no_reader_spin;
	const struct task *last_reader;
	unsigned sleeps;
	sim_ns start_ns, granted_ns;
	int64_t spin_ns, sleep_ns;
	struct blame_mark mark;
};

enum rwsem_wake { RWSEM_WAKE_ANY, RWSEM_WAKE_READERS, RWSEM_WAKE_READ_OWNED };

/* ---- rwsem.c: word, owner, books ---- */

/** rwsem_atomic() - pay for a locked access; the word may be changed in the
 *  instant of the return, and is what it is in that instant */
void rwsem_atomic(struct task *t, struct rwsem *s);

/** rwsem_store_owner() - pay for the store to the owner, whose value was set at
 *  the instant of the atomic */
void rwsem_store_owner(struct task *t, struct rwsem *s);

/** rwsem_load() - pay for reading the word and the owner */
void rwsem_load(struct task *t, struct rwsem *s);

/** rwsem_poke() - word or owner changed: the polling spinner will see it */
void rwsem_poke(struct rwsem *s);

/** rwsem_split_blame() - holders are about to change, or a wait begins or ends */
void rwsem_split_blame(struct rwsem *s, sim_ns now);

void rwsem_enter_read(struct task *t, struct rwsem *s, uint8_t op_kind);
void rwsem_enter_write(struct task *t, struct rwsem *s);
void rwsem_set_reader_owned(struct rwsem *s, struct task *t);

/** rwsem_got_read() - @t has got it for reading, now: truth, owner, hold time */
void rwsem_got_read(struct task *t, struct rwsem *s);

/** rwsem_hold() - @t is inside from now on, for the hold time */
void rwsem_hold(struct task *t, struct rwsem *s, enum rwsem_side side);

/** rwsem_unhold() - @t leaves, or stops to count as @side. Return: the op kind
 *  that it was counted under */
uint8_t rwsem_unhold(struct task *t, struct rwsem *s, enum rwsem_side side);

/** rwsem_waited_long() - may @w ask for the lock to be handed over? */
bool rwsem_waited_long(const struct rwsem *s, const struct rwsem_waiter *w);

void waiter_start(struct rwsem_waiter *w, struct task *t, struct rwsem *s,
		  enum rwsem_side side);
/** waiter_end() - wait over; @got: book it as an acquisition */
void waiter_end(struct rwsem_waiter *w, struct rwsem *s, bool got);

/* ---- rwsem_wake.c ---- */

/** rwsem_mark_wake() - wait_lock held; who shall be woken goes to @q */
void rwsem_mark_wake(struct task *t, struct rwsem *s, enum rwsem_wake how,
		     struct rwsem_waiters *q);
void rwsem_wake_all(struct task *t, struct rwsem_waiters *q);
/** rwsem_wake() - take wait_lock, mark, drop it, wake */
void rwsem_wake(struct task *t, struct rwsem *s, enum rwsem_wake how);

/* ---- rwsem_spin.c ---- */

/** rwsem_writer_spin() - optimistic spinning; true: the lock is ours.
 *  @spin_ns: what it took is added */
bool rwsem_writer_spin(struct task *t, struct rwsem *s, int64_t *spin_ns);

/** rwsem_reader_spin() - readers spin, where the flavour says so
 *  @counted: cleared if the task is no longer counted in the word
 *  Return: true: inside. */
bool rwsem_reader_spin(struct rwsem_waiter *w, struct rwsem *s, bool *counted);

/** rwsem_spin_for_handoff() - after setting handoff: wait while a running writer
 *  owns it. Return: true if nobody owns it now: try again without sleeping */
bool rwsem_spin_for_handoff(struct task *t, struct rwsem *s);

/* ---- rwsem_slow.c ---- */

int rwsem_read_slow(struct task *t, struct rwsem *s, uint64_t old_word,
		    bool killable);
int rwsem_write_slow(struct task *t, struct rwsem *s, bool killable);

#endif
