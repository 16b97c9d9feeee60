/*
 * What the replay did to the trace, and where the time of ops went.
 *
 * moved: an op has moved if its causal predecessor (causes.h) is not the one
 * of the capture, or if it started before the record that had woken its task.
 * A vfree follows its vmalloc, a fork everything before it: by edges, so these
 * cannot move. 0 where one task has the address space for itself.
 *
 * op_time, for each op: latency = work + line + spin + sleep + queue + irq.
 *   spin    burning the CPU for a lock or an acknowledge
 *   sleep   from leaving the CPU asleep to being woken
 *   queue   from being woken or preempted to running, switch included
 *   work    the op's own work, and its primitives uncontended
 *   line    debt beyond that: cache-line transfers and their queues
 *   irq     the rest: interrupts and ticks on the task's CPU meanwhile
 * The sum is exact because irq is a rest; that it is never negative says
 * that nothing was counted twice (asserted in the test build).
 *
 * Cost: O(1) an op and a context switch.
 */
#include <stddef.h>
#include <stdio.h>
#include "sim/replay/run.h"

static int64_t debt_ns(const struct task *t)
{
	int64_t ns = 0;

	for (int i = 0; i < COST_CLASS_COUNT; i++)
		ns += t->class_ns[i];
	return ns;
}

/* ---- off the CPU ---- */

uint64_t rtask_ipis(const struct rtask *rt)
{
	return rt->ipis + rt->task.cpu->irqs_sent - rt->ipi_mark;
}

static void leaves(struct rtask *rt, int64_t now)
{
	if (rt->away || rt->task.state == TASK_RUNNING)
		return;		/* it left before; this CPU still had it loaded */
	rt->away = true;
	rt->ipis = rtask_ipis(rt);
	rt->away_asleep = rt->task.state == TASK_SLEEPING;
	rt->away_since_ns = now;
	/* gone again before it was switched in: that part was not spent */
	if (now < rt->switched_ns)
		rt->queue_ns -= rt->switched_ns - now;
	export_sched(rt, OP_SCHED_OUT, rt->away_asleep ? 'S' : 'R', now);
}

static void arrives(struct rtask *rt, int64_t now)
{
	int64_t runnable_ns = rt->away_since_ns;

	rt->ipi_mark = rt->task.cpu->irqs_sent;
	if (!rt->away) {
		if (!rt->arrived)
			export_sched(rt, OP_SCHED_IN, 0, now);
		rt->arrived = true;
		return;
	}
	export_sched(rt, OP_SCHED_IN, 0, now);
	rt->away = false;
	if (rt->away_asleep) {
		runnable_ns = rt->task.runnable_since_ns;
		rt->sleep_ns += runnable_ns - rt->away_since_ns;
	}
	rt->queue_ns += now - runnable_ns;
}

static struct replay *replay_of(struct cpu *c)
{
	return (struct replay *)(void *)
	       ((char *)c->m - offsetof(struct replay, m));
}

/* The simulated kernel may run tasks of its own: they are none of ours. */
static struct rtask *ours(struct task *t)
{
	return t && t->step == rtask_step ? rtask_of(t) : NULL;
}

static void on_switch(void *arg, struct cpu *c, struct task *prev,
		      struct task *next)
{
	struct replay *r = replay_of(c);
	struct rtask *from = ours(prev), *to = ours(next);
	int64_t now = r->m.engine.now_ns;

	if (from)
		leaves(from, now);
	if (to) {
		int64_t cost = next == prev ? 0 :
			       r->m.profile->cost[COST_CONTEXT_SWITCH].value;

		arrives(to, now);
		to->queue_ns += cost;
		to->switched_ns = now + cost;
	}
	if (r->kernel_switch)
		r->kernel_switch(arg, c, prev, next);
}

/* In front of the kernel's own hook, which keeps its argument. */
void distortion_init(struct replay *r)
{
	r->kernel_switch = r->m.hooks.context_switch;
	r->m.hooks.context_switch = on_switch;
}

void mm_awake(struct rtask *rt, bool awake)
{
	struct rmm *mm = rt->mm;

	if (rt->asleep == !awake)
		return;
	rt->asleep = !awake;
	if (!mm)
		return;
	mm->awake += awake ? 1 : UINT32_MAX;
	if (mm->awake > rt->r->out->max_runnable_per_mm)
		rt->r->out->max_runnable_per_mm = mm->awake;
}

/* ---- per op ---- */

/* The cause of this op in the capture. */
static uint32_t moved_expected(struct rtask *rt)
{
	const struct stream *s = &rt->order->moved;

	if (!rt->moved_loaded && rt->moved_pos < s->used) {
		rt->moved_left = stream_get(s, &rt->moved_pos);
		rt->moved_loaded = true;
	}
	if (!rt->moved_loaded || rt->moved_left--)
		return 0;
	rt->moved_loaded = false;
	return (uint32_t)stream_get(s, &rt->moved_pos);
}

/* A fault without a duration uses a page, and that is all. */
static bool touches(const struct op *op, uint64_t *page)
{
	return op->kind == OP_FAULT && op->duration_ns <= 0 &&
	       !(op->flags & OPF_FAILED) && op_touches(op, page);
}

/* The cause of this op in the replay, on the address space that it is on. */
static uint32_t moved_cause(struct rtask *rt)
{
	const struct op *op = &rt->op;
	struct rmm *mm = rmm_of(rt->r, rt->instance, op->mm);
	uint64_t page;

	rt->epoch += cause_epoch(op);
	if (!mm)
		return 0;
	if (touches(op, &page))
		return cause_page(&mm->causes, rt->trace, rt->epoch, page,
				  &rt->near);
	rt->ranges = (struct cause_ranges){ 0 };
	if (!(op->flags & OPF_FAILED))
		rt->ranges = op_ranges(op, &mm->causes.brk);
	rt->in_op = op->duration_ns > 0;
	return cause_begun(&mm->causes, rt->trace, rt->epoch, &rt->ranges,
			   !rt->in_op);
}

/*
 * What a capture can see of a fault: the time to the task's next record, if
 * no switch lies between. A fault that lies in a call has no gap of its own.
 */
static void gap(struct rtask *rt)
{
	struct replay *r = rt->r;
	int64_t now = r->m.engine.now_ns, ns = now - rt->gap_since_ns;

	if (rt->gap_since_ns >= 0 && measuring(r) &&
	    rt->gap_off_ns == rt->sleep_ns + rt->queue_ns &&
	    ns <= r->o->sleep_threshold_ns)
		hist_record(&r->out->gap_ns, ns);
	rt->gap_since_ns = -1;
	if (rt->op.kind != OP_FAULT || rt->op.flags & OPF_IN_CALL)
		return;
	rt->gap_since_ns = now;
	rt->gap_off_ns = rt->sleep_ns + rt->queue_ns;
}

void distortion_op_start(struct rtask *rt)
{
	struct replay *r = rt->r;
	int64_t drift_ns = r->m.engine.now_ns - rt->op.start_ns;
	uint32_t expected = moved_expected(rt);

	gap(rt);
	r->out->ops++;
	if (moved_cause(rt) != expected || rt->woken_early)
		r->out->moved_ops++;
	rt->woken_early = false;
	hist_record(&r->out->drift_ns, drift_ns < 0 ? -drift_ns : drift_ns);
}

void distortion_effect(struct rtask *rt)
{
	if (!rt->in_op)
		return;
	rt->in_op = false;
	cause_done(&rmm_of(rt->r, rt->instance, rt->op.mm)->causes, rt->trace,
		   rt->epoch, &rt->ranges);
}

void op_clock_start(struct rtask *rt)
{
	const struct task *t = &rt->task;

	rt->clock = (struct op_clock){
		.start_ns = t->m->engine.now_ns, .debt_ns = debt_ns(t),
		.spin_ns = t->mode_ns[MODE_SPIN], .sleep_ns = rt->sleep_ns,
		.queue_ns = rt->queue_ns, .wakeups_ns = t->wakeups_ns,
		.ipis = rtask_ipis(rt) };
	if (__builtin_expect(rt->r->metrics->events != NULL, 0))
		event_op(rt->r->metrics->events, rt->clock.start_ns, t->id,
			 op_kinds[rt->op.kind].name);
}

/* What the op's own work is, as the simulated kernel has counted it. */
static int64_t own_ns(const struct rtask *rt)
{
	const struct kop *k = &rt->kop;
	int64_t ns = 0;

	for (int i = 0; i < KOP_SEGS; i++) {
		ns += k->prim_ns[i];
		ns += k->recorded ? k->seg_ns[i] : k->model_ns[i];
		if (k->charged[i])
			ns += k->tax_ns[i];
	}
	return ns;
}

static void book(struct rtask *rt, int64_t latency_ns)
{
	struct op_time *o = &rt->r->out->op_time[rt->op.kind];
	const struct task *t = &rt->task;
	int64_t debt = debt_ns(t) - rt->clock.debt_ns;
	int64_t own = own_ns(rt) + t->wakeups_ns - rt->clock.wakeups_ns;
	int64_t spin = t->mode_ns[MODE_SPIN] - rt->clock.spin_ns;
	int64_t sleep = rt->sleep_ns - rt->clock.sleep_ns;
	int64_t queue = rt->queue_ns - rt->clock.queue_ns;
	int64_t irq = latency_ns - debt - spin - sleep - queue;

#ifdef MMREPLAY_TEST
	BUG_ON(irq < 0);
#endif
	if (own > debt)
		own = debt;
	o->work_ns += own;
	o->line_ns += debt - own;
	o->spin_ns += spin;
	o->sleep_ns += sleep;
	o->runqueue_ns += queue;
	o->irq_ns += irq;
}

/* The wait that the detector saw, of an op of this kind; else NULL. */
static const struct hung_wait *hung_wait(struct metrics *m, unsigned kind)
{
	for (uint32_t i = 0; i < m->hung_count; i++) {
		struct hung_wait *h = &m->hung[i];

		if (h->told || h->waiter_op != kind)
			continue;
		h->told = true;
		return h;
	}
	return NULL;
}

/* Held up for longer than the kernel's detector allows. */
static void hung(struct rtask *rt)
{
	struct replay_result *out = rt->r->out;
	int64_t limit_ns = rt->r->kernel->hung_task_ns;
	int64_t slept_ns = rt->sleep_ns - rt->clock.sleep_ns;
	const struct trace_task *tt = &rt->r->h->tasks[rt->trace];

	const struct hung_wait *h;

	if (!limit_ns || slept_ns < limit_ns ||
	    out->hung_count == sizeof(out->hung) / sizeof(out->hung[0]))
		return;
	h = hung_wait(rt->r->metrics, rt->op.kind);
	if (!h)
		return;		/* it slept by itself, or in many short waits */
	out->hung[out->hung_count].wait_ns = h->wait_ns;
	snprintf(out->hung[out->hung_count].mm_lock,
		 sizeof(out->hung[0].mm_lock), "%s", h->lock);
	snprintf(out->hung[out->hung_count].victim,
		 sizeof(out->hung[0].victim), "%.15s/%s", tt->comm,
		 op_kinds[rt->op.kind].name);
	snprintf(out->hung[out->hung_count].holder,
		 sizeof(out->hung[0].holder), "%s",
		 h->holder_op < OP_KIND_COUNT ? op_kinds[h->holder_op].name :
						"worker");
	out->hung_count++;
}

void op_clock_end(struct rtask *rt)
{
	struct replay *r = rt->r;
	int64_t latency_ns = r->m.engine.now_ns - rt->clock.start_ns;

	if (__builtin_expect(r->metrics->events != NULL, 0))
		event_op_end(r->metrics->events, r->m.engine.now_ns,
			     rt->task.id);
	hung(rt);
	if (!measuring(r))
		return;
	hist_record(&r->metrics->latency_ns[rt->op.kind], latency_ns);
	book(rt, latency_ns);
}
