/*
 * Memory that never comes back NULL, arenas and pools. An arena bumps a
 * pointer in 64 KiB blocks, newest first; an object that is larger than a
 * quarter of a block gets a block of its own behind the newest, so that the
 * room left in the newest is not lost. Blocks come zeroed and are handed out
 * once, hence no memset.
 */
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23	/* Linux 5.14; its number is fixed */
#endif

enum { BLOCK_BYTES = 64 * 1024, ALIGN_BYTES = 16, HEAP_STEP_BYTES = 1 << 20,
       HEAP_OWN_BYTES = 4 << 20, MEMTEXT_BYTES = 256 };

struct arena_block {
	struct arena_block *next;
	size_t used, bytes;
	_Alignas(ALIGN_BYTES) unsigned char data[];
};

_Noreturn void no_memory(size_t count, size_t bytes)
{
	fprintf(stderr, "mmreplay: " OUT_OF_MEMORY ": %zu objects of %zu bytes\n",
		count, bytes);
	exit(1);
}

void *xcalloc(size_t count, size_t bytes)
{
	void *p = calloc(count ? count : 1, bytes ? bytes : 1);

	if (!p)
		no_memory(count, bytes);
	return p;
}

void *xrealloc(void *p, size_t count, size_t bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, bytes, &total))
		no_memory(count, bytes);
	p = realloc(p, total ? total : 1);
	if (!p)
		no_memory(count, bytes);
	return p;
}

static char *heap_start;

void mem_keep_heap(void)
{
	heap_start = sbrk(0);
	mallopt(M_TOP_PAD, HEAP_STEP_BYTES);
	mallopt(M_TRIM_THRESHOLD, 64 * HEAP_STEP_BYTES);
	/* else any of these fixes it at 128 KiB; it would go there by itself */
	mallopt(M_MMAP_THRESHOLD, 4 * HEAP_STEP_BYTES);
}

/* The library keeps them on top of the heap. */
static void heap_ahead(size_t bytes)
{
	void *p = malloc(bytes);

	if (p)
		mem_touch(p, bytes);
	free(p);
}

void mem_heap_ahead(size_t bytes)
{
	heap_ahead(bytes < HEAP_STEP_BYTES ? bytes : HEAP_STEP_BYTES);
}

void mem_own_heap(size_t ahead_bytes)
{
	char *end = sbrk(0);
	size_t bytes = heap_start ? (size_t)(end - heap_start) : 0;

	if (bytes > HEAP_OWN_BYTES)
		bytes = HEAP_OWN_BYTES;
	mem_touch(end - bytes, bytes);
	heap_ahead(ahead_bytes);
}

void mem_touch(void *p, size_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)p & ~(page - 1);
	uintptr_t end = ((uintptr_t)p + bytes + page - 1) & ~(page - 1);

	madvise((void *)start, end - start, MADV_POPULATE_WRITE);
}

char *xstrdup(const char *s)
{
	size_t bytes = strlen(s) + 1;

	return memcpy(xcalloc(bytes, 1), s, bytes);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		no_memory(1, 0);
	return s;
}

static ssize_t memtext_write(void *cookie, const char *data, size_t bytes)
{
	struct memtext *t = cookie;

	if (t->room - t->used <= bytes) {
		t->room = (t->room + bytes) * 2;
		t->text = xrealloc(t->text, t->room, 1);
	}
	memcpy(t->text + t->used, data, bytes);
	t->used += bytes;
	return (ssize_t)bytes;
}

FILE *memtext_open(struct memtext *t)
{
	static const cookie_io_functions_t into = { .write = memtext_write };

	*t = (struct memtext){ .room = MEMTEXT_BYTES };
	t->text = xcalloc(t->room, 1);
	t->f = fopencookie(t, "w", into);
	if (!t->f)
		no_memory(1, sizeof(*t->f));
	return t->f;
}

char *memtext_close(struct memtext *t)
{
	fclose(t->f);
	t->text[t->used] = '\0';
	return t->text;
}

static struct arena_block *new_block(size_t bytes, bool full)
{
	struct arena_block *b = malloc(sizeof(*b) + bytes);

	if (!b)
		no_memory(1, bytes);
	if (full)
		mem_touch(b, sizeof(*b) + bytes);
	memset(b, 0, sizeof(*b) + bytes);
	b->bytes = bytes;
	return b;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	struct arena_block *b = a->head;
	void *p;

	if (bytes > SIZE_MAX / 2)
		no_memory(1, bytes);
	bytes = (bytes + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
	if (!b || b->bytes - b->used < bytes) {
		if (b && bytes > BLOCK_BYTES / 4) {
			b = new_block(bytes, true);
			b->next = a->head->next;
			a->head->next = b;
		} else {
			/* the first of many an arena is hardly used */
			b = new_block(bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES, b);
			b->next = a->head;
			a->head = b;
		}
	}
	p = b->data + b->used;
	b->used += bytes;
	a->used_bytes += bytes;
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t bytes = strlen(s) + 1;

	return memcpy(arena_alloc(a, bytes), s, bytes);
}

void arena_release(struct arena *a)
{
	struct arena_block *b = a->head, *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){ 0 };
}

void pool_init(struct pool *p, size_t object_bytes)
{
	if (object_bytes < sizeof(void *))
		object_bytes = sizeof(void *);
	*p = (struct pool){ .object_bytes = object_bytes };
}

void pool_release(struct pool *p)
{
	arena_release(&p->arena);
	pool_init(p, p->object_bytes);
}
