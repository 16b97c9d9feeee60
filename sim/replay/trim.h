#ifndef MMREPLAY_REPLAY_TRIM_H
#define MMREPLAY_REPLAY_TRIM_H

#include "sim/base/hist.h"

/**
 * struct trim - what recorded times hold and a replay makes anew: interrupts,
 * and the wake-ups of others
 * Nobody recorded which times hold some, but how many did is known from the
 * preparatory run.
 *
 *   wake-ups    as many of the longest times as woke somebody there are taken
 *               to have done so, and lose the mean of what that cost, but not
 *               more than brings them to the median of the others
 *   interrupts  are rare and long, so they are taken from times that exceed the
 *               median by one or more: of their excess, @irq_ns in @excess_ns
 *
 * The sum is right, everything shorter stays as it is, and the replay puts the
 * rest back.
 */
struct trim {
	struct hist ns;		/* what was recorded, while it is collected */
	uint64_t wakes;		/* that the preparatory run had: times, ... */
	int64_t wakes_ns;	/* ... and what they cost */
	int64_t irq_ns;		/* that it had meanwhile */
	/* measured */
	int64_t wake_ns, wake_from_ns, wake_floor_ns;
	int64_t median_ns, least_ns, excess_ns;
};

/** trim_measure() - all is collected; the shortest interrupt takes @least_ns */
void trim_measure(struct trim *t, int64_t least_ns);
/** trim_share() - of @irq_ns in @all_ns of excess, over several, this one's */
void trim_share(struct trim *t, int64_t irq_ns, int64_t all_ns);
/** trim_less() - @ns without what the replay makes anew; never below 0. O(1) */
int64_t trim_less(const struct trim *t, int64_t ns);

#endif
