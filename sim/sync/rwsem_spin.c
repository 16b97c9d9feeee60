/*
 * Optimistic spinning on a rw_semaphore.
 *
 * Spinners queue (OSQ); only the head polls. It spins while the owner is a
 * writer that is on a CPU, or nobody. Where the flavour allows, a writer also
 * spins for a bounded time while readers own the lock: (20 + min(readers, 30))
 * / 2 us, after which writers stop spinning on it (nonspinnable) until it is
 * released to waiters. Where readers spin (5.3 to 5.10), they take the lock
 * past queued writers, but not past a handoff, and stop when a writer has
 * found spinning on readers to be futile (reader_nonspinnable). Whoever spins
 * gives up when the owner leaves its CPU or this CPU is wanted by somebody
 * else. Spinning is a state, ended by rwsem_poke() or by the machine.
 *
 * Invariant: spinners.head is the one that may poll; it alone is poked.
 * Cost: O(1) per change of the lock.
 */
#include "sim/sync/osq.h"
#include "sim/sync/rwsem_impl.h"

/*
 * A spinner keeps preemption off, so it holds up a grace period; RCU asks for
 * the CPU HZ / 10 after the beginning of one. Source: adjust_jiffies_till_
 * sched_qs(), rcu_implicit_dynticks_qs() in kernel/rcu/tree.c, 5.3 on.
 */
#define RCU_WANTS_CPU_NS	(100 * NSEC_PER_MSEC)

enum owner_state { OWNER_NONE, OWNER_WRITER, OWNER_READER, OWNER_NONSPINNABLE };

/* Who looks: a side, or a first waiter that asked for the lock. */
enum spinner { SPIN_TO_WRITE = RWSEM_WRITE_SIDE, SPIN_TO_READ = RWSEM_READ_SIDE,
	       SPIN_FOR_HANDOFF };

static bool is_nonspinnable(const struct rwsem *s, enum spinner who)
{
	bool writers = s->nonspinnable && !mutated(MUTATE_NO_NONSPINNABLE);
	bool readers = s->reader_nonspinnable &&
		       !mutated(MUTATE_READER_NONSPINNABLE_OFF);

	switch (who) {
	case SPIN_TO_WRITE:
		return writers;
	case SPIN_TO_READ:
		return readers;
	default:
		return writers || readers;
	}
}

static enum owner_state owner_state(const struct rwsem *s, enum spinner who)
{
	if (is_nonspinnable(s, who))
		return OWNER_NONSPINNABLE;
	if (s->reader_owned)
		return OWNER_READER;
	return s->owner ? OWNER_WRITER : OWNER_NONE;
}

static bool runs(const struct task *owner)
{
	return task_on_cpu(owner) || mutated(MUTATE_SPIN_OWNER_ASLEEP);
}

/* Burn the CPU until something happens; @owner as in task_spin_on(). Without
 * one, RCU ends it if nothing else does. */
static enum spin_end poll_wait(struct task *t, struct task *owner,
			       sim_ns limit_at_ns)
{
	sim_ns resched_ns = owner ? INT64_MAX :
			    t->m->engine.now_ns + RCU_WANTS_CPU_NS;
	bool may = !mutated(MUTATE_SPIN_RESCHED);
	enum spin_end how;

	if (mutated(MUTATE_SPIN_OWNER_ASLEEP))
		owner = NULL;
	how = task_spin_on(t, owner, may, limit_at_ns < resched_ns ?
			   limit_at_ns : resched_ns);
	return t->m->engine.now_ns >= resched_ns ? SPIN_RESCHED : how;
}

/* Is a lock that readers own, or owned last, worth spinning on? */
static bool spins_on_readers(const struct rwsem *s, enum spinner who)
{
	return who == SPIN_TO_READ || s->ops->writer_spins_on_readers ||
	       mutated(MUTATE_READER_OWNED_SPIN);
}

static bool can_spin(struct task *t, struct rwsem *s, enum spinner who)
{
	rwsem_load(t, s);
	if (t->need_resched && !mutated(MUTATE_SPIN_RESCHED))
		return false;
	switch (owner_state(s, who)) {
	case OWNER_NONSPINNABLE:
		return false;
	case OWNER_READER:
		return spins_on_readers(s, who);
	case OWNER_WRITER:
		return runs(s->owner);
	default:
		return true;
	}
}

/* Until the owner is no longer a writer that runs. */
static enum owner_state spin_on_owner(struct task *t, struct rwsem *s,
				      enum spinner who)
{
	for (;;) {
		struct task *owner = s->owner;
		enum owner_state state = owner_state(s, who);

		if (state != OWNER_WRITER)
			return state;
		if (!runs(owner) ||
		    poll_wait(t, owner, INT64_MAX) == SPIN_RESCHED)
			return OWNER_NONSPINNABLE;
	}
}

/* May one that is not in the queue take the lock? */
static bool free_for_thieves(const struct rwsem *s, enum spinner who)
{
	uint64_t stop = RWSEM_WRITER | RWSEM_HANDOFF;

	if (who == SPIN_TO_WRITE)
		stop |= (uint64_t)RWSEM_HELD;
	if (mutated(MUTATE_HANDOFF_STOLEN))
		stop &= ~(uint64_t)RWSEM_HANDOFF;
	if (mutated(who == SPIN_TO_WRITE ? MUTATE_WRITER_GRANTED :
		    MUTATE_READER_SPIN_WAITS))
		stop |= RWSEM_WAITERS;
	return !(s->word & stop);
}

static bool try_write_unqueued(struct task *t, struct rwsem *s)
{
	if (!free_for_thieves(s, SPIN_TO_WRITE))
		return false;
	rwsem_atomic(t, s);
	if (!free_for_thieves(s, SPIN_TO_WRITE))
		return false;
	s->word |= RWSEM_WRITER;
	rwsem_enter_write(t, s);
	return true;
}

static bool try_read_unqueued(struct task *t, struct rwsem *s)
{
	bool ours;

	if (!free_for_thieves(s, SPIN_TO_READ))
		return false;
	rwsem_atomic(t, s);
	ours = free_for_thieves(s, SPIN_TO_READ);
	s->word += RWSEM_READER;
	if (ours) {
		rwsem_got_read(t, s);
		return true;
	}
	rwsem_atomic(t, s);
	s->word -= RWSEM_READER;
	rwsem_poke(s);
	return false;
}

static int64_t reader_spin_limit_ns(const struct rwsem *s)
{
	uint64_t readers = rwsem_readers(s);

	return (int64_t)(20 + (readers < 30 ? readers : 30)) * NSEC_PER_USEC / 2;
}

/*
 * Readers own the lock, and @t wants to write: until when to poll. @limit is
 * INT64_MAX when this reader phase has just begun. Return: false to give up.
 */
static bool reader_phase(struct task *t, struct rwsem *s, sim_ns *limit)
{
	sim_ns now = t->m->engine.now_ns;

	if (mutated(MUTATE_SPIN_ON_READERS_UNBOUNDED))
		return true;
	if (*limit == INT64_MAX)
		*limit = now + reader_spin_limit_ns(s);
	if (now < *limit)
		return true;
	s->nonspinnable = true;
	s->reader_nonspinnable = s->ops->reader_spins;
	return false;
}

/* The head of the spinners polls; true: it has the lock. */
static bool spin_as_head(struct task *t, struct rwsem *s, enum spinner who)
{
	sim_ns limit = INT64_MAX;
	enum owner_state state;

	for (;;) {
		state = spin_on_owner(t, s, who);
		if (state == OWNER_NONSPINNABLE ||
		    (state == OWNER_READER && !spins_on_readers(s, who)))
			return false;
		if (who == SPIN_TO_WRITE ? try_write_unqueued(t, s) :
					   try_read_unqueued(t, s))
			return true;
		state = owner_state(s, who);	/* the try took time */
		if (state == OWNER_NONSPINNABLE)
			return false;
		if (state != OWNER_READER)
			limit = INT64_MAX;
		if (state == OWNER_WRITER)
			continue;
		if (state == OWNER_READER && who == SPIN_TO_WRITE &&
		    !reader_phase(t, s, &limit))
			return false;
		if (free_for_thieves(s, who))
			continue;	/* freed while we paid for the try */
		if (poll_wait(t, NULL, limit) == SPIN_RESCHED)
			return false;
	}
}

static bool optimistic_spin(struct task *t, struct rwsem *s, enum spinner who,
			    int64_t *spin_ns)
{
	sim_ns start = t->m->engine.now_ns;
	bool taken = false;

	preempt_disable(t);
	line_rmw(t, s->queue_line);
	settle(t);
	if (osq_join(t, &s->spinners, !mutated(MUTATE_SPIN_RESCHED))) {
		taken = spin_as_head(t, s, who);
		osq_leave(t, &s->spinners);
	}
	*spin_ns += t->m->engine.now_ns - start;
	preempt_enable(t);
	return taken;
}

bool rwsem_writer_spin(struct task *t, struct rwsem *s, int64_t *spin_ns)
{
	if (!s->ops->writer_spins || mutated(MUTATE_NO_WRITER_SPIN))
		return false;
	if (!can_spin(t, s, SPIN_TO_WRITE))
		return false;
	return optimistic_spin(t, s, SPIN_TO_WRITE, spin_ns);
}

/* A new phase of readers began while we were spinning: join it. */
static bool phase_trylock(const struct rwsem_waiter *w, struct rwsem *s)
{
	rwsem_load(w->t, s);
	if (!s->reader_owned || s->owner == w->last_reader)
		return false;
	return try_read_unqueued(w->t, s);
}

bool rwsem_reader_spin(struct rwsem_waiter *w, struct rwsem *s, bool *counted)
{
	struct task *t = w->t;

	if (!s->ops->reader_spins || mutated(MUTATE_NO_READER_SPIN))
		return false;
	if (!can_spin(t, s, SPIN_TO_READ))
		return false;
	rwsem_atomic(t, s);
	s->word -= RWSEM_READER;
	rwsem_poke(s);
	*counted = false;
	return optimistic_spin(t, s, SPIN_TO_READ, &w->spin_ns) ||
	       phase_trylock(w, s);
}

bool rwsem_spin_for_handoff(struct task *t, struct rwsem *s)
{
	enum spin_end how;

	if (!s->ops->writer_spins)
		return false;
	rwsem_load(t, s);
	while (owner_state(s, SPIN_FOR_HANDOFF) == OWNER_WRITER) {
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
	return owner_state(s, SPIN_FOR_HANDOFF) == OWNER_NONE;
}
