#ifndef MMREPLAY_SYNC_RCU_IMPL_H
#define MMREPLAY_SYNC_RCU_IMPL_H

#include "sim/machine/mutation.h"
#include "sim/sync/kthread.h"
#include "sim/sync/rcu.h"
#include "sim/sync/spinlock.h"

/*
 * Inside RCU. Periods are numbered from 1 in the order of their start: one is
 * under way iff started > completed. A callback that is assigned now may run
 * when period started + 1 is over.
 */

enum { RCU_BLIMIT_MAX = 10000 };

/* ids of its threads: above those of tasks that a trace can have, each room
 * for as many as a machine has CPUs */
enum { RCU_TASK_RCUOP = 0xff0000, RCU_TASK_RCUOG = 0xff1000,
       RCU_TASK_KSOFTIRQD = 0xff2000 };

/** struct rcu_list - callbacks in order */
struct rcu_list {
	struct rcu_head *head, **tail;
	uint64_t count;
};

/** struct rcu_group - CPUs whose periods one rcuog thread waits for */
struct rcu_group {
	struct kthread og;		/* first: found by its thread */
	struct rcu_state *r;
	uint32_t first, end;		/* offloaded or not */
	bool sleeping;			/* and wants to be woken */
	uint64_t wait_seq;		/* until that period is over; 0: none */
	uint8_t defer;			/* enum nocb_defer */
	uint64_t timer_gen;
	struct sink timer;
};

/** struct rcu_nocb - what an offloaded CPU has besides */
struct rcu_nocb {
	struct kthread op;		/* first */
	struct rcu_cpu *c;
	struct rcu_group *group;
	struct line lock_line, bypass_line;
	struct spinlock lock;		/* the segments */
	struct spinlock bypass_lock;
	struct rcu_list bypass, invoking;
	uint64_t lazy;			/* of those in the bypass */
	int64_t bypass_first;		/* jiffy of its first callback */
	int64_t direct_jiffy;
	int64_t direct_count;		/* enqueues in it, less the limit's before */
};

/** struct rcu_cpu - rcu_data */
struct rcu_cpu {
	struct kthread ksoftirqd;	/* first */
	struct rcu_state *r;
	struct cpu *cpu;
	struct rcu_list next, ready, wait, done;
	uint64_t ready_seq, wait_seq;	/* the period that each waits for */
	uint64_t queued;		/* all, bypass and batch under way included */
	uint64_t qlen_last;		/* at the last look at qhimark */
	uint64_t scans_seen;
	/* this period */
	bool qs_needed, urged;
	uint64_t switches, resched_points;
	int64_t idle_ns;
	uint8_t held_by;		/* op that went on over a tick, + 1 */
	/* tick */
	bool tick_armed;
	struct sink tick;
	/* softirq */
	bool in_softirq, in_ksoftirqd;
	uint64_t blimit, batch;
	uint32_t restarts;
	sim_ns softirq_since_ns;
	struct irq_request irq;
	struct rcu_nocb *nocb;		/* NULL: a plain CPU */
};

struct rcu_state {
	struct machine *m;
	struct rcu_setup s;
	int64_t jiffy_ns;
	int64_t scan_jiffies;
	struct rcu_cpu *cpu;
	struct rcu_group *group;
	uint32_t groups;
	uint64_t started, completed;
	sim_ns started_ns, urgent_ns;
	bool overload, wanted;		/* wanted: another period after this */
	uint32_t qs_missing;
	uint64_t readers[2];		/* that began in an even, odd period */
	uint64_t scans;
	struct sink period, scan;
	uint64_t scan_gen;
	uint64_t pending;
	struct rcu_stats stats;
};

static inline int64_t rcu_cost_ns(const struct rcu_state *r, unsigned cost)
{
	r->m->cost_asked[cost] = true;
	return r->m->profile->cost[cost].value;
}

static inline int64_t rcu_jiffies(const struct rcu_state *r)
{
	return r->m->engine.now_ns / r->jiffy_ns;
}

/** rcu_timeout_ns() - when a timer of @jiffies fires: on a jiffy, not before */
static inline sim_ns rcu_timeout_ns(const struct rcu_state *r, int64_t jiffies)
{
	return (r->m->engine.now_ns + jiffies * r->jiffy_ns + r->jiffy_ns - 1) /
	       r->jiffy_ns * r->jiffy_ns;
}

static inline bool rcu_period_runs(const struct rcu_state *r)
{
	return r->started > r->completed;
}

/* ---- rcu_cb.c: lists, segments, and the ledger ---- */
void rcu_list_init(struct rcu_list *l);
void rcu_list_add(struct rcu_list *l, struct rcu_head *h);
/** rcu_next_add() - @h, in stage @from, is queued on @c and waits for a period */
void rcu_next_add(struct rcu_cpu *c, struct rcu_head *h, uint32_t from);
/** rcu_count_in() - one more is on a list of @c */
void rcu_count_in(struct rcu_cpu *c);
void rcu_list_append(struct rcu_list *l, struct rcu_list *from);
struct rcu_head *rcu_list_pop(struct rcu_list *l);
/** rcu_list_move() - in the ledger, from one stage to another */
void rcu_list_move(struct rcu_state *r, struct rcu_list *l, uint32_t from,
		   uint32_t to);
/** rcu_head_move() - the same for one callback */
void rcu_head_move(struct rcu_state *r, struct rcu_head *h, uint32_t from,
		   uint32_t to);
/** rcu_assign() - next to ready; true if a period must be started for it */
bool rcu_assign(struct rcu_cpu *c);
/** rcu_advance() - what the completed periods release is done */
void rcu_advance(struct rcu_cpu *c, unsigned ended_by);
/** rcu_has_pending() - is anything in wait, ready or next */
bool rcu_has_pending(const struct rcu_cpu *c);
/** rcu_invoke() - run @h on @on, in this instant; ns that it took beyond its own */
int64_t rcu_invoke(struct rcu_cpu *c, struct rcu_head *h, struct cpu *on);

/* ---- rcu_gp.c: periods, quiescent states, ticks ---- */
void rcu_gp_init(struct rcu_state *r);
void rcu_gp_cpu_init(struct rcu_cpu *c);
/** rcu_period_want() - start one unless one is under way */
void rcu_period_want(struct rcu_state *r);
/** rcu_force_scan() - look for quiescent states now */
void rcu_force_scan(struct rcu_state *r);
void rcu_tick_arm(struct rcu_cpu *c);
/** rcu_reader_left() - the last one of an older period, if @op had it */
void rcu_reader_left(struct rcu_state *r, uint8_t op);

/* ---- rcu_softirq.c: callbacks of plain CPUs ---- */
void rcu_softirq_init(struct rcu_cpu *c);
void rcu_softirq_raise(struct rcu_cpu *c);
/** rcu_batch_limit() - callbacks of one batch */
uint64_t rcu_batch_limit(const struct rcu_cpu *c);
/** rcu_batch_over() - @n were run: thresholds go back where they were */
void rcu_batch_over(struct rcu_cpu *c, uint64_t n);

/* ---- rcu_nocb.c: call_rcu() on offloaded CPUs ---- */
enum nocb_defer { NOCB_DEFER_NOT, NOCB_DEFER_BYPASS, NOCB_DEFER_LAZY,
		  NOCB_DEFER_WAKE, NOCB_DEFER_FORCE };

void rcu_nocb_init(struct rcu_state *r);
void rcu_nocb_free(struct rcu_state *r);
void rcu_nocb_call(struct task *t, struct rcu_cpu *c, struct rcu_head *h,
		   uint32_t from);
/** rcu_nocb_flush() - under the lock: the bypass goes to next */
void rcu_nocb_flush(struct task *t, struct rcu_cpu *c);
/** rcu_bypass_stage() - ledger stage of what is in the bypass */
uint32_t rcu_bypass_stage(const struct rcu_nocb *n);
void rcu_nocb_defer(struct rcu_group *g, enum nocb_defer how);

/* ---- rcu_nocb_threads.c ---- */
void rcu_nocb_threads_init(struct rcu_nocb *n);
void rcu_group_init(struct rcu_group *g);
/** rcu_group_wake() - by a task, which pays, or NULL */
void rcu_group_wake(struct task *by, struct rcu_group *g, bool force);
/** rcu_groups_ended() - a period is over */
void rcu_groups_ended(struct rcu_state *r);

#endif
