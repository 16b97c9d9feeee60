/*
 * Tasks: launching, sleeping, waking, spinning, leaving.
 *
 * Invariants: a task sleeps or spins under a generation number; a wake-up or
 * timer of an older generation does nothing. At most one wake-up is on its way
 * to a task. A fiber decides to sleep and sleeps in the same instant, so there
 * is no moment in which a wake-up could be lost; the waker's message travels
 * as an event and finds the task asleep.
 *
 * Cost: O(1) and one event each, beside the run queue's O(log n).
 */
#include <string.h>
#include "sim/machine/sched.h"

void task_init(struct machine *m, struct task *t, uint32_t id,
	       void (*step)(struct task *), void *owner)
{
	memset(t, 0, sizeof(*t));
	t->id = id;
	t->m = m;
	t->state = TASK_NEW;
	t->mode = MODE_USER;
	t->slow_work = m->engine.eager ? WORK_EAGER : 0;
	t->step = step;
	t->owner = owner;
	t->slice_left_ns = m->profile->time_slice_ns;
	t->wake_sink.fire = task_wake_fire;
	t->timer_sink.fire = task_timer_fire;
	TAILQ_INIT(&t->spun_on);
	m->tasks_created++;
}

static void wake_in(struct task *t, int64_t delay_ns)
{
	t->wake_pending = true;
	engine_at(&t->m->engine, t->m->engine.now_ns + delay_ns,
		  event_order(EVENT_WAKE, t->id, WAKE_TASK), &t->wake_sink, t->gen);
}

void task_launch(struct task *by, struct task *t, int64_t delay_ns)
{
	if (by)
		settle(by);
	BUG_ON(t->state != TASK_NEW || t->wake_pending);
	t->cpu = by ? by->cpu : NULL;
	t->m->tasks_alive++;
	wake_in(t, delay_ns);
}

void task_start_fiber(struct task *t, void (*fn)(void *t), const char *what)
{
	struct machine *m = t->m;

	BUG_ON(t->fiber || t->owed_ns || m->executing);
	t->fiber = fiber_get(&m->engine.fibers, fn, t, what);
	if (!t->fiber) {
		m->failed = "more than 200000 ops in flight at once";
		m->engine.stop = true;
		return;
	}
	cpu_account(t->cpu);
	t->mode = MODE_SYSTEM;
}

static void task_yield(struct task *t)
{
	if (on_fiber(t))
		fiber_yield(&t->m->engine.fibers, t->fiber);
}

void task_exit(struct task *t)
{
	if (on_fiber(t))
		settle(t);
	t->state = TASK_DEAD;
	task_yield(t);
}

void task_think(struct task *t, int64_t ns, enum cost_class cls)
{
	BUG_ON(t->fiber);
	work_ns(t, ns, cls);
}

void task_ghost(struct task *t, int64_t ns)
{
	BUG_ON(t->fiber || t->owed_ns);
	cpu_account(t->cpu);
	t->mode = MODE_GHOST;
	work_ns(t, ns, COST_RECORDED);
}

sim_ns task_now(struct task *t)
{
	settle(t);
	return t->m->engine.now_ns;
}

static void resched_point(struct task *t)
{
	if (!t->need_resched)
		return;
	t->state = TASK_RUNNABLE;
	task_yield(t);
}

void task_set_mode(struct task *t, enum cpu_mode mode)
{
	settle(t);
	cpu_account(t->cpu);
	t->mode = (uint8_t)mode;
	if (mode == MODE_USER)
		resched_point(t);
}

void cond_resched(struct task *t)
{
	settle(t);
	if (t->preempt_off || t->irq_off)
		return;
	t->cpu->resched_points++;
	resched_point(t);
}

void preempt_disable(struct task *t)
{
	/* what is owed so far may still be preempted */
	if (t->owed_ns && t->m->profile->preempt == PREEMPT_FULL)
		settle_debt(t);
	t->preempt_off++;
}

void preempt_enable(struct task *t)
{
	BUG_ON(!t->preempt_off);
	if (t->m->profile->preempt != PREEMPT_FULL) {
		t->preempt_off--;
		return;
	}
	if (t->owed_ns)
		settle_debt(t);
	if (!--t->preempt_off && !t->irq_off)
		resched_point(t);
}

void irq_disable(struct task *t)
{
	settle(t);
	t->irq_off++;
}

void irq_enable(struct task *t)
{
	settle(t);
	BUG_ON(!t->irq_off);
	if (--t->irq_off)
		return;
	if (t->cpu->irq_pending || t->cpu->tick_deferred) {
		irq_run_deferred(t->cpu);
		settle_debt(t);
	}
	if (t->m->profile->preempt == PREEMPT_FULL && !t->preempt_off)
		resched_point(t);
}

/* ---- sleeping ---- */

int64_t task_sleep(struct task *t)
{
	sim_ns start = t->m->engine.now_ns;

	BUG_ON(t->owed_ns || t->irq_off || t->preempt_off);
	t->gen++;
	t->timed_out = false;
	t->state = TASK_SLEEPING;
	task_yield(t);
	return t->m->engine.now_ns - start;
}

void task_stand(struct task *t)
{
	t->stands = true;
	task_sleep(t);
}

int64_t task_sleep_killable(struct task *t)
{
	int64_t ns = 0;

	if (!t->killed) {
		t->killable = true;
		ns = task_sleep(t);
		t->killable = false;
	}
	return ns;
}

static void timer_in(struct task *t, sim_ns at_ns, uint64_t gen)
{
	sim_ns now = t->m->engine.now_ns;

	engine_at(&t->m->engine, at_ns > now ? at_ns : now,
		  event_order(EVENT_TIMER, t->id, TIMER_TASK), &t->timer_sink,
		  gen);
}

bool task_sleep_until(struct task *t, sim_ns at_ns)
{
	timer_in(t, at_ns, t->gen + 1);
	task_sleep(t);
	return t->timed_out;
}

void task_timer_fire(struct engine *e, struct sink *s, uint64_t data)
{
	struct task *t = (struct task *)(void *)
			 ((char *)s - offsetof(struct task, timer_sink));

	(void)e;
	if (data != t->gen)
		return;
	if (t->state == TASK_SLEEPING) {
		t->timed_out = true;
		task_wake(NULL, t);
	} else if (t->spinning) {
		spin_finish(t, SPIN_TIMEOUT);
		cpu_go(t->cpu);
	}
}

/* ---- waking ---- */

static int64_t idle_exit_ns(const struct cpu *c)
{
	const struct cost_value *cost = c->m->profile->cost;
	int64_t idle_ns = c->m->engine.now_ns - c->idle_since_ns;

	return cost_take(c->m, idle_ns < cost[COST_IDLE_SHORT].value ?
			 COST_IDLE_EXIT_SHORT : COST_IDLE_EXIT, 1);
}

static void pay_wakeup(struct task *by, bool idle)
{
	const struct cost_value *cost = by->m->profile->cost;

	work(by, COST_WAKE_LOCAL, 1);
	by->wakeups_ns += cost[COST_WAKE_LOCAL].value;
	if (!idle)
		return;
	work(by, COST_WAKE_IDLE, 1);
	by->wakeups_ns += cost[COST_WAKE_IDLE].value;
}

/* From the wake-up of @t to its arrival on @c. One that stands goes on at once,
 * unless another has its CPU. */
static int64_t arrival_ns(struct task *t, const struct cpu *c, bool idle)
{
	bool stood = t->stands;
	int64_t ns;

	t->stands = false;
	if (stood && idle && c == t->cpu)
		return 0;
	ns = cost_take(t->m, COST_WAKE_LATENCY, 1);
	return idle ? ns + idle_exit_ns(c) : ns;
}

void task_wake(struct task *by, struct task *t)
{
	int64_t latency;
	struct cpu *c;
	bool idle;

	if (by)
		settle(by);
	if (t->state != TASK_SLEEPING)
		return;
	t->gen++;
	t->state = TASK_RUNNABLE;
	t->runnable_since_ns = t->m->engine.now_ns;
	c = place_wakeup(t);
	idle = !c->curr && !c->incoming;
	latency = arrival_ns(t, c, idle);
	c->incoming++;
	cpu_set_idle(c, false);
	if (c != t->cpu) {
		c->migrations++;
		t->vruntime_ns += c->min_vruntime_ns - t->cpu->min_vruntime_ns;
		t->cpu = c;
	}
	machine_touch(t->m);
	wake_in(t, latency);
	if (by)
		pay_wakeup(by, idle && c != by->cpu);
}

void task_kill(struct task *by, struct task *t)
{
	if (by)
		settle(by);
	t->killed = true;
	if (t->killable)
		task_wake(by, t);
}

/* sysctl_sched_base_slice: 0.7 ms, times 1 + log2 of up to 8 CPUs */
static int64_t base_slice_ns(const struct machine *m)
{
	int64_t factor = 1;

	for (uint32_t n = m->cpu_count < 8 ? m->cpu_count : 8; n > 1; n /= 2)
		factor++;
	return factor * 700 * NSEC_PER_USEC;
}

/*
 * Does @t, who comes to the queue of @c, take the CPU? CFS: if it is behind by
 * the wake-up granularity. EEVDF: only from one that has had its slice
 * (RUN_TO_PARITY); else it waits for that one to sleep, or for the tick.
 */
static bool preempts(const struct cpu *c, const struct task *t)
{
	const struct machine *m = c->m;

	if (m->run_to_parity)
		return m->engine.now_ns - c->picked_ns >= base_slice_ns(m);
	return cpu_vruntime(c) - t->vruntime_ns >
	       m->profile->time_slice_ns / 4;
}

/* A woken or new task reaches the queue of @c. */
static void task_arrive(struct task *t, struct cpu *c)
{

	machine_touch(c->m);
	rq_enter(c, t, true);
	if (!c->curr)
		cpu_start(c, rq_pop(c));
	else if (preempts(c, t))
		cpu_resched(c);
	cpu_go(c);
}

void task_wake_fire(struct engine *e, struct sink *s, uint64_t data)
{
	struct task *t = (struct task *)(void *)
			 ((char *)s - offsetof(struct task, wake_sink));

	(void)e;
	if (data != t->gen || !t->wake_pending)
		return;
	t->wake_pending = false;
	if (t->state == TASK_NEW) {
		t->cpu = place_new(t);
		task_arrive(t, t->cpu);
	} else {
		t->cpu->incoming--;
		task_arrive(t, t->cpu);
	}
}

/* ---- spinning ---- */

enum spin_end task_spin_on(struct task *t, struct task *owner,
			   bool may_resched, sim_ns limit_at_ns)
{
	BUG_ON(t->owed_ns || t->wake_pending);
	if (may_resched && t->need_resched)
		return SPIN_RESCHED;
	t->gen++;
	cpu_account(t->cpu);
	t->spinning = true;
	t->spin_may_resched = may_resched;
	t->spin_on = owner;
	if (owner)
		TAILQ_INSERT_TAIL(&owner->spun_on, t, spin_link);
	if (limit_at_ns != INT64_MAX)
		timer_in(t, limit_at_ns, t->gen);
	if (on_fiber(t))
		cpu_wait(t);
	return t->spin_how;
}

enum spin_end task_spin(struct task *t, bool may_resched, sim_ns limit_at_ns)
{
	return task_spin_on(t, NULL, may_resched, limit_at_ns);
}

static void spin_stop_in(struct task *t, int64_t delay_ns, enum spin_end how)
{
	if (!t->spinning || cpu_burn_ends(t->cpu))
		return;
	t->spin_how = (uint8_t)how;
	cpu_burn_until(t->cpu, t->m->engine.now_ns + delay_ns);
}

void task_spin_end(struct task *t, int64_t delay_ns)
{
	spin_stop_in(t, delay_ns, SPIN_RELEASED);
}

void spin_owner_left(struct task *owner)
{
	int64_t poll_ns = cost_take(owner->m, COST_SPIN_POLL, 1);
	struct task *t;

	while ((t = TAILQ_FIRST(&owner->spun_on))) {
		TAILQ_REMOVE(&owner->spun_on, t, spin_link);
		t->spin_on = NULL;
		spin_stop_in(t, poll_ns, SPIN_OWNER_OFF);
	}
}

/* It goes on when the CPU is its own again. */
static void wait_over(struct cpu *c)
{
	c->run_since_ns = c->m->engine.now_ns > c->busy_until_ns ?
			  c->m->engine.now_ns : c->busy_until_ns;
	machine_touch(c->m);
}

void spin_finish(struct task *t, enum spin_end how)
{
	struct cpu *c = t->cpu;

	cpu_account(c);
	if (cpu_burn_ends(c))
		cpu_burn_until(c, INT64_MAX);
	t->spinning = false;
	t->spin_how = (uint8_t)how;
	t->gen++;
	if (t->spin_on)
		TAILQ_REMOVE(&t->spin_on->spun_on, t, spin_link);
	t->spin_on = NULL;
	wait_over(c);
}

void line_wait(struct task *t, struct line *l)
{
	BUG_ON(t->owed_ns || cpu_burn_ends(t->cpu));
	cpu_account(t->cpu);
	t->line = l;
}

void burn_over(struct task *t)
{
	if (t->spinning) {
		spin_finish(t, t->spin_how);
		return;
	}
	cpu_account(t->cpu);
	line_arrived(t);
	wait_over(t->cpu);
}
