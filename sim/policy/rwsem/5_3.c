/*
 * rwsem: 5.3 -- kernel/locking/rwsem.c from 5.3 to 5.10.
 *
 * Readers in the slow path spin like writers and then take the lock past
 * queued writers, unless a handoff is asked for; if spinning failed but a new
 * phase of readers has begun, they try once more to join it. A writer spins on
 * readers for a bounded time. When that was futile, neither writers (until the
 * readers are gone) nor readers spin; a writer that has seen it, and a reader
 * that saw it when it came, keep it so for the readers. Up to 256 readers are
 * granted at once, past queued writers. The first waiter has the lock handed
 * over after 4 ms.
 *
 * Left out: real-time tasks (they ask for a handoff at once, and stop spinning
 * on a lock without owner), the overflow bit of the reader count, preempted
 * virtual CPUs.
 */
#include "sim/policy/rwsem/rwsem.h"

const struct rwsem_ops rwsem_5_3 = {
	.head = {
		.abi = POLICY_ABI,
		.size = sizeof(struct rwsem_ops),
		.axis = "rwsem",
		.name = "5.3",
		.models = "kernel/locking/rwsem.c, 5.3 to 5.10: readers spin past queued writers, 256 readers woken, 4 ms handoff",
		.source = "rwsem.c of 5.4; commits 4f23dbc1e657, d3681e269fff, cf69482d62d9, 5cfd92e12e13",
	},
	.reader_fast_mask = RWSEM_WRITER | RWSEM_WAITERS | RWSEM_HANDOFF,
	.reader_spins = true,
	.writer_spins = true,
	.writer_spins_on_readers = true,
	.trylock_guesses_free = true,
	.owner_offset = 8, .queue_offset = 20,
	.wake_readers_max = RWSEM_WAKE_READERS_MAX,
	.wake_skips_writers = true,
	.handoff_after_ns = 4 * NSEC_PER_MSEC,
};
