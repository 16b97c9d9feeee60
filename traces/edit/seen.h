#ifndef MMREPLAY_TRACES_EDIT_SEEN_H
#define MMREPLAY_TRACES_EDIT_SEEN_H

#include "sim/base/rangemap.h"
#include "traces/trace.h"

/*
 * What is known of an address space from the records that a new trace has:
 * SEEN_MADE (in its layout, or made by a record), SEEN_EMPTY (removed by
 * one); unset: nothing yet. Private to traces/edit/. Zero-initialised is
 * empty; records come in order of their starts.
 */
enum { SEEN_MADE = 1, SEEN_EMPTY = 2 };

/* with five levels of page tables */
#define USER_END (1ULL << 56)

struct seen {
	struct rangemap map;
	uint64_t brk;
};

/** seen_row() - the layout of @row is there from the start */
void seen_row(struct seen *s, const struct trace_mm *row);

/** seen_copy() - a copy of @from, as fork makes it */
void seen_copy(struct seen *s, const struct seen *from);

/** seen_op() - what @op, if it succeeded, made and removed */
void seen_op(struct seen *s, const struct op *op);

/** seen_needs() - the pages that must be there for @op; empty if none */
struct range seen_needs(const struct op *op);

/** seen_pages() - pages of [addr, addr + len); empty where not of the user half */
struct range seen_pages(uint64_t addr, uint64_t len);

#endif
