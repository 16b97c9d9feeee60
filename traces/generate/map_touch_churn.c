/*
 * map-touch-churn: threads of one process map, touch and unmap in a loop,
 * while other processes read /proc/PID/cmdline of it. What one large munmap
 * does once, these do all the time: a reader may starve.
 *
 * Each thread maps at an address of its own; guard pages keep the areas
 * apart, so nothing merges. All tasks exit, the leader when
 * nobody reads any more.
 */
#include "traces/generate/gen.h"

enum { LEADER, WORKER, READER };
enum { TOUCH_FAULT, TOUCH_POPULATE };
enum { MAP_POPULATE_ = 0x8000 };
static const char *const touch_names[] = { "fault", "populate", NULL };

struct mtc_params {
	struct gen_common common;
	uint32_t threads, loops, pages, touch, readers, reads;
	int64_t period_ns;
};

static const struct option mtc_options[] = {
	GEN_OPTION(struct mtc_params, "threads", OPT_U32, threads, "4", 1,
		   65536, "count", "threads that map, touch and unmap"),
	GEN_OPTION(struct mtc_params, "loops", OPT_U32, loops, "100", 1,
		   1000000000, "count", "turns of each thread"),
	GEN_OPTION(struct mtc_params, "pages", OPT_U32, pages, "256", 1,
		   1 << 26, "pages", "length of a mapping; all are touched"),
	{ .key = "touch", .type = OPT_ENUM,
	  .offset = offsetof(struct mtc_params, touch), .def = "fault",
	  .names = touch_names, .unit = "",
	  .help = "a write fault a page, or MAP_POPULATE in the mmap" },
	GEN_OPTION(struct mtc_params, "readers", OPT_U32, readers, "1", 0, 1024,
		   "count", "processes that read /proc/PID/cmdline in a loop"),
	GEN_OPTION(struct mtc_params, "reads", OPT_U32, reads, "100", 1,
		   100000000, "count", "reads of each reader"),
	GEN_OPTION(struct mtc_params, "period_ns", OPT_I64, period_ns,
		   "1000000", 1, 3600 * NSEC_PER_SEC, "ns",
		   "sleep of a reader between two reads"),
	GEN_COMMON_OPTIONS(struct mtc_params, "200"),
	OPTION_END
};

static int mtc_check(const void *params, struct loc at, struct errbuf *e)
{
	const struct mtc_params *p = params;

	if ((uint64_t)p->threads * (p->pages + 1ULL) >
	    (GEN_ARENA_END - GEN_ARENA) >> PAGE_SHIFT)
		return gen_refuse(e, at, "threads=%u with pages=%u need more than the address space has",
				  p->threads, p->pages);
	return 0;
}

static uint64_t mtc_expect(const void *params)
{
	const struct mtc_params *p = params;
	uint64_t turn = 2 + (p->touch == TOUCH_FAULT ? p->pages : 0);

	return (uint64_t)p->threads * (p->loops * turn + 4) +
	       (uint64_t)p->readers * p->reads * 3;
}

static void mtc_setup(struct gen *g)
{
	const struct mtc_params *p = g->params;
	uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM), reader_mm;

	gen_base_layout(g, mm);
	gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, mm, 0, LEADER, "churn");
	for (uint32_t i = 0; i < p->threads; i++)
		gen_task_new(g, TRACE_NO_TASK, 0, mm, 0, WORKER, "churn");
	for (uint32_t i = 0; i < p->readers; i++) {
		reader_mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);
		gen_base_layout(g, reader_mm);
		gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, reader_mm,
			     (int64_t)i * p->period_ns / p->readers, READER,
			     "ps");
	}
}

/* t->u[0]: pages touched of this turn's mapping */
static bool mtc_worker(struct gen *g, struct gen_task *t)
{
	const struct mtc_params *p = g->params;
	struct range r = gen_slot(GEN_ARENA, t->id, p->pages * PAGE_BYTES);

	if (t->n == p->loops)
		return gen_leave(g, t, gen_task_of(g, 0), false);
	gen_think(g, t);
	if (!t->u[0])
		gen_mmap(g, t, r, GEN_PROT_RW, GEN_MAP_ANON |
			 (p->touch == TOUCH_POPULATE ? MAP_POPULATE_ : 0));
	if (p->touch == TOUCH_FAULT && t->u[0] < p->pages) {
		gen_write_fault(g, t, r.start + t->u[0]++ * PAGE_BYTES);
		return true;
	}
	gen_munmap(g, t, r);
	t->u[0] = 0;
	t->n++;
	return true;
}

static bool mtc_step(struct gen *g, struct gen_task *t)
{
	const struct mtc_params *p = g->params;

	if (t->role == LEADER)
		return gen_gather(g, t, (uint64_t)p->threads + p->readers);
	if (t->role == WORKER)
		return mtc_worker(g, t);
	if (t->n == p->reads)
		return gen_leave(g, t, gen_task_of(g, 0), true);
	gen_think(g, t);
	gen_proc_read(g, t, OP_PROC_CMDLINE, 0);
	if (++t->n < p->reads)
		gen_sleep(g, t, p->period_ns);
	return true;
}

const struct workload workload_map_touch_churn = {
	.info = {
		.name = "map-touch-churn",
		.summary = "threads in mmap/touch/munmap loops starve a reader",
		.after = "the hung ps of the mmap_sem downgrade series",
		.options = mtc_options,
	},
	.params_bytes = sizeof(struct mtc_params),
	.check = mtc_check,
	.expect = mtc_expect,
	.setup = mtc_setup,
	.step = mtc_step,
};
