/*
 * Records of a task on their way to the writer. An op is written when it is
 * complete and everything before it is: a ring per task holds the rest.
 *
 * Invariant: starts in a ring never decrease; the ring is empty whenever no
 * call or fault is open. At most PENDING_MAX records wait: beyond that the
 * open call is given up, with its result unknown.
 */
#include <string.h>
#include <stdlib.h>
#include "traces/import/assemble_int.h"

enum { RING_FIRST = 4 };

struct record *ring_at(struct atask *t, int64_t number)
{
	uint32_t i = (uint32_t)((uint64_t)number - t->first);

	return &t->ring[(t->head + i) & (t->size - 1)];
}

static void drop_segments(struct assembler *a, struct record *r)
{
	if (r->seg)
		pool_put(r->many ? &a->many : &a->few, r->seg);
	r->seg = NULL;
}

struct op_segment *ring_add_segment(struct assembler *a, struct record *r)
{
	struct op_segment *wide;

	if (r->op.segs == OP_SEGS_MAX)
		return NULL;
	if (!r->seg) {
		r->seg = pool_get(&a->few);
		r->many = false;
	} else if (r->op.segs == FEW_SEGS && !r->many) {
		wide = pool_get(&a->many);
		memcpy(wide, r->seg, FEW_SEGS * sizeof(*wide));
		drop_segments(a, r);
		r->seg = wide;
		r->many = true;
	}
	return &r->seg[r->op.segs++];
}

static void grow(struct atask *t)
{
	uint32_t size = t->size ? t->size * 2 : RING_FIRST;
	struct record *ring = xcalloc(size, sizeof(*ring));

	for (uint32_t i = 0; i < t->count; i++)
		ring[i] = t->ring[(t->head + i) & (t->size - 1)];
	free(t->ring);
	t->ring = ring;
	t->size = size;
	t->head = 0;
}

static void write_op(struct assembler *a, const struct op *op)
{
	a->counts.ops[op->kind]++;
	a->h->tasks[op->task].records++;
	if (a->writer && !a->failed && mmt_put(a->writer, op, a->e))
		a->failed = true;
}

void ring_flush(struct assembler *a, struct atask *t)
{
	while (t->count) {
		struct record *r = &t->ring[t->head];

		if (!r->done)
			break;
		r->op.seg = r->seg;
		write_op(a, &r->op);
		drop_segments(a, r);
		t->head = (t->head + 1) & (t->size - 1);
		t->first++;
		t->count--;
	}
}

int64_t ring_add(struct assembler *a, struct atask *t, const struct op *op,
		 bool done)
{
	struct record *r;

	if (t->count >= PENDING_MAX && t->call != NO_CALL)
		call_abandon(a, t);
	if (t->count == t->size)
		grow(t);
	r = &t->ring[(t->head + t->count) & (t->size - 1)];
	*r = (struct record){ .op = *op, .done = done };
	t->count++;
	if (op->start_ns > t->done_ns)
		t->done_ns = op->start_ns;
	return (int64_t)(t->first + t->count - 1);
}

void ring_insert(struct assembler *a, struct atask *t, int64_t number,
		 const struct op *op)
{
	int64_t last = ring_add(a, t, op, true);
	struct record inserted = *ring_at(t, last);

	for (; last > number && last > (int64_t)t->first; last--)
		*ring_at(t, last) = *ring_at(t, last - 1);
	*ring_at(t, last) = inserted;
	if (t->call >= last)
		t->call++;
	if (t->fault >= last)
		t->fault++;
}

void ring_release(struct assembler *a, struct atask *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		drop_segments(a, &t->ring[(t->head + i) & (t->size - 1)]);
	free(t->ring);
	t->ring = NULL;
	t->count = t->size = 0;
}

void op_init(struct assembler *a, struct atask *t, struct op *op,
	     enum op_kind kind)
{
	memset(op, 0, sizeof(*op));
	op->kind = (uint8_t)kind;
	op->task = t->id;
	op->cpu = t->cpu;
	op->start_ns = a->now_ns;
	op->duration_ns = TRACE_UNKNOWN_NS;
	op->mm = t->mm;
	/* inside a call, or while a fault waits for its lock */
	if (t->call != NO_CALL || t->wait.active)
		op->flags |= OPF_IN_CALL;
}

void add_instant(struct assembler *a, struct atask *t, enum op_kind kind,
		 uint64_t arg0, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
	struct op op;

	op_init(a, t, &op, kind);
	op.arg[0] = arg0;
	op.arg[1] = arg1;
	op.arg[2] = arg2;
	op.arg[3] = arg3;
	if (!t->count) {	/* nothing open: no need to wait */
		write_op(a, &op);
		t->first++;
		if (op.start_ns > t->done_ns)
			t->done_ns = op.start_ns;
		return;
	}
	ring_add(a, t, &op, true);
}
