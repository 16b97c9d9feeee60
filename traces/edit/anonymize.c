/*
 * A trace without names: what could tell whose it is goes, what a replay
 * needs stays. Two passes: one to see which addresses there are, one to
 * write. Memory: used spans and the tables.
 *
 * Kept: times relative to the start, kinds, sizes, flags, CPUs, results,
 * which names, addresses and numbers are equal, kernel release and facts of
 * the machine. Gone: task and file names, host, command, origin, thread
 * numbers, user and kernel addresses, and when it was.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/edit/disguise.h"
#include "traces/edit/edit.h"
#include "traces/format/mmt.h"

enum { CACHE_BYTES = 16 << 20 };

enum form { KEEP, ADDR, ID };

/* what each argument is, by its name in TRACE_KINDS; len: of which addr */
struct kind_forms {
	uint8_t arg[OP_ARGS];
	bool addr_result, tid_result;
	int8_t length[OP_ARGS];	/* argument that is the length of this one */
};

static bool named(const char *name, size_t n, const char *want)
{
	return strlen(want) == n && !memcmp(name, want, n);
}

static enum form form_of(const char *name, size_t n)
{
	static const char *const addrs[] = { "addr", "new_addr", "brk", "ip",
		"va_start", "vstart", "vend", "start", "end" };
	static const char *const ids[] = { "lock", "mm_id" };

	for (size_t i = 0; i < sizeof(addrs) / sizeof(*addrs); i++) {
		if (named(name, n, addrs[i]))
			return ADDR;
	}
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		if (named(name, n, ids[i]))
			return ID;
	}
	return KEEP;
}

static void read_forms(struct kind_forms forms[OP_KIND_COUNT])
{
	for (int k = 0; k < OP_KIND_COUNT; k++) {
		const char *p = op_kinds[k].args;
		struct kind_forms *f = &forms[k];

		*f = (struct kind_forms){ .addr_result =
			!strcmp(op_kinds[k].result, "addr"), .tid_result =
			!strcmp(op_kinds[k].result, "tid") };
		for (unsigned i = 0; i < op_kinds[k].nargs; i++) {
			size_t n = strcspn(p, ",");

			f->arg[i] = form_of(p, n);
			f->length[i] = -1;
			if (i && (named(p, n, "len") || named(p, n, "old_len")))
				f->length[i - 1] = (int8_t)i;
			p += n + 1;
		}
	}
}

struct anonymize {
	const struct trace_header *h;
	struct trace_header to;
	struct kind_forms forms[OP_KIND_COUNT];
	struct disguise d;
	struct progress *progress;
	struct anonymize_account *acct;
};

static bool has_addr_result(const struct kind_forms *f, const struct op *op)
{
	return f->addr_result && op->flags & OPF_RESULT_KNOWN &&
	       !(op->flags & OPF_FAILED);
}

static void note(struct anonymize *a, const struct op *op)
{
	const struct kind_forms *f = &a->forms[op->kind];

	for (unsigned i = 0; i < op_kinds[op->kind].nargs; i++) {
		if (f->arg[i] == ADDR)
			disguise_note(&a->d, op->arg[i], f->length[i] < 0 ? 0 :
				      op->arg[f->length[i]]);
	}
	if (has_addr_result(f, op))
		disguise_note(&a->d, (uint64_t)op->result,
			      op->kind == OP_MREMAP ? op->arg[2] :
			      op->kind == OP_MMAP ? op->arg[1] : 0);
}

static void disguise_op(struct anonymize *a, struct op *op)
{
	const struct kind_forms *f = &a->forms[op->kind];

	for (unsigned i = 0; i < op_kinds[op->kind].nargs; i++) {
		if (f->arg[i] == ADDR)
			op->arg[i] = disguise_addr(&a->d, op->arg[i]);
		else if (f->arg[i] == ID)
			op->arg[i] = disguise_id(&a->d, op->arg[i]);
	}
	if (has_addr_result(f, op))
		op->result = (int64_t)disguise_addr(&a->d,
						    (uint64_t)op->result);
	else if (f->tid_result && op->result > 0)
		op->result = disguise_tid(&a->d, (uint32_t)op->result);
}

/* ---- tables ---- */

/* [heap], [stack], [vdso] are of the kernel, and say nothing of anybody */
static void disguise_area(struct anonymize *a, struct trace_area *area)
{
	uint64_t len = area->end - area->start;

	area->start = disguise_addr(&a->d, area->start);
	area->end = area->start + len;
	if (!strncmp(area->name, "[anon", 5))
		disguise_name(&a->d, "[anon", area->name, sizeof(area->name));
	else if (area->name[0] != '[')
		disguise_name(&a->d, "file", area->name, sizeof(area->name));
	a->acct->areas++;
}

static void disguise_tables(struct anonymize *a)
{
	const struct trace_header *h = a->h;
	struct trace_header *to = &a->to;

	*to = *h;
	to->tasks = xcalloc(h->task_count + 1, sizeof(*to->tasks));
	to->mms = xcalloc(h->mm_count + 1, sizeof(*to->mms));
	to->epoch_ns = 0;
	disguise_name(&a->d, "host", to->host, sizeof(to->host));
	disguise_name(&a->d, "command", to->command, sizeof(to->command));
	disguise_name(&a->d, "origin", to->origin, sizeof(to->origin));
	for (uint32_t i = 0; i < h->task_count; i++) {
		struct trace_task *t = &to->tasks[i];

		*t = h->tasks[i];
		t->tid = disguise_tid(&a->d, t->tid);
		t->tgid = disguise_tid(&a->d, t->tgid);
		disguise_name(&a->d, t->mm == TRACE_NO_MM ? "k" : "t", t->comm,
			      sizeof(t->comm));
		a->acct->names++;
	}
	for (uint32_t i = 0; i < h->mm_count; i++) {
		struct trace_mm *m = &to->mms[i];

		*m = h->mms[i];
		m->areas = xcalloc(m->area_count + 1, sizeof(*m->areas));
		for (uint32_t j = 0; j < m->area_count; j++) {
			m->areas[j] = h->mms[i].areas[j];
			disguise_area(a, &m->areas[j]);
		}
	}
}

/* ---- records ---- */

/* each record, to note() or to @w */
static int walk(struct anonymize *a, struct mmt_reader *r,
		struct mmt_writer *w, struct errbuf *e)
{
	struct mmt_cursor *c = mmt_merged(r);
	uint64_t records = 0;
	struct op op;
	int ret;

	while ((ret = mmt_next(c, &op, e)) > 0) {
		if (a->progress && !(++records % 4096))
			progress_set(a->progress, records);
		if (!w) {
			note(a, &op);
			a->acct->records++;
			continue;
		}
		disguise_op(a, &op);
		ret = mmt_put(w, &op, e);
		if (ret)
			break;
	}
	mmt_cursor_free(c);
	return ret;
}

static int anonymize_reader(struct anonymize *a, struct mmt_reader *r,
			    const char *output, struct errbuf *e)
{
	struct mmt_writer *w;
	int ret = walk(a, r, NULL, e);

	if (ret)
		return ret;
	for (uint32_t i = 0; i < a->h->mm_count; i++) {
		for (uint32_t j = 0; j < a->h->mms[i].area_count; j++)
			disguise_note(&a->d, a->h->mms[i].areas[j].start,
				      a->h->mms[i].areas[j].end -
				      a->h->mms[i].areas[j].start);
	}
	disguise_settle(&a->d, a->h);
	a->acct->regions = (uint32_t)a->d.used.count;
	disguise_tables(a);
	w = mmt_create(output, e);
	if (!w)
		return -1;
	ret = walk(a, r, w, e);
	if (!ret)
		return mmt_finish(w, &a->to, e);
	mmt_abort(w);
	return ret;
}

int anonymize_run(const struct anonymize_options *o,
		  struct anonymize_account *acct, struct errbuf *e)
{
	struct anonymize a = { .progress = o->progress, .acct = acct };
	struct mmt_reader *r = mmt_open(o->input, MMT_MEASUREMENTS | MMT_IN_ORDER,
					CACHE_BYTES, e);
	int ret;

	memset(acct, 0, sizeof(*acct));
	if (!r)
		return -1;
	a.h = mmt_header(r);
	memcpy(a.d.key, o->key, sizeof(a.d.key));
	read_forms(a.forms);
	ret = anonymize_reader(&a, r, o->output, e);
	disguise_release(&a.d);
	trace_header_release(&a.to);
	mmt_close(r);
	return ret;
}
