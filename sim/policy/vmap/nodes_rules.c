/* Arithmetic of vmap: nodes, see nodes.h. Source: seed 2; FACTS A15. */
#include "sim/policy/vmap/nodes.h"

uint32_t vmap_node_count(uint32_t possible_cpus)
{
	if (possible_cpus < 1)
		return 1;
	return possible_cpus < VMAP_NODES_MAX ? possible_cpus : VMAP_NODES_MAX;
}

uint32_t addr_to_node_id(uint64_t addr, uint32_t nodes)
{
	return (uint32_t)(addr / VMAP_ZONE_BYTES % nodes);
}

uint32_t encode_vn_id(uint32_t node, uint32_t nodes)
{
	return node < nodes ? (node + 1) << 8 : 0;
}

uint32_t decode_vn_id(uint32_t flags)
{
	return (flags >> 8) - 1;
}

uint64_t vmap_decay_count(enum vmap_decay rule, uint64_t len, bool full)
{
	uint64_t n = len >> 2;

	if (full || (rule == DECAY_POSTED && !n))
		return len;
	return n;
}

uint32_t vmap_helper_count(enum vmap_helpers rule, uint64_t nr_lazy_pages,
			   uint64_t lazy_max_pages, uint32_t nodes)
{
	uint64_t n = nr_lazy_pages / lazy_max_pages;

	if (!nodes || rule == HELPERS_NONE)
		return 0;
	if (rule == HELPERS_ALL || n > nodes)
		n = nodes;
	return (uint32_t)(n < 1 ? 1 : n) - 1;
}
