/*
 * thread-storm: producers of one process create short threads in batches and
 * join them. Each thread costs an mmap and an mprotect of its stack, a kernel
 * stack from vmalloc (unless the kernel has one in stock), a few faults, its
 * exit, and a munmap by the producer. Kernel stacks are freed by a kernel
 * worker one grace period later, never by who made them.
 *
 *   producer  [mmap mprotect vmalloc clone] x batch | join .. join | munmap ..
 *   leaf            f f compute exit
 *   kworker   . . . . . . . vfree vfree . . .
 */
#include <stdlib.h>
#include "traces/generate/gen.h"

enum { LEADER, PRODUCER, LEAF, KWORKER };

#define TS_VA_BASE 0xffffc90000000000ULL
enum {
	TS_STACK_AREA_PAGES = 5,	/* 16 KiB and a guard page */
	TS_STACK_ALIGN = 16384,
	TS_POLL_NS = 4000000,		/* a jiffy at 250 Hz */
};

struct ts_params {
	struct gen_common common;
	uint32_t producers, batch, loops, stack_pages, touch_pages,
		 vmalloc_permille;
	int64_t leaf_ns, grace_ns;
};

/* kernel stacks between exit and free: a ring, in order of time */
struct ts_stack {
	int64_t due_ns;
	uint64_t slot;
};

struct ts_state {
	struct ts_stack *ring;
	uint64_t first, count, room;
	uint64_t next_slot;		/* addresses are not used twice */
	uint32_t producers_left;
};

static const struct option ts_options[] = {
	GEN_OPTION(struct ts_params, "threads", OPT_U32, producers, "2", 1,
		   4096, "count", "producers"),
	GEN_OPTION(struct ts_params, "batch", OPT_U32, batch, "16", 1, 4096,
		   "count", "threads that a producer makes before it joins"),
	GEN_OPTION(struct ts_params, "loops", OPT_U32, loops, "50", 1, 1000000,
		   "count", "batches of each producer"),
	GEN_OPTION(struct ts_params, "stack_pages", OPT_U32, stack_pages,
		   "2048", 2, 1 << 20, "pages", "user stack of a thread"),
	GEN_OPTION(struct ts_params, "touch_pages", OPT_U32, touch_pages, "3",
		   0, 1 << 20, "pages", "stack pages that a thread touches"),
	GEN_OPTION(struct ts_params, "leaf_ns", OPT_I64, leaf_ns, "20000", 0,
		   NSEC_PER_SEC, "ns", "CPU time of a thread"),
	GEN_OPTION(struct ts_params, "vmalloc_permille", OPT_U32,
		   vmalloc_permille, "500", 0, 1000, "1/1000",
		   "threads whose kernel stack comes from vmalloc"),
	GEN_OPTION(struct ts_params, "grace_ns", OPT_I64, grace_ns, "12000000",
		   0, 60 * NSEC_PER_SEC, "ns",
		   "from a thread's exit to the free of its kernel stack"),
	GEN_COMMON_OPTIONS(struct ts_params, "1000"),
	OPTION_END
};

static int ts_check(const void *params, struct loc at, struct errbuf *e)
{
	const struct ts_params *p = params;
	uint64_t tasks = (uint64_t)p->producers * p->batch * p->loops;

	if (tasks > 100000000)
		return gen_refuse(e, at, "threads=%u, batch=%u and loops=%u make more than 100000000 threads",
				  p->producers, p->batch, p->loops);
	if (p->touch_pages >= p->stack_pages)
		return gen_refuse(e, at, "touch_pages=%u: a stack of %u pages has a guard page",
				  p->touch_pages, p->stack_pages);
	if ((uint64_t)p->producers * p->batch * (p->stack_pages + 1ULL) >
	    (GEN_ARENA_END - GEN_ARENA) >> PAGE_SHIFT)
		return gen_refuse(e, at, "stacks need more than the address space has");
	return 0;
}

static uint64_t ts_expect(const void *params)
{
	const struct ts_params *p = params;

	return (uint64_t)p->producers * p->batch * p->loops *
	       (8ULL + p->touch_pages);
}

static void ts_setup(struct gen *g)
{
	const struct ts_params *p = g->params;
	uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);
	struct ts_state *s = arena_alloc(&g->arena, sizeof(*s));

	g->state = s;
	s->producers_left = p->producers;
	gen_base_layout(g, mm);
	gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, mm, 0, LEADER, "storm");
	for (uint32_t i = 0; i < p->producers; i++)
		gen_task_new(g, TRACE_NO_TASK, 0, mm, 0, PRODUCER, "storm");
	gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, TRACE_NO_MM, 0, KWORKER,
		     "kworker/0:1");
}

static void ts_release(struct gen *g)
{
	struct ts_state *s = g->state;

	free(s->ring);
}

static struct range ts_user_stack(const struct ts_params *p, uint32_t producer,
				  uint64_t i)
{
	return gen_slot(GEN_ARENA, (uint64_t)producer * p->batch + i,
			p->stack_pages * PAGE_BYTES);
}

static struct range ts_kernel_stack(uint64_t slot)
{
	uint64_t start = TS_VA_BASE + slot * 2 * TS_STACK_ALIGN;

	return (struct range){ start, start + TS_STACK_AREA_PAGES * PAGE_BYTES };
}

static void ts_push(struct ts_state *s, int64_t due_ns, uint64_t slot)
{
	if (s->count == s->room) {
		uint64_t room = s->room ? 2 * s->room : 256;
		struct ts_stack *ring = xcalloc(room, sizeof(*ring));

		for (uint64_t i = 0; i < s->count; i++)
			ring[i] = s->ring[(s->first + i) % s->room];
		free(s->ring);
		s->ring = ring;
		s->room = room;
		s->first = 0;
	}
	s->ring[(s->first + s->count++) % s->room] =
		(struct ts_stack){ due_ns, slot };
}

static void ts_create(struct gen *g, struct gen_task *t, uint64_t i)
{
	const struct ts_params *p = g->params;
	struct range r = ts_user_stack(p, t->id - 1, i);
	struct ts_state *s = g->state;
	bool fresh = gen_draw(g, t, 1000) < p->vmalloc_permille;
	struct gen_task *c;

	gen_think(g, t);
	gen_mmap(g, t, r, 0, GEN_MAP_STACK);
	gen_mprotect(g, t, (struct range){ r.start + PAGE_BYTES, r.end },
		     GEN_PROT_RW);
	if (fresh)
		gen_vmalloc(g, t, ts_kernel_stack(s->next_slot),
			    TS_STACK_ALIGN);
	c = gen_clone_thread(g, t, LEAF);
	c->u[0] = r.end;
	c->u[1] = t->id;
	c->u[2] = fresh ? ++s->next_slot : 0;	/* slot + 1; 0: from stock */
}

/* t->n: batches done; t->u[0]: place in the batch, creates then joins */
static bool ts_producer(struct gen *g, struct gen_task *t)
{
	const struct ts_params *p = g->params;
	struct ts_state *s = g->state;

	if (t->n == p->loops) {
		if (!t->left)
			s->producers_left--;
		return gen_leave(g, t, gen_task_of(g, 0), false);
	}
	if (t->u[0] < p->batch) {
		ts_create(g, t, t->u[0]++);
		return true;
	}
	while (t->u[0] < 2ULL * p->batch) {
		t->u[0]++;
		if (!gen_wait(g, t, NULL))
			return true;
	}
	for (uint64_t i = 0; i < p->batch; i++)
		gen_munmap(g, t, ts_user_stack(p, t->id - 1, i));
	t->u[0] = 0;
	t->n++;
	return true;
}

static bool ts_leaf(struct gen *g, struct gen_task *t)
{
	const struct ts_params *p = g->params;

	if (!t->left) {
		for (uint64_t i = 1; i <= p->touch_pages; i++)
			gen_write_fault(g, t, t->u[0] - i * PAGE_BYTES);
		gen_compute(t, p->leaf_ns);
		if (t->u[2])
			ts_push(g->state, t->clock_ns + p->grace_ns,
				t->u[2] - 1);
	}
	return gen_leave(g, t, gen_task_of(g, (uint32_t)t->u[1]),
			 false);
}

static bool ts_kworker(struct gen *g, struct gen_task *t)
{
	struct ts_state *s = g->state;

	while (s->count && s->ring[s->first].due_ns <= t->clock_ns) {
		gen_vfree(g, t, ts_kernel_stack(s->ring[s->first].slot));
		s->first = (s->first + 1) % s->room;
		s->count--;
	}
	if (!s->count && !s->producers_left) {
		gen_exit(g, t, false);
		return false;
	}
	gen_sleep(g, t, TS_POLL_NS);
	return true;
}

static bool ts_step(struct gen *g, struct gen_task *t)
{
	const struct ts_params *p = g->params;

	switch (t->role) {
	case LEADER:
		return gen_gather(g, t, p->producers);
	case PRODUCER:
		return ts_producer(g, t);
	case LEAF:
		return ts_leaf(g, t);
	default:
		return ts_kworker(g, t);
	}
}

const struct workload workload_thread_storm = {
	.info = {
		.name = "thread-storm",
		.summary = "producers create and join short threads in batches",
		.after = "stress-ng --pthread",
		.options = ts_options,
	},
	.params_bytes = sizeof(struct ts_params),
	.check = ts_check,
	.expect = ts_expect,
	.setup = ts_setup,
	.step = ts_step,
	.release = ts_release,
};
