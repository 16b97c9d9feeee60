#ifndef MMREPLAY_TESTS_FIXTURE_MACHINE_H
#define MMREPLAY_TESTS_FIXTURE_MACHINE_H

#include "sim/machine/line.h"
#include "sim/sync/rwsem.h"

/*
 * A machine for tests: round costs, so that a time line can be computed by
 * hand, and a profile that each test may change before fixture_open().
 */

struct fixture {
	struct profile profile;
	struct machine m;
	struct metrics *metrics;
};

/** fixture_profile() - @sockets x @llcs x @cores x @threads, plausible costs */
void fixture_profile(struct fixture *f, uint32_t sockets, uint32_t llcs,
		     uint32_t cores, uint32_t threads);

/** fixture_zero_costs() - every cost 0: only what a test charges takes time */
void fixture_zero_costs(struct fixture *f);
void fixture_cost(struct fixture *f, unsigned cost, int64_t ns);

void fixture_open(struct fixture *f, uint64_t seed);
void fixture_close(struct fixture *f);

/** fixture_on_cpus() - tasks 0 to @count - 1, each pinned to its @cpu (NULL: of
 *  the same number), run body(task, @arg) as fibers; returns when all are done */
void fixture_on_cpus(struct fixture *f, uint32_t count, const uint32_t *cpu,
		     void (*body)(struct task *t, const void *arg),
		     const void *arg);

/** fixture_conserved() - modes of all CPUs sum to CPUs x end, or the test fails */
void fixture_conserved(const struct fixture *f);

enum rwsem_flavour { RWSEM_4_14, RWSEM_5_3, RWSEM_5_11, RWSEM_NO_SPIN,
		     RWSEM_BRAVO, RWSEM_FLAVOURS };

extern const struct rwsem_ops rwsem_4_14, rwsem_5_3, rwsem_5_11, rwsem_no_spin,
			      rwsem_bravo;
extern const struct rwsem_ops *const rwsem_flavours[RWSEM_FLAVOURS];

#endif
