#ifndef MMREPLAY_BASE_RANGEMAP_H
#define MMREPLAY_BASE_RANGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/base/units.h"

/*
 * An ordered map from disjoint half-open ranges to a 64-bit value, kept as a
 * tree of wide nodes. Setting a range overwrites what was there, splitting at
 * the edges; neighbours with equal values are merged. O(log n) per edge,
 * memory by number of runs, never by length.
 * Zero-initialised is empty and valid. An empty range changes nothing.
 *
 *   set [2,6)=B over [0,8)=A :  AA BBBB AA
 */
struct rangemap {
	struct range_leaf *leaf;
	struct range_inner *inner;
	uint32_t root, levels;	/* levels of inner nodes; 0: the root is a leaf */
	uint32_t last;		/* leaf */
	uint32_t leaves, leaf_room, free_leaf;
	uint32_t inners, inner_room, free_inner;
	size_t count;		/* runs */
};

struct range_run {
	struct range r;
	uint64_t value;
};

void rangemap_release(struct rangemap *m);

/** rangemap_set() - every byte of @r has @value from now on */
void rangemap_set(struct rangemap *m, struct range r, uint64_t value);

/**
 * rangemap_touch() - rangemap_set() of a range that lies in one run or in none,
 * such as a page where all runs are of pages
 * @near: where the caller's last touch was, 0 at first: who touches one page
 *	after the other pays no descent, however many others do the same
 * Return: it had a value, which is *@old then.
 */
bool rangemap_touch(struct rangemap *m, struct range r, uint64_t value,
		    uint64_t *old, uint32_t *near);

/** rangemap_clear() - no byte of @r has a value */
void rangemap_clear(struct rangemap *m, struct range r);

/** rangemap_find() - the run that contains @addr; false if none */
bool rangemap_find(const struct rangemap *m, uint64_t addr,
		   struct range_run *out);

/** rangemap_find_near() - the same; @near as for rangemap_touch() */
bool rangemap_find_near(const struct rangemap *m, uint64_t addr,
			struct range_run *out, uint32_t *near);

/** rangemap_next() - first run that ends after @addr; false if none */
bool rangemap_next(const struct rangemap *m, uint64_t addr,
		   struct range_run *out);

/** rangemap_bytes() - bytes of @r that are covered by any run */
uint64_t rangemap_bytes(const struct rangemap *m, struct range r);

#endif
