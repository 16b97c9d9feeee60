/*
 * rcu: fixed. The simple one: a grace period takes a fixed time of the profile
 * and begins at once, whatever CPUs and readers do; callbacks run on the CPU
 * that queued them.
 */
#include "sim/mm/policies.h"

const struct rcu_flavour rcu_fixed = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct rcu_flavour),
		.axis = "rcu", .name = "fixed",
		.models = "no kernel: a grace period of known length, for comparison",
		.source = "rcu_grace_period_ns of the machine",
	},
	.rules = {
		.fixed = true, .nocbs = "none", .blimit = 10, .divisor = 7,
	},
};
