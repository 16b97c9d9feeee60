/*
 * Native format: what is written is read back, from any chunking, task by
 * task and merged; damage is an error with an offset, never a crash.
 * Not pinned here: importing (t_import.c), the golden file (t_golden.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "traces/format/mmt.h"

enum { TASKS = 5, RECORDS = 40000, SALVAGE_EVERY = 16,
       LATE = 3 * RECORDS };

static uint64_t rnd(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t rnd_wide(uint64_t *state)
{
	return rnd(state) >> (rnd(state) % 64);
}

/* record number @i of the test trace: the same op whenever it is asked for */
static void make_op(uint64_t i, int64_t start, struct op *op,
		    struct op_segment *seg)
{
	uint64_t s = i * 0x9e3779b97f4a7c15u + 1;

	memset(op, 0, sizeof(*op));
	op->kind = (uint8_t)(rnd(&s) % OP_KIND_COUNT);
	op->task = (uint32_t)(rnd(&s) % TASKS);
	op->mm = rnd(&s) % 8 ? 1 : TRACE_NO_MM;
	op->cpu = (uint16_t)(rnd(&s) % 3);
	op->start_ns = start;
	op->duration_ns = rnd(&s) % 4 ? (int64_t)(rnd_wide(&s) >> 8) :
					TRACE_UNKNOWN_NS;
	op->flags = (uint16_t)(rnd(&s) % 128);
	op->path = (uint8_t)(rnd(&s) % FAULT_PATH_COUNT);
	op->result = (int64_t)rnd_wide(&s);
	for (int a = 0; a < OP_ARGS; a++)
		op->arg[a] = rnd(&s) % 16 ? rnd_wide(&s) : UINT64_MAX;
	if (op_kinds[op->kind].cls != OP_CLASS_MEASURE)
		op->segs = (uint16_t)(rnd(&s) % 8 ? 0 : rnd(&s) % 65);
	op->arg[0] = rnd(&s) % 2;	/* task or mm of some kinds */
	op->arg[1] = rnd(&s) % 2;
	for (unsigned k = 0; k < op->segs; k++) {
		seg[k] = (struct op_segment){ .kind = rnd(&s) % SEG_KIND_COUNT,
			.downgraded = rnd(&s) % 2, .contended = rnd(&s) % 2,
			.trylock_failed = rnd(&s) % 2,
			.mm = rnd(&s) % 4 ? op->mm : 0,
			.work_ns = (int64_t)(rnd_wide(&s) >> 4),
			.wait_ns = (int64_t)(rnd_wide(&s) >> 4),
			.spin_ns = (int64_t)(rnd_wide(&s) >> 4) - 1,
			.sleep_ns = (int64_t)(rnd_wide(&s) >> 4),
			.tax_ns = (int64_t)(rnd(&s) % 500),
			.tlb_local = (uint32_t)(rnd(&s) % 3),
			.tlb_ipi = (uint32_t)(rnd(&s) % 3) };
	}
	op->seg = op->segs ? seg : NULL;
}

static void assert_same(const struct op *a, const struct op *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->start_ns, b->start_ns);
	assert_int_equal(a->duration_ns, b->duration_ns);
	assert_int_equal(a->task, b->task);
	assert_int_equal(a->mm, b->mm);
	assert_int_equal(a->cpu, b->cpu);
	assert_int_equal(a->path, b->path);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->result, b->result);
	assert_int_equal(a->segs, b->segs);
	assert_memory_equal(a->arg, b->arg, sizeof(a->arg));
	for (unsigned k = 0; k < a->segs; k++) {
		const struct op_segment *x = &a->seg[k], *y = &b->seg[k];

		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->downgraded, y->downgraded);
		assert_int_equal(x->contended, y->contended);
		assert_int_equal(x->trylock_failed, y->trylock_failed);
		assert_int_equal(x->mm, y->mm);
		assert_int_equal(x->work_ns, y->work_ns);
		assert_int_equal(x->wait_ns, y->wait_ns);
		assert_int_equal(x->spin_ns, y->spin_ns);
		assert_int_equal(x->sleep_ns, y->sleep_ns);
		assert_int_equal(x->tax_ns, y->tax_ns);
		assert_int_equal(x->tlb_local, y->tlb_local);
		assert_int_equal(x->tlb_ipi, y->tlb_ipi);
	}
}

static void fill_header(struct trace_header *h)
{
	memset(h, 0, sizeof(*h));
	snprintf(h->kernel, sizeof(h->kernel), "6.18.44-test");
	snprintf(h->command, sizeof(h->command), "a 100%% odd\ncommand");
	h->cpus_online = 3;
	h->have = HAVE_SYSCALLS | HAVE_NS_CLOCK;
	h->lock_event_tax_ns = 241;
	h->ops[OP_MUNMAP] = 7;
	h->task_count = TASKS;
	h->tasks = calloc(TASKS, sizeof(*h->tasks));
	for (uint32_t t = 0; t < TASKS; t++) {
		h->tasks[t].tid = 100 + t;
		h->tasks[t].parent = t ? 0 : TRACE_NO_TASK;
		h->tasks[t].mm = 1;
		snprintf(h->tasks[t].comm, sizeof(h->tasks[t].comm), "t %u", t);
	}
	h->mm_count = 2;
	h->mms = calloc(2, sizeof(*h->mms));
	for (int m = 0; m < 2; m++) {
		h->mms[m].parent = TRACE_NO_MM;
		h->mms[m].owner_task = TRACE_NO_TASK;
	}
	h->mms[1].area_count = 2;
	h->mms[1].areas = calloc(2, sizeof(*h->mms[1].areas));
	h->mms[1].areas[0] = (struct trace_area){ .start = 0x400000,
		.end = 0x401000, .flags = AREA_READ | AREA_FILE,
		.resident_pages = UINT64_MAX, .name = "prog" };
	h->mms[1].areas[1] = (struct trace_area){ .start = 0x7ffc00000000,
		.end = 0x7ffc00021000, .flags = AREA_STACK,
		.resident_pages = 3, .name = "[stack]" };
}

static char *temp_name(void)
{
	char *name = strdup("/tmp/t_format.XXXXXX");
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	close(fd);
	return name;
}

static void write_trace(const char *path, uint64_t records)
{
	struct trace_header h;
	struct op_segment seg[OP_SEGS_MAX];
	struct errbuf e = { 0 };
	struct mmt_writer *w = mmt_create(path, &e);
	struct op op;

	assert_non_null(w);
	for (uint64_t i = 0; i < records; i++) {
		make_op(i, (int64_t)(i / 3 * 100), &op, seg);
		assert_int_equal(mmt_put(w, &op, &e), 0);
	}
	fill_header(&h);
	assert_int_equal(mmt_finish(w, &h, &e), 0);
	trace_header_release(&h);
}

/* reads everything through @c and compares with what was written to @task */
static uint64_t read_task(struct mmt_reader *r, uint32_t task, bool measure)
{
	struct mmt_cursor *c = mmt_cursor(r, task);
	struct op_segment seg[OP_SEGS_MAX];
	struct op got, want;
	struct errbuf e = { 0 };
	uint64_t n = 0;

	for (uint64_t i = 0; i < RECORDS; i++) {
		make_op(i, (int64_t)(i / 3 * 100), &want, seg);
		if (want.task != task || (!measure &&
		    op_kinds[want.kind].cls == OP_CLASS_MEASURE))
			continue;
		assert_int_equal(mmt_next(c, &got, &e), 1);
		assert_same(&got, &want);
		n++;
	}
	assert_int_equal(mmt_next(c, &got, &e), 0);
	assert_int_equal(mmt_next(c, &got, &e), 0);
	mmt_cursor_free(c);
	return n;
}

static void t_round_trip(void **state)
{
	char *path = temp_name();
	struct errbuf e = { 0 };
	struct mmt_reader *r;
	uint64_t n = 0;

	(void)state;
	write_trace(path, RECORDS);
	r = mmt_open(path, MMT_MEASUREMENTS, 1 << 20, &e);
	assert_non_null(r);
	for (uint32_t t = 0; t < TASKS; t++)
		n += read_task(r, t, true);
	assert_int_equal(n, RECORDS);
	assert_true(mmt_stats(r).chunks_decoded > 4);
	mmt_close(r);
	r = mmt_open(path, 0, 0, &e);
	assert_non_null(r);
	for (uint32_t t = 0; t < TASKS; t++)
		read_task(r, t, false);
	mmt_close(r);
	unlink(path);
	free(path);
}

/* all tasks by (start, task); within a task as written */
static void t_merged(void **state)
{
	char *path = temp_name();
	struct errbuf e = { 0 };
	struct mmt_reader *r;
	struct mmt_cursor *c;
	int64_t last = -1;
	uint32_t last_task = 0, n = 0;
	struct op op;

	(void)state;
	write_trace(path, RECORDS);
	r = mmt_open(path, MMT_MEASUREMENTS, 1, &e);	/* the smallest */
	assert_non_null(r);
	c = mmt_merged(r);
	while (mmt_next(c, &op, &e) > 0) {
		assert_true(op.start_ns > last || (op.start_ns == last &&
						   op.task >= last_task));
		last = op.start_ns;
		last_task = op.task;
		n++;
	}
	assert_int_equal(e.code, 0);
	assert_int_equal(n, RECORDS);
	mmt_cursor_free(c);
	mmt_close(r);
	unlink(path);
	free(path);
}

/* a long call stands where it ended, chunks later; in order it comes early */
static void t_written_late(void **state)
{
	struct op op = { .kind = OP_MUNMAP, .mm = 1, .duration_ns = 1 };
	struct trace_header h;
	char *path = temp_name();
	struct errbuf e = { 0 };
	struct mmt_writer *w = mmt_create(path, &e);
	struct mmt_reader *r;
	struct mmt_cursor *c;
	uint64_t s = 1, n;

	(void)state;
	for (n = 0; n < LATE; n++, op.start_ns += 10) {
		op.arg[0] = rnd(&s);
		assert_int_equal(mmt_put(w, &op, &e), 0);
	}
	op.task = 1;
	op.start_ns = 15;
	op.duration_ns = LATE * 10;
	assert_int_equal(mmt_put(w, &op, &e), 0);
	fill_header(&h);
	assert_int_equal(mmt_finish(w, &h, &e), 0);
	trace_header_release(&h);
	for (unsigned flags = 0; flags <= MMT_IN_ORDER; flags += MMT_IN_ORDER) {
		r = mmt_open(path, flags, 1, &e);
		c = mmt_merged(r);
		for (n = 0; mmt_next(c, &op, &e) > 0; n++)
			assert_int_equal(op.task, n == 2);
		assert_int_equal(n, LATE + 1);
		assert_true(mmt_stats(r).chunks_decoded > 2);
		mmt_cursor_free(c);
		mmt_close(r);
	}
	unlink(path);
	free(path);
}

static void t_header(void **state)
{
	char *path = temp_name();
	struct errbuf e = { 0 };
	const struct trace_header *h;
	struct mmt_reader *r;

	(void)state;
	write_trace(path, 10);
	r = mmt_open(path, 0, 0, &e);
	assert_non_null(r);
	h = mmt_header(r);
	assert_string_equal(h->kernel, "6.18.44-test");
	assert_string_equal(h->command, "a 100% odd\ncommand");
	assert_int_equal(h->lock_event_tax_ns, 241);
	assert_int_equal(h->ops[OP_MUNMAP], 7);
	assert_int_equal(h->task_count, TASKS);
	assert_int_equal(h->tasks[2].tid, 102);
	assert_int_equal(h->tasks[0].parent, TRACE_NO_TASK);
	assert_string_equal(h->tasks[3].comm, "t 3");
	assert_int_equal(h->mm_count, 2);
	assert_int_equal(h->mms[1].area_count, 2);
	assert_int_equal(h->mms[1].areas[1].resident_pages, 3);
	assert_true(h->mms[1].areas[0].resident_pages == UINT64_MAX);
	mmt_close(r);
	unlink(path);
	free(path);
}

/* a writer that learned late that mm 1 and 2 are both mm 0 */
static void t_alias(void **state)
{
	char *path = temp_name();
	struct errbuf e = { 0 };
	struct mmt_writer *w = mmt_create(path, &e);
	struct op_segment seg[2] = { { .kind = SEG_PRE, .mm = 2 },
				     { .kind = SEG_W, .mm = 0 } };
	struct op op = { .kind = OP_LOCK_START, .arg = { 2, 1 }, .mm = 1 };
	struct trace_header h = { 0 };
	struct mmt_cursor *c;
	struct mmt_reader *r;

	(void)state;
	assert_int_equal(mmt_put(w, &op, &e), 0);
	op = (struct op){ .kind = OP_MUNMAP, .mm = 2, .segs = 2, .seg = seg };
	assert_int_equal(mmt_put(w, &op, &e), 0);
	h.tasks = calloc(1, sizeof(*h.tasks));
	h.task_count = 1;
	h.tasks[0].parent = TRACE_NO_TASK;
	h.mms = calloc(1, sizeof(*h.mms));
	h.mm_count = 1;
	h.mms[0].parent = TRACE_NO_MM;
	h.mms[0].owner_task = 0;
	h.mm_alias = calloc(3, sizeof(*h.mm_alias));
	h.mm_alias_count = 3;
	assert_int_equal(mmt_finish(w, &h, &e), 0);
	trace_header_release(&h);
	r = mmt_open(path, MMT_MEASUREMENTS, 0, &e);
	assert_non_null(r);
	assert_int_equal(mmt_header(r)->mm_alias_count, 0);
	c = mmt_cursor(r, 0);
	assert_int_equal(mmt_next(c, &op, &e), 1);
	assert_int_equal(op.kind, OP_LOCK_START);
	assert_int_equal(op.mm, 0);
	assert_int_equal(op.arg[0], 0);
	assert_int_equal(mmt_next(c, &op, &e), 1);
	assert_int_equal(op.mm, 0);
	assert_int_equal(op.seg[0].mm, 0);
	assert_int_equal(op.seg[1].mm, 0);
	mmt_cursor_free(c);
	mmt_close(r);
	unlink(path);
	free(path);
}

static void t_writer_refuses(void **state)
{
	char *path = temp_name();
	struct errbuf e = { 0 };
	struct mmt_writer *w = mmt_create(path, &e);
	struct op op = { .kind = OP_BRK, .start_ns = 50, .mm = TRACE_NO_MM };

	(void)state;
	assert_int_equal(mmt_put(w, &op, &e), 0);
	op.start_ns = 49;
	assert_true(mmt_put(w, &op, &e) < 0);
	assert_string_equal(e.text, "records of task 0 are not in start order");
	mmt_abort(w);
	unlink(path);
	free(path);
}

static char *slurp(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "r");
	char *p;

	fseek(f, 0, SEEK_END);
	*bytes = (size_t)ftell(f);
	rewind(f);
	p = malloc(*bytes + 1);
	assert_int_equal(fread(p, 1, *bytes, f), *bytes);
	fclose(f);
	return p;
}

static void spill(const char *path, const char *p, size_t bytes)
{
	FILE *f = fopen(path, "w");

	assert_int_equal(fwrite(p, 1, bytes, f), bytes);
	fclose(f);
}

/* reads all there is; true if no error came */
static bool reads_clean(const char *path, unsigned flags, struct errbuf *e)
{
	struct mmt_reader *r = mmt_open(path, MMT_MEASUREMENTS | flags, 0, e);
	struct mmt_cursor *c;
	struct op op;
	int ret;

	if (!r)
		return false;
	c = mmt_merged(r);
	while ((ret = mmt_next(c, &op, e)) > 0)
		;
	mmt_cursor_free(c);
	mmt_close(r);
	return !ret;
}

static void t_truncated(void **state)
{
	char *path = temp_name(), *p;
	size_t bytes;

	(void)state;
	write_trace(path, 6);
	p = slurp(path, &bytes);
	for (size_t n = 0; n < bytes; n++) {
		struct errbuf e = { 0 }, ignored = { 0 };

		spill(path, p, n);
		assert_false(reads_clean(path, 0, &e));
		assert_non_null(strstr(e.text, ": offset "));
		if (n % SALVAGE_EVERY == 0)
			reads_clean(path, MMT_SALVAGE, &ignored);
	}
	free(p);
	unlink(path);
	free(path);
}

static void t_bit_flips(void **state)
{
	char *path = temp_name(), *p;
	size_t bytes, silent = 0;

	(void)state;
	write_trace(path, 6);
	p = slurp(path, &bytes);
	for (size_t i = 0; i < bytes; i++) {
		struct errbuf e = { 0 }, ignored = { 0 };

		p[i] = (char)(p[i] ^ 1 << i % 8);
		spill(path, p, bytes);
		if (reads_clean(path, 0, &e)) {
			silent++;	/* but not in the first chunk's header */
			assert_true(i < 16 || i >= 16 + 64);
		} else {
			assert_non_null(strstr(e.text, ": offset "));
		}
		if (i % SALVAGE_EVERY == 0)
			reads_clean(path, MMT_SALVAGE, &ignored);
		p[i] = (char)(p[i] ^ 1 << i % 8);
	}
	/*
	 * Not noticed: the head's reserved bytes and the chunk-local copy of
	 * the directory, which only salvage reads.
	 */
	assert_true(silent < 64 + 4 + 100);
	free(p);
	unlink(path);
	free(path);
}

/* a hole in the middle: both sides survive, and the loss is counted */
static void t_salvage(void **state)
{
	char *path = temp_name(), *p;
	struct errbuf e = { 0 };
	struct mmt_reader *r;
	size_t bytes;

	(void)state;
	write_trace(path, RECORDS);
	p = slurp(path, &bytes);
	memset(p + bytes / 2, 0, 100);
	spill(path, p, bytes);
	r = mmt_open(path, MMT_SALVAGE, 0, &e);
	assert_non_null(r);
	assert_int_equal(mmt_salvaged(r).chunks_lost, 1);
	assert_false(mmt_salvaged(r).tables_lost);
	assert_string_equal(mmt_header(r)->kernel, "6.18.44-test");
	mmt_close(r);
	spill(path, p, bytes - 10);	/* and no trailer */
	r = mmt_open(path, MMT_SALVAGE, 0, &e);
	assert_non_null(r);
	assert_true(mmt_salvaged(r).tables_lost);
	assert_true(mmt_salvaged(r).chunks_kept > 4);
	assert_true(mmt_salvaged(r).records_kept > RECORDS / 2);
	assert_int_equal(mmt_header(r)->task_count, TASKS);
	mmt_close(r);
	assert_true(reads_clean(path, MMT_SALVAGE, &e));
	free(p);
	unlink(path);
	free(path);
}

/* Of one task: chunks that changed places are put in order; one that stands twice
 * is two groups of a task at one time. */
static void t_chunks_moved(void **state)
{
	struct op op = { .kind = OP_MUNMAP, .mm = 1 };
	char *path = temp_name(), *p, *from, *at;
	struct errbuf e = { 0 };
	struct mmt_writer *w = mmt_create(path, &e);
	char *chunk[4];
	struct trace_header h;
	uint64_t seed = 1;
	size_t bytes;

	(void)state;
	for (int i = 0; i < LATE; i++, op.start_ns += 10) {
		op.arg[0] = rnd(&seed);
		assert_int_equal(mmt_put(w, &op, &e), 0);
	}
	fill_header(&h);
	assert_int_equal(mmt_finish(w, &h, &e), 0);
	trace_header_release(&h);
	from = slurp(path, &bytes);
	for (int i = 0; i < 4; i++) {
		at = i ? chunk[i - 1] + 1 : from;
		chunk[i] = memmem(at, (size_t)(from + bytes - at), "CHNK", 4);
		assert_non_null(chunk[i]);
	}
	p = calloc(bytes, 1);
	for (int twice = 0; twice < 2; twice++) {
		at = mempcpy(p, from, (size_t)(chunk[1] - from));
		at = mempcpy(at, chunk[2], (size_t)(chunk[3] - chunk[2]));
		at = mempcpy(at, chunk[1 + twice],
			     (size_t)(chunk[2 + twice] - chunk[1 + twice]));
		spill(path, p, (size_t)(at - p));
		assert_int_equal(reads_clean(path, MMT_SALVAGE, &e), !twice);
	}
	assert_non_null(strstr(e.text, "while those of another chunk go on"));
	free(from);
	free(p);
	unlink(path);
	free(path);
}

static void t_wrong_files(void **state)
{
	char *path = temp_name();
	struct errbuf e = { 0 };

	(void)state;
	spill(path, "# tracer: nop\n", 14);
	assert_null(mmt_open(path, 0, 0, &e));
	assert_non_null(strstr(e.text, "offset 0: not a native trace"));
	memset(&e, 0, sizeof(e));
	spill(path, "MMREPLAY\2\0\0\0\0\0\0\0", 16);
	assert_null(mmt_open(path, 0, 0, &e));
	assert_non_null(strstr(e.text,
			       "offset 8: format version 2, this program reads 1"));
	memset(&e, 0, sizeof(e));
	assert_null(mmt_open("/nonexistent/x.mmt", 0, 0, &e));
	assert_non_null(strstr(e.text, "No such file"));
	unlink(path);
	free(path);
}

/* the same call over and over: frames that shrink a thousand times are read */
static void t_uniform(void **state)
{
	enum { CALLS = 150000 };
	struct op op = { .kind = OP_MUNMAP, .mm = 1, .arg = { 4096, 4096 } };
	char *path = temp_name();
	struct errbuf e = { 0 };
	struct mmt_writer *w = mmt_create(path, &e);
	struct trace_header h;

	(void)state;
	for (uint64_t i = 0; i < CALLS; i++, op.start_ns += 1000)
		assert_int_equal(mmt_put(w, &op, &e), 0);
	fill_header(&h);
	assert_int_equal(mmt_finish(w, &h, &e), 0);
	trace_header_release(&h);
	assert_true(reads_clean(path, 0, &e));
	assert_string_equal(e.text, "");
	unlink(path);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_round_trip), cmocka_unit_test(t_merged),
		cmocka_unit_test(t_written_late),
		cmocka_unit_test(t_header), cmocka_unit_test(t_alias),
		cmocka_unit_test(t_writer_refuses),
		cmocka_unit_test(t_truncated), cmocka_unit_test(t_bit_flips),
		cmocka_unit_test(t_salvage), cmocka_unit_test(t_chunks_moved),
		cmocka_unit_test(t_wrong_files), cmocka_unit_test(t_uniform),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
