#ifndef MMREPLAY_TRACES_FORMAT_CURSOR_H
#define MMREPLAY_TRACES_FORMAT_CURSOR_H

#include "traces/format/layout.h"

/* What a cursor of one task (cursor.c) and one of all (merge.c) share. */

/* position in one stream of the current group */
struct stream_at {
	const uint8_t *p, *end;
	const struct mmt_shapes *shapes;
	uint64_t generation;	/* the reader's, when these three were made */
	uint32_t left, count;	/* records */
	struct mmt_context ctx;
};

struct measure_at {
	struct stream_at at;
	struct op next;
	bool have_next;
};

struct mmt_merge;

/* What the usual record needs is in front, in AHEAD_BYTES. */
struct mmt_cursor {
	struct mmt_reader *r;
	bool plain;		/* of one task, no measurements, not failed */
	bool failed;
	unsigned seg_size;
	struct stream_at main;
	struct op_segment *seg;
	struct measure_at *measure;	/* NULL: not wanted */
	struct mmt_merge *merge;	/* merged cursor: nothing else is used */
	uint32_t task;
	struct mmt_entry entry;		/* of the group under way */
	const struct mmt_entry *only;	/* the next group's, of a directory ... */
	const uint8_t *row, *row_end;	/* ... or the rows of the next ones */
};

/** mmt_cursor_new() - of one task, at the start of no group */
struct mmt_cursor *mmt_cursor_new(struct mmt_reader *r, uint32_t task);

void mmt_merge_free(struct mmt_merge *m, const struct mmt_reader *r);

#endif
