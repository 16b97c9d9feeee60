/*
 * munmap-large: one munmap of a huge populated mapping while other processes
 * read /proc/PID/cmdline of its owner, as ps does.
 *
 *   owner    ----- delay -----| munmap of `gib` |...... wait ....... |exit
 *   reader   r . r . r . r . r . . . . . . . . . . r . r . r . r |exit
 *
 * The mapping is part of the start layout, page by page resident, so its size
 * costs no records. The owner stays until nobody reads any more; every task
 * exits, so that all of the run is counted.
 */
#include "traces/generate/gen.h"

enum { OWNER, READER };
#define GIB (1ULL << 30)

struct ml_params {
	struct gen_common common;
	uint32_t gib, resident_permille, readers, reads;
	int64_t period_ns, delay_ns;
};

static const struct option ml_options[] = {
	GEN_OPTION(struct ml_params, "gib", OPT_U32, gib, "80", 1, 65536,
		   "GiB", "length of the mapping"),
	GEN_OPTION(struct ml_params, "resident_permille", OPT_U32,
		   resident_permille, "1000", 0, 1000, "1/1000",
		   "share of its pages that is mapped, 4 KiB each"),
	GEN_OPTION(struct ml_params, "readers", OPT_U32, readers, "1", 0, 1024,
		   "count", "processes that read /proc/PID/cmdline in a loop"),
	GEN_OPTION(struct ml_params, "reads", OPT_U32, reads, "400", 1,
		   100000000, "count", "reads of each reader"),
	GEN_OPTION(struct ml_params, "period_ns", OPT_I64, period_ns,
		   "10000000", 1, 3600 * NSEC_PER_SEC, "ns",
		   "sleep of a reader between two reads"),
	GEN_OPTION(struct ml_params, "delay_ns", OPT_I64, delay_ns,
		   "55000000", 0, 3600 * NSEC_PER_SEC, "ns",
		   "from the start to the munmap"),
	GEN_COMMON_OPTIONS(struct ml_params, "1000"),
	OPTION_END
};

static uint64_t ml_expect(const void *params)
{
	const struct ml_params *p = params;

	return 3 + (uint64_t)p->readers * (3ULL * p->reads + 2);
}

static struct range ml_range(const struct ml_params *p)
{
	return (struct range){ GEN_ARENA, GEN_ARENA + p->gib * GIB };
}

static void ml_setup(struct gen *g)
{
	const struct ml_params *p = g->params;
	uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM), reader_mm;
	struct range r = ml_range(p);

	gen_base_layout(g, mm);
	gen_area(g, mm, r, AREA_READ | AREA_WRITE,
		 range_pages(r) / 1000 * p->resident_permille +
		 range_pages(r) % 1000 * p->resident_permille / 1000, "");
	gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, mm, 0, OWNER, "owner");
	for (uint32_t i = 0; i < p->readers; i++) {
		reader_mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);
		gen_base_layout(g, reader_mm);
		/* readers of one moment would be one reader */
		gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, reader_mm,
			     (int64_t)i * p->period_ns / p->readers, READER,
			     "ps");
	}
}

static bool ml_step(struct gen *g, struct gen_task *t)
{
	const struct ml_params *p = g->params;

	if (t->role == OWNER) {
		if (t->n == 2)
			return gen_gather(g, t, p->readers);
		if (t->n++)
			gen_munmap(g, t, ml_range(p));
		else if (p->delay_ns)
			gen_sleep(g, t, p->delay_ns);
		return true;
	}
	if (t->n == p->reads)
		return gen_leave(g, t, gen_task_of(g, 0), true);
	gen_think(g, t);
	gen_proc_read(g, t, OP_PROC_CMDLINE, 0);
	if (++t->n < p->reads)
		gen_sleep(g, t, p->period_ns);
	return true;
}

const struct workload workload_munmap_large = {
	.info = {
		.name = "munmap-large",
		.summary = "munmap of a huge populated mapping while ps reads",
		.after = "the 80 GB and 320 GB munmap of the mmap_sem downgrade series",
		.options = ml_options,
	},
	.params_bytes = sizeof(struct ml_params),
	.expect = ml_expect,
	.setup = ml_setup,
	.step = ml_step,
};
