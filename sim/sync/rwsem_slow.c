/*
 * The slow paths of a rw_semaphore: queueing, sleeping, being granted (readers)
 * or winning the word again (writers), handoff.
 *
 * Invariants: the queue is FIFO under wait_lock; the waiters bit is set
 * whenever the queue is not empty. A reader leaves the queue only by a grant
 * or a signal; a writer only by winning the word itself.
 */
#include <errno.h>
#include "sim/sync/rwsem_impl.h"

static void go_to_sleep(struct rwsem_waiter *w, bool killable)
{
	w->sleeps++;
	w->sleep_ns += killable ? task_sleep_killable(w->t) :
				  task_sleep(w->t);
	work_ns(w->t, 2 * w->t->m->tracer.sched_ns, COST_RECORDED);
	settle(w->t);
}

/* trace_contention_begin() or _end(), in a run as captured. */
static void trace_contention(struct task *t)
{
	work_ns(t, t->m->tracer.contention_ns, COST_RECORDED);
	settle(t);
}

/* ---- readers ---- */

/* Without queueing: the +1 of the failed fast path becomes the lock. */
static void read_steal(struct task *t, struct rwsem *s, uint64_t old_word)
{
	bool first = old_word < RWSEM_READER;

	rwsem_got_read(t, s);
	lock_acquired(t->m->metrics, s->cls, SIDE_READ, false, 0, 0, 0, 0);
	rwsem_store_owner(t, s);
	if (first && (old_word & RWSEM_WAITERS) &&
	    !mutated(MUTATE_STEAL_WAKES_NOBODY))
		rwsem_wake(t, s, RWSEM_WAKE_READ_OWNED);
}

/* A reader that gives up: the head may have been waiting for our place. */
static int read_killed(struct rwsem_waiter *w, struct rwsem *s)
{
	struct task *t = w->t;

	TAILQ_REMOVE(&s->waiters, w, link);
	if (TAILQ_EMPTY(&s->waiters)) {
		rwsem_atomic(t, s);
		s->word &= ~(uint64_t)(RWSEM_WAITERS | RWSEM_HANDOFF);
		rwsem_poke(s);
	}
	spin_unlock_irq(t, &s->wait_lock);
	waiter_end(w, s, false);
	return -EINTR;
}

static int read_wait(struct rwsem_waiter *w, struct rwsem *s, bool killable)
{
	struct task *t = w->t;

	while (!w->granted) {
		if (mutated(MUTATE_GRANT_AFTER_WAKE) && w->woken) {
			waiter_end(w, s, false);
			return killable ? down_read_killable(t, s) :
					  (down_read(t, s), 0);
		}
		if (killable && t->killed) {
			spin_lock_irq(t, &s->wait_lock);
			if (!w->granted)
				return read_killed(w, s);
			spin_unlock_irq(t, &s->wait_lock);
			break;
		}
		go_to_sleep(w, killable);
	}
	trace_contention(t);
	rwsem_hold(t, s, RWSEM_READ_SIDE);
	waiter_end(w, s, true);
	return 0;
}

/*
 * wait_lock held, dropped here. @counted: the +1 of the fast path is still in
 * the word. Return: true if nobody waits and no writer is in: it is ours.
 */
static bool read_queue(struct rwsem_waiter *w, struct rwsem *s, bool counted)
{
	struct rwsem_waiters q = TAILQ_HEAD_INITIALIZER(q);
	bool first = TAILQ_EMPTY(&s->waiters);
	struct task *t = w->t;

	if (first && counted) {
		rwsem_load(t, s);
		if (!(s->word & (RWSEM_WRITER | RWSEM_HANDOFF))) {
			rwsem_got_read(t, s);
			waiter_end(w, s, true);
			spin_unlock_irq(t, &s->wait_lock);
			rwsem_store_owner(t, s);
			return true;
		}
	}
	TAILQ_INSERT_TAIL(&s->waiters, w, link);
	if (first || counted)
		rwsem_atomic(t, s);
	else
		rwsem_load(t, s);
	if (counted)
		s->word -= RWSEM_READER;
	if (first)
		s->word |= RWSEM_WAITERS;
	rwsem_poke(s);
	if (!(s->word & (uint64_t)RWSEM_HELD)) {
		s->nonspinnable = false;
		rwsem_mark_wake(t, s, RWSEM_WAKE_ANY, &q);
	} else if (first && !(s->word & RWSEM_WRITER)) {
		rwsem_mark_wake(t, s, RWSEM_WAKE_ANY, &q);
	}
	trace_contention(t);
	spin_unlock_irq(t, &s->wait_lock);
	rwsem_wake_all(t, &q);
	return false;
}

int rwsem_read_slow(struct task *t, struct rwsem *s, uint64_t old_word,
		    bool killable)
{
	struct rwsem_waiter w;
	bool counted = true;

	if (s->ops->reader_may_steal &&
	    s->ops->reader_may_steal(s, old_word)) {
		read_steal(t, s, old_word);
		return 0;
	}
	waiter_start(&w, t, s, RWSEM_READ_SIDE);
	if (rwsem_reader_spin(&w, s, &counted)) {
		waiter_end(&w, s, true);
		rwsem_store_owner(t, s);
		rwsem_load(t, s);
		if (s->word & RWSEM_WAITERS &&
		    !mutated(MUTATE_STEAL_WAKES_NOBODY))
			rwsem_wake(t, s, RWSEM_WAKE_READ_OWNED);
		return 0;
	}
	spin_lock_irq(t, &s->wait_lock);
	if (read_queue(&w, s, counted))
		return 0;
	return read_wait(&w, s, killable);
}

/* ---- writers ---- */

/* wait_lock held. True: ours, and out of the queue. Else maybe handoff is set. */
static bool try_write_queued(struct rwsem_waiter *w, struct rwsem *s)
{
	bool first = TAILQ_FIRST(&s->waiters) == w, handoff;

	rwsem_atomic(w->t, s);
	w->woken = false;	/* what comes from here on must not be slept over */
	handoff = s->word & RWSEM_HANDOFF;
	if (handoff && !first && !mutated(MUTATE_HANDOFF_STOLEN))
		return false;
	if (s->word & (uint64_t)RWSEM_HELD) {
		if (!handoff && first && rwsem_waited_long(s, w)) {
			s->word |= RWSEM_HANDOFF;
			w->handoff = true;
		}
		return false;
	}
	s->word |= RWSEM_WRITER;
	s->word &= ~(uint64_t)RWSEM_HANDOFF;
	TAILQ_REMOVE(&s->waiters, w, link);
	if (TAILQ_EMPTY(&s->waiters))
		s->word &= ~(uint64_t)RWSEM_WAITERS;
	rwsem_enter_write(w->t, s);
	return true;
}

/* Queue up; with others before us, see whether they should be woken. */
static void write_queue(struct rwsem_waiter *w, struct rwsem *s)
{
	struct rwsem_waiters q = TAILQ_HEAD_INITIALIZER(q);
	bool first = TAILQ_EMPTY(&s->waiters);
	struct task *t = w->t;

	TAILQ_INSERT_TAIL(&s->waiters, w, link);
	if (first) {
		rwsem_atomic(t, s);
		s->word |= RWSEM_WAITERS;
		return;
	}
	rwsem_load(t, s);
	if (s->word & RWSEM_WRITER)
		return;
	if (s->word < RWSEM_READER && !s->ops->handoff_after_ns)
		return;		/* free: no handoff bit can stand in our way */
	rwsem_mark_wake(t, s, s->word >= RWSEM_READER ? RWSEM_WAKE_READERS :
			RWSEM_WAKE_ANY, &q);
	if (TAILQ_EMPTY(&q))
		return;
	spin_unlock_irq(t, &s->wait_lock);
	rwsem_wake_all(t, &q);
	spin_lock_irq(t, &s->wait_lock);
}

static int write_killed(struct rwsem_waiter *w, struct rwsem *s)
{
	struct rwsem_waiters q = TAILQ_HEAD_INITIALIZER(q);
	struct task *t = w->t;

	spin_lock_irq(t, &s->wait_lock);
	TAILQ_REMOVE(&s->waiters, w, link);
	rwsem_atomic(t, s);
	if (w->handoff)
		s->word &= ~(uint64_t)RWSEM_HANDOFF;
	if (TAILQ_EMPTY(&s->waiters))
		s->word &= ~(uint64_t)RWSEM_WAITERS;
	rwsem_poke(s);
	if (!TAILQ_EMPTY(&s->waiters))
		rwsem_mark_wake(t, s, RWSEM_WAKE_ANY, &q);
	spin_unlock_irq(t, &s->wait_lock);
	rwsem_wake_all(t, &q);
	waiter_end(w, s, false);
	return -EINTR;
}

/*
 * Sleep until it is worth trying again: nobody inside, or first in the queue
 * for long enough to ask for the lock. Return: false if killed.
 */
static bool write_sleep(struct rwsem_waiter *w, struct rwsem *s, bool killable)
{
	struct task *t = w->t;

	for (;;) {
		if (killable && t->killed)
			return false;
		if (!w->woken)
			go_to_sleep(w, killable);
		w->woken = false;
		if (w->handoff)
			return true;
		rwsem_load(t, s);
		if (!(s->word & (uint64_t)RWSEM_HELD))
			return true;
		if (TAILQ_FIRST(&s->waiters) == w && rwsem_waited_long(s, w))
			return true;
	}
}

int rwsem_write_slow(struct task *t, struct rwsem *s, bool killable)
{
	struct rwsem_waiter w;
	bool stop_readers;

	waiter_start(&w, t, s, RWSEM_WRITE_SIDE);
	if (rwsem_writer_spin(t, s, &w.spin_ns)) {
		waiter_end(&w, s, true);
		rwsem_store_owner(t, s);
		return 0;
	}
	spin_lock_irq(t, &s->wait_lock);
	/* seen to be futile: readers shall not spin on us, either */
	stop_readers = s->ops->reader_spins &&
		       (s->nonspinnable || s->reader_nonspinnable) &&
		       !mutated(MUTATE_WRITER_LETS_READERS_SPIN);
	write_queue(&w, s);
	trace_contention(t);
	while (!try_write_queued(&w, s)) {
		spin_unlock_irq(t, &s->wait_lock);
		if (!w.handoff || !rwsem_spin_for_handoff(t, s)) {
			if (!write_sleep(&w, s, killable))
				return write_killed(&w, s);
		}
		spin_lock_irq(t, &s->wait_lock);
	}
	s->reader_nonspinnable = stop_readers;
	waiter_end(&w, s, true);
	rwsem_store_owner(t, s);
	spin_unlock_irq(t, &s->wait_lock);
	return 0;
}
