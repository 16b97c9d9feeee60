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
#include "traces/format/layout.h"

int mmt_link_entries(struct mmt_reader *r, struct errbuf *e)
{
	struct mmt_entry *sorted;
	uint64_t *at;

	r->task_first = calloc((size_t)r->h.task_count + 2, sizeof(uint64_t));
	sorted = malloc((r->entry_count + 1) * sizeof(*sorted));
	if (!r->task_first || !sorted) {
		free(sorted);
		return err_set(e, -ENOMEM, "%s: out of memory for the index",
			       r->path);
	}
	at = r->task_first;
	for (uint64_t i = 0; i < r->entry_count; i++)
		at[r->entries[i].task + 2]++;
	for (uint32_t t = 2; t < r->h.task_count + 2; t++)
		at[t] += at[t - 1];
	/* at[t + 1] runs from the start of t to the start of t + 1 */
	for (uint64_t i = 0; i < r->entry_count; i++)
		sorted[at[r->entries[i].task + 1]++] = r->entries[i];
	free(r->entries);
	r->entries = sorted;
	return 0;
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

/* all directories: kept, or only looked at */
static int unpack_dirs(struct mmt_reader *r, const uint8_t *p,
		       const uint8_t *end, uint64_t at, struct errbuf *e)
{
	bool keep = !(r->flags & MMT_IN_ORDER);
	uint64_t total = 0, most = 0;
	int ret = 0;

	for (uint32_t i = 0; i < r->chunk_count; i++) {
		total += r->chunks[i].tasks;
		if (r->chunks[i].tasks > most)
			most = r->chunks[i].tasks;
	}
	/* each row of a directory takes at least 7 bytes of what is left */
	if (total > (uint64_t)(end - p) / 7)
		return mmt_damaged(r, at, "damaged index", e);
	r->entries = malloc(((keep ? total : most) + 1) * sizeof(*r->entries));
	if (!r->entries)
		return err_set(e, -ENOMEM, "%s: out of memory", r->path);
	for (uint32_t i = 0; i < r->chunk_count && !ret; i++) {
		if (r->chunks[i].raw[FRAME_DIR] > (size_t)(end - p))
			return mmt_damaged(r, at, "damaged index", e);
		ret = unpack_dir(r, p, i, r->entries + r->entry_count, e);
		if (keep)
			r->entry_count += r->chunks[i].tasks;
		p += r->chunks[i].raw[FRAME_DIR];
	}
	if (!keep) {
		free(r->entries);
		r->entries = NULL;
	}
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
