#ifndef MMREPLAY_TESTS_T_REPLAY_TRACE_H
#define MMREPLAY_TESTS_T_REPLAY_TRACE_H

/* Small traces for the tests of replay, written to a file in the build folder. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "sim/base/mem.h"
#include "sim/base/units.h"
#include "traces/format/mmt.h"

#define UNUSED __attribute__((unused))

struct tb {
	struct trace_header h;
	struct op *ops;
	struct op_segment *segs;	/* OP_SEGS_MAX each */
	uint32_t count, room;
	char path[64];
	struct mmt_reader *reader;
};

static UNUSED void tb_init(struct tb *b, uint32_t have)
{
	*b = (struct tb){ 0 };
	b->h.have = have;
	b->h.cpus_online = b->h.cpus_possible = 2;
	snprintf(b->h.kernel, sizeof(b->h.kernel), "6.12.0");
}

static UNUSED uint32_t tb_mm(struct tb *b, enum mm_origin origin,
			     uint32_t parent)
{
	uint32_t id = b->h.mm_count++;

	b->h.mms = xrealloc(b->h.mms, b->h.mm_count, sizeof(*b->h.mms));
	b->h.mms[id] = (struct trace_mm){ .origin = origin, .parent = parent };
	return id;
}

static UNUSED void tb_area(struct tb *b, uint32_t mm, uint64_t start,
			   uint64_t end, uint32_t flags)
{
	struct trace_mm *m = &b->h.mms[mm];

	m->areas = xrealloc(m->areas, m->area_count + 1, sizeof(*m->areas));
	m->areas[m->area_count++] = (struct trace_area){
		.start = start, .end = end, .flags = flags };
}

static UNUSED uint32_t tb_task(struct tb *b, uint32_t parent, uint32_t mm)
{
	uint32_t id = b->h.task_count++;

	b->h.tasks = xrealloc(b->h.tasks, b->h.task_count,
			      sizeof(*b->h.tasks));
	b->h.tasks[id] = (struct trace_task){ .tid = 100 + id, .tgid = 100,
					      .parent = parent, .mm = mm };
	snprintf(b->h.tasks[id].comm, sizeof(b->h.tasks[id].comm), "t%u", id);
	if (mm != TRACE_NO_MM && b->h.mms[mm].owner_task == 0)
		b->h.mms[mm].owner_task = id;
	return id;
}

/* The record just added; args follow by arg[]. */
static UNUSED struct op *tb_op(struct tb *b, uint32_t task, enum op_kind kind,
			       int64_t start, int64_t duration, int64_t result)
{
	struct op *op;

	if (b->count == b->room) {
		b->room = b->room ? b->room * 2 : 64;
		b->ops = xrealloc(b->ops, b->room, sizeof(*b->ops));
	}
	op = &b->ops[b->count++];
	*op = (struct op){ .start_ns = start, .duration_ns = duration,
			   .task = task, .mm = b->h.tasks[task].mm,
			   .kind = (uint8_t)kind, .result = result,
			   .cpu = (uint16_t)(task % 2),
			   .flags = OPF_RESULT_KNOWN };
	if (result < 0 && result > -4096)
		op->flags |= OPF_FAILED;
	if (kind == OP_FAULT || kind == OP_EXIT)
		op->flags = 0;
	return op;
}

static UNUSED void tb_mmap(struct tb *b, uint32_t task, int64_t at, int64_t ns,
			   uint64_t addr, uint64_t len)
{
	struct op *op = tb_op(b, task, OP_MMAP, at, ns, (int64_t)addr);

	op->arg[1] = len;
	op->arg[2] = 3;
	op->arg[3] = 0x22;
}

static UNUSED void tb_range(struct tb *b, uint32_t task, enum op_kind kind,
			    int64_t at, int64_t ns, uint64_t addr, uint64_t len)
{
	struct op *op = tb_op(b, task, kind, at, ns, 0);

	op->arg[0] = addr;
	op->arg[1] = len;
	if (kind == OP_MPROTECT)
		op->arg[2] = 1;
	if (kind == OP_MADVISE)
		op->arg[2] = 4;		/* DONTNEED */
}

static UNUSED void tb_fault(struct tb *b, uint32_t task, int64_t at,
			    uint64_t addr)
{
	struct op *op = tb_op(b, task, OP_FAULT, at, TRACE_UNKNOWN_NS, 0);

	op->arg[0] = addr;
	op->arg[2] = 6;			/* user, write */
}

static UNUSED void tb_child(struct tb *b, uint32_t task, enum op_kind kind,
			    int64_t at, int64_t ns, uint32_t child)
{
	struct op *op = tb_op(b, task, kind, at, ns, 100 + child);

	op->arg[0] = child;
	op->arg[1] = kind == OP_VFORK ? 0x4100 : 0x3d0f00;
}

static UNUSED void tb_out(struct tb *b, uint32_t task, int64_t at, char state)
{
	struct op *op = tb_op(b, task, OP_SCHED_OUT, at, TRACE_UNKNOWN_NS, 0);

	op->arg[0] = (uint64_t)state;
	op->arg[1] = TRACE_NO_TASK;
}

static UNUSED void tb_in(struct tb *b, uint32_t task, int64_t at)
{
	tb_op(b, task, OP_SCHED_IN, at, TRACE_UNKNOWN_NS, 0);
}

static UNUSED void tb_wake(struct tb *b, uint32_t task, int64_t at,
			   uint32_t wakee, bool irq)
{
	struct op *op = tb_op(b, task, OP_WAKING, at, TRACE_UNKNOWN_NS, 0);

	op->arg[0] = wakee;
	op->arg[1] = irq;
}

static UNUSED void tb_exit(struct tb *b, uint32_t task, int64_t at, bool last)
{
	tb_op(b, task, OP_EXIT, at, TRACE_UNKNOWN_NS, 0);
	if (last)
		tb_op(b, task, OP_EXIT_MM, at + 1, TRACE_UNKNOWN_NS, 0);
	b->h.tasks[task].exited = true;
}

static int tb_before(const void *x, const void *y)
{
	const struct op *a = x, *b = y;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return a->task < b->task ? -1 : a->task > b->task;
}

/* Writes, reopens; records of one task must have been added in start order. */
static UNUSED struct mmt_reader *tb_open(struct tb *b)
{
	struct errbuf e = { 0 };
	const char *dir = getenv("BUILD");
	struct mmt_writer *w;
	int ret = 0;

	snprintf(b->path, sizeof(b->path), "%.32s/t_replay.%ld.mmt",
		 dir ? dir : "build", (long)getpid());
	qsort(b->ops, b->count, sizeof(*b->ops), tb_before);
	w = mmt_create(b->path, &e);
	assert_non_null(w);
	for (uint32_t i = 0; i < b->count; i++) {
		const struct op *op = &b->ops[i];

		b->h.ops[op->kind]++;
		b->h.tasks[op->task].records++;
		if (op->start_ns > b->h.span_ns)
			b->h.span_ns = op->start_ns;
		if (op->start_ns + op->duration_ns > b->h.span_ns)
			b->h.span_ns = op->start_ns + op->duration_ns;
		ret |= mmt_put(w, op, &e);
	}
	ret |= mmt_finish(w, &b->h, &e);
	if (ret)
		fail_msg("%s", e.text);
	b->reader = mmt_open(b->path, 0, 0, &e);
	if (!b->reader)
		fail_msg("%s", e.text);
	return b->reader;
}

static UNUSED void tb_release(struct tb *b)
{
	mmt_close(b->reader);
	unlink(b->path);
	for (uint32_t i = 0; i < b->h.mm_count; i++)
		free(b->h.mms[i].areas);
	free(b->h.mms);
	free(b->h.tasks);
	free(b->ops);
}

#endif
