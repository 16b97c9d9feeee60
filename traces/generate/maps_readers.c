/*
 * maps-readers: other processes read /proc/PID/maps, smaps or cmdline of a
 * process with many areas whose threads map, touch and unmap meanwhile:
 * monitoring of a busy server.
 *
 * Everything exits, the leader last, so all of the run is counted.
 */
#include "traces/generate/gen.h"

enum { LEADER, WRITER, READER };
enum { FILE_MAPS, FILE_SMAPS, FILE_CMDLINE };
static const char *const file_names[] = { "maps", "smaps", "cmdline", NULL };

struct mr_params {
	struct gen_common common;
	uint32_t readers, reads, file, vmas, threads, loops, pages;
	int64_t period_ns;
};

static const struct option mr_options[] = {
	GEN_OPTION(struct mr_params, "readers", OPT_U32, readers, "2", 1, 65536,
		   "count", "processes that read"),
	GEN_OPTION(struct mr_params, "reads", OPT_U32, reads, "100", 1,
		   100000000, "count", "reads of each reader"),
	{ .key = "file", .type = OPT_ENUM,
	  .offset = offsetof(struct mr_params, file), .def = "maps",
	  .names = file_names, .unit = "", .help = "what is read, as a whole" },
	GEN_OPTION(struct mr_params, "period_ns", OPT_I64, period_ns, "1000000",
		   0, 3600 * NSEC_PER_SEC, "ns",
		   "sleep of a reader between two reads"),
	GEN_OPTION(struct mr_params, "vmas", OPT_U32, vmas, "1000",
		   GEN_BASE_AREAS, 65000, "count",
		   "areas of the target, 7 of the program itself included"),
	GEN_OPTION(struct mr_params, "threads", OPT_U32, threads, "4", 0, 500,
		   "count", "threads of the target that map and unmap"),
	GEN_OPTION(struct mr_params, "loops", OPT_U32, loops, "2000", 1,
		   1000000000, "count", "turns of each such thread"),
	GEN_OPTION(struct mr_params, "pages", OPT_U32, pages, "16", 1, 1 << 16,
		   "pages", "mapped and touched in a turn"),
	GEN_COMMON_OPTIONS(struct mr_params, "1000"),
	OPTION_END
};

#define MR_WRITER_BASE 0x400000000000ULL

static uint64_t mr_expect(const void *params)
{
	const struct mr_params *p = params;

	return 3ULL * p->readers * p->reads +
	       (uint64_t)p->threads * p->loops * (2 + p->pages);
}

static void mr_setup(struct gen *g)
{
	const struct mr_params *p = g->params;
	uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM), reader_mm;

	gen_base_layout(g, mm);
	for (uint32_t i = GEN_BASE_AREAS; i < p->vmas; i++)
		gen_area(g, mm, gen_slot(GEN_ARENA, i, 4 * PAGE_BYTES),
			 AREA_READ | AREA_WRITE, 4, "");
	gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, mm, 0, LEADER, "server");
	for (uint32_t i = 0; i < p->threads; i++)
		gen_task_new(g, TRACE_NO_TASK, 0, mm, 0, WRITER, "server");
	for (uint32_t i = 0; i < p->readers; i++) {
		reader_mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);
		gen_base_layout(g, reader_mm);
		gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, reader_mm,
			     (int64_t)i * p->period_ns / p->readers, READER,
			     "monitor");
	}
}

static bool mr_writer(struct gen *g, struct gen_task *t)
{
	const struct mr_params *p = g->params;
	struct range r = gen_slot(MR_WRITER_BASE, t->id, p->pages * PAGE_BYTES);

	if (t->n == p->loops)
		return gen_leave(g, t, gen_task_of(g, 0), false);
	gen_think(g, t);
	gen_mmap(g, t, r, GEN_PROT_RW, GEN_MAP_ANON);
	for (uint64_t i = 0; i < p->pages; i++)
		gen_write_fault(g, t, r.start + i * PAGE_BYTES);
	gen_think(g, t);
	gen_munmap(g, t, r);
	t->n++;
	return true;
}

static bool mr_step(struct gen *g, struct gen_task *t)
{
	static const enum op_kind kind[] = { OP_PROC_MAPS, OP_PROC_SMAPS,
					     OP_PROC_CMDLINE };
	const struct mr_params *p = g->params;

	if (t->role == LEADER)
		return gen_gather(g, t, (uint64_t)p->threads + p->readers);
	if (t->role == WRITER)
		return mr_writer(g, t);
	if (t->n == p->reads)
		return gen_leave(g, t, gen_task_of(g, 0), true);
	gen_think(g, t);
	gen_proc_read(g, t, kind[p->file], 0);
	if (++t->n < p->reads && p->period_ns)
		gen_sleep(g, t, p->period_ns);
	return true;
}

const struct workload workload_maps_readers = {
	.info = {
		.name = "maps-readers",
		.summary = "monitors read /proc/PID/maps of a busy process",
		.after = "the per-VMA lock for /proc/PID/maps series (6.17)",
		.options = mr_options,
	},
	.params_bytes = sizeof(struct mr_params),
	.expect = mr_expect,
	.setup = mr_setup,
	.step = mr_step,
};
