/*
 * fork-vmas: a process with many areas forks, the child exits at once, the
 * parent waits for it and forks again. Threads of the parent may fault in
 * areas of their own meanwhile, and so meet the fork's hold of their mm.
 *
 *   parent   | fork |..wait..| cow cow | fork |..wait..| ...
 *   child           | cow | exit |
 *   thread   f  f  f  f  f  f  f  f  f  f  f
 *
 * With child_ns the child lives on, as one that writes a snapshot, and what the
 * parent writes is copied; after the last child's end it has its pages back.
 *
 *   parent   | fork | cow cow cow cow |..wait..| fork | cow cow ...
 *   child           | cow | child_ns ... | exit |
 *
 * The parent is alive at the end and everything else exits, so the parent
 * decides where the counted time ends. `vmas` counts all areas: seven of the
 * program itself, one of each thread, the rest anonymous or file mappings.
 */
#include "traces/generate/gen.h"

enum { PARENT, FAULTER, CHILD };

/*
 * Nominal times: a fork is ordered against every other op of its mm that the
 * schedule does not put inside it, so it has to last about as long as it
 * will. Round figures of the captures; no cost comes from them.
 */
enum {
	FORK_NS = 60000, FORK_VMA_NS = 1000, PTE_NS = 60, EXIT_VMA_NS = 800,
	ZAP_NS = 250, FAULT_NS = 1700
};

struct fv_params {
	struct gen_common common;
	uint32_t vmas, pages, resident, file_permille, forks, child_faults,
		 parent_faults, threads, faults;
	int64_t fault_think_ns, child_ns;
};

static const struct option fv_options[] = {
	GEN_OPTION(struct fv_params, "vmas", OPT_U32, vmas, "221",
		   GEN_BASE_AREAS + 1, GEN_AREAS_MAX, "count",
		   "areas of the parent, 7 of the program and one a thread included"),
	GEN_OPTION(struct fv_params, "forks", OPT_U32, forks, "100", 1,
		   100000000, "count", "forks, one after the other"),
	GEN_OPTION(struct fv_params, "pages", OPT_U32, pages, "1", 1, 1 << 20,
		   "pages", "length of an area"),
	GEN_OPTION(struct fv_params, "resident_pages", OPT_U32, resident, "1",
		   0, 1 << 20, "pages", "of each area, at most its length"),
	GEN_OPTION(struct fv_params, "file_permille", OPT_U32, file_permille,
		   "0", 0, 1000, "1/1000", "share of areas that map a file"),
	GEN_OPTION(struct fv_params, "child_faults", OPT_U32, child_faults, "0",
		   0, 1 << 20, "count", "pages that a child copies by writing"),
	GEN_OPTION(struct fv_params, "parent_faults", OPT_U32, parent_faults,
		   "0", 0, 1 << 20, "count",
		   "pages that the parent writes to after each fork"),
	GEN_OPTION(struct fv_params, "child_ns", OPT_I64, child_ns, "0", 0,
		   NSEC_PER_SEC, "ns",
		   "CPU time of a child; if not 0 the parent writes meanwhile, else afterwards"),
	GEN_OPTION(struct fv_params, "threads", OPT_U32, threads, "0", 0, 4096,
		   "count", "threads of the parent that fault meanwhile"),
	GEN_OPTION(struct fv_params, "faults", OPT_U32, faults, "10000", 1,
		   1 << 28, "count", "first touches of each such thread"),
	GEN_OPTION(struct fv_params, "fault_think_ns", OPT_I64, fault_think_ns,
		   "2000", 0, NSEC_PER_SEC, "ns", "between two such touches"),
	GEN_COMMON_OPTIONS(struct fv_params, "5000"),
	OPTION_END
};

#define FV_THREAD_BASE 0x400000000000ULL	/* far above the parent's areas */

static int fv_check(const void *params, struct loc at, struct errbuf *e)
{
	const struct fv_params *p = params;
	uint64_t areas = p->vmas - GEN_BASE_AREAS;

	if (p->vmas <= GEN_BASE_AREAS + p->threads)
		return gen_refuse(e, at, "vmas=%u: the program's %d and one for each of threads=%u leave none",
				  p->vmas, GEN_BASE_AREAS, p->threads);
	if (p->resident > p->pages)
		return gen_refuse(e, at, "resident_pages=%u is more than pages=%u",
				  p->resident, p->pages);
	if ((p->child_faults | p->parent_faults) && !p->resident)
		return gen_refuse(e, at, "child_faults and parent_faults need resident_pages");
	if (areas * (p->pages + 4ULL) > (FV_THREAD_BASE - GEN_ARENA) >> PAGE_SHIFT)
		return gen_refuse(e, at, "vmas=%u of pages=%u need more than the address space has",
				  p->vmas, p->pages);
	return 0;
}

static uint64_t fv_expect(const void *params)
{
	const struct fv_params *p = params;

	return p->forks * (6ULL + p->child_faults + p->parent_faults) +
	       (uint64_t)p->threads * p->faults;
}

static struct range fv_area(const struct gen *g, uint64_t n)
{
	const struct fv_params *p = g->params;

	return gen_scattered(g, GEN_ARENA, n, p->pages * PAGE_BYTES);
}

static int64_t fv_resident(const struct fv_params *p)
{
	return (int64_t)(p->vmas - GEN_BASE_AREAS - p->threads) * p->resident;
}

static void fv_setup(struct gen *g)
{
	const struct fv_params *p = g->params;
	uint32_t areas = p->vmas - GEN_BASE_AREAS - p->threads;
	uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);

	gen_base_layout(g, mm);
	for (uint32_t i = 0; i < areas; i++) {
		bool file = i % 1000 < p->file_permille;

		gen_area(g, mm, fv_area(g, i), AREA_READ | AREA_WRITE |
			 (file ? AREA_FILE : 0), p->resident,
			 file ? "file" : "");
	}
	gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, mm, 0, PARENT, "spawn");
	for (uint32_t i = 0; i < p->threads; i++) {
		gen_area(g, mm, gen_slot(FV_THREAD_BASE, i,
					 p->faults * PAGE_BYTES),
			 AREA_READ | AREA_WRITE, 0, "");
		gen_task_new(g, TRACE_NO_TASK, 0, mm, 0, FAULTER, "spawn");
	}
}

/* The @n-th resident page of the areas, round and round. */
static void fv_copy(struct gen *g, struct gen_task *t, uint64_t n)
{
	const struct fv_params *p = g->params;
	uint64_t areas = p->vmas - GEN_BASE_AREAS - p->threads;
	struct range r = fv_area(g, n % areas);

	gen_cow_fault(g, t, r.start + n / areas % p->resident * PAGE_BYTES);
}

static void fv_writes(struct gen *g, struct gen_task *t)
{
	const struct fv_params *p = g->params;

	for (uint32_t i = 0; i < p->parent_faults; i++)
		fv_copy(g, t, i);
}

/* t->n: forks done; t->u[0]: 1 while a child lives */
static bool fv_parent(struct gen *g, struct gen_task *t)
{
	const struct fv_params *p = g->params;
	struct gen_task *c;

	if (t->u[0]) {
		t->u[0] = 0;
		if (!p->child_ns)
			fv_writes(g, t);
		if (++t->n == p->forks)
			return false;
	}
	gen_think(g, t);
	gen_nominal(t, FORK_NS + p->vmas * FORK_VMA_NS + fv_resident(p) * PTE_NS);
	c = gen_fork(g, t, CHILD);
	t->u[0] = 1;
	if (p->child_ns)
		fv_writes(g, t);
	gen_wait(g, t, c);
	return true;
}

static bool fv_child(struct gen *g, struct gen_task *t)
{
	const struct fv_params *p = g->params;

	for (; t->n < p->child_faults; t->n++)
		fv_copy(g, t, t->n);
	/* the parent's wait4 ends when the child's mm is gone */
	if (!t->left) {
		gen_compute(t, p->child_ns);
		gen_nominal(t, p->vmas * EXIT_VMA_NS + fv_resident(p) * ZAP_NS);
		gen_op(g, t, OP_EXIT_MM, NULL, 0, 0);
		t->left = true;
		if (!gen_signal(g, t, gen_task_of(g, 0)))
			return true;
	}
	gen_op(g, t, OP_EXIT, (uint64_t[]){ 1 }, 1, 0);
	g->header.tasks[t->id].exited = true;
	return false;
}

static bool fv_step(struct gen *g, struct gen_task *t)
{
	const struct fv_params *p = g->params;

	if (t->role == PARENT)
		return fv_parent(g, t);
	if (t->role == CHILD)
		return fv_child(g, t);
	gen_compute(t, p->fault_think_ns);
	gen_nominal(t, FAULT_NS);
	gen_write_fault(g, t, gen_slot(FV_THREAD_BASE, t->id - 1,
				       p->faults * PAGE_BYTES).start +
			t->n * PAGE_BYTES);
	if (++t->n < p->faults)
		return true;
	gen_exit(g, t, false);
	return false;
}

const struct workload workload_fork_vmas = {
	.info = {
		.name = "fork-vmas",
		.summary = "a process with many areas forks, waits, forks again",
		.after = "unixbench spawn, with areas added as in the __mt_dup series",
		.options = fv_options,
	},
	.params_bytes = sizeof(struct fv_params),
	.check = fv_check,
	.expect = fv_expect,
	.setup = fv_setup,
	.step = fv_step,
};
