/*
 * rwsem: no-spin -- 5.11 built without CONFIG_RWSEM_SPIN_ON_OWNER.
 *
 * Whoever does not get the lock at once sleeps; a first waiter that asked for
 * a handoff, too. Everything else is as in 5.11, reader stealing included.
 */
#include "sim/policy/rwsem/rwsem.h"

const struct rwsem_ops rwsem_no_spin = {
	.head = {
		.abi = POLICY_ABI,
		.size = sizeof(struct rwsem_ops),
		.axis = "rwsem",
		.name = "no-spin",
		.models = "kernel/locking/rwsem.c since 5.11 without RWSEM_SPIN_ON_OWNER: waiters sleep at once",
		.source = "as 5.11; the #else branches of rwsem.c",
	},
	.reader_fast_mask = RWSEM_WRITER | RWSEM_WAITERS | RWSEM_HANDOFF,
	.reader_may_steal = rwsem_may_steal_5_11,
	.owner_offset = 8, .queue_offset = 20,
	.wake_readers_max = RWSEM_WAKE_READERS_MAX,
	.wake_skips_writers = true,
	.handoff_after_ns = 4 * NSEC_PER_MSEC,
};
