/*
 * vma_lock_place: separate. 6.4 to 6.14: the lock is a 40-byte object of its own
 * slab; neither cache is aligned to lines, so unrelated locks share lines and
 * areas start at offsets 0/16/32/48 (vm_area_struct.bytes of the preset).
 */
#include "sim/mm/policies.h"

const struct vma_place vma_place_separate = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vma_place),
		.axis = "vma_lock_place", .name = "separate",
		.models = "vm_area_struct and vma_lock slabs of 6.4 to 6.14",
		.source = "c7f8f31c00d1; offsets in a line: Guzik, 8 Aug 2024 (seed 1)",
	},
};
