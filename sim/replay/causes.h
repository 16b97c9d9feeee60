#ifndef MMREPLAY_REPLAY_CAUSES_H
#define MMREPLAY_REPLAY_CAUSES_H

#include "sim/base/rangemap.h"
#include "traces/trace.h"

/*
 * The causal predecessor of an op: on each page of its address range, the
 * last op of another task that had ended when it started. The order pass
 * computes it from the capture, the replay from what it did; an op whose two
 * answers differ has moved. Ops on disjoint ranges have no cause in common.
 *
 *   other tasks:  |--mmap A--|        |--munmap A--|
 *   an op on A:                ^ cause: the mmap    ^ not ended: still the mmap
 *
 * In the replay an op is over when it takes effect, as for its successors
 * (order.h). A removal counts from its start, in both: its address may be
 * handed out before the call returns. One without a recorded duration (a fault) counts as over when it
 * starts, in both. Faults of one task between two of its other ops are one cause: who
 * touched a page is kept, not which of his touches it was.
 */

/** struct cause_ranges - what an op uses, changes, removes and creates */
struct cause_ranges {
	struct range use, change, remove, create;
};

/** op_ranges() - of a call that did not fail; all empty where it has none
 *  @brk: the break of its address space, 0 = not known; moves on */
struct cause_ranges op_ranges(const struct op *op, uint64_t *brk);

/** op_touches() - the one page that a fault uses; false if it is no user's */
bool op_touches(const struct op *op, uint64_t *page);

/**
 * struct causes - who acted last on each page of an address space
 * @last: page range -> actor; @other: the last actor that is not @last's task
 * @shared: it has had two users at a time; before that nothing is noted
 */
struct causes {
	struct rangemap last, other;
	uint64_t brk;
	bool shared;
};

void causes_release(struct causes *c);

/**
 * cause_begun() - the @epoch-th op of @task begins on @r; a removal counts from
 * here. @over: the rest does, too
 * Return: a number for the set of its causes, 0 if it has none.
 * Cost: O(log runs) and the runs that @r meets.
 */
uint32_t cause_begun(struct causes *c, uint32_t task, uint32_t epoch,
		     const struct cause_ranges *r, bool over);

/** cause_page() - cause_begun() of one that uses the page at @page, and is over
 *  @near: the task's own, see rangemap_touch() */
uint32_t cause_page(struct causes *c, uint32_t task, uint32_t epoch,
		    uint64_t page, uint32_t *near);

/** cause_done() - that op is over, unless it was so when it began */
void cause_done(struct causes *c, uint32_t task, uint32_t epoch,
		const struct cause_ranges *r);

/** cause_epoch() - does @op begin a new epoch of its task? */
static inline bool cause_epoch(const struct op *op)
{
	return op->kind != OP_FAULT && op->duration_ns >= 0;
}

#endif
