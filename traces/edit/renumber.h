#ifndef MMREPLAY_TRACES_EDIT_RENUMBER_H
#define MMREPLAY_TRACES_EDIT_RENUMBER_H

#include "traces/trace.h"

/*
 * New numbers for the tasks and address spaces that a new trace keeps, given
 * in order of their first mention, and the new trace's tables. Private to
 * traces/edit/.
 *
 * Invariant: a row of @to has the number of its place; references between
 * rows are set by renumber_finish(), when it is known which rows there are.
 */
struct renumber {
	const struct trace_header *from;
	struct trace_header *to;
	uint32_t *task, *mm;	/* old number to new; UINT32_MAX: none yet */
	bool *task_joined, *mm_joined;	/* the row is another source's */
	struct op_segment seg[OP_SEGS_MAX];
};

/** renumber_init() - rows of @from are added to @to as they are mentioned */
void renumber_init(struct renumber *n, const struct trace_header *from,
		   struct trace_header *to);
void renumber_release(struct renumber *n);

/** renumber_task() - its new number; none stays none; O(1), amortised */
uint32_t renumber_task(struct renumber *n, uint32_t old);
uint32_t renumber_mm(struct renumber *n, uint32_t old);

/** renumber_join_task() - @old has not been mentioned yet, and is row @row */
void renumber_join_task(struct renumber *n, uint32_t old, uint32_t row);
void renumber_join_mm(struct renumber *n, uint32_t old, uint32_t row);

/**
 * renumber_op() - give @op the new numbers, arguments and segments too
 * op->seg points into @n afterwards, until the next call.
 */
void renumber_op(struct renumber *n, struct op *op);

/** renumber_count() - book @op, with new numbers, in the tables of @h */
void renumber_count(struct trace_header *h, const struct op *op);

/** renumber_sort_areas() - by address, as the format wants them */
void renumber_sort_areas(struct trace_mm *row);

/** renumber_finish() - parents and owners of the rows that @n has made */
void renumber_finish(struct renumber *n);

#endif
