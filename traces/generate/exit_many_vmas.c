/*
 * exit-many-vmas: processes with nearly as many areas as vm.max_map_count
 * allows give them all back: by exit, by one munmap over all of them, or by
 * a munmap each. What freeing a VMA costs shows here and nowhere better.
 */
#include "traces/generate/gen.h"

enum { HOW_EXIT, HOW_MUNMAP, HOW_MUNMAP_EACH };
static const char *const how_names[] = { "exit", "munmap", "munmap-each",
					 NULL };

struct em_params {
	struct gen_common common;
	uint32_t vmas, pages, resident, processes, how;
	int64_t stagger_ns;
};

static const struct option em_options[] = {
	GEN_OPTION(struct em_params, "vmas", OPT_U32, vmas, "65000",
		   GEN_BASE_AREAS + 1, GEN_AREAS_MAX, "count",
		   "areas of each process, 7 of the program itself included"),
	{ .key = "how", .type = OPT_ENUM,
	  .offset = offsetof(struct em_params, how), .def = "exit",
	  .names = how_names, .unit = "",
	  .help = "how the areas go; each process exits in the end" },
	GEN_OPTION(struct em_params, "pages", OPT_U32, pages, "1", 1, 1 << 16,
		   "pages", "length of an area"),
	GEN_OPTION(struct em_params, "resident_pages", OPT_U32, resident, "1",
		   0, 1 << 16, "pages", "of each area, at most its length"),
	GEN_OPTION(struct em_params, "processes", OPT_U32, processes, "1", 1,
		   4096, "count", "such processes"),
	GEN_OPTION(struct em_params, "stagger_ns", OPT_I64, stagger_ns, "0", 0,
		   3600 * NSEC_PER_SEC, "ns", "between their starts"),
	GEN_COMMON_OPTIONS(struct em_params, "1000"),
	OPTION_END
};

static int em_check(const void *params, struct loc at, struct errbuf *e)
{
	const struct em_params *p = params;

	if (p->resident > p->pages)
		return gen_refuse(e, at, "resident_pages=%u is more than pages=%u",
				  p->resident, p->pages);
	if ((uint64_t)p->vmas * (p->pages + 4ULL) >
	    (GEN_ARENA_END - GEN_ARENA) >> PAGE_SHIFT)
		return gen_refuse(e, at, "vmas=%u of pages=%u need more than the address space has",
				  p->vmas, p->pages);
	return 0;
}

static uint64_t em_areas(const struct em_params *p)
{
	return p->vmas - GEN_BASE_AREAS;
}

static uint64_t em_expect(const void *params)
{
	const struct em_params *p = params;

	return p->processes *
	       (3 + (p->how == HOW_MUNMAP_EACH ? em_areas(p) : 0));
}

static struct range em_area(const struct gen *g, uint64_t n)
{
	const struct em_params *p = g->params;

	return gen_scattered(g, GEN_ARENA, n, p->pages * PAGE_BYTES);
}

static void em_setup(struct gen *g)
{
	const struct em_params *p = g->params;

	for (uint32_t k = 0; k < p->processes; k++) {
		uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);

		gen_base_layout(g, mm);
		for (uint64_t i = 0; i < em_areas(p); i++)
			gen_area(g, mm, em_area(g, i), AREA_READ | AREA_WRITE,
				 p->resident, "");
		gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, mm,
			     k * p->stagger_ns, 0, "many-vmas");
	}
}

static bool em_step(struct gen *g, struct gen_task *t)
{
	const struct em_params *p = g->params;

	gen_think(g, t);
	if (p->how == HOW_MUNMAP_EACH && t->n < em_areas(p)) {
		gen_munmap(g, t, em_area(g, t->n++));
		return true;
	}
	if (p->how == HOW_MUNMAP) {
		struct range r = em_area(g, 0);

		r.end = em_area(g, em_areas(p) - 1).end;
		gen_munmap(g, t, r);
	}
	gen_exit(g, t, true);
	return false;
}

const struct workload workload_exit_many_vmas = {
	.info = {
		.name = "exit-many-vmas",
		.summary = "processes near the map_count limit exit or unmap all",
		.after = "the call_rcu throttling thread of the per-VMA lock series",
		.options = em_options,
	},
	.params_bytes = sizeof(struct em_params),
	.check = em_check,
	.expect = em_expect,
	.setup = em_setup,
	.step = em_step,
};
