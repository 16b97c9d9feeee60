/*
 * `perf script` text: default fields and -F comm,pid,tid,cpu,time,event,trace,
 * any subset that keeps tid, time, event and trace; --ns or not; call chains;
 * the side records of --show-task-events, --show-mmap-events and
 * --show-lost-events.
 *
 *   comm TID|PID/TID [CPU] SECONDS: [PERIOD] group:event: fields
 *
 * Software events page-faults carry an address only with -d and -F +addr, and
 * are sampled unless -c 1 was given: a period above 1 marks the fault so.
 * Limits: --deltatime cannot be told from other stamps and gives nonsense.
 */
#include <string.h>
#include "sim/base/mem.h"
#include "traces/import/lexer.h"

struct perf_state {
	bool faults_traced;	/* exceptions:page_fault_* are there as well */
};

/* the number that ends at @p; where it starts, or NULL */
static const char *number_before(const char *begin, const char *p,
				 uint32_t *out)
{
	const char *end = p;
	uint64_t v = 0, unit = 1;

	for (; p > begin && is_digit(p[-1]) && end - p < 10; unit *= 10)
		v += (uint64_t)(*--p - '0') * unit;
	if (p == end || v > UINT32_MAX)
		return NULL;
	*out = (uint32_t)v;
	return p;
}

static const char *spaces_before(const char *begin, const char *p)
{
	while (p > begin && p[-1] == ' ')
		p--;
	return p;
}

/* what -F +misc puts behind the CPU: K, U, H, and letters of other records */
static const char *before_misc(const char *begin, const char *p)
{
	const char *end = p;

	while (p > begin && ((p[-1] >= 'A' && p[-1] <= 'Z') || p[-1] == 'g'))
		p--;
	if (p == end || end - p > 8 || p == begin || p[-1] != ' ')
		return end;
	p = spaces_before(begin, p);
	return p > begin && (p[-1] == ']' || is_digit(p[-1])) ? p : end;
}

/* -1: the task is gone, and its last switch or flush is still to be printed */
static const char *tid_before(const char *begin, const char *p, uint32_t *tid)
{
	p = number_before(begin, p, tid);
	if (p && p > begin + 1 && *tid == 1 && p[-1] == '-') {
		*tid = TID_GONE;
		p--;
	}
	return p;
}

/* "comm TID", "comm PID/TID", each with "[CPU]" behind or not */
static bool take_who(const char *begin, const char *end, struct raw_event *ev)
{
	const char *p = before_misc(begin, spaces_before(begin, end));
	uint32_t cpu = 0, tgid;

	ev->tgid = TGID_UNKNOWN;
	if (p > begin && p[-1] == ']') {
		p = number_before(begin, p - 1, &cpu);
		if (!p || p == begin || p[-1] != '[' || cpu > UINT16_MAX)
			return false;
		p = spaces_before(begin, p - 1);
	}
	p = tid_before(begin, p, &ev->tid);
	if (!p)
		return false;
	if (p > begin && p[-1] == '/') {
		p = tid_before(begin, p - 1, &tgid);
		if (!p)
			return false;
		ev->tgid = tgid;
	}
	if (p > begin && p[-1] != ' ')
		return false;
	while (begin < p && *begin == ' ')
		begin++;
	p = spaces_before(begin, p);
	ev->cpu = (uint16_t)cpu;
	ev->comm = begin;
	ev->comm_bytes = (uint8_t)(p - begin > 255 ? 255 : p - begin);
	return true;
}

/* the first "DIGITS.DIGITS: " with a task before it; @s behind the colon */
static bool take_head(struct lexer *lx, struct span *s, struct raw_event *ev)
{
	const char *colon = s->p;

	while ((colon = memchr(colon, ':', (size_t)(s->end - colon)))) {
		const char *p = colon++;
		struct span stamp;
		unsigned digits;

		while (p > s->p && (is_digit(p[-1]) || p[-1] == '.'))
			p--;
		stamp = (struct span){ p, colon };
		if (p == colon - 1 || (p > s->p && p[-1] != ' ') ||
		    !take_fraction(&stamp, &ev->ts, &digits) || !digits ||
		    !take_who(s->p, p, ev))
			continue;
		lx->facts.stamped = true;
		lx->facts.fraction_digits = digits;
		s->p = colon;
		return true;
	}
	return false;
}

/* "(PID:TID):(PPID:PTID)" */
static bool take_pair(struct span *s, uint64_t id[4])
{
	for (int i = 0; i < 4; i++) {
		while (s->p < s->end && !is_digit(*s->p))
			s->p++;
		if (!take_u64(s, 10, &id[i]) || id[i] > UINT32_MAX)
			return false;
	}
	return true;
}

static enum line_class task_record(struct span s, struct raw_event *ev,
				   bool fork)
{
	uint64_t id[4];

	if (!take_pair(&s, id))
		return LINE_UNPARSED;
	memset(ev->v, 0, sizeof(ev->v));
	/* the name in front is that of the task on the CPU: not always its */
	if (ev->tid != (fork ? id[3] : id[1]))
		ev->comm_bytes = 0;
	if (fork) {
		ev->type = RAW_FORKED;
		ev->tid = (uint32_t)id[3];
		ev->tgid = (uint32_t)id[2];
		ev->v[0] = id[3];
		ev->v[1] = id[1];
		ev->v[2] = id[0] == id[2] ? 1 : 2;
	} else {
		ev->type = RAW_EXITED;
		ev->tid = (uint32_t)id[1];
		ev->tgid = (uint32_t)id[0];
		ev->v[0] = id[1];
		ev->v[1] = 2;
	}
	return LINE_EVENT;
}

/* "COMM exec: name:PID/TID"; without "exec" it only names */
static enum line_class comm_record(struct span s, struct raw_event *ev)
{
	skip_spaces(&s);
	if (!starts(&s, "exec"))
		return LINE_HEADER;
	memset(ev->v, 0, sizeof(ev->v));
	ev->type = RAW_EXECED;
	ev->v[0] = ev->v[1] = ev->tid;
	ev->v[2] = 1;
	return LINE_EVENT;
}

static uint64_t area_flags(struct span s)
{
	uint64_t flags = 0;

	if (s.end - s.p < 5)
		return 0;
	flags |= s.p[0] == 'r' ? AREA_READ : 0;
	flags |= s.p[1] == 'w' ? AREA_WRITE : 0;
	flags |= s.p[2] == 'x' ? AREA_EXEC : 0;
	flags |= s.p[3] == 's' ? AREA_SHARED : 0;
	s.p += 5;
	if (starts(&s, "[stack"))
		flags |= AREA_STACK;
	else if (starts(&s, "[heap"))
		flags |= AREA_HEAP;
	else if (starts(&s, "["))
		flags |= AREA_SPECIAL;
	else if (starts(&s, "/") && !starts(&s, "//"))
		flags |= AREA_FILE;
	return flags;
}

/* "MMAP2 PID/TID: [0xSTART(0xLEN) @ 0xOFF dev ino gen]: r-xp PATH" */
static enum line_class area_record(struct span s, struct raw_event *ev)
{
	uint64_t pid, tid;

	skip_spaces(&s);
	if (starts(&s, "-"))
		return LINE_HEADER;	/* the kernel's own text */
	if (!take_u64(&s, 10, &pid) || s.p == s.end || *s.p++ != '/' ||
	    !take_u64(&s, 10, &tid) || !skip_to(&s, "[") ||
	    !take_u64(&s, 16, &ev->v[0]) || s.p == s.end || *s.p++ != '(' ||
	    !take_u64(&s, 16, &ev->v[1]) || tid > UINT32_MAX)
		return LINE_UNPARSED;
	if (tid != ev->tid)
		ev->comm_bytes = 0;
	ev->type = RAW_AREA;
	ev->tid = (uint32_t)tid;
	ev->tgid = (uint32_t)pid;
	ev->v[2] = skip_to(&s, "]: ") ? area_flags(s) : AREA_READ;
	return LINE_EVENT;
}

static enum line_class side_record(struct span s, struct raw_event *ev)
{
	if (starts(&s, "PERF_RECORD_FORK"))
		return task_record(s, ev, true);
	if (starts(&s, "PERF_RECORD_EXIT"))
		return task_record(s, ev, false);
	if (starts(&s, "PERF_RECORD_COMM")) {
		s.p += sizeof("PERF_RECORD_COMM") - 1;
		return comm_record(s, ev);
	}
	if (starts(&s, "PERF_RECORD_MMAP")) {
		skip_to(&s, " ");
		return area_record(s, ev);
	}
	if (starts(&s, "PERF_RECORD_LOST")) {
		ev->type = RAW_LOST;
		ev->v[0] = 0;
		if (skip_to(&s, "lost "))
			take_u64(&s, 10, &ev->v[0]);
		return LINE_EVENT;
	}
	return line_named(ev, "perf side record not used");
}

static bool take_hex_word(struct span *s, uint64_t *v)
{
	skip_spaces(s);
	return take_u64(s, 16, v) && (s->p == s->end || *s->p == ' ');
}

/* "ADDR [sym (dso)] IP [sym (dso)]", or the IP alone: of no use */
static enum line_class software_fault(struct lexer *lx, struct span s,
				      struct raw_event *ev)
{
	const struct perf_state *st = lx->state;
	uint64_t addr, ip = 0;
	bool have = false, alone;

	if (st->faults_traced)
		return line_named(ev, "page-faults repeats page_fault_user");
	if (!take_hex_word(&s, &addr))
		return line_named(ev, "page-faults without address: perf "
				      "record -d, perf script -F +addr");
	skip_spaces(&s);
	alone = s.p == s.end;
	while (!have && s.p < s.end) {
		have = take_hex_word(&s, &ip) && ip > 0xffff;
		while (!have && s.p < s.end && *s.p != ' ')
			s.p++;
		skip_spaces(&s);
	}
	/* one number and its symbol: the ip of the default fields */
	if (!have && !alone)
		return line_named(ev, "page-faults without address: perf "
				      "record -d, perf script -F +addr");
	ev->type = RAW_FAULT_USER;
	ev->v[0] = addr;
	ev->v[1] = ip;
	ev->v[2] = 4;		/* user; write or read is not known */
	return LINE_EVENT;
}

static bool is_software_fault(const char *name, size_t n)
{
	return (n >= 11 && !memcmp(name, "page-faults", 11)) ||
	       (n >= 12 && !memcmp(name, "minor-faults", 12)) ||
	       (n >= 12 && !memcmp(name, "major-faults", 12)) ||
	       (n >= 6 && !memcmp(name, "faults", 6));
}

static enum line_class perf_event(struct lexer *lx, struct span s,
				  struct raw_event *ev)
{
	struct perf_state *st = lx->state;
	uint64_t period = 1;
	const char *name, *p, *colon;
	struct span at;

	skip_spaces(&s);
	at = s;
	if (at.p < at.end && is_digit(*at.p) && take_u64(&at, 10, &period) &&
	    at.p < at.end && *at.p == ' ') {
		s = at;
		skip_spaces(&s);
	}
	ev->sampled = period > 1;
	if (starts(&s, "PERF_RECORD_"))
		return side_record(s, ev);
	for (name = p = s.p; p < s.end && *p != ' '; p++)
		;
	s.p = p;
	while (p > name && p[-1] == ':')
		p--;
	if (p == s.p || p == name)
		return LINE_UNPARSED;
	skip_spaces(&s);
	if (is_software_fault(name, (size_t)(p - name)))
		return software_fault(lx, s, ev);
	colon = memchr(name, ':', (size_t)(p - name));
	if (colon)
		name = colon + 1;
	if (p - name > 10 && !memcmp(name, "page_fault", 10))
		st->faults_traced = true;
	return event_named(lx, name, (size_t)(p - name), s, ev);
}

/* --header: what the machine was */
static enum line_class header_line(struct lexer *lx, struct span s)
{
	struct span at = s;
	uint64_t cpus;

	if (starts(&s, "# os release : ")) {
		s.p += 15;
		snprintf(lx->facts.kernel, sizeof(lx->facts.kernel), "%.*s",
			 (int)(s.end - s.p > 63 ? 63 : s.end - s.p), s.p);
	} else if (starts(&s, "# nrcpus online : ")) {
		s.p += 18;
		if (take_u64(&s, 10, &cpus))
			lx->facts.cpus = (uint32_t)cpus;
	} else if (starts(&at, "# arch : aarch64")) {
		lx->facts.arm64 = true;
	}
	return LINE_HEADER;
}

static enum line_class perf_line(struct lexer *lx, const char *text,
				 size_t bytes, struct raw_event *ev)
{
	struct span s = { text, text + bytes }, word = s;

	if (!lx->state)
		lx->state = xcalloc(1, sizeof(struct perf_state));
	ev->sampled = ev->irq_known = ev->in_irq = false;
	skip_spaces(&word);
	if (word.p == word.end)
		return LINE_BLANK;
	if (*text == '#')
		return header_line(lx, s);
	if (*text == '\t' && lx->facts.stamped)	/* below an event */
		return line_named(ev, "call-chain lines");
	if (!take_head(lx, &s, ev))
		return LINE_UNPARSED;
	return perf_event(lx, s, ev);
}

static int detect(const char *text, size_t bytes)
{
	const struct look l = lexer_look(perf_line, text, bytes);

	return reads_most(&l, true) ? 60 : 0;
}

const struct import_format format_perf = {
	.name = "perf",
	.detect = detect,
	.line = perf_line,
};
