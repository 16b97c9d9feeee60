/*
 * Address spaces as the records of a trace make them, see space.h.
 *
 * areas:    address -> AREA_* flags, UNKNOWN if its pages were not captured,
 *           and the source: 0 anonymous, else the row's area or the mapping
 * resident: pages that were touched, populated, or there at the start
 *
 * Invariant: an mm is filled when a record first names it, from its row or
 * from its parent as that is then, and freed when its last task has left.
 * Memory: runs of live areas and of resident pages, and calls under way.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/edit/seen.h"
#include "traces/edit/space.h"

enum {
	AREA_FLAGS = (1 << 9) - 1, UNKNOWN = 1 << 15,
	SOURCE_SHIFT = 16, SOURCE_MAPPED = 1 << 24,
	PROT_FLAGS = AREA_READ | AREA_WRITE | AREA_EXEC,
	/* RLIMIT_STACK as most have it */
	STACK_GAP_BYTES = 8 << 20,
};

/* bits of mmap, mremap, madvise as the system calls have them */
enum {
	M_SHARED = 1, M_ANONYMOUS = 0x20,
	M_GROWSDOWN = 0x100, M_LOCKED = 0x2000, M_POPULATE = 0x8000,
	R_DONTUNMAP = 4,
	ADV_DONTNEED = 4, ADV_REMOVE = 9, ADV_POPULATE_READ = 22,
	ADV_POPULATE_WRITE = 23,
};

struct mm_state {
	struct rangemap areas, resident;
	uint64_t brk;
	uint32_t users;
	bool born;
};

/* a call whose effect is still to come */
struct effect {
	int64_t at_ns;
	uint64_t sequence;
	struct op op;
};

struct space {
	const struct trace_header *h;
	struct mm_state *mms;
	uint32_t *mm_of;	/* by task */
	struct effect *pending;	/* a heap by (at_ns, sequence) */
	unsigned pending_count, pending_size;
	uint64_t sequence, mappings;
};

struct space *space_new(const struct trace_header *h)
{
	struct space *s = xcalloc(1, sizeof(*s));

	s->h = h;
	s->mms = xcalloc(h->mm_count + 1, sizeof(*s->mms));
	s->mm_of = xcalloc(h->task_count + 1, sizeof(*s->mm_of));
	for (uint32_t i = 0; i < h->task_count; i++) {
		s->mm_of[i] = h->tasks[i].mm;
		if (s->mm_of[i] != TRACE_NO_MM)
			s->mms[s->mm_of[i]].users++;
	}
	return s;
}

void space_free(struct space *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->h->mm_count; i++) {
		rangemap_release(&s->mms[i].areas);
		rangemap_release(&s->mms[i].resident);
	}
	free(s->mms);
	free(s->mm_of);
	free(s->pending);
	free(s);
}

/* ---- birth and death ---- */

static void add_row(struct mm_state *m, const struct trace_mm *row)
{
	for (uint32_t i = 0; i < row->area_count; i++) {
		const struct trace_area *a = &row->areas[i];
		struct range r = { a->start, a->end };
		uint64_t pages = a->resident_pages, value = a->flags;

		if (pages == UINT64_MAX) {
			value |= UNKNOWN;
			pages = 0;
		}
		if (pages > range_pages(r))
			pages = range_pages(r);
		rangemap_set(&m->areas, r, value | (i + 1) << SOURCE_SHIFT);
		if (a->flags & AREA_HEAP)
			m->brk = a->end;
		/* which pages is not known: as the replay assumes them */
		if (a->flags & AREA_STACK)
			r.start = r.end - (pages << PAGE_SHIFT);
		else
			r.end = r.start + (pages << PAGE_SHIFT);
		rangemap_set(&m->resident, r, 1);
	}
}

static void copy_map(struct rangemap *to, const struct rangemap *from)
{
	struct range_run run;

	for (uint64_t at = 0; rangemap_next(from, at, &run); at = run.r.end)
		rangemap_set(to, run.r, run.value);
}

/* @mm from its row, and from its parent, which is born */
static void fill(struct space *s, uint32_t mm)
{
	const struct trace_mm *row = &s->h->mms[mm];
	struct mm_state *m = &s->mms[mm];

	if (row->origin == MM_FORK && row->parent != TRACE_NO_MM) {
		const struct mm_state *p = &s->mms[row->parent];

		copy_map(&m->areas, &p->areas);
		copy_map(&m->resident, &p->resident);
		m->brk = p->brk;
	}
	add_row(m, row);
}

/* @mm, born now if it was not; a line of unborn parents first, eldest first */
static struct mm_state *live(struct space *s, uint32_t mm)
{
	uint32_t *line = NULL, count = 0, size = 0;

	if (mm == TRACE_NO_MM)
		return NULL;
	for (uint32_t i = mm; i != TRACE_NO_MM && !s->mms[i].born;
	     i = s->h->mms[i].origin == MM_FORK ? s->h->mms[i].parent :
						  TRACE_NO_MM) {
		if (count == size) {
			size = size ? size * 2 : 8;
			line = xrealloc(line, size, sizeof(*line));
		}
		line[count++] = i;
		s->mms[i].born = true;
	}
	while (count)
		fill(s, line[--count]);
	free(line);
	return &s->mms[mm];
}

static void empty(struct mm_state *m)
{
	rangemap_release(&m->areas);
	rangemap_release(&m->resident);
	*m = (struct mm_state){ .born = true, .users = m->users };
}

static void leave(struct space *s, uint32_t task)
{
	uint32_t mm = s->mm_of[task];

	s->mm_of[task] = TRACE_NO_MM;
	if (mm != TRACE_NO_MM && !--s->mms[mm].users)
		empty(&s->mms[mm]);
}

/* exit_mmap: nobody is in it any more, whoever's exit was not recorded */
static void end_mm(struct space *s, const struct op *op)
{
	if (op->mm == TRACE_NO_MM)
		return;
	if (op->mm == s->mm_of[op->task])
		leave(s, op->task);
	empty(&s->mms[op->mm]);
}

/* ---- what a call did ---- */

static void unmap(struct mm_state *m, struct range r)
{
	rangemap_clear(&m->areas, r);
	rangemap_clear(&m->resident, r);
}

static void populate(struct mm_state *m, struct range r)
{
	rangemap_set(&m->resident, r, 1);
}

static void did_mmap(struct space *s, struct mm_state *m, const struct op *op)
{
	struct range r = seen_pages((uint64_t)op->result, op->arg[1]);
	uint64_t prot = op->arg[2], flags = op->arg[3], value;

	value = (prot & 1 ? AREA_READ : 0) | (prot & 2 ? AREA_WRITE : 0) |
		(prot & 4 ? AREA_EXEC : 0);
	if (flags & M_SHARED)	/* MAP_SHARED_VALIDATE has the bit too */
		value |= AREA_SHARED;
	if (flags & M_GROWSDOWN)
		value |= AREA_STACK;
	if (!(flags & M_ANONYMOUS))
		value |= AREA_FILE | (SOURCE_MAPPED + (s->mappings++ & 0xffffff))
				     << SOURCE_SHIFT;
	unmap(m, r);
	rangemap_set(&m->areas, r, value);
	if (flags & (M_POPULATE | M_LOCKED))
		populate(m, r);
}

static void did_brk(struct mm_state *m, const struct op *op)
{
	uint64_t now = (uint64_t)op->result, value;
	struct range_run heap;

	if (now >= USER_END)
		return;
	if (m->brk && page_up(now) > page_up(m->brk)) {
		value = AREA_READ | AREA_WRITE | AREA_HEAP;
		if (rangemap_find(&m->areas, page_up(m->brk) - 1, &heap) &&
		    heap.value & AREA_HEAP)
			value = heap.value;
		rangemap_set(&m->areas, (struct range){ page_up(m->brk),
			     page_up(now) }, value);
	} else if (now < m->brk) {
		unmap(m, (struct range){ page_up(now), page_up(m->brk) });
	}
	m->brk = now;
}

/* the resident pages of @from, as far as they go, at @to */
static void move_pages(struct mm_state *m, struct range from, uint64_t to,
		       uint64_t len)
{
	struct range_run run;

	if (len > range_bytes(from))
		len = range_bytes(from);
	for (uint64_t at = from.start; at < from.start + len &&
	     rangemap_next(&m->resident, at, &run) &&
	     run.r.start < from.start + len; at = run.r.end) {
		uint64_t start = run.r.start < from.start ? from.start :
							    run.r.start;
		uint64_t end = run.r.end < from.start + len ?
			       run.r.end : from.start + len;

		populate(m, (struct range){ to + (start - from.start),
					    to + (end - from.start) });
	}
}

static void did_mremap(struct mm_state *m, const struct op *op)
{
	struct range from = seen_pages(op->arg[0], op->arg[1]);
	struct range to = seen_pages((uint64_t)op->result, op->arg[2]);
	struct range_run run;

	if (!rangemap_find(&m->areas, page_down(op->arg[0]), &run))
		return;
	if (from.start == to.start) {
		if (to.end < from.end)
			unmap(m, (struct range){ to.end, from.end });
		else
			rangemap_set(&m->areas, (struct range){ from.end, to.end },
				     run.value);
		return;
	}
	unmap(m, to);
	rangemap_set(&m->areas, to, run.value);
	move_pages(m, from, to.start, range_bytes(to));
	if (op->arg[3] & R_DONTUNMAP)
		rangemap_clear(&m->resident, from);
	else
		unmap(m, from);
}

static void did_mprotect(struct mm_state *m, const struct op *op)
{
	struct range r = seen_pages(op->arg[0], op->arg[1]);
	uint64_t bits = (op->arg[2] & 1 ? AREA_READ : 0) |
			(op->arg[2] & 2 ? AREA_WRITE : 0) |
			(op->arg[2] & 4 ? AREA_EXEC : 0);
	struct range_run run;

	for (uint64_t at = r.start; at < r.end &&
	     rangemap_next(&m->areas, at, &run) && run.r.start < r.end;
	     at = run.r.end) {
		if (run.r.start < r.start)
			run.r.start = r.start;
		if (run.r.end > r.end)
			run.r.end = r.end;
		rangemap_set(&m->areas, run.r,
			     (run.value & ~(uint64_t)PROT_FLAGS) | bits);
	}
}

static void did_madvise(struct mm_state *m, const struct op *op)
{
	struct range r = seen_pages(op->arg[0], op->arg[1]);

	switch (op->arg[2]) {
	case ADV_DONTNEED: case ADV_REMOVE:
		rangemap_clear(&m->resident, r);
		break;
	case ADV_POPULATE_READ: case ADV_POPULATE_WRITE:
		populate(m, r);
		break;
	default:
		break;
	}
}

static void did(struct space *s, const struct op *op)
{
	struct mm_state *m = live(s, op->mm);

	switch (op->kind) {
	case OP_EXEC:
		live(s, (uint32_t)op->arg[0]);
		leave(s, op->task);
		s->mm_of[op->task] = (uint32_t)op->arg[0];
		if (s->mm_of[op->task] != TRACE_NO_MM)
			s->mms[s->mm_of[op->task]].users++;
		return;
	case OP_FORK:
		if (op->arg[0] != TRACE_NO_TASK)
			live(s, s->mm_of[op->arg[0]]);
		return;
	default:
		break;
	}
	if (!m)
		return;
	if (op->kind == OP_MMAP)
		did_mmap(s, m, op);
	else if (op->kind == OP_MUNMAP)
		unmap(m, seen_pages(op->arg[0], op->arg[1]));
	else if (op->kind == OP_MREMAP)
		did_mremap(m, op);
	else if (op->kind == OP_MPROTECT)
		did_mprotect(m, op);
	else if (op->kind == OP_BRK)
		did_brk(m, op);
	else if (op->kind == OP_MADVISE)
		did_madvise(m, op);
	else if (op->kind == OP_MLOCK && !op->arg[3])
		populate(m, seen_pages(op->arg[0], op->arg[1]));
	else if (op->kind == OP_GUP && op->arg[1] < USER_END >> PAGE_SHIFT)
		populate(m, seen_pages(op->arg[0], op->arg[1] << PAGE_SHIFT));
}

/* a page that is there now; below the stack, the stack has grown */
static void did_fault(struct space *s, const struct op *op)
{
	struct mm_state *m = live(s, op->mm);
	struct range page = seen_pages(op->arg[0], 1);
	struct range_run run;

	if (!m || page.start == page.end)
		return;
	if (!rangemap_find(&m->areas, page.start, &run)) {
		if (!rangemap_next(&m->areas, page.start, &run) ||
		    !(run.value & AREA_STACK) ||
		    run.r.start - page.start > STACK_GAP_BYTES)
			return;
		rangemap_set(&m->areas, (struct range){ page.start,
			     run.r.start }, run.value);
	}
	populate(m, page);
}

/* ---- when it did it ---- */

static bool earlier(const struct effect *a, const struct effect *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns :
				      a->sequence < b->sequence;
}

static void swap(struct effect *a, struct effect *b)
{
	struct effect t = *a;

	*a = *b;
	*b = t;
}

static void push(struct space *s, const struct op *op, int64_t at_ns)
{
	unsigned i = s->pending_count++;

	if (i == s->pending_size) {
		s->pending_size = i ? i * 2 : 64;
		s->pending = xrealloc(s->pending, s->pending_size,
				      sizeof(*s->pending));
	}
	s->pending[i] = (struct effect){ at_ns, s->sequence++, *op };
	for (; i && earlier(&s->pending[i], &s->pending[(i - 1) / 2]);
	     i = (i - 1) / 2)
		swap(&s->pending[i], &s->pending[(i - 1) / 2]);
}

static void pop(struct space *s)
{
	unsigned i = 0, child;

	did(s, &s->pending[0].op);
	s->pending[0] = s->pending[--s->pending_count];
	while ((child = i * 2 + 1) < s->pending_count) {
		if (child + 1 < s->pending_count &&
		    earlier(&s->pending[child + 1], &s->pending[child]))
			child++;
		if (!earlier(&s->pending[child], &s->pending[i]))
			break;
		swap(&s->pending[i], &s->pending[child]);
		i = child;
	}
}

static int64_t effect_ns(const struct op *op)
{
	int64_t at = op->start_ns;

	for (unsigned i = 0; i < op->segs; i++) {
		const struct op_segment *g = &op->seg[i];

		at += g->work_ns + g->wait_ns + g->sleep_ns + g->tax_ns;
		/* exec locks the new space first; the switch comes later */
		if (g->kind == SEG_W && op->kind != OP_EXEC)
			return at;
	}
	if (op->kind == OP_MUNMAP || op->duration_ns == TRACE_UNKNOWN_NS)
		return op->start_ns;
	return op->start_ns + op->duration_ns;
}

/* threads leave as they exit; the last one's exit-mm ends the space */
static bool last_user(const struct space *s, uint32_t task)
{
	uint32_t mm = s->mm_of[task];

	return mm == TRACE_NO_MM || s->mms[mm].users == 1;
}

void space_apply(struct space *s, const struct op *op)
{
	while (s->pending_count && s->pending[0].at_ns <= op->start_ns)
		pop(s);
	if (op->kind == OP_FAULT)
		did_fault(s, op);
	else if (op->kind == OP_EXIT_MM)
		end_mm(s, op);
	else if (op->kind == OP_EXIT && !last_user(s, op->task))
		leave(s, op->task);
	else if (op_kinds[op->kind].cls == OP_CLASS_REPLAY &&
		 op->flags & OPF_RESULT_KNOWN && !(op->flags & OPF_FAILED))
		push(s, op, effect_ns(op));
}

unsigned space_settle(struct space *s)
{
	unsigned count = s->pending_count;

	while (s->pending_count)
		pop(s);
	return count;
}

uint32_t space_mm(const struct space *s, uint32_t task)
{
	return s->mm_of[task];
}

/* ---- what there is ---- */

static void put_area(struct mm_state *m, const struct range_run *run,
		     const struct trace_mm *was, struct trace_area *a)
{
	uint64_t source = run->value >> SOURCE_SHIFT;

	*a = (struct trace_area){ run->r.start, run->r.end,
				  (uint32_t)run->value & AREA_FLAGS, 0, "" };
	a->resident_pages = rangemap_bytes(&m->resident, run->r) >> PAGE_SHIFT;
	if (!a->resident_pages && run->value & UNKNOWN)
		a->resident_pages = UINT64_MAX;
	if (source && source <= was->area_count)
		memcpy(a->name, was->areas[source - 1].name, sizeof(a->name));
}

/* the row whose areas the sources of @mm's runs count; no further than all */
static const struct trace_mm *source_row(const struct space *s, uint32_t mm)
{
	const struct trace_mm *row = &s->h->mms[mm];

	for (uint32_t i = 0; i < s->h->mm_count && !row->area_count &&
	     row->origin == MM_FORK && row->parent != TRACE_NO_MM; i++)
		row = &s->h->mms[row->parent];
	return row;
}

void space_areas(struct space *s, uint32_t mm, struct trace_mm *row)
{
	struct mm_state *m = live(s, mm);
	struct range_run run;

	free(row->areas);
	row->areas = xcalloc(m->areas.count + 1, sizeof(*row->areas));
	row->area_count = 0;
	for (uint64_t at = 0; rangemap_next(&m->areas, at, &run);
	     at = run.r.end)
		put_area(m, &run, source_row(s, mm),
			 &row->areas[row->area_count++]);
}

bool space_next(struct space *s, uint32_t mm, uint64_t addr, struct range *r,
		uint32_t *flags)
{
	struct mm_state *m = live(s, mm);
	struct range_run run;

	if (!m || !rangemap_next(&m->areas, addr, &run))
		return false;
	*r = run.r;
	*flags = (uint32_t)run.value & AREA_FLAGS;
	return true;
}
