#ifndef MMREPLAY_TESTS_MATRIX_H
#define MMREPLAY_TESTS_MATRIX_H

/* Combinations of policies for tests: all valid ones, or so many that each pair
 * of values meets. */

#include <stdbool.h>
#include <stdlib.h>
#include "sim/policy/registry.h"

/* These constrain one another; the others go with everything. */
enum { BOUND_COUNT = 7, VALUES_MAX = 16 };
extern const enum axis bound[BOUND_COUNT];

/*
 * Valid combinations of the bound axes, each difference that is inert counted
 * once. Two munmap each; mm-wide: 4 pairs of fork and index x 4 free; per-vma:
 * 3 forks x 2 free x 4 places x 6 scopes; per-vma-refcnt: 3 forks x 3 free x 6
 * scopes; range: 3 forks x 4 free; speculative: 3 forks x 2 free.
 */
enum { VALID_CELLS = 2 * (4 * 4 + 3 * 2 * 4 * 6 + 3 * 3 * 6 + 3 * 4 + 3 * 2) };

struct matrix {
	struct policy_choice choice;
	const char *const *names[AXIS_COUNT];
	size_t count[AXIS_COUNT], value[AXIS_COUNT];
	unsigned valid, refused, runs;
	uint64_t seed;
	uint32_t thp;
	bool shared;		/* tasks race for pages: states may differ */
	void (*refuse)(const struct matrix *m, const char *why);	/* or NULL */
	char *state;
};

void matrix_init(struct matrix *m, uint64_t seed);

/** matrix_set() - axis @a takes its value number @value */
void matrix_set(struct matrix *m, int a, size_t value);

/** matrix_label() - all values; static text */
const char *matrix_label(const struct policy_choice *c);

/** matrix_random() - the @n-th random valid cell */
void matrix_random(struct matrix *m, uint64_t n);

/** matrix_all() - @cell for every valid combination of the bound axes, the others
 *  taking their values in turn; counts valid and refused */
void matrix_all(struct matrix *m, void (*cell)(struct matrix *));

/**
 * matrix_cover() - cells in which every pair of values of two axes appears that
 * any of some thousands of random valid ones has; each time the one of a few
 * that brings the most new pairs
 */
void matrix_cover(struct matrix *m, void (*cell)(struct matrix *));

#endif
