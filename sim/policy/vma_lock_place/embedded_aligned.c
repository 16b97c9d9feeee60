/*
 * vma_lock_place: embedded-aligned. Seed 1's patch: lock inside, on a line of its
 * own (____cacheline_aligned_in_smp), area cache line-aligned.
 */
#include "sim/mm/policies.h"

const struct vma_place vma_place_embedded_aligned = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vma_place),
		.axis = "vma_lock_place", .name = "embedded-aligned",
		.models = "seed 1: lock back in the area, HWCACHE_ALIGN",
		.source = "Guzik, patch of 8 Aug 2024 (seed 1); 256 bytes: v7 cover 20241226170710",
	},
	.embedded = true, .aligned = true,
};
