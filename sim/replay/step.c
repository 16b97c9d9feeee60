/*
 * The walk over a task's records, in the engine's context, without a stack.
 *
 * Closed pacing. Between two records a task thinks for the recorded distance
 * of their edges; what it did off the CPU there is told by the scheduler
 * records (MODEL.md 6):
 *
 *   op ~~~ think ~~~ out(S) ... in ~~~ think ~~~ op
 *                       |   '-- a task of the trace woke it: wait for that task
 *                       |       nobody did: sleep as long as it slept then
 *                    out(R): ours had the CPU: nothing, the run queue does it
 *                            others had it: a ghost takes it for that long
 *
 * An op without a recorded end (a fault) ends after what the model charges
 * for it under the captured policy; user time is the rest of the gap, floored
 * at 0 and the floored part counted. Without scheduler records a gap above
 * the threshold is "sleep or compute, unknown": slept, and counted.
 *
 * Invariant: a wait for others happens here, before an op starts, off the CPU
 * and with no lock held. A record takes effect once; those who wait for it
 * are woken then, in the order in which they came.
 *
 * Cost: O(1) a record, O(notes) at the records that have some.
 */
#include "sim/replay/run.h"

enum { STATE_RUNNABLE = 'R' };

const struct note *rtask_note(const struct rtask *rt, enum note_kind kind)
{
	const struct task_order *o = rt->order;

	for (uint32_t i = rt->note;
	     i < o->note_count && o->notes[i].seq == rt->seq; i++)
		if (o->notes[i].kind == kind)
			return &o->notes[i];
	return NULL;
}

/* ---- effect ---- */

void rtask_effect(struct rtask *rt)
{
	struct rtask *w, *next;

	distortion_effect(rt);
	if (!rt->finished)
		rt->effected = rt->seq + 1;
	for (w = TAILQ_FIRST(&rt->waiters); w; w = next) {
		next = TAILQ_NEXT(w, wait_link);
		if (w->need >= rt->effected)
			continue;
		TAILQ_REMOVE(&rt->waiters, w, wait_link);
		w->pred = NULL;
		mm_awake(w, true);
		export_sched(rt, OP_WAKING, w->trace,
			     rt->r->m.engine.now_ns);
		task_wake(NULL, &w->task);
	}
}

/* ---- FETCH ---- */

static void fail(struct replay *r, int err)
{
	r->err = err;
	r->m.engine.stop = true;
}

static void progress(struct replay *r)
{
	const struct replay_config *c = r->c;

	r->records_done++;
	if (c->progress && !(r->records_done & 0x3ff))
		c->progress(c->progress_arg, r->records_done, r->records_total);
}

/* Return: the task has a record to do. */
static bool fetch(struct rtask *rt)
{
	struct replay *r = rt->r;
	int ret;

	do {
		ret = mmt_next(rt->cursor, &rt->op, r->e);
	} while (ret > 0 && op_kinds[rt->op.kind].cls == OP_CLASS_MEASURE);
	if (ret < 0)
		fail(r, ret);
	if (ret <= 0)
		return false;
	progress(r);
	rtask_place(rt, rt->op.cpu);
	rt->wait_note = rt->note;
	return true;
}

/* ---- PAUSE ---- */

bool rtask_sleep(struct rtask *rt, int64_t ns)
{
	if (ns <= 0)
		return false;
	rt->slept = true;
	mm_awake(rt, false);
	task_sleep_until(&rt->task, rt->r->m.engine.now_ns + ns);
	return true;
}

/* A sleep by the recorded clock: its wake-up latency comes on top here. */
static bool sleep_recorded(struct rtask *rt, int64_t ns)
{
	ns -= rt->r->m.profile->cost[COST_WAKE_LATENCY].value;
	return rtask_sleep(rt, ns);
}

static int64_t jittered(const struct rtask *rt, int64_t ns)
{
	const struct replay *r = rt->r;
	int64_t reach;
	uint64_t bits;

	if (!r->c->replicate)
		return ns;
	reach = ns / 1000 * r->o->jitter_permille +
		ns % 1000 * r->o->jitter_permille / 1000;
	if (!reach)
		return ns;
	bits = draw(r->c->seed, rt->task.id, DRAW_THINK_JITTER, rt->done);
	return ns - reach + (int64_t)draw_below(bits, (uint64_t)reach * 2 + 1);
}

/*
 * Is a gap between two records time on a CPU? Captures are filtered by process:
 * of a kernel thread's switches they have at most those to and from a task of
 * the workload.
 */
static bool surely_on_cpu(const struct rtask *rt)
{
	return rt->r->have_sched && rt->mm;
}

/* Recorded times hold the interrupts of the capture; a generated trace has
 * none, and without recorded costs there is no preparatory run to count. */
static bool trims_interrupts(const struct replay *r)
{
	return r->costs && !r->preparing && r->o->costs == COSTS_RECORDED &&
	       !r->h->synthetic;
}

static bool think(struct rtask *rt, int64_t ns)
{
	struct replay *r = rt->r;

	/* the switch itself lies behind its record, and comes here anyway */
	if (rt->switched_in)
		ns -= r->m.profile->cost[COST_CONTEXT_SWITCH].value;
	rt->switched_in = false;
	if (ns <= 0)
		return false;
	if (ns > r->o->sleep_threshold_ns && !surely_on_cpu(rt)) {
		*(rt->mm ? &r->out->unknown_gap_ns : &r->out->exogenous_ns) += ns;
		return sleep_recorded(rt, ns);
	}
	if (r->costs && r->preparing)
		costs_thought(r->costs, ns);
	else if (trims_interrupts(r))
		ns = costs_think_ns(r->costs, ns);
	ns = jittered(rt, ns);
	r->out->think_ns += ns;
	task_think(&rt->task, ns, COST_RECORDED);
	return true;
}

/* The interval off the CPU before this record is over in the capture. */
static bool back(struct rtask *rt, int64_t gap_ns)
{
	struct replay *r = rt->r;
	uint8_t state = rt->off_state;
	const struct note *n;

	rt->off_state = 0;
	if (rt->off_nested)
		return false;
	if (state == STATE_RUNNABLE) {
		n = rtask_note(rt, NOTE_GHOST);
		if (!n || r->o->exogenous != EXOGENOUS_KEEP)
			return false;
		r->out->exogenous_ns += n->value;
		task_ghost(&rt->task, n->value);
		return true;
	}
	if (rtask_note(rt, NOTE_WAKER))
		return false;		/* the wait is in ORDER */
	n = rtask_note(rt, NOTE_SLEEP);
	if (n) {
		r->out->exogenous_ns += n->value;
		return rtask_sleep(rt, n->value);
	}
	r->out->exogenous_ns += gap_ns;
	return sleep_recorded(rt, gap_ns);
}

/* The gap behind a fault ends here: how much of it the model explains. Longer
 * gaps say nothing: they hold sleep, or work of another sort. */
static void close_fault(struct rtask *rt)
{
	struct replay *r = rt->r;
	int64_t gap_ns = rt->op.start_ns - rt->last_start_ns;
	int64_t over_ns = rt->fault_end_ns - rt->op.start_ns;

	rt->last_fault = false;
	if (!measuring(r) || gap_ns > r->o->sleep_threshold_ns)
		return;
	r->out->fault_gap_ns += gap_ns;
	if (over_ns > 0)
		r->out->fault_floored_ns += over_ns;
}

/* Off the CPU inside an op: the op itself has or makes that time. */
static bool inside_op(const struct rtask *rt)
{
	const struct op *op = &rt->op;

	if (op->kind != OP_SCHED_OUT)
		return false;
	return op->flags & OPF_IN_CALL || op->start_ns < rt->busy_until_ns ||
	       (rt->fault_open && op->arg[0] != STATE_RUNNABLE);
}

static bool pause_closed(struct rtask *rt)
{
	const struct op *op = &rt->op;
	int64_t gap_ns;

	if (inside_op(rt))
		return false;
	if (rt->off_state && rt->off_nested)
		return back(rt, 0);
	if (rt->last_fault)
		close_fault(rt);
	gap_ns = op->start_ns - rt->at_ns;
	if (gap_ns < 0)
		gap_ns = 0;
	rt->at_ns += gap_ns;
	if (rt->off_state)
		return back(rt, gap_ns);
	return think(rt, gap_ns);
}

static bool pause_open(struct rtask *rt)
{
	rt->off_state = 0;
	if (op_kinds[rt->op.kind].cls == OP_CLASS_SCHED)
		return false;
	rt->at_ns = rt->op.start_ns;
	return rtask_sleep(rt, rt->op.start_ns - rt->r->m.engine.now_ns);
}

/* Return: step() must return, the task thinks or sleeps. */
static bool pause_before(struct rtask *rt)
{
	if (rt->r->o->pacing == PACING_OPEN)
		return pause_open(rt);
	return pause_closed(rt);
}

/* ---- ORDER ---- */

static void waited(struct rtask *rt)
{
	const struct note *n = &rt->order->notes[rt->wait_note];
	int64_t ns = rt->r->m.engine.now_ns - rt->wait_since_ns;

	rt->wait_since_ns = -1;
	if (n->kind == NOTE_WAKER) {
		rt->r->out->waker_wait_ns += ns;
		return;
	}
	rt->r->out->order_wait_ns += ns;
	rt->op_wait_ns += ns;
}

/* To wait for the recorded order is no sleep of the program's, unless it sleeps
 * anyway, for too short a time, or leaves when the others are done: a join. */
static bool stands(const struct rtask *rt, const struct note *n)
{
	return n->kind == NOTE_ORDER && !rt->slept && rt->op.kind != OP_EXIT;
}

static bool must_wait(struct rtask *rt, const struct note *n)
{
	struct rtask *pred;

	if (n->kind != NOTE_ORDER && n->kind != NOTE_WAKER)
		return false;
	pred = rtask_peer(rt, n->task);
	if (pred->effected > n->value)
		return false;
	if (n->kind == NOTE_WAKER && rt->r->o->pacing == PACING_OPEN) {
		rt->woken_early = true;
		return false;
	}
	rt->pred = pred;
	rt->need = n->value;
	rt->wait_since_ns = rt->r->m.engine.now_ns;
	TAILQ_INSERT_TAIL(&pred->waiters, rt, wait_link);
	mm_awake(rt, false);
	if (stands(rt, n))
		task_stand(&rt->task);
	else
		task_sleep(&rt->task);
	return true;
}

/* Return: step() must return, the task waits for another. */
static bool order_before(struct rtask *rt)
{
	const struct task_order *o = rt->order;

	if (rt->wait_since_ns >= 0)
		waited(rt);
	for (; rt->wait_note < o->note_count &&
	       o->notes[rt->wait_note].seq <= rt->seq; rt->wait_note++)
		if (must_wait(rt, &o->notes[rt->wait_note]))
			return true;
	if (rt->op_wait_ns && measuring(rt->r))
		hist_record(&rt->r->metrics->order_wait_ns, rt->op_wait_ns);
	rt->op_wait_ns = 0;
	return false;
}

/* ---- DO ---- */

static void record_done(struct rtask *rt)
{
	const struct task_order *o = rt->order;

	rtask_effect(rt);
	while (rt->note < o->note_count && o->notes[rt->note].seq <= rt->seq)
		rt->note++;
	rt->seq++;
	rt->phase = PHASE_FETCH;
}

static void sched_record(struct rtask *rt)
{
	const struct op *op = &rt->op;
	uint64_t state = op->arg[0] ? op->arg[0] : STATE_RUNNABLE;

	if (op->kind == OP_SCHED_OUT) {
		rt->off_state = (uint8_t)state;
		rt->off_nested = inside_op(rt);
	} else if (op->kind == OP_SCHED_IN) {
		if (rt->off_nested)
			rt->fault_open = false;
		rt->switched_in = !rt->off_nested;
		rt->off_state = 0;
		rt->off_nested = false;
	}
	record_done(rt);
}

/* Return: step() must return, a fiber has the op. */
static bool do_record(struct rtask *rt)
{
	struct replay *r = rt->r;
	const char *reason;

	if (op_kinds[rt->op.kind].cls == OP_CLASS_SCHED) {
		sched_record(rt);
		return false;
	}
	rt->off_state = 0;
	rt->off_nested = false;
	rt->slept = false;
	rt->done++;
	distortion_op_start(rt);
	rt->phase = PHASE_FETCH;
	reason = op_refusal(rt);
	if (!reason) {
		task_start_fiber(&rt->task, op_fiber,
				 op_kinds[rt->op.kind].name);
		return true;
	}
	if (*reason && !r->out->unreplayed[rt->op.kind]++ && !r->preparing)
		warn(r->out, "%s is not replayed: %s",
		     op_kinds[rt->op.kind].name, reason);
	op_skip(rt);
	return false;
}

void rtask_op_done(struct rtask *rt)
{
	record_done(rt);
}

/* ---- TAIL ---- */

/* Alive at the end of the trace: it lives on to there, and then the window of
 * the statistics closes. Kernel threads are no part of the workload. */
static bool tail(struct rtask *rt)
{
	struct replay *r = rt->r;
	int64_t gap_ns = r->h->span_ns - rt->at_ns;
	bool asleep = rt->off_state && rt->off_state != STATE_RUNNABLE;

	rt->phase = PHASE_TAIL;
	if (!rt->mm || r->err)
		return false;
	if (r->o->pacing == PACING_OPEN)
		return rtask_sleep(rt, r->h->span_ns - r->m.engine.now_ns);
	if (asleep || gap_ns > r->o->sleep_threshold_ns) {
		r->out->exogenous_ns += gap_ns > 0 ? gap_ns : 0;
		return sleep_recorded(rt, gap_ns);
	}
	return think(rt, gap_ns);
}

static void finish(struct rtask *rt)
{
	struct replay *r = rt->r;

	if (rt->mm && !rt->order->exits)
		r->metrics->off = true;
	rt->finished = true;
	rt->effected = UINT32_MAX;
	rtask_effect(rt);
	mm_awake(rt, false);
	mmt_cursor_free(rt->cursor);
	rt->cursor = NULL;
	if (is_user(rt) && !--r->live_users)
		take_accounts(r, r->m.engine.now_ns);
	if (!--r->live)
		r->m.engine.stop = true;
	task_exit(&rt->task);
}

void rtask_step(struct task *t)
{
	struct rtask *rt = rtask_of(t);

	mm_awake(rt, true);
	for (;;) {
		switch ((enum phase)rt->phase) {
		case PHASE_FETCH:
			if (!fetch(rt)) {
				if (tail(rt))
					return;
				break;
			}
			rt->phase = PHASE_PAUSE;
			break;
		case PHASE_PAUSE:
			rt->phase = PHASE_ORDER;
			if (pause_before(rt))
				return;
			break;
		case PHASE_ORDER:
			if (order_before(rt))
				return;
			rt->phase = PHASE_DO;
			break;
		case PHASE_DO:
			if (do_record(rt))
				return;
			break;
		case PHASE_TAIL:
			finish(rt);
			return;
		}
	}
}
