#ifndef MMREPLAY_MACHINE_MACHINE_H
#define MMREPLAY_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include "sim/base/errbuf.h"
#include "sim/engine/engine.h"
#include "sim/machine/profile.h"
#include "sim/metrics/events.h"
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

/*
 * The n of a timer's order (engine.h): timers of different kinds whose owners
 * share a number never tie. Rooms above count from TIMER_USER.
 */
enum timer_kind { TIMER_TICK, TIMER_TASK, TIMER_RCU, TIMER_RCU_SCAN,
		  TIMER_RCU_PERIOD, TIMER_RCU_NOCB, TIMER_USER = 16 };

/* The n of a wake-up's order, likewise: of a task, or of what a CPU is burnt for. */
enum wake_kind { WAKE_TASK, WAKE_CPU };

TAILQ_HEAD(task_queue, task);

enum { TASK_HELD_MAX = 12 };

/** struct held_lock - a sleeping lock that a task is inside of (sync/) */
struct held_lock {
	const void *lock;
	sim_ns since_ns;
	uint8_t op_kind, side;
};

/**
 * struct task - a simulated thread
 *
 * Fields above the line are the machine's. @step runs in the engine's context
 * when the task is on a CPU, owes nothing and has no fiber: it starts an op
 * (task_start_fiber), adds think time (task_think, task_ghost), sleeps or
 * exits; it must do one of these. The memory of a task stays until
 * machine_release().
 */
struct task {
	uint32_t id;		/* dense */
	uint8_t state, mode;
	bool spinning, need_resched, killed;
	uint8_t irq_off, preempt_off;
	uint8_t slow_work;	/* WORK_EAGER, and WORK_SHORT a shortened lock it holds */
	int64_t owed_ns;	/* the debt */
	int64_t class_ns[COST_CLASS_COUNT];	/* debt ever taken, by source */
	int64_t wakeups_ns;	/* debt ever taken for waking others */
	int64_t short_rest;	/* hundredths of a ns not yet cut off */
	struct cpu *cpu;	/* where it runs, or ran last */
	struct machine *m;
	struct fiber *fiber;
	int64_t slice_left_ns, runnable_since_ns, vruntime_ns;
	int64_t mode_ns[MODE_COUNT];
	uint64_t gen;		/* of the pending sleep or spin */
	struct sink wake_sink, timer_sink;
	uint32_t rq_index;	/* place in the run queue's heap, from 1; 0 = none */
	uint64_t affinity;	/* pinned CPU + 1, or 0 */
	bool wake_pending, timed_out, killable, spin_may_resched;
	bool stands;		/* off the CPU by task_stand() */
	uint8_t spin_how;	/* enum spin_end of the spin that is ending */
	struct task *spin_on;	/* end the spin when this task leaves its CPU */
	TAILQ_ENTRY(task) spin_link;
	struct task_queue spun_on;	/* tasks that spin on this one */
	struct line *line;	/* it waits for this one (line.h) */
	const struct cost_value *line_cost;	/* ... and came from there */
	int64_t line_mark_ns;
	TAILQ_ENTRY(task) line_link, line_llc_link;
	uint16_t line_core, line_llc, line_round;	/* it asks from: core, LLC, and
							 * whose requests make a round */
	uint8_t line_access;
	/* ---- for the rooms above ---- */
	uint8_t op_kind;	/* opaque class of the current op, for blame */
	uint8_t held_count;
	struct held_lock held[TASK_HELD_MAX];
	void *address_space;	/* told to the context-switch hook */
	void (*step)(struct task *t);
	void *owner;		/* replay's part of the task */
	void *op;		/* the simulated kernel's context of the current op */
	uint8_t rcu_depth;	/* sections of readers (sync/) */
	uint64_t rcu_period;	/* ... begun in this one */
	TAILQ_ENTRY(task) wait_link;	/* in at most one wait queue */
	int64_t wait_since_ns, spin_ns, sleep_ns;	/* of the current wait */
	uint32_t wait_flags;
#ifdef MMREPLAY_TEST
	bool unpaid;		/* owes work(), more than for a line it has got */
#endif
};

/** struct run_queue - heap of runnable tasks by (vruntime, id) */
struct run_queue {
	struct task **slot;	/* 1-based */
	uint32_t count, room;
};

/**
 * struct cpu - what a CPU does now and has done
 *
 * Handlers and context switches take the CPU as a block of time that may reach
 * into the future: until busy_until_ns. While it does, run_since_ns and
 * mode_since_ns stand at its end, so nothing is worked off or booked twice:
 *
 *   sum of mode_ns + (now - mode_since_ns) = now        at every event
 */
struct cpu {
	uint32_t id;
	uint32_t core, llc, socket;	/* dense, machine-wide */
	struct machine *m;
	struct task *curr;	/* NULL: idle */
	struct task *last;	/* whose context is loaded */
	int64_t run_since_ns;	/* from when curr's debt is being worked off */
	int64_t mode_since_ns;	/* from when time is not yet booked */
	int64_t busy_until_ns;	/* handlers and switches take it until then */
	int64_t picked_ns;	/* when curr was picked */
	int64_t idle_since_ns;	/* if it idles */
	int64_t irq_user_ns;	/* of interrupts, those that hit user time */
	int64_t min_vruntime_ns;
	struct sink tick_sink;
	struct run_queue queue;
	uint32_t incoming;	/* wake-ups on their way here */
	bool tick_armed, tick_deferred;
	int64_t mode_ns[MODE_COUNT];
	int64_t class_ns[COST_CLASS_COUNT];	/* handlers, switches: by source */
	uint64_t irqs_sent, irqs_taken;	/* externally visible, for event order */
	uint64_t switches, migrations;	/* counted, for RCU, tests and reports */
	uint64_t resched_points;	/* cond_resched() calls */
	void *address_space;	/* loaded; kept while idle (lazy TLB) */
	struct irq_request *irq_pending, **irq_tail;	/* interrupts are off */
};

/** struct machine_hooks - the rooms above listen; any may be NULL */
struct machine_hooks {
	/* @next NULL: going idle (lazy). Runs in engine context, free of charge. */
	void (*context_switch)(void *arg, struct cpu *c, struct task *prev,
			       struct task *next);
	void (*tick)(void *arg, struct cpu *c);
	void *arg;
};

/**
 * struct tracer - what the tracer of a capture adds where the simulation
 * decides that its events happen; all 0: nobody traces
 */
struct tracer {
	int64_t contention_ns;	/* one event as a waiter queues, one as it has won */
	int64_t sched_ns;	/* wake-up and switch-in of a waiter, each */
	int64_t shootdown_ns;	/* in the handler of the CPU that is shot at */
};

struct machine {
	struct engine engine;
	const struct profile *profile;
	struct cpu *cpus;
	uint32_t cpu_count;
	uint64_t seed;
	struct metrics *metrics;
	struct machine_hooks hooks;
	struct tracer tracer;
	bool run_to_parity;	/* EEVDF, 6.6: who has the CPU keeps it for a slice */
	struct address_allocator *addresses;
	uint32_t tasks_created, tasks_alive;
	uint64_t contacts;
	uint32_t shorten_pct;	/* of work inside shortened locks (metrics_shorten()) */
	sim_ns end_ns;		/* last time at which anything happened */
	uint64_t *idle_map, *queued_map;	/* bit per CPU */
	uint32_t map_words;
	uint64_t queued_total;
	uint64_t irqs_outside;
	struct machine_part *parts;
	const char *failed;	/* why the run stopped early; NULL = it did not */
	/* how often each cost was charged, and which were looked at without being
	 * charged (to share out recorded times, to compare): no other can matter */
	uint64_t cost_times[PROFILE_COSTS_MAX];
	int64_t cost_less_ns[PROFILE_COSTS_MAX];	/* charged in part only: what not */
	bool cost_asked[PROFILE_COSTS_MAX];
	struct line_queue *line_queues, *line_queues_free;	/* line.c */
	struct task *executing;	/* on its fiber; NULL while the engine itself runs */
	TAILQ_HEAD(, paying) paying;	/* --eager: amid a work() (cpu.c) */
	bool closing;		/* time is over: a debt is not paid any more */
};

void machine_init(struct machine *m, const struct profile *p, uint64_t seed,
		  struct metrics *metrics);
void machine_release(struct machine *m);

/**
 * machine_part() - state of a room above that lives as long as the machine
 * @key: an address that names it; @bytes: zeroed at the first call
 * @release: called before it is freed; may be NULL
 * Cost: O(parts), and they are few: keep the pointer.
 */
void *machine_part(struct machine *m, const void *key, size_t bytes,
		   void (*release)(void *part));

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

/** task_think() - from step(): @ns of user time, preemptible at any moment */
void task_think(struct task *t, int64_t ns, enum cost_class cls);

/** task_ghost() - from step(): somebody outside the trace has the CPU for @ns */
void task_ghost(struct task *t, int64_t ns);

/* ---- work and time: fiber context (or step() for the first two) ---- */

/** work_slow() - what @ns of work() are to a task with slow_work: less, inside a
 *  shortened lock; and settled at once, without a contact, with --eager */
enum { WORK_EAGER = 1, WORK_SHORT = 2 };
void work_slow(struct task *t, int64_t ns, enum cost_class cls);

/** mark_unpaid() - for assert_paid(): debt that shared state must not be seen with */
static inline void mark_unpaid(struct task *t, bool unpaid)
{
#ifdef MMREPLAY_TEST
	t->unpaid = unpaid;
#else
	(void)t, (void)unpaid;
#endif
}

/** work() - owe @count times a cost of the profile */
static inline void work(struct task *t, unsigned cost, uint64_t count)
{
	const struct cost_value *c = &t->m->profile->cost[cost];
	int64_t ns = c->value * (int64_t)count;

	t->m->cost_times[cost] += count;
	t->owed_ns += ns;
	t->class_ns[c->cls] += ns;
	if (ns)
		mark_unpaid(t, true);
	if (__builtin_expect(t->slow_work, 0))
		work_slow(t, ns, c->cls);
}

/** cost_take() - @count times a cost that is charged other than by work(): in ns */
static inline int64_t cost_take(struct machine *m, unsigned cost, uint64_t count)
{
	m->cost_times[cost] += count;
	return m->profile->cost[cost].value * (int64_t)count;
}

/** work_ns() - owe @ns of a stated class */
static inline void work_ns(struct task *t, int64_t ns, enum cost_class cls)
{
	t->owed_ns += ns;
	t->class_ns[cls] += ns;
	if (ns)
		mark_unpaid(t, true);
	if (__builtin_expect(t->slow_work, 0))
		work_slow(t, ns, cls);
}

/**
 * shorten_enter() - the task got a lock of class @c, in this instant, settled
 * Inside a class that metrics_shorten() named, work and stalls for cache lines
 * take shorten_pct less; waits for others, sleeps and interrupts do not.
 * shorten_leave() pairs with it at the instant of the release.
 */
static inline void shorten_enter(struct task *t, const struct lock_class *c,
				 enum lock_side side)
{
	if (__builtin_expect(c->shortened & 1 << side, 0))
		t->slow_work += WORK_SHORT;
}

static inline void shorten_leave(struct task *t, const struct lock_class *c,
				 enum lock_side side)
{
	if (__builtin_expect(c->shortened & 1 << side, 0))
		t->slow_work -= WORK_SHORT;
}

/** settle_debt() - return when what is owed and taken of the CPU is over */
void settle_debt(struct task *t);

/** settle() - return when the debt is zero; counts one contact */
static inline void settle(struct task *t)
{
	mark_unpaid(t, false);
	if (t->owed_ns)
		settle_debt(t);
	t->m->contacts++;	/* when it is made, not when it is waited for */
}

/** assert_settled() - for accessors: no debt may be left (test build) */
static inline void assert_settled(const struct task *t)
{
#ifdef MMREPLAY_TEST
	BUG_ON(t->owed_ns != 0);
#else
	(void)t;
#endif
}

/**
 * assert_paid() - for accessors that know no task: whoever executes owes nothing
 * but what a cache line has cost it, whose state belongs to the instant at
 * which it came (test build)
 */
static inline void assert_paid(const struct machine *m)
{
#ifdef MMREPLAY_TEST
	BUG_ON(m->executing && m->executing->unpaid);
#else
	(void)m;
#endif
}

/** task_now() - settle and read the clock */
sim_ns task_now(struct task *t);

/** task_set_mode() - settle, then account what follows as @mode; honours
 *  need_resched when it becomes MODE_USER */
void task_set_mode(struct task *t, enum cpu_mode mode);

/* ---- sleeping, waking, spinning ---- */

/**
 * task_sleep() - give up the CPU until task_wake()
 * The caller has settled and decided in the same instant that it must sleep:
 * from the decision to the call no accessor may run, so no wake-up is lost.
 * Return: ns from here until it runs again. From step() it returns 0 at once,
 * and step() is called again after the wake-up.
 */
int64_t task_sleep(struct task *t);

/**
 * task_stand() - stop the task until task_wake(), as if it had not stopped
 * For a wait that the program does not make, but the replay for it: the CPU is
 * free for others meanwhile; if none of them has it then, the task goes on at
 * once, without a wake-up or an idle exit. Its CPU is not lazy. From step() only.
 */
void task_stand(struct task *t);

/** task_sleep_killable() - as task_sleep(); task_kill() ends it, too */
int64_t task_sleep_killable(struct task *t);

/** task_kill() - mark @t killed; wakes it from a killable sleep. @by as task_wake() */
void task_kill(struct task *by, struct task *t);

/** task_sleep_until() - as task_sleep(), or until @at_ns; true if it was the
 *  timer (from step(): false, see t->timed_out at the next call) */
bool task_sleep_until(struct task *t, sim_ns at_ns);

/**
 * task_wake() - make @t runnable, placed on previous, idle sibling or same LLC
 * @by: settles and pays try_to_wake_up; NULL from engine context
 * A task that is not sleeping is left alone. Latency: profile's wake-up
 * latency, plus idle exit if the chosen CPU is idle; that is shorter after a
 * short idle time. The wake-up is under way before the waker pays for it.
 */
void task_wake(struct task *by, struct task *t);

/**
 * task_spin() - burn the CPU until task_spin_end(), or until need_resched
 * @may_resched: return early when the CPU should be given up (optimistic
 *	spinning); false for spinlocks
 * @limit_at_ns: return at this time at the latest; INT64_MAX = none
 * Settled by the caller, like task_sleep(). Time is booked as MODE_SPIN.
 */
enum spin_end { SPIN_RELEASED, SPIN_RESCHED, SPIN_TIMEOUT, SPIN_OWNER_OFF };
enum spin_end task_spin(struct task *t, bool may_resched, sim_ns limit_at_ns);

/** task_spin_on() - as task_spin(), also until @owner leaves its CPU; the
 *  caller has seen it on one in the same instant */
enum spin_end task_spin_on(struct task *t, struct task *owner,
			   bool may_resched, sim_ns limit_at_ns);

/** task_spin_end() - let @t go @delay_ns from now (line transfer); any context */
void task_spin_end(struct task *t, int64_t delay_ns);

/** cond_resched() - settle; yield if the slice is over; as at return to user */
void cond_resched(struct task *t);

/** might_resched() - a point where PREEMPT_VOLUNTARY looks: sleeping locks */
static inline void might_resched(struct task *t)
{
	if (t->m->profile->preempt == PREEMPT_VOLUNTARY)
		cond_resched(t);
}

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
 * @cost_ns: handler time on the target, taken from whatever runs there, beside
 *	COST_IRQ_ENTRY
 * @done: engine context, when the handler has ended; may be NULL
 * @chained: goes on where the last one ended, without entry and exit
 */
struct irq_request {
	struct sink sink;
	struct cpu *cpu;
	int64_t cost_ns;
	enum cost_class cls;
	bool chained;
	bool sent;		/* by a CPU; set by irq_send() */
	void (*done)(struct irq_request *r);
	void *arg;
	struct irq_request *next;
};

/** irq_send() - from @by (settled; pays COST_IPI_SEND) or from outside (NULL) */
void irq_send(struct task *by, struct irq_request *r, struct cpu *to);

/** irq_extend() - from done(): the handler takes @ns more */
void irq_extend(struct cpu *c, int64_t ns, enum cost_class cls);

/** cpu_tick_after() - the next tick of @c, if it ticks every @period_ns */
sim_ns cpu_tick_after(const struct cpu *c, int64_t period_ns);

/** machine_ipi_latency() - flight time between two CPUs by distance */
int64_t machine_ipi_latency(const struct machine *m, uint32_t from, uint32_t to);

/* ---- topology ---- */

enum distance { DIST_SELF, DIST_SMT, DIST_LLC, DIST_SOCKET, DIST_REMOTE };
static inline enum distance cpu_distance(const struct machine *m, uint32_t a,
					 uint32_t b)
{
	const struct cpu *x = &m->cpus[a], *y = &m->cpus[b];

	if (a == b)
		return DIST_SELF;
	if (x->core == y->core)
		return DIST_SMT;
	if (x->llc == y->llc)
		return DIST_LLC;
	return x->socket == y->socket ? DIST_SOCKET : DIST_REMOTE;
}

/** cpus_busy() - CPUs of [@first, @end) that run a task or are about to */
uint32_t cpus_busy(const struct machine *m, uint32_t first, uint32_t end);

/** machine_touch() - something real happens now: the run lasts at least until
 *  here. For timers of rooms above; stale timers must not call it. */
static inline void machine_touch(struct machine *m)
{
	if (m->end_ns < m->engine.now_ns)
		m->end_ns = m->engine.now_ns;
}

/** machine_run() - run to the end; closes idle accounts at end_ns, so that the
 *  modes of all CPUs sum to cpu_count x end_ns. @failed says if it stopped
 *  early; tasks_alive > 0 with an empty queue is a deadlock of the caller. */
void machine_run(struct machine *m);

/** machine_check() - BUG unless the accounts of every CPU add up to now */
void machine_check(const struct machine *m);

#endif
