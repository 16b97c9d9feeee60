/*
 * The index of a native trace: where chunks stand, and what each holds of
 * which task. FORMAT.md 3.1 and 8.
 *
 * Invariant: a row that is kept names a task of the table and bytes of its
 * chunk. A reader in order of time keeps no rows: it reads a chunk's own
 * directory when the chunk is due.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "traces/format/layout.h"

enum { ROW_BYTES_MAX = 5 + 2 * 4 * 10 };

/*
 * A row in memory: chunk - the chunk before of this task; then for each stream
 * its records and, if there are any, bytes, place, and base - the least start of
 * the chunk. All varints: about 12 bytes where an entry takes 56.
 */
static size_t pack_row(const struct mmt_reader *r, const struct mmt_entry *e,
		       uint32_t before, uint8_t *out)
{
	uint8_t *p = out + varint_put(out, e->chunk - before);

	for (int s = 0; s < 2; s++) {
		p += varint_put(p, e->count[s]);
		if (!e->count[s])
			continue;
		p += varint_put(p, e->bytes[s]);
		p += varint_put(p, e->off[s]);
		p += varint_put(p, (uint64_t)(e->base_ns[s] -
					      r->chunks[e->chunk].first_ns));
	}
	return (size_t)(p - out);
}

/* most tasks are in few chunks: no more than what is there, at first */
static int rows_reserve(struct mmt_rows *t, uint32_t bytes)
{
	uint32_t room = t->room + t->room / 2 + bytes;
	uint8_t *data;

	if (t->room - t->used >= bytes)
		return 0;
	data = room < t->room ? NULL : realloc(t->data, room);
	if (!data)
		return -ENOMEM;
	t->data = data;
	t->room = room;
	return 0;
}

static int more_tasks(struct mmt_reader *r, uint32_t task)
{
	uint32_t room = r->h.task_count > task ? r->h.task_count :
						 task + task / 2 + 1;
	struct mmt_rows *rows;

	if (task < r->rows_room)
		return 0;
	rows = realloc(r->rows, room * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	memset(rows + r->rows_room, 0, (room - r->rows_room) * sizeof(*rows));
	r->rows = rows;
	r->rows_room = room;
	return 0;
}

static int no_room(const struct mmt_reader *r, struct errbuf *e)
{
	return err_set(e, -ENOMEM, "%s: out of memory for the index", r->path);
}

int mmt_rows_add(struct mmt_reader *r, const struct mmt_entry *entries,
		 uint32_t count, struct errbuf *e)
{
	if (r->flags & MMT_IN_ORDER)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct mmt_entry *x = &entries[i];
		uint8_t row[ROW_BYTES_MAX];
		struct mmt_rows *t;
		uint32_t bytes;

		if (more_tasks(r, x->task))
			return no_room(r, e);
		t = &r->rows[x->task];
		bytes = (uint32_t)pack_row(r, x, t->chunk, row);
		if (rows_reserve(t, bytes))
			return no_room(r, e);
		memcpy(t->data + t->used, row, bytes);
		t->used += bytes;
		t->chunk = x->chunk;
	}
	return 0;
}

void mmt_rows_release(struct mmt_reader *r)
{
	for (uint32_t i = 0; i < r->rows_room; i++)
		free(r->rows[i].data);
	free(r->rows);
	r->rows = NULL;
	r->rows_room = 0;
}

/* what pack_row() wrote */
static const uint8_t *number(const uint8_t *p, uint64_t *v)
{
	return varint_get(p, p + 10, v);
}

const uint8_t *mmt_row_get(const struct mmt_reader *r, const uint8_t *p,
			   struct mmt_entry *e)
{
	uint64_t v, bytes, off, base;

	p = number(p, &v);
	e->chunk += (uint32_t)v;
	for (int s = 0; s < 2; s++) {
		p = number(p, &v);
		e->count[s] = (uint32_t)v;
		bytes = off = base = 0;
		if (v)
			p = number(number(number(p, &bytes), &off), &base);
		e->bytes[s] = (uint32_t)bytes;
		e->off[s] = (uint32_t)off;
		e->base_ns[s] = r->chunks[e->chunk].first_ns + (int64_t)base;
	}
	return p;
}

/* the directory at @p of chunk number @chunk into @to */
static int unpack_dir(struct mmt_reader *r, const uint8_t *p, uint32_t chunk,
		      struct mmt_entry *to, struct errbuf *e)
{
	struct mmt_chunk *c = &r->chunks[chunk];
	const char *wrong = mmt_dir_unpack(p, c->raw[FRAME_DIR], c, chunk, to);

	/* tasks ascend */
	if (!wrong && c->tasks && to[c->tasks - 1].task >= r->h.task_count)
		wrong = "a chunk holds a task that the table does not";
	return wrong ? mmt_damaged(r, c->offset, wrong, e) : 0;
}

struct mmt_entry *mmt_directory(struct mmt_reader *r, uint32_t chunk,
				struct errbuf *e)
{
	const struct mmt_chunk *c = &r->chunks[chunk];
	uint8_t *raw = mmt_unzip(r, c->offset + MMT_CHUNK_BYTES,
				 c->bytes[FRAME_DIR], c->raw[FRAME_DIR],
				 c->sum[FRAME_DIR], "directory", e);
	struct mmt_entry *dir;

	if (!raw)
		return NULL;
	dir = malloc(((size_t)c->tasks + 1) * sizeof(*dir));
	if (!dir)
		err_set(e, -ENOMEM, "%s: out of memory", r->path);
	if (dir && unpack_dir(r, raw, chunk, dir, e)) {
		free(dir);
		dir = NULL;
	}
	free(raw);
	return dir;
}

/* all directories: kept as rows, or only looked at */
static int unpack_dirs(struct mmt_reader *r, const uint8_t *p,
		       const uint8_t *end, uint64_t at, struct errbuf *e)
{
	uint64_t total = 0, most = 0;
	struct mmt_entry *dir;
	int ret = 0;

	for (uint32_t i = 0; i < r->chunk_count; i++) {
		total += r->chunks[i].tasks;
		if (r->chunks[i].tasks > most)
			most = r->chunks[i].tasks;
	}
	/* each row of a directory takes at least 7 bytes of what is left */
	if (total > (uint64_t)(end - p) / 7)
		return mmt_damaged(r, at, "damaged index", e);
	dir = malloc((most + 1) * sizeof(*dir));
	if (!dir)
		return err_set(e, -ENOMEM, "%s: out of memory", r->path);
	for (uint32_t i = 0; i < r->chunk_count && !ret; i++) {
		if (r->chunks[i].raw[FRAME_DIR] > (size_t)(end - p)) {
			ret = mmt_damaged(r, at, "damaged index", e);
			break;
		}
		ret = unpack_dir(r, p, i, dir, e);
		if (!ret)
			ret = mmt_rows_add(r, dir, r->chunks[i].tasks, e);
		p += r->chunks[i].raw[FRAME_DIR];
	}
	free(dir);
	return ret || p == end ? ret : mmt_damaged(r, at, "damaged index", e);
}

int mmt_unpack_index(struct mmt_reader *r, const uint8_t *p, size_t n,
		     uint64_t at, struct errbuf *e)
{
	const uint8_t *end = p + n;
	uint64_t count;

	p = varint_get(p, end, &count);
	if (!p || count > (uint64_t)(end - p) / (MMT_CHUNK_BYTES + 1))
		return mmt_damaged(r, at, "damaged index", e);
	r->chunks = calloc(count + 1, sizeof(*r->chunks));
	if (!r->chunks)
		return err_set(e, -ENOMEM, "%s: out of memory", r->path);
	for (; r->chunk_count < count; r->chunk_count++) {
		struct mmt_chunk *c = &r->chunks[r->chunk_count];

		p = varint_get(p, end, &c->offset);
		if (!p || (size_t)(end - p) < MMT_CHUNK_BYTES ||
		    !mmt_chunk_unpack(p, c) || c->offset > at ||
		    mmt_chunk_total(c) > at - c->offset)
			return mmt_damaged(r, at, "damaged index", e);
		p += MMT_CHUNK_BYTES;
	}
	return unpack_dirs(r, p, end, at, e);
}
