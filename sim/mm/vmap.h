#ifndef MMREPLAY_MM_VMAP_H
#define MMREPLAY_MM_VMAP_H

#include "sim/mm/mm.h"

/*
 * The kernel's virtual area space: areas at real addresses, in trees by
 * address that know the largest area below each node, so that the lowest fit
 * is found in O(log n) (mm/vmalloc.c since 5.2; FACTS A15).
 *
 * Free of simulated cost: vmap policies charge, lock, and decide which tree an
 * area is in. An area is in at most one tree.
 */

/* x86-64, four-level page tables: Documentation/arch/x86/x86_64/mm.rst */
#define VMALLOC_START 0xffffc90000000000ULL
#define VMALLOC_END 0xffffe90000000000ULL

/* all addresses that areas may have: the first and the last page stay out */
#define VMAP_SPACE_BYTES ((UINT64_MAX & ~(PAGE_BYTES - 1)) - PAGE_BYTES)

/** struct vmap_area - a range that is free, busy or on its way to free */
struct vmap_area {
	struct range r;
	uint64_t max_bytes;	/* largest area of the subtree */
	uint64_t prio;
	struct vmap_area *left, *right;
	TAILQ_ENTRY(vmap_area) link;
	uint64_t areas;		/* vfree()d areas that were merged into it */
	struct hold_tag held;	/* asked_ns: sum over the merged ones */
	uint32_t flags;		/* policy's: vn_id */
};

TAILQ_HEAD(vmap_list, vmap_area);

/** struct vmap_tree - disjoint areas by address, and a list in that order */
struct vmap_tree {
	struct vmap_area *root;
	struct vmap_list list;
	uint64_t count, bytes;
};

struct vmap_pool {		/* of objects; births give treap priorities */
	struct pool objects;
	uint64_t seed, births;
};

void vmap_tree_init(struct vmap_tree *t);
void vmap_tree_insert(struct vmap_tree *t, struct vmap_area *va);
void vmap_tree_remove(struct vmap_tree *t, struct vmap_area *va);
struct vmap_area *vmap_tree_find(const struct vmap_tree *t, uint64_t addr);
/** vmap_tree_next() - the first area that ends after @addr, or NULL */
struct vmap_area *vmap_tree_next(const struct vmap_tree *t, uint64_t addr);
/** vmap_tree_depth() - nodes that a walk visits, for its cost */
uint64_t vmap_tree_depth(const struct vmap_tree *t);

struct vmap_area *vmap_area_new(struct vmap_pool *p, struct range r);

/**
 * vmap_merge_or_add() - put @va into @t, joined with what touches it; takes @va
 * Return: the area that @va is part of now.
 */
struct vmap_area *vmap_merge_or_add(struct vmap_pool *p, struct vmap_tree *t,
				    struct vmap_area *va);

enum vmap_fit { FIT_NONE, FIT_FULL, FIT_LEFT, FIT_RIGHT, FIT_MIDDLE };

/**
 * vmap_alloc_lowest() - cut the lowest range that fits @rq out of the free tree
 *   FULL    [AAAA]       the free area is used up
 *   LEFT    [AA..]       RIGHT  [..AA]    it is trimmed
 *   MIDDLE  [.AA.]       one object more
 * @out: the range
 * Return: what kind of fit; FIT_NONE if nothing fits.
 */
enum vmap_fit vmap_alloc_lowest(struct vmap_pool *p, struct vmap_tree *free,
				const struct vmap_request *rq,
				struct range *out);

/** vmap_blocks() - areas of @t inside of @r, how many and the largest; O(areas) */
void vmap_blocks(const struct vmap_tree *t, struct range r, uint64_t *count,
		 uint64_t *largest_bytes);
/** vmap_gaps() - the same for what lies between the areas of @t */
void vmap_gaps(const struct vmap_tree *t, struct range r, uint64_t *count,
	       uint64_t *largest_bytes);

/** vmap_tree_check() - BUG unless sorted, disjoint, and the sums are right */
void vmap_tree_check(const struct vmap_tree *t);

/** vmap_count_end() - what is lazy, pooled and free at the end, as counters */
void vmap_count_end(struct kernel *k);

#endif
