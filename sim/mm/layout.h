#ifndef MMREPLAY_MM_LAYOUT_H
#define MMREPLAY_MM_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Where the contended fields of mm_struct lie: byte offsets of x86-64, fields
 * of a kernel preset. Which of them share a cache line differs by release and
 * decides what a fault under mmap_lock pays beside the lock itself:
 *
 *   6.1    | .. pgd mm_users mm_count map_count page_table_lock count owner |
 *   6.18   | mm_mt pgd |  mm_users map_count page_table_lock count | owner .. |
 */
struct mm_layout {
	uint32_t bytes;		/* of the object */
	uint32_t index;		/* root of the tree: mm_mt, or mm_rb */
	uint32_t pgd, mm_users, mm_count, map_count;
	uint32_t page_table_lock, mmap_lock, mm_lock_seq;
};

/** struct vma_layout - vm_area_struct and its lock, by themselves: also fields of
 *  a preset, since configurations differ. Bytes. */
struct vma_layout {
	uint32_t bytes, align;		/* of the area without a lock inside */
	uint32_t policy;		/* offset of vm_policy: read by each fault that allocates */
	uint32_t lock_bytes;		/* of the rw_semaphore */
	/* since 6.15: the area with a count as its lock, offsets of both */
	uint32_t refcnt_bytes, refcnt, refcnt_policy;
};

/** struct vma_object - what the slabs are asked for, by layout and placement */
struct vma_object {
	uint32_t bytes, align;
	uint32_t lock_bytes, lock_align;	/* 0: no lock object beside it */
	uint32_t lock_offset;			/* in the area, if there is none */
	uint32_t policy_offset;
};

#endif
