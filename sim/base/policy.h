#ifndef MMREPLAY_BASE_POLICY_H
#define MMREPLAY_BASE_POLICY_H

#include <stdint.h>
#include "sim/base/option.h"

/*
 * What every policy table starts with. Tables are const; state hangs off the
 * mm, the lock or the sim, sized by the table.
 */

/* what a policy provides to, or requires of, the others (MODEL.md 8) */
enum policy_trait {
	TRAIT_LOCKLESS_LOOKUP = 1 << 0,	/* areas are found without mmap_lock */
	TRAIT_RCU_SAFE_FREE = 1 << 1,	/* areas outlive an RCU read section */
	TRAIT_TYPESAFE_FREE = 1 << 2,	/* ... as some area, maybe another */
	TRAIT_RCU_WALK = 1 << 3,	/* the index may be walked under RCU */
	TRAIT_RBTREE = 1 << 4,
	TRAIT_MAPLE = 1 << 5,
	TRAIT_VMA_LOCK = 1 << 6,
	TRAIT_VMA_REFCNT = 1 << 7,
	TRAIT_RANGE_LOCK = 1 << 8,
	TRAIT_MMAP_READ_LOCK = 1 << 9,	/* can be downgraded */
};

enum { POLICY_ABI = 1 };

/**
 * struct policy_head - name, origin and validity of a policy
 * @axis, @name: as in scenarios (`mm_lock: per-vma`)
 * @models: the kernel path it models, one line; @source: where that is written
 * @options: NULL or a table over @option_bytes of state
 * @provides/@requires/@excludes: policy_trait bits
 * @inert: bit per axis (enum axis) that has no effect under this policy
 */
struct policy_head {
	uint32_t abi, size;
	const char *axis, *name, *models, *source;
	const struct option *options;
	uint32_t option_bytes;
	uint64_t provides, requires, excludes, inert;
};

#endif
