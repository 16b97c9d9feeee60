/*
 * fault_scope: 6.6. 6.6: also swap-in, userfaultfd, and file faults that the
 * page cache can answer.
 */
#include "sim/mm/policies.h"

const struct fault_scope fault_scope_v6_6 = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fault_scope),
		.axis = "fault_scope", .name = "6.6",
		.models = "lock_vma_under_rcu() and handle_pte_fault() of 6.6: also reads of files in the page cache",
		.source = "Wilcox v3 20230724185410 (release by date of an mm-tree mail)",
	},
	.scope = SCOPE_ANON | SCOPE_SWAP_UFFD | SCOPE_FILE_READ,
};
