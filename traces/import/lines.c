/*
 * Our own lines, for bpftrace and home-grown tracers: LINES.md beside this
 * file is the specification, traces/capture/mmreplay.bt writes them.
 *
 *   NS CPU PID TID LETTER ARGUMENTS.. [; COMM]
 */
#include <string.h>
#include "traces/import/lexer.h"

static const char magic[] = "# mmreplay-lines 1";

/* one row a letter: how many numbers follow, which of them are hex */
static const struct line_shape {
	char letter;
	uint8_t type, numbers, required;
	uint8_t bases[3];
} shapes[] = {
	{ 'F', RAW_FAULT_USER, 3, 1, { 16, 16, 16 } },
	{ 'K', RAW_FAULT_KERNEL, 3, 1, { 16, 16, 16 } },
	{ 'S', RAW_LOCK_START, 2, 2, { 16, 10 } },
	{ 'A', RAW_LOCK_ACQUIRED, 3, 3, { 16, 10, 10 } },
	{ 'R', RAW_LOCK_RELEASED, 2, 2, { 16, 10 } },
	{ 'N', RAW_NEWTASK, 2, 2, { 10, 16 } },
	{ 'P', RAW_EXECED, 0, 0, { 0 } },
	{ 'D', RAW_EXITED, 1, 0, { 10 } },
	{ 'M', RAW_EXIT_MMAP, 0, 0, { 0 } },
	{ 'L', RAW_LOST, 1, 0, { 10 } },
};

/* E munmap 7f0000001000 2000, X munmap -12: arguments hex, results decimal */
static enum line_class call_fields(struct lexer *lx, struct span s, bool enter,
				   struct raw_event *ev)
{
	const char *name = s.p;

	while (s.p < s.end && *s.p != ' ')
		s.p++;
	if (s.p == name)
		return LINE_UNPARSED;
	name_of_call(lx, ev, name, (size_t)(s.p - name));
	ev->type = enter ? RAW_ENTER : RAW_EXIT;
	skip_spaces(&s);
	if (!enter)
		return take_u64(&s, 10, &ev->v[0]) ? LINE_EVENT : LINE_UNPARSED;
	for (unsigned i = 0; i < RAW_VALUES; i++) {
		if (!take_u64(&s, 16, &ev->v[i]))
			break;
		skip_spaces(&s);
	}
	return s.p == s.end ? LINE_EVENT : LINE_UNPARSED;
}

static enum line_class number_fields(const struct line_shape *shape,
				     struct span s, struct raw_event *ev)
{
	unsigned n = 0;

	ev->type = shape->type;
	if (ev->type == RAW_EXITED) {	/* D [GROUP_DEAD] */
		ev->v[0] = ev->tid;
		ev->v[1] = 2;
		take_u64(&s, 10, &ev->v[1]);
		return LINE_EVENT;
	}
	if (ev->type == RAW_EXECED)
		ev->v[0] = ev->tid;
	for (; n < shape->numbers; n++) {
		if (!take_u64(&s, shape->bases[n], &ev->v[n]))
			break;
		skip_spaces(&s);
	}
	return n >= shape->required && s.p == s.end ? LINE_EVENT :
						      LINE_UNPARSED;
}

/* T sched_switch: prev_comm=..: as the kernel prints it */
static enum line_class kernel_event(struct lexer *lx, struct span s,
				    struct raw_event *ev)
{
	const char *name = s.p, *colon;

	colon = memchr(name, ':', (size_t)(s.end - name));
	if (!colon || colon == name)
		return LINE_UNPARSED;
	s.p = colon + 1;
	skip_spaces(&s);
	return event_named(lx, name, (size_t)(colon - name), s, ev);
}

static enum line_class fields(struct lexer *lx, char letter, struct span s,
			      struct raw_event *ev)
{
	memset(ev->v, 0, sizeof(ev->v));
	skip_spaces(&s);
	while (s.end > s.p && s.end[-1] == ' ')
		s.end--;
	if (letter == 'E' || letter == 'X')
		return call_fields(lx, s, letter == 'E', ev);
	if (letter == 'T')
		return kernel_event(lx, s, ev);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		if (shapes[i].letter == letter)
			return number_fields(&shapes[i], s, ev);
	}
	return LINE_UNPARSED;
}

static enum line_class header_line(struct lexer *lx, struct span s)
{
	uint64_t cpus;

	if (starts(&s, "# kernel ")) {
		s.p += 9;
		snprintf(lx->facts.kernel, sizeof(lx->facts.kernel), "%.*s",
			 (int)(s.end - s.p > 63 ? 63 : s.end - s.p), s.p);
	} else if (starts(&s, "# cpus ")) {
		s.p += 7;
		if (take_u64(&s, 10, &cpus))
			lx->facts.cpus = (uint32_t)cpus;
	} else if (starts(&s, "# arch aarch64")) {
		lx->facts.arm64 = true;
	}
	return LINE_HEADER;
}

static enum line_class lines_line(struct lexer *lx, const char *text,
				  size_t bytes, struct raw_event *ev)
{
	struct span s = { text, text + bytes };
	uint64_t head[4];	/* ns, cpu, pid, tid */
	const char *semi;
	char letter;

	skip_spaces(&s);
	if (s.p == s.end)
		return LINE_BLANK;
	if (*s.p == '#' || starts(&s, "Attaching "))
		return header_line(lx, s);
	for (int i = 0; i < 4; i++) {
		if (!take_u64(&s, 10, &head[i]) || !starts(&s, " "))
			return LINE_UNPARSED;
		skip_spaces(&s);
	}
	if (s.p == s.end || head[0] > INT64_MAX || head[1] > UINT16_MAX ||
	    head[2] > UINT32_MAX || head[3] > UINT32_MAX)
		return LINE_UNPARSED;
	ev->ts = (int64_t)head[0];
	ev->cpu = (uint16_t)head[1];
	ev->tgid = head[2] ? (uint32_t)head[2] : TGID_UNKNOWN;
	ev->tid = (uint32_t)head[3];
	ev->irq_known = ev->in_irq = ev->sampled = false;
	ev->comm_bytes = 0;
	letter = *s.p++;
	semi = letter == 'T' ? NULL : memchr(s.p, ';',
					     (size_t)(s.end - s.p));
	if (semi && s.end - semi > 2) {
		ev->comm = semi + 2;
		ev->comm_bytes = (uint8_t)(s.end - ev->comm > 255 ? 255 :
					   s.end - ev->comm);
	}
	if (semi)
		s.end = semi;
	lx->facts.stamped = true;
	lx->facts.fraction_digits = 9;
	return fields(lx, letter, s, ev);
}

static int detect(const char *text, size_t bytes)
{
	/* bpftrace says "Attaching N probes..." first */
	if (bytes > 4096)
		bytes = 4096;
	return memmem(text, bytes, magic, sizeof(magic) - 1) ? 300 : 0;
}

const struct import_format format_lines = {
	.name = "lines",
	.detect = detect,
	.line = lines_line,
};
