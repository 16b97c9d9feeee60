/*
 * Fixed-size parts of a native trace file, little-endian, each closed by an
 * FNV-1a checksum, and the chunk directory. FORMAT.md 3, 4 and 6.
 *
 * Invariant: whatever *_unpack() accepts describes frames whose sizes are
 * inside the limits of layout.h; positions are checked by the reader.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/format/layout.h"

void mmt_buf_reserve(struct mmt_buf *b, size_t more)
{
	if (b->size - b->used >= more)
		return;
	b->size = (b->used + more) + (b->used + more) / 2 + 64;
	b->data = xrealloc(b->data, b->size, 1);
}

void mmt_buf_add(struct mmt_buf *b, const void *data, size_t bytes)
{
	mmt_buf_reserve(b, bytes);
	if (bytes)
		memcpy(b->data + b->used, data, bytes);
	b->used += bytes;
}

void mmt_buf_varint(struct mmt_buf *b, uint64_t v)
{
	mmt_buf_reserve(b, 10);
	b->used += varint_put(b->data + b->used, v);
}

void mmt_buf_release(struct mmt_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

static uint32_t fnv32(const uint8_t *p, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, 4);
	return p + 4;
}

static uint8_t *put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, 8);
	return p + 8;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return le32toh(v);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return le64toh(v);
}

uint64_t mmt_chunk_total(const struct mmt_chunk *c)
{
	uint64_t total = MMT_CHUNK_BYTES;

	for (int f = 0; f < FRAME_COUNT; f++)
		total += c->bytes[f];
	return total;
}

void mmt_chunk_pack(const struct mmt_chunk *c, uint8_t out[MMT_CHUNK_BYTES])
{
	uint8_t *p = put32(out, MMT_CHUNK_MAGIC);

	p = put32(p, c->tasks);
	for (int f = 0; f < FRAME_COUNT; f++) {
		p = put32(p, c->bytes[f]);
		p = put32(p, c->raw[f]);
		p = put32(p, c->sum[f]);
	}
	p = put64(p, (uint64_t)c->first_ns);
	p = put64(p, (uint64_t)c->last_ns);
	put32(p, fnv32(out, MMT_CHUNK_BYTES - 4));
}

bool mmt_chunk_unpack(const uint8_t in[MMT_CHUNK_BYTES], struct mmt_chunk *c)
{
	const uint8_t *p = in + 8;

	if (get32(in) != MMT_CHUNK_MAGIC ||
	    get32(in + MMT_CHUNK_BYTES - 4) != fnv32(in, MMT_CHUNK_BYTES - 4))
		return false;
	c->tasks = get32(in + 4);
	for (int f = 0; f < FRAME_COUNT; f++, p += 12) {
		c->bytes[f] = get32(p);
		c->raw[f] = get32(p + 4);
		c->sum[f] = get32(p + 8);
		if (c->raw[f] > MMT_CHUNK_RAW_MAX ||
		    c->bytes[f] > MMT_CHUNK_RAW_MAX)
			return false;
	}
	c->first_ns = (int64_t)get64(p);
	c->last_ns = (int64_t)get64(p + 8);
	/* a directory row takes at least 7 bytes */
	return c->tasks <= c->raw[FRAME_DIR] / 7 &&
	       c->first_ns >= 0 && c->last_ns >= c->first_ns;
}

void mmt_trailer_pack(const struct mmt_trailer *t,
		      uint8_t out[MMT_TRAILER_BYTES])
{
	uint8_t *p = out + 8;

	memcpy(out, MMT_TRAILER_MAGIC, 8);
	p = put64(p, t->tables_offset);
	for (int i = 0; i < TABLE_COUNT; i++) {
		p = put32(p, t->bytes[i]);
		p = put32(p, t->raw[i]);
		p = put32(p, t->sum[i]);
	}
	p = put32(p, MMT_VERSION);
	put32(p, fnv32(out, MMT_TRAILER_BYTES - 4));
}

bool mmt_trailer_unpack(const uint8_t in[MMT_TRAILER_BYTES],
			struct mmt_trailer *t)
{
	const uint8_t *p = in + 16;

	if (memcmp(in, MMT_TRAILER_MAGIC, 8) ||
	    get32(in + MMT_TRAILER_BYTES - 4) !=
	    fnv32(in, MMT_TRAILER_BYTES - 4))
		return false;
	t->tables_offset = get64(in + 8);
	for (int i = 0; i < TABLE_COUNT; i++, p += 12) {
		t->bytes[i] = get32(p);
		t->raw[i] = get32(p + 4);
		t->sum[i] = get32(p + 8);
		if (t->raw[i] > MMT_TABLE_RAW_MAX)
			return false;
	}
	return get32(p) == MMT_VERSION;
}

void mmt_entry_pack(struct mmt_buf *b, const struct mmt_entry *e,
		    int64_t prev_task, int64_t chunk_first_ns)
{
	mmt_buf_varint(b, (uint64_t)((int64_t)e->task - prev_task - 1));
	for (int s = 0; s < 2; s++) {
		mmt_buf_varint(b, e->count[s]);
		mmt_buf_varint(b, e->bytes[s]);
		mmt_buf_varint(b, (uint64_t)(e->base_ns[s] - chunk_first_ns));
	}
}

/* one stream's count, bytes and base; every record takes at least a byte */
static const uint8_t *unpack_stream(const uint8_t *p, const uint8_t *end,
				    const struct mmt_chunk *c, int s,
				    struct mmt_entry *e)
{
	uint64_t v[3];

	for (int i = 0; i < 3 && p; i++)
		p = varint_get(p, end, &v[i]);
	if (!p || v[1] > MMT_CHUNK_RAW_MAX || v[0] > v[1] ||
	    (!v[0] && v[1]) || v[2] > (uint64_t)(c->last_ns - c->first_ns))
		return NULL;
	e->count[s] = (uint32_t)v[0];
	e->bytes[s] = (uint32_t)v[1];
	e->base_ns[s] = c->first_ns + (int64_t)v[2];
	return p;
}

const char *mmt_dir_unpack(const uint8_t *p, size_t n,
			   struct mmt_chunk *c, uint32_t chunk,
			   struct mmt_entry *e)
{
	const uint8_t *end = p + n;
	uint32_t off[2] = { 0, 0 };
	uint64_t task = 0, delta;

	for (uint32_t i = 0; i < c->tasks; i++, e++) {
		p = varint_get(p, end, &delta);
		if (!p || delta > MMT_TASKS_MAX)
			return "bad task in a chunk directory";
		task += delta + (i ? 1 : 0);
		if (task >= MMT_TASKS_MAX)
			return "bad task in a chunk directory";
		e->task = (uint32_t)task;
		e->chunk = chunk;
		for (int s = 0; s < 2; s++) {
			p = unpack_stream(p, end, c, s, e);
			if (!p)
				return "bad group in a chunk directory";
			e->off[s] = off[s];
			off[s] += e->bytes[s];
			if (off[s] > c->raw[FRAME_MAIN + s])
				return "groups larger than their chunk";
		}
	}
	if (p != end || !off[0] != !c->raw[FRAME_MAIN] ||
	    !off[1] != !c->raw[FRAME_MEASURE])
		return "chunk directory does not fit its chunk";
	c->groups[0] = off[0];
	c->groups[1] = off[1];
	return NULL;
}
