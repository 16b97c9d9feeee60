#ifndef MMREPLAY_MM_RESOURCE_H
#define MMREPLAY_MM_RESOURCE_H

#include "sim/mm/mm.h"
#include "sim/sync/rwsem.h"

/*
 * The resources behind mmap_lock: page-table locks, the zone lock behind per-CPU
 * page lists, the LRU lock behind folio batches, slab list locks, memcg's page
 * counters, memory bandwidth, the locks of the reverse map.
 *
 * Costs are split, not added: what happens inside one of these locks is a part
 * of what the path costs (fault_anon_ns, zap_page_ns, ..), taken out of it and
 * charged where the lock is held. Batches shift it between ops; the sum stays.
 * Private is free: while nobody else can ask, no event is made.
 */

/** resources_new() - of one kernel; resources_free() accepts NULL */
struct resources *resources_new(struct kernel *k);
void resources_free(struct resources *r);

/** cpus_quiet() - @t, settled, runs alone: on its socket, or everywhere */
bool cpus_quiet(const struct task *t, bool everywhere);

/* ---- page tables (ptl.c) ---- */

/** struct ptl - a page-table lock being held; on the holder's stack */
struct ptl {
	struct spinlock *lock;	/* NULL: private, or switched off */
	struct keyed_lock *keyed;
};

/** ptl_shared() - can another CPU ask for page-table locks of @mm now, as @t,
 *  settled, sees it? */
bool ptl_shared(const struct task *t, const struct mm *mm);

/** ptl_lock() - lock of the table of @level (0: PTEs) that maps @addr, if
 *  @shared; settles then. ptl_part_ns() of it is off the path's own cost. */
void ptl_lock(struct task *t, struct mm *mm, uint64_t addr, unsigned level,
	      bool shared, struct ptl *p);
void ptl_unlock(struct task *t, struct ptl *p);
/** ptl_part_ns() - what one section with @held ns inside costs if nobody waits */
int64_t ptl_part_ns(const struct kernel *k, bool shared, int64_t held_ns);

/** pt_alloc() - pay for the tables that mapping @addr needs and has not */
void pt_alloc(struct task *t, struct mm *mm, uint64_t addr, bool huge);

/* ---- pages (page_alloc.c): @t settles ---- */

/** page_part_ns() - what a path that makes or frees a page has in it for zone and
 *  LRU lists, and pages_*() charge in bulk */
int64_t page_part_ns(const struct kernel *k);
/** pages_alloc() - @pages from the CPU's list, charged to the cgroup */
void pages_alloc(struct task *t, uint64_t pages);
/** pages_alloc_huge() - one of 2 MiB: from the zone itself */
void pages_alloc_huge(struct task *t);
/** folios_add() - @pages new folios wait in the CPU's batch for the LRU lock */
void folios_add(struct task *t, uint64_t pages);
/** folios_drain() - lru_add_drain() */
void folios_drain(struct task *t);
/** pages_free_huge() - @n of 2 MiB: to the zone itself */
void pages_free_huge(struct task *t, uint64_t n);
/** pages_free() - off the LRU, uncharged, to the CPU's list */
void pages_free(struct task *t, uint64_t pages);

/** slab_slow() - the CPU's slab of areas was full: another one of the node */
void slab_slow(struct task *t);

/** memory_traffic() - @t, settled, moves @units of 4 KiB, which takes @own_ns
 *  alone; owes what it takes longer because others of the socket do, too */
void memory_traffic(struct task *t, uint64_t units, int64_t own_ns);

/* ---- reverse map (rmap.c): under mmap_lock, may sleep ---- */

/** struct rmap_of - the trees that an area is in; 0: in none */
struct rmap_of {
	uint32_t file, anon_vma;
};

static inline struct rmap_of rmap_of(const struct vma *v)
{
	return (struct rmap_of){ v->file, v->anon_vma };
}

/** struct rmap - locks being held; on the holder's stack */
struct rmap {
	struct keyed_lock *file, *anon;	/* NULL: private, or switched off */
};

/** rmap_lock() - for writing, what @of names, and pay for one change in each;
 *  settles */
void rmap_lock(struct task *t, const struct mm *mm, struct rmap_of of,
	       struct rmap *held);
/** rmap_unlock() - again is nothing */
void rmap_unlock(struct task *t, struct rmap *held);
/** rmap_change() - both, with nothing else to do between */
void rmap_change(struct task *t, const struct mm *mm, struct rmap_of of);
/** rmap_part_ns() - what that costs if nobody waits: off the path's own cost */
int64_t rmap_part_ns(const struct mm *mm, struct rmap_of of);
/** rmap_unlink() - every area of @list, which nobody else finds; a batch of
 *  neighbours of one file under one lock since 6.11. O(areas). */
void rmap_unlink(struct task *t, const struct mm *mm,
		 const struct vma_list *list);
/** rmap_list_part_ns() - rmap_part_ns() of them all, batches not counted */
int64_t rmap_list_part_ns(const struct mm *mm, const struct vma_list *list);

/* ---- locks by key (keyed_lock.c) ---- */

enum keyed_kind { KEYED_PTL, KEYED_I_MMAP, KEYED_ANON_VMA };

/** struct keyed_lock - the lock of an object that has no struct of its own: kept
 *  while somebody uses it, and after that until 4096 others were used */
struct keyed_lock {
	uint64_t id;
	uint32_t kind, users;
	struct line line;
	union {
		struct spinlock spin;	/* KEYED_PTL */
		struct rwsem sem;
	};
	struct keyed_lock *next;	/* bucket */
	TAILQ_ENTRY(keyed_lock) link;	/* unused ones, oldest first */
};

/** keyed_lock_get() - find it, or a new one on a line that this CPU has */
struct keyed_lock *keyed_lock_get(struct task *t, enum keyed_kind kind,
				  uint64_t id);
void keyed_lock_put(struct kernel *k, struct keyed_lock *l);

struct keyed_locks;
struct keyed_locks *keyed_locks_new(struct kernel *k);
void keyed_locks_free(struct keyed_locks *h);

/** struct page_cpu - what a CPU keeps to itself */
struct page_cpu {
	uint32_t pcp_pages, free_factor, folios, charged_pages;
};

/** struct page_node - of one socket: zone, LRU, partial slabs */
struct page_node {
	struct spinlock zone_lock, lru_lock, list_lock;
	struct line zone_line, lru_line, list_line;
	sim_ns memory_busy_ns;		/* traffic is under way until then */
	uint8_t memory_op;		/* of whom */
};

enum { MEMCG_LEVELS_MAX = 16 };

struct resources {
	struct kernel *k;
	struct page_cpu *cpus;
	struct page_node *nodes;
	uint32_t node_count;
	struct line memcg[MEMCG_LEVELS_MAX];	/* usage, cgroup to root */
	struct keyed_locks *keyed;
	struct lock_class *ptl_class, *page_table_class, *zone_class;
	struct lock_class *lru_class, *list_class, *memory_class;
	struct lock_class *i_mmap_class, *anon_vma_class;
};

#endif
