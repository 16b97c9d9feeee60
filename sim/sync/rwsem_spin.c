/*
 * Optimistic spinning of writers on a rw_semaphore.
 *
 * Spinners queue (OSQ); only the head polls. It spins while the owner is a
 * writer that is on a CPU, or nobody, and, where the flavour allows, for a
 * bounded time while readers own the lock: (20 + min(readers, 30)) / 2 us, after
 * which writers stop spinning on it (nonspinnable) until it is released to
 * waiters. It gives up when the owner leaves its CPU or this CPU is wanted by
 * somebody else. Spinning is a state, ended by rwsem_poke() or by the machine.
 *
 * Invariant: spinners.head is the one that may poll; it alone is poked.
 * Cost: O(1) per change of the lock.
 */
#include "sim/sync/rwsem_impl.h"

enum owner_state { OWNER_NONE, OWNER_WRITER, OWNER_READER, OWNER_NONSPINNABLE };

static enum owner_state owner_state(const struct rwsem *s)
{
	if (s->nonspinnable && !mutated(MUTATE_NO_NONSPINNABLE))
		return OWNER_NONSPINNABLE;
	if (s->reader_owned)
		return OWNER_READER;
	return s->owner ? OWNER_WRITER : OWNER_NONE;
}

static bool runs(const struct task *owner)
{
	return task_on_cpu(owner) || mutated(MUTATE_SPIN_OWNER_ASLEEP);
}

/* Burn the CPU until something happens; @owner as in task_spin_on(). */
static enum spin_end poll_wait(struct task *t, struct task *owner,
			       sim_ns limit_at_ns)
{
	bool may = !mutated(MUTATE_SPIN_RESCHED);

	if (mutated(MUTATE_SPIN_OWNER_ASLEEP))
		owner = NULL;
	return task_spin_on(t, owner, may, limit_at_ns);
}

static bool can_spin(struct task *t, struct rwsem *s)
{
	if (!s->ops->writer_spins || mutated(MUTATE_NO_WRITER_SPIN))
		return false;
	rwsem_load(t, s);
	if (t->need_resched && !mutated(MUTATE_SPIN_RESCHED))
		return false;
	switch (owner_state(s)) {
	case OWNER_NONSPINNABLE:
		return false;
	case OWNER_READER:
		return s->ops->writer_spins_on_readers;
	case OWNER_WRITER:
		return runs(s->owner);
	default:
		return true;
	}
}

static void osq_unlock(struct task *t, struct rwsem *s)
{
	bool was_head = TAILQ_FIRST(&s->spinners) == t;
	struct task *next;

	TAILQ_REMOVE(&s->spinners, t, wait_link);
	next = TAILQ_FIRST(&s->spinners);
	if (was_head && next)
		task_spin_end(next, transfer_ns(t->m, t->cpu->id,
						next->cpu->id));
}

static bool osq_lock(struct task *t, struct rwsem *s)
{
	rwsem_atomic(t, s);
	TAILQ_INSERT_TAIL(&s->spinners, t, wait_link);
	while (TAILQ_FIRST(&s->spinners) != t) {
		if (poll_wait(t, NULL, INT64_MAX) != SPIN_RESCHED)
			continue;
		if (TAILQ_FIRST(&s->spinners) == t)
			break;		/* became head in the same instant */
		TAILQ_REMOVE(&s->spinners, t, wait_link);
		return false;
	}
	return true;
}

/* Until the owner is no longer a writer that runs. */
static enum owner_state spin_on_owner(struct task *t, struct rwsem *s)
{
	for (;;) {
		struct task *owner = s->owner;
		enum owner_state state = owner_state(s);

		if (state != OWNER_WRITER)
			return state;
		if (!runs(owner) ||
		    poll_wait(t, owner, INT64_MAX) == SPIN_RESCHED)
			return OWNER_NONSPINNABLE;
	}
}

/* May a writer that is not in the queue take the lock? */
static bool free_for_thieves(const struct rwsem *s)
{
	uint64_t stop = (uint64_t)RWSEM_HELD | RWSEM_HANDOFF;

	if (mutated(MUTATE_HANDOFF_STOLEN))
		stop &= ~(uint64_t)RWSEM_HANDOFF;
	if (mutated(MUTATE_WRITER_GRANTED))
		stop |= RWSEM_WAITERS;
	return !(s->word & stop);
}

static bool try_write_unqueued(struct task *t, struct rwsem *s)
{
	if (!free_for_thieves(s))
		return false;
	rwsem_atomic(t, s);
	if (!free_for_thieves(s))
		return false;
	s->word |= RWSEM_WRITER;
	rwsem_enter_write(t, s);
	return true;
}

static int64_t reader_spin_limit_ns(const struct rwsem *s)
{
	uint64_t readers = rwsem_readers(s);

	return (int64_t)(20 + (readers < 30 ? readers : 30)) * NSEC_PER_USEC / 2;
}

/*
 * Readers own the lock: until when to poll. @limit is INT64_MAX when this
 * reader phase has just begun. Return: false to give up.
 */
static bool reader_phase(struct task *t, struct rwsem *s, sim_ns *limit)
{
	sim_ns now = t->m->engine.now_ns;

	if (!s->ops->writer_spins_on_readers)
		return false;
	if (mutated(MUTATE_SPIN_ON_READERS_UNBOUNDED))
		return true;
	if (*limit == INT64_MAX)
		*limit = now + reader_spin_limit_ns(s);
	if (now < *limit)
		return true;
	s->nonspinnable = true;
	return false;
}

/* The head of the spinners polls; true: it has the lock. */
static bool spin_as_head(struct task *t, struct rwsem *s)
{
	sim_ns limit = INT64_MAX;

	for (;;) {
		if (spin_on_owner(t, s) == OWNER_NONSPINNABLE)
			return false;
		if (try_write_unqueued(t, s))
			return true;
		switch (owner_state(s)) {	/* the try took time */
		case OWNER_NONSPINNABLE:
			return false;
		case OWNER_WRITER:
			limit = INT64_MAX;
			continue;
		case OWNER_READER:
			if (!reader_phase(t, s, &limit))
				return false;
			break;
		case OWNER_NONE:
			limit = INT64_MAX;
			break;
		}
		if (free_for_thieves(s))
			continue;	/* freed while we paid for the try */
		if (poll_wait(t, NULL, limit) == SPIN_RESCHED)
			return false;
	}
}

bool rwsem_writer_spin(struct task *t, struct rwsem *s, int64_t *spin_ns)
{
	bool taken = false;
	sim_ns start;

	if (!can_spin(t, s))
		return false;
	start = t->m->engine.now_ns;
	preempt_disable(t);
	if (osq_lock(t, s)) {
		taken = spin_as_head(t, s);
		osq_unlock(t, s);
	}
	*spin_ns += t->m->engine.now_ns - start;
	preempt_enable(t);
	return taken;
}

bool rwsem_spin_for_handoff(struct task *t, struct rwsem *s)
{
	enum spin_end how;

	rwsem_load(t, s);
	while (owner_state(s) == OWNER_WRITER) {
		if (!runs(s->owner))
			return false;
		s->handoff_spinner = t;
		preempt_disable(t);
		how = poll_wait(t, s->owner, INT64_MAX);
		preempt_enable(t);
		s->handoff_spinner = NULL;
		if (how == SPIN_RESCHED)
			return false;
	}
	return owner_state(s) == OWNER_NONE;
}
