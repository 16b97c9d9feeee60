/*
 * Fuzz target: the native reader, plain and salvaging: tables, every record of
 * every task in its own order, and all of them merged.
 *
 * The mutator opens a trace down to the plain bytes of its frames, damages one
 * of them, and packs everything again with right sizes and checksums; so what
 * stands behind the checksums is reached too. What is no whole trace is damaged
 * as it is.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include "sim/base/mem.h"
#include "sim/tests/fuzz/fuzz.h"
#include "traces/format/layout.h"

enum { RECORDS_MAX = 100000, CACHE_BYTES = 1 << 20, PARTS_MAX = 64,
       PART_BYTES_MAX = 1 << 20 };

static void read_all(struct mmt_cursor *c)
{
	struct errbuf e = { 0 };
	struct op op;
	int got = 1;

	for (int i = 0; i < RECORDS_MAX && got > 0; i++) {
		got = mmt_next(c, &op, &e);
		for (unsigned s = 0; got > 0 && s < op.segs; s++)
			if (op.seg[s].kind >= SEG_KIND_COUNT)
				BUG("segment of no kind");
	}
	if (got < 0 && !e.text[0])
		BUG("refused without a word");
	mmt_cursor_free(c);
}

static void read_file(const char *path, unsigned flags)
{
	struct errbuf e = { 0 };
	struct mmt_reader *r = mmt_open(path, flags, CACHE_BYTES, &e);

	if (!r) {
		if (!e.text[0])
			BUG("refused without a word");
		return;
	}
	for (uint32_t t = 0; t < mmt_header(r)->task_count && t < 100; t++)
		read_all(mmt_cursor(r, t));
	read_all(mmt_merged(r));
	mmt_close(r);
}

void fuzz_mmt(const char *variant, const uint8_t *data, size_t bytes)
{
	const char *path = fuzz_path(data, bytes);

	(void)variant;
	read_file(path, 0);
	read_file(path, MMT_MEASUREMENTS);
	read_file(path, MMT_MEASUREMENTS | MMT_SALVAGE);
}

/** struct part - the plain bytes of one frame */
struct part {
	uint8_t *data;
	size_t bytes;
};

/** struct parts - a trace, opened: three frames a chunk, then three tables */
struct parts {
	struct part part[PARTS_MAX];
	struct mmt_chunk chunk[PARTS_MAX / FRAME_COUNT];
	unsigned int chunks, count;
};

static bool open_part(struct parts *p, const uint8_t *zip, size_t bytes,
		      size_t raw)
{
	struct part *out = &p->part[p->count];

	if (p->count == PARTS_MAX || raw > PART_BYTES_MAX)
		return false;
	out->data = xcalloc(1, raw + 1);
	p->count++;
	if (!raw && !bytes)
		return true;
	out->bytes = ZSTD_decompress(out->data, raw, zip, bytes);
	return out->bytes == raw;
}

static bool open_chunks(struct parts *p, const uint8_t *data, size_t end)
{
	size_t at = MMT_HEAD_BYTES;

	while (at + MMT_CHUNK_BYTES <= end) {
		struct mmt_chunk *c = &p->chunk[p->chunks];

		if (p->count + FRAME_COUNT > PARTS_MAX - TABLE_COUNT ||
		    !mmt_chunk_unpack(data + at, c) ||
		    mmt_chunk_total(c) > end - at)
			return false;
		at += MMT_CHUNK_BYTES;
		for (int f = 0; f < FRAME_COUNT; f++) {
			if (!open_part(p, data + at, c->bytes[f], c->raw[f]))
				return false;
			at += c->bytes[f];
		}
		p->chunks++;
	}
	return at == end;
}

static bool open_trace(struct parts *p, const uint8_t *data, size_t bytes)
{
	struct mmt_trailer t;
	size_t at;

	if (bytes < MMT_HEAD_BYTES + MMT_TRAILER_BYTES ||
	    !mmt_trailer_unpack(data + bytes - MMT_TRAILER_BYTES, &t) ||
	    t.tables_offset > bytes - MMT_TRAILER_BYTES ||
	    !open_chunks(p, data, t.tables_offset))
		return false;
	at = t.tables_offset;
	for (int i = 0; i < TABLE_INDEX; i++) {
		if (t.bytes[i] > bytes - at ||
		    !open_part(p, data + at, t.bytes[i], t.raw[i]))
			return false;
		at += t.bytes[i];
	}
	return true;
}

static void zip(struct mmt_buf *out, const void *data, size_t raw,
		uint32_t *bytes, uint32_t *raw_bytes, uint32_t *sum)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t bound = ZSTD_compressBound(raw);

	*bytes = *raw_bytes = *sum = 0;
	mmt_buf_reserve(out, bound);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	if (raw) {
		*bytes = (uint32_t)ZSTD_compress2(c, out->data + out->used,
						  bound, data, raw);
		*raw_bytes = (uint32_t)raw;
		out->used += *bytes;
		memcpy(sum, out->data + out->used - 4, 4);
	}
	ZSTD_freeCCtx(c);
}

static void close_chunk(struct parts *p, unsigned int i, struct mmt_buf *out,
			struct mmt_buf *index)
{
	struct mmt_chunk *c = &p->chunk[i];
	struct mmt_buf frames = { 0 };
	uint8_t head[MMT_CHUNK_BYTES];

	for (int f = 0; f < FRAME_COUNT; f++) {
		const struct part *part = &p->part[i * FRAME_COUNT + (unsigned)f];

		zip(&frames, part->data, part->bytes, &c->bytes[f], &c->raw[f],
		    &c->sum[f]);
	}
	mmt_chunk_pack(c, head);
	mmt_buf_varint(index, out->used);
	mmt_buf_add(index, head, sizeof(head));
	mmt_buf_add(out, head, sizeof(head));
	mmt_buf_add(out, frames.data, frames.used);
	mmt_buf_release(&frames);
}

static void close_trace(struct parts *p, struct mmt_buf *out)
{
	struct mmt_buf index = { 0 };
	struct mmt_trailer t = { 0 };
	uint8_t trailer[MMT_TRAILER_BYTES];
	unsigned int first = p->chunks * FRAME_COUNT;

	mmt_buf_varint(&index, p->chunks);
	for (unsigned int i = 0; i < p->chunks; i++)
		close_chunk(p, i, out, &index);
	for (unsigned int i = 0; i < p->chunks; i++)
		mmt_buf_add(&index, p->part[i * FRAME_COUNT].data,
			    p->part[i * FRAME_COUNT].bytes);
	t.tables_offset = out->used;
	for (unsigned int i = 0; i < TABLE_INDEX; i++)
		zip(out, p->part[first + i].data, p->part[first + i].bytes,
		    &t.bytes[i], &t.raw[i], &t.sum[i]);
	zip(out, index.data, index.used, &t.bytes[TABLE_INDEX],
	    &t.raw[TABLE_INDEX], &t.sum[TABLE_INDEX]);
	mmt_trailer_pack(&t, trailer);
	mmt_buf_add(out, trailer, sizeof(trailer));
	mmt_buf_release(&index);
}

/*
 * An empty frame stays so; records keep their length together three times in
 * four, since their directory gives it.
 */
static void damage(struct parts *p, uint64_t seed, fuzz_mutate_fn plain)
{
	struct part *part = &p->part[seed / 16 % p->count];
	size_t was, room;

	if (!part->bytes)
		part = &p->part[p->count - 1 - seed / 1024 % TABLE_INDEX];
	was = part->bytes;
	room = was + 64;
	part->data = xrealloc(part->data, room, 1);
	memset(part->data + was, 0, room - was);
	part->bytes = plain(part->data, was, room);
	if (part < p->part + p->chunks * FRAME_COUNT && seed / 4 % 4)
		part->bytes = was;
	if (p->chunks && seed % 16 == 1)
		p->chunk[0].tasks ^= (uint32_t)(seed >> 8 & 3);
}

size_t fuzz_mmt_mutate(uint8_t *data, size_t bytes, size_t room,
		       uint64_t seed, fuzz_mutate_fn plain)
{
	struct mmt_buf out = { 0 };
	struct parts p = { 0 };
	bool whole = open_trace(&p, data, bytes);

	if (whole) {
		damage(&p, seed, plain);
		mmt_buf_add(&out, data, MMT_HEAD_BYTES);
		close_trace(&p, &out);
	}
	if (out.used && out.used <= room) {
		memcpy(data, out.data, out.used);
		bytes = out.used;
	} else {
		bytes = plain(data, bytes, room);
	}
	for (unsigned int i = 0; i < p.count; i++)
		free(p.part[i].data);
	mmt_buf_release(&out);
	return bytes;
}
