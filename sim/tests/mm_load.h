#ifndef MMREPLAY_TESTS_MM_LOAD_H
#define MMREPLAY_TESTS_MM_LOAD_H

#include "sim/tests/fixture_mm.h"

/*
 * A random load on one address space, made so that the final state cannot
 * depend on timing: each worker has neighbouring pages of its own; readers of
 * /proc, a forking task and vmalloc get in the way of everybody.
 */

enum { LOAD_WORKERS = 4 };

struct load {
	uint64_t seed;
	unsigned ops;		/* of each worker */
	unsigned region_pages;
	unsigned crowd_areas;	/* mapped by one worker and unmapped at once */
	bool shared;		/* all in the same pages: then timing decides */
	bool forks, readers, vmalloc;
	unsigned running;	/* workers that are not done */
	char *final_state;	/* taken when the last worker is done */
};

/** load_start() - tasks for @l in @x, which is open */
void load_start(struct mmfix *x, struct load *l);

/** struct outcome - all that must not differ between two runs of one load */
struct outcome {
	char *state;		/* the caller's to free */
	int64_t end_ns, wait_ns, hold_ns;
	int64_t mode_ns[MODE_COUNT];
	uint64_t counters[COUNT_END];
	uint64_t peak_bytes, reusable_byte_ns;
	uint64_t contacts;
};

/** load_run() - @l in @x, which is configured: opened, run, closed. Invariants
 *  are checked; at the end nothing is mapped or held. */
void load_run(struct mmfix *x, struct load *l, bool eager, struct outcome *o);

bool outcome_equal(const struct outcome *a, const struct outcome *b);

#endif
