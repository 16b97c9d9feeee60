#ifndef MMREPLAY_TRACES_FORMAT_DECODE_H
#define MMREPLAY_TRACES_FORMAT_DECODE_H

#include <endian.h>
#include <string.h>
#include "traces/format/codec.h"

/*
 * The way of a record from bytes to struct op, inlined into its few callers:
 * every op of every replay comes through here. Without meta and wide fields
 * that is, per field, a load, a mask and an add, and no branch.
 */

#define MMT_TIME_MAX (1LL << 62)

enum { FIELD_START, FIELD_DURATION, FIELD_VALUES,
       /* behind the arguments that most kinds have */
       FIELD_WIDE = FIELD_VALUES + 5, FIELD_POS = FIELD_VALUES + MMT_VALUES };

static inline uint64_t mmt_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline uint64_t mmt_field(const struct mmt_shape *s, unsigned i,
				 const uint8_t *p)
{
	return mmt_load64(p + s->at[i]) & s->mask[i];
}

/* result (0) or argument @k - 1: a difference to the one before */
static inline void mmt_value(const struct mmt_shape *s, unsigned k,
			     const uint8_t *p, uint64_t *value)
{
	value[k] += (uint64_t)unzigzag(mmt_field(s, FIELD_VALUES + k, p));
}

typedef uint64_t mmt_pair __attribute__((vector_size(16)));

/* arguments @k - 1 and @k, in one go */
static inline void mmt_two_values(const struct mmt_shape *s, unsigned k,
				  const uint8_t *p, uint64_t *value,
				  uint64_t *arg)
{
	mmt_pair v = { mmt_load64(p + s->at[FIELD_VALUES + k]),
		       mmt_load64(p + s->at[FIELD_VALUES + k + 1]) };
	mmt_pair mask, before;

	memcpy(&mask, &s->mask[FIELD_VALUES + k], sizeof(mask));
	memcpy(&before, &value[k], sizeof(before));
	v &= mask;
	v = before + ((v >> 1) ^ -(v & 1));
	memcpy(&value[k], &v, sizeof(v));
	memcpy(&arg[k - 1], &v, sizeof(v));
}

/** mmt_decode_fields() - what stands behind meta; false if malformed */
static inline __attribute__((always_inline)) bool
mmt_decode_fields(struct mmt_context *c, struct mmt_class_state *s,
		  const struct mmt_shape *shape, const uint8_t *p,
		  struct op *op)
{
	uint64_t start = mmt_field(shape, FIELD_START, p);
	uint64_t duration = mmt_field(shape, FIELD_DURATION, p);
	uint64_t now = (uint64_t)c->start_ns + start;

	/* the one before is below MMT_TIME_MAX, so a sum of good ones is right */
	if ((start | duration | now) >= (uint64_t)MMT_TIME_MAX)
		return false;
	memcpy((char *)op + offsetof(struct op, task), &s->meta,
	       sizeof(s->meta));
	op->kind = shape->kind;
	mmt_two_values(shape, 1, p, s->value, op->arg);
	mmt_two_values(shape, 3, p, s->value, op->arg);
	if (shape->more & SHAPE_WIDE) {
		mmt_value(shape, 0, p, s->value);
		mmt_value(shape, 5, p, s->value);
		mmt_value(shape, 6, p, s->value);
		c->pos += mmt_field(shape, FIELD_POS, p);
	}
	op->result = (int64_t)s->value[0];
	op->arg[4] = s->value[5];
	op->arg[5] = s->value[6];
	c->start_ns = (int64_t)now;
	op->start_ns = (int64_t)now;
	op->duration_ns = (int64_t)duration - 1;
	op->seg = NULL;
	return true;
}

/** mmt_decode_shape() - a record behind the number of its shape */
static inline __attribute__((always_inline)) const uint8_t *
mmt_decode_shape(struct mmt_context *c, const struct mmt_shape *shape,
		 const uint8_t *p, const uint8_t *end, struct op *op)
{
	struct mmt_class_state *s = &c->cls[shape->cls];

	if (end - p < shape->bytes)
		return NULL;
	if (shape->more & SHAPE_META && !mmt_decode_meta(p, &s->meta))
		return NULL;
	return mmt_decode_fields(c, s, shape, p, op) ? p + shape->bytes : NULL;
}

/**
 * mmt_decode() - read one record, without its segments
 * @p: at most @end; MMT_PAD readable bytes behind @end
 * Return: end of the record, or NULL if it is malformed or passes @end.
 * op->segs is set, op->seg is NULL.
 */
static inline __attribute__((always_inline)) const uint8_t *
mmt_decode(struct mmt_context *c, const struct mmt_shapes *sh,
	   const uint8_t *p, const uint8_t *end, struct op *op)
{
	if (*p >= sh->records)
		return mmt_decode_escaped(c, p, end, op);
	return mmt_decode_shape(c, &sh->record[*p], p + 1, end, op);
}

#endif
