#ifndef MMREPLAY_REPLAY_USES_H
#define MMREPLAY_REPLAY_USES_H

#include "sim/base/mem.h"
#include "sim/base/rangemap.h"

/*
 * Who has used which page of an address space since it was last changed: the
 * last use of each task, by page. A ref is opaque, and of one task if and
 * only if (ref >> 32) is equal; later refs of a task are larger.
 */

struct use_node {
	uint64_t ref;
	uint32_t next;
};

/** struct use_store - memory that the maps of all address spaces share */
struct use_store {
	struct pool leaves, parts;
	struct use_node *nodes;		/* lists of pages with several users */
	uint32_t used, room, free_list;
};

struct use_leaf;

struct use_map {
	struct rangemap leaves;		/* 2 MiB each, to its struct use_leaf */
};

void use_store_init(struct use_store *s);
void use_store_release(struct use_store *s);

void uses_add(struct use_store *s, struct use_map *m, struct range r,
	      uint64_t ref);

/** uses_add_page() - uses_add() of the page at @page
 *  @near: where the task's last one was, see rangemap_touch() */
void uses_add_page(struct use_store *s, struct use_map *m, uint64_t page,
		   uint64_t ref, uint32_t *near);

/** uses_each() - every use of a page of @r, some more than once */
void uses_each(const struct use_store *s, const struct use_map *m,
	       struct range r, void (*fn)(void *arg, uint64_t ref), void *arg);

/** uses_clear() - forget the uses of @r */
void uses_clear(struct use_store *s, struct use_map *m, struct range r);
void uses_release(struct use_store *s, struct use_map *m);

#endif
