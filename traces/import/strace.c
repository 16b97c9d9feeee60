/*
 * strace text: with or without -f, -ff, -o, -t, -tt, -ttt, -r, -T, -n, -i, -k,
 * -y, -X raw, --decode-pids, ns precision; stderr output torn by strace's own
 * messages.
 *
 *   [pid N] STAMP name(args) = result <seconds>
 *   [pid N] STAMP name(args <unfinished ...>
 *   [pid N] STAMP <... name resumed>args) = result <seconds>
 *
 * A stamp is that of the entry; without -T a call has no duration, without a
 * stamp lines have an order and no time. The first process has no pid column
 * on stderr until there is a second one; it is thread 1 then, or what -ff put
 * behind the file's name.
 * Invariant: a task is the same number from its first line to its last.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/import/calltext.h"
#include "traces/import/idmap.h"

enum { TORN_BYTES = 4096, PID_MAX = 1 << 22, UNKNOWN_TID = 1 };

#define DAY_NS 86400000000000LL

struct strace_state {
	struct idmap live;		/* tids that a line or message named */
	uint64_t live_sum;		/* all of them by xor: the last one's */
	uint32_t alias;			/* tid that turned out to be the first */
	bool nameless;			/* a line without pid was seen */
	int64_t last_ns, day_ns, relative_ns, base_ns, order;
	unsigned length_digits;		/* of -T, where it is finer */
	size_t torn;
	char text[TORN_BYTES];		/* line that a message tore */
};

struct strace_head {
	uint32_t tid;
	bool has_tid, stamped, relative;
	int64_t ts, unit_ns;
};

static void state_release(void *state)
{
	idmap_release(&((struct strace_state *)state)->live);
}

static struct strace_state *state_of(struct lexer *lx)
{
	if (!lx->state) {
		lx->state = xcalloc(1, sizeof(struct strace_state));
		lx->state_release = state_release;
	}
	return lx->state;
}

static void live_add(struct strace_state *st, uint32_t tid)
{
	if (idmap_find(&st->live, tid, 0))
		return;
	idmap_set(&st->live, tid, 1);
	st->live_sum ^= tid;
}

static void live_remove(struct strace_state *st, uint32_t tid)
{
	if (!idmap_find(&st->live, tid, 0))
		return;
	idmap_remove(&st->live, tid);
	st->live_sum ^= tid;
}

/* "1935  ", "1935<comm> ", "[pid  1935] "; not the start of a stamp */
static bool take_pid(struct span *s, struct strace_head *h,
		     struct raw_event *ev)
{
	struct span at = *s;
	bool bracket = starts(&at, "[pid ");
	uint64_t pid;

	if (bracket)
		at.p += 5;
	skip_spaces(&at);
	if (at.p == at.end || !is_digit(*at.p) || !take_u64(&at, 10, &pid) ||
	    !pid || pid > PID_MAX || at.p == at.end)
		return false;
	if (*at.p == '<') {
		const char *close = memchr(at.p, '>', (size_t)(at.end - at.p));

		if (!close)
			return false;
		ev->comm = at.p + 1;
		ev->comm_bytes = (uint8_t)(close - at.p - 1);
		at.p = close + 1;
	}
	if (bracket && !starts(&at, "]"))
		return false;
	at.p += bracket;
	if (at.p == at.end || *at.p != ' ')
		return false;
	skip_spaces(&at);
	h->tid = (uint32_t)pid;
	h->has_tid = true;
	*s = at;
	return true;
}

/* HH:MM:SS with or without fraction; midnight adds a day */
static bool take_clock(struct strace_state *st, struct span *s,
		       unsigned *digits, int64_t *ts)
{
	if (!take_day_time(s, ts, digits))
		return false;
	*ts += st->day_ns;
	if (*ts < st->last_ns - DAY_NS / 2) {
		st->day_ns += DAY_NS;
		*ts += DAY_NS;
	}
	return true;
}

/* stamps of a damaged file may add up to more than a clock can hold */
static int64_t later(int64_t ts, int64_t by)
{
	int64_t sum, most = 1LL << 62;

	return __builtin_add_overflow(ts, by, &sum) || sum > most ? most : sum;
}

/* "(+     0.000009)" of -r beside a stamp; taken where it is the finer one */
static void take_relative(struct strace_state *st, struct span *s,
			  struct strace_head *h, unsigned *digits)
{
	struct span at = *s;
	int64_t since;
	unsigned fine;

	if (!starts(&at, "(+"))
		return;
	at.p += 2;
	skip_spaces(&at);
	if (take_fraction(&at, &since, &fine) && fine > *digits) {
		if (!st->base_ns)
			st->base_ns = h->ts;
		st->relative_ns = later(st->relative_ns, since);
		h->ts = later(st->base_ns, st->relative_ns);
		h->relative = true;
		*digits = fine;
	}
	if (skip_to(s, ")"))
		skip_spaces(s);
}

/* any of the stamps; a small number of seconds is relative to the line before */
static void take_time(struct lexer *lx, struct span *s, struct strace_head *h)
{
	struct strace_state *st = lx->state;
	struct span at = *s;
	unsigned digits = 0;
	int64_t ts;

	if (at.p == at.end || !is_digit(*at.p))
		return;
	if (take_clock(st, &at, &digits, &ts)) {
		h->ts = ts;
	} else if (take_fraction(&at, &ts, &digits)) {
		if (!digits)
			ts = ts > PID_MAX && ts < 4000000000 ?
			     ts * 1000000000 : 0;
		else if (ts < 100000000LL * 1000000000)
			h->relative = true;
		if (h->relative)
			ts = st->relative_ns = later(st->relative_ns, ts);
		h->ts = ts;
	}
	if (at.p == s->p || at.p == at.end || *at.p != ' ')
		return;
	skip_spaces(&at);
	take_relative(st, &at, h, &digits);
	h->stamped = true;
	h->unit_ns = 1000000000;
	for (unsigned i = 0; i < digits; i++)
		h->unit_ns /= 10;
	lx->facts.fraction_digits = digits > st->length_digits ?
				    digits : st->length_digits;
	*s = at;
}

/* "[  59] " of -n, "[00007f1234567890] " of -i */
static void skip_brackets(struct span *s)
{
	while (starts(s, "[")) {
		struct span at = *s;

		for (at.p++; at.p < at.end && (is_word(*at.p) || *at.p == ' ' ||
					       *at.p == '?'); at.p++)
			;
		if (!starts(&at, "] "))
			return;
		s->p = at.p + 1;
		skip_spaces(s);
	}
}

/* whose line it is: see the comment at the top */
static void set_task(struct lexer *lx, struct strace_head *h,
		     struct raw_event *ev)
{
	struct strace_state *st = lx->state;
	uint32_t first = lx->file_tid ? lx->file_tid : UNKNOWN_TID;

	if (h->has_tid) {
		if (st->nameless && !st->alias &&
		    !idmap_find(&st->live, h->tid, 0))
			st->alias = h->tid;
		ev->tid = h->tid == st->alias ? first : h->tid;
	} else if (st->live.count == 1) {
		ev->tid = (uint32_t)st->live_sum;
	} else {
		ev->tid = first;
		st->nameless = true;
	}
	live_add(st, ev->tid);
	ev->tgid = TGID_UNKNOWN;
	ev->cpu = 0;
}

/* without stamps the order of lines is all there is */
static void set_stamp(struct lexer *lx, const struct strace_head *h,
		      struct raw_event *ev)
{
	struct strace_state *st = lx->state;

	lx->facts.stamped = true;
	ev->ts = h->stamped ? h->ts : ++st->order;
	/* whole seconds: lines of one second keep their order */
	if (h->stamped && h->unit_ns == 1000000000 &&
	    ev->ts <= st->last_ns && st->last_ns - ev->ts < h->unit_ns)
		ev->ts = st->last_ns + 1;
	/*
	 * A stamp is cut to its unit, and strace reads the clock once for it
	 * and once for -T: us apart. The call before has ended by now.
	 */
	if (ev->ts < st->last_ns && (h->relative ||
	    st->last_ns - ev->ts < h->unit_ns + 20000)) {
		if (h->relative)
			st->relative_ns = later(st->relative_ns,
						st->last_ns - ev->ts);
		ev->ts = st->last_ns;
	}
	ev->start_ts = ev->ts;
	st->last_ns = ev->ts;
}

/* "<0.000030>" at the end of the line */
static bool take_duration(struct span s, int64_t *ns, unsigned *digits)
{
	const char *p = s.end;

	while (p > s.p && p[-1] == ' ')
		p--;
	if (p == s.p || p[-1] != '>')
		return false;
	while (p > s.p && p[-1] != '<')
		p--;
	s.p = p;
	return take_fraction(&s, ns, digits) && *digits && starts(&s, ">");
}

static void set_call(struct lexer *lx, struct raw_event *ev, const char *name,
		     size_t n)
{
	if (n == 5 && !memcmp(name, "mmap2", 5))	/* 32-bit programs */
		n = 4;
	name_of_call(lx, ev, name, n);
}

static enum line_class whole_call(struct lexer *lx, struct span s,
				  bool stamped, struct raw_event *ev)
{
	struct strace_state *st = lx->state;
	struct span args = s;
	int64_t length;
	bool unfinished = false;
	const char *end = args_end(s);
	int known = 0;

	args.end = end ? end : s.end;
	if (!end) {
		const char *mark = memmem(s.p, (size_t)(s.end - s.p),
					  "<unfinished ...>", 16);

		if (!mark)
			return LINE_UNPARSED;
		unfinished = true;
		args.end = mark;
	} else {
		s.p = end + 1;
		if (s.p < s.end)
			known = take_result(s, &ev->result);
		/* clone3({flags=..} <unfinished ...>: closed in the middle */
		if (known < 0)
			return LINE_UNPARSED;
	}
	if (ev->call != CALL_OTHER)
		take_args(args, ev);
	ev->type = unfinished || !known ? RAW_ENTER : RAW_CALL;
	if (ev->type == RAW_CALL && stamped &&
	    take_duration(s, &length, &st->length_digits)) {
		ev->ts += length;
		st->last_ns = ev->ts;
	}
	return LINE_EVENT;
}

/* "<... mmap resumed>) = 0x7f..", "<... clone resumed>, ..) = 7" */
static enum line_class resumed_call(struct lexer *lx, struct span s,
				    struct raw_event *ev)
{
	const char *name = s.p + 5, *end;
	int known;

	for (s.p = name; s.p < s.end && is_word(*s.p); s.p++)
		;
	if (s.p == name || !starts(&s, " resumed>"))
		return line_named(ev, "resumed call that no line began");
	set_call(lx, ev, name, (size_t)(s.p - name));
	s.p += 9;
	end = args_end(s);
	if (!end)
		return LINE_UNPARSED;
	s.p = end + 1;
	known = take_result(s, &ev->result);
	if (known < 0)
		return LINE_UNPARSED;
	if (!known)		/* `= ?`: the task is gone */
		return LINE_HEADER;
	if (ev->call == CALL_CLONE3)
		ev->call = CALL_CLONE;
	ev->type = RAW_EXIT;
	ev->v[0] = (uint64_t)ev->result;
	return LINE_EVENT;
}

/* "+++ exited with 0 +++", "+++ superseded by execve in pid 7 +++" */
static enum line_class end_of_task(struct lexer *lx, struct span s,
				   struct raw_event *ev)
{
	struct strace_state *st = lx->state;
	uint64_t by;

	memset(ev->v, 0, sizeof(ev->v));
	if (skip_to(&s, "superseded by execve in pid ")) {
		if (!take_u64(&s, 10, &by) || !by || by > PID_MAX)
			return LINE_UNPARSED;
		live_remove(st, (uint32_t)by);
		ev->type = RAW_EXECED;
		ev->v[0] = ev->tid;
		ev->v[1] = ev->tid = (uint32_t)by;
		ev->comm_bytes = 0;
		return LINE_EVENT;
	}
	if (!memmem(s.p, (size_t)(s.end - s.p), "exited with", 11) &&
	    !memmem(s.p, (size_t)(s.end - s.p), "killed by", 9))
		return LINE_UNPARSED;
	live_remove(st, ev->tid);
	ev->type = RAW_EXITED;
	ev->v[0] = ev->tid;
	ev->v[1] = 2;
	return LINE_EVENT;
}

static enum line_class body(struct lexer *lx, struct span s, bool stamped,
			    struct raw_event *ev)
{
	const char *name = s.p;

	if (starts(&s, "<... "))
		return resumed_call(lx, s, ev);
	if (starts(&s, "+++ "))
		return end_of_task(lx, s, ev);
	if (starts(&s, "--- "))
		return LINE_HEADER;
	while (s.p < s.end && is_word(*s.p))
		s.p++;
	if (s.p == name || is_digit(*name) || !starts(&s, "("))
		return LINE_UNPARSED;
	set_call(lx, ev, name, (size_t)(s.p - name));
	s.p++;
	return whole_call(lx, s, stamped, ev);
}

/* strace's own words, alone or in the middle of a call */
static bool is_message(struct strace_state *st, struct span s)
{
	const char *hit = memmem(s.p, (size_t)(s.end - s.p), "strace: ", 8);
	struct span rest = { hit, s.end };
	uint64_t pid;

	if (!hit)
		return false;
	if (skip_to(&rest, "strace: Process ") && take_u64(&rest, 10, &pid) &&
	    pid && pid <= PID_MAX && starts(&rest, " attached"))
		live_add(st, (uint32_t)pid);
	else if (hit > s.p)
		return false;
	st->torn = 0;
	if (hit - s.p < TORN_BYTES) {
		st->torn = (size_t)(hit - s.p);
		memcpy(st->text, s.p, st->torn);
	}
	return true;
}

static enum line_class one_line(struct lexer *lx, struct span s,
				struct raw_event *ev)
{
	struct strace_state *st = lx->state;
	struct strace_head h = { 0 };

	ev->comm_bytes = 0;
	ev->irq_known = ev->in_irq = ev->sampled = false;
	if (is_message(st, s))
		return LINE_HEADER;
	if (starts(&s, " > "))
		return line_named(ev, "call-chain lines");
	skip_spaces(&s);
	if (s.p == s.end)
		return LINE_BLANK;
	take_pid(&s, &h, ev);
	take_time(lx, &s, &h);
	skip_brackets(&s);
	if (s.p == s.end || (!is_word(*s.p) && *s.p != '<' && *s.p != '+' &&
			     *s.p != '-'))
		return LINE_UNPARSED;
	set_task(lx, &h, ev);
	set_stamp(lx, &h, ev);
	return body(lx, s, h.stamped, ev);
}

static enum line_class strace_line(struct lexer *lx, const char *text,
				   size_t bytes, struct raw_event *ev)
{
	struct strace_state *st = state_of(lx);
	struct span s = { text, text + bytes };

	/* the rest of a torn call, unless the message came between two calls */
	if (st->torn && st->torn + bytes <= TORN_BYTES) {
		memcpy(st->text + st->torn, text, bytes);
		s = (struct span){ st->text, st->text + st->torn + bytes };
	}
	st->torn = 0;
	return one_line(lx, s, ev);
}

static int detect(const char *text, size_t bytes)
{
	const struct look l = lexer_look(strace_line, text, bytes);

	return reads_most(&l, false) ? 55 : 0;
}

const struct import_format format_strace = {
	.name = "strace",
	.detect = detect,
	.calls_tell_tasks = true,
	.line = strace_line,
};
