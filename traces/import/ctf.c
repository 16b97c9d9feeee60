/*
 * CTF as babeltrace (1 and 2) prints it: LTTng's kernel tracer, and perf data
 * through `perf data convert --to-ctf`.
 *
 *   [STAMP] (+DELTA) HOST EVENT: { cpu_id = N }, { CONTEXT }, { FIELDS }
 *
 * STAMP is the time of day or, with --clock-seconds, seconds; the delta may be
 * missing. The thread is a context (tid, vtid) where the session has it, or a
 * field of perf's; else it is whoever sched_switch last put on that CPU.
 * Calls are spelled syscall_entry_x and syscall_exit_x, by old tracers sys_x
 * and exit_syscall, by perf sys_enter_x and sys_exit_x.
 *
 * Invariant: a field counts only at the first level of its block, so that no
 * string and no nested structure is taken for one. Cost: one pass a line.
 * Limits: --clock-cycles has no unit; the context of a waking is known from
 * perf only (common_flags); LTTng has no mmap_lock, vmalloc and TLB events.
 */
#include <string.h>
#include "sim/base/mem.h"
#include "traces/import/idmap.h"
#include "traces/import/lexer.h"

enum { FIELDS_MAX = 24 };

#define DAY_NS 86400000000000LL

struct ctf_state {
	struct idmap on_cpu;	/* cpu to tid, from sched_switch */
	struct idmap in_call;	/* tid to call, for exit_syscall without name */
	int64_t last_ns, day_ns;
};

struct field {
	const char *name;
	size_t bytes;
	uint64_t value;
	const char *text;	/* of a string, between its quotes */
	size_t text_bytes;
};

/** struct block - one { .. }, its numbers and strings */
struct block {
	struct field field[FIELDS_MAX];
	unsigned count;
};

static void state_release(void *state)
{
	struct ctf_state *st = state;

	idmap_release(&st->on_cpu);
	idmap_release(&st->in_call);
}

static struct ctf_state *state_of(struct lexer *lx)
{
	if (!lx->state) {
		lx->state = xcalloc(1, sizeof(struct ctf_state));
		lx->state_release = state_release;
	}
	return lx->state;
}

/* behind the bracket that closes the one at @p, strings stepped over */
static const char *nested_end(const char *p, const char *end)
{
	int depth = 0;

	for (; p < end; p++) {
		if (*p == '"') {
			for (p++; p < end && *p != '"'; p++)
				p += *p == '\\';
			if (p >= end)
				return end;
		} else if (*p == '{' || *p == '[' || *p == '(') {
			depth++;
		} else if (*p == '}' || *p == ']' || *p == ')') {
			if (!--depth)
				return p + 1;
		}
	}
	return end;
}

/* a number, a string, or something in brackets: an enum's is its number */
static void take_value(struct span *s, struct field *f)
{
	const char *start = s->p;
	struct span in;

	if (starts(s, "\"")) {
		for (s->p++; s->p < s->end && *s->p != '"'; s->p++)
			s->p += *s->p == '\\' && s->p + 1 < s->end;
		f->text = start + 1;
		f->text_bytes = (size_t)(s->p - start - 1);
		s->p += s->p < s->end;
	} else if (starts(s, "(") || starts(s, "{") || starts(s, "[")) {
		in = (struct span){ start, nested_end(start, s->end) };
		s->p = in.end;
		if (*start == '(' && skip_to(&in, "container = "))
			take_u64(&in, 10, &f->value);
	} else if (!take_u64(s, 10, &f->value)) {
		while (s->p < s->end && *s->p != ',' && *s->p != ' ')
			s->p++;
	}
}

/* "{ name = value, .. }" */
static bool take_block(struct span *s, struct block *b)
{
	b->count = 0;
	if (!starts(s, "{"))
		return false;
	for (s->p++;;) {
		struct field f = { 0 };

		skip_spaces(s);
		if (starts(s, "}")) {
			s->p++;
			return true;
		}
		for (f.name = s->p; s->p < s->end && is_word(*s->p); s->p++)
			;
		f.bytes = (size_t)(s->p - f.name);
		skip_spaces(s);
		if (!f.bytes || !starts(s, "= "))
			return false;
		s->p += 2;
		take_value(s, &f);
		if (b->count < FIELDS_MAX)
			b->field[b->count++] = f;
		skip_spaces(s);
		if (starts(s, ","))
			s->p++;
	}
}

static const struct field *find(const struct block *b, const char *name)
{
	size_t n = strlen(name);

	for (unsigned i = 0; i < b->count; i++) {
		if (b->field[i].bytes == n && !memcmp(b->field[i].name, name, n))
			return &b->field[i];
	}
	return NULL;
}

/* the first of `a|b` that is there */
static bool find_u64(const struct block *b, const char *names, uint64_t *v)
{
	for (const char *p = names; *p;) {
		size_t n = strcspn(p, "|");

		for (unsigned i = 0; i < b->count; i++) {
			const struct field *f = &b->field[i];

			if (f->bytes == n && !memcmp(f->name, p, n)) {
				*v = f->value;
				return true;
			}
		}
		p += n + (p[n] == '|');
	}
	return false;
}

/* where the values of an event stand; a missing one is 0 */
static const struct layout {
	uint8_t type;
	const char *name[RAW_VALUES];
} layouts[] = {
	{ RAW_FAULT_USER, { "address", "ip", "error_code" } },
	{ RAW_FAULT_KERNEL, { "address", "ip", "error_code" } },
	{ RAW_LOCK_START, { "mm", "write" } },
	{ RAW_LOCK_ACQUIRED, { "mm", "write", "success" } },
	{ RAW_LOCK_RELEASED, { "mm", "write" } },
	{ RAW_CONTENTION_BEGIN, { "lock_addr", "flags" } },
	{ RAW_CONTENTION_END, { "lock_addr", "ret" } },
	{ RAW_TLB_FLUSH, { "pages", "reason" } },
	{ RAW_VMAP_ALLOC, { "addr|va_start", "size", "align", "vstart",
			    "vend", "failed" } },
	{ RAW_VMAP_FREE, { "va_start", "nr_lazy", "nr_lazy_max" } },
	{ RAW_VMAP_PURGE, { "start", "end", "npurged|num_purged" } },
	{ RAW_EXIT_MMAP, { "mt" } },
	{ RAW_NEWTASK, { "pid", "clone_flags" } },
	{ RAW_FORKED, { "parent_tid|parent_pid", "child_tid|child_pid" } },
	{ RAW_EXECED, { "tid|pid", "old_tid|old_pid" } },
	{ RAW_EXITED, { "tid|pid", "group_dead" } },
	{ RAW_FREED, { "tid|pid" } },
	{ RAW_SWITCH, { "prev_tid|prev_pid", "prev_state",
			"next_tid|next_pid" } },
	{ RAW_WAKING, { "tid|pid" } },
	{ RAW_WAKEUP, { "tid|pid" } },
	{ RAW_WAKEUP_NEW, { "tid|pid" } },
	{ RAW_MIGRATE, { "tid|pid", "orig_cpu", "dest_cpu" } },
	{ RAW_RSS_STAT, { "mm_id", "member", "size" } },
};

static enum line_class fill_event(const struct block *b, struct raw_event *ev)
{
	uint64_t child;

	memset(ev->v, 0, sizeof(ev->v));
	if (ev->type == RAW_EXITED)
		ev->v[1] = 2;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
		for (unsigned k = 0; layouts[i].type == ev->type &&
		     k < RAW_VALUES && layouts[i].name[k]; k++) {
			if (!find_u64(b, layouts[i].name[k], &ev->v[k]) && !k)
				return LINE_UNPARSED;
		}
	}
	if (ev->type == RAW_SWITCH)
		ev->v[1] = state_letter(ev->v[1]);
	/* LTTng tells thread and process of the child, perf only the thread */
	if (ev->type == RAW_FORKED && find(b, "child_tid") &&
	    find_u64(b, "child_pid", &child))
		ev->v[2] = child == ev->v[1] ? 2 : 1;
	return LINE_EVENT;
}

static bool begins(const char *name, size_t n, const char *with, size_t *skip)
{
	*skip = strlen(with);
	return n > *skip && !memcmp(name, with, *skip);
}

/* what perf puts into each event; babeltrace drops an underscore of the last */
static bool added_by_tool(const struct field *f)
{
	static const char *const with[] = { "perf_", "common_", "__syscall_n",
					    "_syscall_n" };
	size_t skip;

	for (size_t i = 0; i < sizeof(with) / sizeof(*with); i++) {
		if (begins(f->name, f->bytes, with[i], &skip))
			return true;
	}
	return false;
}

/* arguments by their place */
static void fill_args(const struct block *b, struct raw_event *ev)
{
	unsigned at = 0;

	memset(ev->v, 0, sizeof(ev->v));
	for (unsigned i = 0; i < b->count && at < RAW_VALUES; i++) {
		if (!added_by_tool(&b->field[i]))
			ev->v[at++] = b->field[i].value;
	}
	if (ev->call == CALL_MMAP)
		ev->v[4] &= UINT32_MAX;		/* an int in the kernel's eyes */
}

static void name_call(struct lexer *lx, struct raw_event *ev, const char *name,
		      size_t n)
{
	name_of_call(lx, ev, name, n);
	if (n == 5 && !memcmp(name, "mmap2", 5))	/* offset in pages */
		ev->call = CALL_MMAP;
}

/* a system call by any tracer's spelling; false: it is another event */
static bool take_call(struct lexer *lx, const char *name, size_t n,
		      const struct block *b, struct raw_event *ev)
{
	struct ctf_state *st = lx->state;
	bool exit = false;
	size_t skip = 0;

	if (n == 12 && !memcmp(name, "exit_syscall", 12)) {
		ev->type = RAW_EXIT;
		ev->call = (uint8_t)idmap_find(&st->in_call, ev->tid,
					       CALL_OTHER);
		ev->name = name;
		ev->name_bytes = (uint8_t)n;
		memset(ev->v, 0, sizeof(ev->v));
		return find_u64(b, "ret", &ev->v[0]);
	}
	if (begins(name, n, "syscall_exit_", &skip) ||
	    begins(name, n, "compat_syscall_exit_", &skip) ||
	    begins(name, n, "sys_exit_", &skip))
		exit = true;
	else if (!begins(name, n, "syscall_entry_", &skip) &&
		 !begins(name, n, "compat_syscall_entry_", &skip) &&
		 !begins(name, n, "sys_enter_", &skip) &&
		 !begins(name, n, "sys_", &skip))
		return false;
	name_call(lx, ev, name + skip, n - skip);
	ev->type = exit ? RAW_EXIT : RAW_ENTER;
	if (!exit) {
		fill_args(b, ev);
		if (n - skip == 5 && !memcmp(name + skip, "mmap2", 5))
			ev->v[5] <<= 12;
		idmap_set(&st->in_call, ev->tid, ev->call);
		return true;
	}
	memset(ev->v, 0, sizeof(ev->v));
	return find_u64(b, "ret", &ev->v[0]);
}

/* the name of the thread itself: a context, or what a few events tell */
static void take_comm(const struct block *context, const struct block *b,
		      struct raw_event *ev)
{
	const struct field *comm = find(context, "procname");
	size_t n;

	if (!comm)
		comm = find(b, "prev_comm");
	if (!comm)
		comm = find(b, "parent_comm");
	if (!comm && (find(b, "old_pid") || find(b, "old_tid")))
		comm = find(b, "filename");	/* sched_process_exec */
	if (!comm || !comm->text)
		return;
	ev->comm = comm->text;
	if (comm->name[0] == 'f' && memrchr(comm->text, '/', comm->text_bytes))
		ev->comm = (const char *)memrchr(comm->text, '/',
						 comm->text_bytes) + 1;
	n = comm->text_bytes - (size_t)(ev->comm - comm->text);
	ev->comm_bytes = (uint8_t)(n > 255 ? 255 : n);
}

/* perf keeps the kernel's trace flags, which tell an interrupt from a task */
static void take_flags(struct lexer *lx, const struct block *b,
		       struct raw_event *ev)
{
	enum { HARDIRQ = 8, SOFTIRQ = 16 };	/* trace_flag_type */
	uint64_t flags;

	if (!find_u64(b, "common_flags", &flags))
		return;
	lx->facts.has_flags = true;
	ev->irq_known = true;
	ev->in_irq = flags & (HARDIRQ | SOFTIRQ);
}

/* who: a context, perf's own fields, or who is on that CPU */
static bool take_who(struct ctf_state *st, const struct block *context,
		     const struct block *b, struct raw_event *ev)
{
	uint64_t tid, tgid;

	ev->tgid = TGID_UNKNOWN;
	if (find_u64(context, "pid|vpid", &tgid) ||
	    find_u64(b, "perf_pid", &tgid))
		ev->tgid = (uint32_t)tgid;
	take_comm(context, b, ev);
	if (!find_u64(context, "tid|vtid", &tid) &&
	    !find_u64(b, "perf_tid", &tid))
		tid = idmap_find(&st->on_cpu, ev->cpu, UINT64_MAX);
	if (tid > UINT32_MAX)
		return false;
	ev->tid = (uint32_t)tid;
	return true;
}

static enum line_class take_event(struct lexer *lx, const char *name, size_t n,
				  const struct block *context,
				  const struct block *b, struct raw_event *ev)
{
	static const char faults[] = "x86_exceptions_";
	struct ctf_state *st = lx->state;
	bool known = take_who(st, context, b, ev);
	enum line_class c;
	size_t skip;

	take_flags(lx, b, ev);
	if (known && take_call(lx, name, n, b, ev))
		return LINE_EVENT;
	if (begins(name, n, faults, &skip)) {
		name += skip;
		n -= skip;
	}
	ev->name = name;
	ev->name_bytes = (uint8_t)(n > 255 ? 255 : n);
	ev->type = (uint8_t)name_find(&lx->events, name, n);
	if (ev->type == RAW_OTHER && (known || !begins(name, n, "sys", &skip)))
		return LINE_EVENT;
	c = ev->type == RAW_OTHER ? LINE_NAMED : fill_event(b, ev);
	if (c == LINE_EVENT && ev->type == RAW_SWITCH) {
		if (!known)
			ev->tid = (uint32_t)ev->v[0];
		idmap_set(&st->on_cpu, ev->cpu, ev->v[2]);
	} else if (!known) {
		return line_named(ev, "event of an unknown thread (no context "
				  "tid, no sched_switch before)");
	}
	return c;
}

/* "[17:46:22.814968903]", "[2026-01-31 17:..]", "[1457113582.796187631]" */
static bool take_stamp(struct lexer *lx, struct span *s, int64_t *ts)
{
	struct ctf_state *st = lx->state;
	struct span at = *s, date;
	unsigned digits;

	if (!starts(&at, "["))
		return false;
	at.p++;
	date = at;
	if (date.end - date.p > 11 && date.p[4] == '-' && date.p[10] == ' ')
		at.p += 11;
	if (take_day_time(&at, ts, &digits)) {
		if (*ts + st->day_ns < st->last_ns - DAY_NS / 2)
			st->day_ns += DAY_NS;	/* midnight went by */
		*ts += st->day_ns;
	} else if (!take_fraction(&at, ts, &digits) || !digits) {
		return false;
	}
	if (!starts(&at, "]"))
		return false;
	st->last_ns = *ts;
	lx->facts.stamped = true;
	lx->facts.fraction_digits = digits;
	s->p = at.p + 1;
	return true;
}

/* [warning] Tracer discarded 12 events between [..] and [..] in trace .. */
static enum line_class message(struct span s, struct raw_event *ev)
{
	memset(ev->v, 0, sizeof(ev->v));
	if (!skip_to(&s, "racer discarded ") || !take_u64(&s, 10, &ev->v[0]))
		return LINE_UNPARSED;
	ev->type = RAW_LOST;
	return LINE_EVENT;
}

static enum line_class ctf_line(struct lexer *lx, const char *text,
				size_t bytes, struct raw_event *ev)
{
	struct span s = { text, text + bytes };
	struct block cpu, part[2] = { { .count = 0 }, { .count = 0 } };
	unsigned last = 0, blocks = 1;
	const char *name, *end;
	uint64_t n = 0;

	skip_spaces(&s);
	if (s.p == s.end)
		return LINE_BLANK;
	state_of(lx);
	*ev = (struct raw_event){ .tgid = TGID_UNKNOWN };
	if (!take_stamp(lx, &s, &ev->ts))
		return message(s, ev);
	end = memmem(s.p, (size_t)(s.end - s.p), ": {", 3);
	if (!end)
		return LINE_UNPARSED;
	for (name = end; name > s.p && name[-1] != ' ' && name[-1] != ':';
	     name--)
		;
	s.p = end + 2;
	if (!take_block(&s, &cpu))
		return LINE_UNPARSED;
	/* contexts stand between the CPU and the fields, which are the last */
	for (; starts(&s, ", {"); blocks++) {
		s.p += 2;
		last ^= blocks > 1;
		if (!take_block(&s, &part[last]))
			return LINE_UNPARSED;
	}
	find_u64(&cpu, "cpu_id", &n);
	ev->cpu = n > UINT16_MAX ? 0 : (uint16_t)n;
	return take_event(lx, name, (size_t)(end - name), &part[!last],
			  &part[last], ev);
}

static int detect(const char *text, size_t bytes)
{
	const struct look l = lexer_look(ctf_line, text, bytes);

	return reads_most(&l, true) ? 60 : 0;
}

const struct import_format format_ctf = {
	.name = "ctf",
	.detect = detect,
	.line = ctf_line,
};
