#ifndef MMREPLAY_REPLAY_ORDER_H
#define MMREPLAY_REPLAY_ORDER_H

#include "sim/replay/stream.h"
#include "traces/format/mmt.h"

/*
 * What a replay must know about a trace before it starts (MODEL.md 5, 6),
 * from one pass over all tasks in capture order: which records of other tasks
 * a record waits for, who wakes a sleeper, how long somebody outside the
 * trace had the CPU. One order serves every run of the trace.
 *
 * Kept per task, by sequence number (seq): the n-th record of the task that
 * is no measurement. A note is 12 bytes, and only cross-task facts that the
 * sequence numbers do not imply are noted.
 */

enum note_kind {
	NOTE_ORDER,	/* starts after record @value of @task took effect */
	NOTE_WAKER,	/* the sleep before it ends with record @value of @task */
	NOTE_ALLOC,	/* vfree: its area is from record @value of @task */
	NOTE_GHOST,	/* preempted for @value ns by somebody outside the trace */
	NOTE_SLEEP,	/* the sleep before it ended after @value ns, by interrupt */
};

enum { NOTE_TASK_BITS = 28 };

struct note {
	uint32_t seq;
	uint32_t kind : 4, task : NOTE_TASK_BITS;
	uint32_t value;
};

/**
 * struct task_order - one task of the trace
 * @moved: the cause of each of its ops in the capture (causes.h), as pairs of
 *	(ops without a cause since the last pair, cause)
 * @creator: task whose fork, vfork or clone creates it; TRACE_NO_TASK: it is
 *	there from the start
 * @start_ns: recorded time from which the gap to its first record counts
 */
struct task_order {
	struct note *notes;
	uint32_t note_count, note_room;
	struct stream moved;
	uint32_t records;
	uint32_t creator, creator_seq;
	int64_t start_ns;
	bool exits, exit_mm;
	bool starts_off;	/* its first record is a sched-in */
	uint16_t first_cpu;
};

struct order {
	struct task_order *tasks;
	uint32_t task_count;
	uint64_t records, ops[OP_KIND_COUNT];
	uint64_t edges, implied;	/* noted; dropped as implied by others */
	uint64_t reuse_edges;		/* of them: see order.c, overlapping reuse */
	uint64_t unknown_durations;	/* ops, faults included */
	uint64_t bytes;			/* of notes and streams */
	/*
	 * Lazy vmalloc pages when the trace begins, as its first free tells; and
	 * the mean size of the areas that it frees. 0: not recorded.
	 */
	uint64_t lazy_pages, lazy_area_pages;
};

/** order_build() - NULL and @e if a chunk of the trace is damaged */
struct order *order_build(struct mmt_reader *trace, struct errbuf *e);
void order_free(struct order *o);

/** op_slept_locked() - a fault that slept in a section: its sched-out and
 *  sched-in follow it, and lie inside */
bool op_slept_locked(const struct op *op);

#endif
