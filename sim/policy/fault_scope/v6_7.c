/*
 * fault_scope: 6.7. 6.7 to 6.9: also shared file faults and copies of file pages.
 */
#include "sim/mm/policies.h"

const struct fault_scope fault_scope_v6_7 = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fault_scope),
		.axis = "fault_scope", .name = "6.7",
		.models = "vmf_can_call_fault() of 6.7 to 6.9: also writes to files, shared or copied",
		.source = "mm/memory.c (from memory)",
	},
	.scope = SCOPE_ANON | SCOPE_SWAP_UFFD | SCOPE_FILE_READ | SCOPE_FILE_COW,
};
