/*
 * Fields of the tracepoints, as kernels 5.10 to 7.x, trace-cmd's plugins and
 * the tracefs option `fields` print them. Spellings by kernel are named at
 * the place where they are read.
 *
 * Invariant: a field is found by its key wherever it stands, because option
 * `fields` prints them in the order of the struct. A missing one is 0, or
 * makes the line unparsed where the event would mean nothing without it.
 */
#include <string.h>
#include "traces/import/lexer.h"

/* "key=" or "key:" in front; the value of @base behind, spaces allowed */
static bool key_u64(struct span *s, const char *key, unsigned base,
		    uint64_t *v)
{
	struct span at = *s;
	size_t n = strlen(key);

	while (skip_to(&at, key)) {
		const char *before = at.p - n - 1;

		if (before >= s->p && is_word(*before))
			continue;	/* "pid=" inside "child_pid=" */
		while (at.p < at.end && (*at.p == ' ' || *at.p == '('))
			at.p++;
		if (!take_u64(&at, base, v))
			return false;
		*s = at;
		return true;
	}
	return false;
}

/* true/false, or (1) and (0) with option `fields` */
static bool key_bool(struct span *s, const char *key, uint64_t *v)
{
	struct span at = *s;

	if (!skip_to(&at, key))
		return false;
	while (at.p < at.end && *at.p == '(')
		at.p++;
	if (at.p == at.end)
		return false;
	*v = *at.p == 't' || *at.p == '1';
	*s = at;
	return true;
}

/* key_u64() without moving on: fields may stand in any order */
static bool any_u64(struct span s, const char *key, unsigned base, uint64_t *v)
{
	return key_u64(&s, key, base, v);
}

static bool fault_fields(struct span s, struct raw_event *ev)
{
	if (!skip_to(&s, "address="))
		return false;
	if (!take_u64(&s, 16, &ev->v[0]))
		ev->v[0] = UINT64_MAX;	/* a symbol: kernel text */
	ev->v[1] = 0;
	if (skip_to(&s, " ip=") && s.p + 1 < s.end && s.p[0] == '0' &&
	    s.p[1] == 'x')
		take_u64(&s, 16, &ev->v[1]);	/* else a symbol: 0 */
	return key_u64(&s, "error_code=", 16, &ev->v[2]);
}

/* memcg_path= up to 6.12 (may be empty), memcg_id= later */
static bool lock_fields(struct lexer *lx, struct span s, struct raw_event *ev)
{
	if (!key_u64(&s, "mm=", 16, &ev->v[0]))
		return false;
	if (s.end - s.p > 9 && s.p[1] == 'm' && !memcmp(s.p, " memcg_id", 9))
		lx->facts.memcg_id = true;
	if (!key_bool(&s, "write=", &ev->v[1]))
		return false;
	return ev->type != RAW_LOCK_ACQUIRED ||
	       key_bool(&s, "success=", &ev->v[2]);
}

enum { LCB_SPIN = 1, LCB_READ = 2, LCB_WRITE = 4, LCB_RT = 8, LCB_PERCPU = 16,
       LCB_MUTEX = 32 };	/* include/trace/events/lock.h */

static uint64_t contention_flags(struct span s)
{
	static const char *const names[] = { "SPIN", "READ", "WRITE", "RT",
					     "PERCPU", "MUTEX" };
	uint64_t flags = 0;

	if (s.p < s.end && *s.p >= '0' && *s.p <= '9' &&
	    take_u64(&s, 16, &flags))
		return flags;
	for (unsigned i = 0; i < 6; i++) {
		const char *hit = memmem(s.p, (size_t)(s.end - s.p), names[i],
					 strlen(names[i]));

		if (hit && (hit == s.p || !is_word(hit[-1])))
			flags |= 1u << i;
	}
	return flags;
}

static bool contention_fields(struct span s, struct raw_event *ev)
{
	skip_to(&s, "lock_addr=");
	if (!take_u64(&s, 16, &ev->v[0]))
		return false;
	if (ev->type == RAW_CONTENTION_END) {
		if (!skip_to(&s, "ret="))
			return true;
		return take_u64(&s, 10, &ev->v[1]);
	}
	if (skip_to(&s, "flags="))
		ev->v[1] = contention_flags(s);
	return true;
}

/*
 * "pages:1 reason:local MM shootdown (3)"; trace-cmd's plugin prints '=' and
 * drops unknown reasons' text: "pages=-1 reason= (4)"; option `fields` prints
 * "reason=0x3 (3) pages=0x1 (1)". The number in parentheses is in all.
 */
static bool tlb_fields(struct span s, struct raw_event *ev)
{
	struct span r = s;

	if (!any_u64(s, "pages:", 10, &ev->v[0]) &&
	    !any_u64(s, "pages=", 10, &ev->v[0]))
		return false;
	return skip_to(&r, "reason") && skip_to(&r, "(") &&
	       take_u64(&r, 10, &ev->v[1]);
}

/* decimal start with a colon, hex elsewhere: "va_start: 1844... size=20480" */
static bool vmap_alloc_fields(struct span s, struct raw_event *ev)
{
	if (!any_u64(s, "va_start: ", 10, &ev->v[0]) &&
	    !any_u64(s, "addr=", 16, &ev->v[0]))
		return false;
	any_u64(s, "size=", 10, &ev->v[1]);
	any_u64(s, "align=", 10, &ev->v[2]);
	any_u64(s, "vstart=", 16, &ev->v[3]);
	any_u64(s, "vend=", 16, &ev->v[4]);
	any_u64(s, "failed=", 10, &ev->v[5]);
	return true;
}

static bool vmap_free_fields(struct span s, struct raw_event *ev)
{
	if (!any_u64(s, "va_start=", 16, &ev->v[0]))
		return false;
	any_u64(s, "nr_lazy=", 10, &ev->v[1]);
	any_u64(s, "nr_lazy_max=", 10, &ev->v[2]);
	return true;
}

static bool vmap_purge_fields(struct span s, struct raw_event *ev)
{
	any_u64(s, "end=", 16, &ev->v[1]);
	any_u64(s, "num_purged=", 10, &ev->v[2]);
	return any_u64(s, "start=", 16, &ev->v[0]);
}

/* a comm may hold "pid=": look from the right for the last one */
static bool last_key(struct span s, const char *key, struct span *out)
{
	bool found = false;

	while (skip_to(&s, key)) {
		if (!is_word(s.p[-(ptrdiff_t)strlen(key) - 1])) {
			*out = s;
			found = true;
		}
	}
	return found;
}

static bool last_u64(struct span s, const char *key, unsigned base,
		     uint64_t *v)
{
	struct span at;

	return last_key(s, key, &at) && take_u64(&at, base, v);
}

static bool newtask_fields(struct span s, struct raw_event *ev)
{
	return any_u64(s, "pid=", 10, &ev->v[0]) &&
	       last_u64(s, "clone_flags=", 16, &ev->v[1]);
}

/* "comm=make pid=1 child_comm=make child_pid=2"; `fields`: parent_pid= */
static bool fork_fields(struct span s, struct raw_event *ev)
{
	if (!any_u64(s, "pid=", 10, &ev->v[0]) &&
	    !any_u64(s, "parent_pid=", 10, &ev->v[0]))
		return false;
	return last_u64(s, "child_pid=", 10, &ev->v[1]);
}

static bool exit_fields(struct span s, struct raw_event *ev)
{
	if (!last_u64(s, "pid=", 10, &ev->v[0]))
		return false;
	ev->v[1] = 2;
	key_bool(&s, "group_dead=", &ev->v[1]);	/* since 6.16 */
	return true;
}

/* bits of prev_state where a tool prints the number: include/linux/sched.h */
uint64_t state_letter(uint64_t bits)
{
	static const char letters[] = "SDTtXZPI";

	for (unsigned i = 0; i < sizeof(letters) - 1; i++) {
		if (bits >> i & 1)
			return (uint64_t)letters[i];
	}
	return 'R';
}

/* "comm:pid [prio] S ==> comm:pid [prio]", trace-cmd's plugin */
static bool plugin_switch(struct span s, struct raw_event *ev)
{
	const char *arrow = memmem(s.p, (size_t)(s.end - s.p), " ==> ", 5);
	struct span half[2];

	if (!arrow)
		return false;
	half[0] = (struct span){ s.p, arrow };
	half[1] = (struct span){ arrow + 5, s.end };
	for (int i = 0; i < 2; i++) {
		const char *p = half[i].end;
		struct span pid;

		while (p > half[i].p && *p != '[')
			p--;
		if (p < half[i].p + 2 || p[-1] != ' ')
			return false;
		for (pid.end = p - 1, pid.p = pid.end; pid.p > half[i].p &&
		     pid.p[-1] >= '0' && pid.p[-1] <= '9'; pid.p--)
			;
		if (!take_u64(&pid, 10, &ev->v[i ? 2 : 0]))
			return false;
	}
	while (arrow > s.p && arrow[-1] != ' ')
		arrow--;
	ev->v[1] = (uint8_t)*arrow;
	return true;
}

static bool switch_fields(struct span s, struct raw_event *ev)
{
	struct span at;

	if (!last_u64(s, "prev_pid=", 10, &ev->v[0]))
		return plugin_switch(s, ev);
	if (!last_u64(s, "next_pid=", 10, &ev->v[2]) ||
	    !last_key(s, "prev_state=", &at) || at.p == at.end)
		return false;
	if (*at.p >= '0' && *at.p <= '9') {
		take_u64(&at, 10, &ev->v[1]);
		ev->v[1] = state_letter(ev->v[1]);
	} else {
		ev->v[1] = (uint8_t)*at.p;
	}
	return true;
}

/* "comm=make pid=1 prio=..." or trace-cmd's "make:1 [120] CPU:001" */
static bool wake_fields(struct span s, struct raw_event *ev)
{
	struct span pid;
	const char *p;

	if (last_u64(s, "pid=", 10, &ev->v[0]))
		return true;
	p = memmem(s.p, (size_t)(s.end - s.p), " [", 2);
	if (!p)
		return false;
	for (pid.p = pid.end = p; pid.p > s.p && pid.p[-1] >= '0' &&
	     pid.p[-1] <= '9'; pid.p--)
		;
	return take_u64(&pid, 10, &ev->v[0]);
}

static bool migrate_fields(struct span s, struct raw_event *ev)
{
	any_u64(s, "orig_cpu=", 10, &ev->v[1]);
	any_u64(s, "dest_cpu=", 10, &ev->v[2]);
	return last_u64(s, "pid=", 10, &ev->v[0]);
}

/* member= up to 5.10, type=MM_ANONPAGES later */
static bool rss_fields(struct span s, struct raw_event *ev)
{
	static const char *const types[] = { "MM_FILEPAGES", "MM_ANONPAGES",
					     "MM_SWAPENTS", "MM_SHMEMPAGES" };

	any_u64(s, "mm_id=", 10, &ev->v[0]);
	any_u64(s, "member=", 10, &ev->v[1]);
	for (unsigned i = 0; i < 4; i++) {
		if (memmem(s.p, (size_t)(s.end - s.p), types[i],
			   strlen(types[i])))
			ev->v[1] = i;
	}
	return any_u64(s, "size=", 10, &ev->v[2]);
}

bool event_fields(struct lexer *lx, struct span s, struct raw_event *ev)
{
	memset(ev->v, 0, sizeof(ev->v));
	switch ((enum raw_type)ev->type) {
	case RAW_FAULT_USER:
	case RAW_FAULT_KERNEL:
		return fault_fields(s, ev);
	case RAW_LOCK_START:
	case RAW_LOCK_ACQUIRED:
	case RAW_LOCK_RELEASED:
		return lock_fields(lx, s, ev);
	case RAW_CONTENTION_BEGIN:
	case RAW_CONTENTION_END:
		return contention_fields(s, ev);
	case RAW_TLB_FLUSH:
		return tlb_fields(s, ev);
	case RAW_VMAP_ALLOC:
		return vmap_alloc_fields(s, ev);
	case RAW_VMAP_FREE:
		return vmap_free_fields(s, ev);
	case RAW_VMAP_PURGE:
		return vmap_purge_fields(s, ev);
	case RAW_NEWTASK:
		return newtask_fields(s, ev);
	case RAW_FORKED:
		return fork_fields(s, ev);
	case RAW_EXECED:
	case RAW_FREED:
		return last_u64(s, "pid=", 10, &ev->v[0]);
	case RAW_EXITED:
		return exit_fields(s, ev);
	case RAW_SWITCH:
		return switch_fields(s, ev);
	case RAW_WAKING:
	case RAW_WAKEUP:
	case RAW_WAKEUP_NEW:
		return wake_fields(s, ev);
	case RAW_MIGRATE:
		return migrate_fields(s, ev);
	case RAW_RSS_STAT:
		return rss_fields(s, ev);
	default:
		return true;
	}
}

/*
 * "addr: 0, len: 0x801000, prot: 0": hex without 0x up to 6.12, with it from
 * 6.18; 7.x adds strings behind pointers. Option `fields`: "addr=0x0 (0) ".
 */
void call_args(struct lexer *lx, struct span s, struct raw_event *ev)
{
	unsigned n = 0;

	memset(ev->v, 0, sizeof(ev->v));
	while (n < RAW_VALUES && s.p < s.end) {
		const char *at = s.p;

		while (at < s.end && *at != ':' && *at != '=')
			at++;
		if (at == s.end)
			break;
		for (s.p = at + 1; s.p < s.end && *s.p == ' '; s.p++)
			;
		at = s.p;
		if (!take_u64(&s, 16, &ev->v[n]))
			break;
		if (s.p - at > 1 && at[1] != 'x')
			lx->facts.bare_hex = true;
		n++;
	}
}

/* calls by number: arch/x86/entry/syscalls/syscall_64.tbl, and the generic
 * table that arm64 uses */
unsigned call_of_number(const struct lexer *lx, uint64_t nr)
{
	static const struct { uint16_t x86, arm64; uint8_t call; } rows[] = {
		{ 9, 222, CALL_MMAP }, { 11, 215, CALL_MUNMAP },
		{ 25, 216, CALL_MREMAP }, { 10, 226, CALL_MPROTECT },
		{ 329, 288, CALL_PKEY_MPROTECT }, { 28, 233, CALL_MADVISE },
		{ 12, 214, CALL_BRK }, { 149, 228, CALL_MLOCK },
		{ 325, 284, CALL_MLOCK2 }, { 150, 229, CALL_MUNLOCK },
		{ 56, 220, CALL_CLONE }, { 435, 435, CALL_CLONE3 },
		{ 57, UINT16_MAX, CALL_FORK }, { 58, UINT16_MAX, CALL_VFORK },
		{ 59, 221, CALL_EXECVE }, { 322, 281, CALL_EXECVEAT },
		{ 60, 93, CALL_EXIT }, { 231, 94, CALL_EXIT_GROUP },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (nr == (lx->facts.arm64 ? rows[i].arm64 : rows[i].x86))
			return rows[i].call;
	}
	return CALL_OTHER;
}
