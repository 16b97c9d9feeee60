/*
 * Collects what a capture measured, from its ops, their segments and its
 * measurement records, in one pass over each task.
 *
 * An acquisition is contended if the importer says so (contention_begin seen,
 * or a wait above the floor) and it waited for CONTENDED_NS. A downgrade counts as
 * an acquisition for reading, as in a cell. A call's time is without the ops
 * nested in it, which a replay does behind it. A hold is from acquired to released or
 * downgraded, and one event of the tracer that stands in front of the stamp of
 * the one or behind that of the other; a downgrade opens a hold for reading,
 * behind its event.
 * Shootdowns are counted where they arrive: the event of the sender is there
 * also if all others are lazy and none is sent. A gap is from a fault to
 * the next record of its task, if that is no switch and comes within GAP_NS.
 *
 * Memory: one struct recorded a block.
 */
#include "sim/base/json.h"
#include "sim/commands/recorded.h"

enum { GAP_NS = 50000, HELD_MAX = 8,
       TLB_REMOTE_SHOOTDOWN = 1 };

/** struct held - an mmap_lock that a task has */
struct held {
	uint64_t mm;
	int64_t since_ns;
	bool write;
};

/** struct last_call - its time, until it is known what is nested in it */
struct last_call {
	int64_t start_ns, end_ns, own_ns;
	uint8_t kind;
	bool open, nested;
};

/** struct collector - over the records of one task */
struct collector {
	struct recorded *blocks;
	int64_t span_ns, end_ns, tax_ns;
	int64_t fault_ns;		/* start of the last fault, or -1 */
	struct held held[HELD_MAX];
	uint32_t held_count;
	struct last_call call;
};

void recorded_merge(struct recorded *into, const struct recorded *from)
{
	for (int i = 0; i < OP_KIND_COUNT; i++) {
		hist_merge(&into->latency_ns[i], &from->latency_ns[i]);
		into->time[i].work_ns += from->time[i].work_ns;
		into->time[i].spin_ns += from->time[i].spin_ns;
		into->time[i].sleep_ns += from->time[i].sleep_ns;
	}
	hist_merge(&into->gap_ns, &from->gap_ns);
	for (int w = 0; w < 2; w++) {
		const struct recorded_side *f = &from->side[w];
		struct recorded_side *s = &into->side[w];

		s->acquired += f->acquired;
		s->contended += f->contended;
		s->spin_ns += f->spin_ns;
		s->sleep_ns += f->sleep_ns;
		hist_merge(&s->wait_ns, &f->wait_ns);
		hist_merge(&s->hold_ns, &f->hold_ns);
	}
	for (int i = 0; i < FAULT_PATH_COUNT; i++)
		into->path[i] += from->path[i];
	into->ipis += from->ipis;
	into->purged += from->purged;
	into->purges += from->purges;
	hist_merge(&into->nr_lazy_pages, &from->nr_lazy_pages);
	if (from->lazy_max_pages)
		into->lazy_max_pages = from->lazy_max_pages;
}

void recorded_release(struct recorded *r)
{
	for (int i = 0; i < OP_KIND_COUNT; i++)
		hist_release(&r->latency_ns[i]);
	hist_release(&r->gap_ns);
	hist_release(&r->nr_lazy_pages);
	for (int w = 0; w < 2; w++) {
		hist_release(&r->side[w].wait_ns);
		hist_release(&r->side[w].hold_ns);
	}
	*r = (struct recorded){ 0 };
}

static struct recorded *block_of(const struct collector *c, int64_t at_ns)
{
	__int128 n = c->span_ns > 0 ?
		     (__int128)at_ns * RECORDED_BLOCKS / c->span_ns : 0;

	if (n < 0)
		n = 0;
	return &c->blocks[n < RECORDED_BLOCKS ? n : RECORDED_BLOCKS - 1];
}

static void acquisition(struct recorded *b, const struct op_segment *s)
{
	struct recorded_side *side = &b->side[s->kind == SEG_W];

	if (s->kind != SEG_W && s->kind != SEG_R)
		return;
	side->acquired++;
	if (!s->contended || s->wait_ns < CONTENDED_NS)
		return;
	side->contended++;
	hist_record(&side->wait_ns, s->wait_ns);
	if (s->spin_ns < 0)
		return;
	side->spin_ns += s->spin_ns;
	side->sleep_ns += s->wait_ns - s->spin_ns;
}

static void call_over(struct collector *c)
{
	struct last_call *l = &c->call;
	int64_t ns = l->end_ns - l->start_ns;

	if (l->nested)
		ns = l->own_ns;
	if (l->open && ns)
		hist_record(&block_of(c, l->start_ns)->latency_ns[l->kind], ns);
	l->open = false;
}

/* Return: @op is a part of the call before it. */
static bool nested(struct collector *c, const struct op *op)
{
	if (!c->call.open || op->start_ns >= c->call.end_ns)
		return false;
	c->call.nested = true;
	/* the address space that exec leaves goes with exec itself */
	return op->kind != OP_EXIT_MM || c->call.kind == OP_EXEC;
}

static void call_begins(struct collector *c, const struct op *op)
{
	struct last_call *l = &c->call;

	if (op->kind == OP_FAULT || nested(c, op))
		return;
	call_over(c);
	*l = (struct last_call){ .start_ns = op->start_ns,
				 .end_ns = op->start_ns + op->duration_ns,
				 .kind = op->kind, .open = true };
	for (uint16_t i = 0; i < op->segs; i++)
		l->own_ns += op->seg[i].work_ns + op->seg[i].tax_ns +
			     op->seg[i].wait_ns + op->seg[i].sleep_ns;
}

static void call(struct collector *c, const struct op *op)
{
	struct recorded *b = block_of(c, op->start_ns);

	if (op->duration_ns < 0)
		nested(c, op);
	else
		call_begins(c, op);
	if (op->kind == OP_FAULT)
		b->path[op->path]++;
	for (uint16_t i = 0; i < op->segs; i++) {
		const struct op_segment *s = &op->seg[i];
		int64_t spin_ns = s->spin_ns < 0 ? 0 : s->spin_ns;

		acquisition(b, s);
		b->time[op->kind].work_ns += s->work_ns + s->tax_ns;
		b->time[op->kind].spin_ns += spin_ns;
		b->time[op->kind].sleep_ns += s->sleep_ns + s->wait_ns - spin_ns;
	}
}

static void gap(struct collector *c, const struct op *op)
{
	int64_t ns = op->start_ns - c->fault_ns;

	if (c->fault_ns >= 0 && ns <= GAP_NS &&
	    op_kinds[op->kind].cls != OP_CLASS_SCHED)
		hist_record(&block_of(c, c->fault_ns)->gap_ns, ns);
	c->fault_ns = -1;
	if (op->kind == OP_FAULT && !(op->flags & OPF_IN_CALL))
		c->fault_ns = op->start_ns;
}

static void release(struct collector *c, const struct op *op)
{
	for (uint32_t i = c->held_count; i-- > 0;) {
		struct held *h = &c->held[i];

		if (h->mm != op->arg[0])
			continue;
		hist_record(&block_of(c, h->since_ns)->side[h->write].hold_ns,
			    op->start_ns - h->since_ns + c->tax_ns);
		*h = c->held[--c->held_count];
		return;
	}
}

static void acquired(struct collector *c, const struct op *op)
{
	if (!op->arg[2])
		return;			/* a failed trylock */
	if (op->arg[3])
		release(c, op);
	if (c->held_count == HELD_MAX)
		return;
	c->held[c->held_count++] = (struct held){
		.mm = op->arg[0],
		.since_ns = op->start_ns + (op->arg[3] ? c->tax_ns : 0),
		.write = op->arg[1] && !op->arg[3] };
}

static void measured(struct collector *c, const struct op *op)
{
	switch (op->kind) {
	case OP_LOCK_ACQUIRED:
		acquired(c, op);
		break;
	case OP_LOCK_RELEASED:
		release(c, op);
		break;
	case OP_TLB_FLUSH:
		block_of(c, op->start_ns)->ipis +=
			op->arg[1] == TLB_REMOTE_SHOOTDOWN;
		break;
	case OP_VMAP_PURGE:
		block_of(c, op->start_ns)->purged += op->arg[2];
		/* a drain that found nothing is no drain to the model */
		block_of(c, op->start_ns)->purges += op->arg[2] > 0;
		break;
	default:
		break;
	}
}

static void vfree(struct collector *c, const struct op *op)
{
	struct recorded *b = block_of(c, op->start_ns);

	if (op->arg[2] <= INT64_MAX)
		hist_record(&b->nr_lazy_pages, (int64_t)op->arg[2]);
	b->lazy_max_pages = op->arg[3];
}

static int task(struct mmt_reader *trace, uint32_t id, struct collector *c,
		struct errbuf *e)
{
	struct mmt_cursor *cursor = mmt_cursor(trace, id);
	bool user = mmt_header(trace)->tasks[id].mm != TRACE_NO_MM;
	struct op op;
	int ret;

	c->fault_ns = -1;
	c->held_count = 0;
	while ((ret = mmt_next(cursor, &op, e)) > 0) {
		if (op_kinds[op.kind].cls == OP_CLASS_MEASURE) {
			measured(c, &op);
			continue;
		}
		gap(c, &op);
		if (op.kind == OP_VFREE)
			vfree(c, &op);
		if (op_kinds[op.kind].cls == OP_CLASS_REPLAY)
			call(c, &op);
		if (op.duration_ns > 0)
			op.start_ns += op.duration_ns;
		if (user && op.start_ns > c->end_ns)
			c->end_ns = op.start_ns;
	}
	call_over(c);
	mmt_cursor_free(cursor);
	return ret;
}

json_t *recorded_json(struct mmt_reader *trace, const char *source,
		      struct errbuf *e)
{
	const struct trace_header *h = mmt_header(trace);
	struct recorded blocks[RECORDED_BLOCKS] = { 0 };
	struct collector c = { .blocks = blocks, .span_ns = h->span_ns,
			       .tax_ns = h->lock_event_tax_ns };
	json_t *o = NULL, *run, *rows;
	int ret = 0;

	for (uint32_t i = 0; !ret && i < h->task_count; i++)
		ret = task(trace, i, &c, e);
	run = ret ? NULL : recorded_run(trace, e);
	if (run) {
		rows = recorded_rows(h, blocks, c.end_ns);
		recorded_run_rows(run, h->have & HAVE_MMAP_LOCK, rows);
		o = json_object();
		json_object_set_new(o, "kind", json_string("recorded"));
		json_object_set_new(o, "source", json_text(source));
		json_object_set_new(o, "rows", rows);
		json_decref(run);
	}
	for (int i = 0; i < RECORDED_BLOCKS; i++)
		recorded_release(&blocks[i]);
	return o;
}

json_t *recorded_of(const char *path,
		    json_t *(*what)(struct mmt_reader *trace,
				    const char *source, struct errbuf *e),
		    struct errbuf *e)
{
	struct mmt_reader *trace = mmt_open(path, MMT_MEASUREMENTS, 0, e);
	json_t *o = trace ? what(trace, path, e) : NULL;

	if (trace)
		mmt_close(trace);
	return o;
}
