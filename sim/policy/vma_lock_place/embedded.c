/*
 * vma_lock_place: embedded. The lock inside the area, behind its other members, no
 * alignment: it shares lines with hot fields of its own area and the next one.
 */
#include "sim/mm/policies.h"

const struct vma_place vma_place_embedded = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vma_place),
		.axis = "vma_lock_place", .name = "embedded",
		.models = "lock inside vm_area_struct, as first posted in 2023",
		.source = "per-VMA locks v1 20230109205336, Jan 2023, before c7f8f31c00d1",
	},
	.embedded = true,
};
