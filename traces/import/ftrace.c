/*
 * The common line of all ftrace text:
 *
 *   comm-TID [(TGID)] [CPU] [flags] SECONDS: event: fields
 *
 * as printed by tracefs `trace` and `trace_pipe` (any clock, record-tgid,
 * irq-info, latency-format, stacktrace and fields options on or off) and by
 * `trace-cmd report`. FORMATS.md of the captures and every fixture were the
 * guide; the kernel's own printer is kernel/trace/trace_output.c.
 *
 * Invariant: no line is read behind its end; a line is an event only if head
 * and stamp are whole. Cost: one pass, no allocation.
 */
#include <stdio.h>
#include <string.h>
#include "traces/import/lexer.h"

static void stamp_seen(struct lexer *lx, unsigned digits)
{
	lx->facts.stamped = true;
	lx->facts.fraction_digits = digits;
	lx->facts.ticks = !digits;
}

/* seconds and fraction, or a bare integer; the colon behind is consumed */
static bool take_stamp(struct lexer *lx, struct span *s, int64_t *ts)
{
	struct span at = *s;
	unsigned digits;

	if (!take_fraction(&at, ts, &digits) || at.p == at.end || *at.p != ':')
		return false;
	stamp_seen(lx, digits);
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

/* "INSTANCE:          comm": trace-cmd's name of a buffer; comms have 15 bytes */
static void skip_buffer_name(const char **begin, const char *end)
{
	const char *p = *begin;

	if (end - p <= 16)
		return;
	p = memmem(p, (size_t)(end - p), ": ", 2);
	if (!p)
		return;
	for (*begin = p + 2; *begin < end && **begin == ' '; ++*begin)
		;
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
	skip_buffer_name(&begin, p);
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

static const char *number_end(const char *p, const char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

/*
 * Option latency-format, trace-cmd report -l: "comm-TID  CPUflags STAMP: ",
 * the stamp in us since the buffer began ("328199us+: ") or in seconds.
 */
static bool take_latency_head(struct lexer *lx, struct span *s,
			      struct raw_event *ev)
{
	const char *dash = s->p;

	while ((dash = memchr(dash, '-', (size_t)(s->end - dash)))) {
		struct span at = { ++dash, s->end };
		uint64_t tid, cpu;
		unsigned digits;

		if (!take_u64(&at, 10, &tid) || !starts(&at, " "))
			continue;
		skip_spaces(&at);
		if (!take_u64(&at, 10, &cpu) || cpu > UINT16_MAX)
			continue;
		take_flags(lx, &at, ev);
		if (!ev->irq_known || !take_fraction(&at, &ev->ts, &digits))
			continue;
		if (!digits && starts(&at, "us") && ev->ts < INT64_MAX / 1000) {
			at.p += 2;
			ev->ts *= 1000;
			digits = 6;
		}
		if (!starts(&at, ":"))		/* ' ', or how long it took */
			at.p += at.p < at.end;
		if (!starts(&at, ":") ||
		    !take_task(s->p, number_end(dash, s->end), ev))
			continue;
		stamp_seen(lx, digits);
		ev->tgid = TGID_UNKNOWN;
		ev->cpu = (uint16_t)cpu;
		s->p = at.p + 1;
		return true;
	}
	return false;
}

/* held and written entries, CPUs, and where option latency-format tells it,
 * the kernel: "# nop latency trace v1.1.5 on 6.18.44" */
static enum line_class header_line(struct lexer *lx, struct span s)
{
	struct span at = s;
	uint64_t held, written, cpus;

	if (skip_to(&at, " latency trace v") && skip_to(&at, " on "))
		snprintf(lx->facts.kernel, sizeof(lx->facts.kernel), "%.*s",
			 (int)(at.end - at.p > 63 ? 63 : at.end - at.p), at.p);
	if ((skip_to(&s, "entries-in-buffer/entries-written: ") ||
	     (skip_to(&s, "# latency: ") && skip_to(&s, "us, #"))) &&
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

/* tracefs: "sys_mmap(addr: 0, ...)" and "sys_mmap -> 0x7f..." */
static bool tracefs_call(struct lexer *lx, struct span s, struct raw_event *ev)
{
	const char *name = s.p + 4, *p = name;

	while (p < s.end && *p != '(' && *p != ' ' && *p != ':')
		p++;
	if (p == s.end || *p == ':')
		return false;
	name_of_call(lx, ev, name, (size_t)(p - name));
	lx->facts.calls_spelled = true;
	s.p = p + 1;
	if (*p == '(') {
		ev->type = RAW_ENTER;
		call_args(lx, s, ev);
		return true;
	}
	ev->type = RAW_EXIT;
	return skip_to(&s, "-> ") && take_u64(&s, 16, &ev->v[0]);
}

enum line_class ftrace_event(struct lexer *lx, struct span s,
			     struct raw_event *ev)
{
	const char *name = s.p, *p = name;
	size_t n;

	if (s.end - s.p > 4 && !memcmp(s.p, "sys_", 4) &&
	    tracefs_call(lx, s, ev))
		return LINE_EVENT;
	if (starts(&s, "<stack trace>") || starts(&s, "<user stack trace>"))
		return line_named(ev, "call-chain lines");
	while (p < s.end && *p != ':' && *p != ' ' && *p != '(')
		p++;
	n = (size_t)(p - name);
	if (p == s.end || *p != ':' || !n)
		return LINE_UNPARSED;
	s.p = p + 1;
	skip_spaces(&s);
	return event_named(lx, name, n, s, ev);
}

/* lines that are no events: losses, call chains, what trace-cmd says first */
static enum line_class other_line(struct lexer *lx, struct span s,
				  struct raw_event *ev)
{
	struct span word = s;
	uint64_t cpus;

	skip_spaces(&word);
	if (starts(&word, "CPU:") && lost_line(word, ev))
		return LINE_EVENT;
	if (starts(&word, "=> "))
		return line_named(ev, "call-chain lines");
	if (starts(&s, "cpus=")) {
		s.p += 5;
		if (take_u64(&s, 10, &cpus))
			lx->facts.cpus = (uint32_t)cpus;
		return LINE_HEADER;
	}
	return starts(&s, "version =") ? LINE_HEADER : LINE_UNPARSED;
}

enum line_class ftrace_line(struct lexer *lx, const char *text, size_t bytes,
			    struct raw_event *ev)
{
	const struct span s = { text, text + bytes };
	struct span rest = s;
	const char *from = text;
	enum line_class c;

	skip_spaces(&rest);
	if (rest.p == rest.end)
		return LINE_BLANK;
	if (text[0] == '#')
		return header_line(lx, s);
	rest = s;
	while ((from = take_head(lx, &rest, from, ev))) {
		skip_spaces(&rest);
		c = ftrace_event(lx, rest, ev);
		if (c != LINE_UNPARSED)
			return c;
		rest = s;
	}
	if (take_latency_head(lx, &rest, ev)) {
		skip_spaces(&rest);
		return ftrace_event(lx, rest, ev);
	}
	return other_line(lx, s, ev);
}
