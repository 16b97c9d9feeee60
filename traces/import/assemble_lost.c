/*
 * Events that the capture itself lost: a mark says how many, on which CPU.
 *
 * The record of a loss spans from the last event of that CPU to the next one.
 * It stands with the task that printed the last one, none of whose records is
 * younger, so that records of a task keep their order.
 *
 * Invariant: nothing is paired across a loss of the CPU that it was seen on.
 */
#include <string.h>
#include "traces/import/assemble_int.h"

/* what it was doing when events of its CPU were lost cannot be trusted */
static void give_up(struct assembler *a, struct atask *t)
{
	fault_close(a, t, false);
	if (t->call != NO_CALL && !is_exit_call(t->call_id))
		call_abandon(a, t);
	t->wait.active = false;
	t->held_count = 0;
}

static int64_t last_record(const struct atask *t)
{
	return t->done_ns > t->last_ns ? t->done_ns : t->last_ns;
}

static struct atask *last_on(const struct assembler *a, unsigned cpu)
{
	struct atask *last = NULL;

	for (uint32_t i = 0; i < a->task_slots; i++) {
		struct atask *t = a->tasks[i];

		if (t && t->cpu == cpu &&
		    (!last || last_record(t) > last_record(last)))
			last = t;
	}
	return last;
}

static struct atask *idle_task(struct assembler *a, unsigned cpu)
{
	const struct raw_event idle = { .tid = 0, .tgid = TGID_UNKNOWN,
		.cpu = (uint16_t)cpu };
	struct atask *t = task_get(a, &idle);

	if (!t->named)
		strcpy(task_row(a, t)->comm, "<idle>");
	return t;
}

struct fate on_lost(struct assembler *a, const struct raw_event *ev)
{
	struct atask *last = last_on(a, ev->cpu);
	int64_t until_ns = (int64_t)ev->v[1] - a->epoch_ns;
	struct op op;

	if (!last)
		last = idle_task(a, ev->cpu);
	op_init(a, last, &op, OP_LOST);
	op.start_ns = last_record(last);
	if (ev->v[1] && a->started && a->units && until_ns >= op.start_ns)
		op.duration_ns = until_ns - op.start_ns;
	op.cpu = ev->cpu;
	op.mm = TRACE_NO_MM;
	op.flags = 0;
	op.arg[0] = ev->v[0];
	op.arg[1] = ev->cpu;
	for (uint32_t i = 0; i < a->task_slots; i++) {
		if (a->tasks[i] && a->tasks[i]->cpu == ev->cpu)
			give_up(a, a->tasks[i]);
	}
	ring_add(a, last, &op, true);
	ring_flush(a, last);
	a->h->lost_events += ev->v[0];
	return MEASURED;
}
