/*
 * vmalloc-pairs: kernel threads allocate and free vmalloc areas, after the
 * tests of lib/test_vmalloc.c, with one more in which an area is freed by
 * another thread than the one that allocated it.
 *
 *   fix-size      alloc n pages, free
 *   random-size   alloc 1..100 pages, free
 *   fix-align     alloc 5 pages aligned to 32 KiB, free
 *   random-align  alloc 1..10 pages aligned to 2^0..2^22 bytes, free
 *   long-busy     15000 areas stay; then alloc 100 pages and 1 page, free both
 *   full-fit      holes of one page everywhere; then alloc 1 page, free
 *   align-shift   alloc 1 page aligned to 2^0, 2^1 .. 2^22 bytes, free
 *   vmap          map n pages that exist (and a guard page), unmap
 *   vm-map-ram    vm_map_ram() of n pages, vm_unmap_ram(); of random-ram 1..100
 *   aliases       vm-map-ram, and at every lag-th turn vm_unmap_aliases()
 *   kvfree-rcu    alloc n pages; the vfrees of each `lag` of them are a worker's,
 *                 grace_us later: kvfree_rcu() with one argument or two
 *   cross-cpu     alloc n pages; free the oldest of the thread before
 *
 * Sizes are those of the area: pages asked for and one guard page, which
 * vm_map_ram() has not. The module's test of the per-CPU allocator is not here:
 * its chunks outlive it, so it measures another allocator. Addresses
 * are names only: each thread has a window of its own, a policy picks its own
 * addresses. The threads are alive at the start and do not exit; all begin at
 * once, as the module's do, or each `stagger_us` after the one before.
 */
#include <stdio.h>
#include "traces/generate/gen.h"

enum vp_test {
	VP_FIX_SIZE, VP_RANDOM_SIZE, VP_FIX_ALIGN, VP_RANDOM_ALIGN,
	VP_LONG_BUSY, VP_FULL_FIT, VP_CROSS_CPU, VP_ALIGN_SHIFT, VP_VMAP,
	VP_MAP_RAM, VP_RANDOM_RAM, VP_ALIASES, VP_KVFREE_RCU
};
static const char *const vp_test_names[] = {
	"fix-size", "random-size", "fix-align", "random-align", "long-busy",
	"full-fit", "cross-cpu", "align-shift", "vmap", "vm-map-ram",
	"random-ram", "aliases", "kvfree-rcu", NULL
};

#define VP_BASE 0xffffc90000000000ULL
#define VP_WINDOW_BYTES (8ULL << 30)	/* of vmalloc space's 32 TiB, a thread */
enum { VP_JOBS_MAX = 2048, VP_SLOTS_MAX = 1 << 18, VP_BATCH = 16,
       VP_WORKERS_MAX = 65536 };

struct vp_params {
	struct gen_common common;
	uint32_t jobs, loops, pages, test, busy, holes, lag, stagger_us, grace_us;
};

static const struct option vp_options[] = {
	GEN_OPTION(struct vp_params, "jobs", OPT_U32, jobs, "8", 1, VP_JOBS_MAX,
		   "count", "kernel threads"),
	GEN_OPTION(struct vp_params, "loops", OPT_U32, loops, "10000", 1,
		   1000000000, "count", "turns of each thread"),
	{ .key = "test", .type = OPT_ENUM,
	  .offset = offsetof(struct vp_params, test), .def = "fix-size",
	  .names = vp_test_names, .unit = "", .help = "what a turn does" },
	GEN_OPTION(struct vp_params, "pages", OPT_U32, pages, "1", 1, 1000,
		   "pages", "size in fix-size, cross-cpu, vmap and vm-map-ram"),
	GEN_OPTION(struct vp_params, "busy", OPT_U32, busy, "15000", 1,
		   VP_SLOTS_MAX / 4, "count",
		   "long-busy: areas that each thread holds"),
	GEN_OPTION(struct vp_params, "holes", OPT_U32, holes, "0", 0,
		   VP_SLOTS_MAX / 4, "count",
		   "full-fit: holes of each thread; 0: 8192 for each bit of cpus"),
	GEN_OPTION(struct vp_params, "lag", OPT_U32, lag, "16", 1, 4096,
		   "count", "cross-cpu: areas between alloc and free; kvfree-rcu: areas of one worker; aliases: turns from one to the next"),
	GEN_OPTION(struct vp_params, "grace_us", OPT_U32, grace_us, "10000", 0,
		   100000000, "us", "kvfree-rcu: from the last alloc of a worker's to its first vfree"),
	GEN_OPTION(struct vp_params, "stagger_us", OPT_U32, stagger_us, "0", 0,
		   100000000, "us", "each thread begins so much after the one before"),
	GEN_COMMON_OPTIONS(struct vp_params, "20"),
	OPTION_END
};

static uint64_t vp_holes(const struct vp_params *p)
{
	uint64_t bits = 32 - (uint64_t)__builtin_clz(p->common.cpus);

	return p->holes ? p->holes : bits * 8192;
}

/* What the thread does before and after its turns, in allocations. */
static uint64_t vp_held(const struct vp_params *p)
{
	switch (p->test) {
	case VP_LONG_BUSY:
		return p->busy;
	case VP_FULL_FIT:
		return 2 * vp_holes(p);
	default:
		return 0;
	}
}

/* kvfree-rcu: workers of one thread. */
static uint64_t vp_workers(const struct vp_params *p)
{
	return p->test == VP_KVFREE_RCU ?
	       ((uint64_t)p->loops + p->lag - 1) / p->lag : 0;
}

static int vp_check(const void *params, struct loc at, struct errbuf *e)
{
	const struct vp_params *p = params;
	uint64_t bytes = (2ULL * p->lag + 2) * (p->pages + 2ULL) * PAGE_BYTES;

	if (p->test == VP_CROSS_CPU && bytes > VP_WINDOW_BYTES / 2)
		return gen_refuse(e, at, "lag=%u with pages=%u: a thread would hold more than 4 GiB of addresses",
				  p->lag, p->pages);
	bytes = p->loops * (p->pages + 2ULL) * PAGE_BYTES;
	if (p->test == VP_KVFREE_RCU && bytes > VP_WINDOW_BYTES / 2)
		return gen_refuse(e, at, "loops=%u with pages=%u: a thread would name more than 4 GiB of addresses",
				  p->loops, p->pages);
	if (p->jobs * vp_workers(p) > VP_WORKERS_MAX)
		return gen_refuse(e, at, "loops=%u with lag=%u: more than %d workers; expected a larger lag",
				  p->loops, p->lag, VP_WORKERS_MAX);
	return 0;
}

static uint64_t vp_expect(const void *params)
{
	const struct vp_params *p = params;
	uint64_t turn = p->test == VP_LONG_BUSY ? 4 : 2;

	return p->jobs * (p->loops * turn + 2 * vp_held(p));
}

static void vp_setup(struct gen *g)
{
	const struct vp_params *p = g->params;

	for (uint32_t i = 0; i < p->jobs; i++) {
		char comm[32];	/* cut to 15, as the kernel does */

		snprintf(comm, sizeof(comm), "vmalloc_test/%u", i);
		gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, TRACE_NO_MM,
			     vp_workers(p) > 0, i, comm);
	}
	for (uint32_t i = 0; i < p->jobs * vp_workers(p); i++)
		gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, TRACE_NO_MM, 0,
			     p->jobs + i, "kworker");
}

/* Slot @slot in the window of thread @job; slots of held areas are a page. */
static struct range vp_area(uint32_t job, uint64_t slot, uint64_t pages)
{
	uint64_t start = VP_BASE + job * VP_WINDOW_BYTES +
			 slot * 2 * PAGE_BYTES;

	return (struct range){ start, start + (pages + 1) * PAGE_BYTES };
}

/* Behind all held areas, at a multiple of the largest alignment. */
static struct range vp_loop_area(uint32_t job, uint64_t which, uint64_t pages)
{
	uint64_t start = VP_BASE + job * VP_WINDOW_BYTES +
			 VP_WINDOW_BYTES / 2 + which * (8ULL << 20);

	return (struct range){ start, start + (pages + 1) * PAGE_BYTES };
}

static void vp_pair(struct gen *g, struct gen_task *t, uint64_t pages,
		    uint64_t align)
{
	struct range r = vp_loop_area(t->role, 0, pages);

	gen_vmalloc(g, t, r, align);
	gen_think(g, t);
	gen_vfree(g, t, r);
}

static void vp_map_pair(struct gen *g, struct gen_task *t, enum op_kind map,
			enum op_kind unmap, uint64_t pages)
{
	struct range r = vp_loop_area(t->role, 0, pages);

	if (map == OP_VM_MAP_RAM)
		r.end -= PAGE_BYTES;
	gen_map_pages(g, t, map, r);
	gen_think(g, t);
	gen_unmap_pages(g, t, unmap, r);
}

static void vp_long_busy(struct gen *g, struct gen_task *t)
{
	struct range big = vp_loop_area(t->role, 0, 100);
	struct range small = vp_loop_area(t->role, 1, 1);

	gen_vmalloc(g, t, big, PAGE_BYTES);
	gen_vmalloc(g, t, small, PAGE_BYTES);
	gen_think(g, t);
	gen_vfree(g, t, big);
	gen_vfree(g, t, small);
}

/*
 * Turn n allocates slot n of the own window and frees what the thread before
 * allocated `lag` turns earlier. 2 * lag + 2 slots: a slot is free in the
 * trace before it is used again.
 */
static void vp_cross(struct gen *g, struct gen_task *t, uint64_t n)
{
	const struct vp_params *p = g->params;
	uint64_t slots = 2ULL * p->lag + 2, pages = p->pages;
	uint64_t stride = (pages + 2) / 2;	/* vp_area() steps by 2 pages */
	uint32_t from = (t->role ? t->role : p->jobs) - 1;

	if (n < p->loops)
		gen_vmalloc(g, t, vp_area(t->role, n % slots * stride, pages),
			    PAGE_BYTES);
	gen_think(g, t);
	if (n >= p->lag)
		gen_vfree(g, t, vp_area(from, (n - p->lag) % slots * stride,
					pages));
}

/* Slot @n in the window of @job, none twice. */
static struct range vp_kvfree_area(const struct vp_params *p, uint32_t job,
				   uint64_t n)
{
	return vp_area(job, n * ((p->pages + 2) / 2), p->pages);
}

/* The worker of the batch that ends here is woken: it has waited from the start,
 * which is 1 ns before that of the threads. */
static void vp_kvfree_rcu(struct gen *g, struct gen_task *t)
{
	const struct vp_params *p = g->params;
	uint64_t batch = t->n / p->lag;

	gen_vmalloc(g, t, vp_kvfree_area(p, t->role, t->n), PAGE_BYTES);
	if ((t->n + 1) % p->lag && t->n + 1 < p->loops)
		return;
	BUG_ON(!gen_signal(g, t, gen_task_of(g, (uint32_t)(p->jobs + t->role *
		vp_workers(p) + batch))));
}

/* A worker: wait, let the grace period pass, free the batch. */
static bool vp_worker(struct gen *g, struct gen_task *t)
{
	const struct vp_params *p = g->params;
	uint64_t nth = t->role - p->jobs, batch = nth % vp_workers(p);
	uint32_t job = (uint32_t)(nth / vp_workers(p));
	uint64_t end = (batch + 1) * p->lag;

	if (!t->n++) {
		gen_wait(g, t, gen_task_of(g, job));
		return true;
	}
	if (p->grace_us)
		gen_sleep(g, t, (int64_t)p->grace_us * 1000);
	for (uint64_t n = batch * p->lag; n < end && n < p->loops; n++) {
		gen_vfree(g, t, vp_kvfree_area(p, job, n));
		gen_think(g, t);
	}
	return false;
}

static void vp_turn(struct gen *g, struct gen_task *t)
{
	const struct vp_params *p = g->params;
	uint64_t rnd;

	switch ((enum vp_test)p->test) {
	case VP_FIX_SIZE:
		vp_pair(g, t, p->pages, PAGE_BYTES);
		return;
	case VP_RANDOM_SIZE:
		vp_pair(g, t, 1 + gen_draw(g, t, 100), PAGE_BYTES);
		return;
	case VP_FIX_ALIGN:
		vp_pair(g, t, 5, 2 * 16384);	/* THREAD_ALIGN << 1 */
		return;
	case VP_RANDOM_ALIGN:
		/* one byte decides both, as in the module */
		rnd = gen_draw(g, t, 256);
		vp_pair(g, t, rnd % 10 + 1, 1ULL << rnd % 23);
		return;
	case VP_LONG_BUSY:
		vp_long_busy(g, t);
		return;
	case VP_FULL_FIT:
		vp_pair(g, t, 1, PAGE_BYTES);
		return;
	case VP_CROSS_CPU:
		vp_cross(g, t, t->n);
		return;
	case VP_ALIGN_SHIFT:
		vp_pair(g, t, 1, 1ULL << t->n % 23);
		return;
	case VP_VMAP:
		vp_map_pair(g, t, OP_VMAP, OP_VUNMAP, p->pages);
		return;
	case VP_MAP_RAM:
		vp_map_pair(g, t, OP_VM_MAP_RAM, OP_VM_UNMAP_RAM, p->pages);
		return;
	case VP_ALIASES:
		vp_map_pair(g, t, OP_VM_MAP_RAM, OP_VM_UNMAP_RAM, p->pages);
		if ((t->n + 1) % p->lag == 0)
			gen_op(g, t, OP_VM_UNMAP_ALIASES, NULL, 0, 0);
		return;
	case VP_KVFREE_RCU:
		vp_kvfree_rcu(g, t);
		return;
	case VP_RANDOM_RAM:
		vp_map_pair(g, t, OP_VM_MAP_RAM, OP_VM_UNMAP_RAM,
			    1 + gen_draw(g, t, 100));
		return;
	}
}

/*
 * The life of a thread, by t->n:
 *
 *   | allocate held | full-fit: free every second | turns | free the rest |
 *
 * cross-cpu holds nothing apart from its turns, which go on for `lag` more.
 */
static bool vp_one(struct gen *g, struct gen_task *t)
{
	const struct vp_params *p = g->params;
	uint64_t held = vp_held(p), second = p->test == VP_FULL_FIT ? held / 2 : 0;
	uint64_t turns = held + second, rest = turns + p->loops, n = t->n;

	if (!n && t->role && p->stagger_us)
		gen_sleep(g, t, (int64_t)t->role * p->stagger_us * 1000);
	gen_think(g, t);
	if (p->test == VP_CROSS_CPU) {
		vp_turn(g, t);
		rest = 0;
		held = p->loops + p->lag;
	} else if (n < held) {
		gen_vmalloc(g, t, vp_area(t->role, n, 1), PAGE_BYTES);
	} else if (n < turns) {
		gen_vfree(g, t, vp_area(t->role, 2 * (n - held) + 1, 1));
	} else if (n < rest) {
		vp_turn(g, t);
	} else {
		n = (n - rest) * (second ? 2 : 1);
		gen_vfree(g, t, vp_area(t->role, n, 1));
	}
	return ++t->n < rest + held - second;
}

static bool vp_step(struct gen *g, struct gen_task *t)
{
	const struct vp_params *p = g->params;

	if (t->role >= p->jobs)
		return vp_worker(g, t);
	for (unsigned i = 0; i < VP_BATCH; i++)
		if (!vp_one(g, t))
			return false;
	return true;
}

const struct workload workload_vmalloc_pairs = {
	.info = {
		.name = "vmalloc-pairs",
		.summary = "kernel threads allocate and free vmalloc areas",
		.after = "lib/test_vmalloc.c",
		.options = vp_options,
	},
	.params_bytes = sizeof(struct vp_params),
	.check = vp_check,
	.expect = vp_expect,
	.setup = vp_setup,
	.step = vp_step,
};
