/*
 * Waking the waiters of a rw_semaphore.
 *
 * Rules (the limits are the flavour's): a writer at the head is told to try,
 * alone, and may still lose against a thief. A reader at the head brings the
 * other waiting readers with it: from 5.3 on past queued writers, up to 256;
 * before, those next to it. They are counted into the word and leave the queue before they are
 * woken. After a downgrade only a reader at the head is considered.
 *
 * Invariant: wait_lock protects the queue; wake-ups go out after it is dropped.
 * A waiter that leaves before its wake-up came takes itself off the list.
 *
 * Cost: O(queue) for a reader head, O(1) for a writer.
 */
#include "sim/sync/rwsem_impl.h"

static void wake_list_add(struct rwsem_waiters *q, struct rwsem_waiter *w)
{
	if (w->on)
		return;		/* somebody else is about to wake it */
	w->on = q;
	TAILQ_INSERT_TAIL(q, w, wake_link);
}

void rwsem_wake_all(struct task *t, struct rwsem_waiters *q)
{
	struct rwsem_waiter *w;

	for (;;) {
		settle(t);	/* time may pass: who is left is seen after it */
		w = TAILQ_FIRST(q);
		if (!w)
			return;
		TAILQ_REMOVE(q, w, wake_link);
		w->on = NULL;
		task_wake(t, w->t);
	}
}

void rwsem_wake(struct task *t, struct rwsem *s, enum rwsem_wake how)
{
	struct rwsem_waiters q = TAILQ_HEAD_INITIALIZER(q);

	work(t, COST_LINE_WRITE, 1);	/* the list, on the stack */
	spin_lock_irq(t, &s->wait_lock);
	if (!TAILQ_EMPTY(&s->waiters))
		rwsem_mark_wake(t, s, how, &q);
	spin_unlock_irq(t, &s->wait_lock);
	rwsem_wake_all(t, &q);
}

/*
 * The first grant, before counting: it keeps writers from stealing meanwhile.
 * Return: false if a writer has the lock.
 */
static bool grant_first(struct task *t, struct rwsem *s, struct rwsem_waiter *w)
{
	uint64_t old;

	rwsem_atomic(t, s);
	old = s->word;
	s->word += RWSEM_READER;
	if (!(old & RWSEM_WRITER)) {
		rwsem_set_reader_owned(s, w->t);
		rwsem_store_owner(t, s);
		if (w->no_reader_spin && s->ops->reader_spins &&
		    !mutated(MUTATE_READER_FORGETS_FUTILE))
			s->reader_nonspinnable = true;
		return true;
	}
	rwsem_atomic(t, s);
	s->word -= RWSEM_READER;
	if (rwsem_waited_long(s, w))
		s->word |= RWSEM_HANDOFF;
	rwsem_poke(s);
	return false;
}

static uint32_t wake_limit(const struct rwsem *s)
{
	if (mutated(MUTATE_WAKE_ONE_READER))
		return 1;
	if (mutated(MUTATE_WAKE_NO_LIMIT))
		return UINT32_MAX;
	return s->ops->wake_readers_max;
}

/* Readers from the head on leave the queue for @granted. */
static uint32_t take_readers(struct rwsem *s, struct rwsem_waiters *granted)
{
	bool skip = s->ops->wake_skips_writers &&
		    !mutated(MUTATE_WAKE_CONTIGUOUS);
	struct rwsem_waiter *w, *next;
	uint32_t count = 0;

	for (w = TAILQ_FIRST(&s->waiters); w && count < wake_limit(s); w = next) {
		next = TAILQ_NEXT(w, link);
		if (w->side == RWSEM_WRITE_SIDE) {
			if (!skip)
				break;
			continue;
		}
		TAILQ_REMOVE(&s->waiters, w, link);
		TAILQ_INSERT_TAIL(granted, w, link);
		count++;
	}
	return count;
}

static void grant(struct task *t, struct rwsem *s, struct rwsem_waiter *w,
		  struct rwsem_waiters *q)
{
	sim_ns now = t->m->engine.now_ns;

	if (mutated(MUTATE_GRANT_AFTER_WAKE)) {
		w->woken = true;
		wake_list_add(q, w);
		return;
	}
	rwsem_split_blame(s, now);
	blame_end(t->m->metrics, s->cls, s->blame, &w->mark, w->op_kind);
	w->granted = true;
	w->granted_ns = now;
	w->granter_op = s->blame->last_op;
	rwsem_enter_read(t, s, w->op_kind);
	wake_list_add(q, w);
}

static void wake_readers(struct task *t, struct rwsem *s, bool one_counted,
			 struct rwsem_waiters *q)
{
	struct rwsem_waiters granted = TAILQ_HEAD_INITIALIZER(granted);
	uint32_t count = take_readers(s, &granted);
	struct rwsem_waiter *w;

	rwsem_atomic(t, s);
	if (mutated(MUTATE_GRANT_AFTER_WAKE))
		count = 0;
	s->word += ((uint64_t)count - one_counted) * RWSEM_READER;
	if (TAILQ_EMPTY(&s->waiters))
		s->word &= ~(uint64_t)RWSEM_WAITERS;
	if (s->word & RWSEM_HANDOFF) {
		s->word &= ~(uint64_t)RWSEM_HANDOFF;
		rwsem_poke(s);	/* it may have kept a spinning reader out */
	}
	while ((w = TAILQ_FIRST(&granted))) {
		TAILQ_REMOVE(&granted, w, link);
		grant(t, s, w, q);
	}
}

void rwsem_mark_wake(struct task *t, struct rwsem *s, enum rwsem_wake how,
		     struct rwsem_waiters *q)
{
	struct rwsem_waiter *first = TAILQ_FIRST(&s->waiters);

	if (first->side == RWSEM_WRITE_SIDE &&
	    !(how == RWSEM_WAKE_READ_OWNED &&
	      mutated(MUTATE_DOWNGRADE_PAST_WRITER))) {
		if (how == RWSEM_WAKE_ANY) {
			first->woken = true;
			wake_list_add(q, first);
		}
		return;
	}
	if (how != RWSEM_WAKE_READ_OWNED && !grant_first(t, s, first))
		return;
	wake_readers(t, s, how != RWSEM_WAKE_READ_OWNED, q);
}
