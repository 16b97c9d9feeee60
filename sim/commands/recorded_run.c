/*
 * What is counted in the same way in a capture and in the exported simulated
 * run: mmap_lock acquisitions by kind of call, how long each process ran, and
 * when 99 of 100 calls and faults had begun: the throughput, without the
 * thread that waits for the others and, where no waker is known, sleeps for
 * as long as it slept then.
 *
 * An acquisition is a segment of a call; a downgrade counts as one for
 * reading. A process runs from its first record to the end of its last; those
 * below PROCESS_NS are as short as what a capture adds at their ends.
 *
 * Cost: one pass over the records.
 */
#include <stdio.h>
#include <stdlib.h>
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/commands/recorded.h"

enum { PROCESS_NS = 1000000 };

struct process {
	uint32_t tgid;
	int64_t first_ns, last_ns;
};

struct tally {
	uint64_t acquired[OP_KIND_COUNT][2];	/* [write] */
	struct process *process;		/* by task of the trace */
	struct hist start_ns;			/* of calls and faults */
};

static void count_op(struct tally *y, const struct op *op)
{
	struct process *p = &y->process[op->task];
	int64_t end_ns = op->start_ns + (op->duration_ns > 0 ?
					 op->duration_ns : 0);

	if (op_kinds[op->kind].cls != OP_CLASS_REPLAY)
		return;
	hist_record(&y->start_ns, op->start_ns);
	if (op->start_ns < p->first_ns)
		p->first_ns = op->start_ns;
	if (end_ns > p->last_ns)
		p->last_ns = end_ns;
	for (uint16_t i = 0; i < op->segs; i++)
		if (op->seg[i].kind == SEG_W || op->seg[i].kind == SEG_R)
			y->acquired[op->kind][op->seg[i].kind == SEG_W]++;
}

static int tally_all(struct mmt_reader *trace, struct tally *y,
		     struct errbuf *e)
{
	const struct trace_header *h = mmt_header(trace);
	struct mmt_cursor *cursor = mmt_merged(trace);
	struct op op;
	int ret;

	*y = (struct tally){ .process = xcalloc(h->task_count + 1,
						sizeof(*y->process)) };
	for (uint32_t i = 0; i < h->task_count; i++) {
		y->process[i].tgid = h->tasks[i].mm == TRACE_NO_MM ? 0 :
				     h->tasks[i].tgid;
		y->process[i].first_ns = INT64_MAX;
	}
	while ((ret = mmt_next(cursor, &op, e)) > 0)
		count_op(y, &op);
	mmt_cursor_free(cursor);
	return ret;
}

/* The threads of a process into its first one. */
static void merge_threads(struct tally *y, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct process *p = &y->process[i];

		for (uint32_t k = 0; p->tgid && k < i; k++) {
			struct process *q = &y->process[k];

			if (q->tgid != p->tgid)
				continue;
			if (p->first_ns < q->first_ns)
				q->first_ns = p->first_ns;
			if (p->last_ns > q->last_ns)
				q->last_ns = p->last_ns;
			p->tgid = 0;
		}
	}
}

/* Kinds whose segments an exported run has one by one, as a capture does. */
static bool comparable(unsigned kind)
{
	switch (kind) {
	case OP_MMAP: case OP_MUNMAP: case OP_MREMAP: case OP_MPROTECT:
	case OP_MADVISE: case OP_BRK:
		return true;
	default:
		return false;
	}
}

static json_t *acquired_json(const struct tally *y)
{
	json_t *o = json_object();

	for (unsigned k = 0; k < OP_KIND_COUNT; k++) {
		const uint64_t *n = y->acquired[k];
		json_t *kind;

		if (!comparable(k) || (!n[0] && !n[1]))
			continue;
		kind = json_object();
		json_object_set_new(kind, "write", json_integer((json_int_t)n[1]));
		json_object_set_new(kind, "read", json_integer((json_int_t)n[0]));
		json_object_set_new(o, op_kinds[k].name, kind);
	}
	return o;
}

static json_t *processes_json(const struct tally *y, uint32_t count)
{
	json_t *o = json_object();
	char name[16];

	for (uint32_t i = 0; i < count; i++) {
		const struct process *p = &y->process[i];
		int64_t ns = p->last_ns - p->first_ns;

		if (!p->tgid || p->first_ns == INT64_MAX || ns < PROCESS_NS)
			continue;
		snprintf(name, sizeof(name), "%u", p->tgid);
		json_object_set_new(o, name, json_integer(ns));
	}
	return o;
}

json_t *recorded_run(struct mmt_reader *trace, struct errbuf *e)
{
	uint32_t count = mmt_header(trace)->task_count;
	json_t *o = NULL;
	struct tally y;

	if (!tally_all(trace, &y, e)) {
		merge_threads(&y, count);
		o = json_object();
		json_object_set_new(o, "acquired", acquired_json(&y));
		json_object_set_new(o, "process_ns", processes_json(&y, count));
		json_object_set_new(o, "work_ns", json_integer(
			hist_quantile(&y.start_ns, 99, 100)));
	}
	hist_release(&y.start_ns);
	free(y.process);
	return o;
}

static void row(json_t *rows, const char *quantity, const char *unit,
		double value, double spread)
{
	json_t *o = json_object();

	json_object_set_new(o, "quantity", json_string(quantity));
	json_object_set_new(o, "unit", json_string(unit));
	json_object_set_new(o, "value", json_real(value));
	json_object_set_new(o, "spread", json_real(spread));
	json_array_append_new(rows, o);
}

void recorded_run_rows(const json_t *run, bool locks, json_t *rows)
{
	static const char *const sides[] = { "write", "read" };
	const char *kind, *pid;
	json_t *o, *v;
	char name[80];

	json_object_foreach(json_object_get(run, "acquired"), kind, o) {
		for (int i = 0; locks && i < 2; i++) {
			snprintf(name, sizeof(name), "acquired.%s.%s", kind,
				 sides[i]);
			v = json_object_get(o, sides[i]);
			if (json_integer_value(v))
				row(rows, name, "count", json_number_value(v), 0);
		}
	}
	row(rows, "work_ns", "ns",
	    json_number_value(json_object_get(run, "work_ns")), 0);
	json_object_foreach(json_object_get(run, "process_ns"), pid, o) {
		snprintf(name, sizeof(name), "process_ns.%s", pid);
		row(rows, name, "ns", json_number_value(o), 0);
	}
}
