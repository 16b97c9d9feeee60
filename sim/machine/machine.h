#ifndef MMREPLAY_MACHINE_MACHINE_H
#define MMREPLAY_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include "sim/engine/engine.h"
#include "sim/machine/profile.h"
#include "sim/metrics/metrics.h"

/*
 * CPUs, tasks and the debt of work.
 *
 * A task has no clock of its own. work() only adds to what the task owes;
 * the CPU turns debt into time. settle() returns when the debt is zero.
 * Between work() and settle() a fiber touches only its own stack and its
 * struct task. Every accessor of shared simulated state settles first and
 * asserts it in the test build. A line stall is debt; spinning is a state.
 *
 *   private work  -->  owed_ns  --settle()-->  time on a CPU  -->  contact
 */

struct cpu;
struct machine;

enum cpu_mode { MODE_USER, MODE_SYSTEM, MODE_SPIN, MODE_IRQ, MODE_IDLE,
		MODE_GHOST, MODE_COUNT };

enum task_state {
	TASK_NEW, TASK_RUNNABLE, TASK_RUNNING, TASK_SLEEPING, TASK_DEAD
};

/**
 * struct task - a simulated thread
 *
 * Fields above the line are the machine's. @step runs in the engine's context
 * when the task is on a CPU, owes nothing and has no fiber: it starts an op
 * (task_start_fiber), adds think time (work_user), sleeps or exits.
 */
struct task {
	uint32_t id;		/* dense */
	uint8_t state, mode;
	bool spinning, need_resched, killed;
	uint8_t irq_off, preempt_off;
	int64_t owed_ns;	/* the debt */
	int64_t class_ns[COST_CLASS_COUNT];	/* debt ever taken, by source */
	struct cpu *cpu;	/* where it runs, or ran last */
	struct machine *m;
	struct fiber *fiber;
	int64_t slice_left_ns, runnable_since_ns, vruntime_ns;
	int64_t mode_ns[MODE_COUNT];
	uint64_t gen;		/* of the pending sleep or spin */
	struct sink wake_sink, timer_sink;
	TAILQ_ENTRY(task) rq_link;
	uint64_t affinity;	/* pinned CPU + 1, or 0 */
	bool wake_pending;
	/* ---- for the rooms above ---- */
	uint8_t op_kind;	/* opaque class of the current op, for blame */
	void *address_space;	/* told to the context-switch hook */
	void (*step)(struct task *t);
	void *owner;		/* replay's part of the task */
	void *op;		/* the simulated kernel's context of the current op */
	TAILQ_ENTRY(task) wait_link;	/* in at most one wait queue */
	int64_t wait_since_ns, spin_ns, sleep_ns;	/* of the current wait */
	uint32_t wait_flags;
};

TAILQ_HEAD(task_queue, task);

struct cpu {
	uint32_t id;
	struct machine *m;
	struct task *curr;	/* NULL: idle */
	int64_t run_since_ns;	/* from when curr's debt is being worked off */
	uint64_t gen;		/* of the armed resume event */
	struct sink resume_sink, tick_sink, irq_sink;
	struct task_queue queue;
	uint32_t queued;
	int64_t irq_until_ns, idle_since_ns;
	int64_t mode_ns[MODE_COUNT];
	uint64_t n;		/* externally visible events of this CPU */
	void *address_space;	/* loaded; kept while idle (lazy TLB) */
	struct irq_request *irq_pending;	/* deferred: interrupts are off */
};

/** struct machine_hooks - the rooms above listen; any may be NULL */
struct machine_hooks {
	/* @next NULL: going idle (lazy). Runs in engine context, free of charge. */
	void (*context_switch)(void *arg, struct cpu *c, struct task *prev,
			       struct task *next);
	void (*tick)(void *arg, struct cpu *c);
	void *arg;
};

struct machine {
	struct engine engine;
	const struct profile *profile;
	struct cpu *cpus;
	uint32_t cpu_count;
	uint64_t seed;
	struct metrics *metrics;
	struct machine_hooks hooks;
	struct address_allocator *addresses;
	uint32_t tasks_created, tasks_alive;
	uint64_t contacts;
};

void machine_init(struct machine *m, const struct profile *p, uint64_t seed,
		  struct metrics *metrics);
void machine_release(struct machine *m);

/* ---- tasks ---- */

/** task_init() - fill a caller's task; it is TASK_NEW and on no queue */
void task_init(struct machine *m, struct task *t, uint32_t id,
	       void (*step)(struct task *), void *owner);

/** task_launch() - make a new task runnable after @delay_ns; @by NULL = from outside */
void task_launch(struct task *by, struct task *t, int64_t delay_ns);

/** task_start_fiber() - from step(): run fn(t) on a fiber now */
void task_start_fiber(struct task *t, void (*fn)(void *t), const char *what);

/** task_exit() - settle; leave the CPU for good; does not return when on a
 *  fiber. From step() (no fiber) it returns. */
void task_exit(struct task *t);

/* ---- work and time: fiber context (or step() for the first two) ---- */

/** work() - owe @count times a cost of the profile */
static inline void work(struct task *t, unsigned cost, uint64_t count)
{
	const struct cost_value *c = &t->m->profile->cost[cost];
	int64_t ns = c->value * (int64_t)count;

	t->owed_ns += ns;
	t->class_ns[c->cls] += ns;
}

/** work_ns() - owe @ns of a stated class */
static inline void work_ns(struct task *t, int64_t ns, enum cost_class cls)
{
	t->owed_ns += ns;
	t->class_ns[cls] += ns;
}

/** settle() - return when the debt is zero; counts one contact */
void settle(struct task *t);

/** task_now() - settle and read the clock */
sim_ns task_now(struct task *t);

/** task_set_mode() - settle, then account what follows as @mode */
void task_set_mode(struct task *t, enum cpu_mode mode);

/* ---- sleeping, waking, spinning ---- */

/**
 * task_sleep() - give up the CPU until task_wake()
 * The caller has settled and decided in the same instant that it must sleep:
 * from the decision to the call no accessor may run, so no wake-up is lost.
 * Return: ns from here until it runs again.
 */
int64_t task_sleep(struct task *t);

/** task_sleep_until() - as above, or until @at_ns; true if it was the timer */
bool task_sleep_until(struct task *t, sim_ns at_ns);

/**
 * task_wake() - make @t runnable, placed on previous, idle sibling or same LLC
 * @by: settles and pays try_to_wake_up; NULL from engine context
 * A task that is not sleeping is left alone. Latency: profile's wake-up
 * latency, plus idle exit if the chosen CPU is idle.
 */
void task_wake(struct task *by, struct task *t);

/**
 * task_spin() - burn the CPU until task_spin_end(), or until need_resched
 * @may_resched: return early when the CPU should be given up (optimistic
 *	spinning); false for spinlocks
 * @limit_at_ns: return at this time at the latest; INT64_MAX = none
 * Settled by the caller, like task_sleep(). Time is booked as MODE_SPIN.
 */
enum spin_end { SPIN_RELEASED, SPIN_RESCHED, SPIN_TIMEOUT };
enum spin_end task_spin(struct task *t, bool may_resched, sim_ns limit_at_ns);

/** task_spin_end() - let @t go @delay_ns from now (line transfer); any context */
void task_spin_end(struct task *t, int64_t delay_ns);

/** cond_resched() - settle; yield if the slice is over; as at return to user */
void cond_resched(struct task *t);

void preempt_disable(struct task *t);
void preempt_enable(struct task *t);
void irq_disable(struct task *t);	/* settles: per-CPU state from here on */
void irq_enable(struct task *t);	/* settles; runs deferred interrupts */

/** task_on_cpu() - is @t executing right now (owner check of spinners) */
static inline bool task_on_cpu(const struct task *t)
{
	return t->state == TASK_RUNNING;
}

/* ---- interrupts ---- */

/**
 * struct irq_request - one interrupt to one CPU; caller's memory until done()
 * @cost_ns: handler time on the target, taken from whatever runs there
 * @done: engine context, when the handler has ended; may be NULL
 */
struct irq_request {
	struct sink sink;
	struct cpu *cpu;
	int64_t cost_ns;
	enum cost_class cls;
	void (*done)(struct irq_request *r);
	void *arg;
	struct irq_request *next;
};

/** irq_send() - from @by (settled; pays COST_IPI_SEND) or from outside (NULL) */
void irq_send(struct task *by, struct irq_request *r, struct cpu *to);

/** machine_ipi_latency() - flight time between two CPUs by distance */
int64_t machine_ipi_latency(const struct machine *m, uint32_t from, uint32_t to);

/* ---- topology ---- */

enum distance { DIST_SELF, DIST_SMT, DIST_LLC, DIST_SOCKET, DIST_REMOTE };
enum distance cpu_distance(const struct machine *m, uint32_t a, uint32_t b);

/** machine_run() - run to the end; closes idle accounts at the last event */
void machine_run(struct machine *m);

#endif
