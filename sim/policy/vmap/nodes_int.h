#ifndef MMREPLAY_POLICY_VMAP_NODES_INT_H
#define MMREPLAY_POLICY_VMAP_NODES_INT_H

#include "sim/policy/vmap/nodes.h"

/* The state of vmap: nodes, and what its three files ask of each other. */

enum {
	WORKER_TASK_ID = 0xfffffe,	/* helpers count down from here */
	/* struct vmap_node: pools of 24 bytes, then pool_lock, busy, lazy, ... */
	POOL_BYTES = 24, POOL_LOCK_AT = MAX_VA_SIZE_PAGES * POOL_BYTES,
	BUSY_LOCK_AT = POOL_LOCK_AT + 32, LAZY_LOCK_AT = BUSY_LOCK_AT + 32,
	NODE_BYTES = POOL_LOCK_AT + 128,
};

struct size_pool {
	struct vmap_list head;
	uint64_t len;
	bool asked;			/* by a request on one of its CPUs */
};

struct vmap_node {
	struct size_pool pool[MAX_VA_SIZE_PAGES];
	struct spinlock pool_lock, busy_lock, lazy_lock;
	struct vmap_tree busy, lazy;
	struct vmap_list purge_list;
	struct vmap_work purge_work;
	uint64_t pool_bytes;
	uint32_t id;
	bool skip_populate, to_purge;
	struct place place;
};

struct nodes {
	struct vmap_heap heap;		/* first */
	struct vmap_node *node;
	uint32_t nr;
	uint64_t old_areas;		/* lazy before the run */
	uint64_t pooled[MAX_VA_SIZE_PAGES];	/* areas by size, of all nodes */
	bool drained;			/* the first has begun to fill pools */
	const struct nodes_options *o;
};

static inline struct nodes *vn_state(const struct kernel *k)
{
	return k->vmap_state;
}

/* ---- nodes_pool.c ---- */

/** node_pool_add_va() - a moving area goes on its stack; false: it is too large */
bool node_pool_add_va(struct task *t, struct nodes *n, struct vmap_node *vn,
		      struct vmap_area *va);
/** node_pool_del_va() - the head of @rq's stack, which moves now; or NULL */
struct vmap_area *node_pool_del_va(struct task *t, struct nodes *n,
				   struct vmap_node *vn,
				   const struct vmap_request *rq);
/** decay_va_pool_node() - a part of every stack, or all, back to the free tree */
void decay_va_pool_node(struct task *t, struct nodes *n, struct vmap_node *vn,
			bool full);
/** vmap_node_check_pools() - BUG if broken; returns their bytes */
uint64_t vmap_node_check_pools(const struct vmap_node *vn);

/* ---- nodes_drain.c ---- */

/** reclaim_list_global() - moving areas go back to the free tree, one section */
void reclaim_list_global(struct task *t, struct vmap_heap *h,
			 struct vmap_list *list, uint32_t stage);
/** vn_purge() - reclaim_and_purge_vmap_areas(); PURGE_FULL empties pools too */
void vn_purge(struct task *t, enum vmap_purge why);
void vn_shrink(struct task *t);
/** vn_drain(), vn_purge_work() - work items: the drain, and a helper's node */
void vn_drain(struct task *t, struct vmap_work *w);
void vn_purge_work(struct task *t, struct vmap_work *w);

#endif
