/*
 * fault_scope: 6.17. 6.17: madvise(DONTNEED, FREE) inside one area and
 * /proc/PID/maps use the same lock.
 */
#include "sim/mm/policies.h"

const struct fault_scope fault_scope_v6_17 = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct fault_scope),
		.axis = "fault_scope", .name = "6.17",
		.models = "fault path of 6.10; madvise(MADV_DONTNEED) and /proc/PID/maps lock areas, too, since 6.17",
		.source = "/proc maps v7 20250716030557; MADV_DONTNEED v3, 7 Jun 2025",
	},
	.scope = SCOPE_ANON | SCOPE_SWAP_UFFD | SCOPE_FILE_READ | SCOPE_FILE_COW |
		 SCOPE_FIRST_ANON | SCOPE_MADVISE | SCOPE_PROC_MAPS,
};
