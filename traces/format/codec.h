#ifndef MMREPLAY_TRACES_FORMAT_CODEC_H
#define MMREPLAY_TRACES_FORMAT_CODEC_H

#include "traces/trace.h"

/*
 * One record as bytes, private to traces/format/. A record is coded against
 * a context: what the previous record of the same class looked like in the
 * same group (one task's part of one chunk). Byte layout: FORMAT.md 5.
 */

enum {
	MMT_CLASSES = 6,	/* contexts per stream; kinds share them */
	MMT_VALUES = 1 + OP_ARGS,	/* result and arguments */
	MMT_META_BYTES = 11,
	MMT_FIELDS = 3 + OP_ARGS + 1,
	MMT_SEG_FIELDS = 7,
	MMT_SHAPE_BYTES = 5,	/* tag and control */
	MMT_SHAPES = 255,	/* in a table; number 255 is the escape */
	/* number, shape, meta, and 8 bytes for every field */
	MMT_RECORD_MAX = 1 + MMT_SHAPE_BYTES + MMT_META_BYTES + MMT_FIELDS * 8,
	MMT_SEGMENT_MAX = 1 + MMT_SHAPE_BYTES + 4 + MMT_SEG_FIELDS * 8,
	/* readable bytes that a decoder needs behind the end of its input */
	MMT_PAD = MMT_RECORD_MAX + 8,
};

/*
 * struct mmt_meta - what seldom changes, laid out like the fields from task to
 * segs of struct op, so that a decoder copies it in one piece; task is the
 * group's and not coded, kind is filled in afterwards.
 */
struct mmt_meta {
	uint32_t task, mm;
	uint16_t cpu;
	uint8_t kind, path;
	uint16_t flags, segs;
};
_Static_assert(offsetof(struct op, segs) - offsetof(struct op, task) ==
	       offsetof(struct mmt_meta, segs) &&
	       offsetof(struct op, mm) - offsetof(struct op, task) ==
	       offsetof(struct mmt_meta, mm) &&
	       offsetof(struct op, cpu) - offsetof(struct op, task) ==
	       offsetof(struct mmt_meta, cpu) &&
	       offsetof(struct op, path) - offsetof(struct op, task) ==
	       offsetof(struct mmt_meta, path) &&
	       offsetof(struct op, flags) - offsetof(struct op, task) ==
	       offsetof(struct mmt_meta, flags), "meta stands as in struct op");

struct mmt_class_state {
	struct mmt_meta meta;
	uint64_t value[MMT_VALUES];
};

/** struct mmt_context - delta state of one stream of one group */
struct mmt_context {
	int64_t start_ns;
	uint64_t pos;	/* measurements: main records before this one */
	struct mmt_class_state cls[MMT_CLASSES];
};

/**
 * struct mmt_shape_table - the shapes of a frame, while it is written
 * A shape is a record's tag and the lengths of its fields; the first 255 of
 * a frame get a number and stand in a table in front of the groups.
 */
struct mmt_shape_table {
	unsigned count;
	uint64_t shape[MMT_SHAPES];
	uint16_t hash[1024];	/* number + 1 by hash of the shape */
};

/* what most records have not */
enum {
	SHAPE_META = 1,
	SHAPE_WIDE = 2,		/* more than times and the first four arguments */
	SHAPE_REFS = 4,		/* arguments that are numbers of tasks or mms */
};

/**
 * struct mmt_shape - a record's shape as the decoder needs it: where fields
 * stand. A field that is not there has a mask of 0, whatever is read at its
 * offset. So the decoder asks no questions per field.
 */
struct mmt_shape {
	uint8_t kind, cls, bytes;
	uint8_t more;		/* SHAPE_* */
	uint8_t at[MMT_FIELDS];
	uint64_t mask[MMT_FIELDS];
};

struct mmt_segment_shape {
	uint32_t control;
	uint8_t tag;
};

/** struct mmt_shapes - all of a frame, for records and for segments */
struct mmt_shapes {
	struct mmt_shape record[MMT_SHAPES];
	struct mmt_segment_shape segment[MMT_SHAPES];
	unsigned records, segments;
};

/** mmt_shapes_put() - the table as it stands in front of the groups */
size_t mmt_shapes_put(const struct mmt_shape_table t[2], uint8_t *out);
enum { MMT_SHAPES_BYTES_MAX = 2 * (2 + MMT_SHAPES * MMT_SHAPE_BYTES) };
/** mmt_shapes_get() - end of the table, or NULL if it is malformed */
const uint8_t *mmt_shapes_get(const uint8_t *p, const uint8_t *end,
			      struct mmt_shapes *s);

/** mmt_context_init() - state at the start of a group of @task */
void mmt_context_init(struct mmt_context *c, int64_t base_ns, uint32_t task);

/**
 * mmt_encode() - append @op to @out
 * @t: shapes of records and of segments in this frame, grows
 * @out: room for MMT_RECORD_MAX + op->segs * MMT_SEGMENT_MAX
 * @pos: for measurements, main records of the group before this one
 * Return: bytes written.
 */
size_t mmt_encode(struct mmt_context *c, struct mmt_shape_table t[2],
		  const struct op *op, uint64_t pos, uint8_t *out);

/* mmt_decode() is in decode.h; these are its rarer parts */
const uint8_t *mmt_decode_escaped(struct mmt_context *c, const uint8_t *p,
				  const uint8_t *end, struct op *op);
bool mmt_decode_meta(const uint8_t *p, struct mmt_meta *m);

/** mmt_decode_segments() - the op->segs segments behind a record */
const uint8_t *mmt_decode_segments(const struct mmt_shapes *sh,
				   const uint8_t *p, const uint8_t *end,
				   const struct op *op,
				   struct op_segment *seg);

/* LEB128 integers, for tables and directories */
size_t varint_put(uint8_t *out, uint64_t v);	/* at most 10 bytes */
/** varint_get() - NULL if it runs past @end or does not fit 64 bits */
const uint8_t *varint_get(const uint8_t *p, const uint8_t *end, uint64_t *v);

static inline uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#endif
