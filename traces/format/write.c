/*
 * Writer of native traces. Records are coded into one growing buffer per
 * task and stream; when together they reach the chunk size, groups are laid
 * behind each other by task id, compressed, and written.
 *
 * Invariant: memory is one chunk, the directory of all chunks (as packed
 * bytes) and a pointer per task; output is strictly sequential, so it can be
 * a pipe. The file appears under its name only when it is complete.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "traces/format/layout.h"

/* 3 gives 8 % less than 1, at two thirds of its speed in both directions */
enum { ZSTD_LEVEL = 1, TABLE_PIECE = 64 << 10 };

struct stream {
	struct mmt_buf out;
	struct mmt_context ctx;
	uint32_t count;
	int64_t base_ns;
};

/* what a task has in the chunk that is being filled */
struct group {
	uint32_t task;
	struct stream s[2];
};

struct mmt_writer {
	struct atomic_file file;
	FILE *f;
	bool to_stdout;
	uint64_t offset;
	struct group **group;		/* by task id; NULL: not in this chunk */
	int64_t *last_ns;		/* by task id: start of its last record */
	uint32_t group_size;
	uint32_t *active;
	uint32_t active_count, active_size;
	size_t raw_bytes;
	int64_t first_ns, commit_ns;
	struct mmt_buf headers, dirs;	/* the index, so far */
	uint32_t chunks;
	struct mmt_buf zip, join[2];
	struct mmt_shape_table shapes[2][2];	/* stream; records, segments */
	ZSTD_CCtx *cctx;
};

struct mmt_writer *mmt_create(const char *path, struct errbuf *e)
{
	struct mmt_writer *w = xcalloc(1, sizeof(*w));
	uint8_t head[MMT_HEAD_BYTES] = MMT_MAGIC;

	w->to_stdout = !strcmp(path, "-");
	if (w->to_stdout) {
		w->f = stdout;
	} else if (atomic_open(&w->file, path, e)) {
		free(w);
		return NULL;
	} else {
		w->f = w->file.f;
	}
	w->cctx = ZSTD_createCCtx();
	if (!w->cctx)
		no_memory(1, ZSTD_CStreamInSize());
	ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_checksumFlag, 1);
	head[8] = MMT_VERSION;
	fwrite(head, 1, sizeof(head), w->f);	/* errors: at each chunk */
	w->offset = sizeof(head);
	return w;
}

static void writer_free(struct mmt_writer *w)
{
	for (uint32_t i = 0; i < w->active_count; i++) {
		struct group *g = w->group[w->active[i]];

		mmt_buf_release(&g->s[0].out);
		mmt_buf_release(&g->s[1].out);
		free(g);
	}
	free(w->group);
	free(w->last_ns);
	free(w->active);
	mmt_buf_release(&w->headers);
	mmt_buf_release(&w->dirs);
	mmt_buf_release(&w->zip);
	mmt_buf_release(&w->join[0]);
	mmt_buf_release(&w->join[1]);
	ZSTD_freeCCtx(w->cctx);
	free(w);
}

void mmt_abort(struct mmt_writer *w)
{
	if (!w)
		return;
	if (!w->to_stdout)
		atomic_abort(&w->file);
	writer_free(w);
}

static int put_bytes(struct mmt_writer *w, const void *p, size_t n,
		     struct errbuf *e)
{
	if (n && fwrite(p, 1, n, w->f) != n)
		return err_sys(e, w->to_stdout ? "stdout" : w->file.path,
			       "write");
	w->offset += n;
	return 0;
}

/* It has room for the output, so memory for itself is all that it can lack. */
static _Noreturn void zip_failed(size_t code)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
		no_memory(1, ZSTD_CStreamInSize());
	BUG("zstd: %s", ZSTD_getErrorName(code));
}

/* appends a zstd frame to w->zip; size and checksum to the caller's fields */
static void zip(struct mmt_writer *w, const struct mmt_buf *raw,
		uint32_t *bytes, uint32_t *raw_bytes, uint32_t *sum)
{
	size_t bound = ZSTD_compressBound(raw->used), n;
	uint8_t *end;

	*bytes = *raw_bytes = *sum = 0;
	if (!raw->used)
		return;
	mmt_buf_reserve(&w->zip, bound);
	n = ZSTD_compress2(w->cctx, w->zip.data + w->zip.used, bound,
			   raw->data, raw->used);
	if (ZSTD_isError(n))
		zip_failed(n);
	w->zip.used += n;
	end = w->zip.data + w->zip.used;
	*sum = (uint32_t)end[-4] | (uint32_t)end[-3] << 8 |
	       (uint32_t)end[-2] << 16 | (uint32_t)end[-1] << 24;
	*bytes = (uint32_t)n;
	*raw_bytes = (uint32_t)raw->used;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* in front of the groups, if there are any */
static void join_shapes(struct mmt_writer *w, int s)
{
	uint8_t table[MMT_SHAPES_BYTES_MAX];

	if (w->shapes[s][0].count)
		mmt_buf_add(&w->join[s], table,
			    mmt_shapes_put(w->shapes[s], table));
	memset(w->shapes[s], 0, sizeof(w->shapes[s]));
}

/* moves the groups into w->join[] and their directory into @dir */
static void join_groups(struct mmt_writer *w, struct mmt_buf *dir)
{
	int64_t prev = -1;

	join_shapes(w, 0);
	join_shapes(w, 1);
	qsort(w->active, w->active_count, sizeof(*w->active), by_id);
	for (uint32_t i = 0; i < w->active_count; i++) {
		struct group *g = w->group[w->active[i]];
		struct mmt_entry entry = { .task = g->task };

		for (int s = 0; s < 2; s++) {
			struct stream *in = &g->s[s];

			entry.count[s] = in->count;
			entry.bytes[s] = (uint32_t)in->out.used;
			entry.base_ns[s] = in->count ? in->base_ns :
						       w->first_ns;
			mmt_buf_add(&w->join[s], in->out.data, in->out.used);
			mmt_buf_release(&in->out);
		}
		mmt_entry_pack(dir, &entry, prev, w->first_ns);
		prev = g->task;
		w->group[g->task] = NULL;
		free(g);
	}
}

static int close_chunk(struct mmt_writer *w, struct errbuf *e)
{
	struct mmt_chunk c = { .tasks = w->active_count,
		.first_ns = w->first_ns, .last_ns = w->commit_ns };
	struct mmt_buf dir = { 0 };
	const struct mmt_buf *raw[FRAME_COUNT] = { &dir, &w->join[0],
						   &w->join[1] };
	uint8_t head[MMT_CHUNK_BYTES];
	int ret;

	if (!w->active_count)
		return 0;
	w->zip.used = w->join[0].used = w->join[1].used = 0;
	join_groups(w, &dir);
	for (int f = 0; f < FRAME_COUNT; f++)
		zip(w, raw[f], &c.bytes[f], &c.raw[f], &c.sum[f]);
	mmt_chunk_pack(&c, head);
	mmt_buf_varint(&w->headers, w->offset);
	mmt_buf_add(&w->headers, head, sizeof(head));
	mmt_buf_add(&w->dirs, dir.data, dir.used);
	w->chunks++;
	w->active_count = 0;
	w->raw_bytes = 0;
	ret = put_bytes(w, head, sizeof(head), e);
	if (!ret)
		ret = put_bytes(w, w->zip.data, w->zip.used, e);
	mmt_buf_release(&dir);
	return ret;
}

static void grow_tasks(struct mmt_writer *w, uint32_t task)
{
	uint32_t size = w->group_size ? w->group_size : 64;

	while (size <= task)
		size *= 2;
	w->group = xrealloc(w->group, size, sizeof(*w->group));
	w->last_ns = xrealloc(w->last_ns, size, sizeof(*w->last_ns));
	for (uint32_t i = w->group_size; i < size; i++) {
		w->group[i] = NULL;
		w->last_ns[i] = 0;
	}
	w->group_size = size;
}

static struct group *open_group(struct mmt_writer *w, uint32_t task)
{
	struct group *g = xcalloc(1, sizeof(*g));

	if (w->active_count == w->active_size) {
		w->active_size = w->active_size ? w->active_size * 2 : 64;
		w->active = xrealloc(w->active, w->active_size,
				     sizeof(*w->active));
	}
	g->task = task;
	w->group[task] = g;
	w->active[w->active_count++] = task;
	return g;
}

static int check_op(struct mmt_writer *w, const struct op *op,
		    struct errbuf *e)
{
	if (op->kind >= OP_KIND_COUNT || op->task >= MMT_TASKS_MAX ||
	    op->segs > OP_SEGS_MAX || op->path >= FAULT_PATH_COUNT ||
	    (op->segs && op_kinds[op->kind].cls == OP_CLASS_MEASURE))
		return err_set(e, -EINVAL, "record of task %u is malformed",
			       op->task);
	if (op->start_ns < 0 || op->start_ns >= 1LL << 60 ||
	    op->duration_ns < TRACE_UNKNOWN_NS ||
	    op->duration_ns >= 1LL << 60)
		return err_set(e, -ERANGE, "record of task %u: time out of range",
			       op->task);
	if (op->task < w->group_size && op->start_ns < w->last_ns[op->task])
		return err_set(e, -EINVAL,
			       "records of task %u are not in start order",
			       op->task);
	return 0;
}

int mmt_put(struct mmt_writer *w, const struct op *op, struct errbuf *e)
{
	unsigned which = op_kinds[op->kind < OP_KIND_COUNT ? op->kind : 0].cls ==
			 OP_CLASS_MEASURE;
	struct group *g;
	struct stream *s;
	int64_t end_ns = op->start_ns;
	int ret = check_op(w, op, e);
	size_t n;

	if (ret)
		return ret;
	if (op->task >= w->group_size)
		grow_tasks(w, op->task);
	if (!w->active_count)
		w->first_ns = w->commit_ns = op->start_ns;
	g = w->group[op->task];
	if (!g)
		g = open_group(w, op->task);
	s = &g->s[which];
	if (!s->count) {
		mmt_context_init(&s->ctx, op->start_ns, op->task);
		s->base_ns = op->start_ns;
	}
	mmt_buf_reserve(&s->out, MMT_RECORD_MAX +
			(size_t)op->segs * MMT_SEGMENT_MAX);
	n = mmt_encode(&s->ctx, w->shapes[which], op,
		       which ? g->s[0].count : 0, s->out.data + s->out.used);
	s->out.used += n;
	s->count++;
	w->raw_bytes += n;
	w->last_ns[op->task] = op->start_ns;
	if (op->start_ns < w->first_ns)
		w->first_ns = op->start_ns;
	if (op->duration_ns > 0)
		end_ns += op->duration_ns;
	if (end_ns > w->commit_ns)
		w->commit_ns = end_ns;
	return w->raw_bytes >= MMT_CHUNK_TARGET ? close_chunk(w, e) : 0;
}

/* ---- tables: compressed as they are packed, never there as a whole ---- */

struct table {
	struct mmt_writer *w;
	struct mmt_buf raw;	/* packed, and not compressed yet */
	uint64_t raw_bytes, bytes;
	uint8_t tail[4];	/* of the frame so far */
};

static void keep_tail(struct table *t, const uint8_t *p, size_t n)
{
	for (size_t i = n > 4 ? n - 4 : 0; i < n; i++) {
		memmove(t->tail, t->tail + 1, 3);
		t->tail[3] = p[i];
	}
}

static int squeeze(struct table *t, const struct mmt_buf *raw,
		   ZSTD_EndDirective how, struct errbuf *e)
{
	ZSTD_inBuffer in = { raw->data, raw->used, 0 };
	struct mmt_buf *zip = &t->w->zip;
	size_t left;
	int ret = 0;

	t->raw_bytes += raw->used;
	if (t->raw_bytes > MMT_TABLE_RAW_MAX)
		return err_set(e, -EFBIG, "trace too large: a table of more "
			       "than %d bytes", MMT_TABLE_RAW_MAX);
	zip->used = 0;
	mmt_buf_reserve(zip, ZSTD_compressBound(TABLE_PIECE));
	do {
		ZSTD_outBuffer out = { zip->data, zip->size, 0 };

		left = ZSTD_compressStream2(t->w->cctx, &out, &in, how);
		if (ZSTD_isError(left))
			zip_failed(left);
		keep_tail(t, zip->data, out.pos);
		t->bytes += out.pos;
		ret = put_bytes(t->w, zip->data, out.pos, e);
	} while (!ret && (how == ZSTD_e_end ? left > 0 : in.pos < in.size));
	return ret;
}

/* between rows: what has come together goes */
static int table_step(struct table *t, struct errbuf *e)
{
	int ret;

	if (t->raw.used < TABLE_PIECE)
		return 0;
	ret = squeeze(t, &t->raw, ZSTD_e_continue, e);
	t->raw.used = 0;
	return ret;
}

static int put_tasks(struct table *t, const struct trace_header *h,
		     mmt_task_row *row, const void *arg, struct errbuf *e)
{
	struct trace_task task;
	int ret = 0;

	mmt_buf_varint(&t->raw, h->task_count);
	for (uint32_t i = 0; i < h->task_count && !ret; i++) {
		row(arg, i, &task);
		mmt_pack_task(&task, &t->raw);
		ret = table_step(t, e);
	}
	return ret;
}

static int put_mms(struct table *t, const struct trace_header *h,
		   struct errbuf *e)
{
	int ret = 0;

	mmt_pack_mms(h, &t->raw);
	for (uint32_t i = 0; i < h->mm_count && !ret; i++) {
		mmt_pack_mm(&h->mms[i], &t->raw);
		ret = table_step(t, e);
	}
	return ret;
}

static int put_index(struct table *t, struct errbuf *e)
{
	int ret;

	mmt_buf_varint(&t->raw, t->w->chunks);
	mmt_buf_add(&t->raw, t->w->headers.data, t->w->headers.used);
	ret = squeeze(t, &t->raw, ZSTD_e_continue, e);
	t->raw.used = 0;
	return ret ? ret : squeeze(t, &t->w->dirs, ZSTD_e_continue, e);
}

static int put_tables(struct mmt_writer *w, const struct trace_header *h,
		      mmt_task_row *row, const void *arg, struct errbuf *e)
{
	struct mmt_trailer to = { .tables_offset = w->offset };
	uint8_t trailer[MMT_TRAILER_BYTES];
	int ret = 0;

	for (int i = 0; i < TABLE_COUNT && !ret; i++) {
		struct table t = { .w = w };

		if (i == TABLE_HEADER)
			mmt_pack_header(h, &t.raw);
		else if (i == TABLE_TASKS)
			ret = put_tasks(&t, h, row, arg, e);
		else if (i == TABLE_MMS)
			ret = put_mms(&t, h, e);
		else
			ret = put_index(&t, e);
		if (!ret)
			ret = squeeze(&t, &t.raw, ZSTD_e_end, e);
		to.bytes[i] = (uint32_t)t.bytes;
		to.raw[i] = (uint32_t)t.raw_bytes;
		to.sum[i] = (uint32_t)t.tail[0] | (uint32_t)t.tail[1] << 8 |
			    (uint32_t)t.tail[2] << 16 |
			    (uint32_t)t.tail[3] << 24;
		mmt_buf_release(&t.raw);
	}
	mmt_trailer_pack(&to, trailer);
	return ret ? ret : put_bytes(w, trailer, sizeof(trailer), e);
}

int mmt_finish_rows(struct mmt_writer *w, const struct trace_header *h,
		    mmt_task_row *row, const void *arg, struct errbuf *e)
{
	int ret = close_chunk(w, e);

	if (!ret)
		ret = put_tables(w, h, row, arg, e);
	if (!ret && w->to_stdout && fflush(stdout))
		ret = err_sys(e, "stdout", "write");
	if (!ret && !w->to_stdout)
		ret = atomic_commit(&w->file, e);
	else if (!w->to_stdout)
		atomic_abort(&w->file);
	writer_free(w);
	return ret;
}

static void row_of_header(const void *arg, uint32_t i, struct trace_task *row)
{
	*row = ((const struct trace_header *)arg)->tasks[i];
}

int mmt_finish(struct mmt_writer *w, const struct trace_header *h,
	       struct errbuf *e)
{
	return mmt_finish_rows(w, h, row_of_header, h, e);
}
