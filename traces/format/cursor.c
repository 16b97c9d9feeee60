/*
 * Cursors over a native trace: the records of one task, chunk by chunk.
 *
 * Invariant: a cursor's pointers into the cache are used only while the reader
 * has evicted nothing since they were made; after that they tell how much is
 * left, and are made anew. Cost: a record is one decode, inlined. A task's
 * cursor takes about 600 bytes, twice that with measurements.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/format/decode.h"
#include "traces/format/cursor.h"

enum { LINE_BYTES = 64, AHEAD_BYTES = 160 };

/* bit i: arg[i] is the number of a task, or of an mm */
static const uint8_t task_args[OP_KIND_COUNT] = {
	[OP_FORK] = 1, [OP_CLONE_THREAD] = 1, [OP_VFORK] = 1,
	[OP_SCHED_OUT] = 2, [OP_WAKING] = 1,
};
static const uint8_t mm_args[OP_KIND_COUNT] = {
	[OP_EXEC] = 1, [OP_PROC_MAPS] = 1, [OP_PROC_SMAPS] = 1,
	[OP_PROC_CMDLINE] = 1, [OP_LOCK_START] = 1, [OP_LOCK_ACQUIRED] = 1,
	[OP_LOCK_RELEASED] = 1,
};

void mmt_arg_refs(unsigned kind, unsigned *tasks, unsigned *mms)
{
	*tasks = task_args[kind];
	*mms = mm_args[kind];
}

static bool resolve_mm(const struct mmt_reader *r, uint64_t *id)
{
	if (*id == TRACE_NO_MM)
		return true;
	if (*id >= r->mm_limit)
		return false;
	if (r->alias_count)
		*id = r->alias[*id];
	return true;
}

static bool resolve_args(const struct mmt_reader *r, struct op *op)
{
	for (unsigned i = 0; i < 2; i++) {
		if (task_args[op->kind] >> i & 1 &&
		    op->arg[i] != TRACE_NO_TASK && op->arg[i] >= r->task_limit)
			return false;
		if (mm_args[op->kind] >> i & 1 && !resolve_mm(r, &op->arg[i]))
			return false;
	}
	return true;
}

bool mmt_resolve(const struct mmt_reader *r, struct op *op)
{
	if (op->mm != TRACE_NO_MM) {
		if (op->mm >= r->mm_limit)
			return false;
		if (r->alias_count)
			op->mm = r->alias[op->mm];
	}
	if (task_args[op->kind] | mm_args[op->kind])
		return resolve_args(r, op);
	return true;
}

struct mmt_cursor *mmt_cursor_new(struct mmt_reader *r, uint32_t task)
{
	struct mmt_cursor *c = pool_get(&r->cursors);

	c->r = r;
	c->task = c->entry.task = task;
	c->plain = !(r->flags & MMT_MEASUREMENTS);
	if (!c->plain)
		c->measure = xcalloc(1, sizeof(*c->measure));
	return c;
}

struct mmt_cursor *mmt_cursor(struct mmt_reader *r, uint32_t task)
{
	struct mmt_cursor *c = mmt_cursor_new(r, task);

	if (r->flags & MMT_IN_ORDER)
		BUG("the trace was opened to be read in order");
	if (task < r->rows_room && r->rows[task].used) {
		c->row = r->rows[task].data;
		c->row_end = c->row + r->rows[task].used;
	}
	return c;
}

/* most records name one mm, whose number is final, and nothing else */
static inline bool resolve(const struct mmt_reader *r, struct op *op)
{
	if (op->mm < r->mm_plain && !(task_args[op->kind] | mm_args[op->kind]))
		return true;
	return mmt_resolve(r, op);
}

static __attribute__((cold)) int fail(struct mmt_cursor *c, struct errbuf *e)
{
	c->failed = true;
	c->plain = false;
	return err_set(e, -EBADMSG, "%s: offset %" PRIu64 ": damaged record of "
		       "task %u in this chunk", c->r->path,
		       c->r->chunks[c->entry.chunk].offset, c->task);
}

static void enter_stream(struct stream_at *s, const struct mmt_entry *entry,
			 unsigned stream)
{
	mmt_context_init(&s->ctx, entry->base_ns[stream], entry->task);
	s->generation = 0;	/* nothing decoded was ever of this one */
	s->p = s->end = NULL;
	s->left = s->count = entry->count[stream];
}

/* on to the next chunk that has something for us; false at the end */
static __attribute__((noinline)) bool enter_group(struct mmt_cursor *c)
{
	while (c->only || c->row < c->row_end) {
		if (c->only)
			c->entry = *c->only;
		else
			c->row = mmt_row_get(c->r, c->row, &c->entry);
		c->only = NULL;
		enter_stream(&c->main, &c->entry, 0);
		if (c->measure)
			enter_stream(&c->measure->at, &c->entry, 1);
		if (c->main.left || (c->measure && c->measure->at.left))
			return true;
	}
	return false;
}

/* point into a stream's bytes: they are needed first, or may be gone */
static __attribute__((noinline)) bool load_stream(struct mmt_cursor *c,
						  struct stream_at *s,
						  struct errbuf *e)
{
	const struct mmt_entry *entry = &c->entry;
	unsigned stream = s != &c->main;
	size_t left = s->generation ? (uintptr_t)s->end - (uintptr_t)s->p :
		      entry->bytes[stream];
	uint32_t number = mmt_stream(c->r, entry->chunk, stream, e);
	const struct mmt_slot *slot;

	if (number == UINT32_MAX) {
		c->failed = true;
		c->plain = false;
		return false;
	}
	slot = &c->r->slots[number];
	s->end = slot->data + slot->groups_at + entry->off[stream] +
		 entry->bytes[stream];
	s->p = s->end - left;
	s->shapes = slot->shapes;
	s->generation = c->r->generation;
	return true;
}

/* before op->mm is resolved: segments are coded against the id in the file */
static const uint8_t *next_segments(struct mmt_cursor *c, const uint8_t *p,
				    struct op *op)
{
	if (op->segs > c->seg_size) {
		c->seg_size = op->segs > 8 ? OP_SEGS_MAX : 8;
		c->seg = xrealloc(c->seg, c->seg_size, sizeof(*c->seg));
	}
	p = mmt_decode_segments(c->main.shapes, p, c->main.end, op, c->seg);
	for (unsigned i = 0; p && i < op->segs; i++) {
		uint64_t mm = c->seg[i].mm;

		if (!resolve_mm(c->r, &mm))
			return NULL;
		c->seg[i].mm = (uint32_t)mm;
	}
	op->seg = c->seg;
	return p;
}

static inline __attribute__((always_inline)) int
next_main(struct mmt_cursor *c, struct op *op, struct errbuf *e)
{
	struct stream_at *s = &c->main;
	const uint8_t *p;

	if (s->generation != c->r->generation && !load_stream(c, s, e))
		return -EBADMSG;
	p = mmt_decode(&s->ctx, s->shapes, s->p, s->end, op);
	if (!p)
		return fail(c, e);
	if (op->segs)
		p = next_segments(c, p, op);
	if (!p || !resolve(c->r, op))
		return fail(c, e);
	s->p = p;
	if (!--s->left && p != s->end)
		return fail(c, e);
	return 1;
}

static int fetch_measure(struct mmt_cursor *c, struct errbuf *e)
{
	struct measure_at *m = c->measure;
	struct stream_at *s = &m->at;

	if (s->generation != c->r->generation && !load_stream(c, s, e))
		return -EBADMSG;
	s->p = mmt_decode(&s->ctx, s->shapes, s->p, s->end, &m->next);
	if (!s->p || m->next.segs || !resolve(c->r, &m->next))
		return fail(c, e);
	if (!--s->left && s->p != s->end)
		return fail(c, e);
	m->have_next = true;
	return 0;
}

/* a record of either stream, in the order in which they were written */
static __attribute__((noinline)) int next_of_both(struct mmt_cursor *c,
						  struct op *op,
						  struct errbuf *e)
{
	struct measure_at *m = c->measure;
	int ret;

	if (!c->main.left && !m->at.left && !m->have_next && !enter_group(c))
		return 0;
	if (!m->have_next && m->at.left) {
		ret = fetch_measure(c, e);
		if (ret)
			return ret;
	}
	if (m->have_next && (!c->main.left ||
			     m->at.ctx.pos <= c->main.count - c->main.left)) {
		*op = m->next;
		m->have_next = false;
		return 1;
	}
	return next_main(c, op, e);
}

/* of any cursor, wherever it stands */
static __attribute__((noinline)) int next_of_any(struct mmt_cursor *c,
						 struct op *op,
						 struct errbuf *e)
{
	const struct op *next;
	int ret;

	if (!c->plain) {
		if (c->merge) {
			ret = mmt_next_merged(c, &next, e);
			if (ret > 0)
				*op = *next;
			return ret;
		}
		return c->failed ? -EBADMSG : next_of_both(c, op, e);
	}
	if (!c->main.left && !enter_group(c))
		return 0;
	return next_main(c, op, e);
}

void mmt_ahead(const struct mmt_cursor *c)
{
	for (size_t at = 0; at < AHEAD_BYTES; at += LINE_BYTES)
		__builtin_prefetch((const char *)c + at);
}

/* gcc would compute the address anew for each field, and run out of registers */
#define KEEP_IN_REGISTER(pointer) __asm__("" : "+r"(pointer))

/*
 * The way of most records, with no call and so no register to save: not the
 * first or last of a group, a shape of the table, the mm of the one before.
 */
int mmt_next(struct mmt_cursor *c, struct op *op, struct errbuf *e)
{
	struct stream_at *s = &c->main;
	const struct mmt_shape *shape;
	struct mmt_class_state *state;
	const uint8_t *p = s->p;

	if (!c->plain || s->left < 2 || s->generation != c->r->generation ||
	    *p >= s->shapes->records)
		return next_of_any(c, op, e);
	shape = &s->shapes->record[*p++];
	KEEP_IN_REGISTER(shape);
	state = &s->ctx.cls[shape->cls];
	KEEP_IN_REGISTER(state);
	if (shape->more & (SHAPE_META | SHAPE_REFS) || state->meta.segs ||
	    state->meta.mm >= c->r->mm_plain || s->end - p < shape->bytes)
		return next_of_any(c, op, e);
	__builtin_prefetch(p + 128);
	if (!mmt_decode_fields(&s->ctx, state, shape, p, op))
		return fail(c, e);
	s->p = p + shape->bytes;
	s->left--;
	return 1;
}

void mmt_cursor_free(struct mmt_cursor *c)
{
	if (!c)
		return;
	if (c->merge)
		mmt_merge_free(c->merge, c->r);
	free(c->measure);
	free(c->seg);
	pool_put(&c->r->cursors, c);
}
