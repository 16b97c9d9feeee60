#ifndef MMREPLAY_ANALYSIS_STATS_H
#define MMREPLAY_ANALYSIS_STATS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Statistics of replicates (MODEL.md 10). The only spread known here is the
 * replay spread: jitter of think time between replicates of one trace. It
 * says nothing about another day's workload.
 */

enum { PAIRS_MIN = 3 };		/* fewer claim no spread */

/** struct sample - mean and spread of one measure over replicates */
struct sample {
	uint32_t n;
	double mean, sd;	/* sd 0 below two values */
	bool exact;		/* at least PAIRS_MIN values, all equal */
};

struct sample sample_of(const double *values, uint32_t n);

/**
 * struct change - paired differences against the baseline
 * @half_width: of the 95 % interval of @mean; 0 if exact or not claimed
 * @claimed: at least PAIRS_MIN pairs, so the spread means something
 * @marked: claimed, and the difference exceeds the replay spread
 */
struct change {
	uint32_t pairs;
	double mean, half_width;
	bool claimed, exact, marked;
};

/** change_of() - differences @d of values with equal replicate numbers */
struct change change_of(const double *d, uint32_t n);

/** t_quantile() - two-sided 95 % Student t; above 30 degrees the next
 *  smaller tabulated number, so the interval is never too narrow */
double t_quantile(uint32_t degrees);

#endif
