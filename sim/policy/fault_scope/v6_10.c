/*
 * fault_scope: 6.10. 6.10 to 6.16: also the first anonymous fault of an area,
 * with a mmap_lock read trylock around anon_vma creation only.
 */
#include "sim/mm/policies.h"

const struct fault_scope fault_scope_v6_10 = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fault_scope),
		.axis = "fault_scope", .name = "6.10",
		.models = "vmf_anon_prepare() of 6.10 to 6.16: also the first fault of an area, by a trylock of mmap_lock",
		.source = "Wilcox, Optimise vmf_anon_prepare (linux-mm msg383231)",
	},
	.scope = SCOPE_ANON | SCOPE_SWAP_UFFD | SCOPE_FILE_READ | SCOPE_FILE_COW |
		 SCOPE_FIRST_ANON,
};
