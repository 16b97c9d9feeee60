/* Options and arithmetic of vmap: nodes, see nodes.h. Source: seed 2. */
#include <stddef.h>
#include "sim/policy/vmap/nodes.h"

static const char *const decay_names[] = { "posted", "fixed", NULL };
static const char *const helper_names[] = { "backlog", "none", "all", NULL };
static const char *const tag_names[] = { "by-cpu", "by-address", NULL };
static const char *const lazy_nr_names[] = { "node", "area", NULL };

#define AT(field) .offset = offsetof(struct nodes_options, field)
const struct option vmap_nodes_options[] = {
	{ .key = "nodes", .type = OPT_U32, AT(nodes), .def = "0", .min = 0,
	  .max = VMAP_NODES_MAX, .unit = "count",
	  .help = "nodes; 0: one per possible CPU, at most 128" },
	{ .key = "pool_classes", .type = OPT_U32, AT(pool_classes), .def = "256",
	  .min = 0, .max = MAX_VA_SIZE_PAGES, .unit = "pages",
	  .help = "largest area that goes into a pool, guard page included" },
	{ .key = "decay", .type = OPT_ENUM, AT(decay), .def = "posted",
	  .names = decay_names, .unit = "",
	  .help = "a drain takes a quarter of a pool back; of a pool of 1 to 3 all (posted) or none (fixed)" },
	{ .key = "helpers", .type = OPT_ENUM, AT(helpers), .def = "backlog",
	  .names = helper_names, .unit = "",
	  .help = "work items that help a drain: one per full lazy limit (backlog), none, or one per node (all)" },
	{ .key = "vn_id", .type = OPT_ENUM, AT(vn_id), .def = "by-cpu",
	  .names = tag_names, .unit = "",
	  .help = "whose pool an area of the free tree goes to: the allocating CPU's or its address's" },
	{ .key = "lazy_nr", .type = OPT_ENUM, AT(lazy_nr), .def = "node",
	  .names = lazy_nr_names, .unit = "",
	  .help = "a drain reduces the count of lazy pages when it is through with a node, or with each area (before 6.12)" },
	{ .key = "lazy_max_pages", .type = OPT_U64, AT(lazy_max_pages),
	  .def = "0", .min = 0, .max = 1LL << 40, .unit = "pages",
	  .help = "lazy pages above which a drain starts; 0: fls(CPUs) * 32 MiB" },
	OPTION_END
};

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
