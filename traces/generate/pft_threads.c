/*
 * pft-threads: threads fault in their shares of one big anonymous region, a
 * write a page, as fast as they can. Nothing is unmapped while they run.
 *
 *   one VMA         |.t0.|.t1.|.t2.|.t3.|        every fault meets one VMA
 *   per-thread      |.t0.| |.t1.| |.t2.| |.t3.|  a guard page between
 *
 * Threads are alive at the start and do not exit: the run ends when the first
 * has touched all its pages, so that the rate is that of all of them.
 */
#include "traces/generate/gen.h"

enum { MADV_DONTNEED_ = 4, FAULTS_A_STEP = 32 };

enum { VMAS_ONE, VMAS_PER_THREAD };
static const char *const vmas_names[] = { "one", "per-thread", NULL };

struct pft_params {
	struct gen_common common;
	uint32_t threads, pages, rounds, vmas;
};

static const struct option pft_options[] = {
	GEN_OPTION(struct pft_params, "threads", OPT_U32, threads, "8", 1,
		   65536, "count", "threads that fault"),
	GEN_OPTION(struct pft_params, "pages", OPT_U32, pages, "4096", 1,
		   1 << 28, "pages", "pages that each thread touches a round"),
	GEN_OPTION(struct pft_params, "rounds", OPT_U32, rounds, "1", 1,
		   1 << 20, "count",
		   "times; MADV_DONTNEED of the own share between two"),
	{ .key = "vmas", .type = OPT_ENUM,
	  .offset = offsetof(struct pft_params, vmas), .def = "one",
	  .names = vmas_names, .unit = "",
	  .help = "one VMA for all threads, or one for each" },
	GEN_COMMON_OPTIONS(struct pft_params, "150"),
	OPTION_END
};

static int pft_check(const void *params, struct loc at, struct errbuf *e)
{
	const struct pft_params *p = params;
	uint64_t pages = (uint64_t)p->threads * (p->pages + 1ULL);

	if (pages > (GEN_ARENA_END - GEN_ARENA) >> PAGE_SHIFT)
		return gen_refuse(e, at, "threads=%u with pages=%u need more than the address space has",
				  p->threads, p->pages);
	return 0;
}

static uint64_t pft_expect(const void *params)
{
	const struct pft_params *p = params;

	return (uint64_t)p->threads * p->pages * p->rounds;
}

static struct range pft_share(const struct pft_params *p, uint32_t thread)
{
	uint64_t bytes = p->pages * PAGE_BYTES;
	uint64_t start = GEN_ARENA + thread * bytes;

	if (p->vmas == VMAS_PER_THREAD)
		return gen_slot(GEN_ARENA, thread, bytes);
	return (struct range){ start, start + bytes };
}

static void pft_setup(struct gen *g)
{
	const struct pft_params *p = g->params;
	uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);
	uint32_t shares = p->vmas == VMAS_ONE ? 1 : p->threads;

	gen_base_layout(g, mm);
	for (uint32_t i = 0; i < shares; i++) {
		struct range r = pft_share(p, i);

		if (p->vmas == VMAS_ONE)
			r.end = pft_share(p, p->threads - 1).end;
		gen_area(g, mm, r, AREA_READ | AREA_WRITE, 0, "");
	}
	for (uint32_t i = 0; i < p->threads; i++)
		gen_task_new(g, TRACE_NO_TASK, i ? 0 : TRACE_NO_TASK, mm, 0, i,
			     "pft");
}

/* t->n: pages touched in all rounds */
static bool pft_step(struct gen *g, struct gen_task *t)
{
	const struct pft_params *p = g->params;
	struct range share = pft_share(p, t->role);
	uint64_t all = (uint64_t)p->pages * p->rounds;

	for (unsigned i = 0; i < FAULTS_A_STEP && t->n < all; i++, t->n++) {
		uint64_t page = t->n % p->pages;

		if (!page && t->n)
			gen_madvise(g, t, share, MADV_DONTNEED_);
		gen_think(g, t);
		gen_write_fault(g, t, share.start + page * PAGE_BYTES);
	}
	return t->n < all;
}

const struct workload workload_pft_threads = {
	.info = {
		.name = "pft-threads",
		.summary = "threads fault in their shares of one big region",
		.after = "mmtests workload-pft-threads (pft 0.12)",
		.options = pft_options,
	},
	.params_bytes = sizeof(struct pft_params),
	.check = pft_check,
	.expect = pft_expect,
	.setup = pft_setup,
	.step = pft_step,
};
