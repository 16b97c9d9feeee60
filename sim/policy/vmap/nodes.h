#ifndef MMREPLAY_POLICY_VMAP_NODES_H
#define MMREPLAY_POLICY_VMAP_NODES_H

#include "sim/policy/vmap/heap.h"

/* The rules of vmap: nodes that are arithmetic, apart so that they can be tested. */

enum { MAX_VA_SIZE_PAGES = 256, VMAP_NODES_MAX = 128, VMAP_ZONE_BYTES = 65536 };

enum vmap_decay { DECAY_POSTED, DECAY_FIXED };
enum vmap_helpers { HELPERS_BACKLOG, HELPERS_NONE, HELPERS_ALL };
enum vmap_tag { TAG_BY_CPU, TAG_BY_ADDRESS };
enum vmap_lazy_nr { LAZY_NR_NODE, LAZY_NR_AREA };

/** struct nodes_options - 0 in @nodes, @lazy_max_pages: as the kernel computes it */
struct nodes_options {
	uint32_t nodes, pool_classes, decay, helpers, vn_id, lazy_nr;
	uint64_t lazy_max_pages;
};

extern const struct option vmap_nodes_options[];

/** vmap_node_count() - one node per possible CPU, 1 to 128 */
uint32_t vmap_node_count(uint32_t possible_cpus);

/** addr_to_node_id() - zones of 64 KiB go round the nodes */
uint32_t addr_to_node_id(uint64_t addr, uint32_t nodes);

/** encode_vn_id() - node + 1, shifted by 8 bits; 0 is "no node" */
uint32_t encode_vn_id(uint32_t node, uint32_t nodes);
/** decode_vn_id() - not valid unless below the number of nodes */
uint32_t decode_vn_id(uint32_t flags);

/**
 * vmap_decay_count() - how many areas of a pool of @len one drain takes back
 * posted: a quarter, but the counter of a pool of 1 to 3 wraps: all of it
 * fixed: a quarter, rounded down
 */
uint64_t vmap_decay_count(enum vmap_decay rule, uint64_t len, bool full);

/** vmap_helper_count() - one per full lazy_max_pages, less the drainer itself */
uint32_t vmap_helper_count(enum vmap_helpers rule, uint64_t nr_lazy_pages,
			   uint64_t lazy_max_pages, uint32_t nodes);

#endif
