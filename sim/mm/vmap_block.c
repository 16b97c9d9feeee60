/*
 * vm_map_ram() and vm_unmap_ram(): short-lived mappings of pages that exist
 * (mm/vmalloc.c). Up to VMAP_MAX_ALLOC pages come from blocks of
 * 4 MiB, which are areas of the policy's; larger ones are areas themselves.
 *
 *   block  [ used or dirty | free ......... ]   free only shrinks
 *
 * Each CPU has a queue of blocks that have something free; a mapping, rounded
 * up to a power of two of pages, is the next piece of the first block where it
 * fits. What is unmapped is dirty: it may still be in somebody's TLB, so nobody
 * gets it again until the whole block is dirty and freed, lazily as any area.
 * A block that is free and dirty only is given up by a purge: where an
 * allocation failed, if less than a quarter is free; by vm_unmap_aliases(), any.
 *
 * Invariant: a block is in a queue exactly while free > 0; free + dirty + what
 * is mapped = VMAP_BBMAP_BITS.
 * Limits: block objects are reused at once, not after a grace period, unless
 * somebody is looking at them; who looks at a block that leaves its queue
 * meanwhile does not look further.
 * Cost: O(blocks in the CPU's queue) a mapping, as in the kernel.
 */
#include <stdlib.h>
#include "sim/mm/vmap.h"
#include "sim/sync/spinlock.h"

enum {
	/* struct vmap_block: lock, free and dirty, bit map of 1024, lists */
	BLOCK_BYTES = 256,
	VMAP_PURGE_THRESHOLD = VMAP_BBMAP_BITS / 4,
	/* struct vmap_block_queue of a CPU: lock, list; the index of blocks */
	QUEUE_BYTES = 64, QUEUE_INDEX_AT = 24,
};

struct vmap_block {
	struct vmap_area *va;
	struct spinlock lock;
	struct place place;
	struct block_queue *queue;
	TAILQ_ENTRY(vmap_block) free_link, all_link;
	uint32_t free, dirty, dirty_min, dirty_max;
	uint32_t looking;		/* tasks that have a pointer to it */
	struct vmap_freed freed;	/* what is dirty, as it was unmapped */
	bool queued, gone;		/* gone: in no list any more */
};
TAILQ_HEAD(block_list, vmap_block);

struct block_queue {
	struct block_list free, all;
	struct spinlock lock;
	struct spinlock index_lock;	/* vmap_blocks.xa_lock */
	struct place place;
};

struct blocks {
	struct block_queue *queue;	/* one for each CPU */
	uint32_t cpus;
	struct pool pool;
	struct address_cache *slab;
	struct lock_class *block_class;
};

static void blocks_release(void *part)
{
	struct blocks *b = part;

	pool_release(&b->pool);
	free(b->queue);
}

static struct blocks *blocks_of(struct kernel *k)
{
	static const char key;
	struct blocks *b = machine_part(k->m, &key, sizeof(*b), blocks_release);
	struct address_cache *c;

	if (b->queue)
		return b;
	b->cpus = k->m->cpu_count;
	b->queue = xcalloc(b->cpus, sizeof(*b->queue));
	c = address_cache_new(k->m, "vmap_block_queue", QUEUE_BYTES, 64);
	for (uint32_t i = 0; i < b->cpus; i++) {
		struct block_queue *q = &b->queue[i];

		TAILQ_INIT(&q->free);
		TAILQ_INIT(&q->all);
		address_get(c, i, &q->place);
		spin_init(&q->lock, place_line(k->m, &q->place, 0),
			  metrics_lock(k->metrics, "vmap_block_queue.lock", false));
		spin_init(&q->index_lock,
			  place_line(k->m, &q->place, QUEUE_INDEX_AT),
			  metrics_lock(k->metrics, "vmap_blocks.xa_lock", false));
	}
	pool_init(&b->pool, sizeof(struct vmap_block));
	b->slab = address_cache_new(k->m, "vmap_block", BLOCK_BYTES, 64);
	b->block_class = metrics_lock(k->metrics, "vmap_block.lock", false);
	return b;
}

/* addr_to_vb_xa(): one index for all until 6.4, then one for each CPU */
static struct block_queue *index_of(struct kernel *k, struct blocks *b,
				    uint64_t addr)
{
	return k->vmap_one_index ? &b->queue[0] :
	       &b->queue[addr / VMAP_BLOCK_SIZE % b->cpus];
}

static void index_change(struct task *t, struct block_queue *index)
{
	spin_lock(t, &index->index_lock);
	assert_held(t, &index->index_lock);
	prim(t, COST_VMAP_TREE_LINK, 1);
	spin_unlock(t, &index->index_lock);
}

/* kfree_rcu(): not while somebody looks at it */
static void block_put(struct task *t, struct blocks *b, struct vmap_block *vb)
{
	if (vb->looking || !vb->gone)
		return;
	address_put(b->slab, t->cpu->id, &vb->place);
	pool_put(&b->pool, vb);
}

/* With vb->lock. */
static void leave_queue(struct task *t, struct vmap_block *vb)
{
	spin_lock(t, &vb->queue->lock);
	assert_held(t, &vb->queue->lock);
	TAILQ_REMOVE(&vb->queue->free, vb, free_link);
	vb->queued = false;
	spin_unlock(t, &vb->queue->lock);
}

/* ---- a piece of a block ---- */

static uint32_t piece_pages(uint64_t pages)
{
	return pages <= 1 ? 1 : 1u << (64 - __builtin_clzll(pages - 1));
}

static bool block_take(struct task *t, struct vmap_block *vb, uint32_t pages,
		       uint64_t *addr)
{
	bool fits;

	line_read(t, place_line(t->m, &vb->place, 8));
	settle(t);
	if (vb->free < pages)
		return false;
	spin_lock(t, &vb->lock);
	assert_held(t, &vb->lock);
	fits = vb->free >= pages;
	if (fits) {
		*addr = vb->va->r.start +
			(VMAP_BBMAP_BITS - vb->free) * PAGE_BYTES;
		vb->free -= pages;
		prim(t, COST_VMAP_BLOCK, 1);
		if (!vb->free)
			leave_queue(t, vb);
	}
	spin_unlock(t, &vb->lock);
	return fits;
}

/* new_vmap_block(): its first piece is the caller's */
static int new_block(struct task *t, struct blocks *b, uint32_t pages,
		     struct vmap_mapping *out)
{
	struct vmap_request rq = {
		.size = VMAP_BLOCK_SIZE, .align = VMAP_BLOCK_SIZE,
		.vstart = VMALLOC_START, .vend = VMALLOC_END,
		.kind = VMAP_BLOCK };
	struct kernel *k = kernel_of(t);
	struct vmap_block *vb;
	struct vmap_area *va;
	int err;

	prim(t, COST_VMAP_OBJECT, 1);	/* kmalloc() */
	err = k->vmap->alloc(t, &rq, &va);
	if (err)
		return err;
	settle(t);
	vb = pool_get(&b->pool);
	address_get(b->slab, t->cpu->id, &vb->place);
	va->kind = VMAP_BLOCK;
	vb->va = va;
	va->block = vb;
	vb->free = VMAP_BBMAP_BITS - pages;
	vb->dirty_min = VMAP_BBMAP_BITS;
	vb->queue = &b->queue[t->cpu->id];
	spin_init(&vb->lock, place_line(t->m, &vb->place, 0), b->block_class);
	count(t, COUNT_VMAP_BLOCKS);
	*out = (struct vmap_mapping){ va, va->r.start, 0 };
	index_change(t, index_of(k, b, va->r.start));
	spin_lock(t, &vb->queue->lock);
	assert_held(t, &vb->queue->lock);
	TAILQ_INSERT_TAIL(&vb->queue->free, vb, free_link);
	TAILQ_INSERT_TAIL(&vb->queue->all, vb, all_link);
	vb->queued = true;
	spin_unlock(t, &vb->queue->lock);
	return 0;
}

/* vb_alloc() */
static int block_alloc(struct task *t, struct blocks *b, uint32_t pages,
		       struct vmap_mapping *out)
{
	struct vmap_block *vb, *next;
	bool took = false;

	settle(t);
	vb = TAILQ_FIRST(&b->queue[t->cpu->id].free);
	for (; vb && !took; vb = next) {
		vb->looking++;
		took = block_take(t, vb, pages, &out->addr);
		settle(t);
		vb->looking--;
		if (took)
			out->area = vb->va;
		next = vb->queued ? TAILQ_NEXT(vb, free_link) : NULL;
		block_put(t, b, vb);
	}
	return took ? 0 : new_block(t, b, pages, out);
}

/* free_vmap_block(): nothing of it is in use */
static void free_block(struct task *t, struct blocks *b, struct vmap_block *vb)
{
	struct kernel *k = kernel_of(t);
	struct vmap_area *va = vb->va;

	index_change(t, index_of(k, b, va->r.start));
	settle(t);
	vb->looking++;
	vb->gone = true;
	TAILQ_REMOVE(&vb->queue->all, vb, all_link);
	vmap_block_freed(k, va, &vb->freed);
	k->vmap->free(t, va);
	prim(t, COST_CALL_RCU, 1);
	settle(t);
	vb->looking--;
	block_put(t, b, vb);
}

/* vb_free() */
static void block_free(struct task *t, struct blocks *b,
		       const struct vmap_mapping *map)
{
	struct vmap_block *vb = map->area->block;
	uint32_t pages = piece_pages(map->pages);
	uint32_t at = (uint32_t)((map->addr - map->area->r.start) / PAGE_BYTES);
	bool all;

	prim(t, COST_VMAP_TREE_VISIT, 2);	/* xa_load() */
	if (!kernel_of(t)->vmap_one_index) {	/* used_map: since 6.4 */
		spin_lock(t, &vb->lock);
		prim(t, COST_VMAP_BLOCK, 1);
		spin_unlock(t, &vb->lock);
	}
	vmap_clear(t, (struct range){ map->addr,
				      map->addr + map->pages * PAGE_BYTES });
	spin_lock(t, &vb->lock);
	assert_held(t, &vb->lock);
	if (at < vb->dirty_min)
		vb->dirty_min = at;
	if (at + pages > vb->dirty_max)
		vb->dirty_max = at + pages;
	vb->dirty += pages;
	vmap_dirty(kernel_of(t), vb->va, &vb->freed, pages * PAGE_BYTES);
	prim(t, COST_VMAP_BLOCK, 1);
	all = vb->dirty == VMAP_BBMAP_BITS;
	BUG_ON(vb->free + vb->dirty > VMAP_BBMAP_BITS);
	spin_unlock(t, &vb->lock);
	settle(t);
	if (all)
		free_block(t, b, vb);
}

/* ---- purging ---- */

/* purge_fragmented_block(): the rest of it is written off. With vb->lock. */
static bool give_up(struct task *t, struct vmap_block *vb, bool force)
{
	if (vb->free + vb->dirty != VMAP_BBMAP_BITS ||
	    vb->dirty == VMAP_BBMAP_BITS ||
	    (!force && vb->free >= VMAP_PURGE_THRESHOLD))
		return false;
	vmap_dirty(kernel_of(t), vb->va, &vb->freed,
		   vb->free * PAGE_BYTES);
	vb->free = 0;
	vb->dirty = VMAP_BBMAP_BITS;
	vb->dirty_min = 0;
	vb->dirty_max = VMAP_BBMAP_BITS;
	leave_queue(t, vb);
	return true;
}

/* One block of a queue; returns the next. @dirty: there is something to flush. */
static struct vmap_block *purge_one(struct task *t, struct blocks *b,
				    struct vmap_block *vb, bool force,
				    bool *dirty)
{
	struct vmap_block *next;
	bool given_up = false;

	vb->looking++;
	if (force || vb->queued) {
		spin_lock(t, &vb->lock);
		assert_held(t, &vb->lock);
		given_up = give_up(t, vb, force);
		if (!given_up && vb->dirty_max && vb->dirty != VMAP_BBMAP_BITS) {
			*dirty = true;
			if (force) {
				vb->dirty_min = VMAP_BBMAP_BITS;
				vb->dirty_max = 0;
			}
		}
		spin_unlock(t, &vb->lock);
		settle(t);
	}
	next = vb->gone ? NULL : TAILQ_NEXT(vb, all_link);
	if (next)
		next->looking++;	/* whatever happens to it now */
	vb->looking--;
	if (given_up) {
		count(t, COUNT_VMAP_BLOCKS_PURGED);
		free_block(t, b, vb);
	} else {
		block_put(t, b, vb);
	}
	if (!next)
		return NULL;
	next->looking--;
	if (!next->gone)
		return next;
	block_put(t, b, next);
	return NULL;
}

bool vmap_purge_blocks(struct task *t, bool force)
{
	struct blocks *b = blocks_of(kernel_of(t));
	bool dirty = false;

	for (uint32_t i = 0; i < b->cpus; i++) {
		struct vmap_block *vb = TAILQ_FIRST(&b->queue[i].all);

		while (vb)
			vb = purge_one(t, b, vb, force, &dirty);
	}
	return dirty && force;
}

void vmap_check_blocks(const struct kernel *k)
{
	struct blocks *b = blocks_of((struct kernel *)(uintptr_t)k);
	const struct vmap_block *vb;

	for (uint32_t i = 0; i < b->cpus; i++)
		TAILQ_FOREACH(vb, &b->queue[i].all, all_link) {
			BUG_ON(vb->free + vb->dirty > VMAP_BBMAP_BITS);
			BUG_ON(range_bytes(vb->va->r) != VMAP_BLOCK_SIZE);
			BUG_ON(vb->va->r.start % VMAP_BLOCK_SIZE);
		}
}

/* ---- the calls ---- */

int64_t do_vm_map_ram(struct task *t, uint64_t bytes, struct vmap_mapping *out)
{
	struct vmap_request rq = { .size = page_up(bytes), .align = PAGE_BYTES,
				   .vstart = VMALLOC_START, .vend = VMALLOC_END,
				   .kind = VMAP_RAM };
	struct kernel *k = kernel_of(t);
	uint64_t pages = rq.size >> PAGE_SHIFT;
	int err = pages ? 0 : -EINVAL;

	*out = (struct vmap_mapping){ 0 };
	if (k->cfg.null_kernel)
		return 0;
	vmap_enter(t);
	if (!err && pages <= VMAP_MAX_ALLOC) {
		err = block_alloc(t, blocks_of(k), piece_pages(pages), out);
	} else if (!err) {
		err = k->vmap->alloc(t, &rq, &out->area);
		if (!err) {
			out->addr = out->area->r.start;
			out->area->kind = VMAP_RAM;
		}
	}
	out->pages = pages;
	if (err)
		count(t, COUNT_VMAP_ALLOC_FAILED);
	else
		vmap_set(t, (struct range){ out->addr, out->addr + rq.size });
	return sys_exit(t, err);
}

void do_vm_unmap_ram(struct task *t, const struct vmap_mapping *map)
{
	struct kernel *k = kernel_of(t);

	if (k->cfg.null_kernel || !map->area)
		return;
	vmap_enter(t);
	settle(t);
	if (map->area->kind == VMAP_BLOCK) {
		block_free(t, blocks_of(k), map);
	} else {
		vmap_freed(k, map->area);
		k->vmap->free(t, map->area);
	}
	sys_exit(t, 0);
}

void do_vm_unmap_aliases(struct task *t)
{
	struct kernel *k = kernel_of(t);

	if (k->cfg.null_kernel)
		return;
	vmap_enter(t);
	k->vmap->purge(t, PURGE_ALIASES);
	sys_exit(t, 0);
}
