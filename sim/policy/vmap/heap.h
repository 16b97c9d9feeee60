#ifndef MMREPLAY_POLICY_VMAP_HEAP_H
#define MMREPLAY_POLICY_VMAP_HEAP_H

#include "sim/mm/vmap.h"

/*
 * What the policies of vmap share: the free tree behind its one lock, the
 * count of lazy pages with its limit, the purge mutex, and work items.
 */

/** struct vmap_work - schedule_work(): queued once, however often asked for */
struct vmap_work {
	struct task task;		/* first: the task is the work */
	uint32_t id;
	void (*fn)(struct task *t, struct vmap_work *w);
	void *arg;
	bool alive, pending, running;
	struct task *waiter;		/* in flush_work() */
};

void vmap_work_init(struct vmap_work *w, uint32_t id,
		    void (*fn)(struct task *t, struct vmap_work *w), void *arg);
/** schedule_vmap_work() - @cpu: schedule_work_on(); -1: schedule_work(),
 *  whose worker is bound to the CPU that asks */
void schedule_vmap_work(struct task *t, struct vmap_work *w, int cpu);
void flush_vmap_work(struct task *t, struct vmap_work *w);

/** vmap_lazy_max_pages() - fls(online CPUs) * 32 MiB */
uint64_t vmap_lazy_max_pages(uint32_t cpus);

/*
 * The static variables of mm/vmalloc.c, in the order of their definition:
 * locks of 4 bytes, roots and counts of 8. They have no alignment, so that all
 * words that are zero at the start share a cache line
 * (assumed: what a linker does with them was not read from a build). List heads are not zero and lie elsewhere.
 */
enum vmap_global {
	VG_BUSY_LOCK = 0, VG_FREE_LOCK = 4, VG_BUSY_ROOT = 8, VG_LAZY_ROOT = 16,
	VG_LAZY_LOCK = 24, VG_FREE_ROOT = 32, VG_NR_VMALLOC = 40,
	VG_NR_LAZY = 48, VG_LISTS = 64, VG_BYTES = 128,
	VG_BUSY_LIST = VG_LISTS, VG_LAZY_LIST = VG_LISTS + 16,
	VG_FREE_LIST = VG_LISTS + 32,
};

/** struct vmap_heap - global free space; @moving_bytes: between two trees */
struct vmap_heap {
	struct kernel *k;
	struct vmap_tree free;
	struct vmap_pool pool;
	struct spinlock free_lock;	/* free_vmap_area_lock */
	struct rwsem purge_mutex;	/* vmap_purge_lock, write side only */
	struct place globals, place;
	bool padded;			/* each global has a line of its own */
	struct line *nr_line;		/* vmap_lazy_nr */
	struct line *pages_line;	/* nr_vmalloc_pages */
	struct line_walk walk;		/* between vmap_touch() and _touched() */
	uint64_t nr_lazy_pages, lazy_max_pages, moving_bytes;
	struct hist free_nr_lazy;	/* what vmap_lazy_add() returned */
	struct range vmalloc;		/* as requests name it: KASLR moves it */
	bool *preloaded;		/* by CPU: ne_fit_preload_node */
	struct vmap_work drain;
};

/**
 * vmap_heap_init() - all of the kernel's addresses are free
 * @nodes: that areas may be on, for the ledger
 * @lazy_max_pages: 0: vmap_lazy_max_pages() of the machine
 * @padded: no two global words share a line
 */
void vmap_heap_init(struct kernel *k, struct vmap_heap *h, uint32_t nodes,
		    uint64_t lazy_max_pages, bool padded);
struct line *vmap_global_line(const struct vmap_heap *h, enum vmap_global at);
/** vmap_tree_at() - an empty tree whose root and list head are in these lines */
void vmap_tree_at(const struct vmap_heap *h, struct vmap_tree *t,
		  struct line *root, struct line *list);
void vmap_heap_release(struct vmap_heap *h);

/** vmap_purge_begin(), vmap_purge_end() - vmap_purge_lock, and what a purge
 *  for @why does to blocks; end: flush if they need it and nobody has flushed */
bool vmap_purge_begin(struct task *t, struct vmap_heap *h, enum vmap_purge why);
void vmap_purge_end(struct task *t, struct vmap_heap *h, bool flush);
/** vmap_assert_purging() - BUG unless @t is inside of the purge mutex */
void vmap_assert_purging(const struct task *t, const struct vmap_heap *h);

/** vmap_whole() - a request for the vmalloc range as a whole: 32 TiB or more */
bool vmap_whole(const struct vmap_request *rq);
/** vmap_heap_note() - see which range that is; settled */
void vmap_heap_note(struct vmap_heap *h, const struct vmap_request *rq);

/** vmap_touch() - settle; from here to vmap_touched() changes of @tree, whose
 *  lock is held, touch the lines of its areas. Nothing may be owed in between. */
void vmap_touch(struct task *t, struct vmap_heap *h, struct vmap_tree *tree);
/** vmap_touched() - owe those lines, a walk down @tree and @links changes */
void vmap_touched(struct task *t, struct vmap_heap *h, struct vmap_tree *tree,
		  uint64_t links);

/** vmap_busy_area() - an object for @r, filled in before any lock is taken */
struct vmap_area *vmap_busy_area(struct task *t, struct vmap_heap *h,
				 struct range r);
/** vmap_set_vm() - setup_vmalloc_vm(): the area's vm, under @lock once more;
 *  vm_map_ram() has none */
void vmap_set_vm(struct task *t, struct spinlock *lock, struct vmap_area *va,
		 uint32_t kind);
/** vmap_count_pages() - nr_vmalloc_pages, as areas of @kind get and lose pages */
void vmap_count_pages(struct task *t, struct vmap_heap *h, uint32_t kind);

/** vmap_heap_alloc() - the lowest fit; its bytes are moving. -EBUSY if none */
int vmap_heap_alloc(struct task *t, struct vmap_heap *h,
		    const struct vmap_request *rq, struct range *out);

/** vmap_add_merged() - into @tree, whose lock is held; pays for walk and objects */
void vmap_add_merged(struct task *t, struct vmap_heap *h,
		     struct vmap_tree *tree, struct vmap_area *va);

/** vmap_heap_return() - a moving area of ledger stage @stage is free again;
 *  under free_lock */
void vmap_heap_return(struct task *t, struct vmap_heap *h,
		      struct vmap_area *va, uint32_t stage);

/** vmap_heap_old() - an area of @pages that was freed before the run, low,
 *  but apart from others of its size; counted as lazy on @node, and moving. NULL if nothing fits. No cost */
struct vmap_area *vmap_heap_old(struct vmap_heap *h, uint64_t pages,
				uint32_t node);

/** vmap_lazy_add(), vmap_lazy_sub() - one atomic; return what it is now */
uint64_t vmap_lazy_add(struct task *t, struct vmap_heap *h, uint64_t pages);
uint64_t vmap_lazy_sub(struct task *t, struct vmap_heap *h, uint64_t pages);

#endif
