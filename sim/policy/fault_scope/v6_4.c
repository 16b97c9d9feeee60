/*
 * fault_scope: 6.4. 6.4 and 6.5: anonymous areas that have an anon_vma.
 */
#include "sim/mm/policies.h"

const struct fault_scope fault_scope_v6_4 = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fault_scope),
		.axis = "fault_scope", .name = "6.4",
		.models = "lock_vma_under_rcu() of 6.4 and 6.5: anonymous areas that have an anon_vma",
		.source = "per-VMA locks v4 cover 20230227173632",
	},
	.scope = SCOPE_ANON,
};
