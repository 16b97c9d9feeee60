/*
 * Mutex.
 *
 * One atomic when free. Else the task spins while the owner is on a CPU (OSQ:
 * one polls) and takes the lock past sleepers; if the owner sleeps, or the CPU
 * is wanted, it queues and sleeps. A first sleeper that was woken in vain asks
 * for a handoff and spins beside the OSQ; the next release then makes it the
 * owner, and nobody can steal.
 *
 * Invariants: owner is the truth; the queue is FIFO under wait_lock; a decision
 * about the owner is made in the instant in which its atomic has been paid. A
 * waiter is woken under wait_lock, so it cannot have left before.
 *
 * Cost: O(1); with waiters, O(op kinds) at each change of owner.
 */
#include <errno.h>
#include <string.h>
#include "sim/machine/mutation.h"
#include "sim/metrics/events.h"
#include "sim/sync/mutex.h"
#include "sim/sync/osq.h"

struct mutex_waiter {
	struct task *t;
	TAILQ_ENTRY(mutex_waiter) link;
	bool woken;
	unsigned sleeps;
	sim_ns start_ns;
	int64_t spin_ns, sleep_ns;
	struct blame_mark mark;
};

void mutex_init(struct machine *m, struct mutex *l, struct line *line,
		struct lock_class *cls)
{
	memset(l, 0, sizeof(*l));
	l->line = line;
	l->cls = cls;
	if (!cls->inner)
		cls->inner = metrics_lock(m->metrics, "mutex_wait_lock", false);
	spin_init(&l->wait_lock, line, cls->inner);
	TAILQ_INIT(&l->waiters);
	TAILQ_INIT(&l->spinners);
}

void mutex_release(struct mutex *l)
{
	BUG_ON(l->owner || !TAILQ_EMPTY(&l->waiters) || l->blame);
}

static void atomic(struct task *t, struct mutex *l)
{
	line_rmw(t, l->line);
	settle(t);
}

static void split_blame(struct mutex *l, sim_ns now)
{
	if (l->blame)
		blame_one(l->blame, l->owner ? l->owner_op : -1, now);
}

static void own(struct task *t, struct mutex *l)
{
	split_blame(l, t->m->engine.now_ns);
	l->owner = t;
	l->owner_op = t->op_kind;
	l->held_since_ns = t->m->engine.now_ns;
}

/* The atomic has just been paid for. */
static bool try_lock(struct task *t, struct mutex *l)
{
	if (l->granted && l->owner == t) {
		l->granted = false;
		return true;
	}
	if (l->owner)
		return false;
	own(t, l);
	return true;
}

static void got(struct task *t, struct mutex *l, struct mutex_waiter *w)
{
	struct metrics *me = t->m->metrics;
	sim_ns now = t->m->engine.now_ns;

	shorten_enter(t, l->cls, SIDE_WRITE);
	if (w)
		lock_acquired(me, l->cls, SIDE_WRITE, true, now - w->start_ns,
			      w->spin_ns, w->sleep_ns, w->sleeps);
	else
		lock_acquired(me, l->cls, SIDE_WRITE, false, 0, 0, 0, 0);
	if (__builtin_expect(me->events != NULL, 0))
		event_got(me->events, now, t->id, &l->event, l->cls, true);
}

/* ---- spinning ---- */

static void poke(struct mutex *l, struct task *t)
{
	if (t && t->spinning)
		task_spin_end(t, line_share(t->m, l->line, t->cpu->id));
}

static bool owner_runs(const struct mutex *l)
{
	return !l->owner || task_on_cpu(l->owner);
}

/* Poll until it is ours, or not worth it. */
static bool spin_on_owner(struct task *t, struct mutex *l)
{
	for (;;) {
		line_read(t, l->line);
		settle(t);
		if (!l->owner || (l->granted && l->owner == t)) {
			atomic(t, l);
			if (try_lock(t, l))
				return true;
			continue;
		}
		if (!owner_runs(l))
			return false;
		if (task_spin_on(t, l->owner, true, INT64_MAX) == SPIN_RESCHED)
			return false;
	}
}

static bool optimistic_spin(struct mutex_waiter *w, struct mutex *l)
{
	struct task *t = w->t;
	sim_ns start = t->m->engine.now_ns;
	bool taken = false;

	if (mutated(MUTATE_MUTEX_NO_SPIN) || t->need_resched || !owner_runs(l))
		return false;
	preempt_disable(t);
	atomic(t, l);
	if (osq_join(t, &l->spinners, true)) {
		taken = spin_on_owner(t, l);
		osq_leave(t, &l->spinners);
	}
	w->spin_ns += t->m->engine.now_ns - start;
	preempt_enable(t);
	return taken;
}

/* The first sleeper does not join the OSQ: the lock will be handed to it. */
static bool spin_as_first(struct mutex_waiter *w, struct mutex *l)
{
	struct task *t = w->t;
	sim_ns start = t->m->engine.now_ns;
	bool taken;

	if (mutated(MUTATE_MUTEX_NO_SPIN) || t->need_resched || !owner_runs(l))
		return false;
	preempt_disable(t);
	l->first_spinner = t;
	taken = spin_on_owner(t, l);
	l->first_spinner = NULL;
	w->spin_ns += t->m->engine.now_ns - start;
	preempt_enable(t);
	return taken;
}

/* ---- sleeping ---- */

static void wait_start(struct mutex_waiter *w, struct task *t, struct mutex *l)
{
	struct metrics *me = t->m->metrics;

	memset(w, 0, sizeof(*w));
	w->t = t;
	w->start_ns = t->m->engine.now_ns;
	if (!l->blame)
		l->blame = blame_get(l->cls, w->start_ns, l->owner_op);
	l->blame->waiters++;
	split_blame(l, w->start_ns);
	blame_start(l->blame, &w->mark);
	if (__builtin_expect(me->events != NULL, 0))
		event_wait(me->events, w->start_ns, t->id, &l->event, l->cls,
			   true);
}

static void wait_end(struct mutex_waiter *w, struct mutex *l, bool taken)
{
	split_blame(l, w->t->m->engine.now_ns);
	if (taken) {
		blame_end(w->t->m->metrics, l->cls, l->blame, &w->mark,
			  w->t->op_kind);
		got(w->t, l, w);
	}
	if (!--l->blame->waiters) {
		blame_put(l->cls, l->blame);
		l->blame = NULL;
	}
}

/* wait_lock held, dropped in between. True: ours; false: killed. */
static bool sleep_for_it(struct mutex_waiter *w, struct mutex *l, bool killable)
{
	struct task *t = w->t;

	for (;;) {
		atomic(t, l);
		w->woken = false;
		if (try_lock(t, l))
			return true;
		if (killable && t->killed)
			return false;
		spin_unlock(t, &l->wait_lock);
		if (!w->woken) {
			w->sleeps++;
			w->sleep_ns += killable ? task_sleep_killable(t) :
						  task_sleep(t);
		}
		if (TAILQ_FIRST(&l->waiters) == w) {
			atomic(t, l);
			if (try_lock(t, l))
				break;
			l->handoff = !mutated(MUTATE_MUTEX_NO_HANDOFF);
			if (spin_as_first(w, l))
				break;
		}
		spin_lock(t, &l->wait_lock);
	}
	spin_lock(t, &l->wait_lock);
	return true;
}

static int lock_slow(struct task *t, struct mutex *l, bool killable)
{
	struct mutex_waiter w;
	bool taken;

	wait_start(&w, t, l);
	if (optimistic_spin(&w, l)) {
		wait_end(&w, l, true);
		return 0;
	}
	spin_lock(t, &l->wait_lock);
	TAILQ_INSERT_TAIL(&l->waiters, &w, link);
	taken = sleep_for_it(&w, l, killable);
	if (TAILQ_FIRST(&l->waiters) == &w)
		l->handoff = false;
	TAILQ_REMOVE(&l->waiters, &w, link);
	wait_end(&w, l, taken);
	spin_unlock(t, &l->wait_lock);
	return taken ? 0 : -EINTR;
}

/* ---- outside ---- */

int mutex_lock_killable(struct task *t, struct mutex *l)
{
	might_resched(t);
	atomic(t, l);
	if (l->owner)
		return lock_slow(t, l, true);
	own(t, l);
	got(t, l, NULL);
	return 0;
}

void mutex_lock(struct task *t, struct mutex *l)
{
	might_resched(t);
	atomic(t, l);
	if (l->owner) {
		lock_slow(t, l, false);
		return;
	}
	own(t, l);
	got(t, l, NULL);
}

bool mutex_trylock(struct task *t, struct mutex *l)
{
	line_read(t, l->line);
	settle(t);
	if (!l->owner)
		atomic(t, l);
	if (l->owner) {
		lock_trylock_failed(t->m->metrics, l->cls, SIDE_WRITE);
		return false;
	}
	own(t, l);
	got(t, l, NULL);
	return true;
}

/* The owner is out: @next has it, or nobody. */
static void leave(struct task *t, struct mutex *l, struct task *next)
{
	struct metrics *me = t->m->metrics;
	sim_ns now = t->m->engine.now_ns;

	BUG_ON(l->owner != t);
	shorten_leave(t, l->cls, SIDE_WRITE);
	lock_released(me, l->cls, SIDE_WRITE, now - l->held_since_ns);
	if (__builtin_expect(me->events != NULL, 0))
		event_free(me->events, now, t->id, &l->event);
	split_blame(l, now);
	l->owner = NULL;
	l->handoff = false;
	if (next)
		own(next, l);
	l->granted = next;
	poke(l, l->first_spinner);
	poke(l, TAILQ_FIRST(&l->spinners));
}

void mutex_unlock(struct task *t, struct mutex *l)
{
	struct mutex_waiter *w;

	atomic(t, l);
	if (!l->handoff) {
		leave(t, l, NULL);
		if (TAILQ_EMPTY(&l->waiters))
			return;
	}
	spin_lock(t, &l->wait_lock);
	w = TAILQ_FIRST(&l->waiters);
	if (l->owner == t)	/* else it is out, and maybe in other hands */
		leave(t, l, w ? w->t : NULL);
	if (w) {
		w->woken = true;
		task_wake(NULL, w->t);
		work(t, COST_WAKE_LOCAL, 1);
	}
	spin_unlock(t, &l->wait_lock);
}
