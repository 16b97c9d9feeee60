/*
 * rwsem: 4.14 -- kernel/locking/rwsem-xadd.c from 4.14 to 5.2.
 *
 * Writers spin on a running writer and steal; they neither start to spin on a
 * lock that readers own or owned last, nor go on when readers get it. Readers
 * never spin and never steal. A reader head brings only the readers next to
 * it, however many. No handoff: a queued writer may lose for ever. A writer's
 * try is an addition to the count, undone if it fails: one atomic more.
 *
 * Left out: that the count shows a failing writer to others until it has
 * undone its addition; that a release with spinners present takes wait_lock
 * only if it is free; tasks of real-time class; preempted virtual CPUs.
 */
#include "sim/policy/rwsem/rwsem.h"

const struct rwsem_ops rwsem_4_14 = {
	.head = {
		.abi = POLICY_ABI,
		.size = sizeof(struct rwsem_ops),
		.axis = "rwsem",
		.name = "4.14",
		.models = "kernel/locking/rwsem-xadd.c, 4.14 to 5.2: writers spin on writers and steal, neighbouring readers woken, no handoff",
		.source = "rwsem-xadd.c of 4.14 and 4.19",
	},
	.reader_fast_mask = RWSEM_WRITER | RWSEM_WAITERS,
	.writer_spins = true,
	.writer_adds = true,
	.owner_offset = 32, .queue_offset = 24,
	.wake_readers_max = UINT32_MAX,
};
