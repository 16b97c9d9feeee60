#ifndef MMREPLAY_TRACES_FORMAT_MMT_H
#define MMREPLAY_TRACES_FORMAT_MMT_H

#include "sim/base/digest.h"
#include "sim/base/errbuf.h"
#include "traces/trace.h"

/*
 * The native format, specified in traces/FORMAT.md. Chunks span a piece of
 * commit (end) time; inside, records are grouped per task in start order and
 * delta-coded; measurements stand in a second frame of the chunk that replay
 * never decompresses. Every frame is zstd with a checksum; header, tables
 * and index stand at the end, found from a fixed trailer.
 */

struct mmt_writer;
struct mmt_reader;
struct mmt_cursor;
struct mmt_share;

/** mmt_create() - start writing; the file appears whole at mmt_finish() */
struct mmt_writer *mmt_create(const char *path, struct errbuf *e);

/**
 * mmt_put() - append a record
 * Records of one task must come in start order (equal starts keep their
 * order); across tasks in about commit order: a chunk is closed by size.
 */
int mmt_put(struct mmt_writer *w, const struct op *op, struct errbuf *e);

/** mmt_finish() - write tables, header, index; frees @w in any case */
int mmt_finish(struct mmt_writer *w, const struct trace_header *h,
	       struct errbuf *e);
void mmt_abort(struct mmt_writer *w);

/** mmt_task_row - task @i of a table that nobody holds as a whole */
typedef void mmt_task_row(const void *arg, uint32_t i, struct trace_task *row);

/** mmt_finish_rows() - mmt_finish() with @row's tasks for those of @h */
int mmt_finish_rows(struct mmt_writer *w, const struct trace_header *h,
		    mmt_task_row *row, const void *arg, struct errbuf *e);

enum mmt_open_flags {
	MMT_MEASUREMENTS = 1 << 0,	/* cursors also yield measurements */
	MMT_SALVAGE = 1 << 1,		/* recover what whole chunks there are */
	MMT_IN_ORDER = 1 << 2,		/* only mmt_merged(): keeps no index by task */
};

/**
 * mmt_open() - open for reading; checks magic, version, trailer, index
 * @cache_bytes: LRU of decoded chunks; 0 = 64 MiB, at least 2 MiB
 * @path: "-" is stdin; what cannot seek is spooled to an unlinked file
 * Errors: `PATH: offset N: what`, never a crash on any content.
 */
struct mmt_reader *mmt_open(const char *path, unsigned flags,
			    size_t cache_bytes, struct errbuf *e);
void mmt_close(struct mmt_reader *r);

/** mmt_drop_cache() - free the decoded chunks; what is read later decodes anew */
void mmt_drop_cache(struct mmt_reader *r);

/** mmt_header() - valid until mmt_close() */
const struct trace_header *mmt_header(const struct mmt_reader *r);

/**
 * struct mmt_salvage - what MMT_SALVAGE had to give up; all zero: nothing
 * @tables_lost: header and tables are gone: tasks have no names, mms no layout
 */
struct mmt_salvage {
	uint64_t chunks_kept, chunks_lost, bytes_lost, records_kept;
	bool tables_lost;
};
struct mmt_salvage mmt_salvaged(const struct mmt_reader *r);

/** mmt_digest() - content address of the trace, from its frames' checksums */
struct digest mmt_digest(const struct mmt_reader *r);

/** mmt_cursor() - records of one task in start order, from its first */
struct mmt_cursor *mmt_cursor(struct mmt_reader *r, uint32_t task);

/**
 * mmt_next() - the next record
 * Return: 1 and @op filled (op->seg valid until the next call on this
 * cursor), 0 at the end, negative errno with @e set on a damaged chunk.
 */
int mmt_next(struct mmt_cursor *c, struct op *op, struct errbuf *e);
/** mmt_ahead() - the caller will ask for the next record soon: fetch its cursor */
void mmt_ahead(const struct mmt_cursor *c);
void mmt_cursor_free(struct mmt_cursor *c);

/** mmt_merged() - all tasks by (start, task, sequence); same calls as a task's cursor */
struct mmt_cursor *mmt_merged(struct mmt_reader *r);

/** mmt_next_merged() - mmt_next() of such a cursor, without a copy: *@op is valid
 *  until its next call */
int mmt_next_merged(struct mmt_cursor *c, const struct op **op,
		    struct errbuf *e);

/** mmt_arg_refs() - bit i: arg[i] of this kind is a task's, or an mm's number */
void mmt_arg_refs(unsigned kind, unsigned *tasks, unsigned *mms);

/**
 * mmt_share_new() - all replayed records of a trace, decoded once, for processes
 *	forked from this one
 * Return: NULL if they need more than @most_bytes, or a chunk is damaged: then
 *	each reader decodes for itself, and meets the error where it is.
 */
struct mmt_share *mmt_share_new(struct mmt_reader *r, uint64_t most_bytes);
void mmt_share_free(struct mmt_share *s);
uint64_t mmt_share_bytes(const struct mmt_share *s);

/** mmt_use_share() - read from @s, which is of the same trace and outlives @r */
void mmt_use_share(struct mmt_reader *r, const struct mmt_share *s);

/** struct mmt_stats - what reading cost, for host.json */
struct mmt_stats {
	uint64_t chunks_decoded, chunk_hits, bytes_decoded;
};
struct mmt_stats mmt_stats(const struct mmt_reader *r);

#endif
