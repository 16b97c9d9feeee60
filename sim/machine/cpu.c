/*
 * A CPU turns its task's debt into time.
 *
 * Invariants: time is booked once and without gaps (struct cpu). A CPU's slot
 * (engine.h) is armed iff the current task has debt, or the CPU is taken, and it
 * neither spins nor waits for a line.
 * Fibers and step() run only when their debt is zero and the CPU is not taken.
 *
 * The fast path of settle() and cpu_go() moves the clock instead of queueing
 * an event when nothing pending comes before (engine_advance_to); both paths
 * leave the same state, which is what --eager checks.
 *
 * Cost: a settle on the fast path is one comparison and four additions; on the
 * slow path a slot moved and one taken (slots.c), and a switch of fibers where
 * the next event resumes one, else two and the event loop between.
 */
#include "sim/base/errbuf.h"
#include "sim/machine/sched.h"

static inline uint64_t resume_order(const struct cpu *c)
{
	return event_order(EVENT_RESUME, c->id, 0);
}

static inline sim_ns later(sim_ns a, sim_ns b)
{
	return a > b ? a : b;
}

/* It waits on its CPU: its debt is no measure of when it goes on. */
static inline bool burns(const struct task *t)
{
	return t->spinning || t->line;
}

void cpu_account(struct cpu *c)
{
	int64_t ns = c->m->engine.now_ns - c->mode_since_ns;
	struct task *t = c->curr;
	unsigned mode = MODE_IDLE;

	if (ns <= 0)
		return;
	if (t) {
		mode = t->spinning ? MODE_SPIN : t->mode;
		t->mode_ns[mode] += ns;
	}
	c->mode_ns[mode] += ns;
	c->mode_since_ns += ns;
}

void cpu_pause(struct cpu *c)
{
	sim_ns now = c->m->engine.now_ns;
	struct task *t = c->curr;

	if (!t || now <= c->run_since_ns)
		return;
	if (t->owed_ns) {
		t->owed_ns -= now - c->run_since_ns;
		BUG_ON(t->owed_ns < 0);
	}
	c->run_since_ns = now;
}

void cpu_take(struct cpu *c, int64_t ns, enum cpu_mode mode,
	      enum cost_class cls)
{
	sim_ns start = later(c->m->engine.now_ns, c->busy_until_ns);

	cpu_account(c);
	c->busy_until_ns = start + ns;
	c->run_since_ns = c->busy_until_ns;
	c->mode_since_ns = c->busy_until_ns;
	c->mode_ns[mode] += ns;
	c->class_ns[cls] += ns;
	if (mode == MODE_IRQ && c->curr && c->curr->mode == MODE_USER)
		c->irq_user_ns += ns;
	c->m->end_ns = later(c->m->end_ns, c->busy_until_ns);
}

static bool armed(const struct cpu *c)
{
	return engine_slot_armed(&c->m->engine, SLOTS_RESUME, c->id);
}

static void cpu_arm(struct cpu *c)
{
	engine_slot_at(&c->m->engine, SLOTS_RESUME, c->id,
		       c->run_since_ns + c->curr->owed_ns);
}

void cpu_burn_until(struct cpu *c, sim_ns at_ns)
{
	engine_slot_at(&c->m->engine, SLOTS_WAKE, c->id, at_ns);
}

bool cpu_burn_ends(const struct cpu *c)
{
	return engine_slot_armed(&c->m->engine, SLOTS_WAKE, c->id);
}

void cpu_rearm(struct cpu *c)
{
	if (armed(c))
		cpu_arm(c);
}

void cpu_kick(struct cpu *c)
{
	if (c->curr && !armed(c) && !burns(c->curr))
		cpu_arm(c);
}

/* ---- switching ---- */

void cpu_start(struct cpu *c, struct task *t)
{
	const struct cost_value *cost = &c->m->profile->cost[COST_CONTEXT_SWITCH];
	struct task *prev = c->last;

	cpu_account(c);
	cpu_set_idle(c, false);
	if (t->cpu != c)
		c->migrations++;
	c->curr = t;
	t->cpu = c;
	t->state = TASK_RUNNING;
	t->need_resched = false;
	if (c->m->hooks.context_switch)
		c->m->hooks.context_switch(c->m->hooks.arg, c, prev, t);
	if (__builtin_expect(c->m->metrics->events != NULL, 0))
		event_cpu(c->m->metrics->events, c->m->engine.now_ns, c->id,
			  t->id);
	c->last = t;
	if (t->address_space)
		c->address_space = t->address_space;
	c->switches++;
	if (t != prev)
		cpu_take(c, cost_take(c->m, COST_CONTEXT_SWITCH, 1), MODE_SYSTEM,
			 cost->cls);
	else
		c->run_since_ns = later(c->m->engine.now_ns, c->busy_until_ns);
	c->picked_ns = c->run_since_ns;
	if (c->queue.count)
		tick_arm(c);
}

static void cpu_leave(struct cpu *c)
{
	struct task *t = c->curr;
	int64_t ran = c->m->engine.now_ns - c->picked_ns;

	BUG_ON(t->irq_off || t->preempt_off || burns(t));
	cpu_account(c);
	cpu_pause(c);
	if (armed(c))
		engine_slot_at(&c->m->engine, SLOTS_RESUME, c->id, INT64_MAX);
	if (ran > 0) {
		t->vruntime_ns += ran;
		t->slice_left_ns -= ran;
	}
	if (t->slice_left_ns <= 0 || t->state != TASK_RUNNABLE)
		t->slice_left_ns = c->m->profile->time_slice_ns;
	c->curr = NULL;
	spin_owner_left(t);
	machine_touch(c->m);
}

void cpu_switch(struct cpu *c)
{
	struct task *t = c->curr, *next;

	cpu_leave(c);
	if (t->state == TASK_RUNNABLE)
		rq_enter(c, t, false);
	next = rq_pop(c);
	if (!next)
		next = pull_task(c);
	if (next) {
		cpu_start(c, next);
		return;
	}
	cpu_set_idle(c, true);
	c->idle_since_ns = c->m->engine.now_ns;
	if (__builtin_expect(c->m->metrics->events != NULL, 0))
		event_cpu(c->m->metrics->events, c->m->engine.now_ns, c->id,
			  EVENT_TASK_NONE);
	if (c->m->hooks.context_switch)
		c->m->hooks.context_switch(c->m->hooks.arg, c, t, NULL);
}

static bool preemptible(const struct task *t)
{
	if (t->mode == MODE_USER || t->mode == MODE_GHOST)
		return true;
	return t->m->profile->preempt == PREEMPT_FULL && !t->preempt_off &&
	       !t->irq_off && !burns(t);
}

void cpu_resched(struct cpu *c)
{
	struct task *t = c->curr;

	t->need_resched = true;
	if (on_fiber(t))
		return;		/* it is executing: it looks for itself */
	if (t->spinning) {
		if (t->spin_may_resched)
			spin_finish(t, SPIN_RESCHED);
	} else if (preemptible(t)) {
		t->state = TASK_RUNNABLE;
		cpu_switch(c);
	}
}

/* ---- running ---- */

/*
 * Run the fiber of @t until it waits for something, and whomever it has passed
 * on to. Return: the task that has come back.
 */
static struct task *cpu_enter(struct machine *m, struct task *t)
{
	bool finished;

	m->executing = t;
	finished = fiber_enter(&m->engine.fibers, t->fiber);
	t = m->executing;
	m->executing = NULL;
	if (finished)
		t->fiber = NULL;
	return t;
}

static void cpu_step(struct cpu *c, struct task *t)
{
	if (t->mode != MODE_USER) {
		cpu_account(c);
		t->mode = MODE_USER;
	}
	if (t->need_resched)	/* as at return to user */
		t->state = TASK_RUNNABLE;
	else
		t->step(t);
}

/* Call into @t until it waits for something. Return: the CPU that has come back. */
static struct cpu *cpu_call(struct cpu *c, struct task *t)
{
	if (t->fiber) {
		t = cpu_enter(c->m, t);
		c = t->cpu;
	} else {
		cpu_step(c, t);
	}
	if (t->state == TASK_RUNNING)
		return c;
	if (t->state == TASK_DEAD) {
		if (t->fiber)
			fiber_abandon(&c->m->engine.fibers, t->fiber);
		t->fiber = NULL;
		c->m->tasks_alive--;
	}
	cpu_switch(c);
	return c;
}

void cpu_go(struct cpu *c)
{
	struct engine *e = &c->m->engine;
	struct task *t;

	while ((t = c->curr) && !armed(c) && !burns(t)) {
		sim_ns end = c->run_since_ns + t->owed_ns;

		if (end > e->now_ns || t->owed_ns) {
			if (!engine_advance_to(e, end, resume_order(c))) {
				cpu_arm(c);
				return;
			}
			t->owed_ns = 0;
			c->run_since_ns = end;
		}
		if (e->stop)
			return;
		c = cpu_call(c, t);
	}
}

/*
 * The time of the armed event has come: the debt is worked off, or the wait is
 * over. Return: the task that goes on; NULL: a handler has the CPU still.
 */
static inline struct task *resumed(struct cpu *c)
{
	sim_ns now = c->m->engine.now_ns;
	struct task *t = c->curr;

	if (burns(t)) {
		burn_over(t);
		if (c->run_since_ns <= now)
			return t;
		cpu_arm(c);
		return NULL;
	}
	t->owed_ns = 0;
	c->run_since_ns = now;
	machine_touch(c->m);
	return t;
}

void cpu_fire(struct engine *e, uint32_t id)
{
	struct machine *m = (struct machine *)(void *)
			    ((char *)e - offsetof(struct machine, engine));
	struct cpu *c = &m->cpus[id];

	if (resumed(c))
		cpu_go(c);
}

/* ---- from a fiber ---- */

/* Whose turn comes after this one: its task and stack lie in no near cache. */
static void prefetch_next(struct machine *m)
{
	const struct engine *e = &m->engine;
	const struct task *t;

	if (!e->next_slots)
		return;
	t = m->cpus[engine_slot_next(e)].curr;
	__builtin_prefetch(&t->owed_ns);
	__builtin_prefetch(&t->m);
	if (t->fiber)
		fiber_prefetch(t->fiber);
}

void cpu_wait(struct task *t)
{
	struct machine *m = t->m;
	struct engine *e = &m->engine;
	struct task *next;

	do {
		if (!engine_passes(e) || !m->cpus[engine_slot_next(e)].curr->fiber) {
			fiber_yield(&e->fibers, t->fiber);
			return;
		}
		next = resumed(&m->cpus[engine_slot_take(e)]);
	} while (!next);
	if (next == t)
		return;
	m->executing = next;
	prefetch_next(m);
	fiber_pass(&e->fibers, t->fiber, next->fiber);
}

void settle_debt(struct task *t)
{
	struct cpu *c = t->cpu;
	struct engine *e = &t->m->engine;
	sim_ns end = c->run_since_ns + t->owed_ns;

	mark_unpaid(t, false);
	if (end <= e->now_ns && !t->owed_ns)
		return;
	if (engine_advance_to(e, end, resume_order(c))) {
		t->owed_ns = 0;
		c->run_since_ns = end;
		return;
	}
	if (__builtin_expect(t->m->closing, 0)) {
		fiber_yield(&e->fibers, t->fiber);
		return;
	}
	cpu_arm(c);
	cpu_wait(t);
}

/** struct paying - on the stack of a fiber that pays a piece of work at once */
struct paying {
	struct task *t;
	TAILQ_ENTRY(paying) link;
};

static void pay_at_once(struct task *t)
{
	struct paying p = { .t = t };

	TAILQ_INSERT_TAIL(&t->m->paying, &p, link);
	settle_debt(t);
	TAILQ_REMOVE(&t->m->paying, &p, link);
}

void cpu_close(struct machine *m)
{
	struct paying *p;

	m->closing = true;
	while ((p = TAILQ_FIRST(&m->paying))) {
		struct task *t = p->t;

		t->slow_work &= (uint8_t)~WORK_EAGER;
		if (!t->owed_ns)
			t->owed_ns = 1;
		cpu_enter(m, t);
	}
}

/* Exact over time: what a cut cannot take, the next one does. */
static int64_t cut_ns(struct task *t, int64_t ns)
{
	int64_t pct = t->m->shorten_pct;

	t->short_rest += ns % 100 * pct;
	ns = ns / 100 * pct + t->short_rest / 100;
	t->short_rest %= 100;
	return ns;
}

void work_slow(struct task *t, int64_t ns, enum cost_class cls)
{
	if (t->slow_work >= WORK_SHORT) {
		ns = cut_ns(t, ns);
		t->owed_ns -= ns;
		t->class_ns[cls] -= ns;
	}
	if (t->slow_work & WORK_EAGER && t->owed_ns && on_fiber(t))
		pay_at_once(t);
}

void cpu_init(struct machine *m, uint32_t id)
{
	const struct topology *tp = &m->profile->topology;
	struct cpu *c = &m->cpus[id];

	c->id = id;
	c->m = m;
	c->core = id / tp->threads_per_core;
	c->llc = c->core / tp->cores_per_llc;
	c->socket = c->llc / tp->llcs_per_socket;
	c->irq_tail = &c->irq_pending;
	c->tick_sink.fire = tick_fire;
	cpu_set_idle(c, true);
}
