/*
 * `perf trace` text: entry and return in one line, printed at the return.
 *
 *   MS ( DURATION ms): comm/TID name(key: value, ..) = result
 *   MS comm/TID group:event(key: value, ..)
 *
 * Arguments that are zero are left out, flags stand without their prefix.
 * Stamps are ms with three decimals, since the first event or, with -T, since
 * boot. Limits: no CPU; a target of a minfault is a file offset, so faults
 * come from `-e exceptions:page_fault_user` only.
 */
#include <string.h>
#include "sim/base/mem.h"
#include "traces/import/calltext.h"


/* where an argument stands in the kernel's order, and how its flags begin */
static const struct arg_key {
	uint8_t call, at;
	const char *key, *prefix;
} keys[] = {
	{ CALL_MMAP, 0, "addr", "" }, { CALL_MMAP, 1, "len", "" },
	{ CALL_MMAP, 2, "prot", "PROT_" }, { CALL_MMAP, 3, "flags", "MAP_" },
	{ CALL_MMAP, 4, "fd", "" }, { CALL_MMAP, 5, "off", "" },
	{ CALL_MUNMAP, 0, "addr", "" }, { CALL_MUNMAP, 1, "len", "" },
	{ CALL_MREMAP, 0, "addr", "" }, { CALL_MREMAP, 1, "old_len", "" },
	{ CALL_MREMAP, 2, "new_len", "" },
	{ CALL_MREMAP, 3, "flags", "MREMAP_" },
	{ CALL_MREMAP, 4, "new_addr", "" },
	{ CALL_MPROTECT, 0, "start", "" }, { CALL_MPROTECT, 1, "len", "" },
	{ CALL_MPROTECT, 2, "prot", "PROT_" },
	{ CALL_MADVISE, 0, "start", "" }, { CALL_MADVISE, 1, "len_in", "" },
	{ CALL_MADVISE, 2, "behavior", "MADV_" },
	{ CALL_BRK, 0, "brk", "" },
	{ CALL_CLONE, 0, "clone_flags", "CLONE_" },
	{ CALL_CLONE, 0, "flags", "CLONE_" },
};

static const struct arg_key *key_of(unsigned call, const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (keys[i].call == call && strlen(keys[i].key) == n &&
		    !memcmp(keys[i].key, p, n))
			return &keys[i];
	}
	return NULL;
}

/* "key: value, key: value"; what is not named is zero */
static void named_args(struct span s, struct raw_event *ev)
{
	memset(ev->v, 0, sizeof(ev->v));
	while (s.p < s.end) {
		const struct arg_key *k;
		const char *colon, *key;

		skip_spaces(&s);
		key = s.p;
		colon = memchr(key, ':', (size_t)(s.end - key));
		if (!colon)
			break;
		k = key_of(ev->call, key, (size_t)(colon - key));
		s.p = colon + 1;
		skip_spaces(&s);
		if (k)
			ev->v[k->at] = take_flags_text(&s, k->prefix);
		if (!skip_to(&s, ","))
			break;
	}
	if (ev->call == CALL_MMAP && ev->v[3] & 0x20 && !ev->v[4])
		ev->v[4] = UINT32_MAX;
	ev->v[4] &= ev->call == CALL_MMAP ? UINT32_MAX : UINT64_MAX;
}

/* 1.346 ms: a fraction of a second behind it would be a thousandth of that */
static bool take_ms(struct span *s, int64_t *ns)
{
	unsigned digits;

	if (!take_fraction(s, ns, &digits) || !digits)
		return false;
	*ns /= 1000;
	return true;
}

/* "comm/TID ": the comm may hold anything */
static bool take_who(struct span *s, struct raw_event *ev)
{
	const char *slash = s->p;
	uint64_t tid;

	while ((slash = memchr(slash, '/', (size_t)(s->end - slash)))) {
		struct span at = { ++slash, s->end };

		if (at.p == at.end || *at.p < '0' || *at.p > '9' ||
		    !take_u64(&at, 10, &tid) || !starts(&at, " ") ||
		    tid > UINT32_MAX)
			continue;
		ev->comm = s->p;
		ev->comm_bytes = (uint8_t)(slash - 1 - s->p > 255 ? 255 :
					   slash - 1 - s->p);
		ev->tid = (uint32_t)tid;
		s->p = at.p;
		skip_spaces(s);
		return true;
	}
	return false;
}

/* exceptions:page_fault_user(address: 0x.., ip: 1401.., error_code: 7) */
static enum line_class tracepoint(struct lexer *lx, struct span s,
				  const char *name, size_t n,
				  struct raw_event *ev)
{
	struct span at = s;

	ev->name = name;
	ev->name_bytes = (uint8_t)(n > 255 ? 255 : n);
	ev->type = (uint8_t)name_find(&lx->events, name, n);
	if (ev->type != RAW_FAULT_USER && ev->type != RAW_FAULT_KERNEL) {
		ev->type = RAW_OTHER;
		return LINE_EVENT;
	}
	memset(ev->v, 0, sizeof(ev->v));
	if (skip_to(&at, "address: ") || skip_to(&at, "address="))
		take_u64(&at, 10, &ev->v[0]);
	at = s;
	if (skip_to(&at, " ip: ") || skip_to(&at, " ip="))
		take_u64(&at, 10, &ev->v[1]);
	at = s;
	if (skip_to(&at, "error_code: ") || skip_to(&at, "error_code="))
		take_u64(&at, 10, &ev->v[2]);
	return LINE_EVENT;
}

static enum line_class body(struct lexer *lx, struct span s,
			    struct raw_event *ev)
{
	const char *name = s.p, *end, *colon;
	struct span args;
	int known;

	if (starts(&s, "... [continued]: "))
		name = s.p += 17;
	while (s.p < s.end && *s.p != '(' && *s.p != ' ')
		s.p++;
	if (s.p == name || s.p == s.end || *s.p != '(')
		return line_named(ev, "minfault, majfault: no address "
				      "(-e exceptions:page_fault_user)");
	colon = memchr(name, ':', (size_t)(s.p - name));
	if (colon)
		return tracepoint(lx, s, colon + 1, (size_t)(s.p - colon - 1),
				  ev);
	name_of_call(lx, ev, name, (size_t)(s.p - name));
	args = (struct span){ ++s.p, s.end };
	end = args_end(args);
	if (!end)
		return LINE_UNPARSED;
	args.end = s.p = end;
	s.p++;
	if (starts(&s, ")"))	/* "[continued]: clone())" */
		s.p++;
	if (ev->call == CALL_CLONE3)
		ev->call = CALL_CLONE;
	named_args(args, ev);
	known = take_result(s, &ev->result);
	if (known < 0)
		return LINE_UNPARSED;
	ev->type = known ? RAW_CALL : RAW_ENTER;
	return LINE_EVENT;
}

static enum line_class trace_line(struct lexer *lx, const char *text,
				  size_t bytes, struct raw_event *ev)
{
	struct span s = { text, text + bytes };
	int64_t length = 0, start = 0;

	skip_spaces(&s);
	if (s.p == s.end)
		return LINE_BLANK;
	if (starts(&s, "#"))
		return LINE_HEADER;
	ev->irq_known = ev->in_irq = ev->sampled = false;
	ev->cpu = 0;
	ev->tgid = TGID_UNKNOWN;
	if (starts(&s, "? ("))
		return line_named(ev, "call that began before the trace");
	if (!take_ms(&s, &start))
		return LINE_UNPARSED;
	skip_spaces(&s);
	if (starts(&s, "(")) {
		s.p++;
		skip_spaces(&s);
		take_ms(&s, &length);
		if (!skip_to(&s, "):"))
			return LINE_UNPARSED;
		skip_spaces(&s);
	}
	if (!take_who(&s, ev))
		return LINE_UNPARSED;
	lx->facts.stamped = true;
	lx->facts.fraction_digits = 6;
	ev->start_ts = start;
	ev->ts = start + length;
	return body(lx, s, ev);
}

static int detect(const char *text, size_t bytes)
{
	const struct look l = lexer_look(trace_line, text, bytes);

	return reads_most(&l, false) ? 40 : 0;
}

const struct import_format format_perf_trace = {
	.name = "perf-trace",
	.detect = detect,
	.calls_tell_tasks = true,
	.line = trace_line,
};
