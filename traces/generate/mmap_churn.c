/*
 * mmap-churn: threads of one process keep a window of live mappings each and
 * replace a random one all the time; now and then a mapping is protected or
 * grown. A turn, on slot j of the window:
 *
 *   munmap old | mmap 1..max_pages | touch the first pages | mprotect or mremap
 *
 * Every slot has addresses of its own with room to grow, so mremap grows in
 * place and neighbours never merge. Threads exit, the leader last.
 */
#include "traces/generate/gen.h"

enum { LEADER, WORKER };

struct mc_params {
	struct gen_common common;
	uint32_t threads, loops, window, max_pages, touch_pages,
		 mprotect_permille, mremap_permille;
};

static const struct option mc_options[] = {
	GEN_OPTION(struct mc_params, "threads", OPT_U32, threads, "2", 1, 200000,
		   "count", "threads that map and unmap"),
	GEN_OPTION(struct mc_params, "loops", OPT_U32, loops, "6000", 1,
		   1000000000, "count", "turns of each thread"),
	GEN_OPTION(struct mc_params, "window", OPT_U32, window, "64", 1, 60000,
		   "count", "live mappings of each thread"),
	GEN_OPTION(struct mc_params, "max_pages", OPT_U32, max_pages, "32", 1,
		   1 << 16, "pages", "longest mapping; uniform from 1"),
	GEN_OPTION(struct mc_params, "touch_pages", OPT_U32, touch_pages, "4",
		   0, 1 << 16, "pages", "first pages that are written"),
	GEN_OPTION(struct mc_params, "mprotect_permille", OPT_U32,
		   mprotect_permille, "62", 0, 1000, "1/1000",
		   "turns that make the first page read-only"),
	GEN_OPTION(struct mc_params, "mremap_permille", OPT_U32,
		   mremap_permille, "62", 0, 1000, "1/1000",
		   "turns that double the mapping"),
	GEN_COMMON_OPTIONS(struct mc_params, "300"),
	OPTION_END
};

static uint64_t mc_slot_bytes(const struct mc_params *p)
{
	return 2ULL * p->max_pages * PAGE_BYTES;
}

static int mc_check(const void *params, struct loc at, struct errbuf *e)
{
	const struct mc_params *p = params;
	uint64_t slots = (uint64_t)p->threads * p->window;

	if (slots > (1U << 28) ||
	    slots * (mc_slot_bytes(p) + PAGE_BYTES) > GEN_ARENA_END - GEN_ARENA)
		return gen_refuse(e, at, "threads=%u with window=%u and max_pages=%u need more than the address space has",
				  p->threads, p->window, p->max_pages);
	if (p->mprotect_permille + p->mremap_permille > 1000)
		return gen_refuse(e, at, "mprotect_permille and mremap_permille exceed 1000 together");
	return 0;
}

static uint64_t mc_expect(const void *params)
{
	const struct mc_params *p = params;
	uint64_t touched = p->touch_pages < p->max_pages / 2 ? p->touch_pages :
			   p->max_pages / 2;

	return (uint64_t)p->threads * p->loops * (2 + touched);
}

/* state: pages of each live mapping, 0 = none; threads * window of them */
static void mc_setup(struct gen *g)
{
	const struct mc_params *p = g->params;
	uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);

	g->state = arena_alloc(&g->arena, (size_t)p->threads * p->window *
			       sizeof(uint32_t));
	gen_base_layout(g, mm);
	gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, mm, 0, LEADER, "churn");
	for (uint32_t i = 0; i < p->threads; i++)
		gen_task_new(g, TRACE_NO_TASK, 0, mm, 0, WORKER, "churn");
}

static struct range mc_range(const struct mc_params *p, uint64_t slot,
			     uint64_t pages)
{
	struct range r = gen_slot(GEN_ARENA, slot, mc_slot_bytes(p));

	r.end = r.start + pages * PAGE_BYTES;
	return r;
}

static void mc_drop(struct gen *g, struct gen_task *t, uint64_t slot)
{
	uint32_t *pages = (uint32_t *)g->state + slot;

	if (!*pages)
		return;
	gen_munmap(g, t, mc_range(g->params, slot, *pages));
	*pages = 0;
}

static void mc_turn(struct gen *g, struct gen_task *t, uint64_t first)
{
	const struct mc_params *p = g->params;
	uint64_t slot = first + gen_draw(g, t, p->window);
	uint64_t n = 1 + gen_draw(g, t, p->max_pages), chance;
	uint32_t *pages = (uint32_t *)g->state + slot;
	struct range r = mc_range(p, slot, n);

	gen_think(g, t);
	mc_drop(g, t, slot);
	gen_mmap(g, t, r, GEN_PROT_RW, GEN_MAP_ANON);
	*pages = (uint32_t)n;
	for (uint64_t i = 0; i < n && i < p->touch_pages; i++) {
		gen_think(g, t);
		gen_write_fault(g, t, r.start + i * PAGE_BYTES);
	}
	chance = gen_draw(g, t, 1000);
	if (chance < p->mprotect_permille) {
		gen_mprotect(g, t, (struct range){ r.start,
			     r.start + PAGE_BYTES }, 1);
	} else if (chance < p->mprotect_permille + p->mremap_permille) {
		gen_mremap(g, t, r, mc_range(p, slot, 2 * n));
		*pages = (uint32_t)(2 * n);
	}
}

/* t->n: turns done, then slots dropped behind them */
static bool mc_step(struct gen *g, struct gen_task *t)
{
	const struct mc_params *p = g->params;
	uint64_t first = (uint64_t)(t->id - 1) * p->window;

	if (t->role == LEADER)
		return gen_gather(g, t, p->threads);
	if (t->n < p->loops)
		mc_turn(g, t, first);
	else if (t->n < (uint64_t)p->loops + p->window)
		mc_drop(g, t, first + t->n - p->loops);
	else
		return gen_leave(g, t, gen_task_of(g, 0), false);
	t->n++;
	return true;
}

const struct workload workload_mmap_churn = {
	.info = {
		.name = "mmap-churn",
		.summary = "threads replace random mappings of a live window",
		.after = "will-it-scale mmap1 threads, with live mappings kept",
		.options = mc_options,
	},
	.params_bytes = sizeof(struct mc_params),
	.check = mc_check,
	.expect = mc_expect,
	.setup = mc_setup,
	.step = mc_step,
};
