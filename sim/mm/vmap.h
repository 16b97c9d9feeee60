#ifndef MMREPLAY_MM_VMAP_H
#define MMREPLAY_MM_VMAP_H

#include "sim/machine/address.h"
#include "sim/mm/mm.h"

/*
 * The kernel's virtual area space: areas at real addresses, in trees by
 * address that know the largest area below each node, so that the lowest fit
 * is found in O(log n) (mm/vmalloc.c since 5.2).
 *
 * vmap policies charge, lock, and decide which tree an area is in; an area is
 * in at most one. What a change reads and writes are cache lines that another
 * CPU may have: a tree with a `walk` touches the lines of the objects on its
 * way, which lie where the slab put them. Without one it is free of cost.
 */

/* x86-64, four-level page tables: Documentation/arch/x86/x86_64/mm.rst */
#define VMALLOC_START 0xffffc90000000000ULL
#define VMALLOC_END 0xffffe90000000000ULL

/* all addresses that areas may have: the first and the last page stay out */
#define VMAP_SPACE_BYTES ((UINT64_MAX & ~(PAGE_BYTES - 1)) - PAGE_BYTES)

/*
 * What an area is for: pages of its own (vmalloc), pages that exist (vmap),
 * a vm_map_ram() that is too large for a block, a block. OLD: freed before the run.
 */
enum vmap_kind {
	VMAP_VMALLOC, VMAP_VMAP, VMAP_RAM, VMAP_BLOCK, VMAP_OLD, VMAP_KINDS
};

/* vm_map_ram(), x86-64: pages of one mapping from a block, and of a block */
enum { VMAP_MAX_ALLOC = 64, VMAP_BBMAP_BITS = 1024 };
#define VMAP_BLOCK_SIZE (VMAP_BBMAP_BITS * PAGE_BYTES)

/** struct vmap_freed - what was freed of one kind: areas that may be merged */
struct vmap_freed {
	uint64_t objects, bytes;
	sim_ns asked_ns;	/* sum over the objects */
};

/** struct vmap_area - a range that is free, busy or on its way to free */
struct vmap_area {
	struct range r;
	uint64_t max_bytes;	/* largest area of the subtree */
	uint64_t prio;
	struct vmap_area *left, *right;
	TAILQ_ENTRY(vmap_area) link;
	uint64_t areas;		/* freed areas that were merged into it */
	struct vmap_freed freed[VMAP_KINDS];
	uint32_t kind;
	struct vmap_block *block;	/* of kind VMAP_BLOCK */
	uint32_t flags;		/* policy's: vn_id */
	uint32_t node;		/* on whose list and in whose pool it goes */
	uint32_t stage;		/* of the ledger; STAGE_NONE: in use, or free */
	sim_ns asked_ns;	/* when it was freed; of its object, if merged */
	struct place place;	/* struct vmap_area of the kernel */
};

/* struct vmap_area since 5.13, x86-64: va_start, va_end, rb_node, list,
 * subtree_max_size or vm, flags; before that 64 bytes. Not line aligned. */
enum {
	VMAP_AREA_BYTES = 72, VMAP_AREA_ALIGN = 8,
	VMAP_OFF_NODE = 0, VMAP_OFF_LIST = 40, VMAP_OFF_MAX = 56,
};

TAILQ_HEAD(vmap_list, vmap_area);

/** struct vmap_tree - disjoint areas by address, and a list in that order */
struct vmap_tree {
	struct vmap_area *root;
	struct vmap_list list;
	uint64_t count, bytes;
	bool augmented;		/* subtree_max_size is kept: free trees */
	struct line_walk *walk;	/* now under way, or NULL */
	const struct machine *m;
	struct line *root_line, *list_line;	/* NULL: on a stack */
};

struct vmap_pool {		/* of objects; births give treap priorities */
	struct pool objects;
	struct address_cache *slab;	/* NULL: they have no address */
	struct kernel *k;	/* whose ledger has freed objects; NULL: nobody's */
	uint64_t seed, births;
};

void vmap_tree_init(struct vmap_tree *t);
void vmap_tree_insert(struct vmap_tree *t, struct vmap_area *va);
void vmap_tree_remove(struct vmap_tree *t, struct vmap_area *va);
struct vmap_area *vmap_tree_find(const struct vmap_tree *t, uint64_t addr);
/** vmap_tree_next() - the first area that ends after @addr, or NULL */
struct vmap_area *vmap_tree_next(const struct vmap_tree *t, uint64_t addr);
/** vmap_tree_walk() - touch what a search for @addr reads, nothing else */
void vmap_tree_walk(const struct vmap_tree *t, uint64_t addr);
/** vmap_touch_area() - touch one area of @t, as a walk along the list does */
void vmap_touch_area(const struct vmap_tree *t, const struct vmap_area *va);
/** vmap_tree_depth() - nodes that a walk visits, for its cost */
uint64_t vmap_tree_depth(const struct vmap_tree *t);

/** vmap_area_new() - kmem_cache_alloc() on @cpu, which then writes to it */
struct vmap_area *vmap_area_new(struct vmap_pool *p, uint32_t cpu,
				struct range r);
void vmap_area_free(struct vmap_pool *p, uint32_t cpu, struct vmap_area *va);

/**
 * vmap_merge_or_add() - put @va into @t; what touches it grows over it, @va goes
 * Return: the area that @va is part of now.
 */
struct vmap_area *vmap_merge_or_add(struct vmap_pool *p, uint32_t cpu,
				    struct vmap_tree *t, struct vmap_area *va);

enum vmap_fit { FIT_NONE, FIT_FULL, FIT_LEFT, FIT_RIGHT, FIT_MIDDLE };

/**
 * vmap_alloc_lowest() - cut the lowest range that fits @rq out of the free tree
 *   FULL    [AAAA]       the free area is used up
 *   LEFT    [AA..]       RIGHT  [..AA]    it is trimmed
 *   MIDDLE  [.AA.]       one object more
 * @out: the range
 * Return: what kind of fit; FIT_NONE if nothing fits.
 */
enum vmap_fit vmap_alloc_lowest(struct vmap_pool *p, uint32_t cpu,
				struct vmap_tree *free,
				const struct vmap_request *rq,
				struct range *out);

/** vmap_blocks() - the free areas of @t inside of @r into @s; O(areas) */
void vmap_blocks(const struct vmap_tree *t, struct range r, struct vmap_stat *s);
/** vmap_gaps() - the same where what lies between the areas of @t is free */
void vmap_gaps(const struct vmap_tree *t, struct range r, struct vmap_stat *s);

/** vmap_tree_check() - BUG unless sorted, disjoint, and the sums are right */
void vmap_tree_check(const struct vmap_tree *t);

/*
 * The ledger: addresses (HOLD_VMAP, by va->node, too), the objects of areas
 * that are lazy or pooled (HOLD_VMAP_AREA), page tables that map nothing any
 * more, which the kernel never frees (HOLD_VMAP_TABLE).
 */

/** vmap_freed() - @va as one freed object of its kind enters STAGE_VMAP_LAZY */
void vmap_freed(struct kernel *k, struct vmap_area *va);
/** vmap_hold() - all that was freed of @va moves on; STAGE_NONE: is free again */
void vmap_hold(struct kernel *k, struct vmap_area *va, uint32_t from,
	       uint32_t to);
/** vmap_object_gone() - @va was merged into another: its object is free */
void vmap_object_gone(struct kernel *k, struct vmap_area *va);

/** vmap_dirty() - @bytes of block @va, unmapped now, enter STAGE_VMAP_DIRTY */
void vmap_dirty(struct kernel *k, const struct vmap_area *va,
		struct vmap_freed *f, uint64_t bytes);
/** vmap_block_freed() - a block, dirty as a whole, enters STAGE_VMAP_LAZY */
void vmap_block_freed(struct kernel *k, struct vmap_area *va,
		      const struct vmap_freed *dirty);

/** vmap_enter() - entry of a call of the kernel's own */
void vmap_enter(struct task *t);
/** vmap_set(), vmap_clear() - the entries of @r, for pages that exist */
void vmap_set(struct task *t, struct range r);
void vmap_clear(struct task *t, struct range r);
/** vmap_map() - the entries of a new area, and its pages if they are its own */
void vmap_map(struct task *t, const struct vmap_area *va);
/** vmap_unmap() - clear the entries of an area, not its tables; free its pages
 *  if they are its own. A block has been cleared piece by piece. */
void vmap_unmap(struct task *t, const struct vmap_area *va);

/**
 * vmap_purge_blocks() - under vmap_purge_lock: free blocks that are free and
 * dirty only; @force: all of them, else those of which less than a quarter is free
 * Return: @force, and others have something dirty: flush it.
 */
bool vmap_purge_blocks(struct task *t, bool force);
void vmap_check_blocks(const struct kernel *k);
/** vmap_check_held() - BUG unless nodes sum to the ledger, and tables and
 *  @areas that are lazy or pooled have their memory in it */
void vmap_check_held(const struct kernel *k, uint64_t areas);
void vmap_check_tables(const struct kernel *k);

/** vmap_count_end() - what is lazy, pooled and free at the end, as counters */
void vmap_count_end(struct kernel *k);

#endif
