/*
 * rw_semaphore: fast paths, release, downgrade, and the books of a lock.
 *
 * Invariants: write_held and readers say who is really inside, and never both;
 * the word agrees, but may count readers that are about to undo their attempt.
 * A decision about the word is made in the instant in which the access has
 * been paid for: rwsem_atomic() returns at that instant, and from there to the
 * change of the word no accessor runs.
 *
 * Cost: one contended line and O(1) work in the fast paths; with waiters,
 * each change of holders splits blame in O(op kinds).
 */
#include <errno.h>
#include <string.h>
#include "sim/sync/rwsem_impl.h"

void rwsem_init(struct machine *m, struct rwsem *s, const struct rwsem_ops *ops,
		struct line *line, struct lock_class *cls)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->line = s->owner_line = s->queue_line = line;
	s->cls = cls;
	if (!cls->inner)
		cls->inner = metrics_lock(m->metrics, "rwsem_wait_lock", false);
	spin_init(&s->wait_lock, line, cls->inner);
	TAILQ_INIT(&s->waiters);
	TAILQ_INIT(&s->spinners);
}

void rwsem_init_at(struct machine *m, struct rwsem *s,
		   const struct rwsem_ops *ops, struct lock_class *cls,
		   const struct place *p, uint32_t offset)
{
	rwsem_init(m, s, ops, place_line(m, p, offset), cls);
	s->owner_line = place_line(m, p, offset + ops->owner_offset);
	s->queue_line = place_line(m, p, offset + ops->queue_offset);
	spin_init(&s->wait_lock, s->queue_line, cls->inner);
}

void rwsem_release(struct rwsem *s)
{
	BUG_ON(s->write_held || s->readers || !TAILQ_EMPTY(&s->waiters));
	BUG_ON(s->blame || s->bias.readers);
}

/* ---- word and owner ---- */

void rwsem_atomic(struct task *t, struct rwsem *s)
{
	struct task *head;

	line_rmw(t, s->line);
	settle(t);
	/* whoever polls the word has it back at once, and we lose it */
	head = TAILQ_FIRST(&s->spinners);
	if (head && head != t && head->spinning)
		line_share(t->m, s->line, head->cpu->id);
}

void rwsem_load(struct task *t, struct rwsem *s)
{
	line_read(t, s->line);
	settle(t);
}

void rwsem_store_owner(struct task *t, struct rwsem *s)
{
	if (mutated(MUTATE_OWNER_UNPAID))
		return;
	line_write(t, s->owner_line);
	settle(t);
}

static void poke(struct rwsem *s, struct task *t)
{
	if (t && t->spinning)
		task_spin_end(t, line_share(t->m, s->line, t->cpu->id));
}

void rwsem_poke(struct rwsem *s)
{
	poke(s, s->handoff_spinner);
	poke(s, TAILQ_FIRST(&s->spinners));
}

void rwsem_set_reader_owned(struct rwsem *s, struct task *t)
{
	s->owner = t;
	s->reader_owned = true;
	if (s->ops->reader_spins)
		s->nonspinnable = false;	/* only the readers' bit is kept */
	rwsem_poke(s);
}

/* ---- books ---- */

void rwsem_split_blame(struct rwsem *s, sim_ns now)
{
	if (!s->blame)
		return;
	if (s->write_held)
		blame_one(s->blame, s->writer_op, now);
	else
		blame_many(s->blame, s->reader_ops, s->readers, now);
}

void rwsem_enter_read(struct task *t, struct rwsem *s, uint8_t op_kind)
{
	BUG_ON(s->write_held || op_kind >= METRIC_OPS_MAX);
	rwsem_split_blame(s, t->m->engine.now_ns);
	s->readers++;
	s->reader_ops[op_kind]++;
}

void rwsem_enter_write(struct task *t, struct rwsem *s)
{
	BUG_ON(s->write_held || s->readers);
	rwsem_split_blame(s, t->m->engine.now_ns);
	s->write_held = true;
	s->writer_op = t->op_kind;
	s->owner = t;
	s->reader_owned = false;
	s->nonspinnable = s->reader_nonspinnable = false;
	rwsem_hold(t, s, RWSEM_WRITE_SIDE);
	rwsem_poke(s);
}

void rwsem_got_read(struct task *t, struct rwsem *s)
{
	rwsem_enter_read(t, s, t->op_kind);
	rwsem_set_reader_owned(s, t);
	rwsem_hold(t, s, RWSEM_READ_SIDE);
}

void rwsem_hold(struct task *t, struct rwsem *s, enum rwsem_side side)
{
	struct held_lock *h = &t->held[t->held_count];

	BUG_ON(t->held_count == TASK_HELD_MAX);
	t->held_count++;
	h->lock = s;
	h->since_ns = t->m->engine.now_ns;
	h->op_kind = t->op_kind;
	h->side = (uint8_t)side;
	shorten_enter(t, s->cls, (enum lock_side)side);
	if (__builtin_expect(t->m->metrics->events != NULL, 0))
		event_got(t->m->metrics->events, h->since_ns, t->id, &s->event,
			  s->cls, side == RWSEM_WRITE_SIDE);
}

uint8_t rwsem_unhold(struct task *t, struct rwsem *s, enum rwsem_side side)
{
	for (int i = t->held_count - 1; i >= 0; i--) {
		struct held_lock h = t->held[i];

		if (h.lock != s || h.side != side)
			continue;
		t->held[i] = t->held[--t->held_count];
		shorten_leave(t, s->cls, (enum lock_side)side);
		lock_released(t->m->metrics, s->cls, (enum lock_side)side,
			      t->m->engine.now_ns - h.since_ns);
		if (__builtin_expect(t->m->metrics->events != NULL, 0))
			event_free(t->m->metrics->events, t->m->engine.now_ns,
				   t->id, &s->event);
		return h.op_kind;
	}
	BUG("%s released by a task that does not hold it", s->cls->name);
}

static void acquired_at_once(struct task *t, struct rwsem *s,
			     enum lock_side side)
{
	lock_acquired(t->m->metrics, s->cls, side, false, 0, 0, 0, 0);
}

bool rwsem_waited_long(const struct rwsem *s, const struct rwsem_waiter *w)
{
	const struct machine *m = w->t->m;
	int64_t limit = s->ops->handoff_after_ns;
	int64_t jiffy = NSEC_PER_SEC / m->profile->hz;

	if (!limit || mutated(MUTATE_NO_HANDOFF))
		return false;
	return m->engine.now_ns - w->start_ns > (limit > jiffy ? limit : jiffy);
}

void waiter_start(struct rwsem_waiter *w, struct task *t, struct rwsem *s,
		  enum rwsem_side side)
{
	w->t = t;
	w->on = NULL;
	w->side = side;
	w->op_kind = t->op_kind;
	w->granted = w->woken = w->handoff = false;
	w->no_reader_spin = s->reader_nonspinnable;
	w->last_reader = s->reader_owned ? s->owner : NULL;
	w->sleeps = 0;
	w->start_ns = t->m->engine.now_ns;
	w->spin_ns = w->sleep_ns = 0;
	if (!s->blame)
		s->blame = blame_get(s->cls, w->start_ns, s->last_op);
	s->blame->waiters++;
	rwsem_split_blame(s, w->start_ns);
	blame_start(s->blame, &w->mark);
	if (__builtin_expect(t->m->metrics->events != NULL, 0))
		event_wait(t->m->metrics->events, w->start_ns, t->id, &s->event,
			   s->cls, side == RWSEM_WRITE_SIDE);
}

void waiter_end(struct rwsem_waiter *w, struct rwsem *s, bool got)
{
	struct metrics *me = w->t->m->metrics;
	sim_ns now = w->t->m->engine.now_ns;

	if (w->on)
		TAILQ_REMOVE(w->on, w, wake_link);
	if (!w->granted) {	/* else the one who granted has split it */
		rwsem_split_blame(s, now);
		if (got)
			blame_end(me, s->cls, s->blame, &w->mark, w->op_kind);
	} else if (!me->off && now > w->granted_ns) {
		lock_blame(s->cls, w->op_kind, w->granter_op,
			   now - w->granted_ns);
	}
	if (!--s->blame->waiters) {
		blame_put(s->cls, s->blame);
		s->blame = NULL;
	}
	if (got)
		lock_acquired(me, s->cls, (enum lock_side)w->side, true,
			      now - w->start_ns, w->spin_ns, w->sleep_ns,
			      w->sleeps);
}

/* ---- reading ---- */

static int read_lock(struct task *t, struct rwsem *s, bool killable)
{
	uint64_t old, mask = s->ops->reader_fast_mask;
	int err = 0;

	might_resched(t);
	if (s->ops->read_fast && s->ops->read_fast(t, s))
		return 0;
	if (mutated(MUTATE_READER_IGNORES_WAITERS))
		mask &= ~(uint64_t)RWSEM_WAITERS;
	rwsem_atomic(t, s);
	old = s->word;
	s->word += RWSEM_READER;
	if (old & mask) {
		err = rwsem_read_slow(t, s, old, killable);
	} else {
		rwsem_got_read(t, s);
		acquired_at_once(t, s, SIDE_READ);
		rwsem_store_owner(t, s);
	}
	if (!err && s->ops->read_acquired)
		s->ops->read_acquired(t, s);
	return err;
}

void down_read(struct task *t, struct rwsem *s)
{
	read_lock(t, s, false);
}

int down_read_killable(struct task *t, struct rwsem *s)
{
	return read_lock(t, s, true);
}

/*
 * The compare-and-exchange loop of __down_read_trylock(). One that fails has
 * the line and the new value, so the next try follows while the line is still
 * there; only if the word changes again meanwhile, it has to be fetched again.
 */
static bool try_count_reader(struct task *t, struct rwsem *s)
{
	uint64_t seen = 0;
	bool here = false;

	if (!s->ops->trylock_guesses_free || mutated(MUTATE_TRYLOCK_LOADS)) {
		rwsem_load(t, s);
		seen = s->word;
	}
	while (!(seen & s->ops->reader_fast_mask)) {
		if (here) {
			work(t, COST_ATOMIC, 1);
			settle(t);
		} else {
			rwsem_atomic(t, s);
		}
		if (s->word == seen || mutated(MUTATE_TRYLOCK_ADDS)) {
			s->word += RWSEM_READER;
			return true;
		}
		seen = s->word;
		here = !here;
	}
	return false;
}

bool down_read_trylock(struct task *t, struct rwsem *s)
{
	if (s->ops->read_fast && s->ops->read_fast(t, s))
		return true;
	if (!try_count_reader(t, s)) {
		lock_trylock_failed(t->m->metrics, s->cls, SIDE_READ);
		return false;
	}
	rwsem_got_read(t, s);
	acquired_at_once(t, s, SIDE_READ);
	rwsem_store_owner(t, s);
	if (s->ops->read_acquired)
		s->ops->read_acquired(t, s);
	return true;
}

void up_read(struct task *t, struct rwsem *s)
{
	uint8_t op;

	if (s->ops->read_unlock_fast && s->ops->read_unlock_fast(t, s))
		return;
	rwsem_atomic(t, s);
	BUG_ON(!s->readers || s->word < RWSEM_READER);
	rwsem_split_blame(s, t->m->engine.now_ns);
	op = rwsem_unhold(t, s, RWSEM_READ_SIDE);
	s->last_op = op;
	s->reader_ops[op]--;
	s->readers--;
	s->word -= RWSEM_READER;
	if (s->readers)
		return;
	rwsem_poke(s);
	if ((s->word & ((uint64_t)RWSEM_HELD | RWSEM_WAITERS)) ==
	    RWSEM_WAITERS) {
		s->nonspinnable = false;
		rwsem_wake(t, s, RWSEM_WAKE_ANY);
	}
}

/* ---- writing ---- */

static int write_lock(struct task *t, struct rwsem *s, bool killable)
{
	int err = 0;

	might_resched(t);
	rwsem_atomic(t, s);
	if (s->word) {
		if (s->ops->writer_adds && !mutated(MUTATE_WRITER_ADDS_NOT))
			rwsem_atomic(t, s);
		err = rwsem_write_slow(t, s, killable);
	} else {
		s->word = RWSEM_WRITER;
		rwsem_enter_write(t, s);
		acquired_at_once(t, s, SIDE_WRITE);
		rwsem_store_owner(t, s);
	}
	if (!err && s->ops->write_acquired)
		s->ops->write_acquired(t, s);
	return err;
}

void down_write(struct task *t, struct rwsem *s)
{
	write_lock(t, s, false);
}

int down_write_killable(struct task *t, struct rwsem *s)
{
	return write_lock(t, s, true);
}

bool down_write_trylock(struct task *t, struct rwsem *s)
{
	rwsem_atomic(t, s);
	if (s->word) {
		lock_trylock_failed(t->m->metrics, s->cls, SIDE_WRITE);
		return false;
	}
	s->word = RWSEM_WRITER;
	rwsem_enter_write(t, s);
	acquired_at_once(t, s, SIDE_WRITE);
	rwsem_store_owner(t, s);
	if (s->ops->write_acquired)
		s->ops->write_acquired(t, s);
	return true;
}

/* The writer is out; time until the next holder is its op's doing. */
static void writer_leave(struct task *t, struct rwsem *s)
{
	BUG_ON(!s->write_held || s->owner != t);
	rwsem_split_blame(s, t->m->engine.now_ns);
	s->last_op = rwsem_unhold(t, s, RWSEM_WRITE_SIDE);
	s->write_held = false;
	s->owner = NULL;
	s->word -= RWSEM_WRITER;
}

void up_write(struct task *t, struct rwsem *s)
{
	bool wake;

	rwsem_store_owner(t, s);	/* cleared, before the count */
	rwsem_atomic(t, s);
	wake = s->word & RWSEM_WAITERS;
	writer_leave(t, s);
	s->reader_nonspinnable = false;
	rwsem_poke(s);
	if (wake)
		rwsem_wake(t, s, RWSEM_WAKE_ANY);
}

void downgrade_write(struct task *t, struct rwsem *s)
{
	rwsem_atomic(t, s);
	writer_leave(t, s);
	s->word += RWSEM_READER;
	rwsem_enter_read(t, s, s->last_op);
	rwsem_set_reader_owned(s, t);
	rwsem_hold(t, s, RWSEM_READ_SIDE);
	t->held[t->held_count - 1].op_kind = s->last_op;
	acquired_at_once(t, s, SIDE_READ);
	rwsem_store_owner(t, s);
	if (s->word & RWSEM_WAITERS &&
	    !mutated(MUTATE_DOWNGRADE_WAKES_NOBODY))
		rwsem_wake(t, s, RWSEM_WAKE_READ_OWNED);
}
