/*
 * Reader of native traces: opens a file, checks trailer, tables and index,
 * and keeps an LRU of decompressed chunks for the cursors (cursor.c).
 *
 * Invariant: nothing in the file is believed before it is checked against
 * the size of the file; memory is the tables, the cache and, unless the trace
 * is read in order, about 12 bytes per (task, chunk). Sizes come from input, so
 * allocation here can fail politely.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "traces/format/cursor.h"

enum {
	DEFAULT_CACHE_BYTES = 64 << 20,
	/* less would decompress a chunk for every record of another stream */
	CACHE_BYTES_MIN = 2 << 20,
	SLOT_BYTES_MIN = 64 << 10,
	/* frames up to this are read however much they shrank */
	UNIFORM_BYTES_MAX = MMT_CHUNK_TARGET + (128 << 10),
};

int mmt_damaged(const struct mmt_reader *r, uint64_t offset, const char *what,
		struct errbuf *e)
{
	return err_set(e, -EBADMSG, "%s: offset %" PRIu64 ": %s", r->path,
		       offset, what);
}

int mmt_read_at(const struct mmt_reader *r, uint64_t offset, void *out,
		size_t bytes, struct errbuf *e)
{
	char *p = out;

	if (offset > r->file_bytes || bytes > r->file_bytes - offset)
		return mmt_damaged(r, offset, "file ends here: truncated?", e);
	while (bytes) {
		ssize_t n = pread(r->fd, p, bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, r->path, "read");
		if (!n)
			return mmt_damaged(r, offset, "file ends here: truncated?",
				       e);
		p += n;
		bytes -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/*
 * The last evicted buffer serves the next frame: fresh pages for every chunk
 * would cost as much as decompressing into them.
 */
static uint8_t *take_buffer(struct mmt_reader *r, size_t bytes)
{
	uint8_t *out = r->spare;

	if (out && malloc_usable_size(out) >= bytes) {
		r->spare = NULL;
		return out;
	}
	out = malloc(bytes);
	if (out)
		mem_touch(out, bytes);
	return out;
}

/* @zip holds the frame; returns the records with padding, or NULL and @e */
static uint8_t *unzip_checked(struct mmt_reader *r, const uint8_t *zip,
			      uint64_t offset, uint32_t bytes, uint32_t raw,
			      uint32_t sum, const char *what, struct errbuf *e)
{
	const uint8_t *end = zip + bytes;
	uint32_t have = (uint32_t)end[-4] | (uint32_t)end[-3] << 8 |
			(uint32_t)end[-2] << 16 | (uint32_t)end[-1] << 24;
	uint8_t *out = take_buffer(r, (size_t)raw + MMT_PAD);
	char text[128];
	size_t n;

	if (!out) {
		err_set(e, -ENOMEM, "%s: out of memory for %u bytes", r->path, raw);
		return NULL;
	}
	n = ZSTD_decompressDCtx(r->dctx, out, raw, zip, bytes);
	if (ZSTD_isError(n) || n != raw || have != sum) {
		snprintf(text, sizeof(text), "damaged %s (%s)", what,
			 ZSTD_isError(n) ? ZSTD_getErrorName(n) :
			 n != raw ? "wrong size" : "wrong checksum");
		mmt_damaged(r, offset, text, e);
		free(out);
		return NULL;
	}
	memset(out + raw, 0, MMT_PAD);
	return out;
}

uint8_t *mmt_unzip(struct mmt_reader *r, uint64_t offset, uint32_t bytes,
		   uint32_t raw, uint32_t sum, const char *what,
		   struct errbuf *e)
{
	/* a whole chunk of one call may be nothing; where more is, it is a bomb */
	if (bytes < 9 || (raw > UNIFORM_BYTES_MAX && raw / 1024 > bytes + 64)) {
		mmt_damaged(r, offset, "impossible size of a frame", e);
		return NULL;
	}
	if (offset > r->file_bytes || bytes > r->file_bytes - offset) {
		mmt_damaged(r, offset, "frame passes the end: truncated?", e);
		return NULL;
	}
	if (bytes > r->zip_bytes) {
		free(r->zip);
		r->zip = malloc(bytes);
		r->zip_bytes = r->zip ? bytes : 0;
	}
	if (!r->zip) {
		err_set(e, -ENOMEM, "%s: out of memory for %u bytes", r->path,
			bytes);
		return NULL;
	}
	if (mmt_read_at(r, offset, r->zip, bytes, e))
		return NULL;
	return unzip_checked(r, r->zip, offset, bytes, raw, sum, what, e);
}

static void drop_slot(struct mmt_reader *r, struct mmt_slot *s)
{
	if (!s->borrowed) {
		free(r->spare);
		r->spare = s->data;
	}
	free(s->shapes);
	*s = (struct mmt_slot){ .key = UINT64_MAX };
}

/* shapes stand in front, groups fill the rest of the frame */
static bool read_shapes(struct mmt_slot *s, uint32_t groups)
{
	const uint8_t *p;

	s->shapes = xrealloc(NULL, 1, sizeof(*s->shapes));
	p = mmt_shapes_get(s->data, s->data + s->bytes, s->shapes);
	if (!p || s->bytes - (size_t)(p - s->data) != groups)
		return false;
	s->groups_at = (uint32_t)(p - s->data);
	return true;
}

static void evict_one(struct mmt_reader *r)
{
	struct mmt_slot *oldest = NULL;

	for (uint32_t i = 0; i < r->slot_count; i++) {
		struct mmt_slot *s = &r->slots[i];

		if (s->key != UINT64_MAX && (!oldest || s->used < oldest->used))
			oldest = s;
	}
	if (!oldest)
		return;
	r->generation++;
	r->slot_of[oldest->key] = UINT32_MAX;
	r->cached_bytes -= oldest->bytes;
	drop_slot(r, oldest);
}

static uint32_t free_slot(struct mmt_reader *r, size_t bytes)
{
	while (r->cached_bytes && r->cached_bytes + bytes > r->cache_bytes)
		evict_one(r);
	for (;;) {
		for (uint32_t i = 0; i < r->slot_count; i++) {
			if (r->slots[i].key == UINT64_MAX)
				return i;
		}
		evict_one(r);
	}
}

void mmt_drop_cache(struct mmt_reader *r)
{
	while (r->cached_bytes)
		evict_one(r);
	free(r->spare);
	r->spare = NULL;
}

/* the chunk's own header, which salvage lives on, must be what the index says */
static bool own_header(const struct mmt_reader *r, const struct mmt_chunk *c,
		       struct errbuf *e)
{
	uint8_t head[MMT_CHUNK_BYTES], want[MMT_CHUNK_BYTES];

	mmt_chunk_pack(c, want);
	if (mmt_read_at(r, c->offset, head, sizeof(head), e))
		return false;
	if (!memcmp(head, want, sizeof(head)))
		return true;
	mmt_damaged(r, c->offset, "a chunk's header differs from the index", e);
	return false;
}

uint32_t mmt_stream(struct mmt_reader *r, uint32_t chunk, unsigned stream,
		    struct errbuf *e)
{
	const struct mmt_chunk *c = &r->chunks[chunk];
	uint64_t key = (uint64_t)chunk * 2 + stream;
	unsigned frame = FRAME_MAIN + stream;
	uint64_t offset = c->offset + MMT_CHUNK_BYTES;
	uint32_t slot = r->slot_of[key];
	bool borrowed = r->share && frame == FRAME_MAIN;
	uint8_t *data;

	if (slot != UINT32_MAX) {
		r->stats.chunk_hits++;
		r->slots[slot].used = ++r->clock;
		return slot;
	}
	if (!borrowed && !own_header(r, c, e))
		return UINT32_MAX;
	for (unsigned f = 0; f < frame; f++)
		offset += c->bytes[f];
	slot = free_slot(r, c->raw[frame]);
	data = borrowed ? mmt_shared_frame(r->share, chunk) :
	       mmt_unzip(r, offset, c->bytes[frame], c->raw[frame],
			 c->sum[frame], "chunk", e);
	if (!data)
		return UINT32_MAX;
	r->slots[slot] = (struct mmt_slot){ .key = UINT64_MAX, .data = data,
		.borrowed = borrowed, .bytes = c->raw[frame] };
	if (!read_shapes(&r->slots[slot], c->groups[stream])) {
		drop_slot(r, &r->slots[slot]);
		mmt_damaged(r, offset, "damaged table of shapes in a chunk", e);
		return UINT32_MAX;
	}
	r->slots[slot].key = key;
	r->slots[slot].used = ++r->clock;
	r->slot_of[key] = slot;
	r->cached_bytes += c->raw[frame];
	r->stats.chunks_decoded += !borrowed;
	r->stats.bytes_decoded += borrowed ? 0 : c->raw[frame];
	r->stats.chunk_hits += borrowed;
	return slot;
}

static int unpack_table(struct mmt_reader *r, int table, const uint8_t *p,
			size_t n, uint64_t at, struct errbuf *e)
{
	const char *wrong = NULL;

	if (table == TABLE_INDEX)
		return mmt_unpack_index(r, p, n, at, e);
	if (table == TABLE_HEADER)
		wrong = mmt_unpack_header(p, n, &r->h);
	else if (table == TABLE_TASKS)
		wrong = mmt_unpack_tasks(p, n, &r->h);
	else
		wrong = mmt_unpack_mms(p, n, &r->h);
	return wrong ? mmt_damaged(r, at, wrong, e) : 0;
}

void mmt_digest_sums(struct digest *d, const uint32_t *sum, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t le = htole32(sum[i]);

		digest_add(d, &le, sizeof(le));
	}
}

static void add_digest(struct mmt_reader *r, const struct mmt_trailer *t)
{
	digest_init(&r->digest);
	for (uint32_t i = 0; i < r->chunk_count; i++)
		mmt_digest_sums(&r->digest, r->chunks[i].sum, FRAME_COUNT);
	mmt_digest_sums(&r->digest, t->sum, TABLE_COUNT);
}

static int read_tables(struct mmt_reader *r, struct errbuf *e)
{
	static const char *const names[TABLE_COUNT] = {
		"header", "task table", "mm table", "index" };
	uint8_t raw[MMT_TRAILER_BYTES];
	struct mmt_trailer t;
	const char *wrong;
	uint64_t at, end;
	int ret;

	if (r->file_bytes < MMT_HEAD_BYTES + MMT_TRAILER_BYTES)
		return mmt_damaged(r, r->file_bytes, "file ends here: truncated?",
			       e);
	end = r->file_bytes - MMT_TRAILER_BYTES;
	ret = mmt_read_at(r, end, raw, sizeof(raw), e);
	if (ret)
		return ret;
	if (!mmt_trailer_unpack(raw, &t))
		return mmt_damaged(r, end, "no trailer here: truncated? "
			       "(check --salvage recovers whole chunks)", e);
	at = t.tables_offset;
	for (int i = 0; i < TABLE_COUNT; i++) {
		uint8_t *p = mmt_unzip(r, at, t.bytes[i], t.raw[i], t.sum[i],
				       names[i], e);

		if (!p)
			return -EBADMSG;
		ret = unpack_table(r, i, p, t.raw[i], at, e);
		free(p);
		if (ret)
			return ret;
		at += t.bytes[i];
	}
	wrong = at != end ? "bytes between tables and trailer" :
		mmt_check_refs(&r->h);
	if (wrong)
		return mmt_damaged(r, at, wrong, e);
	add_digest(r, &t);
	return 0;
}

/* @head: the first @n bytes of what is read, MMT_HEAD_BYTES unless it is shorter */
static int check_head(const struct mmt_reader *r, const uint8_t *head,
		      size_t n, struct errbuf *e)
{
	char text[96];

	if (n < 8 || memcmp(head, MMT_MAGIC, 8))
		return mmt_damaged(r, 0, "not a native trace (other captures: "
			       "mmreplay import)", e);
	if (n < MMT_HEAD_BYTES)
		return mmt_damaged(r, n, "file ends here: truncated?", e);
	if (head[8] == MMT_VERSION && !head[9] && !head[10] && !head[11])
		return 0;
	snprintf(text, sizeof(text), "format version %u, this program reads %u",
		 head[8] | (unsigned)head[9] << 8, (unsigned)MMT_VERSION);
	return mmt_damaged(r, 8, text, e);
}

static int open_regular(struct mmt_reader *r, int fd, uint64_t bytes,
			struct errbuf *e)
{
	uint8_t head[MMT_HEAD_BYTES] = { 0 };
	size_t n = bytes < sizeof(head) ? bytes : sizeof(head);
	int ret;

	r->fd = fd;
	r->file_bytes = bytes;
	ret = mmt_read_at(r, 0, head, n, e);
	return ret ? ret : check_head(r, head, n, e);
}

/* Less than @room only where the stream ends; negative: see @e. */
static ssize_t take(const struct mmt_reader *r, int from, uint8_t *block,
		    size_t room, struct errbuf *e)
{
	size_t used = 0;
	ssize_t n = 1;

	while (used < room && n) {
		n = read(from, block + used, room - used);
		if (n < 0 && errno != EINTR)
			return err_sys(e, r->path, "read");
		used += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)used;
}

static int put(int fd, const uint8_t *block, size_t bytes, struct errbuf *e)
{
	for (size_t done = 0; done < bytes; ) {
		ssize_t n = write(fd, block + done, bytes - done);

		if (n < 0 && errno != EINTR)
			return err_sys(e, "temporary file", "write");
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* A stream has no end that can be looked up, so it is stored; but not before it
 * has begun like a trace, for others may never end. */
static int spool(struct mmt_reader *r, int from, struct errbuf *e)
{
	uint8_t block[1 << 16];
	ssize_t n = take(r, from, block, MMT_HEAD_BYTES, e);
	int ret = n < 0 ? (int)n : check_head(r, block, (size_t)n, e);

	if (ret)
		return ret;
	r->fd = file_spool(e);
	if (r->fd < 0)
		return r->fd;
	while (n > 0) {
		ret = put(r->fd, block, (size_t)n, e);
		if (ret)
			return ret;
		r->file_bytes += (uint64_t)n;
		n = take(r, from, block, sizeof(block), e);
	}
	return (int)n;
}

static int open_file(struct mmt_reader *r, struct errbuf *e)
{
	bool pipe = !strcmp(r->path, "-");
	int from = pipe ? 0 : open(r->path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int ret = 0;

	if (from < 0)
		return err_sys(e, r->path, "open");
	if (fstat(from, &st))
		ret = err_sys(e, r->path, "stat");
	else if (S_ISDIR(st.st_mode))
		ret = err_set(e, -EISDIR, "%s: is a directory, expected a "
			      "trace", r->path);
	else if (S_ISREG(st.st_mode) && !pipe)
		return open_regular(r, from, (uint64_t)st.st_size, e);
	else
		ret = spool(r, from, e);
	if (!pipe)
		close(from);
	return ret;
}

static int open_cache(struct mmt_reader *r, size_t cache_bytes,
		      struct errbuf *e)
{
	r->cache_bytes = cache_bytes ? cache_bytes : DEFAULT_CACHE_BYTES;
	if (r->cache_bytes < CACHE_BYTES_MIN)
		r->cache_bytes = CACHE_BYTES_MIN;
	r->slot_count = (uint32_t)(r->cache_bytes / SLOT_BYTES_MIN) + 4;
	if (r->slot_count > r->chunk_count * 2 + 4)
		r->slot_count = r->chunk_count * 2 + 4;
	r->slots = calloc(r->slot_count, sizeof(*r->slots));
	r->slot_of = malloc((size_t)(r->chunk_count + 1) * 2 *
			    sizeof(*r->slot_of));
	if (!r->slots || !r->slot_of)
		return err_set(e, -ENOMEM, "%s: out of memory", r->path);
	for (uint32_t i = 0; i < r->slot_count; i++)
		r->slots[i].key = UINT64_MAX;
	memset(r->slot_of, 0xff, (size_t)(r->chunk_count + 1) * 2 *
	       sizeof(*r->slot_of));
	return 0;
}

static int open_checked(struct mmt_reader *r, size_t cache_bytes,
			struct errbuf *e)
{
	int ret = open_file(r, e);

	if (ret)
		return ret;
	ret = read_tables(r, e);
	if (ret && e->code != -ENOMEM && r->flags & MMT_SALVAGE)
		ret = mmt_salvage_scan(r, e);
	if (ret)
		return ret;
	r->alias = r->h.mm_alias;
	r->alias_count = r->h.mm_alias_count;
	r->h.mm_alias = NULL;
	r->h.mm_alias_count = 0;
	r->task_limit = r->h.task_count;
	r->mm_limit = r->alias_count ? r->alias_count : r->h.mm_count;
	r->mm_plain = r->alias_count ? 0 : r->mm_limit;
	if (r->flags & MMT_SALVAGE) {
		ret = mmt_salvage_verify(r, e);
		if (ret)
			return ret;
	}
	return open_cache(r, cache_bytes, e);
}

struct mmt_reader *mmt_open(const char *path, unsigned flags,
			    size_t cache_bytes, struct errbuf *e)
{
	struct mmt_reader *r = xcalloc(1, sizeof(*r));

	pool_init(&r->cursors, sizeof(struct mmt_cursor));
	r->path = xstrdup(path);
	r->fd = -1;
	r->flags = flags;
	r->generation = 1;
	r->dctx = ZSTD_createDCtx();
	if (!r->dctx)
		err_set(e, -ENOMEM, "%s: " OUT_OF_MEMORY, path);
	if (!r->dctx || open_checked(r, cache_bytes, e)) {
		mmt_close(r);
		return NULL;
	}
	return r;
}

void mmt_close(struct mmt_reader *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; r->slots && i < r->slot_count; i++)
		drop_slot(r, &r->slots[i]);
	free(r->spare);
	free(r->slots);
	free(r->slot_of);
	free(r->chunks);
	mmt_rows_release(r);
	free(r->alias);
	trace_header_release(&r->h);
	ZSTD_freeDCtx(r->dctx);
	free(r->zip);
	pool_release(&r->cursors);
	if (r->fd >= 0)
		close(r->fd);
	free(r->path);
	free(r);
}

const struct trace_header *mmt_header(const struct mmt_reader *r)
{
	return &r->h;
}

struct digest mmt_digest(const struct mmt_reader *r)
{
	return r->digest;
}

struct mmt_stats mmt_stats(const struct mmt_reader *r)
{
	return r->stats;
}

struct mmt_salvage mmt_salvaged(const struct mmt_reader *r)
{
	return r->lost;
}
