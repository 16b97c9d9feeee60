/*
 * rcu: fixed. Callbacks are queued on the CPU that frees and invoked there
 * after one grace period of fixed length; no CPU is offloaded, nothing lazy.
 */
#include "sim/mm/policies.h"

const struct rcu_flavour rcu_fixed = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct rcu_flavour),
		.axis = "rcu", .name = "fixed",
		.models = "call_rcu() on CPUs that are not offloaded",
		.source = "FACTS A13",
	},
};
