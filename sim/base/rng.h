#ifndef MMREPLAY_BASE_RNG_H
#define MMREPLAY_BASE_RNG_H

#include <stdint.h>

/*
 * Stateless random draws: a value is a hash of what it is for, never a
 * position in a stream (MODEL.md 10). A policy that draws one number more
 * changes no other op's draws. No floating point.
 */

enum draw_purpose {
	DRAW_THINK_JITTER = 1,
	DRAW_START_PHASE,
	DRAW_RCU_PHASE,
	DRAW_TICK_PHASE,
	DRAW_WORKLOAD,
	DRAW_SLAB_OFFSET,
	DRAW_TEST,
	DRAW_POLICY = 64,	/* first purpose free for a policy's own draws */
};

/** draw() - 64 uniform bits for the n-th draw of @purpose by @id under @seed */
uint64_t draw(uint64_t seed, uint64_t id, uint32_t purpose, uint64_t n);

/** draw_below() - in [0, bound) by widening multiply; bias below bound / 2^64 */
uint64_t draw_below(uint64_t bits, uint64_t bound);

/**
 * draw_exponential_ns() - exponential with mean @mean_ns from an integer table
 * Relative error of the mean below 1e-4 for means of 100 ns and more; the
 * result is at most 22 means (cut off: 3 draws in 10^10).
 */
int64_t draw_exponential_ns(uint64_t bits, int64_t mean_ns);

#endif
