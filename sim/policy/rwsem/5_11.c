/*
 * rwsem: 5.11 -- kernel/locking/rwsem.c from 5.11 on.
 *
 * Readers do not spin, but one that arrives in the slow path takes the lock
 * past queued writers if no writer is in and no handoff is asked for, unless
 * readers own it already (it would starve the writers). Writers spin, on
 * readers for a bounded time. Up to 256 readers are granted at once, past
 * queued writers. The first waiter has the lock handed over after 4 ms.
 *
 * A reader's trylock loads the count before it compares, as since 5.17
 * (14c240488411); 5.11 to 5.16 still guessed that the lock is free.
 *
 * Left out of what came later: handoff tied to one waiter, who inherits it and
 * is woken first (5.16); a reader head that asks for handoff only by its own
 * time-out (6.2); waking by a queue of its own per waker (always so here).
 * Left out of all: real-time tasks (they ask for a handoff at once and do not
 * spin on a lock without owner), the overflow bit of the reader count, owners
 * on a preempted virtual CPU.
 */
#include "sim/policy/rwsem/rwsem.h"

bool rwsem_may_steal_5_11(const struct rwsem *s, uint64_t old_word)
{
	bool behind_readers = s->reader_owned && old_word >= RWSEM_READER;

	if (mutated(MUTATE_NO_READER_STEAL))
		return false;
	if (behind_readers && !(old_word & RWSEM_WRITER) &&
	    !mutated(MUTATE_READER_STEAL_ALWAYS))
		return false;
	return !(old_word & (RWSEM_WRITER | RWSEM_HANDOFF));
}

const struct rwsem_ops rwsem_5_11 = {
	.head = {
		.abi = POLICY_ABI,
		.size = sizeof(struct rwsem_ops),
		.axis = "rwsem",
		.name = "5.11",
		.models = "kernel/locking/rwsem.c since 5.11: readers steal, writers spin, 256 readers woken, 4 ms handoff",
		.source = "commits 617f3ef95177, 1a728dff855a, 2f06f702925b, d3681e269fff",
	},
	.reader_fast_mask = RWSEM_WRITER | RWSEM_WAITERS | RWSEM_HANDOFF,
	.reader_may_steal = rwsem_may_steal_5_11,
	.reader_spins = false,
	.writer_spins = true,
	.writer_spins_on_readers = true,
	.owner_offset = 8, .queue_offset = 20,
	.wake_readers_max = RWSEM_WAKE_READERS_MAX,
	.wake_skips_writers = true,
	.handoff_after_ns = 4 * NSEC_PER_MSEC,
};
