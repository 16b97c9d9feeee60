/*
 * Queued spinlock.
 *
 * One atomic when free. A waiter queues and burns its CPU on its own node, so
 * waiting costs no traffic; the release hands the lock to the first waiter,
 * one line transfer away. FIFO; nobody steals from a queue.
 *
 * Invariant: holder is set from the instant of the winning atomic or of the
 * hand-over to the instant of the release; waiters exist only behind a holder.
 * Every decision is made at the instant at which the atomic has been paid.
 */
#include "sim/machine/mutation.h"
#include "sim/sync/spinlock.h"

void spin_init(struct spinlock *l, struct line *line, struct lock_class *cls)
{
	l->line = line;
	l->holder = NULL;
	TAILQ_INIT(&l->waiters);
	l->cls = cls;
	l->held_since_ns = 0;
	l->event = 0;
	l->blame = NULL;
}

static void spin_own(struct spinlock *l, struct task *t)
{
	l->holder = t;
	l->holder_op = t->op_kind;
	l->held_since_ns = t->m->engine.now_ns;
}

/* @t has the lock now, and knows it. */
static void spin_got(struct task *t, struct spinlock *l)
{
	struct event_log *log = t->m->metrics->events;

	shorten_enter(t, l->cls, SIDE_WRITE);
	if (__builtin_expect(log != NULL, 0))
		event_got(log, t->m->engine.now_ns, t->id, &l->event, l->cls,
			  true);
}

static void spin_wait(struct task *t, struct spinlock *l)
{
	struct metrics *me = t->m->metrics;
	struct blame_mark mark;
	sim_ns start = t->m->engine.now_ns;
	int64_t ns;

	if (!l->blame)
		l->blame = blame_get(l->cls, start, l->holder_op);
	l->blame->waiters++;
	blame_one(l->blame, l->holder_op, start);
	blame_start(l->blame, &mark);
	if (__builtin_expect(me->events != NULL, 0))
		event_wait(me->events, start, t->id, &l->event, l->cls, true);
	if (mutated(MUTATE_SPIN_LIFO))
		TAILQ_INSERT_HEAD(&l->waiters, t, wait_link);
	else
		TAILQ_INSERT_TAIL(&l->waiters, t, wait_link);
	do
		task_spin(t, false, INT64_MAX);
	while (l->holder != t);
	ns = t->m->engine.now_ns - start;
	/* on its way to us, the lock was still the last holder's doing */
	blame_one(l->blame, l->blame->last_op, start + ns);
	blame_end(me, l->cls, l->blame, &mark, t->op_kind);
	if (!--l->blame->waiters) {
		blame_put(l->cls, l->blame);
		l->blame = NULL;
	}
	l->held_since_ns = start + ns;
	lock_acquired(me, l->cls, SIDE_WRITE, true, ns, ns, 0, 0);
	spin_got(t, l);
}

void spin_lock(struct task *t, struct spinlock *l)
{
	preempt_disable(t);
	line_rmw(t, l->line);
	settle(t);
	if (l->holder) {
		BUG_ON(l->holder == t);
		spin_wait(t, l);
		return;
	}
	spin_own(l, t);
	lock_acquired(t->m->metrics, l->cls, SIDE_WRITE, false, 0, 0, 0, 0);
	spin_got(t, l);
}

bool spin_trylock(struct task *t, struct spinlock *l)
{
	preempt_disable(t);
	line_read(t, l->line);
	settle(t);
	if (!l->holder) {
		line_rmw(t, l->line);
		settle(t);
	}
	if (l->holder) {
		preempt_enable(t);
		lock_trylock_failed(t->m->metrics, l->cls, SIDE_WRITE);
		return false;
	}
	spin_own(l, t);
	lock_acquired(t->m->metrics, l->cls, SIDE_WRITE, false, 0, 0, 0, 0);
	spin_got(t, l);
	return true;
}

void spin_unlock(struct task *t, struct spinlock *l)
{
	struct task *next;
	sim_ns now;

	line_write(t, l->line);
	settle(t);
	BUG_ON(l->holder != t);
	shorten_leave(t, l->cls, SIDE_WRITE);
	now = t->m->engine.now_ns;
	lock_released(t->m->metrics, l->cls, SIDE_WRITE,
		      now - l->held_since_ns);
	if (__builtin_expect(t->m->metrics->events != NULL, 0))
		event_free(t->m->metrics->events, now, t->id, &l->event);
	next = TAILQ_FIRST(&l->waiters);
	if (l->blame)
		blame_one(l->blame, l->holder_op, now);
	l->holder = NULL;
	if (next) {
		TAILQ_REMOVE(&l->waiters, next, wait_link);
		spin_own(l, next);
		task_spin_end(next, line_hand_over(t->m, l->line,
						   next->cpu->id));
	}
	preempt_enable(t);
}

void spin_lock_irq(struct task *t, struct spinlock *l)
{
	irq_disable(t);
	spin_lock(t, l);
}

void spin_unlock_irq(struct task *t, struct spinlock *l)
{
	spin_unlock(t, l);
	irq_enable(t);
}
