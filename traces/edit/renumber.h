#ifndef MMREPLAY_TRACES_EDIT_RENUMBER_H
#define MMREPLAY_TRACES_EDIT_RENUMBER_H

#include "traces/trace.h"

/*
 * New numbers for the tasks and address spaces that a new trace keeps, given
 * in order of their first mention, and the new trace's tables. Private to
 * traces/edit/.
 *
 * Invariant: a row of @to has the number of its place; references between
 * mms are set by renumber_finish(), when it is known which rows there are.
 */

/* what a task's row has of its own; all else is in row @old of its source */
struct kept_task {
	int64_t first_ns, last_ns;
	uint64_t records : 54, source : 9, exited : 1;
	uint32_t old, mm;
};

/**
 * struct new_tables - of the new trace; zero-initialised is empty
 * @h: task_count counts @tasks, its own table of tasks stays empty
 */
struct new_tables {
	struct trace_header h;
	struct kept_task *tasks;
};

void new_tables_release(struct new_tables *t);

struct renumber {
	const struct trace_header *from;
	unsigned source;	/* number of @from among those that share @to */
	struct new_tables *to;
	uint32_t *task, *mm;	/* old number to new; UINT32_MAX: none yet */
	bool *mm_joined;	/* the row is another source's */
	struct op_segment seg[OP_SEGS_MAX];
};

/** renumber_init() - rows of @from are added to @to as they are mentioned */
void renumber_init(struct renumber *n, unsigned source,
		   const struct trace_header *from, struct new_tables *to);
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

/** renumber_count() - book @op, with new numbers, in the tables of @to */
void renumber_count(struct new_tables *to, const struct op *op);

/** renumber_sort_areas() - by address, as the format wants them */
void renumber_sort_areas(struct trace_mm *row);

/** renumber_finish() - parents and owners of the mms that @n has made */
void renumber_finish(struct renumber *n);

/** renumber_row() - task @i of the new trace in full; @n has made it */
void renumber_row(const struct renumber *n, uint32_t i, struct trace_task *row);

#endif
