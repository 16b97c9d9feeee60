/*
 * rwsem: 5.11 -- kernel/locking/rwsem.c from 5.11 on.
 *
 * Readers do not spin, but one that arrives in the slow path takes the lock
 * past queued writers if no writer is in and no handoff is asked for, unless
 * readers own it already (it would starve the writers). Writers spin, on
 * readers for a bounded time. Up to 256 readers are granted at once, past
 * queued writers. The first waiter has the lock handed over after 4 ms.
 *
 * Left out: the clean-up of handoff book-keeping of 5.16, real-time tasks
 * (which ask for a handoff at once), the overflow bit of the reader count.
 */
#include "sim/sync/rwsem_impl.h"

enum { WAKE_READERS_MAX = 256 };

static bool may_steal(const struct rwsem *s, uint64_t old_word,
		      bool was_spinning)
{
	bool behind_readers = s->reader_owned && old_word >= RWSEM_READER;

	(void)was_spinning;
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
	.reader_may_steal = may_steal,
	.reader_spins = false,
	.writer_spins = true,
	.writer_spins_on_readers = true,
	.wake_readers_max = WAKE_READERS_MAX,
	.wake_skips_writers = true,
	.handoff_after_ns = 4 * NSEC_PER_MSEC,
};
