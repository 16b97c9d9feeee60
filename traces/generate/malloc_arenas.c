/*
 * malloc-arenas: threads that allocate and free through arenas of their own,
 * as glibc's malloc does it: 64 MiB reserved without access, opened by
 * mprotect as the top grows, given back by MADV_DONTNEED when it falls by
 * more than the trim threshold; requests above the mmap threshold are mapped
 * and unmapped by themselves.
 *
 *   |#### live ####|.. opened ..|            no access                |
 *   0             top         opened                               64 MiB
 *
 * The top of an arena is a random walk between 0 and `live_kib`. Threads
 * exit, the leader last.
 */
#include "traces/generate/gen.h"

enum { LEADER, WORKER };
enum { MADV_DONTNEED_ = 4, MAP_NORESERVE_ = 0x4000 };
#define ARENA_BYTES (64ULL << 20)	/* HEAP_MAX_SIZE of glibc */
#define TOP_PAD (128ULL << 10)		/* also the trim threshold */

struct ma_params {
	struct gen_common common;
	uint32_t threads, loops, max_bytes, live_kib, large_permille, large_kib;
};

/* one thread's arena: bytes from its start, all page-aligned but top */
struct ma_arena {
	uint64_t top, opened, resident;
};

static const struct option ma_options[] = {
	GEN_OPTION(struct ma_params, "threads", OPT_U32, threads, "8", 1, 65536,
		   "count", "threads, an arena each"),
	GEN_OPTION(struct ma_params, "loops", OPT_U32, loops, "10000", 1,
		   1000000000, "count", "malloc or free calls of each thread"),
	GEN_OPTION(struct ma_params, "max_bytes", OPT_U32, max_bytes, "65536",
		   1, 1 << 17, "bytes", "largest request served by the arena"),
	GEN_OPTION(struct ma_params, "live_kib", OPT_U32, live_kib, "8192", 256,
		   65408, "KiB", "most that an arena holds"),
	GEN_OPTION(struct ma_params, "large_permille", OPT_U32, large_permille,
		   "20", 0, 1000, "1/1000", "requests that are mapped instead"),
	GEN_OPTION(struct ma_params, "large_kib", OPT_U32, large_kib, "512", 4,
		   1 << 20, "KiB", "size of such a request; all is touched"),
	GEN_COMMON_OPTIONS(struct ma_params, "500"),
	OPTION_END
};

#define MA_LARGE_BASE 0x400000000000ULL

static int ma_check(const void *params, struct loc at, struct errbuf *e)
{
	const struct ma_params *p = params;

	if ((uint64_t)p->threads * ((uint64_t)p->large_kib + 8) * 1024 >
	    GEN_ARENA_END - MA_LARGE_BASE)
		return gen_refuse(e, at, "threads=%u with large_kib=%u need more than the address space has",
				  p->threads, p->large_kib);
	return 0;
}

static void ma_setup(struct gen *g)
{
	const struct ma_params *p = g->params;
	uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);

	g->state = arena_alloc(&g->arena,
			       p->threads * sizeof(struct ma_arena));
	gen_base_layout(g, mm);
	gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, mm, 0, LEADER, "arenas");
	for (uint32_t i = 0; i < p->threads; i++)
		gen_task_new(g, TRACE_NO_TASK, 0, mm, 0, WORKER, "arenas");
}

static void ma_large(struct gen *g, struct gen_task *t)
{
	const struct ma_params *p = g->params;
	struct range r = gen_slot(MA_LARGE_BASE, t->id,
				  page_up(p->large_kib * 1024ULL));

	gen_mmap(g, t, r, GEN_PROT_RW, GEN_MAP_ANON);
	for (uint64_t at = r.start; at < r.end; at += PAGE_BYTES)
		gen_write_fault(g, t, at);
	gen_think(g, t);
	gen_munmap(g, t, r);
}

static void ma_grow(struct gen *g, struct gen_task *t, struct ma_arena *a,
		    uint64_t base, uint64_t bytes)
{
	uint64_t opened;

	a->top += bytes;
	if (a->top > a->opened) {
		opened = page_up(a->top + TOP_PAD);
		if (opened > ARENA_BYTES)
			opened = ARENA_BYTES;
		gen_mprotect(g, t, (struct range){ base + a->opened,
			     base + opened }, GEN_PROT_RW);
		a->opened = opened;
	}
	for (; a->resident < a->top; a->resident += PAGE_BYTES)
		gen_write_fault(g, t, base + a->resident);
}

static void ma_shrink(struct gen *g, struct gen_task *t, struct ma_arena *a,
		      uint64_t base, uint64_t bytes)
{
	uint64_t keep;

	a->top -= bytes < a->top ? bytes : a->top;
	keep = page_up(a->top + TOP_PAD);
	if (a->resident <= keep + TOP_PAD)
		return;
	gen_madvise(g, t, (struct range){ base + keep, base + a->resident },
		    MADV_DONTNEED_);
	a->resident = keep;
}

static bool ma_step(struct gen *g, struct gen_task *t)
{
	const struct ma_params *p = g->params;
	struct ma_arena *a;
	uint64_t base, bytes;

	if (t->role == LEADER)
		return gen_gather(g, t, p->threads);
	if (t->n == p->loops)
		return gen_leave(g, t, gen_task_of(g, 0), false);
	a = (struct ma_arena *)g->state + (t->id - 1);
	base = gen_slot(GEN_ARENA, t->id, ARENA_BYTES).start;
	if (!t->n++)
		gen_mmap(g, t, (struct range){ base, base + ARENA_BYTES }, 0,
			 GEN_MAP_ANON | MAP_NORESERVE_);
	gen_think(g, t);
	if (gen_draw(g, t, 1000) < p->large_permille) {
		ma_large(g, t);
		return true;
	}
	bytes = 1 + gen_draw(g, t, p->max_bytes);
	if (gen_draw(g, t, 2) && a->top + bytes <= p->live_kib * 1024ULL)
		ma_grow(g, t, a, base, bytes);
	else
		ma_shrink(g, t, a, base, bytes);
	return true;
}

const struct workload workload_malloc_arenas = {
	.info = {
		.name = "malloc-arenas",
		.summary = "threads grow, trim and refill malloc arenas",
		.after = "will-it-scale malloc1 threads; glibc's arena rules",
		.options = ma_options,
	},
	.params_bytes = sizeof(struct ma_params),
	.check = ma_check,
	.setup = ma_setup,
	.step = ma_step,
};
