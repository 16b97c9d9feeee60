#ifndef MMREPLAY_COMMANDS_FIT_H
#define MMREPLAY_COMMANDS_FIT_H

#include <stdio.h>
#include "sim/results/results.h"

/*
 * Costs of a machine from a capture: those that a one-thread run shows.
 *
 * Method: replay the capture with the model's costs and the tracer's time
 * where it was; take the 25 % quantile of a quantity in both (interrupts, cold
 * caches and the host's other load are above it); move the cost that is its
 * largest part by the difference; twice. What is left is the residual. Where
 * the quantity is many times the cost, that is not what it is made of (unmaps
 * of many pages): the cost keeps the value of the base profile.
 */

enum { FIT_COSTS_MAX = 16 };

/** struct fit_cost - a cost and what it was fitted to */
struct fit_cost {
	const char *key, *quantity;
	const char *from;	/* the first capture that shows it */
	int64_t base_ns, ns;
	double recorded_ns, predicted_ns;	/* predicted: with @ns */
	bool known;		/* the capture has enough of it */
};

struct fit {
	struct fit_cost cost[FIT_COSTS_MAX];
	uint32_t count;
	char *set[FIT_COSTS_MAX];	/* machine.costs.KEY=NS */
	uint32_t set_count;
};

/**
 * fit_costs() - fit to the captures, one after the other; caller releases
 * @dir: for the folders of its runs; @sets: as for run, before those of @f
 */
int fit_costs(const char *const *traces, uint32_t count, const char *dir,
	      const char *const *sets, uint32_t set_count, struct fit *f,
	      struct errbuf *e);
void fit_release(struct fit *f);

/** fit_write() - method, residuals, what is not identifiable */
void fit_write(const struct fit *f, FILE *out);

#endif
