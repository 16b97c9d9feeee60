#ifndef MMREPLAY_RESULTS_CREW_H
#define MMREPLAY_RESULTS_CREW_H

#include "sim/base/progress.h"
#include "sim/results/folder.h"
#include "sim/results/index.h"
#include "sim/results/worker.h"

/** struct crew - one run of a scenario, in the parent */
struct crew {
	const struct scenario *s;
	const struct run_options *o;
	struct run_summary *sum;
	struct ready *ready;		/* by source */
	struct host_cost *cost;		/* by cell */
	struct index_entry *entry;	/* by cell */
	uint32_t jobs;			/* workers at a time */
	/* of crew_run() */
	struct worker *w;
	struct pollfd *poll;
	uint32_t active, jobs_now;	/* jobs_now: as many as the system starts */
	uint32_t slots;			/* of w that were ever used */
	bool killed;			/* a worker did not end by itself */
	uint32_t *ended, ended_count;	/* cells whose worker has written them */
	uint64_t finished_ops;
	struct progress progress;
};

/**
 * crew_run() - run the cells @todo, in this order, @w->jobs at a time
 * Fills cost and some of entry; failures of cells are counted in sum and are
 * no error. What cannot be written is one, once all that run have ended. So is
 * a signal to stop, at once; the signal is left to the caller (stop.h).
 */
int crew_run(struct crew *w, const uint32_t *todo, uint32_t count,
	     struct errbuf *e);

#endif
