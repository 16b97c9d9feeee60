/*
 * fault_scope: none. Kernels without VMA locks: every fault takes mmap_lock.
 */
#include "sim/mm/policies.h"

const struct fault_scope fault_scope_none = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fault_scope),
		.axis = "fault_scope", .name = "none",
		.models = "no fault, though areas have locks: every one takes mmap_lock",
		.source = "no kernel: for comparison",
	},
	.scope = 0,
};
