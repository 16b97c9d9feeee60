/*
 * See book.h. Holds are kept in the task, as those of rw_semaphores are.
 *
 * Invariant: between two calls, time since the last one belongs to who is
 * inside now; a wait's shares of blame sum to the wait.
 * Cost: O(1), with waiters O(op kinds).
 */
#include "sim/base/errbuf.h"
#include "sim/mm/book.h"

static void split(struct book *b, sim_ns now)
{
	if (b->blame)
		blame_many(b->blame, b->ops, b->inside, now);
}

static void come_in(struct task *t, struct book *b, enum lock_side side)
{
	struct held_lock *h = &t->held[t->held_count];

	assert_paid(t->m);
	BUG_ON(t->held_count == TASK_HELD_MAX);
	split(b, t->m->engine.now_ns);
	*h = (struct held_lock){ .lock = b, .since_ns = t->m->engine.now_ns,
				 .op_kind = t->op_kind, .side = (uint8_t)side };
	t->held_count++;
	shorten_enter(t, b->cls, side);
	b->inside++;
	b->ops[t->op_kind]++;
}

void book_enter(struct task *t, struct book *b, enum lock_side side)
{
	come_in(t, b, side);
	lock_acquired(t->m->metrics, b->cls, side, false, 0, 0, 0, 0);
}

void book_wait_begin(struct task *t, struct book *b, struct book_wait *w)
{
	sim_ns now = t->m->engine.now_ns;

	*w = (struct book_wait){ .start_ns = now };
	if (!b->blame)
		b->blame = blame_get(b->cls, now, b->last_op);
	b->blame->waiters++;
	split(b, now);
	blame_start(b->blame, &w->mark);
}

void book_wait_end(struct task *t, struct book *b, struct book_wait *w,
		   enum lock_side side, bool got)
{
	sim_ns now = t->m->engine.now_ns;

	split(b, now);
	if (got)
		blame_end(t->m->metrics, b->cls, b->blame, &w->mark, t->op_kind);
	if (!--b->blame->waiters) {
		blame_put(b->cls, b->blame);
		b->blame = NULL;
	}
	if (!got)
		return;
	come_in(t, b, side);
	lock_acquired(t->m->metrics, b->cls, side, true, now - w->start_ns,
		      w->spin_ns, w->sleep_ns, w->sleeps);
}

/* Index of the hold in the task's list. */
static int find(const struct task *t, const struct book *b, enum lock_side side)
{
	for (int i = t->held_count - 1; i >= 0; i--)
		if (t->held[i].lock == b && t->held[i].side == side)
			return i;
	BUG("%s released by a task that does not hold it", b->cls->name);
}

void book_leave(struct task *t, struct book *b, enum lock_side side)
{
	int i = find(t, b, side);
	struct held_lock h = t->held[i];

	assert_paid(t->m);
	split(b, t->m->engine.now_ns);
	t->held[i] = t->held[--t->held_count];
	shorten_leave(t, b->cls, side);
	lock_released(t->m->metrics, b->cls, side,
		      t->m->engine.now_ns - h.since_ns);
	b->inside--;
	b->ops[h.op_kind]--;
	b->last_op = h.op_kind;
}

void book_downgrade(struct task *t, struct book *b)
{
	book_leave(t, b, SIDE_WRITE);
	book_enter(t, b, SIDE_READ);
}

void book_sleep(struct task *t, struct book_wait *w, bool killable)
{
	w->sleeps++;
	w->sleep_ns += killable ? task_sleep_killable(t) : task_sleep(t);
}
