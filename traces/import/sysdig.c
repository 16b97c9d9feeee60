/*
 * sysdig text with the default fields:
 *
 *   NUMBER HH:MM:SS.NS CPU PROCESS (TID) > name key=value ..
 *   NUMBER HH:MM:SS.NS CPU PROCESS (TID) < name res=VALUE key=value ..
 *
 * Stamps may be seconds (-t a or -t r). Flags have sysdig's own numbers, so
 * their names in parentheses are read. Lengths are decimal, addresses hex
 * without 0x. Newer ones repeat the arguments at the return, and may leave the
 * entry out: the duration of such a call is unknown.
 *
 * Invariant: a call has one entry and one return in the events that come out.
 * Limits: madvise and mremap are not in sysdig's table; no lock events.
 */
#include <string.h>
#include "sim/base/mem.h"
#include "traces/import/calltext.h"
#include "traces/import/idmap.h"


#define DAY_NS 86400000000000LL

struct sysdig_state {
	struct idmap open;	/* tid to the call that it is in */
	struct idmap forking;	/* tid to when its clone or fork began */
	int64_t last_ns, day_ns;
};

/* which key is which argument; base 0: flags by their names */
static const struct arg_key {
	uint8_t call, at, base;
	const char *key;
} keys[] = {
	{ CALL_MMAP, 0, 16, "addr" }, { CALL_MMAP, 1, 10, "length" },
	{ CALL_MMAP, 2, 0, "prot" }, { CALL_MMAP, 3, 0, "flags" },
	{ CALL_MMAP, 4, 10, "fd" }, { CALL_MMAP, 5, 10, "offset" },
	{ CALL_MUNMAP, 0, 16, "addr" }, { CALL_MUNMAP, 1, 10, "length" },
	{ CALL_MPROTECT, 0, 16, "addr" }, { CALL_MPROTECT, 1, 10, "length" },
	{ CALL_MPROTECT, 2, 0, "prot" },
	{ CALL_BRK, 0, 16, "addr" },
	{ CALL_CLONE, 0, 0, "flags" }, { CALL_CLONE3, 0, 0, "flags" },
};

static void state_release(void *state)
{
	struct sysdig_state *st = state;

	idmap_release(&st->open);
	idmap_release(&st->forking);
}

static struct sysdig_state *state_of(struct lexer *lx)
{
	if (!lx->state) {
		lx->state = xcalloc(1, sizeof(struct sysdig_state));
		lx->state_release = state_release;
	}
	return lx->state;
}

/* " key=" in front of a value */
static bool value_of(struct span s, const char *key, struct span *value)
{
	size_t n = strlen(key);

	while (skip_to(&s, key)) {
		if (s.p - n > value->p && s.p[-(ptrdiff_t)n - 1] == ' ' &&
		    starts(&s, "=")) {
			s.p++;
			*value = s;
			return true;
		}
	}
	return false;
}

static bool take_value(struct span line, const char *key, unsigned base,
		       uint64_t *v)
{
	struct span s = line;

	if (!value_of(line, key, &s))
		return false;
	if (base)	/* errors are decimal, whatever the base */
		return take_u64(&s, starts(&s, "-") ? 10 : base, v);
	*v = 0;
	while (s.p < s.end && *s.p != ' ' && *s.p != '(')
		s.p++;
	if (!starts(&s, "("))
		return true;		/* prot=0: no name */
	s.p++;
	*v = take_flags_text(&s, "");
	return true;
}

static bool named_args(struct span s, struct raw_event *ev)
{
	bool any = false;

	memset(ev->v, 0, sizeof(ev->v));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (keys[i].call == ev->call &&
		    take_value(s, keys[i].key, keys[i].base,
			       &ev->v[keys[i].at]))
			any |= !keys[i].at;
	}
	if (ev->call == CALL_MMAP)
		ev->v[4] &= UINT32_MAX;		/* an int in the kernel's eyes */
	return any;
}

static void name_call(struct lexer *lx, struct raw_event *ev, const char *name,
		      size_t n)
{
	name_of_call(lx, ev, name, n);
	if (n == 5 && !memcmp(name, "mmap2", 5))
		ev->call = CALL_MMAP;
}

static bool is_fork(unsigned call)
{
	return call == CALL_CLONE || call == CALL_CLONE3 ||
	       call == CALL_FORK || call == CALL_VFORK;
}

/* the entry tells nothing but when; flags and child stand at the return */
static enum line_class fork_exit(struct sysdig_state *st, struct span s,
				 struct raw_event *ev)
{
	uint64_t result;

	if (!take_value(s, "res", 10, &result))
		return LINE_UNPARSED;
	if (!result) {			/* in the child */
		ev->type = RAW_EXIT;
		ev->v[0] = 0;
		return LINE_EVENT;
	}
	named_args(s, ev);
	ev->type = RAW_CALL;
	ev->start_ts = (int64_t)idmap_find(&st->forking, ev->tid,
					   (uint64_t)ev->ts);
	ev->result = (int64_t)result;
	idmap_remove(&st->forking, ev->tid);
	return LINE_EVENT;
}

static enum line_class take_exit(struct sysdig_state *st, struct span s,
				 struct raw_event *ev)
{
	bool open = idmap_find(&st->open, ev->tid, CALL_OTHER) == ev->call;
	bool hex = ev->call == CALL_MMAP || ev->call == CALL_BRK;
	uint64_t result = 0;

	if (is_fork(ev->call))
		return fork_exit(st, s, ev);
	idmap_remove(&st->open, ev->tid);
	if (ev->call != CALL_OTHER &&
	    !take_value(s, "res", hex ? 16 : 10, &result))
		return LINE_UNPARSED;
	if (open || !named_args(s, ev)) {
		ev->type = RAW_EXIT;
		ev->v[0] = result;
		return LINE_EVENT;
	}
	ev->type = RAW_CALL;		/* its entry is not printed */
	ev->start_ts = ev->ts;
	ev->result = (int64_t)result;
	return LINE_EVENT;
}

static uint64_t fault_bits(struct span s)
{
	/* x86's bits; sysdig has its own numbers for these names */
	static const struct { const char *name; unsigned bit; } rows[] = {
		{ "PROTECTION_VIOLATION", 1 }, { "WRITE_ACCESS", 2 },
		{ "USER_FAULT", 4 }, { "RESERVED_PAGE", 8 },
		{ "INSTRUCTION_FETCH", 16 },
	};
	uint64_t bits = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (memmem(s.p, (size_t)(s.end - s.p), rows[i].name,
			   strlen(rows[i].name)))
			bits |= rows[i].bit;
	}
	return bits;
}

/* what is no call: faults, exits, switches, losses; 0: it is a call */
static enum line_class take_other(struct span s, const char *name, size_t n,
				  bool enter, struct raw_event *ev)
{
	ev->name = name;
	ev->name_bytes = (uint8_t)(n > 255 ? 255 : n);
	memset(ev->v, 0, sizeof(ev->v));
	if (n == 10 && !memcmp(name, "page_fault", 10)) {
		if (!take_value(s, "addr", 16, &ev->v[0]))
			return LINE_UNPARSED;
		take_value(s, "ip", 16, &ev->v[1]);
		value_of(s, "error", &s);
		ev->v[2] = fault_bits(s);
		ev->type = ev->v[2] & 4 ? RAW_FAULT_USER : RAW_FAULT_KERNEL;
	} else if (n == 8 && !memcmp(name, "procexit", 8)) {
		ev->type = RAW_EXITED;
		ev->v[0] = ev->tid;
		ev->v[1] = 2;
	} else if (n == 6 && !memcmp(name, "switch", 6)) {
		if (!take_value(s, "next", 10, &ev->v[2]))
			return LINE_UNPARSED;
		ev->type = RAW_SWITCH;	/* why it left is not printed */
		ev->v[0] = ev->tid;
		ev->v[1] = '?';
	} else if (n == 4 && !memcmp(name, "drop", 4)) {
		if (!enter)
			return line_named(ev, "end of a loss");
		ev->type = RAW_LOST;
	} else {
		return LINE_BLANK;
	}
	return LINE_EVENT;
}

/* "PROCESS (TID) >": the name may hold anything; @s behind the direction */
static bool take_who(struct span *s, struct raw_event *ev, bool *enter)
{
	const char *open = s->p;

	while ((open = memmem(open, (size_t)(s->end - open), " (", 2))) {
		struct span at = { open + 2, s->end };
		uint64_t tid;

		open += 2;
		if (!take_u64(&at, 10, &tid) || tid > UINT32_MAX ||
		    !(starts(&at, ") > ") || starts(&at, ") < ")))
			continue;
		ev->comm = s->p;
		ev->comm_bytes = (uint8_t)(open - 2 - s->p > 255 ? 255 :
					   open - 2 - s->p);
		ev->tid = (uint32_t)tid;
		*enter = at.p[2] == '>';
		s->p = at.p + 4;
		return true;
	}
	return false;
}

static bool take_stamp(struct lexer *lx, struct span *s, int64_t *ts)
{
	struct sysdig_state *st = lx->state;
	unsigned digits;

	if (take_day_time(s, ts, &digits)) {
		if (*ts + st->day_ns < st->last_ns - DAY_NS / 2)
			st->day_ns += DAY_NS;	/* midnight went by */
		*ts += st->day_ns;
	} else if (!take_fraction(s, ts, &digits) || !digits) {
		return false;
	}
	st->last_ns = *ts;
	lx->facts.stamped = true;
	lx->facts.fraction_digits = digits;
	return true;
}

static enum line_class sysdig_line(struct lexer *lx, const char *text,
				   size_t bytes, struct raw_event *ev)
{
	struct span s = { text, text + bytes };
	struct sysdig_state *st = state_of(lx);
	uint64_t number, cpu;
	enum line_class c;
	const char *name;
	bool enter;
	size_t n;

	skip_spaces(&s);
	if (s.p == s.end)
		return LINE_BLANK;
	*ev = (struct raw_event){ .tgid = TGID_UNKNOWN };
	if (!take_u64(&s, 10, &number) || !starts(&s, " "))
		return LINE_UNPARSED;
	skip_spaces(&s);
	if (!take_stamp(lx, &s, &ev->ts) || !starts(&s, " "))
		return LINE_UNPARSED;
	skip_spaces(&s);
	if (!take_u64(&s, 10, &cpu) || cpu > UINT16_MAX || !starts(&s, " "))
		return LINE_UNPARSED;
	s.p++;
	ev->cpu = (uint16_t)cpu;
	if (!take_who(&s, ev, &enter))
		return LINE_UNPARSED;
	for (name = s.p; s.p < s.end && *s.p != ' '; s.p++)
		;
	n = (size_t)(s.p - name);
	c = take_other(s, name, n, enter, ev);
	if (!n || c != LINE_BLANK)
		return n ? c : LINE_UNPARSED;
	name_call(lx, ev, name, n);
	if (!enter)
		return take_exit(st, s, ev);
	if (is_fork(ev->call)) {
		idmap_set(&st->forking, ev->tid, (uint64_t)ev->ts);
		return LINE_HEADER;
	}
	ev->type = RAW_ENTER;
	named_args(s, ev);
	idmap_set(&st->open, ev->tid, ev->call);
	return LINE_EVENT;
}

static int detect(const char *text, size_t bytes)
{
	const struct look l = lexer_look(sysdig_line, text, bytes);

	return reads_most(&l, false) ? 58 : 0;
}

const struct import_format format_sysdig = {
	.name = "sysdig",
	.detect = detect,
	.calls_tell_tasks = true,
	.line = sysdig_line,
};
