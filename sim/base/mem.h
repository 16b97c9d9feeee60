#ifndef MMREPLAY_BASE_MEM_H
#define MMREPLAY_BASE_MEM_H

#include <stddef.h>

/** xcalloc() - zeroed memory, or a message and exit(1): never NULL */
void *xcalloc(size_t count, size_t bytes);
/** xrealloc() - as realloc for @count items of @bytes, overflow checked */
void *xrealloc(void *p, size_t count, size_t bytes);
char *xstrdup(const char *s);
/** xasprintf() - formatted string, caller frees */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * struct arena - run-long objects, freed together
 * Allocation is a bump in 64 KiB blocks; addresses are stable.
 */
struct arena {
	struct arena_block *head;
	size_t used_bytes;	/* handed out, for the memory report */
};

void *arena_alloc(struct arena *a, size_t bytes);	/* zeroed, 16-aligned */
char *arena_strdup(struct arena *a, const char *s);
void arena_release(struct arena *a);

/**
 * struct pool - fixed-size objects with a free list; no allocation when warm
 * Freed objects keep their first pointer-sized word for the list.
 */
struct pool {
	size_t object_bytes;
	void *free_list;
	struct arena arena;
	size_t live, peak;
};

void pool_init(struct pool *p, size_t object_bytes);
void *pool_get(struct pool *p);		/* zeroed */
void pool_put(struct pool *p, void *object);
void pool_release(struct pool *p);

#endif
