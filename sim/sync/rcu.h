#ifndef MMREPLAY_SYNC_RCU_H
#define MMREPLAY_SYNC_RCU_H

#include "sim/machine/machine.h"

/*
 * RCU as the callers see it (FACTS A13). For now a grace period is a fixed
 * time of the profile and callbacks run on the enqueueing CPU: README, "what
 * it does not model".
 */

/** struct rcu_head - embedded in what is freed */
struct rcu_head {
	struct rcu_head *next;
	void (*fn)(struct rcu_head *h, struct cpu *c);
	int64_t invoke_ns;	/* CPU time that the callback takes */
};

struct rcu_state;

/** rcu_new() - one per machine; @cost_call_rcu: profile cost of the enqueue,
 *  @cost_gp: of the length of a grace period */
struct rcu_state *rcu_new(struct machine *m, unsigned cost_call_rcu,
			  unsigned cost_gp);
void rcu_free(struct rcu_state *r);

/** call_rcu() - settle; enqueue on this CPU */
void call_rcu(struct task *t, struct rcu_state *r, struct rcu_head *h);

/** synchronize_rcu() - sleep for a full grace period */
void synchronize_rcu(struct task *t, struct rcu_state *r);

/** rcu_drain() - rcu_barrier() after the run: every callback, in order, while
 *  the clock stands; nothing may run on the machine after it */
void rcu_drain(struct rcu_state *r);

/** rcu_pending() - callbacks not yet invoked */
uint64_t rcu_pending(const struct rcu_state *r);

#endif
