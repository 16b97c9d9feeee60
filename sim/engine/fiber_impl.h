#ifndef MMREPLAY_ENGINE_FIBER_IMPL_H
#define MMREPLAY_ENGINE_FIBER_IMPL_H

#include "sim/engine/fiber.h"

/* Shared by the files of the fiber pool; nobody else includes this. */

#if !defined(FIBER_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define FIBER_UCONTEXT 1
#endif

#ifdef FIBER_UCONTEXT
#include <ucontext.h>
#endif

enum {
	FIBER_CANARY_BYTES = 64, FIBER_SLAB_STACKS = 64,
	FIBER_USED_BYTES = 2048,	/* of a stack, by most ops */
};

/**
 * struct fiber - one stack and where it stands
 * @stack: lowest usable byte; a guard page lies below if @guarded
 */
struct fiber {
	void *sp;
	void (*fn)(void *arg);
	void *arg;
	const char *what;
	char *stack;
	struct fiber *next_free;
	struct fiber_pool *pool;
	bool guarded, finished, touched;
	uint8_t colour;		/* 0 .. 15 */
#ifdef FIBER_UCONTEXT
	ucontext_t context;
#endif
	void *asan_save;	/* fake stack, where that is on */
	const void *asan_bottom;
	size_t asan_bytes;
	void *tsan;
};

struct fiber_slab {
	struct fiber_slab *next;
	char *base;
	size_t bytes, stride, guard_bytes, page_bytes;
	unsigned valgrind_id;
	struct fiber fiber[FIBER_SLAB_STACKS];
};

/*
 * Where the stack starts: tops at one distance would fall into the same sets
 * of the cache and throw each other out, so neighbours are shifted.
 */
static inline char *fiber_top(const struct fiber *f)
{
	return f->stack + FIBER_STACK_BYTES - (size_t)f->colour * 128;
}

/* fiber_switch.c */
void fiber_prepare(struct fiber *f);
void fiber_switch(struct fiber *from, struct fiber *to);
void fiber_body(struct fiber *f);	/* fiber.c: what a new stack runs */

/* fiber_guard.c */
void fiber_guard_add(struct fiber_pool *p);
void fiber_guard_remove(struct fiber_pool *p);
_Noreturn void fiber_overflow(const struct fiber *f);

#endif
