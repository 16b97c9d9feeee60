#ifndef MMREPLAY_ENGINE_FIBER_H
#define MMREPLAY_ENGINE_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Stackful coroutines from a LIFO pool. A task between ops has no stack: it
 * takes a fiber when an op starts and gives it back when it ends. 32 KiB
 * usable (64 under sanitizers); guard pages for the first 16,384 fibers; beyond,
 * a canary checked at each return and a guard page below every 64: an overflow
 * whose frames leave the canary's 64 bytes alone passes, if it comes back. At
 * most 200,000 (MODEL.md 2).
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIBER_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIBER_SANITIZED 1
#endif
#endif

enum {
#ifdef FIBER_SANITIZED
	FIBER_STACK_BYTES = 64 << 10,
#else
	FIBER_STACK_BYTES = 32 << 10,
#endif
	FIBER_GUARDED_MAX = 16384,
	FIBER_MAX = 200000,
};

struct fiber;
struct fiber_slab;

struct fiber_pool {
	struct fiber *free;	/* LIFO: the warmest stack first */
	struct fiber *main;	/* the engine's own context */
	struct fiber *running;	/* NULL while the engine itself runs */
	struct fiber_slab *slabs;
	struct fiber_pool *next;	/* known to the overflow handler */
	uint32_t live, created;
	bool passes;		/* fiber_pass() may be used */
};

void fiber_pool_init(struct fiber_pool *p);
void fiber_pool_release(struct fiber_pool *p);

/**
 * fiber_get() - a fiber that will run fn(arg) at its first fiber_enter()
 * @what: names policy or op, for the message when the stack overflows;
 *	must outlive the fiber
 * Return: NULL when FIBER_MAX are live.
 */
struct fiber *fiber_get(struct fiber_pool *p, void (*fn)(void *arg), void *arg,
			const char *what);

/** fiber_name() - change what an overflow message will name */
void fiber_name(struct fiber *f, const char *what);

/** fiber_enter() - from the engine: run @f until it, or whom it has passed on to,
 *  yields or returns. Return: true if that one finished (and is back in the pool). */
bool fiber_enter(struct fiber_pool *p, struct fiber *f);

/** fiber_pass() - from inside @f: yield, and on to @to without the engine between.
 *  Only if p->passes: valgrind, which knows slabs and not stacks, takes a switch
 *  inside a slab for a frame. */
void fiber_pass(struct fiber_pool *p, struct fiber *f, struct fiber *to);

/** fiber_yield() - from inside @f: back to the engine */
void fiber_yield(struct fiber_pool *p, struct fiber *f);

/** fiber_prefetch() - @f will soon go on: bring the top of its stack near */
void fiber_prefetch(const struct fiber *f);

/** fiber_abandon() - from the engine: give back @f, which has yielded and will
 *  never be entered again; what stands on its stack is dropped */
void fiber_abandon(struct fiber_pool *p, struct fiber *f);

#endif
