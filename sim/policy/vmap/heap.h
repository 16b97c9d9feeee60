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

/** struct vmap_heap - global free space; @moving_bytes: between two trees */
struct vmap_heap {
	struct kernel *k;
	struct vmap_tree free;
	struct vmap_pool pool;
	struct spinlock free_lock;	/* free_vmap_area_lock */
	struct rwsem purge_mutex;	/* vmap_purge_lock, write side only */
	struct place place[3];
	struct line *nr_line;		/* vmap_lazy_nr */
	uint64_t nr_lazy_pages, lazy_max_pages, moving_bytes;
	struct range vmalloc;		/* as requests name it: KASLR moves it */
	bool *preloaded;		/* by CPU: ne_fit_preload_node */
	struct vmap_work drain;
};

/**
 * vmap_heap_init() - all of the kernel's addresses are free
 * @lazy_max_pages: 0: vmap_lazy_max_pages() of the machine
 */
void vmap_heap_init(struct kernel *k, struct vmap_heap *h,
		    uint64_t lazy_max_pages);
void vmap_heap_release(struct vmap_heap *h);

/** vmap_assert_purging() - BUG unless @t is inside of the purge mutex */
void vmap_assert_purging(const struct task *t, const struct vmap_heap *h);

/** vmap_whole() - a request for the vmalloc range as a whole: 32 TiB or more */
bool vmap_whole(const struct vmap_request *rq);
/** vmap_heap_note() - see which range that is; settled */
void vmap_heap_note(struct vmap_heap *h, const struct vmap_request *rq);

/** vmap_walk() - pay for a walk down @tree and @links changes; settles */
void vmap_walk(struct task *t, const struct vmap_tree *tree, uint64_t links);

/** vmap_heap_alloc() - the lowest fit; its bytes are moving. -EBUSY if none */
int vmap_heap_alloc(struct task *t, struct vmap_heap *h,
		    const struct vmap_request *rq, struct range *out);

/** vmap_add_merged() - into @tree, whose lock is held; pays for freed objects */
void vmap_add_merged(struct task *t, struct vmap_heap *h,
		     struct vmap_tree *tree, struct vmap_area *va);

/** vmap_heap_return() - a moving area of ledger stage @stage is free again;
 *  under free_lock */
void vmap_heap_return(struct task *t, struct vmap_heap *h,
		      struct vmap_area *va, uint32_t stage);

/** vmap_lazy_add(), vmap_lazy_sub() - one atomic; return what it is now */
uint64_t vmap_lazy_add(struct task *t, struct vmap_heap *h, uint64_t pages);
uint64_t vmap_lazy_sub(struct task *t, struct vmap_heap *h, uint64_t pages);

#endif
