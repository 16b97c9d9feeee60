/*
 * Records as bytes. Fields have a length code of 3 bits in one control word,
 * so that decoding is loads, masks and adds without branches: about 10 ns a
 * record. Values are differences to the previous record of the same class.
 *
 * Invariant: mmt_decode(mmt_encode(op)) == op for every op whose start is not
 * before its predecessor's; t_format.c pins it with random ops.
 * Limits: times below 2^62 ns; kinds below 64.
 */
#include <endian.h>
#include <string.h>
#include "traces/format/codec.h"

static const uint8_t code_bytes[8] = { 0, 1, 2, 3, 4, 5, 6, 8 };
static const uint64_t code_mask[8] = {
	0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff,
	UINT64_MAX,
};

/* Kinds with arguments of the same shape share a context. */
static const uint8_t class_of[OP_KIND_COUNT] = {
	[OP_MMAP] = 0, [OP_MUNMAP] = 1, [OP_FAULT] = 2,
	[OP_MADVISE] = 3, [OP_MPROTECT] = 3, [OP_MREMAP] = 3, [OP_BRK] = 3,
	[OP_MLOCK] = 3, [OP_GUP] = 3,
	[OP_SCHED_IN] = 4, [OP_SCHED_OUT] = 4, [OP_WAKING] = 4,
	[OP_FORK] = 5, [OP_CLONE_THREAD] = 5, [OP_VFORK] = 5, [OP_EXEC] = 5,
	[OP_EXIT] = 5, [OP_EXIT_MM] = 5, [OP_VMALLOC] = 5, [OP_VFREE] = 5,
	[OP_PROC_MAPS] = 5, [OP_PROC_SMAPS] = 5, [OP_PROC_CMDLINE] = 5,
	/* measurements have a context of their own, so these do not collide */
	[OP_LOCK_START] = 0, [OP_LOCK_ACQUIRED] = 0, [OP_LOCK_RELEASED] = 0,
	[OP_CONTENTION_BEGIN] = 1, [OP_CONTENTION_END] = 1,
	[OP_TLB_FLUSH] = 2, [OP_VMAP_PURGE] = 3, [OP_RSS_STAT] = 3,
	[OP_MIGRATE] = 4, [OP_LOST] = 5,
};

enum { TAG_KIND = 0x3f, TAG_META = 0x40 };
enum {
	SEG_TAG_KIND = 3, SEG_TAG_DOWNGRADED = 4, SEG_TAG_CONTENDED = 8,
	SEG_TAG_TRYLOCK = 16, SEG_TAG_MM = 32, SEG_TAG_ALL = 63,
};
_Static_assert((int)OP_KIND_COUNT <= (int)TAG_KIND, "kind does not fit the tag");
_Static_assert(SEG_KIND_COUNT <= 4, "segment kind does not fit the tag");

static const int64_t time_max = 1LL << 62;

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

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
	memcpy(p, &le, code_bytes[code]);
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

void mmt_context_init(struct mmt_context *c, int64_t base_ns)
{
	memset(c, 0, sizeof(*c));
	c->start_ns = base_ns;
	for (int i = 0; i < MMT_CLASSES; i++)
		c->cls[i].meta.mm = TRACE_NO_MM;
}

static uint8_t *encode_meta(uint8_t *p, const struct mmt_meta *m)
{
	p = put16(p, m->flags);
	p = put16(p, m->cpu);
	p = put32(p, m->mm);
	*p++ = m->path;
	return put16(p, m->segs);
}

static uint8_t *encode_segment(uint8_t *p, const struct op *op,
			       const struct op_segment *s)
{
	uint8_t *control_at;
	uint32_t control = 0;
	unsigned tag = s->kind;

	tag |= s->downgraded ? SEG_TAG_DOWNGRADED : 0;
	tag |= s->contended ? SEG_TAG_CONTENDED : 0;
	tag |= s->trylock_failed ? SEG_TAG_TRYLOCK : 0;
	tag |= s->mm != op->mm ? SEG_TAG_MM : 0;
	*p++ = (uint8_t)tag;
	control_at = p;
	p += 4;
	if (tag & SEG_TAG_MM)
		p = put32(p, s->mm);
	p = put_field(p, &control, 0, (uint64_t)s->work_ns);
	p = put_field(p, &control, 1, (uint64_t)s->wait_ns);
	p = put_field(p, &control, 2, (uint64_t)(s->spin_ns + 1));
	p = put_field(p, &control, 3, (uint64_t)s->sleep_ns);
	p = put_field(p, &control, 4, (uint64_t)s->tax_ns);
	p = put_field(p, &control, 5, s->tlb_local);
	p = put_field(p, &control, 6, s->tlb_ipi);
	put32(control_at, control);
	return p;
}

size_t mmt_encode(struct mmt_context *c, const struct op *op, uint64_t pos,
		  uint8_t *out)
{
	struct mmt_class_state *s = &c->cls[class_of[op->kind]];
	const struct mmt_meta meta = { .mm = op->mm, .flags = op->flags,
		.cpu = op->cpu, .segs = op->segs, .path = op->path };
	bool same = meta.mm == s->meta.mm && meta.flags == s->meta.flags &&
		    meta.cpu == s->meta.cpu && meta.segs == s->meta.segs &&
		    meta.path == s->meta.path;
	uint8_t *p = out + 5;
	uint32_t control = 0;

	out[0] = (uint8_t)(op->kind | (same ? 0 : TAG_META));
	if (!same) {
		p = encode_meta(p, &meta);
		s->meta = meta;
	}
	p = put_field(p, &control, 0, (uint64_t)(op->start_ns - c->start_ns));
	p = put_field(p, &control, 1, (uint64_t)(op->duration_ns + 1));
	for (unsigned i = 0; i < MMT_VALUES; i++) {
		uint64_t v = i ? op->arg[i - 1] : (uint64_t)op->result;

		p = put_field(p, &control, 2 + i,
			      zigzag((int64_t)(v - s->value[i])));
		s->value[i] = v;
	}
	p = put_field(p, &control, 2 + MMT_VALUES, pos - c->pos);
	put32(out + 1, control);
	c->start_ns = op->start_ns;
	c->pos = pos;
	for (unsigned i = 0; i < op->segs; i++)
		p = encode_segment(p, op, &op->seg[i]);
	return (size_t)(p - out);
}

static const uint8_t *decode_meta(const uint8_t *p, struct mmt_meta *m)
{
	m->flags = get16(p);
	m->cpu = get16(p + 2);
	m->mm = get32(p + 4);
	m->path = p[8];
	m->segs = get16(p + 9);
	if (m->path >= FAULT_PATH_COUNT || m->segs > OP_SEGS_MAX)
		return NULL;
	return p + MMT_META_BYTES;
}

/* next field by its code; evaluates to the value, advances p and control */
#define TAKE(p, control) __extension__({ \
	unsigned code_ = (control) & 7; \
	uint64_t v_ = load64(p) & code_mask[code_]; \
	(p) += code_bytes[code_]; \
	(control) >>= 3; \
	v_; })

const uint8_t *mmt_decode(struct mmt_context *c, const uint8_t *p,
			  const uint8_t *end, struct op *op)
{
	struct mmt_class_state *s;
	uint64_t start, duration;
	uint32_t control;
	unsigned tag;

	if (p >= end)
		return NULL;
	tag = *p;
	if ((tag & TAG_KIND) >= OP_KIND_COUNT || tag > (TAG_KIND | TAG_META))
		return NULL;
	op->kind = (uint8_t)(tag & TAG_KIND);
	s = &c->cls[class_of[op->kind]];
	control = get32(p + 1);
	p += 5;
	if (tag & TAG_META) {
		p = decode_meta(p, &s->meta);
		if (!p)
			return NULL;
	}
	start = TAKE(p, control);
	duration = TAKE(p, control);
	for (unsigned i = 0; i < MMT_VALUES; i++) {
		uint64_t v = s->value[i] +
			     (uint64_t)unzigzag(TAKE(p, control));

		s->value[i] = v;
		if (i)
			op->arg[i - 1] = v;
		else
			op->result = (int64_t)v;
	}
	c->pos += TAKE(p, control);
	if (p > end || control || start > (uint64_t)time_max ||
	    duration > (uint64_t)time_max ||
	    c->start_ns > time_max - (int64_t)start)
		return NULL;
	c->start_ns += (int64_t)start;
	op->start_ns = c->start_ns;
	op->duration_ns = (int64_t)duration - 1;
	op->mm = s->meta.mm;
	op->cpu = s->meta.cpu;
	op->flags = s->meta.flags;
	op->path = s->meta.path;
	op->segs = s->meta.segs;
	return p;
}

static const uint8_t *decode_segment(const uint8_t *p, const struct op *op,
				     struct op_segment *s)
{
	uint64_t v[7], any = 0;
	uint32_t control;
	unsigned tag = *p;

	if (tag > SEG_TAG_ALL || (tag & SEG_TAG_KIND) >= SEG_KIND_COUNT)
		return NULL;
	control = get32(p + 1);
	p += 5;
	s->kind = tag & SEG_TAG_KIND;
	s->downgraded = tag & SEG_TAG_DOWNGRADED;
	s->contended = tag & SEG_TAG_CONTENDED;
	s->trylock_failed = tag & SEG_TAG_TRYLOCK;
	s->mm = op->mm;
	if (tag & SEG_TAG_MM) {
		s->mm = get32(p);
		p += 4;
	}
	for (unsigned i = 0; i < 7; i++) {
		v[i] = TAKE(p, control);
		any |= v[i];
	}
	if (any > (uint64_t)time_max || control || (v[5] | v[6]) > UINT32_MAX)
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

const uint8_t *mmt_decode_segments(const uint8_t *p, const uint8_t *end,
				   const struct op *op, struct op_segment *seg)
{
	for (unsigned i = 0; i < op->segs; i++) {
		if (p >= end)
			return NULL;
		p = decode_segment(p, op, &seg[i]);
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
