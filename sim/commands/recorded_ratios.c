/*
 * What a capture of another kernel counted, as a reference: ratios of counts,
 * and which sections of the mmap_lock an op takes, in which order. Both are
 * free of time, so they hold for emulated captures, too, and for two runs of a
 * program that do not have the same number of ops.
 *
 * A section is a letter: W write, R read, D read after a downgrade; equal ones
 * in a row are one (a call that works in steps). The spread of a share is that
 * of a binomial, of a ratio above 1 that of a count: 1.96 / sqrt(count).
 *
 * Invariant: what a capture has no events for is null, never 0.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/base/json.h"
#include "sim/commands/recorded.h"

enum { SIGNATURES_MAX = 16, SIGNATURE_BYTES = 8 };

/** struct signatures - how often ops of a kind took which sections */
struct signatures {
	char name[SIGNATURES_MAX][SIGNATURE_BYTES];
	uint64_t count[SIGNATURES_MAX], ops;
	uint32_t used;
};

enum { ADVICES = 32 };

struct counts {
	struct signatures kind[OP_KIND_COUNT];
	struct signatures advice[ADVICES];	/* of madvise, by advice */
	uint64_t ops[OP_KIND_COUNT], path[FAULT_PATH_COUNT];
	uint64_t acquired[2], downgrades, failed;	/* [write] */
};

/* Those whose sections a cell tells apart: fork, exec and exit have many. */
static bool has_signature(unsigned kind)
{
	switch (kind) {
	case OP_MMAP: case OP_MUNMAP: case OP_MREMAP: case OP_MPROTECT:
	case OP_MADVISE: case OP_BRK: case OP_FAULT:
		return true;
	default:
		return false;
	}
}

static void signature_of(const struct op *op, char name[SIGNATURE_BYTES])
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < op->segs; i++) {
		const struct op_segment *s = &op->seg[i];
		char c = s->kind == SEG_W ? 'W' : s->downgraded ? 'D' : 'R';

		if (s->kind != SEG_W && s->kind != SEG_R)
			continue;
		if (n + 1 < SIGNATURE_BYTES && (!n || name[n - 1] != c))
			name[n++] = c;
	}
	if (!n)
		name[n++] = '-';
	name[n] = 0;
}

static void count_signature(struct signatures *l, const struct op *op)
{
	char name[SIGNATURE_BYTES];
	uint32_t i = 0;

	signature_of(op, name);
	l->ops++;
	while (i < l->used && strcmp(l->name[i], name))
		i++;
	if (i == SIGNATURES_MAX)
		return;
	if (i == l->used)
		memcpy(l->name[l->used++], name, sizeof(name));
	l->count[i]++;
}

/*
 * Not lock events: readers of /proc, which no trace of the program has as
 * calls, take the lock of its address space, too. An exit has one for reading,
 * which stands before the exit's event, apart from it, up to 6.12.
 */
static void count_sections(struct counts *c, const struct op *op)
{
	bool any = false;

	for (uint16_t i = 0; i < op->segs; i++) {
		if (op->seg[i].kind != SEG_W && op->seg[i].kind != SEG_R)
			continue;
		c->acquired[op->seg[i].kind == SEG_W]++;
		any = true;
	}
	c->acquired[0] += op->kind == OP_EXIT && !any;
}

static void count_op(struct counts *c, const struct op *op)
{
	if (op->kind == OP_LOCK_ACQUIRED) {
		c->downgrades += op->arg[3] != 0;
		c->failed += op->arg[2] == 0;
	}
	if (op_kinds[op->kind].cls != OP_CLASS_REPLAY)
		return;
	c->ops[op->kind]++;
	if (op->kind == OP_FAULT) {
		c->path[op->path]++;
		c->acquired[0] += op->path != FAULT_PATH_VMA;
	} else {
		count_sections(c, op);
	}
	if (op->flags & OPF_FAILED || !has_signature(op->kind))
		return;
	if (op->kind != OP_MADVISE)
		count_signature(&c->kind[op->kind], op);
	else if (op->arg[2] < ADVICES)
		count_signature(&c->advice[op->arg[2]], op);
}

static int count_all(struct mmt_reader *trace, struct counts *c,
		     struct errbuf *e)
{
	struct mmt_cursor *cursor = mmt_merged(trace);
	struct op op;
	int ret;

	*c = (struct counts){ 0 };
	while ((ret = mmt_next(cursor, &op, e)) > 0)
		count_op(c, &op);
	mmt_cursor_free(cursor);
	return ret;
}

/* ---- as JSON ---- */

static void ratio(json_t *rows, bool there, uint64_t count, uint64_t of,
		  const char *quantity)
{
	double value = of ? (double)count / (double)of : 0;
	double var = count ? value * value / (double)count : 0;
	double spread = 1.96 * sqrt(value > 1 ? var : var * (1 - value));
	json_t *row = json_object();

	if (!of)
		there = false;
	json_object_set_new(row, "quantity", json_string(quantity));
	json_object_set_new(row, "unit", json_string("ratio"));
	json_object_set_new(row, "value", there ? json_real(value) : json_null());
	json_object_set_new(row, "spread", json_real(spread));
	json_object_set_new(row, "samples", json_integer((json_int_t)of));
	json_array_append_new(rows, row);
}

/* A call's name; of madvise with the advice, whose mix is the program's. */
static const struct signatures *signatures_of(const struct counts *c,
					      unsigned i, char *name,
					      size_t bytes)
{
	if (i < OP_KIND_COUNT) {
		snprintf(name, bytes, "%s", op_kinds[i].name);
		return &c->kind[i];
	}
	snprintf(name, bytes, "%s-%u", op_kinds[OP_MADVISE].name,
		 i - OP_KIND_COUNT);
	return &c->advice[i - OP_KIND_COUNT];
}

static void sections(json_t *rows, bool there, const struct counts *c)
{
	char call[32], name[64];

	for (unsigned k = 0; k < OP_KIND_COUNT + ADVICES; k++) {
		const struct signatures *l = signatures_of(c, k, call,
							   sizeof(call));

		for (uint32_t i = 0; i < l->used; i++) {
			if (k == OP_FAULT || l->count[i] * 100 < l->ops)
				continue;	/* faults: by path class */
			snprintf(name, sizeof(name), "sections.%s.%s", call,
				 l->name[i]);
			ratio(rows, there, l->count[i], l->ops, name);
		}
	}
}

json_t *recorded_ratios(struct mmt_reader *trace, const char *source,
			struct errbuf *e)
{
	bool locks = mmt_header(trace)->have & HAVE_MMAP_LOCK;
	struct counts c;
	json_t *rows, *o;
	uint64_t faults;

	if (count_all(trace, &c, e))
		return NULL;
	faults = c.ops[OP_FAULT];
	rows = json_array();
	ratio(rows, locks, faults - c.path[FAULT_PATH_VMA], faults,
	      "vmstat.fault_path_vma_trylock+vmstat.fault_path_retry+vmstat.fault_path_mmap/latency_ns.fault.count");
	ratio(rows, locks, c.path[FAULT_PATH_VMA], faults,
	      "vmstat.fault_path_vma/latency_ns.fault.count");
	/* by those that take it: how many threads exit per fault is the
	 * program's doing */
	ratio(rows, locks, c.acquired[0], faults + c.ops[OP_MADVISE] +
	      c.ops[OP_MUNMAP] + c.ops[OP_EXIT],
	      "locks.mmap_lock.read.acquired/latency_ns.fault.count+latency_ns.madvise.count+latency_ns.munmap.count+latency_ns.exit.count");
	ratio(rows, locks, c.acquired[1], c.ops[OP_MMAP],
	      "locks.mmap_lock.write.acquired/latency_ns.mmap.count");
	ratio(rows, locks, c.downgrades, c.ops[OP_MUNMAP],
	      "vmstat.mmap_lock_downgrade/latency_ns.munmap.count");
	ratio(rows, locks, c.failed, faults,
	      "locks.mmap_lock.read.contended/latency_ns.fault.count");
	sections(rows, locks, &c);
	o = json_object();
	json_object_set_new(o, "kind", json_string("recorded"));
	json_object_set_new(o, "source", json_text(source));
	json_object_set_new(o, "rows", rows);
	return o;
}

json_t *recorded_sections(struct mmt_reader *trace, struct errbuf *e)
{
	struct counts c;
	char name[32];
	json_t *o;

	if (count_all(trace, &c, e))
		return NULL;
	o = json_object();
	for (unsigned k = 0; k < OP_KIND_COUNT + ADVICES; k++) {
		const struct signatures *l = signatures_of(&c, k, name,
							   sizeof(name));
		json_t *kind = json_object();

		for (uint32_t i = 0; i < l->used; i++)
			json_object_set_new(kind, l->name[i], json_real(
				(double)l->count[i] / (double)l->ops));
		json_object_set_new(o, name, kind);
	}
	return o;
}
