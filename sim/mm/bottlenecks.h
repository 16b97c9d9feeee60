#ifndef MMREPLAY_MM_BOTTLENECKS_H
#define MMREPLAY_MM_BOTTLENECKS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Second bottlenecks: what binds once the first lock is gone. Each
 * is a resource with a switch, a field of a kernel preset (bottlenecks.KEY).
 * Switched off, its work costs the same and nobody waits for it.
 */
struct bottlenecks {
	bool page_table_lock;	/* split, one a table; mm's for the upper ones */
	bool zone_lock, lru_lock, list_lock, memcg_charge, memory_bandwidth;
	bool i_mmap_lock, anon_vma_lock;	/* of the reverse map */
	bool lru_add_drain;	/* at the start of unmap_region() */
	uint32_t pcp_batch, pcp_high;	/* pages of a CPU's list */
	uint32_t pcp_free_scale;	/* a drain doubles up to batch << this */
	uint32_t folio_batch;		/* folios, of a CPU, for the LRU */
	uint32_t memcg_batch;		/* pages charged ahead, of a CPU */
	uint32_t memcg_levels;		/* page counters from a cgroup to the root */
	uint32_t i_mmap_files;		/* that are mapped; 0: one a mapping */
};

#endif
