/*
 * Records as bytes. A record is the number of its shape (which kind, and how
 * many bytes each field takes) and then only the bytes of the fields that are
 * not zero; values are differences to the previous record of the same class.
 * Shapes stand once in front of the frame, so that decoding is a table look-up
 * and, per field that may be there, a load, a mask and an add: no branch asks
 * for a field's presence or length.
 *
 * Invariant: mmt_decode(mmt_encode(op)) == op for every op whose start is not
 * before its predecessor's; t_format.c pins it with random ops.
 * Limits: times below 2^62 ns; kinds below 64.
 */
#include <endian.h>
#include <string.h>
#include "traces/format/decode.h"
#include "traces/format/mmt.h"

static const uint8_t code_bytes[8] = { 0, 1, 2, 3, 4, 5, 6, 8 };
static const uint64_t code_mask[8] = {
	0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff,
	UINT64_MAX,
};

/* Kinds with arguments of the same shape share a context; 0 is the usual one's,
 * which so stands near the cursor's own fields. */
static const uint8_t class_of[OP_KIND_COUNT] = {
	[OP_FAULT] = 0, [OP_MUNMAP] = 1, [OP_MMAP] = 2,
	[OP_MADVISE] = 3, [OP_MPROTECT] = 3, [OP_MREMAP] = 3, [OP_BRK] = 3,
	[OP_MLOCK] = 3, [OP_GUP] = 3,
	[OP_SCHED_IN] = 4, [OP_SCHED_OUT] = 4, [OP_WAKING] = 4,
	[OP_FORK] = 5, [OP_CLONE_THREAD] = 5, [OP_VFORK] = 5, [OP_EXEC] = 5,
	[OP_EXIT] = 5, [OP_EXIT_MM] = 5, [OP_VMALLOC] = 5, [OP_VFREE] = 5,
	[OP_VMAP] = 5, [OP_VUNMAP] = 5, [OP_VM_MAP_RAM] = 5,
	[OP_VM_UNMAP_RAM] = 5, [OP_VM_UNMAP_ALIASES] = 5,

	[OP_PROC_MAPS] = 5, [OP_PROC_SMAPS] = 5, [OP_PROC_CMDLINE] = 5,
	/* measurements have a context of their own, so these do not collide */
	[OP_LOCK_START] = 2, [OP_LOCK_ACQUIRED] = 2, [OP_LOCK_RELEASED] = 2,
	[OP_CONTENTION_BEGIN] = 1, [OP_CONTENTION_END] = 1,
	[OP_TLB_FLUSH] = 0, [OP_VMAP_PURGE] = 3, [OP_RSS_STAT] = 3,
	[OP_MIGRATE] = 4, [OP_LOST] = 5,
};

enum { TAG_KIND = 0x3f, TAG_META = 0x40 };
enum {
	SEG_TAG_KIND = 3, SEG_TAG_DOWNGRADED = 4, SEG_TAG_CONTENDED = 8,
	SEG_TAG_TRYLOCK = 16, SEG_TAG_MM = 32, SEG_TAG_ALL = 63,
};
_Static_assert((int)OP_KIND_COUNT <= (int)TAG_KIND, "kind does not fit the tag");
_Static_assert(SEG_KIND_COUNT <= 4, "segment kind does not fit the tag");

static unsigned code_for(uint64_t v)
{
	unsigned bytes = v ? (unsigned)(71 - __builtin_clzll(v)) / 8 : 0;

	return bytes > 6 ? 7 : bytes;
}

static uint8_t *put_field(uint8_t *p, uint32_t *control, unsigned i, uint64_t v)
{
	unsigned code = code_for(v);
	uint64_t le = htole64(v);

	*control |= (uint32_t)code << (3 * i);
	memcpy(p, &le, sizeof(le));	/* room for the widest is there */
	return p + code_bytes[code];
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

void mmt_context_init(struct mmt_context *c, int64_t base_ns, uint32_t task)
{
	memset(c, 0, sizeof(*c));
	c->start_ns = base_ns;
	for (int i = 0; i < MMT_CLASSES; i++) {
		c->cls[i].meta.mm = TRACE_NO_MM;
		c->cls[i].meta.task = task;
	}
}

static uint8_t *encode_meta(uint8_t *p, const struct mmt_meta *m)
{
	p = put16(p, m->flags);
	p = put16(p, m->cpu);
	p = put32(p, m->mm);
	*p++ = m->path;
	return put16(p, m->segs);
}

/* the shape's number in front of @p; the bytes of an escaped one behind it */
static uint8_t *put_shape(struct mmt_shape_table *t, uint8_t *p, unsigned tag,
			  uint32_t control)
{
	uint64_t shape = (uint64_t)tag << 32 | control;
	uint32_t h = (uint32_t)(shape * 0x9e3779b97f4a7c15u >> 54);

	while (t->hash[h] && t->shape[t->hash[h] - 1] != shape)
		h = (h + 1) % 1024;
	if (!t->hash[h] && t->count < MMT_SHAPES) {
		t->shape[t->count++] = shape;
		t->hash[h] = (uint16_t)t->count;
	}
	if (t->hash[h]) {
		*p++ = (uint8_t)(t->hash[h] - 1);
		return p;
	}
	*p++ = MMT_SHAPES;
	*p++ = (uint8_t)tag;
	return put32(p, control);
}

static uint8_t *encode_segment(struct mmt_shape_table *t, uint8_t *out,
			       const struct op *op, const struct op_segment *s)
{
	uint8_t data[4 + MMT_SEG_FIELDS * 8 + 8], *p = data;
	uint32_t control = 0;
	unsigned tag = s->kind;

	tag |= s->downgraded ? SEG_TAG_DOWNGRADED : 0;
	tag |= s->contended ? SEG_TAG_CONTENDED : 0;
	tag |= s->trylock_failed ? SEG_TAG_TRYLOCK : 0;
	tag |= s->mm != op->mm ? SEG_TAG_MM : 0;
	if (tag & SEG_TAG_MM)
		p = put32(p, s->mm);
	p = put_field(p, &control, 0, (uint64_t)s->work_ns);
	p = put_field(p, &control, 1, (uint64_t)s->wait_ns);
	p = put_field(p, &control, 2, (uint64_t)(s->spin_ns + 1));
	p = put_field(p, &control, 3, (uint64_t)s->sleep_ns);
	p = put_field(p, &control, 4, (uint64_t)s->tax_ns);
	p = put_field(p, &control, 5, s->tlb_local);
	p = put_field(p, &control, 6, s->tlb_ipi);
	out = put_shape(t, out, tag, control);
	memcpy(out, data, (size_t)(p - data));
	return out + (p - data);
}

size_t mmt_encode(struct mmt_context *c, struct mmt_shape_table t[2],
		  const struct op *op, uint64_t pos, uint8_t *out)
{
	struct mmt_class_state *s = &c->cls[class_of[op->kind]];
	const struct mmt_meta meta = { .task = op->task, .mm = op->mm, .flags = op->flags,
		.cpu = op->cpu, .segs = op->segs, .path = op->path };
	bool same = meta.mm == s->meta.mm && meta.flags == s->meta.flags &&
		    meta.cpu == s->meta.cpu && meta.segs == s->meta.segs &&
		    meta.path == s->meta.path;
	uint8_t data[MMT_RECORD_MAX + 8], *p = data, *at;
	uint32_t control = 0;

	if (!same) {
		p = encode_meta(p, &meta);
		s->meta = meta;
	}
	p = put_field(p, &control, FIELD_START,
		      (uint64_t)(op->start_ns - c->start_ns));
	p = put_field(p, &control, FIELD_DURATION,
		      (uint64_t)(op->duration_ns + 1));
	for (unsigned i = 0; i < MMT_VALUES; i++) {
		uint64_t v = i ? op->arg[i - 1] : (uint64_t)op->result;

		p = put_field(p, &control, FIELD_VALUES + i,
			      zigzag((int64_t)(v - s->value[i])));
		s->value[i] = v;
	}
	p = put_field(p, &control, FIELD_POS, pos - c->pos);
	c->start_ns = op->start_ns;
	c->pos = pos;
	at = put_shape(&t[0], out, op->kind | (same ? 0u : TAG_META), control);
	memcpy(at, data, (size_t)(p - data));
	at += p - data;
	for (unsigned i = 0; i < op->segs; i++)
		at = encode_segment(&t[1], at, op, &op->seg[i]);
	return (size_t)(at - out);
}

size_t mmt_shapes_put(const struct mmt_shape_table t[2], uint8_t *out)
{
	uint8_t *p = out;

	for (int k = 0; k < 2; k++) {
		p += varint_put(p, t[k].count);
		for (unsigned i = 0; i < t[k].count; i++) {
			*p++ = (uint8_t)(t[k].shape[i] >> 32);
			p = put32(p, (uint32_t)t[k].shape[i]);
		}
	}
	return (size_t)(p - out);
}

/* a record's shape: fields that are there, and where behind the number */
static bool learn_record(struct mmt_shape *s, unsigned tag, uint32_t control)
{
	unsigned at = tag & TAG_META ? MMT_META_BYTES : 0, tasks, mms;

	s->kind = (uint8_t)(tag & TAG_KIND);
	if (s->kind >= OP_KIND_COUNT || tag > (TAG_KIND | TAG_META) ||
	    control >> (3 * MMT_FIELDS))
		return false;
	s->cls = class_of[s->kind];
	mmt_arg_refs(s->kind, &tasks, &mms);
	s->more = tag & TAG_META ? SHAPE_META : 0;
	if (control >> (3 * FIELD_WIDE) || control >> (3 * FIELD_VALUES) & 7)
		s->more |= SHAPE_WIDE;
	if (tasks | mms)
		s->more |= SHAPE_REFS;
	for (unsigned i = 0; i < MMT_FIELDS; i++, control >>= 3) {
		s->at[i] = (uint8_t)at;
		s->mask[i] = code_mask[control & 7];
		at += code_bytes[control & 7];
	}
	s->bytes = (uint8_t)at;
	return true;
}

static bool learn_segment(struct mmt_segment_shape *s, unsigned tag,
			  uint32_t control)
{
	s->tag = (uint8_t)tag;
	s->control = control;
	return tag <= SEG_TAG_ALL && (tag & SEG_TAG_KIND) < SEG_KIND_COUNT &&
	       !(control >> (3 * MMT_SEG_FIELDS));
}

/* number of shapes in a table that fits; they stand behind it */
static const uint8_t *table_size(const uint8_t *p, const uint8_t *end,
				 unsigned *count)
{
	uint64_t n;

	p = varint_get(p, end, &n);
	if (!p || n > MMT_SHAPES || n * MMT_SHAPE_BYTES > (uint64_t)(end - p))
		return NULL;
	*count = (unsigned)n;
	return p;
}

const uint8_t *mmt_shapes_get(const uint8_t *p, const uint8_t *end,
			      struct mmt_shapes *s)
{
	p = table_size(p, end, &s->records);
	for (unsigned i = 0; p && i < s->records; i++, p += MMT_SHAPE_BYTES) {
		if (!learn_record(&s->record[i], p[0], get32(p + 1)))
			return NULL;
	}
	if (p)
		p = table_size(p, end, &s->segments);
	for (unsigned i = 0; p && i < s->segments; i++, p += MMT_SHAPE_BYTES) {
		if (!learn_segment(&s->segment[i], p[0], get32(p + 1)))
			return NULL;
	}
	return p;
}

bool mmt_decode_meta(const uint8_t *p, struct mmt_meta *m)
{
	m->flags = get16(p);
	m->cpu = get16(p + 2);
	m->mm = get32(p + 4);
	m->path = p[8];
	m->segs = get16(p + 9);
	return m->path < FAULT_PATH_COUNT && m->segs <= OP_SEGS_MAX;
}

const uint8_t *mmt_decode_escaped(struct mmt_context *c, const uint8_t *p,
				  const uint8_t *end, struct op *op)
{
	struct mmt_shape own;

	if (*p++ != MMT_SHAPES || !learn_record(&own, *p, get32(p + 1)))
		return NULL;
	return mmt_decode_shape(c, &own, p + MMT_SHAPE_BYTES, end, op);
}

static const uint8_t *decode_segment(const struct mmt_segment_shape *shape,
				     const uint8_t *p, const struct op *op,
				     struct op_segment *s)
{
	uint64_t v[MMT_SEG_FIELDS], any = 0;
	uint32_t control = shape->control;
	unsigned tag = shape->tag;

	s->kind = tag & SEG_TAG_KIND;
	s->downgraded = tag & SEG_TAG_DOWNGRADED;
	s->contended = tag & SEG_TAG_CONTENDED;
	s->trylock_failed = tag & SEG_TAG_TRYLOCK;
	s->mm = op->mm;
	if (tag & SEG_TAG_MM) {
		s->mm = get32(p);
		p += 4;
	}
	for (unsigned i = 0; i < MMT_SEG_FIELDS; i++, control >>= 3) {
		v[i] = mmt_load64(p) & code_mask[control & 7];
		p += code_bytes[control & 7];
		any |= v[i];
	}
	if (any >= (uint64_t)MMT_TIME_MAX || (v[5] | v[6]) > UINT32_MAX)
		return NULL;
	s->work_ns = (int64_t)v[0];
	s->wait_ns = (int64_t)v[1];
	s->spin_ns = (int64_t)v[2] - 1;
	s->sleep_ns = (int64_t)v[3];
	s->tax_ns = (int64_t)v[4];
	s->tlb_local = (uint32_t)v[5];
	s->tlb_ipi = (uint32_t)v[6];
	return p;
}

const uint8_t *mmt_decode_segments(const struct mmt_shapes *sh,
				   const uint8_t *p, const uint8_t *end,
				   const struct op *op, struct op_segment *seg)
{
	struct mmt_segment_shape own;

	for (unsigned i = 0; i < op->segs; i++) {
		const struct mmt_segment_shape *shape = &own;
		unsigned number;

		if (p >= end)
			return NULL;
		number = *p++;
		if (number < sh->segments)
			shape = &sh->segment[number];
		else if (number != MMT_SHAPES ||
			 !learn_segment(&own, *p, get32(p + 1)))
			return NULL;
		else
			p += MMT_SHAPE_BYTES;
		p = decode_segment(shape, p, op, &seg[i]);
		if (!p || p > end)
			return NULL;
	}
	return p;
}

size_t varint_put(uint8_t *out, uint64_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		out[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out[n++] = (uint8_t)v;
	return n;
}

const uint8_t *varint_get(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	uint64_t out = 0;

	for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
		uint64_t b = *p++;

		if (shift == 63 && b > 1)
			return NULL;
		out |= (b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*v = out;
			return p;
		}
	}
	return NULL;
}
