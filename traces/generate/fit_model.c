/*
 * Reads a trace into a fit_model: one cursor after the other, so memory is
 * one cursor and a histogram per kind.
 *
 * A gap is the time from the end of an op to the start of the task's next
 * one, less what the task slept in it. A fault has no recorded end; its cost
 * is taken as the 5 % quantile of the gaps behind faults, which is what a
 * touch loop shows, and comes off every such gap.
 * Limits: waits for other tasks become sleeps of recorded length; partial
 * munmaps count as whole ones.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/hist.h"
#include "sim/base/mem.h"
#include "sim/base/units.h"
#include "traces/format/mmt.h"
#include "traces/generate/fit_model.h"

enum { BEHAVIORS = 32, DONTNEED = 4, FREE = 8 };

const enum op_kind fit_op_kind[FIT_KINDS] = {
	OP_MMAP, OP_MUNMAP, OP_MREMAP, OP_MPROTECT, OP_MADVISE, OP_BRK,
	OP_FAULT
};

/* what is gathered before it is made into tables */
struct gather {
	struct fit_model *m;
	struct hist gap[FIT_KINDS];		/* before kind, not after a fault */
	struct hist gap_fault[FIT_KINDS];	/* before kind, after a fault */
	struct hist behind_fault, sleep, mmap, brk, mprotect;
	uint64_t behavior[BEHAVIORS];
};

/* one task while it is read */
struct walk {
	int previous;			/* enum fit_kind, -1: none yet */
	int64_t end_ns;			/* of the previous op */
	int64_t out_ns, slept_ns;	/* since then; out_ns -1: is running */
	uint64_t live, brk;
};

static int kind_of(unsigned kind)
{
	for (int k = 0; k < FIT_KINDS; k++)
		if (fit_op_kind[k] == (enum op_kind)kind)
			return k;
	return -1;
}

static void sched(struct walk *w, const struct op *op)
{
	if (op->start_ns < w->end_ns)	/* inside an op: its own affair */
		return;
	if (op->kind == OP_SCHED_OUT && op->arg[0] != 'R')
		w->out_ns = op->start_ns;
	if (op->kind == OP_SCHED_IN && w->out_ns >= 0) {
		w->slept_ns += op->start_ns - w->out_ns;
		w->out_ns = -1;
	}
}

static void gap(struct gather *g, struct walk *w, int k, const struct op *op)
{
	int64_t ns = op->start_ns - w->end_ns - w->slept_ns;

	if (w->previous < 0) {
		g->m->started[k]++;
		return;
	}
	g->m->follows[w->previous][k]++;
	if (ns < 0)			/* nested in the op before, as a fault in a call */
		ns = 0;
	hist_record(w->previous == FIT_FAULT ? &g->gap_fault[k] : &g->gap[k],
		    ns);
	if (w->previous == FIT_FAULT)
		hist_record(&g->behind_fault, ns);
	if (w->slept_ns) {
		g->m->slept[k]++;
		hist_record(&g->sleep, w->slept_ns);
	}
}

static void sizes(struct gather *g, struct walk *w, int k, const struct op *op)
{
	uint64_t b;

	switch ((enum fit_kind)k) {
	case FIT_MMAP:
		hist_record(&g->mmap, (int64_t)(page_up(op->arg[1]) >> PAGE_SHIFT));
		if (++w->live > g->m->live_max)
			g->m->live_max = w->live;
		return;
	case FIT_MUNMAP:
		w->live -= w->live > 0;
		return;
	case FIT_BRK:
		if (w->brk && op->arg[0])
			hist_record(&g->brk, (int64_t)
				    ((op->arg[0] > w->brk ? op->arg[0] - w->brk :
				      w->brk - op->arg[0]) >> PAGE_SHIFT));
		if (op->arg[0])
			w->brk = op->arg[0];
		return;
	case FIT_MPROTECT:
		hist_record(&g->mprotect,
			    (int64_t)(page_up(op->arg[1]) >> PAGE_SHIFT));
		return;
	case FIT_MADVISE:
		b = op->arg[2];
		if (b == DONTNEED || b == FREE)
			g->m->discards++;
		else
			g->behavior[b < BEHAVIORS ? b : 0]++;
		return;
	case FIT_MREMAP:
	case FIT_FAULT:
	case FIT_KINDS:
		return;
	}
}

/* Lengths above this are hostile or a reservation; neither is a workload. */
static bool plausible(const struct op *op, int k)
{
	return k == FIT_FAULT || k == FIT_BRK || op->arg[1] <= 1ULL << 46;
}

static void take(struct gather *g, struct walk *w, const struct op *op)
{
	int k = kind_of(op->kind);

	if (op_kinds[op->kind].cls == OP_CLASS_SCHED) {
		sched(w, op);
		return;
	}
	if (op_kinds[op->kind].cls != OP_CLASS_REPLAY)
		return;
	if (k < 0) {
		g->m->left_out[op->kind]++;
		return;
	}
	if (op->flags & OPF_FAILED || !plausible(op, k)) {
		g->m->failed++;
		return;
	}
	gap(g, w, k, op);
	sizes(g, w, k, op);
	g->m->count[k]++;
	w->previous = k;
	w->end_ns = op->start_ns +
		    (op->duration_ns > 0 ? op->duration_ns : 0);
	w->out_ns = -1;
	w->slept_ns = 0;
}

static int read_task(struct mmt_reader *r, uint32_t task, struct gather *g,
		     struct errbuf *e)
{
	struct mmt_cursor *c = mmt_cursor(r, task);
	struct walk w = { .previous = -1, .out_ns = -1 };
	struct op op;
	int more;

	while ((more = mmt_next(c, &op, e)) > 0)
		take(g, &w, &op);
	mmt_cursor_free(c);
	if (w.previous >= 0)
		g->m->tasks++;
	return more;
}

/* The i-th of FIT_POINTS equally likely values. */
static int64_t point(const struct hist *h, uint32_t i)
{
	return hist_quantile(h, 2 * i + 1, 2 * FIT_POINTS);
}

static void page_table(const struct hist *h, uint64_t *out)
{
	for (uint32_t i = 0; i < FIT_POINTS; i++) {
		int64_t pages = point(h, i);

		out[i] = pages > 0 ? (uint64_t)pages : 1;
	}
}

struct shift {
	struct hist *into;
	int64_t less;
};

static void add_shifted(void *arg, int64_t lower, int64_t upper,
			uint64_t count)
{
	struct shift *s = arg;
	int64_t middle = lower + (upper - lower) / 2;

	hist_record_many(s->into, middle > s->less ? middle - s->less : 0,
			 count);
}

static void tables(struct gather *g)
{
	struct fit_model *m = g->m;
	uint64_t most = 0;

	m->fault_floor_ns = hist_quantile(&g->behind_fault, 5, 100);
	for (int k = 0; k < FIT_KINDS; k++) {
		struct shift s = { &g->gap[k], m->fault_floor_ns };

		hist_each(&g->gap_fault[k], add_shifted, &s);
		for (uint32_t i = 0; i < FIT_POINTS; i++)
			m->think_ns[k][i] = point(&g->gap[k], i);
		hist_release(&g->gap[k]);
		hist_release(&g->gap_fault[k]);
	}
	for (uint32_t i = 0; i < FIT_POINTS; i++)
		m->sleep_ns[i] = point(&g->sleep, i);
	page_table(&g->mmap, m->mmap_pages);
	page_table(&g->brk, m->brk_pages);
	page_table(&g->mprotect, m->mprotect_pages);
	for (unsigned b = 0; b < BEHAVIORS; b++) {
		if (g->behavior[b] > most) {
			most = g->behavior[b];
			m->other_behavior = b;
		}
	}
	hist_release(&g->behind_fault);
	hist_release(&g->sleep);
	hist_release(&g->mmap);
	hist_release(&g->brk);
	hist_release(&g->mprotect);
}

int fit_model_read(const char *path, struct fit_model *m, struct errbuf *e)
{
	struct gather *g = xcalloc(1, sizeof(*g));
	const struct trace_header *h;
	struct mmt_reader *r = mmt_open(path, 0, 0, e);
	uint64_t all = 0;
	int code = r ? 0 : e->code;

	*m = (struct fit_model){ 0 };
	g->m = m;
	if (r) {
		h = mmt_header(r);
		m->cpus = h->cpus_online;
		m->sleeps_known = h->have & HAVE_SCHED;
		memcpy(m->origin, *h->command ? h->command : h->origin,
		       sizeof(m->origin));
		for (uint32_t i = 0; i < h->task_count && !code; i++)
			code = read_task(r, i, g, e);
		mmt_close(r);
	}
	tables(g);
	free(g);
	for (int k = 0; k < FIT_KINDS; k++)
		all += m->count[k];
	if (!code && !all)
		return err_set(e, -EINVAL, "%s: nothing to fit: no mmap, munmap, mremap, mprotect, madvise, brk or fault in it",
			       path);
	return code;
}
