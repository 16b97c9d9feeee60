/*
 * Who runs: sched_switch and sched_waking.
 *
 * Facts: some kernels log no switch from idle on some CPUs, so a switch-in
 * is inferred from the task's next line of its own; only sched_waking names
 * the waker; one in interrupt context (third flag) has no task as its waker,
 * and without the flags column that is not known (native-waking/README.md).
 *
 * Invariant: sched-out and sched-in of a task alternate. A task is known
 * only after an event of its own: switches of others are named losses.
 */
#include "traces/import/assemble_int.h"

enum { IN_TASK, IN_INTERRUPT, CONTEXT_UNKNOWN };	/* arg[1] of WAKING */

/* time off the CPU inside an op: waiting to run is dropped, sleep is kept */
static void count_off(struct assembler *a, struct atask *t)
{
	int64_t off = a->now_ns - t->out_ns;
	struct builder *b;
	struct record *r;

	b = builder_of(t, &r);
	if (!b)
		return;
	r->op.flags |= OPF_SLEPT;
	if (t->wait.active)	/* it is a part of the wait for the lock */
		return;
	if (t->out_state == 'R')
		b->idle_ns += off;
	else
		b->sleep_ns += off;
}

static void switch_in(struct assembler *a, struct atask *t, bool inferred)
{
	count_off(a, t);
	t->out = false;
	add_instant(a, t, OP_SCHED_IN, inferred, 0, 0, 0);
	ring_flush(a, t);
}

void sched_infer_in(struct assembler *a, struct atask *t)
{
	switch_in(a, t, true);
}

/* it sleeps with the lock in hand: for I/O, or for a page's lock */
static bool holds_in_fault(const struct atask *t)
{
	for (uint32_t i = 0; i < t->held_count; i++) {
		if (t->held[i].in_fault)
			return true;
	}
	return false;
}

static bool ends_task(uint64_t state)
{
	return state == 'X' || state == 'Z';
}

static void switch_out(struct assembler *a, struct atask *t, uint64_t state,
		       const struct atask *next)
{
	if (a->now_ns < t->last_ns)
		a->now_ns = t->last_ns;
	t->last_ns = a->now_ns;
	if (t->out)
		sched_infer_in(a, t);
	if (t->fault != NO_CALL && !t->wait.active && !holds_in_fault(t)) {
		ring_at(t, t->fault)->op.flags |= OPF_SLEPT;
		fault_close(a, t, true);
	}
	if (t->wait.active && t->wait.out_ns < 0)
		t->wait.out_ns = a->now_ns;
	builder_event(t);
	t->out = true;
	t->out_ns = a->now_ns;
	t->out_state = (uint8_t)state;
	add_instant(a, t, OP_SCHED_OUT, state,
		    next ? next->id : TRACE_NO_TASK, 0, 0);
	if (!ends_task(state))
		return;
	t->dead = true;
	t->out = false;
	task_end(a, t);
}

struct fate on_switch(struct assembler *a, const struct raw_event *ev)
{
	struct atask *prev = ev->v[0] ? task_find(a, (uint32_t)ev->v[0]) : NULL;
	struct atask *next = ev->v[2] ? task_find(a, (uint32_t)ev->v[2]) : NULL;

	a->have |= HAVE_SCHED;
	if (!prev && !next)
		return LOSS("sched_switch between tasks outside the trace");
	if (prev) {
		prev->cpu = ev->cpu;
		switch_out(a, prev, ev->v[1], next);
	}
	if (next && next != prev) {
		if (a->now_ns < next->last_ns)
			a->now_ns = next->last_ns;
		next->last_ns = a->now_ns;
		next->cpu = ev->cpu;
		if (!next->out)	/* its first; or the switch-out was lost */
			next->out_ns = a->now_ns;
		switch_in(a, next, false);
	}
	return JOINED;
}

struct fate on_waking(struct assembler *a, const struct raw_event *ev)
{
	struct atask *waker = ev->tid ? task_find(a, ev->tid) : NULL;
	struct atask *wakee = task_find(a, (uint32_t)ev->v[0]);
	uint64_t context = !ev->irq_known ? CONTEXT_UNKNOWN :
			   ev->in_irq ? IN_INTERRUPT : IN_TASK;

	a->have |= HAVE_WAKING;
	if (waker) {
		if (a->now_ns < waker->last_ns)
			a->now_ns = waker->last_ns;
		waker->last_ns = a->now_ns;
		waker->cpu = ev->cpu;
		if (waker->out)
			sched_infer_in(a, waker);
		builder_event(waker);
	}
	if (!wakee)
		return LOSS("sched_waking of a task outside the trace");
	if (!waker)
		return LOSS("sched_waking by a task outside the trace");
	add_instant(a, waker, OP_WAKING, wakee->id, context, 0, 0);
	return JOINED;
}
