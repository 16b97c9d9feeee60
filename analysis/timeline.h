#ifndef MMREPLAY_ANALYSIS_TIMELINE_H
#define MMREPLAY_ANALYSIS_TIMELINE_H

#include <stdio.h>
#include "sim/base/errbuf.h"

/*
 * cells/ID.events: one JSON object a line, in order of time. The first line
 * is the head, then declarations and events mix; what is used was declared.
 *
 *   {"events": 2, "cell": ID, "label": L, "start_ns": A, "end_ns": B, "cpus": N}
 *   {"e": "task", "task": T, "pid": P, "tid": T2, "comm": "name"}
 *   {"e": "lock", "lock": L, "name": "mmap_lock", "of": "mm 1"}
 *   {"t": NS, "e": "cpu", "cpu": C, "task": T}        T runs; no task: idle
 *   {"t": NS, "e": "op", "task": T, "op": "munmap"}    begins
 *   {"t": NS, "e": "end", "task": T}                   the op ends
 *   {"t": NS, "e": "wait", "task": T, "lock": L, "side": "write"}
 *   {"t": NS, "e": "got", "task": T, "lock": L, "side": "write", "from": T2}
 *                                    `from`: whose release let it in, after a wait
 *   {"t": NS, "e": "free", "task": T, "lock": L}
 *   {"t": NS, "e": "downgrade", "task": T, "lock": L}
 *   {"t": NS, "e": "count", "name": "hold.vma.bytes", "value": V}
 *   {"e": "whole", "bytes": N, "digest": D}            of all above: the last line
 *
 * An op, wait or hold that began before the window begins at start_ns; what
 * is open at the end ends at end_ns.
 */

/** struct timeline - Chrome trace JSON being written; several cells go into one */
struct timeline {
	FILE *out;
	uint64_t events;	/* written so far */
	uint32_t cells;
};

void timeline_begin(struct timeline *t, FILE *out);

/** timeline_add() - one cell's events from @in, @name for messages */
int timeline_add(struct timeline *t, FILE *in, const char *name,
		 struct errbuf *e);

/** timeline_end() - close the JSON */
int timeline_end(struct timeline *t, struct errbuf *e);

#endif
