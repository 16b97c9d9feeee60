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
		.source = "seed 1; FACTS B3 (256 bytes, as the presets' sizes give)",
	},
	.embedded = true, .aligned = true,
};
