/*
 * Traces: reading the native format against bare zstd on the same frames, and
 * importing text against `wc -l` on the same file. Reading is done with the
 * library: task by task, as replay does, and in the global order of `dump`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "sim/base/rng.h"
#include "sim/tests/bench/program.h"
#include "traces/format/mmt.h"

enum { TEXT_TURNS = 60000, FILE_LIMIT = 1 << 30 };

enum { CACHE_BYTES = 2 << 20, TURN_RECORDS = 256 };

/* at most @most records of a cursor; fewer at its end */
static uint64_t read_some(struct mmt_cursor *c, uint64_t most)
{
	struct errbuf e = { 0 };
	uint64_t n = 0;
	struct op op;
	int got = 1;

	while (n < most && (got = mmt_next(c, &op, &e)) > 0)
		n++;
	if (got < 0)
		bench_die("%s", e.text);
	return n;
}

static struct mmt_reader *open_trace(const char *path, unsigned int flags)
{
	struct errbuf e = { 0 };
	struct mmt_reader *r = mmt_open(path, flags, CACHE_BYTES, &e);

	if (!r)
		bench_die("%s", e.text);
	return r;
}

/* all tasks in step, a cursor each, without measurements: as replay reads */
static double decode(void *arg)
{
	double start_s = bench_cpu_s();
	struct mmt_reader *r = open_trace(arg, 0);
	uint32_t tasks = mmt_header(r)->task_count;
	struct mmt_cursor **c = xcalloc(tasks, sizeof(struct mmt_cursor *));
	uint64_t records = 0, before;

	for (uint32_t t = 0; t < tasks; t++)
		c[t] = mmt_cursor(r, t);
	do {
		before = records;
		for (uint32_t t = 0; t < tasks; t++)
			records += read_some(c[t], TURN_RECORDS);
	} while (records > before);
	for (uint32_t t = 0; t < tasks; t++)
		mmt_cursor_free(c[t]);
	free(c);
	mmt_close(r);
	return (double)records / (bench_cpu_s() - start_s) / 1e6;
}

static double decode_merged(void *arg)
{
	double start_s = bench_cpu_s();
	struct mmt_reader *r = open_trace(arg, MMT_MEASUREMENTS);
	struct mmt_cursor *c = mmt_merged(r);
	uint64_t records = read_some(c, UINT64_MAX);

	mmt_cursor_free(c);
	mmt_close(r);
	return (double)records / (bench_cpu_s() - start_s) / 1e6;
}

/** struct frames - a trace file in memory, for zstd alone */
struct frames {
	char *file;
	size_t bytes;
	char *out;
	double records;
};

enum { FRAME_OUT = 64 << 20 };

/* Every frame is found by its magic, so nothing is asked of the format. */
static double bare_zstd(void *arg)
{
	static const char magic[] = "\x28\xb5\x2f\xfd";
	struct frames *f = arg;
	char *at = f->file, *end = f->file + f->bytes;
	double start_s = bench_cpu_s();

	while ((at = memmem(at, (size_t)(end - at), magic, 4))) {
		size_t n = ZSTD_findFrameCompressedSize(at, (size_t)(end - at));

		if (ZSTD_isError(n) ||
		    ZSTD_isError(ZSTD_decompress(f->out, FRAME_OUT, at, n)))
			n = 4;	/* four bytes that happened to look so */
		at += n;
	}
	return f->records / (bench_cpu_s() - start_s) / 1e6;
}

static void native(struct bench *b)
{
	const struct row zstd = { .name = "zstd-bare", .unit = "Mrec/s" };
	const struct row rec = { .name = "decode-native", .unit = "Mrec/s",
				 .beside = "zstd-bare", .target = 50 };
	const struct row merged = { .name = "decode-merged", .unit = "Mrec/s",
				    .beside = "zstd-bare" };
	struct frames f = { 0 };
	struct errbuf e = { 0 };
	struct mmt_reader *r;
	char *trace;

	if (!(bench_wants(b, zstd.name) | bench_wants(b, rec.name) |
	      bench_wants(b, merged.name)))
		return;
	trace = generate(b, "mmap-churn threads=8 loops=100000 think=exponential");
	if (!trace)
		return;
	r = mmt_open(trace, 0, 0, &e);
	if (!r || file_read(trace, FILE_LIMIT, &f.file, &f.bytes, &e))
		bench_die("%s", e.text);
	for (int i = 0; i < OP_KIND_COUNT; i++)
		f.records += (double)mmt_header(r)->ops[i];
	mmt_close(r);
	f.out = xcalloc(1, FRAME_OUT);
	bench_measure(b, &zstd, bare_zstd, &f);
	bench_measure(b, &rec, decode, trace);
	bench_measure(b, &merged, decode_merged, trace);
	free(f.out);
	free(f.file);
	free(trace);
}

/** struct text - a capture as tracefs prints it, being written */
struct text {
	FILE *f;
	uint64_t lines;
	int64_t now_ns;
	int tid;
};

static void line(struct text *t, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void line(struct text *t, const char *event, const char *fmt, ...)
{
	va_list ap;

	t->now_ns += 200 + (int64_t)draw_below(draw(5, t->lines, DRAW_TEST, 0), 2000);
	fprintf(t->f, "           churn-%d    [%03d] .....  %" PRId64 ".%06" PRId64 ": %s",
		t->tid, t->tid & 1, t->now_ns / 1000000000,
		t->now_ns / 1000 % 1000000, event);
	va_start(ap, fmt);
	vfprintf(t->f, fmt, ap);
	va_end(ap);
	fputc('\n', t->f);
	t->lines++;
}

/* mmap, touch, munmap, with the events of their lock. */
static void turn(struct text *t, uint64_t addr)
{
	line(t, "sys_mmap", "(addr: 0, len: 10000, prot: 3, flags: 22, fd: ffffffff, off: 0)");
	line(t, "mmap_lock_start_locking", ": mm=00000000139c0442 memcg_id=1 write=true");
	line(t, "mmap_lock_acquire_returned", ": mm=00000000139c0442 memcg_id=1 write=true success=true");
	line(t, "mmap_lock_released", ": mm=00000000139c0442 memcg_id=1 write=true");
	line(t, "sys_mmap", " -> 0x%" PRIx64, addr);
	line(t, "page_fault_user", ": address=0x%" PRIx64 " ip=0x55d1c7e4a2b1 error_code=0x6", addr);
	line(t, "sys_munmap", "(addr: %" PRIx64 ", len: 10000)", addr);
	line(t, "mmap_lock_start_locking", ": mm=00000000139c0442 memcg_id=1 write=true");
	line(t, "mmap_lock_acquire_returned", ": mm=00000000139c0442 memcg_id=1 write=true success=true");
	line(t, "mmap_lock_released", ": mm=00000000139c0442 memcg_id=1 write=true");
	line(t, "sys_munmap", " -> 0x0");
}

static uint64_t write_text(const char *path, double *mb)
{
	struct text t = { .f = fopen(path, "w"), .now_ns = 1000000000 };

	if (!t.f)
		bench_die("%s: cannot be written", path);
	fputs("# tracer: nop\n#\n", t.f);
	for (uint64_t i = 0; i < TEXT_TURNS; i++) {
		t.tid = 4000 + (int)(i & 1);
		turn(&t, 0x7f0000000000 + (i & 1) * 0x10000000);
	}
	*mb = (double)ftell(t.f) / 1e6;
	if (fclose(t.f))
		bench_die("%s: cannot be written", path);
	return t.lines + 2;
}

static void text(struct bench *b)
{
	struct row wc = { .name = "wc-lines", .unit = "Mlines/s" };
	struct row wc_bytes = { .name = "wc-lines-bytes", .unit = "MB/s" };
	struct row imp = { .name = "import-text", .unit = "MB/s",
			   .beside = "wc-lines-bytes", .target = 150 };
	double wc_m[BENCH_RUNS_MAX], wc_mb[BENCH_RUNS_MAX];
	double imp_mb[BENCH_RUNS_MAX], m, mb;
	char *path = xasprintf("%s/text.trace", b->dir);
	struct cost cost;

	if (!(bench_wants(b, wc.name) | bench_wants(b, wc_bytes.name) |
	      bench_wants(b, imp.name)))
		goto out;
	m = (double)write_text(path, &mb) / 1e6;
	for (unsigned int i = 0; i < b->runs; i++) {
		run_words(&cost, "wc -l %s", path);
		wc_m[i] = m / cost.cpu_s;
		wc_mb[i] = mb / cost.cpu_s;
		if (run_words(&cost, "%s import %s -o %s.mmt", b->program,
			      path, path)) {
			b->broken++;
			goto unlink;
		}
		imp_mb[i] = mb / cost.cpu_s;
	}
	bench_add(b, &wc, wc_m, b->runs);
	bench_add(b, &wc_bytes, wc_mb, b->runs);
	bench_add(b, &imp, imp_mb, b->runs);
unlink:
	unlink(path);
out:
	free(path);
}

void bench_trace(struct bench *b)
{
	native(b);
	text(b);
}
