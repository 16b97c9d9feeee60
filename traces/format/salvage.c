/*
 * What can be saved of a damaged native trace: every chunk stands alone, so
 * one that decodes from end to end is kept and all others are counted. Where
 * the tables are gone, tasks and mms are numbered, without names or layout.
 *
 * Invariant: after salvage every record of the trace decodes. Cost: one pass
 * over the file; what is no chunk is searched byte by byte for the next.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/format/decode.h"
#include "traces/format/layout.h"

enum { SEARCH_BYTES = 1 << 16 };

/* ids seen in records, to size the tables when there are none */
struct seen {
	uint32_t tasks, mms;
	uint64_t records;
};

static void see_mm(struct seen *seen, uint64_t mm)
{
	if (mm < TRACE_NO_MM && mm >= seen->mms)
		seen->mms = (uint32_t)mm + 1;
}

static void see_args(struct seen *seen, const struct op *op)
{
	unsigned tasks, mms;

	mmt_arg_refs(op->kind, &tasks, &mms);
	for (unsigned i = 0; i < 2; i++) {
		if (mms >> i & 1)
			see_mm(seen, op->arg[i]);
		if (tasks >> i & 1 && op->arg[i] < TRACE_NO_TASK &&
		    op->arg[i] >= seen->tasks)
			seen->tasks = (uint32_t)op->arg[i] + 1;
	}
}

static bool verify_group(struct mmt_reader *r, const uint8_t *data,
			 const struct mmt_shapes *shapes,
			 const struct mmt_entry *entry, unsigned stream,
			 struct seen *seen)
{
	const uint8_t *p = data + entry->off[stream];
	const uint8_t *end = p + entry->bytes[stream];
	struct op_segment seg[OP_SEGS_MAX];
	struct mmt_context ctx;
	struct op op;

	mmt_context_init(&ctx, entry->base_ns[stream], entry->task);
	for (uint32_t i = 0; i < entry->count[stream]; i++) {
		p = mmt_decode(&ctx, shapes, p, end, &op);
		if (p)
			p = mmt_decode_segments(shapes, p, end, &op, seg);
		if (!p || !mmt_resolve(r, &op) || (stream && op.segs))
			return false;
		see_mm(seen, op.mm);
		for (unsigned k = 0; k < op.segs; k++)
			see_mm(seen, seg[k].mm);
		see_args(seen, &op);
		seen->records++;
	}
	return p == end;
}

/* What could not be looked at for lack of memory is not bad, and must not be lost. */
static void need_memory(const struct errbuf *e, size_t bytes)
{
	if (e->code == -ENOMEM)
		no_memory(1, bytes);
}

/* false if any frame or record of the chunk is bad */
static bool verify_chunk(struct mmt_reader *r, const struct mmt_chunk *c,
			 const struct mmt_entry *entries, struct seen *seen)
{
	uint64_t offset = c->offset + MMT_CHUNK_BYTES + c->bytes[FRAME_DIR];
	struct mmt_shapes *shapes = xcalloc(1, sizeof(*shapes));
	bool good = true;

	for (unsigned s = 0; s < 2 && good; s++) {
		unsigned f = FRAME_MAIN + s;
		struct errbuf ignored = { 0 };
		const uint8_t *p = NULL;
		uint8_t *data;

		if (!c->raw[f])
			continue;
		data = mmt_unzip(r, offset, c->bytes[f], c->raw[f], c->sum[f],
				 "chunk", &ignored);
		need_memory(&ignored, c->raw[f]);
		if (data)
			p = mmt_shapes_get(data, data + c->raw[f], shapes);
		good = p && data + c->raw[f] - p == c->groups[s];
		for (uint32_t i = 0; i < c->tasks && good; i++)
			good = verify_group(r, p, shapes, &entries[i], s, seen);
		free(data);
		offset += c->bytes[f];
	}
	if (good && c->tasks && entries[c->tasks - 1].task >= seen->tasks)
		seen->tasks = entries[c->tasks - 1].task + 1;
	free(shapes);
	return good;
}

/* ids far beyond the number of records are damage, not tasks */
static bool plausible(const struct seen *seen)
{
	return seen->tasks / 4 <= seen->records + 256 &&
	       seen->mms / 4 <= seen->records + 256;
}

/* the chunk at @offset into @c and its directory into *@entries, or false */
static bool chunk_at(struct mmt_reader *r, uint64_t offset,
		     struct mmt_chunk *c, struct mmt_entry **entries)
{
	struct errbuf ignored = { 0 };
	uint8_t head[MMT_CHUNK_BYTES], *dir;
	bool good;

	*entries = NULL;
	if (mmt_read_at(r, offset, head, sizeof(head), &ignored) ||
	    !mmt_chunk_unpack(head, c))
		return false;
	c->offset = offset;
	if (mmt_chunk_total(c) > r->file_bytes - offset)
		return false;
	dir = mmt_unzip(r, offset + MMT_CHUNK_BYTES, c->bytes[FRAME_DIR],
			c->raw[FRAME_DIR], c->sum[FRAME_DIR], "directory",
			&ignored);
	need_memory(&ignored, c->raw[FRAME_DIR]);
	*entries = xcalloc((size_t)c->tasks + 1, sizeof(**entries));
	good = dir && !mmt_dir_unpack(dir, c->raw[FRAME_DIR], c,
						  r->chunk_count, *entries);
	free(dir);
	return good;
}

/* offset of the next chunk magic at or after @from; file size if none */
static uint64_t find_magic(struct mmt_reader *r, uint64_t from)
{
	static const uint8_t magic[4] = { 'C', 'H', 'N', 'K' };
	struct errbuf ignored = { 0 };
	uint8_t block[SEARCH_BYTES];

	while (from + MMT_CHUNK_BYTES <= r->file_bytes) {
		uint64_t left = r->file_bytes - from;
		size_t n = left < sizeof(block) ? (size_t)left : sizeof(block);
		uint8_t *hit;

		if (mmt_read_at(r, from, block, n, &ignored))
			break;
		hit = memmem(block, n, magic, sizeof(magic));
		if (hit)
			return from + (uint64_t)(hit - block);
		from += n - 3;
	}
	return r->file_bytes;
}

static int keep_chunk(struct mmt_reader *r, const struct mmt_chunk *c,
		      const struct mmt_entry *entries, struct errbuf *e)
{
	r->chunks = xrealloc(r->chunks, r->chunk_count + 1, sizeof(*c));
	r->chunks[r->chunk_count++] = *c;
	return mmt_rows_add(r, entries, c->tasks, e);
}

static void forget_tables(struct mmt_reader *r, struct errbuf *e)
{
	trace_header_release(&r->h);
	memset(&r->h, 0, sizeof(r->h));
	free(r->chunks);
	mmt_rows_release(r);
	r->chunks = NULL;
	r->chunk_count = 0;
	r->task_limit = MMT_TASKS_MAX;
	r->mm_limit = UINT32_MAX;
	r->lost.tables_lost = true;
	memset(e, 0, sizeof(*e));
}

static void number_tables(struct mmt_reader *r, const struct seen *seen)
{
	struct trace_header *h = &r->h;

	snprintf(h->tool, sizeof(h->tool), "salvaged");
	h->task_count = seen->tasks;
	h->tasks = xcalloc((size_t)h->task_count + 1, sizeof(*h->tasks));
	for (uint32_t t = 0; t < h->task_count; t++) {
		h->tasks[t].parent = TRACE_NO_TASK;
		h->tasks[t].mm = TRACE_NO_MM;
	}
	h->mm_count = seen->mms;
	h->mms = xcalloc((size_t)h->mm_count + 1, sizeof(*h->mms));
	for (uint32_t m = 0; m < h->mm_count; m++) {
		h->mms[m].parent = TRACE_NO_MM;
		h->mms[m].owner_task = TRACE_NO_TASK;
	}
	digest_init(&r->digest);
	for (uint32_t i = 0; i < r->chunk_count; i++) {
		mmt_digest_sums(&r->digest, r->chunks[i].sum, FRAME_COUNT);
		if (r->chunks[i].last_ns > h->span_ns)
			h->span_ns = r->chunks[i].last_ns;
	}
}

int mmt_salvage_scan(struct mmt_reader *r, struct errbuf *e)
{
	struct seen seen = { 0 };
	uint64_t at = MMT_HEAD_BYTES, kept = 0;
	int ret = 0;

	forget_tables(r, e);
	while (!ret && (at = find_magic(r, at)) < r->file_bytes) {
		struct mmt_chunk c;
		struct mmt_entry *entries;
		struct seen after = seen;

		if (chunk_at(r, at, &c, &entries) &&
		    verify_chunk(r, &c, entries, &after) && plausible(&after)) {
			ret = keep_chunk(r, &c, entries, e);
			seen = after;
			kept += mmt_chunk_total(&c);
			at += mmt_chunk_total(&c);
		} else {
			at++;
		}
		free(entries);
	}
	r->lost.chunks_kept = r->chunk_count;
	r->lost.records_kept = seen.records;
	r->lost.bytes_lost = r->file_bytes - kept - MMT_HEAD_BYTES;
	if (ret)
		return ret;
	if (!r->chunk_count)
		return err_set(e, -EBADMSG, "%s: nothing to salvage: no whole "
			       "chunk in %llu bytes", r->path,
			       (unsigned long long)r->file_bytes);
	number_tables(r, &seen);
	return 0;
}

int mmt_salvage_verify(struct mmt_reader *r, struct errbuf *e)
{
	uint32_t kept = 0;
	struct seen seen = { 0 };
	bool lost_all;
	int ret = 0;

	if (r->lost.tables_lost)
		return 0;	/* the scan has looked at every record */
	mmt_rows_release(r);
	for (uint32_t i = 0; i < r->chunk_count && !ret; i++) {
		struct mmt_chunk c = r->chunks[i];
		struct errbuf ignored = { 0 };
		struct mmt_entry *dir = mmt_directory(r, i, &ignored);

		need_memory(&ignored, c.raw[FRAME_DIR]);
		if (dir && verify_chunk(r, &c, dir, &seen)) {
			for (uint32_t k = 0; k < c.tasks; k++)
				dir[k].chunk = kept;
			r->chunks[kept++] = c;
			ret = mmt_rows_add(r, dir, c.tasks, e);
		} else {
			r->lost.chunks_lost++;
			r->lost.bytes_lost += mmt_chunk_total(&c);
		}
		free(dir);
	}
	if (ret)
		return ret;
	lost_all = !kept && r->chunk_count;
	r->chunk_count = kept;
	r->lost.chunks_kept = kept;
	r->lost.records_kept = seen.records;
	if (lost_all)
		return err_set(e, -EBADMSG, "%s: nothing to salvage: no chunk "
			       "decodes", r->path);
	return 0;
}
