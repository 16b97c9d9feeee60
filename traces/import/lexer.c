/*
 * Pieces of lines that the text formats share: names of events and calls,
 * numbers, stamps, the calls that are tracepoints.
 *
 * Invariant: nothing is read behind a span's end. Cost: one pass, no
 * allocation.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/import/lexer.h"

static uint32_t hash_name(const char *p, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * 16777619u;
	return h ^ h >> 15;
}

static void name_add(struct name_table *t, const char *name, unsigned value)
{
	size_t n = strlen(name);
	uint32_t h = hash_name(name, n), i = h % NAME_SLOTS;

	while (t->slot[i].name)
		i = (i + 1) % NAME_SLOTS;
	t->slot[i] = (struct name_slot){ h, (uint8_t)n, (uint8_t)value, name };
}

unsigned name_find(const struct name_table *t, const char *name, size_t bytes)
{
	uint32_t h = hash_name(name, bytes), i = h % NAME_SLOTS;

	for (; t->slot[i].name; i = (i + 1) % NAME_SLOTS) {
		const struct name_slot *s = &t->slot[i];

		if (s->hash == h && s->bytes == bytes &&
		    !memcmp(s->name, name, bytes))
			return s->value;
	}
	return 0;
}

struct lexer *lexer_new(void)
{
	struct lexer *lx = xcalloc(1, sizeof(*lx));

#define EVENT(id, name, values) name_add(&lx->events, name, RAW_##id);
	RAW_EVENTS(EVENT)
#undef EVENT
#define CALL(id, name) name_add(&lx->calls, name, CALL_##id);
	RAW_CALLS(CALL)
#undef CALL
	return lx;
}

void lexer_free(struct lexer *lx)
{
	if (lx && lx->state_release)
		lx->state_release(lx->state);
	if (lx)
		free(lx->state);
	free(lx);
}

void lexer_path(struct lexer *lx, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strchr(slash ? slash : path, '.');
	char *end;

	for (; dot; dot = strchr(dot + 1, '.')) {
		unsigned long tid = strtoul(dot + 1, &end, 10);

		if (end > dot + 1 && (!*end || *end == '.') && tid > 0 &&
		    tid <= 1 << 22)
			lx->file_tid = (uint32_t)tid;
	}
}

const struct lexer_facts *lexer_facts(const struct lexer *lx)
{
	return &lx->facts;
}

bool skip_to(struct span *s, const char *key)
{
	size_t n = strlen(key);
	const char *hit;

	if ((size_t)(s->end - s->p) >= n && !memcmp(s->p, key, n)) {
		s->p += n;
		return true;
	}
	hit = memmem(s->p, (size_t)(s->end - s->p), key, n);
	if (!hit)
		return false;
	s->p = hit + n;
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

bool take_u64(struct span *s, unsigned base, uint64_t *v)
{
	const char *p = s->p;
	bool negative = p < s->end && *p == '-';
	uint64_t out = 0;
	const char *start;

	p += negative;
	if (s->end - p > 2 && p[0] == '0' && p[1] == 'x') {
		p += 2;
		base = 16;
	}
	for (start = p; p < s->end; p++) {
		int d = digit(*p);

		if (d >= (int)base)
			break;
		out = out * base + (unsigned)d;
	}
	if (p == start)
		return false;
	s->p = p;
	*v = negative ? 0 - out : out;
	return true;
}

void skip_spaces(struct span *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
}

bool starts(const struct span *s, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(s->end - s->p) >= n && !memcmp(s->p, text, n);
}

bool take_fraction(struct span *s, int64_t *ns, unsigned *digits)
{
	static const int64_t scale[10] = { 1000000000, 100000000, 10000000,
		1000000, 100000, 10000, 1000, 100, 10, 1 };
	const char *p = s->p, *start = p;
	int64_t sec = 0, frac = 0;

	*digits = 0;
	for (; p < s->end && is_digit(*p) && p - start < 18; p++)
		sec = sec * 10 + (*p - '0');
	if (p == start || p == s->end)
		return false;
	if (*p == '.') {
		for (p++; p < s->end && is_digit(*p) && *digits < 9; ++*digits)
			frac = frac * 10 + (*p++ - '0');
		if (!*digits || sec > 4000000000)
			return false;
		*ns = sec * 1000000000 + frac * scale[*digits];
	} else {
		*ns = sec;
	}
	s->p = p;
	return true;
}

bool take_day_time(struct span *s, int64_t *ns, unsigned *digits)
{
	struct span at = *s;
	uint64_t hour, minute;
	int64_t rest;

	if (!take_u64(&at, 10, &hour) || !starts(&at, ":") || hour > 24)
		return false;
	at.p++;
	if (!take_u64(&at, 10, &minute) || !starts(&at, ":") || minute > 59)
		return false;
	at.p++;
	if (!take_fraction(&at, &rest, digits) ||
	    rest >= (*digits ? 61000000000 : 61))	/* a leap second is 60 */
		return false;
	if (!*digits)
		rest *= 1000000000;
	*ns = (int64_t)(hour * 60 + minute) * 60000000000 + rest;
	s->p = at.p;
	return true;
}

void name_of_call(struct lexer *lx, struct raw_event *ev, const char *p,
		  size_t n)
{
	ev->call = (uint8_t)name_find(&lx->calls, p, n);
	ev->name = p;
	ev->name_bytes = (uint8_t)(n > 255 ? 255 : n);
}

/* trace-cmd, perf, option `fields`: "sys_enter_mmap: ...", "sys_exit_mmap: " */
static bool other_call(struct lexer *lx, struct span s, const char *name,
		       size_t n, struct raw_event *ev)
{
	uint64_t nr;

	if (n > 10 && !memcmp(name, "sys_enter_", 10)) {
		ev->type = RAW_ENTER;
		name_of_call(lx, ev, name + 10, n - 10);
		lx->facts.calls_named = true;
		if (skip_to(&s, "__syscall_nr=") && take_u64(&s, 10, &nr))
			skip_to(&s, ") ");
		call_args(lx, s, ev);
		return true;
	}
	ev->type = RAW_EXIT;
	name_of_call(lx, ev, name + 9, n - 9);
	skip_to(&s, "ret=");
	skip_spaces(&s);
	return take_u64(&s, 16, &ev->v[0]);
}

/* raw_syscalls: "NR 12 (0, 7ffdcb8bfd8c, 0, 37f, 0, 0)", "NR 12 = -14" */
static enum line_class numbered_call(struct lexer *lx, struct span s,
				     const char *name, size_t n,
				     struct raw_event *ev)
{
	uint64_t nr;

	if (!skip_to(&s, "NR ") || !take_u64(&s, 10, &nr))
		return LINE_UNPARSED;
	ev->call = (uint8_t)call_of_number(lx, nr);
	ev->name = name;
	ev->name_bytes = (uint8_t)n;
	memset(ev->v, 0, sizeof(ev->v));
	skip_spaces(&s);
	if (starts(&s, "=")) {
		ev->type = RAW_EXIT;
		s.p++;
		skip_spaces(&s);
		return take_u64(&s, 10, &ev->v[0]) ? LINE_EVENT : LINE_UNPARSED;
	}
	ev->type = RAW_ENTER;
	if (s.p < s.end)
		s.p++;
	for (unsigned i = 0; i < RAW_VALUES; i++) {
		skip_spaces(&s);
		if (!take_u64(&s, 16, &ev->v[i]))
			break;
		if (s.p < s.end)
			s.p++;
	}
	return LINE_EVENT;
}

enum line_class line_named(struct raw_event *ev, const char *name)
{
	ev->name = name;
	ev->name_bytes = (uint8_t)strlen(name);
	return LINE_NAMED;
}

enum line_class event_named(struct lexer *lx, const char *name, size_t n,
			    struct span s, struct raw_event *ev)
{
	if (n > 9 && !memcmp(name, "sys_e", 5) &&
	    (!memcmp(name, "sys_exit_", 9) || !memcmp(name, "sys_enter_", 10)))
		return other_call(lx, s, name, n, ev) ? LINE_EVENT :
							LINE_UNPARSED;
	if ((n == 9 && !memcmp(name, "sys_enter", 9)) ||
	    (n == 8 && !memcmp(name, "sys_exit", 8)))
		return numbered_call(lx, s, name, n, ev);
	ev->name = name;
	ev->name_bytes = (uint8_t)(n > 255 ? 255 : n);
	ev->type = (uint8_t)name_find(&lx->events, name, n);
	if (ev->type == RAW_OTHER)
		return LINE_EVENT;
	return event_fields(lx, s, ev) ? LINE_EVENT : LINE_UNPARSED;
}

struct look lexer_look(enum line_class (*line)(struct lexer *, const char *,
					       size_t, struct raw_event *),
		       const char *text, size_t bytes)
{
	enum { LOOK_BYTES = 256 << 10, LOOK_LINES = 300 };
	const char *end = text + (bytes > LOOK_BYTES ? LOOK_BYTES : bytes);
	struct lexer *lx = lexer_new();
	struct look look = { .others = 0 };

	for (int n = 0; n < LOOK_LINES && text < end; n++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		struct raw_event ev = { 0 };
		enum line_class c;

		if (!eol)
			eol = end;
		c = line(lx, text, (size_t)(eol - text), &ev);
		look.events += c == LINE_EVENT;
		look.named += c == LINE_NAMED;
		look.others += c == LINE_UNPARSED;
		text = eol + 1;
	}
	look.facts = lx->facts;
	lexer_free(lx);
	return look;
}

bool reads_most(const struct look *l, bool named)
{
	int read = l->events + (named ? l->named : 0);

	return read && read >= l->others;
}
