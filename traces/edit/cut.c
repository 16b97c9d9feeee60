/*
 * A part of a trace as a trace of its own. What lies before the part is
 * played through the address spaces, and the layout at its start is that of
 * the new trace, so that a replay finds what the program found.
 *
 * With a filter, what dropped records made is missing later: memory that a
 * kept record uses and no kept record made becomes part of the layout, in
 * the extent that it had when it was used.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/edit/edit.h"
#include "traces/edit/renumber.h"
#include "traces/edit/seen.h"
#include "traces/edit/space.h"
#include "traces/format/mmt.h"

enum { CACHE_BYTES = 4 << 20 };

/* an address space of the source, as far as the new trace has it */
struct part {
	struct seen seen;		/* with a filter only */
	struct rangemap assumed;
	bool based;			/* it has its layout */
	bool born;			/* a kept record makes it */
};

struct cut {
	const struct cut_options *o;
	struct cut_account *acct;
	struct mmt_reader *r;
	const struct trace_header *h;
	struct new_tables to;
	struct renumber n;
	struct space *space;
	struct part *parts;		/* by old mm */
	bool *task_born;		/* by old task: a kept record makes it */
	bool *task_wanted, *mm_wanted;	/* NULL: all */
	bool filtered, entered;
};

/* ---- which records ---- */

static bool *wanted(const uint32_t *list, unsigned count, uint32_t limit,
		    const char *what, struct errbuf *e)
{
	bool *w = count ? xcalloc(limit + 1, sizeof(*w)) : NULL;

	for (unsigned i = 0; i < count; i++) {
		if (list[i] >= limit) {
			err_usage(e, "cut: --%s %u: the trace has %ss 0 to "
				  "%lld (see `mmreplay info`)", what, list[i],
				  what, (long long)limit - 1);
			free(w);
			return NULL;
		}
		w[list[i]] = true;
	}
	return w;
}

static bool passes(const struct cut *c, const struct op *op)
{
	uint32_t mm = op->mm;

	if (c->o->kinds && !(c->o->kinds >> op->kind & 1))
		return false;
	if (c->task_wanted && !c->task_wanted[op->task])
		return false;
	if (!c->mm_wanted)
		return true;
	if (mm == TRACE_NO_MM)
		mm = space_mm(c->space, op->task);
	return mm != TRACE_NO_MM && c->mm_wanted[mm];
}

/* ---- the layout of what is kept ---- */

static void seen_assumed(struct part *p, struct range area)
{
	struct range_run run;

	for (uint64_t at = area.start; at < area.end &&
	     rangemap_next(&p->assumed, at, &run) && run.r.start < area.end;
	     at = run.r.end)
		rangemap_set(&p->seen.map, run.r, SEEN_MADE);
}

/* memory that is used and that no kept record made was there at the start */
static void use(struct cut *c, uint32_t mm, struct range r)
{
	struct part *p = &c->parts[mm];
	struct range_run run;
	struct range area;
	uint32_t flags;

	for (uint64_t at = r.start; at < r.end; at = area.end) {
		if (rangemap_find(&p->seen.map, at, &run)) {
			c->acct->outside += run.value == SEEN_EMPTY;
			area = run.r;
			continue;
		}
		if (!space_next(c->space, mm, at, &area, &flags) ||
		    area.start >= r.end)
			return;
		if (area.start > at) {	/* look again from there */
			area.end = area.start;
			continue;
		}
		/* all of it that is not known otherwise */
		for (uint64_t a = area.start; a < area.end; a = run.r.end) {
			bool more = rangemap_next(&p->seen.map, a, &run) &&
				    run.r.start < area.end;
			struct range gap = { a, more ? run.r.start : area.end };

			if (!more)
				run.r.end = area.end;
			rangemap_set(&p->assumed, gap, flags | AREA_ASSUMED);
		}
		seen_assumed(p, area);
	}
}

/* the first record that names @mm: its row gets the layout of this moment */
static void base(struct cut *c, uint32_t mm)
{
	struct part *p;
	struct trace_mm *row;
	uint32_t id;

	if (mm == TRACE_NO_MM || c->parts[mm].based)
		return;
	p = &c->parts[mm];
	p->based = true;
	id = renumber_mm(&c->n, mm);	/* may move the table */
	row = &c->to.h.mms[id];
	if (!p->born) {
		uint32_t before = row->area_count;

		space_areas(c->space, mm, row);
		row->origin = MM_INITIAL;
		if (row->area_count > before)
			c->acct->rebuilt_areas += row->area_count - before;
	}
	if (!c->filtered)
		return;
	if (p->born && row->origin == MM_FORK &&
	    c->h->mms[mm].parent != TRACE_NO_MM)
		seen_copy(&p->seen, &c->parts[c->h->mms[mm].parent].seen);
	seen_row(&p->seen, row);
}

/* what a record makes is no part of the layout */
static void note_births(struct cut *c, const struct op *op)
{
	uint32_t child, mm;

	if (op->kind == OP_EXEC && op->arg[0] != TRACE_NO_MM) {
		c->parts[op->arg[0]].born = true;
	} else if (op->kind == OP_FORK || op->kind == OP_VFORK ||
		   op->kind == OP_CLONE_THREAD) {
		child = (uint32_t)op->arg[0];
		if (child == TRACE_NO_TASK)
			return;
		c->task_born[child] = true;
		mm = c->h->tasks[child].mm;
		if (op->kind == OP_FORK && mm != TRACE_NO_MM)
			c->parts[mm].born = true;
	}
}

/* every address space that @op names */
static void base_all(struct cut *c, const struct op *op)
{
	unsigned tasks, mms;

	note_births(c, op);
	base(c, op->mm);
	base(c, space_mm(c->space, op->task));
	mmt_arg_refs(op->kind, &tasks, &mms);
	for (unsigned i = 0; (tasks | mms) >> i; i++) {
		if (mms >> i & 1)
			base(c, (uint32_t)op->arg[i]);
		else if (tasks >> i & 1 && op->arg[i] != TRACE_NO_TASK)
			base(c, space_mm(c->space, (uint32_t)op->arg[i]));
	}
	for (unsigned i = 0; i < op->segs; i++)
		base(c, op->seg[i].mm);
}

/* ---- records ---- */

static int keep(struct cut *c, struct mmt_writer *w, struct op op,
		struct errbuf *e)
{
	uint32_t task, mm;

	base_all(c, &op);
	if (c->filtered && op.mm != TRACE_NO_MM) {
		use(c, op.mm, seen_needs(&op));
		seen_op(&c->parts[op.mm].seen, &op);
	}
	task = renumber_task(&c->n, op.task);
	if (!c->to.tasks[task].records && !c->task_born[op.task]) {
		mm = space_mm(c->space, op.task);
		mm = renumber_mm(&c->n, mm == TRACE_NO_MM ? op.mm : mm);
		c->to.tasks[task].mm = mm;
	}
	space_apply(c->space, &op);
	op.start_ns -= c->o->from_ns;
	renumber_op(&c->n, &op);
	renumber_count(&c->to, &op);
	c->acct->kept++;
	return mmt_put(w, &op, e);
}

static int walk(struct cut *c, struct mmt_writer *w, struct errbuf *e)
{
	struct mmt_cursor *cursor = mmt_merged(c->r);
	struct op op;
	int ret;

	while ((ret = mmt_next(cursor, &op, e)) > 0) {
		c->acct->records++;
		if (c->o->progress && !(c->acct->records % 4096))
			progress_set(c->o->progress, c->acct->records);
		if (op.start_ns >= c->o->to_ns) {
			c->acct->after++;
			continue;
		}
		if (op.start_ns >= c->o->from_ns && !c->entered) {
			c->entered = true;
			c->acct->straddling = space_settle(c->space);
		}
		if (c->entered && passes(c, &op)) {
			ret = keep(c, w, op, e);
			if (ret)
				break;
			continue;
		}
		space_apply(c->space, &op);
		if (c->entered)
			c->acct->filtered++;
		else
			c->acct->before++;
	}
	mmt_cursor_free(cursor);
	return ret;
}

/* ---- the new header ---- */

/* an mm's assumed areas come from the eldest that the new trace starts with */
static struct trace_mm *layout_row(struct cut *c, uint32_t mm)
{
	for (uint32_t i = 0; i < c->h->mm_count; i++) {
		uint32_t parent = c->h->mms[mm].parent;

		if (c->h->mms[mm].origin != MM_FORK || !c->parts[mm].born ||
		    parent == TRACE_NO_MM || !c->parts[parent].based)
			break;
		mm = parent;
	}
	return &c->to.h.mms[c->n.mm[mm]];
}

static bool overlaps(const struct trace_mm *row, struct range r)
{
	for (uint32_t i = 0; i < row->area_count; i++) {
		if (row->areas[i].start < r.end && row->areas[i].end > r.start)
			return true;
	}
	return false;
}

static void add_assumed(struct cut *c, uint32_t mm)
{
	struct trace_mm *row = layout_row(c, mm);
	struct range_run run;

	for (uint64_t at = 0; rangemap_next(&c->parts[mm].assumed, at, &run);
	     at = run.r.end) {
		if (overlaps(row, run.r))
			continue;
		row->areas = xrealloc(row->areas, row->area_count + 1,
				      sizeof(*row->areas));
		row->areas[row->area_count++] = (struct trace_area){
			run.r.start, run.r.end, (uint32_t)run.value,
			UINT64_MAX, "" };
		c->acct->assumed_areas++;
		c->acct->rebuilt_areas++;
	}
	renumber_sort_areas(row);
}

/* classes of which the filter left nothing are absent, not zero */
static uint32_t have_of(const struct cut *c)
{
	static const struct { uint32_t have; uint64_t kinds; } rows[] = {
#define K(id) (1ULL << OP_##id)
		{ HAVE_SYSCALLS, K(MMAP) | K(MUNMAP) | K(MREMAP) | K(MPROTECT) |
		  K(MADVISE) | K(BRK) | K(MLOCK) },
		{ HAVE_FAULTS, K(FAULT) },
		{ HAVE_MMAP_LOCK, K(LOCK_START) | K(LOCK_ACQUIRED) |
		  K(LOCK_RELEASED) },
		{ HAVE_CONTENTION, K(CONTENTION_BEGIN) | K(CONTENTION_END) },
		{ HAVE_SCHED, K(SCHED_IN) | K(SCHED_OUT) },
		{ HAVE_WAKING, K(WAKING) },
		{ HAVE_VMALLOC | HAVE_VMALLOC_SYSTEMWIDE,
		  K(VMALLOC) | K(VFREE) },
		{ HAVE_TLB, K(TLB_FLUSH) },
		{ HAVE_FORK_EXIT, K(FORK) | K(CLONE_THREAD) | K(VFORK) |
		  K(EXIT) | K(EXIT_MM) },
		{ HAVE_RSS, K(RSS_STAT) },
#undef K
	};
	uint32_t have = c->h->have;

	for (size_t i = 0; c->o->kinds && i < sizeof(rows) / sizeof(*rows); i++) {
		if (!(c->o->kinds & rows[i].kinds))
			have &= ~rows[i].have;
	}
	return have;
}

/* in proportion, where the trace does not tell for the part */
static uint64_t share(const struct cut *c, uint64_t whole)
{
	return c->acct->records ? (uint64_t)((unsigned __int128)whole *
		c->acct->kept / c->acct->records) : 0;
}

static void start_header(struct cut *c)
{
	struct trace_header *to = &c->to.h;

	*to = *c->h;
	memset(to->ops, 0, sizeof(to->ops));
	to->tasks = NULL;
	to->mms = NULL;
	to->task_count = to->mm_count = 0;
	to->span_ns = 0;
	to->lost_events = 0;
	to->epoch_ns += c->o->from_ns;
}

static void finish_header(struct cut *c)
{
	struct trace_header *to = &c->to.h;

	for (uint32_t i = 0; c->filtered && i < c->h->mm_count; i++) {
		if (c->parts[i].assumed.count)
			add_assumed(c, i);
	}
	renumber_finish(&c->n);
	for (uint32_t i = 0; i < c->h->mm_count; i++) {
		struct trace_mm *row;

		if (c->n.mm[i] == TRACE_NO_MM || c->parts[i].born)
			continue;
		row = &to->mms[c->n.mm[i]];
		row->origin = MM_INITIAL;
		row->parent = TRACE_NO_MM;
	}
	to->have = have_of(c);
	to->clipped_ns = share(c, c->h->clipped_ns);
	to->clipped_ops = share(c, c->h->clipped_ops);
	/* losses without a mark may lie anywhere */
	if (!c->h->ops[OP_LOST])
		to->lost_events = c->h->lost_events;
	c->acct->tasks = to->task_count;
	c->acct->mms = to->mm_count;
	c->acct->span_ns = to->span_ns;
}

static void task_row(const void *arg, uint32_t i, struct trace_task *row)
{
	const struct cut *c = arg;
	const struct kept_task *t = &c->to.tasks[i];

	renumber_row(&c->n, i, row);
	if (!c->task_born[t->old])
		row->parent = TRACE_NO_TASK;
	/* its end is in the new trace only with its last record */
	row->exited &= t->last_ns + c->o->from_ns >=
		       c->h->tasks[t->old].last_ns;
}

static int cut_reader(struct cut *c, struct errbuf *e)
{
	struct mmt_writer *w = mmt_create(c->o->output, e);
	int ret;

	if (!w)
		return -1;
	start_header(c);
	renumber_init(&c->n, 0, c->h, &c->to);
	c->space = space_new(c->h);
	c->parts = xcalloc(c->h->mm_count + 1, sizeof(*c->parts));
	c->task_born = xcalloc(c->h->task_count + 1, sizeof(bool));
	ret = walk(c, w, e);
	if (ret) {
		mmt_abort(w);
	} else {
		mmt_drop_cache(c->r);	/* room for the tables */
		finish_header(c);
		ret = mmt_finish_rows(w, &c->to.h, task_row, c, e);
	}
	for (uint32_t i = 0; i < c->h->mm_count; i++) {
		rangemap_release(&c->parts[i].seen.map);
		rangemap_release(&c->parts[i].assumed);
	}
	free(c->parts);
	free(c->task_born);
	space_free(c->space);
	renumber_release(&c->n);
	new_tables_release(&c->to);
	return ret;
}

int cut_run(const struct cut_options *o, struct cut_account *acct,
	    struct errbuf *e)
{
	struct cut c = { .o = o, .acct = acct };
	int ret;

	memset(acct, 0, sizeof(*acct));
	c.filtered = o->task_count || o->mm_count || o->kinds;
	c.r = mmt_open(o->input, MMT_MEASUREMENTS | MMT_IN_ORDER,
		       CACHE_BYTES, e);
	if (!c.r)
		return -1;
	c.h = mmt_header(c.r);
	c.task_wanted = wanted(o->tasks, o->task_count, c.h->task_count,
			       "task", e);
	c.mm_wanted = wanted(o->mms, o->mm_count, c.h->mm_count, "mm", e);
	ret = (o->task_count && !c.task_wanted) ||
	      (o->mm_count && !c.mm_wanted) ? -1 : cut_reader(&c, e);
	free(c.task_wanted);
	free(c.mm_wanted);
	mmt_close(c.r);
	return ret;
}
