#ifndef MMREPLAY_SYNC_RCU_H
#define MMREPLAY_SYNC_RCU_H

#include "sim/base/hist.h"
#include "sim/machine/machine.h"

/*
 * RCU from call_rcu() to the callback.
 *
 *   call_rcu --> [bypass] --> next --> ready --> wait --> done --> callback
 *                offloaded     |  a tick or rcuog  |        softirq, ksoftirqd,
 *                CPUs only     '-- assigns it      '- period   or rcuop
 *                                  to a period        ends
 *
 * A CPU is either plain: its tick assigns callbacks and its softirq runs them,
 * at the expense of whoever has the CPU; or offloaded (rcu_nocbs): a thread
 * for a group of CPUs assigns them (rcuog) and one for each CPU runs them
 * (rcuop). Which objects a callback frees is booked here, stage by stage.
 */

/** struct rcu_head - embedded in what is freed; the caller fills it
 *  @fn: frees it on @c; returns CPU time beyond @invoke_ns (a remote free)
 *  @hold, @tag, @objects, @bytes: in the ledger; objects 0: nothing
 *  @move: moves them there from stage to stage; NULL: all have the same @tag
 *  @hurry: never lazy (call_rcu_hurry) */
struct rcu_head {
	struct rcu_head *next;
	int64_t (*fn)(struct rcu_head *h, struct cpu *c);
	void (*move)(struct rcu_head *h, uint32_t from, uint32_t to);
	const struct hold_tag *tag;
	int64_t invoke_ns;
	uint64_t bytes;
	uint32_t objects;
	uint16_t hold;
	bool hurry, lazy;	/* lazy: set here */
	sim_ns since_ns;	/* set here: in stage grace-period */
};

enum rcu_batch { RCU_BATCH_DONE, RCU_BATCH_ALL };

/**
 * struct rcu_rules - what kernels and their command lines differ in
 * @fixed: a period takes a cost of the profile, starts and ends at once, and
 *	nobody looks at CPUs; all that follows is then without effect
 * @hz: ticks a second; 0: the machine's
 * @nocbs: offloaded CPUs: "none", "all", or a list like 0-3,8
 * @lazy: CONFIG_RCU_LAZY: on offloaded CPUs callbacks may wait for 10 s
 * @batch_of: which callbacks count for the share of a batch
 */
struct rcu_rules {
	bool fixed, lazy;
	uint32_t hz, batch_of;
	const char *nocbs;
	uint32_t blimit, qhimark, qlowmark, divisor;
	int64_t resched_ns, lazy_flush_ns;
};

/** struct rcu_setup - rules, costs of the profile, ledger stages by metrics id
 *  @op_kind: class of its threads, for blame */
struct rcu_setup {
	struct rcu_rules rules;
	unsigned cost_call, cost_call_nocb, cost_nocb_wake, cost_nocb_scan;
	unsigned cost_gp;
	uint32_t stage_bypass, stage_lazy, stage_gp, stage_callback;
	uint8_t op_kind;
};

/**
 * struct rcu_stats - what it did
 * @kicks: times that qhimark was passed; @flushes: of bypasses
 * @call_ns: elapsed inside call_rcu(); @softirq_ns .. @rcuog_ns: CPU time by
 *	where callbacks were run, or periods waited for
 */
struct rcu_stats {
	uint64_t called, called_lazy, invoked, periods, kicks;
	uint64_t direct, bypassed, flushes, nocb_wakes, batches;
	int64_t call_ns, softirq_ns, ksoftirqd_ns, rcuop_ns, rcuog_ns;
	struct hist period_ns;
};

struct rcu_state;

/**
 * rcu_cpu_list() - call @fn(@arg, first, last) for each range of a CPU list
 * Return: false if @list is no such thing: none, all, or 0-3,8; N is the last CPU
 *	there can be; all below 4096. @fn was then called for what stood before.
 */
bool rcu_cpu_list(const char *list, void (*fn)(void *arg, uint32_t first,
					       uint32_t last), void *arg);

/** rcu_new() - one per machine; @s is copied, its text stays the caller's */
struct rcu_state *rcu_new(struct machine *m, const struct rcu_setup *s);
void rcu_free(struct rcu_state *r);

/** call_rcu() - settle; enqueue on this CPU. @from: metrics stage in which the
 *  objects are, or STAGE_NONE */
void call_rcu(struct task *t, struct rcu_state *r, struct rcu_head *h,
	      uint32_t from);

/** call_rcu_expected_ns() - what it costs @t, on its CPU, uncontended */
int64_t call_rcu_expected_ns(const struct task *t, const struct rcu_state *r);

/** rcu_read_lock() - no period that begins later ends before the unlock. With
 *  full preemption @t may lose its CPU inside, else it may not. */
void rcu_read_lock(struct task *t, struct rcu_state *r);
void rcu_read_unlock(struct task *t, struct rcu_state *r);

/** rcu_reading() - is @t inside of a section: for assertions */
bool rcu_reading(const struct task *t);

/** synchronize_rcu() - sleep for a full grace period */
void synchronize_rcu(struct task *t, struct rcu_state *r);

/** rcu_drain() - rcu_barrier() after the run: every callback, in order, while
 *  the clock stands; nothing may run on the machine after it */
void rcu_drain(struct rcu_state *r);

/** rcu_pending() - callbacks not yet invoked */
uint64_t rcu_pending(const struct rcu_state *r);

/** rcu_waits_for_readers() - false under rules.fixed */
bool rcu_waits_for_readers(const struct rcu_state *r);

/** rcu_stats() - so far; period_ns stays @r's */
struct rcu_stats rcu_stats(const struct rcu_state *r);

/** rcu_periods() - how long they were */
const struct hist *rcu_periods(const struct rcu_state *r);

/** rcu_thread_class_ns() - add what its threads owed, by source, to @sum */
void rcu_thread_class_ns(const struct rcu_state *r,
			 int64_t sum[COST_CLASS_COUNT]);

/** rcu_check() - test build: BUG unless every list and count agrees */
void rcu_check(const struct rcu_state *r);

#endif
