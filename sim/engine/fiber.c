/*
 * The pool of fibers: stacks in slabs of 64, given out last in, first out.
 *
 * Invariant: a fiber is in the free list or live, never both; exactly one
 * context runs at a time. The engine's enters another, which may pass on to a
 * third; who yields or ends goes back to the engine.
 *
 * A guard page lies below each of the first FIBER_GUARDED_MAX stacks; every
 * guard page costs two mappings of the 65,530 that a process may have. Stacks
 * beyond carry a canary at their low end, looked at after each return, and a
 * guard page lies below each slab of theirs: who never returns ends there.
 *
 * Cost: get and put O(1); a slab is one mmap. Stacks are touched as deep as
 * they were used, which is mostly one page, and never given back before the
 * pool is released.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/engine/fiber_impl.h"
#include "sim/engine/fiber_tools.h"

static const uint64_t canary_word = 0x6d6d7265706c6179ULL;

static uint64_t *canary_of(struct fiber *f)
{
	return (uint64_t *)(void *)f->stack;
}

static void canary_set(struct fiber *f)
{
	for (int i = 0; i < FIBER_CANARY_BYTES / 8; i++)
		canary_of(f)[i] = canary_word;
}

static void canary_check(struct fiber *f)
{
	for (int i = 0; i < FIBER_CANARY_BYTES / 8; i++)
		if (__builtin_expect(canary_of(f)[i] != canary_word, 0))
			fiber_overflow(f);
}

void fiber_pool_init(struct fiber_pool *p)
{
	memset(p, 0, sizeof(*p));
	p->main = xcalloc(1, sizeof(*p->main));
	p->main->pool = p;
	p->main->tsan = tool_tsan_current();
	p->passes = !tool_knows_slabs_only();
	fiber_guard_add(p);
}

void fiber_pool_release(struct fiber_pool *p)
{
	struct fiber_slab *s;

	if (!p->main)
		return;
	fiber_guard_remove(p);
	while ((s = p->slabs)) {
		p->slabs = s->next;
		for (int i = 0; i < FIBER_SLAB_STACKS; i++)
			tool_fiber_free(&s->fiber[i]);
		tool_slab_free(s);
		munmap(s->base, s->bytes);
		free(s);
	}
	free(p->main);
	memset(p, 0, sizeof(*p));
}

/* Splits a mapping, of which a process may have so many: ENOMEM beyond. */
static void make_guard(char *at, size_t page)
{
	if (mprotect(at, page, PROT_NONE))
		no_memory(1, page);
}

static void slab_new(struct fiber_pool *p)
{
	bool guarded = p->created < FIBER_GUARDED_MAX;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	/* a canary lies in the page in which the stack below begins */
	size_t below = guarded ? 0 : 2 * page - FIBER_CANARY_BYTES;
	struct fiber_slab *s = xcalloc(1, sizeof(*s));

	s->page_bytes = page;
	s->guard_bytes = guarded ? page : 0;
	s->stride = s->guard_bytes + FIBER_STACK_BYTES;
	s->bytes = below + s->stride * FIBER_SLAB_STACKS;
	s->base = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK,
		       -1, 0);
	if (s->base == MAP_FAILED)
		no_memory(FIBER_SLAB_STACKS, s->stride);
	/* a huge page would make 64 stacks resident at the first touch */
	madvise(s->base, s->bytes, MADV_NOHUGEPAGE);
	if (!guarded)
		make_guard(s->base, page);
	s->next = p->slabs;
	p->slabs = s;
	for (int i = FIBER_SLAB_STACKS - 1; i >= 0; i--) {
		struct fiber *f = &s->fiber[i];
		char *low = s->base + below + (size_t)i * s->stride;

		if (guarded)
			make_guard(low, page);
		f->stack = low + s->guard_bytes;
		f->guarded = guarded;
		f->colour = (uint8_t)(i % 16);
		f->pool = p;
		f->next_free = p->free;
		p->free = f;
	}
	p->created += FIBER_SLAB_STACKS;
	tool_slab_new(s);
}

struct fiber *fiber_get(struct fiber_pool *p, void (*fn)(void *arg), void *arg,
			const char *what)
{
	struct fiber *f;

	if (p->live >= FIBER_MAX)
		return NULL;
	if (!p->free)
		slab_new(p);
	f = p->free;
	p->free = f->next_free;
	p->live++;
	f->fn = fn;
	f->arg = arg;
	f->what = what;
	f->finished = false;
	if (!f->touched) {
		mem_touch(fiber_top(f) - FIBER_USED_BYTES, FIBER_USED_BYTES);
		f->touched = true;
	}
	if (!f->guarded)
		canary_set(f);
	tool_fiber_new(f);
	fiber_prepare(f);
	return f;
}

void fiber_name(struct fiber *f, const char *what)
{
	f->what = what;
}

static void fiber_put(struct fiber_pool *p, struct fiber *f)
{
	tool_fiber_free(f);
	f->next_free = p->free;
	p->free = f;
	p->live--;
}

bool fiber_enter(struct fiber_pool *p, struct fiber *f)
{
	p->running = f;
	tool_before_switch(p->main, f, false);
	fiber_switch(p->main, f);
	tool_after_switch(p->main, NULL);
	f = p->running;
	p->running = NULL;
	if (!f->guarded)
		canary_check(f);
	if (!f->finished)
		return false;
	fiber_put(p, f);
	return true;
}

void fiber_yield(struct fiber_pool *p, struct fiber *f)
{
	tool_before_switch(f, p->main, f->finished);
	fiber_switch(f, p->main);
	tool_after_switch(f, p->main);
}

void fiber_pass(struct fiber_pool *p, struct fiber *f, struct fiber *to)
{
	BUG_ON(!p->passes);
	if (!f->guarded)
		canary_check(f);
	p->running = to;
	tool_before_switch(f, to, false);
	fiber_switch(f, to);
	tool_after_switch(f, p->main);
}

void fiber_prefetch(const struct fiber *f)
{
	const char *sp = f->sp;

	for (int line = 0; line < 3; line++)
		__builtin_prefetch(sp + (ptrdiff_t)line * 64);
}

void fiber_abandon(struct fiber_pool *p, struct fiber *f)
{
	BUG_ON(p->running == f);
	fiber_put(p, f);
}

void fiber_body(struct fiber *f)
{
	tool_after_switch(f, f->pool->main);
	f->fn(f->arg);
	f->finished = true;
	fiber_yield(f->pool, f);
	BUG("fiber of %s entered after its end", f->what);
}
