/*
 * The run of a generated workload: a queue of tasks by (clock, id), the
 * tables of tasks and address spaces, and the waiting between tasks.
 *
 * Invariant: records of a task are put in start order, at least 1 ns apart;
 * across tasks the earliest clock goes first, so the writer sees about commit
 * order. Every draw is a hash of (seed, task, number): the order of steps
 * changes no value.
 * Cost: O(log tasks) a step; memory by tasks and live objects only.
 * Limits: 2^32 - 2 tasks; a run whose queue empties while tasks still wait is
 * a bug of the workload.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "traces/format/mmt.h"
#include "traces/generate/gen.h"

enum { BLOCK_TASKS = 1024, FIRST_TID = 1000, PROGRESS_EVERY = 1 << 16 };

struct gen_run {
	struct mmt_writer *w;
	struct errbuf *e;
	int code;			/* first error; records are dropped then */
	uint32_t *heap;			/* task ids */
	uint32_t heap_count, heap_room, block_count, task_room, mm_room;
	uint64_t records;
	uint64_t waiting;		/* blocked and parked tasks */
};

const char *const gen_think_names[] = { "fixed", "uniform", "exponential",
					NULL };

struct gen_task *gen_task_of(struct gen *g, uint32_t id)
{
	BUG_ON(id >= g->header.task_count);
	return &g->blocks[id / BLOCK_TASKS][id % BLOCK_TASKS];
}

/* ---- queue ---- */

static bool earlier(struct gen *g, uint32_t a, uint32_t b)
{
	int64_t ta = gen_task_of(g, a)->clock_ns;
	int64_t tb = gen_task_of(g, b)->clock_ns;

	return ta != tb ? ta < tb : a < b;
}

static void queue_push(struct gen *g, struct gen_task *t)
{
	struct gen_run *r = g->run;
	uint32_t i = r->heap_count++;

	if (r->heap_count > r->heap_room) {
		r->heap_room = r->heap_room ? r->heap_room * 2 : 64;
		r->heap = xrealloc(r->heap, r->heap_room, sizeof(*r->heap));
	}
	for (; i && earlier(g, t->id, r->heap[(i - 1) / 2]); i = (i - 1) / 2)
		r->heap[i] = r->heap[(i - 1) / 2];
	r->heap[i] = t->id;
}

static void sift_down(struct gen *g, uint32_t id)
{
	struct gen_run *r = g->run;
	uint32_t i = 0, child;

	for (; (child = 2 * i + 1) < r->heap_count; i = child) {
		if (child + 1 < r->heap_count &&
		    earlier(g, r->heap[child + 1], r->heap[child]))
			child++;
		if (!earlier(g, r->heap[child], id))
			break;
		r->heap[i] = r->heap[child];
	}
	r->heap[i] = id;
}

static struct gen_task *queue_pop(struct gen *g)
{
	struct gen_run *r = g->run;
	uint32_t first = r->heap[0];

	r->heap_count--;
	if (r->heap_count)
		sift_down(g, r->heap[r->heap_count]);
	return gen_task_of(g, first);
}

/* ---- tables ---- */

uint32_t gen_mm(struct gen *g, enum mm_origin origin, uint32_t parent)
{
	struct trace_header *h = &g->header;
	struct gen_run *r = g->run;

	if (h->mm_count == r->mm_room) {
		r->mm_room = r->mm_room ? r->mm_room * 2 : 16;
		h->mms = xrealloc(h->mms, r->mm_room, sizeof(*h->mms));
	}
	h->mms[h->mm_count] = (struct trace_mm){
		.origin = origin, .parent = parent,
		.owner_task = TRACE_NO_TASK,
	};
	return h->mm_count++;
}

void gen_area(struct gen *g, uint32_t mm, struct range r, uint32_t flags,
	      uint64_t resident_pages, const char *name)
{
	struct trace_mm *m = &g->header.mms[mm];
	uint32_t n = m->area_count;
	struct trace_area *a;

	BUG_ON(resident_pages > range_pages(r));
	if (!n)
		m->areas = xcalloc(16, sizeof(*m->areas));
	else if (n >= 16 && !(n & (n - 1)))	/* full at every power of two */
		m->areas = xrealloc(m->areas, 2 * (size_t)n, sizeof(*m->areas));
	a = &m->areas[m->area_count++];
	*a = (struct trace_area){ .start = r.start, .end = r.end,
				  .flags = flags,
				  .resident_pages = resident_pages };
	strncpy(a->name, name, sizeof(a->name) - 1);
}

static int area_order(const void *a, const void *b)
{
	const struct trace_area *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void sort_areas(struct gen *g)
{
	for (uint32_t i = 0; i < g->header.mm_count; i++) {
		struct trace_mm *m = &g->header.mms[i];

		if (m->area_count)
			qsort(m->areas, m->area_count, sizeof(*m->areas),
			      area_order);
		for (uint32_t k = 1; k < m->area_count; k++)
			BUG_ON(m->areas[k - 1].end > m->areas[k].start);
	}
}

struct gen_task *gen_task_new(struct gen *g, uint32_t parent, uint32_t leader,
			      uint32_t mm, int64_t start_ns, uint32_t role,
			      const char *comm)
{
	struct trace_header *h = &g->header;
	struct gen_run *r = g->run;
	uint32_t id = h->task_count++;
	struct trace_task *tt;
	struct gen_task *t;

	if (id == r->task_room) {
		r->task_room = r->task_room ? r->task_room * 2 : 64;
		h->tasks = xrealloc(h->tasks, r->task_room, sizeof(*h->tasks));
	}
	if (id / BLOCK_TASKS == r->block_count) {
		g->blocks = xrealloc(g->blocks, ++r->block_count,
				     sizeof(*g->blocks));
		g->blocks[id / BLOCK_TASKS] = xcalloc(BLOCK_TASKS, sizeof(*t));
	}
	tt = &h->tasks[id];
	*tt = (struct trace_task){ .tid = FIRST_TID + id, .parent = parent,
				   .mm = mm, .first_ns = start_ns,
				   .last_ns = start_ns };
	tt->tgid = leader == TRACE_NO_TASK ? tt->tid : h->tasks[leader].tgid;
	strncpy(tt->comm, comm, sizeof(tt->comm) - 1);
	if (mm != TRACE_NO_MM && h->mms[mm].owner_task == TRACE_NO_TASK) {
		h->mms[mm].owner_task = id;
		h->mms[mm].first_ns = start_ns;
	}
	t = gen_task_of(g, id);
	t->id = id;
	t->role = role;
	t->clock_ns = start_ns;
	queue_push(g, t);
	return t;
}

/* ---- records ---- */

static void put(struct gen *g, struct op *op)
{
	struct trace_header *h = &g->header;
	struct trace_task *tt = &h->tasks[op->task];
	struct gen_run *r = g->run;

	if (r->code)
		return;
	if (!tt->records++)
		tt->first_ns = op->start_ns;
	tt->last_ns = op->start_ns;
	if (op->mm != TRACE_NO_MM)
		h->mms[op->mm].last_ns = op->start_ns;
	if (op->start_ns > h->span_ns)
		h->span_ns = op->start_ns;
	h->ops[op->kind]++;
	r->records++;
	r->code = mmt_put(r->w, op, r->e);
}

static void record(struct gen *g, struct gen_task *t, enum op_kind kind,
		   uint32_t mm, const uint64_t *args, unsigned count,
		   int64_t result)
{
	struct op op = {
		.start_ns = t->clock_ns, .duration_ns = t->nominal_ns,
		.task = t->id,
		.mm = mm, .cpu = (uint16_t)(t->id % g->common->cpus),
		.kind = (uint8_t)kind, .flags = OPF_RESULT_KNOWN,
		.result = result,
	};

	BUG_ON(count > OP_ARGS || t->done);
	for (unsigned i = 0; i < count; i++)
		op.arg[i] = args[i];
	put(g, &op);
	t->clock_ns += t->nominal_ns + 1;
	t->nominal_ns = 0;
}

void gen_nominal(struct gen_task *t, int64_t ns)
{
	t->nominal_ns = ns;
}

void gen_op(struct gen *g, struct gen_task *t, enum op_kind kind,
	    const uint64_t *args, unsigned count, int64_t result)
{
	record(g, t, kind, g->header.tasks[t->id].mm, args, count, result);
}

static void sched_record(struct gen *g, struct gen_task *t, enum op_kind kind,
			 uint64_t first, uint64_t second)
{
	record(g, t, kind, TRACE_NO_MM, (uint64_t[]){ first, second },
	       op_kinds[kind].nargs, 0);
}

uint64_t gen_draw(struct gen *g, struct gen_task *t, uint64_t bound)
{
	return draw_below(draw(g->common->seed, t->id, DRAW_WORKLOAD,
			       t->draws++), bound);
}

void gen_compute(struct gen_task *t, int64_t ns)
{
	t->clock_ns += ns;
}

void gen_think(struct gen *g, struct gen_task *t)
{
	int64_t ns = g->common->think_ns;

	if (g->common->think == GEN_THINK_UNIFORM && ns)
		ns = ns / 2 + (int64_t)gen_draw(g, t, (uint64_t)ns + 1);
	if (g->common->think == GEN_THINK_EXPONENTIAL && ns)
		ns = draw_exponential_ns(draw(g->common->seed, t->id,
					      DRAW_WORKLOAD, t->draws++), ns);
	t->clock_ns += ns;
}

static struct gen_task *child(struct gen *g, struct gen_task *t,
			      enum op_kind kind, uint32_t mm, uint32_t leader,
			      uint64_t clone_flags, uint32_t role)
{
	uint32_t id = g->header.task_count;
	struct gen_task *c;
	char comm[16];

	memcpy(comm, g->header.tasks[t->id].comm, sizeof(comm));
	gen_op(g, t, kind, (uint64_t[]){ id, clone_flags }, 2, FIRST_TID + id);
	c = gen_task_new(g, t->id, leader, mm, t->clock_ns, role, comm);
	/* Schedules start after the call that made them, parent first. */
	c->clock_ns++;
	return c;
}

struct gen_task *gen_fork(struct gen *g, struct gen_task *t, uint32_t role)
{
	uint32_t mm = gen_mm(g, MM_FORK, g->header.tasks[t->id].mm);

	return child(g, t, OP_FORK, mm, TRACE_NO_TASK, 0x1200011, role);
}

struct gen_task *gen_clone_thread(struct gen *g, struct gen_task *t,
				  uint32_t role)
{
	return child(g, t, OP_CLONE_THREAD, g->header.tasks[t->id].mm, t->id,
		     0x3d0f00, role);
}

void gen_exit(struct gen *g, struct gen_task *t, bool last)
{
	if (last)
		gen_op(g, t, OP_EXIT_MM, NULL, 0, 0);
	gen_op(g, t, OP_EXIT, (uint64_t[]){ last }, 1, 0);
	g->header.tasks[t->id].exited = true;
	t->done = true;
}

/* ---- waiting ---- */

void gen_sleep(struct gen *g, struct gen_task *t, int64_t ns)
{
	sched_record(g, t, OP_SCHED_OUT, 'S', TRACE_NO_TASK);
	t->clock_ns += ns;
	sched_record(g, t, OP_SCHED_IN, 0, 0);
}

/* @waker is at its place and @sleeper sleeps: write the edge. */
static void wake(struct gen *g, struct gen_task *waker,
		 struct gen_task *sleeper)
{
	if (waker->clock_ns < sleeper->clock_ns)
		waker->clock_ns = sleeper->clock_ns;
	sched_record(g, waker, OP_WAKING, sleeper->id, 0);
	if (sleeper->clock_ns < waker->clock_ns)
		sleeper->clock_ns = waker->clock_ns;
	sched_record(g, sleeper, OP_SCHED_IN, 0, 0);
}

/* Takes the first task parked for @t, or @by if it is one of them. */
static struct gen_task *unpark(struct gen *g, struct gen_task *t,
			       struct gen_task *by)
{
	struct gen_task *prev = NULL, *p = t->parked_first;

	for (; p && by && p != by; p = p->parked_next)
		prev = p;
	if (!p)
		return NULL;
	*(prev ? &prev->parked_next : &t->parked_first) = p->parked_next;
	if (t->parked_last == p)
		t->parked_last = prev;
	p->parked_next = NULL;
	p->parked = false;
	g->run->waiting--;
	return p;
}

bool gen_wait(struct gen *g, struct gen_task *t, struct gen_task *by)
{
	struct gen_task *p;

	sched_record(g, t, OP_SCHED_OUT, 'S', TRACE_NO_TASK);
	p = unpark(g, t, by);
	if (p) {
		wake(g, p, t);
		queue_push(g, p);
		return true;
	}
	t->blocked = true;
	t->peer = by ? by->id : TRACE_NO_TASK;
	g->run->waiting++;
	return false;
}

bool gen_signal(struct gen *g, struct gen_task *t, struct gen_task *wakee)
{
	if (wakee->blocked &&
	    (wakee->peer == t->id || wakee->peer == TRACE_NO_TASK)) {
		wakee->blocked = false;
		g->run->waiting--;
		wake(g, t, wakee);
		queue_push(g, wakee);
		return true;
	}
	t->parked = true;
	*(wakee->parked_last ? &wakee->parked_last->parked_next :
			       &wakee->parked_first) = t;
	wakee->parked_last = t;
	g->run->waiting++;
	return false;
}

bool gen_leave(struct gen *g, struct gen_task *t, struct gen_task *leader,
	       bool last)
{
	if (!t->left) {
		t->left = true;
		if (!gen_signal(g, t, leader))
			return true;
	}
	gen_exit(g, t, last);
	return false;
}

bool gen_gather(struct gen *g, struct gen_task *t, uint64_t workers)
{
	while (t->gathered < workers) {
		t->gathered++;
		if (!gen_wait(g, t, NULL))
			return true;
	}
	gen_exit(g, t, true);
	return false;
}

/* ---- the run ---- */

static void header_start(struct gen *g, const struct workload *w,
			 const char *command)
{
	struct trace_header *h = &g->header;

	strncpy(h->clock, "generated", sizeof(h->clock) - 1);
	strncpy(h->tool, "mmreplay generate", sizeof(h->tool) - 1);
	strncpy(h->origin, w->info.after, sizeof(h->origin) - 1);
	strncpy(h->command, command, sizeof(h->command) - 1);
	strncpy(h->thp, "never", sizeof(h->thp) - 1);
	h->cpus_online = h->cpus_possible = g->common->cpus;
	h->synthetic = true;
	h->have = HAVE_SYSCALLS | HAVE_FAULTS | HAVE_SCHED | HAVE_WAKING |
		  HAVE_VMALLOC | HAVE_LAYOUT | HAVE_FORK_EXIT | HAVE_NS_CLOCK;
}

static void steps(struct gen *g, const struct workload *w,
		  const struct generate_request *q)
{
	uint64_t expected = w->expect ? w->expect(g->params) : 0;
	uint64_t shown = PROGRESS_EVERY;
	struct gen_run *r = g->run;

	while (r->heap_count && !r->code) {
		struct gen_task *t = queue_pop(g);

		if (!w->step(g, t))
			t->done = true;
		else if (!t->blocked && !t->parked && !t->done)
			queue_push(g, t);
		if (q->progress && r->records >= shown) {
			q->progress(q->progress_arg, r->records, expected);
			shown = r->records + PROGRESS_EVERY;
		}
	}
	if (!r->code && r->waiting)
		BUG("%s: %llu tasks wait for ever", w->info.name,
		    (unsigned long long)r->waiting);
}

static int result_fill(const char *path, const struct gen *g,
		       struct generate_result *out, struct errbuf *e)
{
	struct mmt_reader *r;

	if (!out)
		return 0;
	out->records = g->run->records;
	out->tasks = g->header.task_count;
	out->mms = g->header.mm_count;
	out->span_ns = g->header.span_ns;
	if (!strcmp(path, "-"))
		return 0;
	r = mmt_open(path, 0, 0, e);
	if (!r)
		return e->code;
	out->digest = mmt_digest(r);
	mmt_close(r);
	return 0;
}

int gen_trace(const struct workload *w, const void *params,
	      const struct generate_request *q, const char *command,
	      struct generate_result *out, struct errbuf *e)
{
	struct gen_run run = { .e = e };
	struct gen g = { .params = params, .common = params, .run = &run };

	run.w = mmt_create(q->output, e);
	if (!run.w)
		return e->code;
	header_start(&g, w, command);
	w->setup(&g);
	sort_areas(&g);
	steps(&g, w, q);
	if (run.code)
		mmt_abort(run.w);
	else
		run.code = mmt_finish(run.w, &g.header, e);
	if (!run.code)
		run.code = result_fill(q->output, &g, out, e);
	if (w->release)
		w->release(&g);
	trace_header_release(&g.header);
	for (uint32_t i = 0; i < run.block_count; i++)
		free(g.blocks[i]);
	free(g.blocks);
	free(run.heap);
	arena_release(&g.arena);
	return run.code;
}
