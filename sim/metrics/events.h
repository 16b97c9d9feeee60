#ifndef MMREPLAY_METRICS_EVENTS_H
#define MMREPLAY_METRICS_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "sim/base/units.h"

/*
 * The log of what happens in a window of simulated time, for a timeline:
 * NDJSON as analysis/timeline.h describes it. Callers ask for m->events first,
 * so that a run without a log pays one test; nothing here changes a run.
 *
 * What is open when the window begins is written at its start.
 */

struct event_log;
struct lock_class;

enum { EVENT_TASK_NONE = UINT32_MAX };

/** struct event_window - of one cell */
struct event_window {
	sim_ns start_ns, end_ns;
	const char *cell, *label;
};

/** struct event_task - who a task is; filled by the owner of tasks */
struct event_task {
	uint32_t pid, tid;
	const char *comm;
};

/** events_new() - writes the head; @out and @w's texts stay the caller's */
struct event_log *events_new(FILE *out, const struct event_window *w,
			     uint32_t cpus);
void events_free(struct event_log *l);

/** events_head() - the first line of a log, with its newline; caller frees */
char *events_head(const struct event_window *w, uint32_t cpus);

/** events_who() - @fn describes task ids; false: a thread of the kernel */
void events_who(struct event_log *l,
		bool (*fn)(void *arg, uint32_t task, struct event_task *out),
		void *arg);

void event_cpu(struct event_log *l, sim_ns now, uint32_t cpu, uint32_t task);
void event_op(struct event_log *l, sim_ns now, uint32_t task, const char *op);
void event_op_end(struct event_log *l, sim_ns now, uint32_t task);

/*
 * @lock: a number in the lock itself, 0 until its first event. A task waits
 * for one lock at a time here: the spinlock inside of a sleeping lock does
 * not show while somebody waits for the latter.
 */
void event_wait(struct event_log *l, sim_ns now, uint32_t task, uint32_t *lock,
		const struct lock_class *c, bool write);
void event_got(struct event_log *l, sim_ns now, uint32_t task, uint32_t *lock,
	       const struct lock_class *c, bool write);
void event_free(struct event_log *l, sim_ns now, uint32_t task,
		const uint32_t *lock);

void event_count(struct event_log *l, sim_ns now, const char *name,
		 const char *what, uint64_t value);

#endif
