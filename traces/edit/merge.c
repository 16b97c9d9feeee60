/*
 * Several traces as one, in order of starts on one clock.
 *
 * Hosts: nothing is shared; tasks, address spaces, CPUs and vmalloc addresses
 * get ranges of their own. One run: a task is told by tid and tgid as long as
 * it lives, its address space goes on as the one that it was in, and what an
 * input's layout has that no record made was there from the start. A record
 * that stands in two inputs is written once.
 *
 * Cost: O(inputs) a record. Memory: the tables, live areas, one cache.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/edit/edit.h"
#include "traces/edit/merge_int.h"
#include "traces/format/mmt.h"

enum { CACHE_BYTES = 32 << 20, VA_HOST_SHIFT = 48 };

/* ---- which task, which address space ---- */

static uint64_t tid_key(const struct trace_task *t)
{
	return (uint64_t)t->tgid << 32 | t->tid;
}

/* the row of the new trace that @t of input @in goes on as, or none */
static uint32_t find_task(const struct merge *m, const struct input *in,
			  const struct trace_task *t)
{
	uint64_t slot = tid_key(t) * 0x9e3779b97f4a7c15u % m->bucket_count;

	for (uint32_t i = m->bucket[slot]; i != TRACE_NO_TASK;
	     i = m->known[i].next) {
		const struct known_task *k = &m->known[i];

		if (k->key == tid_key(t) && k->last_input != in->number &&
		    !(k->exited && k->last_ns < t->first_ns + in->shift_ns))
			return i;
	}
	return TRACE_NO_TASK;
}

static void remember_task(struct merge *m, const struct input *in,
			  uint32_t row, const struct trace_task *t)
{
	uint64_t slot = tid_key(t) * 0x9e3779b97f4a7c15u % m->bucket_count;
	struct known_task *k;

	if (row >= m->known_size) {
		m->known_size = row * 2 + 64;
		m->known = xrealloc(m->known, m->known_size,
				    sizeof(*m->known));
	}
	k = &m->known[row];
	if (row >= m->known_count) {
		m->known_count = row + 1;
		*k = (struct known_task){ .key = tid_key(t), .mm = TRACE_NO_MM,
					  .next = m->bucket[slot] };
		m->bucket[slot] = row;
	}
	k->last_input = in->number;
	k->exited = t->exited;
	if (t->last_ns + in->shift_ns > k->last_ns)
		k->last_ns = t->last_ns + in->shift_ns;
}

/* what @row knows and the layout of @mm has not: it was there at the start */
static void add_areas(struct merge *m, uint32_t mm, const struct trace_mm *row)
{
	struct trace_mm *to = &m->to.h.mms[mm];
	struct seen *seen = &m->seen[mm];
	struct range_run run;

	for (uint32_t i = 0; i < row->area_count; i++) {
		const struct trace_area *a = &row->areas[i];

		/* in part known: its extent here is what records made of it */
		if (rangemap_next(&seen->map, a->start, &run) &&
		    run.r.start < a->end)
			continue;
		to->areas = xrealloc(to->areas, to->area_count + 1,
				     sizeof(*to->areas));
		to->areas[to->area_count] = *a;
		to->areas[to->area_count++].resident_pages = UINT64_MAX;
		rangemap_set(&seen->map, (struct range){ a->start, a->end },
			     SEEN_MADE);
		m->acct->rebuilt_areas++;
	}
}

static struct seen *seen_of(struct merge *m, uint32_t mm)
{
	if (mm >= m->seen_count) {
		uint32_t count = mm * 2 + 16;

		m->seen = xrealloc(m->seen, count, sizeof(*m->seen));
		memset(m->seen + m->seen_count, 0,
		       (count - m->seen_count) * sizeof(*m->seen));
		m->seen_count = count;
	}
	return &m->seen[mm];
}

/* a new row for @old, with its layout seen */
static uint32_t new_mm(struct merge *m, struct input *in, uint32_t old)
{
	uint32_t mm = renumber_mm(&in->n, old), parent;
	const struct trace_mm *row = &in->h->mms[old];

	if (!m->one_run)
		return mm;
	parent = row->origin == MM_FORK && row->parent != TRACE_NO_MM ?
		 in->n.mm[row->parent] : TRACE_NO_MM;
	seen_of(m, mm);
	if (parent != TRACE_NO_MM && parent != mm)
		seen_copy(&m->seen[mm], seen_of(m, parent));
	seen_row(&m->seen[mm], &m->to.h.mms[mm]);
	return mm;
}

/* where the process @tgid is now; an empty slot where it is not known */
static struct group *group_of(struct merge *m, uint32_t tgid)
{
	uint64_t i = tgid * 0x9e3779b97f4a7c15u % m->bucket_count;

	while (m->group[i].mm != TRACE_NO_MM && m->group[i].tgid != tgid)
		i = (i + 1) % m->bucket_count;
	return &m->group[i];
}

/*
 * Binds @old of @in on the first mention: to @now, where its user is, else to
 * where its user's process is, else to a row of its own.
 */
static uint32_t mm_of(struct merge *m, struct input *in, uint32_t old,
		      uint32_t tgid, uint32_t now)
{
	if (old == TRACE_NO_MM || in->n.mm[old] != TRACE_NO_MM)
		return old == TRACE_NO_MM ? old : in->n.mm[old];
	if (m->one_run && now == TRACE_NO_MM)
		now = group_of(m, tgid)->mm;
	if (now == TRACE_NO_MM || in->h->mms[old].origin != MM_INITIAL)
		return new_mm(m, in, old);
	renumber_join_mm(&in->n, old, now);
	m->acct->joined_mms++;
	seen_of(m, now);
	add_areas(m, now, &in->h->mms[old]);
	return now;
}

/* the number that @old of @in has in the new trace, joined if it was there */
static uint32_t task_of(struct merge *m, struct input *in, uint32_t old)
{
	const struct trace_task *t;
	uint32_t row;

	if (old == TRACE_NO_TASK || in->n.task[old] != TRACE_NO_TASK)
		return old == TRACE_NO_TASK ? old : in->n.task[old];
	t = &in->h->tasks[old];
	row = m->one_run ? find_task(m, in, t) : TRACE_NO_TASK;
	if (row == TRACE_NO_TASK) {
		mm_of(m, in, t->mm, t->tgid, TRACE_NO_MM);
		row = renumber_task(&in->n, old);
	} else {
		renumber_join_task(&in->n, old, row);
		m->to.tasks[row].exited |= t->exited;
		m->acct->joined_tasks++;
	}
	if (m->one_run)
		remember_task(m, in, row, t);
	return row;
}

/* ---- records ---- */

static bool same_record(const struct op *a, const struct op *b)
{
	return a->kind == b->kind && a->duration_ns == b->duration_ns &&
	       a->cpu == b->cpu && a->result == b->result &&
	       !memcmp(a->arg, b->arg, sizeof(a->arg));
}

/* a record of the same task and time from another input */
static bool is_duplicate(struct merge *m, const struct input *in,
			 const struct op *op)
{
	struct known_task *k = &m->known[op->task];

	if (k->at_ns != op->start_ns || !k->recent_count) {
		k->at_ns = op->start_ns;
		k->recent_count = 0;
	}
	for (unsigned i = 0; i < k->recent_count; i++) {
		if (k->recent[i].input != in->number &&
		    same_record(&k->recent[i].op, op))
			return true;
	}
	if (k->recent_count == k->recent_size) {
		k->recent_size = k->recent_size ? k->recent_size * 2 : 2;
		k->recent = xrealloc(k->recent, k->recent_size,
				     sizeof(*k->recent));
	}
	k->recent[k->recent_count++] = (struct recent){ in->number, *op };
	return false;
}

/* CPUs and vmalloc addresses of a host of its own */
static void move_to_host(const struct input *in, struct op *op)
{
	op->cpu = (uint16_t)(op->cpu + in->cpu_base);
	if (op->kind == OP_MIGRATE)
		op->arg[0] += in->cpu_base;
	if (op->kind == OP_MIGRATE || op->kind == OP_LOST)
		op->arg[1] += in->cpu_base;
	if (op_takes_area(op->kind) || op_frees_area(op->kind))
		op->arg[0] ^= (uint64_t)in->number << VA_HOST_SHIFT;
}

static void bind_all(struct merge *m, struct input *in, const struct op *op)
{
	const struct trace_task *t = &in->h->tasks[op->task];
	uint32_t row = task_of(m, in, op->task), now = TRACE_NO_MM;
	unsigned tasks, mms;

	if (m->one_run)
		now = m->known[row].mm;
	mmt_arg_refs(op->kind, &tasks, &mms);
	for (unsigned i = 0; (tasks | mms) >> i; i++) {
		if (tasks >> i & 1)
			task_of(m, in, (uint32_t)op->arg[i]);
	}
	mm_of(m, in, op->mm, t->tgid, now);
	mm_of(m, in, t->mm, t->tgid, now);
	for (unsigned i = 0; (tasks | mms) >> i; i++) {
		if (mms >> i & 1)
			mm_of(m, in, (uint32_t)op->arg[i], UINT32_MAX,
			      TRACE_NO_MM);
	}
	for (unsigned i = 0; i < op->segs; i++)
		mm_of(m, in, op->seg[i].mm, UINT32_MAX, TRACE_NO_MM);
}

static void follow(struct merge *m, const struct op *op)
{
	const struct kept_task *t = &m->to.tasks[op->task];
	struct known_task *k = &m->known[op->task];
	uint32_t tgid = m->input[t->source].h->tasks[t->old].tgid;

	if (op->mm != TRACE_NO_MM) {
		k->mm = op->mm;
		seen_op(seen_of(m, op->mm), op);
	}
	if (op->kind == OP_EXEC && !(op->flags & OPF_FAILED))
		k->mm = (uint32_t)op->arg[0];
	if (tgid && k->mm != TRACE_NO_MM)
		*group_of(m, tgid) = (struct group){ tgid, k->mm };
}

static int put(struct merge *m, struct input *in, struct mmt_writer *w,
	       struct errbuf *e)
{
	struct op op = in->op;

	bind_all(m, in, &op);
	renumber_op(&in->n, &op);
	op.start_ns += in->shift_ns;
	if (m->one_run) {
		if (is_duplicate(m, in, &op)) {
			m->acct->duplicates++;
			return 0;
		}
		follow(m, &op);
	} else {
		move_to_host(in, &op);
	}
	renumber_count(&m->to, &op);
	m->acct->written++;
	return mmt_put(w, &op, e);
}

static int advance(struct input *in, struct errbuf *e)
{
	int ret = mmt_next(in->cursor, &in->op, e);

	in->done = ret <= 0;
	return ret < 0 ? ret : 0;
}

static struct input *earliest(struct merge *m)
{
	struct input *best = NULL;

	for (unsigned i = 0; i < m->input_count; i++) {
		struct input *in = &m->input[i];

		if (!in->done && (!best || in->op.start_ns + in->shift_ns <
				  best->op.start_ns + best->shift_ns))
			best = in;
	}
	return best;
}

static int walk(struct merge *m, struct mmt_writer *w, struct errbuf *e)
{
	struct input *in;
	int ret = 0;

	for (unsigned i = 0; !ret && i < m->input_count; i++) {
		m->input[i].cursor = mmt_merged(m->input[i].r);
		ret = advance(&m->input[i], e);
	}
	while (!ret && (in = earliest(m))) {
		m->acct->records++;
		if (m->o->progress && !(m->acct->records % 4096))
			progress_set(m->o->progress, m->acct->records);
		ret = put(m, in, w, e);
		if (!ret)
			ret = advance(in, e);
	}
	return ret;
}

/* ---- all of it ---- */

static int open_inputs(struct merge *m, struct errbuf *e)
{
	size_t cache = CACHE_BYTES / m->o->input_count;
	uint64_t tasks = 0;

	for (unsigned i = 0; i < m->o->input_count; i++) {
		struct input *in = &m->input[i];

		in->r = mmt_open(m->o->inputs[i], MMT_MEASUREMENTS |
				 MMT_IN_ORDER, cache, e);
		if (!in->r)
			return -1;
		in->number = i;
		in->path = m->o->inputs[i];
		in->h = mmt_header(in->r);
		m->input_count++;
		tasks += in->h->task_count;
	}
	m->bucket_count = tasks * 2 + 3;
	m->bucket = xrealloc(NULL, m->bucket_count, sizeof(*m->bucket));
	memset(m->bucket, 0xff, m->bucket_count * sizeof(*m->bucket));
	m->group = xrealloc(NULL, m->bucket_count, sizeof(*m->group));
	memset(m->group, 0xff, m->bucket_count * sizeof(*m->group));
	return 0;
}

static void task_row(const void *arg, uint32_t i, struct trace_task *row)
{
	const struct merge *m = arg;

	renumber_row(&m->input[m->to.tasks[i].source].n, i, row);
}

static int merge_inputs(struct merge *m, struct errbuf *e)
{
	struct mmt_writer *w;
	int ret = merge_headers(m, e);

	if (ret)
		return ret;
	w = mmt_create(m->o->output, e);
	if (!w)
		return -1;
	for (unsigned i = 0; i < m->input_count; i++)
		renumber_init(&m->input[i].n, i, m->input[i].h, &m->to);
	ret = walk(m, w, e);
	if (ret) {
		mmt_abort(w);
		return ret;
	}
	for (unsigned i = 0; i < m->input_count; i++)
		mmt_drop_cache(m->input[i].r);	/* room for the tables */
	merge_tables(m);
	return mmt_finish_rows(w, &m->to.h, task_row, m, e);
}

static void merge_release(struct merge *m)
{
	for (unsigned i = 0; i < m->input_count; i++) {
		mmt_cursor_free(m->input[i].cursor);
		renumber_release(&m->input[i].n);
		mmt_close(m->input[i].r);
	}
	for (uint32_t i = 0; i < m->seen_count; i++)
		rangemap_release(&m->seen[i].map);
	for (uint32_t i = 0; i < m->known_count; i++)
		free(m->known[i].recent);
	free(m->seen);
	free(m->known);
	free(m->bucket);
	free(m->group);
	free(m->input);
	new_tables_release(&m->to);
}

int merge_run(const struct merge_options *o, struct merge_account *acct,
	      struct errbuf *e)
{
	struct merge m = { .o = o, .acct = acct };
	int ret;

	memset(acct, 0, sizeof(*acct));
	m.input = xcalloc(o->input_count, sizeof(*m.input));
	ret = open_inputs(&m, e);
	if (!ret)
		ret = merge_inputs(&m, e);
	merge_release(&m);
	return ret;
}
