/*
 * The common line of all ftrace text:
 *
 *   comm-TID [(TGID)] [CPU] [flags] SECONDS: event: fields
 *
 * as printed by tracefs `trace` and `trace_pipe` (any clock, record-tgid,
 * irq-info and fields options on or off) and by `trace-cmd report`. FORMATS.md
 * of the captures and every fixture were the guide; the kernel's own printer
 * is kernel/trace/trace_output.c.
 *
 * Invariant: no line is read behind its end; a line is an event only if head
 * and stamp are whole. Cost: one pass, no allocation.
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

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
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
	if (!take_fraction(&at, &rest, digits))
		return false;
	if (!*digits)
		rest *= 1000000000;
	*ns = (int64_t)(hour * 60 + minute) * 60000000000 + rest;
	s->p = at.p;
	return true;
}

/* seconds and fraction, or a bare integer; the colon behind is consumed */
static bool take_stamp(struct lexer *lx, struct span *s, int64_t *ts)
{
	struct span at = *s;
	unsigned digits;

	if (!take_fraction(&at, ts, &digits) || at.p == at.end || *at.p != ':')
		return false;
	lx->facts.stamped = true;
	lx->facts.fraction_digits = digits;
	s->p = at.p + 1;
	return true;
}

/* "(  123)" or "(-----)" in front of @end; tgid, and where it starts */
static const char *tgid_before(struct lexer *lx, const char *begin,
			       const char *end, struct raw_event *ev)
{
	const char *open = end;
	uint64_t tgid = 0;
	bool known = false;

	ev->tgid = TGID_UNKNOWN;
	while (end > begin && end[-1] == ' ')
		end--;
	if (end == begin || end[-1] != ')')
		return end;
	for (open = end - 2; open > begin && *open != '('; open--)
		;
	if (open <= begin)
		return end;
	for (const char *p = open + 1; p < end - 1; p++) {
		if (is_digit(*p)) {
			tgid = tgid * 10 + (uint64_t)(*p - '0');
			known = true;
		} else if (*p != ' ' && *p != '-') {
			return end;
		}
	}
	lx->facts.has_tgid = true;
	if (known && tgid < TGID_UNKNOWN)
		ev->tgid = (uint32_t)tgid;
	while (open > begin && open[-1] == ' ')
		open--;
	return open;
}

/* "comm-TID" between @begin and @end; the comm may hold anything */
static bool take_task(const char *begin, const char *end, struct raw_event *ev)
{
	const char *p = end;
	uint64_t tid = 0, unit = 1;

	while (p > begin && is_digit(p[-1]) && end - p < 10) {
		p--;
		tid += (uint64_t)(*p - '0') * unit;
		unit *= 10;
	}
	if (p == end || p == begin || p[-1] != '-' || tid > UINT32_MAX)
		return false;
	p--;
	while (begin < p && *begin == ' ')
		begin++;
	ev->tid = (uint32_t)tid;
	ev->comm = begin;
	ev->comm_bytes = (uint8_t)(p - begin > 255 ? 255 : p - begin);
	return true;
}

static bool is_flag(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '#' || c == '*';
}

/* 4 letters up to 5.15, 5 later, 7 in RT trees; absent with noirq-info */
static void take_flags(struct lexer *lx, struct span *s, struct raw_event *ev)
{
	const char *p = s->p;
	size_t n;

	ev->in_irq = ev->irq_known = false;
	while (p < s->end && is_flag(*p))
		p++;
	n = (size_t)(p - s->p);
	if (n < 4 || n > 8 || p == s->end || *p != ' ')
		return;		/* a stamp ends with a colon: not flags */
	ev->irq_known = true;
	/* third: hardirq h, softirq s, both H, NMI z or Z */
	ev->in_irq = s->p[2] != '.' && !is_digit(s->p[2]);
	lx->facts.has_flags = true;
	s->p = p;
	skip_spaces(s);
}

/*
 * Finds "[CPU]" behind @from whose neighbourhood is a whole head; s->p behind
 * the stamp. A comm may look like one, so the caller may want the next.
 * Return: behind the bracket, or NULL.
 */
static const char *take_head(struct lexer *lx, struct span *s,
			     const char *from, struct raw_event *ev)
{
	const char *open;

	while ((open = memchr(from, '[', (size_t)(s->end - from)))) {
		struct span rest = { open + 1, s->end };
		uint64_t cpu;

		from = open + 1;
		if (!take_u64(&rest, 10, &cpu) || rest.p == rest.end ||
		    *rest.p != ']' || cpu > UINT16_MAX || open == s->p)
			continue;
		rest.p++;
		if (!take_task(s->p, tgid_before(lx, s->p, open, ev), ev))
			continue;
		skip_spaces(&rest);
		take_flags(lx, &rest, ev);
		if (!take_stamp(lx, &rest, &ev->ts))
			continue;
		ev->cpu = (uint16_t)cpu;
		s->p = rest.p;
		return from;
	}
	return NULL;
}

static enum line_class header_line(struct lexer *lx, struct span s)
{
	uint64_t held, written, cpus;

	if (skip_to(&s, "entries-in-buffer/entries-written: ") &&
	    take_u64(&s, 10, &held) && s.p < s.end && *s.p++ == '/' &&
	    take_u64(&s, 10, &written)) {
		if (written > held)
			lx->facts.overwritten += written - held;
		if (skip_to(&s, "#P:") && take_u64(&s, 10, &cpus))
			lx->facts.cpus = (uint32_t)cpus;
	}
	return LINE_HEADER;
}

/* CPU:0 [LOST 982 EVENTS], CPU:1 [12 EVENTS DROPPED], CPU:1 [EVENTS DROPPED] */
static bool lost_line(struct span s, struct raw_event *ev)
{
	uint64_t cpu, events = 0;

	if (!skip_to(&s, "CPU:") || !take_u64(&s, 10, &cpu) ||
	    !memmem(s.p, (size_t)(s.end - s.p), "EVENTS", 6))
		return false;
	if (!memmem(s.p, (size_t)(s.end - s.p), "LOST", 4) &&
	    !memmem(s.p, (size_t)(s.end - s.p), "DROPPED", 7))
		return false;
	while (s.p < s.end && !is_digit(*s.p))
		s.p++;
	take_u64(&s, 10, &events);
	ev->type = RAW_LOST;
	ev->cpu = (uint16_t)cpu;
	ev->v[0] = events;
	return true;
}

void name_of_call(struct lexer *lx, struct raw_event *ev, const char *p,
		  size_t n)
{
	ev->call = (uint8_t)name_find(&lx->calls, p, n);
	ev->name = p;
	ev->name_bytes = (uint8_t)(n > 255 ? 255 : n);
}

/* tracefs: "sys_mmap(addr: 0, ...)" and "sys_mmap -> 0x7f..." */
static bool tracefs_call(struct lexer *lx, struct span s, struct raw_event *ev)
{
	const char *name = s.p + 4, *p = name;

	while (p < s.end && *p != '(' && *p != ' ' && *p != ':')
		p++;
	if (p == s.end || *p == ':')
		return false;
	name_of_call(lx, ev, name, (size_t)(p - name));
	s.p = p + 1;
	if (*p == '(') {
		ev->type = RAW_ENTER;
		call_args(lx, s, ev);
		return true;
	}
	ev->type = RAW_EXIT;
	return skip_to(&s, "-> ") && take_u64(&s, 16, &ev->v[0]);
}

/* trace-cmd, perf, option `fields`: "sys_enter_mmap: ...", "sys_exit_mmap: " */
static bool other_call(struct lexer *lx, struct span s, const char *name,
		       size_t n, struct raw_event *ev)
{
	uint64_t nr;

	if (n > 10 && !memcmp(name, "sys_enter_", 10)) {
		ev->type = RAW_ENTER;
		name_of_call(lx, ev, name + 10, n - 10);
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

static enum line_class event_line(struct lexer *lx, struct span s,
				  struct raw_event *ev)
{
	const char *name = s.p, *p = name;
	size_t n;

	if (s.end - s.p > 4 && !memcmp(s.p, "sys_", 4) &&
	    tracefs_call(lx, s, ev))
		return LINE_EVENT;
	while (p < s.end && *p != ':' && *p != ' ' && *p != '(')
		p++;
	n = (size_t)(p - name);
	if (p == s.end || *p != ':' || !n)
		return LINE_UNPARSED;
	s.p = p + 1;
	skip_spaces(&s);
	return event_named(lx, name, n, s, ev);
}

enum line_class ftrace_line(struct lexer *lx, const char *text, size_t bytes,
			    struct raw_event *ev)
{
	struct span s = { text, text + bytes };
	struct span word = s, rest = s;
	const char *from = text;
	uint64_t cpus;

	skip_spaces(&word);
	if (word.p == word.end)
		return LINE_BLANK;
	if (text[0] == '#')
		return header_line(lx, s);
	while ((from = take_head(lx, &rest, from, ev))) {
		skip_spaces(&rest);
		if (event_line(lx, rest, ev) == LINE_EVENT)
			return LINE_EVENT;
		rest = s;
	}
	if (!memcmp(word.p, "CPU:", word.end - word.p < 4 ? 1 : 4) &&
	    lost_line(word, ev))
		return LINE_EVENT;
	if (bytes > 5 && !memcmp(text, "cpus=", 5)) {
		s.p += 5;
		if (take_u64(&s, 10, &cpus))
			lx->facts.cpus = (uint32_t)cpus;
		return LINE_HEADER;
	}
	if (bytes > 9 && !memcmp(text, "version =", 9))
		return LINE_HEADER;
	/* with clock-buffered or trace-cmd extract -B: not seen in the wild */
	return LINE_UNPARSED;
}

bool reads_most(enum line_class (*line)(struct lexer *, const char *, size_t,
					struct raw_event *),
		const char *text, size_t bytes, bool named)
{
	enum { LOOK_BYTES = 256 << 10, LOOK_LINES = 300 };
	const char *end = text + (bytes > LOOK_BYTES ? LOOK_BYTES : bytes);
	struct lexer *lx = lexer_new();
	int events = 0, others = 0;

	for (int n = 0; n < LOOK_LINES && text < end; n++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		struct raw_event ev = { 0 };
		enum line_class c;

		if (!eol)
			eol = end;
		c = line(lx, text, (size_t)(eol - text), &ev);
		events += c == LINE_EVENT || (named && c == LINE_NAMED);
		others += c == LINE_UNPARSED;
		text = eol + 1;
	}
	lexer_free(lx);
	return events && events >= others;
}
