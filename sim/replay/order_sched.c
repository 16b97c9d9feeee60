/*
 * Scheduler records: who woke whom, and who had the CPU meanwhile (MODEL.md
 * 6). What the replay needs is noted at the record that ends an interval off
 * the CPU, usually the sched-in:
 *
 *   sched-out S ... waking by a task ............ sched-in   NOTE_WAKER
 *   sched-out S ... waking in an interrupt ...... sched-in   NOTE_SLEEP
 *   sched-out R ... some of it nobody of ours ... sched-in   NOTE_GHOST
 *
 * A waking often precedes the wakee's own sched-out by about a microsecond,
 * so it counts from the sched-in before. Intervals inside an op are not
 * noted: lock waits are simulated, other sleep is part of the op's segments.
 *
 * Cost: O(1) a record. Limits: an interval above 4.29 s is not noted as
 * NOTE_SLEEP or NOTE_GHOST beyond that length.
 */
#include "sim/base/mem.h"
#include "sim/replay/order_build.h"

static struct cpu_build *cpu_of(struct order_build *b, uint16_t cpu)
{
	while (cpu >= b->cpu_count) {
		uint32_t count = b->cpu_count ? b->cpu_count * 2 : 8;

		b->cpus = xrealloc(b->cpus, count, sizeof(*b->cpus));
		for (uint32_t i = b->cpu_count; i < count; i++)
			b->cpus[i] = (struct cpu_build){ TRACE_NO_TASK, 0, 0 };
		b->cpu_count = count;
	}
	return &b->cpus[cpu];
}

/* How long traced tasks have had @c until @now. */
static int64_t busy_ns(const struct cpu_build *c, int64_t now)
{
	return c->busy_ns + (c->task == TRACE_NO_TASK ? 0 : now - c->since_ns);
}

static bool is_runnable(uint8_t state)
{
	return state == 'R';
}

static void sched_out(struct order_build *b, const struct op *op,
		      struct task_build *t)
{
	struct cpu_build *c = cpu_of(b, op->cpu);

	if (c->task == op->task) {
		c->busy_ns = busy_ns(c, op->start_ns);
		c->task = TRACE_NO_TASK;
	}
	t->out_state = (uint8_t)op->arg[0];
	if (!t->out_state)
		t->out_state = 'R';
	t->out_ns = op->start_ns;
	t->out_cpu = op->cpu;
	t->out_cpu_busy_ns = busy_ns(c, op->start_ns);
	t->out_nested = op->flags & OPF_IN_CALL ||
			op->start_ns < t->busy_until_ns ||
			(t->fault_open && !is_runnable(t->out_state));
}

static uint32_t fit(int64_t ns)
{
	return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

/* The interval off the CPU ends at @ref. */
void order_back(struct order_build *b, const struct op *op, uint64_t ref)
{
	struct task_build *t = &b->tasks[op->task];
	struct cpu_build *c = cpu_of(b, t->out_cpu);

	if (!t->out_nested && is_runnable(t->out_state)) {
		int64_t ns = op->start_ns - t->out_ns -
			     (busy_ns(c, op->start_ns) - t->out_cpu_busy_ns);

		if (ns > 0)
			order_note(b, ref, NOTE_GHOST, 0, fit(ns));
	} else if (!t->out_nested && t->waker != NO_REF) {
		order_edge(b, t->waker, ref, NOTE_WAKER);
	} else if (!t->out_nested && t->waker_irq &&
		   t->waker_ns - t->out_ns < UINT32_MAX) {
		order_note(b, ref, NOTE_SLEEP, 0,
			   t->waker_ns > t->out_ns ?
			   fit(t->waker_ns - t->out_ns) : 0);
	}
	if (t->out_nested)
		t->fault_open = false;
	t->out_state = 0;
	t->out_nested = false;
	t->waker = NO_REF;
	t->waker_irq = false;
}

static void sched_in(struct order_build *b, const struct op *op, uint64_t ref)
{
	struct task_build *t = &b->tasks[op->task];
	struct cpu_build *c;

	/* the first record of a sleeper that was there from the start */
	if (!t->out_state && !ref_seq(ref) &&
	    b->o->tasks[op->task].creator == TRACE_NO_TASK) {
		t->out_state = 'S';
		t->out_cpu = op->cpu;
	}
	if (t->out_state)
		order_back(b, op, ref);
	t->waker = NO_REF;
	t->waker_irq = false;
	c = cpu_of(b, op->cpu);
	c->busy_ns = busy_ns(c, op->start_ns);
	c->since_ns = op->start_ns;
	c->task = op->task;
	/* of a kernel thread's switches the capture has only some */
	if (b->h->tasks[op->task].mm == TRACE_NO_MM)
		c->task = TRACE_NO_TASK;
}

static void waking(struct order_build *b, const struct op *op, uint64_t ref)
{
	struct task_build *t;

	if (op->arg[0] >= b->h->task_count || op->arg[0] == op->task)
		return;
	t = &b->tasks[op->arg[0]];
	t->waker_ns = op->start_ns;
	/* 1: in an interrupt; 2: not known, and then what the task had just
	 * sent is the likeliest cause of an interrupt on top of it */
	t->waker_irq = op->arg[1] == 1;
	t->waker = t->waker_irq ? NO_REF : ref;
}

void order_sched(struct order_build *b, const struct op *op, uint64_t ref)
{
	switch (op->kind) {
	case OP_SCHED_OUT:
		sched_out(b, op, &b->tasks[op->task]);
		break;
	case OP_SCHED_IN:
		sched_in(b, op, ref);
		break;
	default:
		waking(b, op, ref);
		break;
	}
}
