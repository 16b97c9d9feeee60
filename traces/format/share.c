/*
 * One decoded copy of a trace for many processes.
 *
 * A shared anonymous mapping, filled before the fork and read-only from then
 * on; frames stand one behind the other, each with the padding that decoders
 * may read past its end. Measurements are not in it: replay never reads them.
 *
 * Cost: one decompression of the trace; memory: its decoded size, once.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "sim/base/mem.h"
#include "traces/format/layout.h"

struct mmt_share {
	uint8_t *base;
	size_t bytes;
	uint64_t *offset;	/* by chunk */
};

uint8_t *mmt_shared_frame(const struct mmt_share *s, uint32_t chunk)
{
	return s->base + s->offset[chunk];
}

static uint64_t place(const struct mmt_reader *r, struct mmt_share *s)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < r->chunk_count; i++) {
		s->offset[i] = bytes;
		bytes += (uint64_t)r->chunks[i].raw[FRAME_MAIN] + MMT_PAD;
	}
	return bytes;
}

static bool fill(struct mmt_reader *r, struct mmt_share *s)
{
	struct errbuf ignored = { 0 };

	for (uint32_t i = 0; i < r->chunk_count; i++) {
		const struct mmt_chunk *c = &r->chunks[i];
		uint64_t at = c->offset + MMT_CHUNK_BYTES;
		uint8_t *data;

		for (unsigned f = 0; f < FRAME_MAIN; f++)
			at += c->bytes[f];
		data = mmt_unzip(r, at, c->bytes[FRAME_MAIN], c->raw[FRAME_MAIN],
				 c->sum[FRAME_MAIN], "chunk", &ignored);
		if (!data)
			return false;
		memcpy(s->base + s->offset[i], data, c->raw[FRAME_MAIN]);
		free(data);
	}
	return true;
}

struct mmt_share *mmt_share_new(struct mmt_reader *r, uint64_t most_bytes)
{
	struct mmt_share *s = xcalloc(1, sizeof(*s));
	uint64_t bytes;

	s->offset = xcalloc(r->chunk_count + 1, sizeof(*s->offset));
	bytes = place(r, s);
	if (bytes && bytes <= most_bytes) {
		s->base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		s->bytes = s->base == MAP_FAILED ? 0 : bytes;
	}
	if (s->bytes && fill(r, s) && !mprotect(s->base, s->bytes, PROT_READ))
		return s;
	mmt_share_free(s);
	return NULL;
}

void mmt_share_free(struct mmt_share *s)
{
	if (!s)
		return;
	if (s->bytes)
		munmap(s->base, s->bytes);
	free(s->offset);
	free(s);
}

uint64_t mmt_share_bytes(const struct mmt_share *s)
{
	return s ? s->bytes : 0;
}

void mmt_use_share(struct mmt_reader *r, const struct mmt_share *s)
{
	r->share = s;
}
