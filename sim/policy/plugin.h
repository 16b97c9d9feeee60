#ifndef MMREPLAY_POLICY_PLUGIN_H
#define MMREPLAY_POLICY_PLUGIN_H

#include "sim/mm/mm.h"

/*
 * Policies from outside: `--plugin F.so` loads a shared object that was
 * compiled against the headers of this very program. sim/policy/skeleton.c is
 * what one copies:
 *
 *   cc -shared -fPIC $(pkg-config --cflags mmreplay) skeleton.c -o skeleton.so
 *   mmreplay run TRACE --plugin ./skeleton.so --policy mm_lock=skeleton
 */

/** struct plugin - what mmreplay_plugin() of the shared object returns */
struct plugin {
	uint32_t abi, size;
	uint32_t test_build;		/* MMREPLAY_TEST: layouts with checks */
	uint64_t headers;		/* plugin_headers() as it was compiled */
	const struct policy_head *const *policies;	/* ends with NULL */
};

/**
 * plugin_headers() - hash of what the headers say: costs and counters by name
 * and order, sizes and places of what policies touch. Compiled into both sides.
 */
static inline uint64_t plugin_headers(void)
{
	static const char *const words[] = {
#define COST(id, key, help) key,
#include "sim/machine/costs.def"
#include "sim/mm/costs.def"
#undef COST
#define COUNTER(id, name) name,
#include "sim/mm/counters.def"
#undef COUNTER
	};
	static const uint64_t numbers[] = {
		POLICY_ABI, AXIS_COUNT, STAGE_COUNT, HOLD_COUNT, COUNT_END,
		MM_COST_END, METRIC_OPS_MAX, KOP_SEGS, COST_CLASS_COUNT,
		sizeof(struct policy_head), sizeof(struct option),
		sizeof(struct mm_lock_ops), offsetof(struct mm_lock_ops, fault),
		offsetof(struct mm_lock_ops, vma_release),
		sizeof(struct munmap_ops), sizeof(struct vma_free_ops),
		sizeof(struct fork_ops), sizeof(struct index_ops),
		sizeof(struct vmap_ops), sizeof(struct rwsem_ops),
		sizeof(struct tlb_ops), sizeof(struct vma_place),
		sizeof(struct fault_scope), sizeof(struct rcu_flavour),
		sizeof(struct kernel), offsetof(struct kernel, cfg),
		offsetof(struct kernel, area), offsetof(struct kernel, counter),
		sizeof(struct mm), offsetof(struct mm, lock_state),
		offsetof(struct mm, areas), offsetof(struct mm, resident),
		sizeof(struct vma), offsetof(struct vma, lock_state),
		offsetof(struct vma, place), sizeof(struct vms),
		sizeof(struct gather), sizeof(struct fault), sizeof(struct kop),
		sizeof(struct task), offsetof(struct task, owed_ns),
		offsetof(struct task, op), sizeof(struct cpu),
		sizeof(struct machine), offsetof(struct machine, profile),
		sizeof(struct rwsem), offsetof(struct rwsem, owner),
		sizeof(struct spinlock), sizeof(struct rcu_head),
		sizeof(struct line), sizeof(struct place),
	};
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (const char *c = words[i]; *c; c++)
			h = (h ^ (uint8_t)*c) * 0x100000001b3ULL;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		h = (h ^ numbers[i]) * 0x100000001b3ULL;
	return h;
}

#ifdef MMREPLAY_TEST
#define PLUGIN_TEST_BUILD 1
#else
#define PLUGIN_TEST_BUILD 0
#endif
#ifndef PLUGIN_HEADERS
#define PLUGIN_HEADERS plugin_headers()
#endif

/** MMREPLAY_PLUGIN() - the entry of a shared object; heads of its tables */
#define MMREPLAY_PLUGIN(...)						\
	const struct plugin *mmreplay_plugin(void);			\
	const struct plugin *mmreplay_plugin(void)			\
	{								\
		static const struct policy_head *const heads[] = {	\
			__VA_ARGS__, NULL				\
		};							\
		static struct plugin p;					\
									\
		p = (struct plugin){ POLICY_ABI, sizeof(p),		\
				     PLUGIN_TEST_BUILD, PLUGIN_HEADERS,	\
				     heads };				\
		return &p;						\
	}

/**
 * plugin_load() - load @path and register its policies, until the process ends
 * Errors: not a shared object, not a plug-in; compiled against other headers or
 * for the other build; an unknown axis, a name that is taken, a table of another
 * size, a required hook that is missing: all named, nothing is registered.
 */
int plugin_load(const char *path, struct errbuf *e);

#endif
