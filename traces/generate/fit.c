/*
 * generate --fit: threads that draw their next op from what followed the last
 * one in a trace, on mappings of their own, with the trace's sizes and gaps.
 *
 * Invariant: every op is valid when it is made: munmap, mremap, mprotect and
 * madvise hit a live mapping, a fault hits a page that is not there: of a live
 * mapping, else of memory that the thread has from its start, as a child has
 * its parent's. Where the drawn op has nothing to act on, an mmap takes its
 * place and is counted.
 * Limits: what fit_model.c leaves out; mappings of one thread never touch
 * those of another, so areas do not merge across threads.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "traces/generate/fit_model.h"
#include "traces/generate/gen.h"

enum { LEADER, WORKER };
enum { MAPS_A_PROCESS = 60000, LIVE_A_THREAD = 4096, DONTNEED = 4 };
enum { HEAP_PAGES_MAX = 1 << 18 };	/* 1 GiB; then brk falls back */
#define HEAP_START (0x12961000ULL + 33 * PAGE_BYTES)

/* what came out, to be held against the model */
struct fit_made {
	uint64_t replaced;		/* ops that became an mmap */
	uint64_t count[FIT_KINDS];
	uint64_t drawn[FIT_KINDS];
	int64_t gap_ns[FIT_KINDS];	/* before those drawn, all together */
};

struct fit_params {
	struct gen_common common;
	uint32_t threads, processes;
	uint64_t ops;
	/* not options */
	const struct fit_model *model;
	uint64_t live, window_bytes, start_pages;
	struct fit_made *made;
};

const struct option fit_option_table[] = {
	GEN_OPTION(struct fit_params, "threads", OPT_U32, threads, "0", 0,
		   65536, "count",
		   "threads of each process; 0: as many as the trace has tasks"),
	GEN_OPTION(struct fit_params, "processes", OPT_U32, processes, "1", 1,
		   4096, "count", "such processes"),
	GEN_OPTION(struct fit_params, "ops", OPT_U64, ops, "0", 0,
		   100000000000, "count",
		   "ops of each thread; 0: the trace's mean"),
	GEN_OPTION(struct fit_params, "cpus", OPT_U32, common.cpus, "0", 0,
		   4096, "count", "CPUs the trace claims; 0: as in the trace"),
	GEN_OPTION(struct fit_params, "seed", OPT_U64, common.seed, "1", 0,
		   INT64_MAX, "", "of every random draw"),
	OPTION_END
};

struct mapping {
	uint64_t start;
	uint64_t pages, room;		/* room: may grow to */
	uint64_t next;			/* first page that was not touched */
	uint64_t closed;		/* pages at the start that are read-only */
};

struct thread {
	struct mapping *map;
	uint32_t live;
	uint32_t current;		/* where faults go on */
	int last;			/* enum fit_kind */
	uint64_t at;			/* next free byte of the window */
	uint64_t touched;		/* of the memory at its start */
};

struct fit_state {
	struct thread *thread;		/* workers of all processes */
	uint64_t *heap_pages;		/* by process, above HEAP_START */
};

/* with a page between it and the mappings */
static uint64_t start_bytes(const struct fit_params *p)
{
	return (p->start_pages + 1) * PAGE_BYTES;
}

/* what worker @k of a process has mapped from its start */
static struct range start_memory(const struct fit_params *p, uint32_t k)
{
	uint64_t from = GEN_ARENA + k * p->window_bytes;

	return (struct range){ from, from + p->start_pages * PAGE_BYTES };
}

static void fit_setup(struct gen *g)
{
	const struct fit_params *p = g->params;
	uint64_t n = (uint64_t)p->threads * p->processes;
	struct fit_state *s = arena_alloc(&g->arena, sizeof(*s));

	g->state = s;
	s->thread = arena_alloc(&g->arena, n * sizeof(*s->thread));
	s->heap_pages = arena_alloc(&g->arena,
				    p->processes * sizeof(*s->heap_pages));
	for (uint32_t i = 0; i < p->processes; i++) {
		uint32_t mm = gen_mm(g, MM_INITIAL, TRACE_NO_MM);
		uint32_t leader;

		gen_base_layout(g, mm);
		leader = gen_task_new(g, TRACE_NO_TASK, TRACE_NO_TASK, mm, 0,
				      LEADER, "fitted")->id;
		for (uint32_t k = 0; k < p->threads; k++) {
			struct thread *w = s->thread + i * p->threads + k;

			w->map = arena_alloc(&g->arena,
					     p->live * sizeof(*w->map));
			w->last = -1;
			w->at = GEN_ARENA + k * p->window_bytes +
				start_bytes(p);
			gen_area(g, mm, start_memory(p, k), AREA_READ |
				 AREA_WRITE, 0, "");
			gen_task_new(g, TRACE_NO_TASK, leader, mm, 0, WORKER,
				     "fitted");
		}
	}
}

/* tasks come in blocks of a leader and its threads */
static uint32_t process_of(const struct fit_params *p, uint32_t task)
{
	return task / (p->threads + 1);
}

static struct thread *thread_of(struct gen *g, const struct gen_task *t)
{
	const struct fit_params *p = g->params;
	struct fit_state *s = g->state;

	return s->thread + process_of(p, t->id) * p->threads +
	       t->id % (p->threads + 1) - 1;
}

static struct range whole(const struct mapping *m)
{
	return (struct range){ m->start, m->start + m->pages * PAGE_BYTES };
}

static struct range head(const struct mapping *m, uint64_t pages)
{
	return (struct range){ m->start, m->start + pages * PAGE_BYTES };
}

static uint64_t pick(struct gen *g, struct gen_task *t, const uint64_t *table)
{
	return table[gen_draw(g, t, FIT_POINTS)];
}

/* Index into weights by chance; FIT_KINDS if all are 0. */
static int choose(struct gen *g, struct gen_task *t, const uint64_t *weight)
{
	uint64_t sum = 0, at;

	for (int k = 0; k < FIT_KINDS; k++)
		sum += weight[k];
	if (!sum)
		return FIT_KINDS;
	at = gen_draw(g, t, sum);
	for (int k = 0; k < FIT_KINDS; k++) {
		if (at < weight[k])
			return k;
		at -= weight[k];
	}
	BUG("draw beyond its bound");
}

static void do_munmap(struct gen *g, struct gen_task *t, struct thread *w,
		      uint32_t i)
{
	gen_munmap(g, t, whole(&w->map[i]));
	w->map[i] = w->map[--w->live];
	w->current = w->live ? w->current % w->live : 0;
}

/* A free place for @bytes from @base to @end; live mappings are few. */
static uint64_t place(struct thread *w, uint64_t base, uint64_t limit,
		      uint64_t bytes)
{
	for (uint32_t tries = 0, i = 0; i < w->live; i++) {
		const struct mapping *m = &w->map[i];
		uint64_t end = m->start + (m->room + 1) * PAGE_BYTES;

		if (w->at + bytes > limit) {
			w->at = base;
			BUG_ON(tries++ > w->live);
			i = UINT32_MAX;
		} else if (w->at < end && m->start < w->at + bytes) {
			w->at = end;
			i = UINT32_MAX;
		}
	}
	if (w->at + bytes > limit)
		w->at = base;
	return w->at;
}

static void do_mmap(struct gen *g, struct gen_task *t, struct thread *w)
{
	const struct fit_params *p = g->params;
	uint32_t k = t->id % (p->threads + 1) - 1;
	uint64_t base = GEN_ARENA + k * p->window_bytes;
	uint64_t most = p->window_bytes / (8 * (p->live + 1)) / PAGE_BYTES;
	uint64_t pages = pick(g, t, p->model->mmap_pages);
	struct mapping *m;

	if (w->live == p->live)
		do_munmap(g, t, w, (uint32_t)gen_draw(g, t, w->live));
	if (pages > most)
		pages = most;
	m = &w->map[w->live];
	*m = (struct mapping){ .pages = pages, .room = 2 * pages };
	m->start = place(w, base + start_bytes(p), base + p->window_bytes,
			 (m->room + 1) * PAGE_BYTES);
	w->at = m->start + (m->room + 1) * PAGE_BYTES;
	w->current = w->live++;
	gen_mmap(g, t, whole(m), GEN_PROT_RW, GEN_MAP_ANON);
}

/*
 * A fault on the next page of the current mapping, of any that has one, or of
 * the memory at the start.
 */
static bool do_fault(struct gen *g, struct gen_task *t, struct thread *w)
{
	const struct fit_params *p = g->params;
	uint32_t k = t->id % (p->threads + 1) - 1;

	for (uint32_t i = 0; i < w->live; i++) {
		struct mapping *m = &w->map[(w->current + i) % w->live];

		if (m->next < m->closed)
			m->next = m->closed;
		if (m->next >= m->pages)
			continue;
		w->current = (w->current + i) % w->live;
		gen_write_fault(g, t, m->start + m->next++ * PAGE_BYTES);
		return true;
	}
	if (w->touched == p->start_pages)
		return false;
	gen_write_fault(g, t, start_memory(p, k).start +
			w->touched++ * PAGE_BYTES);
	return true;
}

static void do_brk(struct gen *g, struct gen_task *t)
{
	const struct fit_params *p = g->params;
	struct fit_state *s = g->state;
	uint64_t *heap = &s->heap_pages[process_of(p, t->id)];
	uint64_t to = *heap + pick(g, t, p->model->brk_pages);

	if (to > HEAP_PAGES_MAX)
		to = 0;
	*heap = to;
	to = HEAP_START + to * PAGE_BYTES;
	gen_op(g, t, OP_BRK, (uint64_t[]){ to }, 1, (int64_t)to);
}

static void do_mprotect(struct gen *g, struct gen_task *t, struct mapping *m)
{
	const struct fit_params *p = g->params;
	uint64_t pages = pick(g, t, p->model->mprotect_pages);

	if (m->closed) {
		gen_mprotect(g, t, head(m, m->closed), GEN_PROT_RW);
		m->closed = 0;
		return;
	}
	m->closed = pages < m->pages ? pages : m->pages;
	gen_mprotect(g, t, head(m, m->closed), 1);
}

/* on mapping @i, or on the memory at the start where there is none */
static void do_madvise(struct gen *g, struct gen_task *t, struct thread *w,
		       uint32_t i)
{
	const struct fit_params *p = g->params;
	uint64_t all = p->model->count[FIT_MADVISE];
	struct range r = w->live ? whole(&w->map[i]) :
			 start_memory(p, t->id % (p->threads + 1) - 1);

	if (gen_draw(g, t, all) >= p->model->discards) {
		gen_madvise(g, t, r, p->model->other_behavior);
		return;
	}
	gen_madvise(g, t, r, DONTNEED);
	*(w->live ? &w->map[i].next : &w->touched) = 0;
}

/* Does an op of kind @k; false if there is nothing it could act on. */
static bool act(struct gen *g, struct gen_task *t, struct thread *w, int k)
{
	uint32_t i = w->live ? (uint32_t)gen_draw(g, t, w->live) : 0;
	struct mapping *m = &w->map[i];

	if (k == FIT_MMAP)
		do_mmap(g, t, w);
	else if (k == FIT_BRK)
		do_brk(g, t);
	else if (k == FIT_FAULT)
		return do_fault(g, t, w);
	else if (k == FIT_MADVISE)
		do_madvise(g, t, w, i);
	else if (!w->live)
		return false;
	else if (k == FIT_MUNMAP)
		do_munmap(g, t, w, i);
	else if (k == FIT_MPROTECT)
		do_mprotect(g, t, m);
	else if (m->pages < m->room) {
		gen_mremap(g, t, whole(m), head(m, m->room));
		m->pages = m->room;
	} else
		return false;
	return true;
}

/* the gap before an op of kind @k; its length */
static int64_t before(struct gen *g, struct gen_task *t, int k)
{
	const struct fit_model *m = ((const struct fit_params *)g->params)->model;
	int64_t gap_ns = m->think_ns[k][gen_draw(g, t, FIT_POINTS)], sleep_ns;

	gen_compute(t, gap_ns);
	if (m->slept[k] && gen_draw(g, t, m->count[k]) < m->slept[k]) {
		sleep_ns = m->sleep_ns[gen_draw(g, t, FIT_POINTS)];
		gen_sleep(g, t, sleep_ns);
		gap_ns += sleep_ns;
	}
	return gap_ns;
}

static bool fit_step(struct gen *g, struct gen_task *t)
{
	const struct fit_params *p = g->params;
	const struct fit_model *m = p->model;
	uint32_t leader = t->id - t->id % (p->threads + 1);
	struct thread *w;
	int64_t gap_ns;
	int k;

	if (t->role == LEADER)
		return gen_gather(g, t, p->threads);
	if (t->n == p->ops)
		return gen_leave(g, t, gen_task_of(g, leader), false);
	w = thread_of(g, t);
	k = w->last < 0 ? FIT_KINDS : choose(g, t, m->follows[w->last]);
	if (k == FIT_KINDS)		/* a new thread, or the trace ended here */
		k = choose(g, t, w->last < 0 ? m->started : m->count);
	gap_ns = before(g, t, k);
	w->last = k;
	if (!act(g, t, w, k)) {
		p->made->replaced++;
		k = FIT_MMAP;
		do_mmap(g, t, w);
	}
	p->made->count[k]++;
	p->made->gap_ns[w->last] += gap_ns;	/* drawn for the one it stands for */
	p->made->drawn[w->last]++;
	t->n++;
	return true;
}

static uint64_t fit_expect(const void *params)
{
	const struct fit_params *p = params;

	return p->ops * p->threads * p->processes;
}

static int fit_params_set(struct fit_params *p, const struct fit_model *m,
			  const struct generate_request *q, struct arena *a,
			  struct errbuf *e)
{
	uint64_t all = 0;
	struct loc at = { 0 };

	option_defaults(fit_option_table, p, a);
	for (unsigned i = 0; i < q->param_count; i++) {
		at = q->params[i].at;
		if (option_set(fit_option_table, p, a, q->params[i].key,
			       q->params[i].value, at, e))
			return e->code;
	}
	for (int k = 0; k < FIT_KINDS; k++)
		all += m->count[k];
	if (!p->threads)
		p->threads = (uint32_t)(m->tasks < 65536 ? m->tasks : 65536);
	if (!p->ops)
		p->ops = all / m->tasks + !(all / m->tasks);
	if (!p->common.cpus)
		p->common.cpus = m->cpus ? m->cpus : 1;
	if (p->threads > MAPS_A_PROCESS / 2)
		return gen_refuse(e, at, "threads=%u: a process has at most %d mappings",
				  p->threads, MAPS_A_PROCESS);
	p->model = m;
	p->live = MAPS_A_PROCESS / p->threads - 1;
	if (p->live > LIVE_A_THREAD)
		p->live = LIVE_A_THREAD;
	if (p->live > m->live_max)
		p->live = m->live_max ? m->live_max : 1;
	p->window_bytes = page_down((GEN_ARENA_END - GEN_ARENA) / p->threads);
	p->start_pages = p->window_bytes / 4 / PAGE_BYTES;
	if (p->start_pages > p->ops)	/* an op touches a page at most */
		p->start_pages = p->ops;
	return 0;
}

/* mean of the gaps that the model has before an op of kind @k */
static double model_gap_ns(const struct fit_model *m, int k)
{
	double think = 0, sleep = 0;

	for (int i = 0; i < FIT_POINTS; i++) {
		think += (double)m->think_ns[k][i];
		sleep += (double)m->sleep_ns[i];
	}
	if (m->count[k])
		think += sleep * (double)m->slept[k] / (double)m->count[k];
	return think / FIT_POINTS;
}

/* how far each kind is from the trace, in number and in what lies before it */
static void print_residuals(FILE *f, const struct fit_model *m,
			    const struct fit_made *made)
{
	double want = 0, got = 0;

	for (int k = 0; k < FIT_KINDS; k++) {
		want += (double)m->count[k];
		got += (double)made->count[k];
	}
	for (int k = 0; k < FIT_KINDS; k++) {
		double gap;

		if (!m->count[k] || !made->drawn[k])
			continue;
		gap = (double)made->gap_ns[k] / (double)made->drawn[k];
		fprintf(f, "  %s: %.2f %% of the ops, %.2f %% in the trace; mean "
			"gap before one %.1f us, %.1f us fitted (%+.0f %%)\n",
			op_kinds[fit_op_kind[k]].name,
			100 * (double)made->count[k] / got,
			100 * (double)m->count[k] / want, gap / 1e3,
			model_gap_ns(m, k) / 1e3,
			100 * (gap / (model_gap_ns(m, k) + 1e-9) - 1));
	}
}

static char *notes_text(const char *trace, const struct fit_params *p)
{
	const struct fit_model *m = p->model;
	struct memtext t;
	FILE *f = memtext_open(&t);

	fprintf(f, "fitted to %s (%" PRIu64 " tasks): ", trace, m->tasks);
	for (int k = 0; k < FIT_KINDS; k++)
		fprintf(f, "%s%s %" PRIu64, k ? ", " : "",
			op_kinds[fit_op_kind[k]].name, m->count[k]);
	fprintf(f, "\n  made: %u processes of %u threads, %" PRIu64 " ops each; %" PRIu64
		" had nothing to act on and became an mmap\n", p->processes,
		p->threads, p->ops, p->made->replaced);
	print_residuals(f, m, p->made);
	for (int k = 0; k < OP_KIND_COUNT; k++)
		if (m->left_out[k])
			fprintf(f, "  left out: %s %" PRIu64 "\n",
				op_kinds[k].name, m->left_out[k]);
	if (m->failed)
		fprintf(f, "  left out: %" PRIu64 " calls that failed\n",
			m->failed);
	fprintf(f, "  taken off each gap behind a fault, as its cost: %" PRId64
		" ns (5 %% quantile)\n", m->fault_floor_ns);
	fprintf(f, m->sleeps_known ?
		"  waits for other tasks became sleeps of their recorded length\n" :
		"  no scheduler events: all gaps count as computing\n");
	return memtext_close(&t);
}

int generate_fit(const char *trace, const struct generate_request *q,
		 struct generate_result *out, char **notes, struct errbuf *e)
{
	struct fit_model *m = xcalloc(1, sizeof(*m));
	struct workload w = {
		.expect = fit_expect, .setup = fit_setup, .step = fit_step,
	};
	struct fit_made made = { .replaced = 0 };
	struct fit_params p = { .made = &made };
	struct arena a = { 0 };
	char *command = NULL, *after = NULL;
	int code = fit_model_read(trace, m, e);

	if (!code)
		code = fit_params_set(&p, m, q, &a, e);
	if (!code) {
		/* no path of @trace: the bytes must not depend on it */
		command = xasprintf("--fit threads=%u processes=%u ops=%" PRIu64
				    " seed=%" PRIu64, p.threads, p.processes,
				    p.ops, p.common.seed);
		after = xasprintf("fitted to: %s", m->origin);
		w.info = (struct workload_info){ .name = "fit", .after = after };
		p.made = &made;
		code = gen_trace(&w, &p, q, command, out, e);
	}
	if (!code && notes)
		*notes = notes_text(trace, &p);
	free(after);
	free(command);
	free(m);
	arena_release(&a);
	return code;
}
