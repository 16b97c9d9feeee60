#ifndef MMREPLAY_MM_POLICIES_H
#define MMREPLAY_MM_POLICIES_H

#include "sim/base/policy.h"
#include "sim/sync/rcu.h"
#include "sim/sync/rwsem.h"

/*
 * The op tables of the mm policies, declared where they are used (MODEL.md
 * 8). A path has one owner: fault belongs to mm_lock, munmap to munmap,
 * dup_mmap to fork_copy. sim/policy/ implements and registers.
 */

struct kernel;
struct mm;
struct vma;
struct fault;
struct vmap_area;

enum axis {
	AXIS_MM_LOCK, AXIS_VMA_LOCK_PLACE, AXIS_MUNMAP, AXIS_VMA_FREE,
	AXIS_FORK_COPY, AXIS_VMA_INDEX, AXIS_VMAP, AXIS_RWSEM,
	AXIS_FAULT_SCOPE, AXIS_TLB_FLUSH, AXIS_RCU, AXIS_COUNT
};

extern const char *const axis_names[AXIS_COUNT];	/* `mm_lock`, ... */
#define AXIS_BIT(a) (1ULL << (a))

enum free_why { FREE_MUNMAP, FREE_MERGE, FREE_EXIT };

/** struct mm_lock_ops - who may see or change which area */
struct mm_lock_ops {
	struct policy_head head;
	uint32_t mm_bytes, vma_bytes;	/* state hung off mm and vma */
	uint32_t node_bytes;	/* simulated, of kernel.lock_node_cache; or 0 */
	bool refcnt;		/* a count in the area is the lock: no placement */
	void (*mm_init)(struct mm *mm);
	void (*vma_init)(struct vma *v);	/* its objects have their places */
	void (*fault)(struct task *t, struct mm *mm, struct fault *f);
	int (*write_begin)(struct task *t, struct mm *mm, struct range r,
			   bool killable);
	void (*write_to_read)(struct task *t, struct mm *mm, struct range r);
	void (*write_end)(struct task *t, struct mm *mm, struct range r);
	int (*read_begin)(struct task *t, struct mm *mm, struct range r,
			  bool killable);
	void (*read_end)(struct task *t, struct mm *mm, struct range r);
	void (*vma_start_write)(struct task *t, struct vma *v);
	/* in the tree from this instant on: takes no time */
	void (*vma_attach)(struct vma *v);
	void (*vma_detach)(struct task *t, struct vma *v);
	/* what a fault tries before read_begin; NULL: it never succeeds.
	 * Needed if vma_read_begin is there: vmf_anon_prepare() of 6.10 */
	bool (*read_trylock)(struct task *t, struct mm *mm, struct range r);
	/* asked by assertions: is @r locked for writing by @t, by the lock
	 * word itself. Required, so that a lost lock call cannot hide. */
	bool (*write_held)(const struct task *t, const struct mm *mm,
			   struct range r);
	/* lock one area for reading without mmap_lock: NULL if there is no
	 * such lock; returns NULL when the caller must take mmap_lock.
	 * @for_fault: only if fault_in_scope() of it */
	struct vma *(*vma_read_begin)(struct task *t, struct mm *mm,
				      uint64_t addr, bool for_fault);
	void (*vma_read_end)(struct task *t, struct vma *v);
	void (*mm_release)(struct mm *mm);	/* may be NULL */
	void (*vma_release)(struct vma *v);	/* may be NULL */
};

/* munmap_ops.munmap: who holds the write lock before and after */
enum munmap_flags {
	MUNMAP_LOCKED = 1 << 0,	/* the caller took it; released here, always */
	MUNMAP_KEEP = 1 << 1,	/* the caller took it and keeps it: no downgrade */
};

struct munmap_ops {
	struct policy_head head;
	int (*munmap)(struct task *t, struct mm *mm, struct range r,
		      unsigned flags);
};

/* an area that left the index has no name but its pointer; @free takes it */
struct vma_free_ops {
	struct policy_head head;
	uint32_t mm_bytes;
	void (*mm_init)(struct mm *mm);
	void (*free)(struct task *t, struct vma *v, enum free_why why);
	void (*drain)(struct task *t, struct mm *mm);	/* at exit; may be NULL */
};

struct fork_ops {
	struct policy_head head;
	int (*dup_mmap)(struct task *t, struct mm *parent, struct mm *child);
};

struct index_ops {
	struct policy_head head;
	uint32_t mm_bytes;
	void (*init)(struct mm *mm);
	/* find: first area that ends after @addr, or NULL */
	struct vma *(*find)(struct task *t, struct mm *mm, uint64_t addr);
	int (*prealloc)(struct task *t, struct mm *mm, unsigned n);
	/* unreserve: give back what prealloc took and nobody used */
	void (*unreserve)(struct task *t, struct mm *mm);
	void (*store)(struct task *t, struct mm *mm, struct vma *v);
	/* append: @v is above all others, its place is at hand (fork) */
	void (*append)(struct task *t, struct mm *mm, struct vma *v);
	void (*erase)(struct task *t, struct mm *mm, struct range r);
	struct vma *(*next)(struct task *t, struct mm *mm, struct vma *v);
	int (*dup)(struct task *t, struct mm *from, struct mm *to);
	void (*second_user)(struct mm *mm);
	void (*loaded)(struct mm *mm);	/* areas appeared at no cost */
	void (*destroy)(struct task *t, struct mm *mm);
};

struct vmap_request {
	uint64_t size, align, vstart, vend;
	uint32_t kind;			/* enum vmap_kind */
};

/** struct vmap_stat - the space at one moment; free: of the vmalloc range */
struct vmap_stat {
	uint64_t nr_lazy_pages, lazy_max_pages, pooled_pages;
	uint64_t free_blocks, free_bytes, largest_free_bytes;
	uint64_t object_bytes;		/* slabs of vmap_area */
	const struct hist *free_nr_lazy;	/* pages, at each free */
};

/** struct vmap_class - areas of one size in one node's pool; @asked: a request
 *  of this size came to this node */
struct vmap_class {
	uint32_t node, pages;
	uint64_t areas;
	bool asked;
};

/** struct vmap_report - pools at the end, one entry a class that is not empty;
 *  @nodes: 0: no pools */
struct vmap_report {
	uint32_t nodes, count;
	struct vmap_class *pool;
};

/* The worker's drain; an allocation has failed; vm_unmap_aliases(). */
enum vmap_purge { PURGE_DRAIN, PURGE_FULL, PURGE_ALIASES };

struct vmap_ops {
	struct policy_head head;
	uint32_t state_bytes;
	void (*init)(struct kernel *k, unsigned possible_cpus);
	int (*alloc)(struct task *t, const struct vmap_request *rq,
		     struct vmap_area **out);
	void (*free)(struct task *t, struct vmap_area *va);
	/* an area of @pages was freed before the run; no cost; false: no room */
	bool (*old_lazy)(struct kernel *k, uint64_t pages);
	void (*purge)(struct task *t, enum vmap_purge why);
	void (*shrink)(struct task *t);
	void (*finish)(struct kernel *k);	/* after the last op; frees state */
	/* @s is zeroed */
	void (*stat)(const struct kernel *k, struct vmap_stat *s);
	/* NULL: no pools; @r is zeroed, @r->pool the caller's to free */
	void (*report)(const struct kernel *k, struct vmap_report *r);
	void (*check)(const struct kernel *k);	/* test build: BUG if broken */
};

struct tlb_ops {
	struct policy_head head;
	/* flush @pages (UINT64_MAX = all) of @mm on every CPU that may have it */
	void (*flush)(struct task *t, struct mm *mm, uint64_t pages,
		      bool freed_tables);
	/* kernel addresses on every CPU; NULL: by an IPI to each */
	void (*flush_kernel)(struct task *t);
};

/** struct vma_place - vma_lock_place: data, not hooks; inert without VMA locks */
struct vma_place {
	struct policy_head head;
	bool embedded;		/* in the area, behind its other members */
	bool aligned;		/* SLAB_HWCACHE_ALIGN; the lock on a line of its own */
};

/** fault_scope: which faults may run under the VMA lock; data */
enum fault_scope_bit {
	SCOPE_ANON = 1 << 0, SCOPE_SWAP_UFFD = 1 << 1, SCOPE_FILE_READ = 1 << 2,
	SCOPE_FILE_COW = 1 << 3, SCOPE_FIRST_ANON = 1 << 4,
	SCOPE_MADVISE = 1 << 5, SCOPE_PROC_MAPS = 1 << 6,
};

struct fault_scope {
	struct policy_head head;
	uint32_t scope;
};

/** rcu: HZ, offloading, lazy, batch limits; data. The state of head.options
 *  is a struct rcu_rules, filled with @rules where it has none. */
struct rcu_flavour {
	struct policy_head head;
	struct rcu_rules rules;
};

/** struct policy_choice - one value on every axis, as resolved from a cell */
struct policy_choice {
	const struct policy_head *on[AXIS_COUNT];
	void *options[AXIS_COUNT];	/* state of the value's option table */
	const struct policy_head *mmap_rwsem;	/* rwsem.mmap_lock; NULL: as all */
};

#endif
