#ifndef MMREPLAY_ENGINE_FIBER_TOOLS_H
#define MMREPLAY_ENGINE_FIBER_TOOLS_H

#include <stdlib.h>
#include "sim/engine/fiber_impl.h"

/*
 * What the tools that watch a program must be told about fibers: address,
 * leak and thread sanitizer, and valgrind (whole slabs: registering stack by
 * stack makes each of its switches cost microseconds). Empty in a plain build.
 */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define FIBER_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define FIBER_TSAN 1
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if !defined(FIBER_SANITIZED) && __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define FIBER_VALGRIND 1
#endif

static inline void *tool_tsan_current(void)
{
#ifdef FIBER_TSAN
	return __tsan_get_current_fiber();
#else
	return NULL;
#endif
}

/* Does a tool watch that takes a switch inside a slab for a frame? */
static inline bool tool_knows_slabs_only(void)
{
#ifdef FIBER_VALGRIND
	return RUNNING_ON_VALGRIND != 0;
#else
	return false;
#endif
}

static inline void tool_slab_new(struct fiber_slab *s)
{
#ifdef FIBER_ASAN
	__lsan_register_root_region(s->base, s->bytes);
#endif
#ifdef FIBER_VALGRIND
	s->valgrind_id = VALGRIND_STACK_REGISTER(s->base, s->base + s->bytes);
#endif
	(void)s;
}

static inline void tool_slab_free(struct fiber_slab *s)
{
#ifdef FIBER_ASAN
	__lsan_unregister_root_region(s->base, s->bytes);
	/* the next user of these addresses knows nothing of our frames */
	__asan_unpoison_memory_region(s->base, s->bytes);
#endif
#ifdef FIBER_VALGRIND
	VALGRIND_STACK_DEREGISTER(s->valgrind_id);
#endif
	(void)s;
}

/* A stack may come from an abandoned fiber: its frames are still poisoned. */
static inline void tool_fiber_new(struct fiber *f)
{
#ifdef FIBER_ASAN
	__asan_unpoison_memory_region(f->stack, FIBER_STACK_BYTES);
	f->asan_save = NULL;
#endif
#ifdef FIBER_TSAN
	f->tsan = __tsan_create_fiber(0);
#endif
	(void)f;
}

static inline void tool_fiber_free(struct fiber *f)
{
#ifdef FIBER_TSAN
	if (f->tsan)
		__tsan_destroy_fiber(f->tsan);
	f->tsan = NULL;
#endif
	(void)f;
}

static inline void tool_before_switch(struct fiber *from, struct fiber *to,
				      bool from_ends)
{
#ifdef FIBER_ASAN
	bool to_main = to == to->pool->main;

	__sanitizer_start_switch_fiber(from_ends ? NULL : &from->asan_save,
				       to_main ? to->asan_bottom : to->stack,
				       to_main ? to->asan_bytes :
				       (size_t)FIBER_STACK_BYTES);
#endif
#ifdef FIBER_TSAN
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
	(void)from, (void)to, (void)from_ends;
}

/* In @now, just switched to; @main: the first switch tells where the engine's own
 * stack is, for it is the engine's. */
static inline void tool_after_switch(struct fiber *now, struct fiber *main)
{
#ifdef FIBER_ASAN
	const void *bottom;
	size_t bytes;

	__sanitizer_finish_switch_fiber(now->asan_save, &bottom, &bytes);
	if (main && !main->asan_bottom) {
		main->asan_bottom = bottom;
		main->asan_bytes = bytes;
	}
#endif
	(void)now, (void)main;
}

#endif
