/*
 * The scheduler tick.
 *
 * A tick exists only while somebody waits for the CPU: it ends slices and
 * pushes a waiting task to an idle CPU. It falls on a fixed grid per CPU
 * (phase drawn from the seed), so when it is armed does not change when it
 * happens. What ticks of a CPU without a queue would cost is not modelled.
 *
 * Cost: one event per tick, O(log n + CPUs / 64).
 */
#include "sim/base/rng.h"
#include "sim/machine/sched.h"

sim_ns cpu_tick_after(const struct cpu *c, int64_t period_ns)
{
	int64_t phase = (int64_t)draw_below(
		draw(c->m->seed, c->id, DRAW_TICK_PHASE, 0),
		(uint64_t)period_ns);
	sim_ns now = c->m->engine.now_ns;

	return now < phase ? phase :
	       phase + ((now - phase) / period_ns + 1) * period_ns;
}

void tick_arm(struct cpu *c)
{
	if (c->tick_armed)
		return;
	c->tick_armed = true;
	engine_at(&c->m->engine,
		  cpu_tick_after(c, NSEC_PER_SEC / c->m->profile->hz),
		  event_order(EVENT_TIMER, c->id, TIMER_TICK), &c->tick_sink, 0);
}

/* An idle CPU takes one of our waiting tasks, as idle balancing would. */
static void tick_push(struct cpu *c)
{
	struct machine *m = c->m;
	const struct topology *tp = &m->profile->topology;
	uint32_t llc = tp->cores_per_llc * tp->threads_per_core;
	struct cpu *idle = find_idle(m, c->llc * llc, (c->llc + 1) * llc, c->id);
	struct task *t;

	if (!idle)
		idle = find_idle(m, 0, m->cpu_count, c->id);
	if (!idle)
		return;
	t = rq_steal(c, idle);
	if (!t)
		return;
	cpu_start(idle, t);
	cpu_kick(idle);
}

void tick_run(struct cpu *c)
{
	const struct cost_value *cost = c->m->profile->cost;

	cpu_pause(c);
	cpu_take(c, cost_take(c->m, COST_IRQ_ENTRY, 1) +
			    cost_take(c->m, COST_TICK, 1),
		 MODE_IRQ, cost[COST_TICK].cls);
	cpu_rearm(c);
	if (c->m->hooks.tick)
		c->m->hooks.tick(c->m->hooks.arg, c);
	if (c->queue.count)
		tick_push(c);
	if (!c->queue.count)
		return;
	tick_arm(c);
	if (c->m->engine.now_ns - c->picked_ns >= c->curr->slice_left_ns)
		cpu_resched(c);
}

void tick_fire(struct engine *e, struct sink *s, uint64_t data)
{
	struct cpu *c = (struct cpu *)(void *)
			((char *)s - offsetof(struct cpu, tick_sink));

	(void)e, (void)data;
	c->tick_armed = false;
	if (!c->curr || !c->queue.count)
		return;
	if (c->curr->irq_off) {
		c->tick_deferred = true;
		return;
	}
	tick_run(c);
	cpu_go(c);
}
