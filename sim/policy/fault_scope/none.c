/*
 * fault_scope: none. Kernels without VMA locks: every fault takes mmap_lock.
 */
#include "sim/mm/policies.h"

const struct fault_scope fault_scope_none = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fault_scope),
		.axis = "fault_scope", .name = "none",
		.models = "no VMA locks",
		.source = "FACTS A3",
	},
	.scope = 0,
};
