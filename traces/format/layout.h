#ifndef MMREPLAY_TRACES_FORMAT_LAYOUT_H
#define MMREPLAY_TRACES_FORMAT_LAYOUT_H

#include <stdio.h>
#include "sim/base/mem.h"
#include "traces/format/codec.h"
#include "traces/format/mmt.h"

/*
 * What writer, reader and salvage share: fixed-size parts of the file and
 * the tables. FORMAT.md is the specification; names here follow it.
 */

#define MMT_MAGIC "MMREPLAY"
#define MMT_TRAILER_MAGIC "MMTRAIL\n"
#define MMT_CHUNK_MAGIC 0x4b4e4843u	/* "CHNK" */

enum {
	MMT_VERSION = 1,
	MMT_HEAD_BYTES = 16,
	MMT_CHUNK_BYTES = 64,
	MMT_TRAILER_BYTES = 72,
	/* a chunk is closed when its records reach this */
	MMT_CHUNK_TARGET = 384 << 10,
	/* a reader refuses more: target, one record, and a directory */
	MMT_CHUNK_RAW_MAX = 16 << 20,
	MMT_TABLE_RAW_MAX = 1 << 26,
	MMT_TASKS_MAX = 1 << 24,
};

enum mmt_frame { FRAME_DIR, FRAME_MAIN, FRAME_MEASURE, FRAME_COUNT };
enum mmt_table { TABLE_HEADER, TABLE_TASKS, TABLE_MMS, TABLE_INDEX,
		 TABLE_COUNT };

/** struct mmt_chunk - a chunk's fixed header, and where it stands */
struct mmt_chunk {
	uint64_t offset;
	uint32_t bytes[FRAME_COUNT];	/* compressed */
	uint32_t raw[FRAME_COUNT];
	uint32_t sum[FRAME_COUNT];	/* last 4 bytes of the zstd frame */
	uint32_t tasks;
	int64_t first_ns, last_ns;
	uint32_t groups[2];	/* bytes of all groups, by stream; not stored */
};

/** struct mmt_entry - one task's group in one chunk */
struct mmt_entry {
	uint32_t task, chunk;
	uint32_t off[2], bytes[2], count[2];	/* main, measurements */
	int64_t base_ns[2];
};

/** struct mmt_rows - the groups of one task, in order of their chunks, packed */
struct mmt_rows {
	uint8_t *data;
	uint32_t used, room;
	uint32_t chunk;		/* the last one's */
};

struct mmt_trailer {
	uint64_t tables_offset;
	uint32_t bytes[TABLE_COUNT], raw[TABLE_COUNT], sum[TABLE_COUNT];
};

/** struct mmt_buf - growing byte buffer; zero-initialised is empty */
struct mmt_buf {
	uint8_t *data;
	size_t used, size;
};

void mmt_buf_reserve(struct mmt_buf *b, size_t more);
void mmt_buf_add(struct mmt_buf *b, const void *data, size_t bytes);
void mmt_buf_varint(struct mmt_buf *b, uint64_t v);
void mmt_buf_release(struct mmt_buf *b);

void mmt_chunk_pack(const struct mmt_chunk *c, uint8_t out[MMT_CHUNK_BYTES]);
/** mmt_chunk_unpack() - false if magic, checksum or sizes are wrong */
bool mmt_chunk_unpack(const uint8_t in[MMT_CHUNK_BYTES], struct mmt_chunk *c);
void mmt_trailer_pack(const struct mmt_trailer *t,
		      uint8_t out[MMT_TRAILER_BYTES]);
bool mmt_trailer_unpack(const uint8_t in[MMT_TRAILER_BYTES],
			struct mmt_trailer *t);
/** mmt_chunk_total() - bytes of the chunk in the file */
uint64_t mmt_chunk_total(const struct mmt_chunk *c);

/* tables.c: the header as lines of text, tasks and mms as varints */
void mmt_pack_header(const struct trace_header *h, struct mmt_buf *b);
void mmt_pack_task(const struct trace_task *t, struct mmt_buf *b);
/** mmt_pack_mms() - what stands in front of the rows */
void mmt_pack_mms(const struct trace_header *h, struct mmt_buf *b);
void mmt_pack_mm(const struct trace_mm *m, struct mmt_buf *b);
/* each: NULL, or what is wrong */
const char *mmt_unpack_header(const uint8_t *p, size_t n,
			      struct trace_header *h);
const char *mmt_unpack_tasks(const uint8_t *p, size_t n,
			     struct trace_header *h);
const char *mmt_unpack_mms(const uint8_t *p, size_t n, struct trace_header *h);
/** mmt_check_refs() - task and mm numbers inside the tables */
const char *mmt_check_refs(const struct trace_header *h);

/**
 * mmt_entry_pack() - directory row; @prev_task is the row's before, -1 first
 * Offsets are implied by order, so they are not stored.
 */
void mmt_entry_pack(struct mmt_buf *b, const struct mmt_entry *e,
		    int64_t prev_task, int64_t chunk_first_ns);
/** mmt_dir_unpack() - rows of one chunk into @e[0..c->tasks); NULL or what is wrong */
const char *mmt_dir_unpack(const uint8_t *p, size_t n,
			   struct mmt_chunk *c, uint32_t chunk,
			   struct mmt_entry *e);

/* the compressed file, shared by reader, cursor and salvage */
struct mmt_slot {
	uint64_t key;		/* chunk * 2 + stream, UINT64_MAX: free */
	uint64_t used;		/* clock of the last use */
	uint8_t *data;
	bool borrowed;		/* data is the share's */
	size_t bytes;
	uint32_t groups_at;	/* behind the shapes */
	struct mmt_shapes *shapes;
};

struct mmt_reader {
	char *path;
	int fd;
	unsigned flags;
	uint64_t file_bytes;
	struct trace_header h;
	uint32_t *alias;	/* record's mm id to table's, or NULL */
	uint32_t alias_count;
	struct mmt_chunk *chunks;
	uint32_t chunk_count;
	struct mmt_rows *rows;		/* by task; NULL with MMT_IN_ORDER */
	uint32_t rows_room;
	struct digest digest;
	uint32_t task_limit, mm_limit;	/* records may name ids below these */
	uint32_t mm_plain;	/* mm_limit where ids are final, else 0 */
	struct mmt_slot *slots;
	uint32_t *slot_of;		/* chunk * 2 + stream; UINT32_MAX: not cached */
	uint32_t slot_count;
	size_t cache_bytes, cached_bytes;
	uint64_t clock;
	uint64_t generation;	/* of pointers into slots: one up per eviction */
	struct mmt_stats stats;
	const struct mmt_share *share;	/* or NULL */
	void *dctx;			/* ZSTD_DCtx */
	uint8_t *spare;			/* a buffer to decompress into, or NULL */
	uint8_t *zip;			/* the compressed frame, reused */
	struct pool cursors;		/* of one task, without their segments */
	size_t zip_bytes;
	struct mmt_salvage lost;
};

/** mmt_read_at() - exactly @bytes at @offset, or an error naming the offset */
int mmt_read_at(const struct mmt_reader *r, uint64_t offset, void *out,
		size_t bytes, struct errbuf *e);

/**
 * mmt_unzip() - read and decompress one frame, checked in every way
 * Return: malloc'd @raw bytes with MMT_PAD zero bytes behind, or NULL and @e.
 */
uint8_t *mmt_unzip(struct mmt_reader *r, uint64_t offset, uint32_t bytes,
		   uint32_t raw, uint32_t sum, const char *what,
		   struct errbuf *e);

/** mmt_shared_frame() - decoded records of @chunk, padded; the share's */
uint8_t *mmt_shared_frame(const struct mmt_share *s, uint32_t chunk);

/**
 * mmt_stream() - cache slot that holds a chunk's records, decoded if need be
 * @stream: 0 main, 1 measurements
 * Return: index into r->slots, or UINT32_MAX and @e. Valid until the next
 * call; then as long as the slot's key is still the same.
 */
uint32_t mmt_stream(struct mmt_reader *r, uint32_t chunk, unsigned stream,
		    struct errbuf *e);

/** mmt_digest_sums() - add frames' checksums, the same on every machine */
void mmt_digest_sums(struct digest *d, const uint32_t *sum, unsigned count);

/** mmt_damaged() - the error of a damaged file: `PATH: offset N: what` */
int mmt_damaged(const struct mmt_reader *r, uint64_t offset, const char *what,
		struct errbuf *e);

/**
 * mmt_unpack_index() - chunks and, unless MMT_IN_ORDER, rows
 * @p, @n: the raw frame; @at: its offset in the file. The task table is read.
 */
int mmt_unpack_index(struct mmt_reader *r, const uint8_t *p, size_t n,
		     uint64_t at, struct errbuf *e);
/** mmt_rows_add() - keep the directory of a chunk; nothing with MMT_IN_ORDER */
int mmt_rows_add(struct mmt_reader *r, const struct mmt_entry *entries,
		 uint32_t count, struct errbuf *e);
void mmt_rows_release(struct mmt_reader *r);
/** mmt_row_get() - the row at @p into @e, which holds the one before; its end */
const uint8_t *mmt_row_get(const struct mmt_reader *r, const uint8_t *p,
			   struct mmt_entry *e);

/** mmt_directory() - a chunk's own directory, malloc'd; NULL and @e if damaged */
struct mmt_entry *mmt_directory(struct mmt_reader *r, uint32_t chunk,
				struct errbuf *e);

/** mmt_salvage_scan() - find whole chunks without tables or index */
int mmt_salvage_scan(struct mmt_reader *r, struct errbuf *e);
/** mmt_salvage_verify() - drop the chunks of an index that do not decode */
int mmt_salvage_verify(struct mmt_reader *r, struct errbuf *e);

/** mmt_resolve() - map mm ids; false if a record names what is not there */
bool mmt_resolve(const struct mmt_reader *r, struct op *op);

#endif
