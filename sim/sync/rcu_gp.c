/*
 * Grace periods.
 *
 * A period that begins now ends when every CPU has been seen in a state in
 * which it holds no reference from before: another task was switched to, the
 * CPU idles, or its tick finds it in user mode (with full preemption: outside
 * of any section). A busy CPU sees that itself, at its tick; for idle ones the
 * period's own scan looks, the first time after
 *
 *   d = 1 + (HZ > 250) + (HZ > 500) + possible CPUs / 256
 *
 * jiffies, and every d jiffies from then on. With full preemption a reader may
 * sit on no CPU at all: readers are counted by the period in which they began.
 *
 * CPUs keep no account for this: what a tick or scan needs is read off their
 * own accounts (switches, idle time) against a copy from the start. Ticks are
 * events only on CPUs that a period waits for or that have callbacks to assign
 * or run.
 *
 * Cost: O(CPUs) a period and scan; nothing while there are no callbacks.
 * Not modelled: what the period's own thread and leaf-node locks cost.
 */
#include "sim/sync/rcu_impl.h"

enum { URGENT_PER_SECOND = 10 };	/* jiffies_to_sched_qs: HZ / 10 */

static bool preemptible_kernel(const struct rcu_state *r)
{
	return r->m->profile->preempt == PREEMPT_FULL;
}

static uint32_t possible_cpus(const struct rcu_state *r)
{
	uint32_t possible = r->m->profile->cpus_possible;

	return possible > r->m->cpu_count ? possible : r->m->cpu_count;
}

/* ---- the end ---- */

static void period_start(struct rcu_state *r);

static void period_end(struct rcu_state *r, unsigned ended_by)
{
	int64_t ns = r->m->engine.now_ns - r->started_ns;

	machine_touch(r->m);
	r->completed = r->started;
	hist_record(&r->stats.period_ns, ns);
	for (uint32_t i = 0; i < r->m->cpu_count; i++) {
		struct rcu_cpu *c = &r->cpu[i];

		rcu_advance(c, ended_by);
		if (c->nocb)
			continue;
		r->wanted |= r->s.rules.fixed && rcu_assign(c);
		if (c->done.count && r->s.rules.fixed)
			rcu_softirq_raise(c);
		else if (c->done.count)
			rcu_tick_arm(c);
	}
	rcu_groups_ended(r);
	if (r->wanted)
		period_start(r);
}

/* Readers that began before this period did, off their CPUs. */
static uint64_t *old_readers(struct rcu_state *r)
{
	return &r->readers[(r->started - 1) & 1];
}

static void maybe_end(struct rcu_state *r, unsigned ended_by)
{
	if (r->qs_missing)
		return;
	if (*old_readers(r) && !mutated(MUTATE_RCU_READER_IGNORED))
		return;
	period_end(r, ended_by);
}

void rcu_reader_left(struct rcu_state *r, uint8_t op)
{
	if (rcu_period_runs(r) && !r->s.rules.fixed && !*old_readers(r))
		maybe_end(r, op);
}

static void qs_report(struct rcu_cpu *c, unsigned how)
{
	c->qs_needed = false;
	c->r->qs_missing--;
	maybe_end(c->r, c->held_by ? c->held_by - 1u : how);
}

/* ---- ticks ---- */

/* What @c's tick or a scan finds: enum hold_end, or -1: nothing yet. */
static int quiescent(const struct rcu_cpu *c)
{
	const struct task *t = c->cpu->curr;

	if (!t)
		return END_IDLE;
	if (c->switches != c->cpu->switches)
		return END_SWITCH;
	if ((t->mode == MODE_USER || t->mode == MODE_GHOST) &&
	    !mutated(MUTATE_RCU_USER_UNSEEN))
		return END_USER;
	if (c->urged && c->resched_points != c->cpu->resched_points)
		return END_RESCHED;
	if (preemptible_kernel(c->r) && !t->rcu_depth && !t->preempt_off &&
	    !t->irq_off)
		return END_PREEMPTIBLE;
	return -1;
}

static bool has_work(const struct rcu_cpu *c)
{
	return !c->nocb && (c->next.count ||
			    (c->done.count && !c->in_softirq &&
			     !c->in_ksoftirqd));
}

void rcu_tick_arm(struct rcu_cpu *c)
{
	struct rcu_state *r = c->r;

	if (c->tick_armed)
		return;
	c->tick_armed = true;
	engine_at(&r->m->engine, cpu_tick_after(c->cpu, r->jiffy_ns),
		  event_order(EVENT_TIMER, c->cpu->id, TIMER_RCU), &c->tick, 0);
}

/* The tick of an idle CPU without callbacks is stopped: then a scan looks. */
static void tick_looks(struct rcu_cpu *c)
{
	int how = quiescent(c);

	if (how == END_IDLE && !has_work(c))
		return;
	if (how >= 0)
		qs_report(c, (unsigned)how);
	else
		c->held_by = (uint8_t)(c->cpu->curr->op_kind + 1);
}

static void tick_fire(struct engine *e, struct sink *s, uint64_t data)
{
	struct rcu_cpu *c = (struct rcu_cpu *)(void *)
			    ((char *)s - offsetof(struct rcu_cpu, tick));

	(void)e, (void)data;
	c->tick_armed = false;
	if (has_work(c))
		machine_touch(c->r->m);
	if (c->qs_needed)
		tick_looks(c);
	if (!c->nocb) {
		if (rcu_assign(c))
			rcu_period_want(c->r);
		if (c->done.count)
			rcu_softirq_raise(c);
	}
	if (has_work(c) || (c->qs_needed && c->cpu->curr))
		rcu_tick_arm(c);
}

/* ---- scans ---- */

static void scan_at(struct rcu_state *r, sim_ns at_ns)
{
	engine_at(&r->m->engine, at_ns,
		  event_order(EVENT_TIMER, 0, TIMER_RCU_SCAN), &r->scan,
		  ++r->scan_gen);
}

static int64_t scan_jiffies(const struct rcu_state *r)
{
	if (r->overload && !mutated(MUTATE_RCU_OVERLOAD_IGNORED))
		return (r->scan_jiffies + 2) / 3;
	return r->scan_jiffies;
}

static void look_at(struct rcu_cpu *c, bool urgent)
{
	bool idle = !c->cpu->curr || c->cpu->mode_ns[MODE_IDLE] > c->idle_ns;

	if (idle && !mutated(MUTATE_RCU_IDLE_UNSEEN)) {
		qs_report(c, END_IDLE);
	} else if (c->urged && c->resched_points != c->cpu->resched_points) {
		qs_report(c, END_RESCHED);
	} else if (urgent && !c->urged && !preemptible_kernel(c->r)) {
		c->urged = true;
		c->resched_points = c->cpu->resched_points;
	}
}

/* force_qs_rnp() */
static void scan_fire(struct engine *e, struct sink *s, uint64_t gen)
{
	struct rcu_state *r = (struct rcu_state *)(void *)
			      ((char *)s - offsetof(struct rcu_state, scan));
	uint64_t period = r->started;
	bool urgent;

	if (gen != r->scan_gen || !rcu_period_runs(r))
		return;
	r->scans++;
	r->overload = false;
	for (uint32_t i = 0; i < r->m->cpu_count; i++)
		r->overload |= r->cpu[i].queued >= 2ULL * r->s.rules.qhimark;
	urgent = r->overload || e->now_ns >= r->urgent_ns;
	for (uint32_t i = 0; i < r->m->cpu_count && r->started == period &&
	     rcu_period_runs(r); i++)
		if (r->cpu[i].qs_needed)
			look_at(&r->cpu[i], urgent);
	if (r->started == period && rcu_period_runs(r))
		scan_at(r, rcu_timeout_ns(r, scan_jiffies(r)));
}

void rcu_force_scan(struct rcu_state *r)
{
	if (rcu_period_runs(r) && !r->s.rules.fixed)
		scan_at(r, r->m->engine.now_ns);
}

/* ---- the start ---- */

static void watch(struct rcu_cpu *c)
{
	c->qs_needed = true;
	c->urged = false;
	c->held_by = 0;
	c->switches = c->cpu->switches;
	c->idle_ns = c->cpu->mode_ns[MODE_IDLE];
	if (c->cpu->curr)
		rcu_tick_arm(c);
}

static void period_start(struct rcu_state *r)
{
	sim_ns now = r->m->engine.now_ns;

	r->wanted = false;
	r->started++;
	r->started_ns = now;
	r->stats.periods++;
	if (r->s.rules.fixed) {
		engine_at(&r->m->engine, now + cost_take(r->m, r->s.cost_gp, 1),
			  event_order(EVENT_TIMER, 0, TIMER_RCU_PERIOD), &r->period,
			  r->started);
		return;
	}
	r->urgent_ns = now + NSEC_PER_SEC / URGENT_PER_SECOND;
	r->qs_missing = r->m->cpu_count;
	for (uint32_t i = 0; i < r->m->cpu_count; i++)
		watch(&r->cpu[i]);
	scan_at(r, rcu_timeout_ns(r, scan_jiffies(r)));
}

void rcu_period_want(struct rcu_state *r)
{
	if (rcu_period_runs(r))
		r->wanted = true;
	else
		period_start(r);
}

static void period_fire(struct engine *e, struct sink *s, uint64_t number)
{
	struct rcu_state *r = (struct rcu_state *)(void *)
			      ((char *)s - offsetof(struct rcu_state, period));

	(void)e;
	if (number == r->started)
		period_end(r, END_CLOCK);
}

void rcu_gp_init(struct rcu_state *r)
{
	int64_t hz = r->s.rules.hz;

	r->jiffy_ns = NSEC_PER_SEC / hz;
	r->scan_jiffies = 1 + (hz > 250) + (hz > 500) +
			  (int64_t)possible_cpus(r) / 256;
	if (mutated(MUTATE_RCU_SCAN_ONE_JIFFY))
		r->scan_jiffies = 1;
	r->period.fire = period_fire;
	r->scan.fire = scan_fire;
}

void rcu_gp_cpu_init(struct rcu_cpu *c)
{
	c->tick.fire = tick_fire;
}
