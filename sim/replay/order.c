/*
 * The order pass: all records of all tasks in capture order, once.
 *
 * Invariant: whatever is published ended before the record that is looked at
 * starts, so every edge but one kind (deeds.c, overlapping reuse) goes from
 * an earlier end to a later start, and capture order is a topological order:
 * a replay that waits for these edges cannot deadlock.
 *
 * An edge A.x -> B.y is dropped if B waited before for a record of A at or
 * after x: what is kept grows with the interaction of tasks, not with ops.
 *
 * Cost: O(log) a record. Memory while it runs: live state (address spaces,
 * ops under way); what stays is struct order.
 * Limits: 2^32 records a task.
 */
#include <errno.h>
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/replay/order_build.h"

/* ---- known edges: what the sequence numbers imply ---- */

static struct known *known_find(const struct known_table *k, uint32_t task)
{
	uint32_t i = task * 2654435761u & (k->size - 1);

	while (k->slot[i].task && k->slot[i].task != task + 1)
		i = (i + 1) & (k->size - 1);
	return &k->slot[i];
}

static struct known *known_get(struct known_table *k, uint32_t task,
			       bool *known)
{
	struct known_table old = *k;
	struct known *n;

	if (k->used >= k->size / 2) {
		k->size = k->size ? k->size * 2 : 4;
		k->slot = xcalloc(k->size, sizeof(*k->slot));
		for (uint32_t i = 0; i < old.size; i++)
			if (old.slot[i].task)
				*known_find(k, old.slot[i].task - 1) =
					old.slot[i];
		free(old.slot);
	}
	n = known_find(k, task);
	*known = n->task;
	if (!*known) {
		*n = (struct known){ .task = task + 1 };
		k->used++;
	}
	return n;
}

/* further up, an edge that a creator implies is written once more: no harm */
enum { CREATORS_MAX = 16 };

/*
 * A task starts after its creator's record, and so after all that this one
 * had waited for. Looked up in the creators' tables: copies of them would
 * take tasks times tasks where one task makes and joins many.
 */
static bool creator_waited(const struct order_build *b, uint32_t task,
			   uint32_t pred, uint64_t seq)
{
	for (int i = 0; i < CREATORS_MAX; i++) {
		const struct task_order *o = &b->o->tasks[task];
		const struct known_table *from;
		const struct known *k;

		if (o->creator == TRACE_NO_TASK)
			return false;
		if (o->creator == pred)
			return seq <= o->creator_seq;
		from = &b->tasks[o->creator].known;
		k = from->size ? known_find(from, pred) : NULL;
		if (k && k->task && k->succ <= o->creator_seq)
			return k->pred >= seq;
		task = o->creator;
	}
	return false;
}

/* ---- notes ---- */

void order_note(struct order_build *b, uint64_t at, enum note_kind kind,
		uint32_t task, uint32_t value)
{
	struct task_order *t = &b->o->tasks[ref_task(at)];
	struct note n = { .seq = ref_seq(at), .kind = kind & 15,
			  .task = task & ((1u << NOTE_TASK_BITS) - 1),
			  .value = value };
	uint32_t i;

	if (t->note_count == t->note_room) {
		t->note_room = t->note_room ? t->note_room * 2 : 4;
		t->notes = xrealloc(t->notes, t->note_room, sizeof(n));
	}
	/* in order of seq: nearly always at the end */
	for (i = t->note_count++; i && t->notes[i - 1].seq > n.seq; i--)
		t->notes[i] = t->notes[i - 1];
	t->notes[i] = n;
}

/* A record that waits for several of one task waits for the last of them. */
static bool note_raise(struct task_order *t, const struct note *to)
{
	for (uint32_t i = t->note_count; i && t->notes[i - 1].seq >= to->seq;
	     i--) {
		struct note *n = &t->notes[i - 1];

		if (n->seq == to->seq && n->kind == to->kind &&
		    n->task == to->task) {
			n->value = to->value;
			return true;
		}
	}
	return false;
}

void order_edge(struct order_build *b, uint64_t pred, uint64_t succ,
		enum note_kind kind)
{
	struct note n = { .seq = ref_seq(succ), .kind = kind & 15,
			  .task = ref_task(pred) & ((1u << NOTE_TASK_BITS) - 1),
			  .value = ref_seq(pred) };
	struct known *k;
	bool known, again;

	if (ref_task(pred) == ref_task(succ))
		return;
	k = known_get(&b->tasks[ref_task(succ)].known, ref_task(pred), &known);
	if (!known && creator_waited(b, ref_task(succ), n.task, n.value)) {
		known = true;
		k->pred = n.value;
	}
	again = known && k->succ == n.seq;
	if (known && k->pred >= n.value && k->succ <= n.seq) {
		b->o->implied++;
		if (kind == NOTE_ORDER)
			return;		/* a waker is a fact of its own */
	} else if (!known || k->pred < n.value) {
		k->pred = n.value;
		k->succ = n.seq;
	}
	if (again && note_raise(&b->o->tasks[ref_task(succ)], &n))
		return;
	b->o->edges++;
	order_note(b, succ, kind, n.task, n.value);
}

/* ---- ops under way: a heap by (end, ref) ---- */

static bool ends_before(const struct deed *a, const struct deed *b)
{
	return a->end_ns != b->end_ns ? a->end_ns < b->end_ns : a->ref < b->ref;
}

static void heap_push(struct order_build *b, const struct deed *d)
{
	uint32_t i = b->heap_count++, up;

	if (i == b->heap_room) {
		b->heap_room = b->heap_room ? b->heap_room * 2 : 16;
		b->heap = xrealloc(b->heap, b->heap_room, sizeof(*b->heap));
	}
	for (; i && ends_before(d, &b->heap[up = (i - 1) / 2]); i = up)
		b->heap[i] = b->heap[up];
	b->heap[i] = *d;
}

static void heap_pop(struct order_build *b)
{
	const struct deed *d = &b->heap[--b->heap_count];
	uint32_t i = 0, down;

	for (; (down = 2 * i + 1) < b->heap_count; i = down) {
		if (down + 1 < b->heap_count &&
		    ends_before(&b->heap[down + 1], &b->heap[down]))
			down++;
		if (!ends_before(&b->heap[down], d))
			break;
		b->heap[i] = b->heap[down];
	}
	b->heap[i] = *d;
}

static void publish(struct order_build *b, int64_t until_ns)
{
	struct deed d;

	while (b->heap_count && b->heap[0].end_ns <= until_ns) {
		d = b->heap[0];
		heap_pop(b);
		deed_end(b, &d);
	}
}

/* ---- the pass ---- */

bool op_slept_locked(const struct op *op)
{
	for (uint16_t i = 0; i < op->segs && op->kind == OP_FAULT; i++)
		if (op->seg[i].sleep_ns)
			return true;
	return false;
}

static void put_cause(struct order_build *b, uint32_t task, uint32_t cause)
{
	struct task_build *t = &b->tasks[task];
	struct stream *s = &b->o->tasks[task].moved;

	if (!cause) {
		t->moved_run++;
		return;
	}
	stream_put(s, t->moved_run);
	stream_put(s, cause);
	t->moved_run = 0;
}

/* Which ops of others it follows; what has no duration is over at once. */
static uint32_t cause_of(struct order_build *b, const struct op *op,
			 struct deed *d)
{
	struct task_build *t = &b->tasks[op->task];

	t->epoch += cause_epoch(op);
	d->epoch = t->epoch;
	if (d->mm == TRACE_NO_MM)
		return 0;
	return cause_begun(&b->mms[d->mm].causes, op->task, d->epoch, &d->r,
			   d->end_ns == d->start_ns);
}

/*
 * Most records are faults without a duration, of a task in its own address
 * space. Such a deed is one page, and its end is its start, so it takes the
 * short way through the same steps. The test build sends every other one
 * the long way: both must say the same.
 */
static bool replay_touch(struct order_build *b, const struct op *op,
			 uint64_t ref)
{
	struct task_build *t = &b->tasks[op->task];
	struct mm_order *mm;
	uint64_t page;

	if (op->kind != OP_FAULT || op->duration_ns > 0 || op->mm != t->mm ||
	    op->mm == TRACE_NO_MM || op->flags & OPF_FAILED ||
	    !op_touches(op, &page))
		return false;
#ifdef MMREPLAY_TEST
	if (ref & 1)
		return false;
#endif
	mm = &b->mms[t->mm];
	b->o->unknown_durations += op->duration_ns < 0;
	put_cause(b, op->task, cause_page(&mm->causes, op->task, t->epoch, page,
					  &t->near));
	deed_touch(b, mm, &mm->users[t->slot], page, ref);
	if (op->start_ns > t->busy_until_ns)
		t->busy_until_ns = op->start_ns;
	t->fault_open = op->segs && op_slept_locked(op);
	return true;
}

static void replay_record(struct order_build *b, const struct op *op,
			  uint64_t ref)
{
	struct task_build *t = &b->tasks[op->task];
	struct task_order *o = &b->o->tasks[op->task];
	struct deed d;

	if (replay_touch(b, op, ref))
		return;
	o->exits |= op->kind == OP_EXIT;
	o->exit_mm |= op->kind == OP_EXIT_MM;
	if (op->duration_ns < 0)
		b->o->unknown_durations++;
	if (op->mm != t->mm && op->mm != TRACE_NO_MM && op->kind != OP_EXIT_MM)
		mm_enter(b, op->task, op->mm);
	deed_of(b, op, ref, &d);
	put_cause(b, op->task, cause_of(b, op, &d));
	deed_start(b, &d);
	if (d.end_ns > d.start_ns)
		heap_push(b, &d);
	else
		deed_end(b, &d);
	if (d.end_ns > t->busy_until_ns)
		t->busy_until_ns = d.end_ns;
	t->fault_open = op_slept_locked(op);
}

/*
 * nr_lazy of a free counts its own area. The size of one that is older than
 * the trace is not known, and its free is not replayed: it counts as before.
 */
static void note_free(struct order_build *b, const struct op *op)
{
	uint64_t pages = op->arg[1] >> PAGE_SHIFT;

	if (!op->arg[3])	/* nothing was recorded: generated */
		return;
	if (!b->lazy_known)
		b->o->lazy_pages = op->arg[2] > pages ? op->arg[2] - pages : 0;
	b->lazy_known = true;
	b->frees += pages > 0;
	b->freed_pages += pages;
}

static int record(struct order_build *b, const struct op *op, struct errbuf *e)
{
	struct task_build *t = &b->tasks[op->task];
	uint64_t ref = ref_of(op->task, t->seq);

	if (t->seq == UINT32_MAX)
		return err_set(e, -EFBIG, "task %u of the trace has more than 2^32 records",
			       op->task);
	publish(b, op->start_ns);
	if (!t->seq) {
		b->o->tasks[op->task].starts_off = op->kind == OP_SCHED_IN;
		b->o->tasks[op->task].first_cpu = op->cpu;
	}
	if (op_kinds[op->kind].cls == OP_CLASS_SCHED) {
		order_sched(b, op, ref);
	} else {
		if (t->out_state && !t->out_nested)
			order_back(b, op, ref);	/* its sched-in is missing */
		t->out_state = 0;
		replay_record(b, op, ref);
		if (op->kind == OP_VFREE)
			note_free(b, op);
	}
	t->seq++;
	b->o->records++;
	b->o->ops[op->kind]++;
	return 0;
}

static void build_init(struct order_build *b, const struct trace_header *h)
{
	*b = (struct order_build){ .h = h };
	use_store_init(&b->store);
	b->o = xcalloc(1, sizeof(*b->o));
	b->o->task_count = h->task_count;
	b->o->tasks = xcalloc(h->task_count, sizeof(*b->o->tasks));
	b->tasks = xcalloc(h->task_count, sizeof(*b->tasks));
	b->mms = xcalloc(h->mm_count, sizeof(*b->mms));
	for (uint32_t i = 0; i < h->mm_count; i++)
		b->mms[i].barrier = b->mms[i].last_brk = NO_REF;
	for (uint32_t i = 0; i < h->task_count; i++) {
		b->tasks[i].mm = TRACE_NO_MM;
		b->tasks[i].vfork = b->tasks[i].waker = NO_REF;
		b->o->tasks[i].creator = TRACE_NO_TASK;
	}
	for (uint32_t i = 0; i < h->task_count; i++)
		if (h->tasks[i].parent == TRACE_NO_TASK)
			mm_enter(b, i, h->tasks[i].mm);
}

static void build_release(struct order_build *b)
{
	for (uint32_t i = 0; i < b->h->task_count; i++)
		free(b->tasks[i].known.slot);
	for (uint32_t i = 0; i < b->h->mm_count; i++)
		mm_order_release(b, &b->mms[i]);
	use_store_release(&b->store);
	free(b->tasks);
	free(b->mms);
	free(b->cpus);
	free(b->heap);
	free(b->allocs);
}

static void build_finish(struct order_build *b)
{
	publish(b, INT64_MAX);
	if (b->frees)
		b->o->lazy_area_pages = b->freed_pages / b->frees;
	for (uint32_t i = 0; i < b->o->task_count; i++) {
		struct task_order *t = &b->o->tasks[i];

		t->records = b->tasks[i].seq;
		b->o->bytes += t->note_room * sizeof(*t->notes) + t->moved.room;
	}
}

struct order *order_build(struct mmt_reader *trace, struct errbuf *e)
{
	struct mmt_cursor *c = mmt_merged(trace);
	struct order_build b;
	const struct op *op;
	int ret;

	build_init(&b, mmt_header(trace));
	while ((ret = mmt_next_merged(c, &op, e)) > 0) {
		if (op_kinds[op->kind].cls == OP_CLASS_MEASURE)
			continue;
		ret = record(&b, op, e);
		if (ret < 0)
			break;
	}
	mmt_cursor_free(c);
	build_finish(&b);
	build_release(&b);
	if (ret == 0)
		return b.o;
	order_free(b.o);
	return NULL;
}

void order_free(struct order *o)
{
	if (!o)
		return;
	for (uint32_t i = 0; i < o->task_count; i++) {
		free(o->tasks[i].notes);
		stream_release(&o->tasks[i].moved);
	}
	free(o->tasks);
	free(o);
}
