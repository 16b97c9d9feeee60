#ifndef MMREPLAY_BASE_MEM_H
#define MMREPLAY_BASE_MEM_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What the last words of a process that got no memory contain. */
#define OUT_OF_MEMORY "out of memory"

/** no_memory() - says it of @count objects of @bytes, exit(1) */
_Noreturn void no_memory(size_t count, size_t bytes);

/** xcalloc() - zeroed memory, or no_memory(): never NULL */
void *xcalloc(size_t count, size_t bytes);
/** xrealloc() - as realloc for @count items of @bytes, overflow checked */
void *xrealloc(void *p, size_t count, size_t bytes);
char *xstrdup(const char *s);

/** mem_keep_heap() - once, at the start: the heap grows in steps of a MiB, and what
 *  is freed below 64 MiB stays, for the next: fresh pages cost more than all else */
void mem_keep_heap(void);

/** mem_own_heap() - in a child after fork: what it shares of the heap, the last 4 MiB,
 *  is copied in one go, not with a fault a page; @ahead_bytes are there for more */
void mem_own_heap(size_t ahead_bytes);

/** mem_heap_ahead() - touch @bytes of heap (at most a MiB), for many small objects */
void mem_heap_ahead(size_t bytes);

/**
 * mem_touch() - have the pages of @p .. @p + @bytes now, in one go: for fresh memory
 * of which all will be used. Cost, on a virtual machine that shadows page tables:
 * 0.9 us a page and 10 at its first use; without it 17 to 27. Where the kernel cannot
 * (before 5.14) or has no memory, pages come one by one, as always.
 */
void mem_touch(void *p, size_t bytes);
/** xasprintf() - formatted string, caller frees */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * struct memtext - what is printed to @f, as a string
 * Unlike open_memstream(), whose text just ends where memory did.
 */
struct memtext {
	FILE *f;
	char *text;
	size_t used, room;
};

/** memtext_open() - Return: @t->f, or no_memory(): never NULL; @t must stay there */
FILE *memtext_open(struct memtext *t);
/** memtext_close() - Return: all of it or no_memory(); caller frees */
char *memtext_close(struct memtext *t);

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

/*
 * Under the address sanitizer a freed pool object is poisoned: use after free
 * and double free of pool objects are found as for malloc.
 */
#if defined(__SANITIZE_ADDRESS__)
#define MEM_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_POISON 1
#endif
#endif
#ifdef MEM_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

/**
 * struct pool - fixed-size objects with a free list; no allocation when warm
 * The first pointer-sized word of a freed object links the list. Inline,
 * because the simulator gets and puts tens of millions of objects a second.
 */
struct pool {
	size_t object_bytes;
	void *free_list;
	struct arena arena;
	size_t live, peak;
};

void pool_init(struct pool *p, size_t object_bytes);
void pool_release(struct pool *p);

/** pool_get() - a zeroed object */
static inline void *pool_get(struct pool *p)
{
	void *object = p->free_list;

	if (++p->live > p->peak)
		p->peak = p->live;
	if (!object)
		return arena_alloc(&p->arena, p->object_bytes);
	ASAN_UNPOISON_MEMORY_REGION(object, p->object_bytes);
	memcpy(&p->free_list, object, sizeof(p->free_list));
	return memset(object, 0, p->object_bytes);
}

/** pool_put() - give @object back; @object must come from this pool */
static inline void pool_put(struct pool *p, void *object)
{
	memcpy(object, &p->free_list, sizeof(p->free_list));
	p->free_list = object;
	p->live--;
	ASAN_POISON_MEMORY_REGION(object, p->object_bytes);
}

#endif
