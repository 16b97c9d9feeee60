#ifndef MMREPLAY_TRACES_EDIT_SPACE_H
#define MMREPLAY_TRACES_EDIT_SPACE_H

#include "sim/base/units.h"
#include "traces/trace.h"

/*
 * What the address spaces of a trace look like at a point of it: which areas
 * there are and how much of each is resident, from the layout at the start
 * and the effects of the records so far. Private to traces/edit/.
 */
struct space;

struct space *space_new(const struct trace_header *h);
void space_free(struct space *s);

/**
 * space_apply() - take the next record, in order of starts
 * A call takes effect where its write section ends (a removal without
 * sections: at its start; all others: at the end of the call), so effects of
 * calls that overlap come in the order of their locks. O(log areas).
 */
void space_apply(struct space *s, const struct op *op);

/** space_settle() - calls under way take effect now; how many they are */
unsigned space_settle(struct space *s);

/** space_mm() - where @task is now, or TRACE_NO_MM */
uint32_t space_mm(const struct space *s, uint32_t task);

/** space_areas() - set the areas of @row to those of @mm; frees the old ones */
void space_areas(struct space *s, uint32_t mm, struct trace_mm *row);

/** space_next() - first area of @mm that ends after @addr, with its AREA_* flags */
bool space_next(struct space *s, uint32_t mm, uint64_t addr, struct range *r,
		uint32_t *flags);

#endif
