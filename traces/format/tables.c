/*
 * The tables at the end of a native trace: header facts as lines of text
 * (`key value`, so that old readers skip what they do not know), tasks and
 * address spaces as varints. FORMAT.md 7 to 9.
 *
 * Invariant: unpack(pack(x)) == x; every count is checked against the bytes
 * that are left before memory is taken for it, so that memory is bounded by
 * the size of the input.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "traces/format/layout.h"

enum field_type { F_STR, F_U32, F_U64, F_I64, F_BOOL };

static const struct header_field {
	const char *key;
	enum field_type type;
	size_t offset, bytes;
} header_fields[] = {
#define FIELD(name, type) \
	{ #name, type, offsetof(struct trace_header, name), \
	  sizeof(((struct trace_header *)0)->name) }
	FIELD(kernel, F_STR), FIELD(clock, F_STR), FIELD(tool, F_STR),
	FIELD(host, F_STR), FIELD(origin, F_STR), FIELD(command, F_STR),
	FIELD(cpus_online, F_U32), FIELD(cpus_possible, F_U32),
	FIELD(hz, F_U32), FIELD(thp, F_STR), FIELD(rcu_nocbs, F_STR),
	FIELD(preempt, F_STR), FIELD(have, F_U32), FIELD(emulated, F_BOOL),
	FIELD(synthetic, F_BOOL), FIELD(simulated, F_BOOL),
	FIELD(span_ns, F_I64), FIELD(epoch_ns, F_I64),
	FIELD(lost_events, F_U64), FIELD(lock_event_tax_ns, F_I64),
	FIELD(lock_wait_floor_ns, F_I64), FIELD(clipped_ns, F_U64),
	FIELD(clipped_ops, F_U64),
#undef FIELD
};

static void add_text(struct mmt_buf *b, const char *s)
{
	mmt_buf_add(b, s, strlen(s));
}

static void add_key_int(struct mmt_buf *b, const char *key, int64_t v)
{
	char text[96];

	snprintf(text, sizeof(text), "%s %" PRId64 "\n", key, v);
	add_text(b, text);
}

/* control characters and % as %XX, so that a line stays a line */
static void add_escaped(struct mmt_buf *b, const char *s)
{
	for (; *s; s++) {
		char hex[4];

		if ((unsigned char)*s >= ' ' && *s != '%') {
			mmt_buf_add(b, s, 1);
			continue;
		}
		snprintf(hex, sizeof(hex), "%%%02x", (unsigned char)*s);
		add_text(b, hex);
	}
}

void mmt_pack_header(const struct trace_header *h, struct mmt_buf *b)
{
	const char *base = (const char *)h;
	char key[64];

	for (size_t i = 0; i < sizeof(header_fields) / sizeof(*header_fields);
	     i++) {
		const struct header_field *f = &header_fields[i];
		const void *at = base + f->offset;

		if (f->type == F_STR) {
			add_text(b, f->key);
			add_text(b, " ");
			add_escaped(b, at);
			add_text(b, "\n");
		} else if (f->type == F_BOOL) {
			add_key_int(b, f->key, *(const bool *)at);
		} else if (f->type == F_U32) {
			add_key_int(b, f->key, *(const uint32_t *)at);
		} else {
			add_key_int(b, f->key, *(const int64_t *)at);
		}
	}
	for (int k = 0; k < OP_KIND_COUNT; k++) {
		snprintf(key, sizeof(key), "ops.%s", op_kinds[k].name);
		if (h->ops[k])
			add_key_int(b, key, (int64_t)h->ops[k]);
	}
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void unescape(const uint8_t *p, const uint8_t *end, char *out,
		     size_t bytes)
{
	size_t n = 0;

	for (; p < end && n + 1 < bytes; p++) {
		if (*p == '%' && end - p > 2 && hex_digit(p[1]) >= 0 &&
		    hex_digit(p[2]) >= 0) {
			out[n++] = (char)(hex_digit(p[1]) * 16 +
					  hex_digit(p[2]));
			p += 2;
		} else {
			out[n++] = (char)*p;
		}
	}
	out[n] = 0;
}

static bool parse_int(const uint8_t *p, const uint8_t *end, int64_t *v)
{
	char text[24], *stop;
	size_t n = (size_t)(end - p);

	if (!n || n >= sizeof(text))
		return false;
	memcpy(text, p, n);
	text[n] = 0;
	*v = strtoll(text, &stop, 10);
	return !*stop;
}

static bool set_field(struct trace_header *h, const struct header_field *f,
		      const uint8_t *p, const uint8_t *end)
{
	void *at = (char *)h + f->offset;
	int64_t v;

	if (f->type == F_STR) {
		unescape(p, end, at, f->bytes);
		return true;
	}
	if (!parse_int(p, end, &v))
		return false;
	if (f->type == F_BOOL)
		*(bool *)at = v;
	else if (f->type == F_U32)
		*(uint32_t *)at = (uint32_t)v;
	else
		*(int64_t *)at = v;
	return true;
}

static bool set_key(struct trace_header *h, const char *key, const uint8_t *p,
		    const uint8_t *end)
{
	int64_t v;
	int kind;

	for (size_t i = 0; i < sizeof(header_fields) / sizeof(*header_fields);
	     i++) {
		if (!strcmp(header_fields[i].key, key))
			return set_field(h, &header_fields[i], p, end);
	}
	if (!strncmp(key, "ops.", 4)) {
		kind = op_kind_find(key + 4);
		if (kind >= 0 && !parse_int(p, end, &v))
			return false;
		if (kind >= 0)
			h->ops[kind] = (uint64_t)v;
	}
	return true;	/* a key of a later version */
}

const char *mmt_unpack_header(const uint8_t *p, size_t n,
			      struct trace_header *h)
{
	const uint8_t *end = p + n;

	while (p < end) {
		const uint8_t *eol = memchr(p, '\n', (size_t)(end - p));
		const uint8_t *space;
		char key[64];

		if (!eol)
			return "header line without an end";
		space = memchr(p, ' ', (size_t)(eol - p));
		if (!space || (size_t)(space - p) >= sizeof(key))
			return "header line without a key";
		memcpy(key, p, (size_t)(space - p));
		key[space - p] = 0;
		if (!set_key(h, key, space + 1, eol))
			return "header value is no number";
		p = eol + 1;
	}
	return NULL;
}

static void add_string(struct mmt_buf *b, const char *s)
{
	size_t n = strlen(s);

	mmt_buf_varint(b, n);
	mmt_buf_add(b, s, n);
}

/* ids are stored plus one, so that "none" (UINT32_MAX) is 0 */
static void add_id(struct mmt_buf *b, uint32_t id)
{
	mmt_buf_varint(b, (uint32_t)(id + 1));
}

void mmt_pack_task(const struct trace_task *t, struct mmt_buf *b)
{
	mmt_buf_varint(b, t->tid);
	mmt_buf_varint(b, t->tgid);
	add_id(b, t->parent);
	add_id(b, t->mm);
	mmt_buf_varint(b, zigzag(t->first_ns));
	mmt_buf_varint(b, zigzag(t->last_ns));
	mmt_buf_varint(b, t->records);
	mmt_buf_varint(b, t->exited);
	add_string(b, t->comm);
}

void mmt_pack_mms(const struct trace_header *h, struct mmt_buf *b)
{
	mmt_buf_varint(b, h->mm_alias ? h->mm_alias_count : 0);
	for (uint32_t i = 0; h->mm_alias && i < h->mm_alias_count; i++)
		mmt_buf_varint(b, h->mm_alias[i]);
	mmt_buf_varint(b, h->mm_count);
}

void mmt_pack_mm(const struct trace_mm *m, struct mmt_buf *b)
{
	uint64_t at = 0;

	mmt_buf_varint(b, m->origin);
	add_id(b, m->parent);
	add_id(b, m->owner_task);
	mmt_buf_varint(b, zigzag(m->first_ns));
	mmt_buf_varint(b, zigzag(m->last_ns));
	mmt_buf_varint(b, m->area_count);
	for (uint32_t j = 0; j < m->area_count; j++) {
		const struct trace_area *a = &m->areas[j];

		mmt_buf_varint(b, a->start - at);
		mmt_buf_varint(b, a->end - a->start);
		mmt_buf_varint(b, a->flags);
		mmt_buf_varint(b, a->resident_pages + 1);
		add_string(b, a->name);
		at = a->end;
	}
}

/* reads on until something is missing; then p stays NULL */
struct scan {
	const uint8_t *p, *end;
};

static uint64_t next(struct scan *s)
{
	uint64_t v = 0;

	if (s->p)
		s->p = varint_get(s->p, s->end, &v);
	return v;
}

static uint32_t next_id(struct scan *s)
{
	uint64_t v = next(s);

	if (v > UINT32_MAX)
		s->p = NULL;
	return (uint32_t)v - 1;
}

static uint32_t next32(struct scan *s)
{
	uint64_t v = next(s);

	if (v > UINT32_MAX)
		s->p = NULL;
	return (uint32_t)v;
}

static void next_string(struct scan *s, char *out, size_t bytes)
{
	uint64_t n = next(s);

	if (!s->p || n >= bytes || n > (uint64_t)(s->end - s->p)) {
		s->p = NULL;
		return;
	}
	memcpy(out, s->p, n);
	out[n] = 0;
	s->p += n;
}

/* a count of things that take at least @bytes each; memory for them */
static void *next_array(struct scan *s, size_t bytes, size_t item,
			uint32_t *count)
{
	uint64_t n = next(s);

	*count = 0;
	if (!s->p || n > (uint64_t)(s->end - s->p) / bytes || n > UINT32_MAX) {
		s->p = NULL;
		return NULL;
	}
	*count = (uint32_t)n;
	return xcalloc(n, item);
}

const char *mmt_unpack_tasks(const uint8_t *p, size_t n, struct trace_header *h)
{
	struct scan s = { p, p + n };

	h->tasks = next_array(&s, 9, sizeof(*h->tasks), &h->task_count);
	for (uint32_t i = 0; i < h->task_count && s.p; i++) {
		struct trace_task *t = &h->tasks[i];

		t->tid = next32(&s);
		t->tgid = next32(&s);
		t->parent = next_id(&s);
		t->mm = next_id(&s);
		t->first_ns = unzigzag(next(&s));
		t->last_ns = unzigzag(next(&s));
		t->records = next(&s);
		t->exited = next(&s);
		next_string(&s, t->comm, sizeof(t->comm));
	}
	return s.p && s.p == s.end ? NULL : "damaged task table";
}

static void unpack_area(struct scan *s, struct trace_area *a, uint64_t at)
{
	a->start = at + next(s);
	a->end = a->start + next(s);
	a->flags = next32(s);
	a->resident_pages = next(s) - 1;
	next_string(s, a->name, sizeof(a->name));
	if (a->start < at || a->end <= a->start)
		s->p = NULL;
}

const char *mmt_unpack_mms(const uint8_t *p, size_t n, struct trace_header *h)
{
	struct scan s = { p, p + n };

	h->mm_alias = next_array(&s, 1, sizeof(uint32_t), &h->mm_alias_count);
	for (uint32_t i = 0; i < h->mm_alias_count && s.p; i++)
		h->mm_alias[i] = next32(&s);
	h->mms = s.p ? next_array(&s, 6, sizeof(*h->mms), &h->mm_count) : NULL;
	for (uint32_t i = 0; i < h->mm_count && s.p; i++) {
		struct trace_mm *m = &h->mms[i];
		uint64_t origin = next(&s);

		if (origin > MM_EXEC)
			s.p = NULL;
		m->origin = (enum mm_origin)origin;
		m->parent = next_id(&s);
		m->owner_task = next_id(&s);
		m->first_ns = unzigzag(next(&s));
		m->last_ns = unzigzag(next(&s));
		if (s.p)
			m->areas = next_array(&s, 5, sizeof(*m->areas),
					      &m->area_count);
		for (uint32_t j = 0; j < m->area_count && s.p; j++)
			unpack_area(&s, &m->areas[j],
				    j ? m->areas[j - 1].end : 0);
	}
	return s.p && s.p == s.end ? NULL : "damaged mm table";
}

const char *mmt_check_refs(const struct trace_header *h)
{
	for (uint32_t i = 0; i < h->task_count; i++) {
		const struct trace_task *t = &h->tasks[i];

		if ((t->parent != TRACE_NO_TASK &&
		     t->parent >= h->task_count) ||
		    (t->mm != TRACE_NO_MM && t->mm >= h->mm_count))
			return "task table names a task or mm that is not there";
	}
	for (uint32_t i = 0; i < h->mm_count; i++) {
		const struct trace_mm *m = &h->mms[i];

		if ((m->parent != TRACE_NO_MM && m->parent >= h->mm_count) ||
		    (m->owner_task != TRACE_NO_TASK &&
		     m->owner_task >= h->task_count))
			return "mm table names a task or mm that is not there";
	}
	for (uint32_t i = 0; i < h->mm_alias_count; i++) {
		if (h->mm_alias[i] >= h->mm_count)
			return "mm table resolves to an mm that is not there";
	}
	return NULL;
}
