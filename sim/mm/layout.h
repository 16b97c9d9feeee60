#ifndef MMREPLAY_MM_LAYOUT_H
#define MMREPLAY_MM_LAYOUT_H

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

#endif
