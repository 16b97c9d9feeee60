#ifndef MMREPLAY_BASE_RANGEMAP_H
#define MMREPLAY_BASE_RANGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/base/units.h"

/*
 * An ordered map from disjoint half-open ranges to a 64-bit value, kept as a
 * balanced tree. Setting a range overwrites what was there, splitting at
 * the edges; neighbours with equal values are merged. O(log n) per edge,
 * memory by number of runs, never by length.
 *
 *   set [2,6)=B over [0,8)=A :  AA BBBB AA
 */
struct rangemap {
	struct range_node *root;
	size_t count;		/* runs */
};

struct range_run {
	struct range r;
	uint64_t value;
};

void rangemap_release(struct rangemap *m);
void rangemap_set(struct rangemap *m, struct range r, uint64_t value);
void rangemap_clear(struct rangemap *m, struct range r);

/** rangemap_find() - the run that contains @addr; false if none */
bool rangemap_find(const struct rangemap *m, uint64_t addr,
		   struct range_run *out);

/** rangemap_next() - first run that ends after @addr; false if none */
bool rangemap_next(const struct rangemap *m, uint64_t addr,
		   struct range_run *out);

/** rangemap_bytes() - bytes of @r that are covered by any run */
uint64_t rangemap_bytes(const struct rangemap *m, struct range r);

#endif
