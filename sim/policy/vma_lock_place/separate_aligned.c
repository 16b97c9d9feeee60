/*
 * vma_lock_place: separate-aligned. Both slabs with SLAB_HWCACHE_ALIGN: no two
 * areas and no two locks share a line. What seed 1 says should at least be done.
 */
#include "sim/mm/policies.h"

const struct vma_place vma_place_separate_aligned = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vma_place),
		.axis = "vma_lock_place", .name = "separate-aligned",
		.models = "separate with SLAB_HWCACHE_ALIGN: no two areas and no two locks share a line",
		.source = "Guzik, 8 Aug 2024 (seed 1): the flag that both caches lack",
	},
	.aligned = true,
};
