/*
 * Dense renumbering of tasks and address spaces, see renumber.h.
 * Memory: ten bytes for each row of the source, 32 for each task that is kept.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/edit/renumber.h"
#include "traces/format/mmt.h"

static uint32_t *none(uint32_t count)
{
	uint32_t *p = xrealloc(NULL, count ? count : 1, sizeof(*p));

	memset(p, 0xff, (count ? count : 1) * sizeof(*p));
	return p;
}

void new_tables_release(struct new_tables *t)
{
	trace_header_release(&t->h);
	free(t->tasks);
	t->tasks = NULL;
}

void renumber_init(struct renumber *n, unsigned source,
		   const struct trace_header *from, struct new_tables *to)
{
	n->from = from;
	n->source = source;
	n->to = to;
	n->task = none(from->task_count);
	n->mm = none(from->mm_count);
	n->mm_joined = xcalloc(from->mm_count + 1, sizeof(bool));
}

void renumber_release(struct renumber *n)
{
	free(n->task);
	free(n->mm);
	free(n->mm_joined);
}

void renumber_join_task(struct renumber *n, uint32_t old, uint32_t row)
{
	n->task[old] = row;
}

void renumber_join_mm(struct renumber *n, uint32_t old, uint32_t row)
{
	n->mm[old] = row;
	n->mm_joined[old] = true;
}

/* room for one more item, in steps of a sixteenth: tables may be long */
static void *grow(void *p, uint32_t count, size_t bytes)
{
	uint32_t step = 16;

	/* changes at powers of two, which are multiples of both */
	while (step * 32 <= count)
		step *= 2;
	return count % step ? p : xrealloc(p, (size_t)count + step, bytes);
}

uint32_t renumber_task(struct renumber *n, uint32_t old)
{
	const struct trace_task *was;
	struct new_tables *to = n->to;

	if (old == TRACE_NO_TASK)
		return old;
	if (n->task[old] != TRACE_NO_TASK)
		return n->task[old];
	was = &n->from->tasks[old];
	to->tasks = grow(to->tasks, to->h.task_count, sizeof(*to->tasks));
	n->task[old] = to->h.task_count++;
	to->tasks[n->task[old]] = (struct kept_task){
		.first_ns = TRACE_UNKNOWN_NS, .last_ns = TRACE_UNKNOWN_NS,
		.source = n->source & 511, .exited = was->exited, .old = old,
		.mm = renumber_mm(n, was->mm) };	/* moves no tasks */
	return n->task[old];
}

uint32_t renumber_mm(struct renumber *n, uint32_t old)
{
	struct trace_header *to = &n->to->h;
	const struct trace_mm *was;
	struct trace_mm *row;

	if (old == TRACE_NO_MM)
		return old;
	if (n->mm[old] != TRACE_NO_MM)
		return n->mm[old];
	was = &n->from->mms[old];
	to->mms = grow(to->mms, to->mm_count, sizeof(*to->mms));
	n->mm[old] = to->mm_count++;
	row = &to->mms[n->mm[old]];
	*row = *was;
	row->first_ns = row->last_ns = TRACE_UNKNOWN_NS;
	row->areas = NULL;
	if (was->area_count) {
		row->areas = xrealloc(NULL, was->area_count,
				      sizeof(*row->areas));
		memcpy(row->areas, was->areas,
		       was->area_count * sizeof(*row->areas));
	}
	return n->mm[old];
}

void renumber_op(struct renumber *n, struct op *op)
{
	unsigned tasks, mms;

	op->task = renumber_task(n, op->task);
	op->mm = renumber_mm(n, op->mm);
	mmt_arg_refs(op->kind, &tasks, &mms);
	for (unsigned i = 0; (tasks | mms) >> i; i++) {
		if (tasks >> i & 1)
			op->arg[i] = renumber_task(n, (uint32_t)op->arg[i]);
		else if (mms >> i & 1)
			op->arg[i] = renumber_mm(n, (uint32_t)op->arg[i]);
	}
	for (unsigned i = 0; i < op->segs; i++) {
		n->seg[i] = op->seg[i];
		n->seg[i].mm = renumber_mm(n, n->seg[i].mm);
	}
	op->seg = op->segs ? n->seg : NULL;
}

static void extend(int64_t *first_ns, int64_t *last_ns, const struct op *op)
{
	int64_t end = op->start_ns;

	if (op->duration_ns > 0)
		end += op->duration_ns;
	if (*first_ns == TRACE_UNKNOWN_NS)
		*first_ns = op->start_ns;
	if (end > *last_ns)
		*last_ns = end;
}

void renumber_count(struct new_tables *to, const struct op *op)
{
	struct kept_task *t = &to->tasks[op->task];
	struct trace_header *h = &to->h;

	h->ops[op->kind]++;
	if (op->kind == OP_LOST)
		h->lost_events += op->arg[0];
	t->records++;
	extend(&t->first_ns, &t->last_ns, op);
	if (t->last_ns > h->span_ns)
		h->span_ns = t->last_ns;
	if (op->mm != TRACE_NO_MM)
		extend(&h->mms[op->mm].first_ns, &h->mms[op->mm].last_ns, op);
}

static int by_start(const void *x, const void *y)
{
	const struct trace_area *a = x, *b = y;

	return a->start < b->start ? -1 : a->start > b->start;
}

void renumber_sort_areas(struct trace_mm *row)
{
	if (row->area_count)
		qsort(row->areas, row->area_count, sizeof(*row->areas),
		      by_start);
}

static uint32_t kept(const uint32_t *map, uint32_t old)
{
	return old == UINT32_MAX ? old : map[old];
}

void renumber_finish(struct renumber *n)
{
	for (uint32_t i = 0; i < n->from->mm_count; i++) {
		struct trace_mm *row;

		if (n->mm[i] == TRACE_NO_MM || n->mm_joined[i])
			continue;
		row = &n->to->h.mms[n->mm[i]];
		row->parent = kept(n->mm, n->from->mms[i].parent);
		row->owner_task = kept(n->task, n->from->mms[i].owner_task);
		if (row->origin == MM_FORK && row->parent == TRACE_NO_MM)
			row->origin = MM_INITIAL;
	}
}

void renumber_row(const struct renumber *n, uint32_t i, struct trace_task *row)
{
	const struct kept_task *t = &n->to->tasks[i];

	*row = n->from->tasks[t->old];
	row->first_ns = t->first_ns;
	row->last_ns = t->last_ns;
	row->records = t->records;
	row->exited = t->exited;
	row->mm = t->mm;
	row->parent = kept(n->task, row->parent);
}
