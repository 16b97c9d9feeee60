#ifndef MMREPLAY_MACHINE_SCHED_H
#define MMREPLAY_MACHINE_SCHED_H

#include "sim/machine/machine.h"

/*
 * Inside the machine: the scheduler's parts. Rooms above use machine.h.
 *
 * "Tail": the clock may move inside the call, so a handler makes it last.
 */

/** on_fiber() - is it @t that calls, from its fiber */
static inline bool on_fiber(const struct task *t)
{
	return t->m->executing == t;
}

/* ---- cpu.c: what a CPU does ---- */

/** cpu_account() - book the time up to now to what the CPU was doing */
void cpu_account(struct cpu *c);

/** cpu_take() - @ns of handler or switch on @c; curr has been paused */
void cpu_take(struct cpu *c, int64_t ns, enum cpu_mode mode,
	      enum cost_class cls);

/** cpu_pause() - subtract from curr's debt what was executed until now */
void cpu_pause(struct cpu *c);

/** cpu_rearm() - if a resume event was armed, arm it for the new time */
void cpu_rearm(struct cpu *c);

/** cpu_kick() - arm the resume event if curr waits for one; any context */
void cpu_kick(struct cpu *c);

/** cpu_go() - run curr if it can (tail) */
void cpu_go(struct cpu *c);

/** cpu_start() - @t becomes current on @c, which has none */
void cpu_start(struct cpu *c, struct task *t);

/** cpu_switch() - curr leaves, its state says why; the next one starts */
void cpu_switch(struct cpu *c);

/** cpu_resched() - curr should give way: at once where it may be preempted */
void cpu_resched(struct cpu *c);

/** cpu_wait() - from the fiber of @t, which has been armed or burns its CPU: until
 *  it goes on. If the next event resumes another fiber, straight to that. */
void cpu_wait(struct task *t);
/** cpu_close() - the run has stopped: with --eager a task may stand between two
 *  pieces of work, where the fast path has charged both; it goes on, in no time,
 *  to where it looks at shared state, and no further */
void cpu_close(struct machine *m);

/** cpu_burn_until() - what curr of @c burns its CPU for ends at @at_ns; INT64_MAX: it
 *  is not known when */
void cpu_burn_until(struct cpu *c, sim_ns at_ns);

/** cpu_burn_ends() - it is known when */
bool cpu_burn_ends(const struct cpu *c);

/** cpu_fire() - the event of CPU @id has come (struct slots) */
void cpu_fire(struct engine *e, uint32_t id);

void cpu_init(struct machine *m, uint32_t id);

/* ---- queue.c: run queues and placement ---- */

void rq_push(struct cpu *c, struct task *t);
struct task *rq_pop(struct cpu *c);
/** rq_steal() - the first task of @c that may run on @on, or NULL */
struct task *rq_steal(struct cpu *c, const struct cpu *on);

/** cpu_vruntime() - curr's virtual run time now */
int64_t cpu_vruntime(const struct cpu *c);

/** rq_enter() - queue @t on @c; @slept: with a sleeper's credit */
void rq_enter(struct cpu *c, struct task *t, bool slept);

/** place_wakeup() - where a woken task should run */
struct cpu *place_wakeup(struct task *t);
/** place_new() - where a new task should run; t->cpu is its parent's or NULL */
struct cpu *place_new(struct task *t);
/** find_idle() - an idle CPU in [@first, @end), from @hint on; NULL if none */
struct cpu *find_idle(struct machine *m, uint32_t first, uint32_t end,
		      uint32_t hint);
/** pull_task() - newly idle @c takes a queued task of another CPU, or NULL */
struct task *pull_task(struct cpu *c);
void cpu_set_idle(struct cpu *c, bool idle);

/* ---- tick.c ---- */

void tick_arm(struct cpu *c);
void tick_fire(struct engine *e, struct sink *s, uint64_t data);
void tick_run(struct cpu *c);

/* ---- task.c ---- */

void task_wake_fire(struct engine *e, struct sink *s, uint64_t data);
void task_timer_fire(struct engine *e, struct sink *s, uint64_t data);
/** spin_finish() - the spin of @t is over now; the caller kicks or runs the CPU */
void spin_finish(struct task *t, enum spin_end how);
/** burn_over() - what @t burnt its CPU for has come: a lock, or a line */
void burn_over(struct task *t);
/** line_wait() - @t, settled, begins to wait for @l; as a spin in its own mode */
void line_wait(struct task *t, struct line *l);
/** spin_owner_left() - @owner leaves its CPU: tell those who spin on it */
void spin_owner_left(struct task *owner);

/* ---- line.c ---- */

/** line_arrived() - the line that @t waits for is free, and goes to @t now */
void line_arrived(struct task *t);
void line_queues_free(struct machine *m);

/* ---- irq.c ---- */

/** irq_run_deferred() - what came while interrupts were off */
void irq_run_deferred(struct cpu *c);

#endif
