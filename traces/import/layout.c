/*
 * Which areas an address space had at its start. The capture shows what
 * was made and removed since; whatever is used before the capture has made
 * it must have been there, and is assumed, unless /proc/PID/maps tells.
 *
 * known:  address -> EMPTY (removed), MADE (by a traced call, or inherited),
 *         or an initial area with what is assumed of it; unset: never seen
 * gone:   initial areas that were removed meanwhile
 *
 * Initial areas = gone + the initial ones in known.
 *
 * Invariant: an address that was ever decided is never unset again, so an
 * area made by a traced call is never taken for an initial one. Faults are
 * pages; assumed pages near each other become one area, so that memory goes
 * with areas, not with faults. Cost: a lookup per fault, mostly in the run
 * of the fault before.
 */
#include <stdlib.h>
#include <string.h>
#include "traces/import/assemble_int.h"

enum { EMPTY = 1, MADE = 2, INITIAL = 4, FLAGS_SHIFT = 8, AREA_SHIFT = 32 };

enum {
	NEAR_BYTES = 64 << PAGE_SHIFT,	/* one area, if nothing lies between */
	STACK_NEAR_BYTES = 8 << 20,	/* RLIMIT_STACK as most have it */
	RUNS_CROWDED = 4096,		/* then NEAR_BYTES << 5 */
	PF_WRITE_BIT = 2, PF_FETCH_BIT = 16,
	PROT_WRITE_BIT = 2, PROT_EXEC_BIT = 4,
};

/* user half on x86-64 and arm64; the stack lies in its top 16 GiB */
#define USER_END (1ULL << 47)
#define STACK_ZONE 0x7ff000000000ULL

static uint64_t initial_value(uint32_t flags)
{
	return INITIAL | (uint64_t)flags << FLAGS_SHIFT;
}

static uint32_t value_flags(uint64_t v)
{
	return (uint32_t)(v >> FLAGS_SHIFT) & 0xffff;
}

/* made by a fork or by growing; that it is the stack matters when it grows */
static uint64_t made_value(uint32_t flags)
{
	return MADE | (uint64_t)(flags & AREA_STACK) << FLAGS_SHIFT;
}

static bool is_initial(uint64_t v)
{
	return v & INITIAL;
}

static void set(struct amm *m, uint64_t start, uint64_t end, uint64_t value)
{
	rangemap_set(&m->known, (struct range){ start, end }, value);
	m->last.r.end = m->code.r.end = 0;
}

/* pages that [addr, addr + len) touches; false if none, or not user space */
static bool pages_of(uint64_t addr, uint64_t len, struct range *r)
{
	if (!len || addr >= USER_END || len > USER_END - addr)
		return false;
	r->start = page_down(addr);
	r->end = page_up(addr + len);
	return true;
}

static bool stack_address(uint64_t addr)
{
	return addr >= STACK_ZONE;
}

/* grow [page] over assumed neighbours of the same sort; union of the flags */
static void merge_near(struct amm *m, struct range *r, uint32_t *flags)
{
	bool stack = *flags & AREA_STACK;
	uint64_t near = stack ? STACK_NEAR_BYTES : NEAR_BYTES, from;
	struct range_run run;

	if (m->known.count > RUNS_CROWDED)
		near <<= 5;
	from = r->start > near ? r->start - near : 0;
	while (rangemap_next(&m->known, from, &run) &&
	       run.r.start <= r->end + near) {
		bool same = is_initial(run.value) && !(run.value >> AREA_SHIFT);
		uint32_t f = value_flags(run.value);

		from = run.r.end;
		same &= !((f ^ *flags) & (AREA_EXEC | AREA_STACK));
		if (run.r.end <= r->start) {
			/* whatever else lies between keeps them apart */
			struct range_run gap;

			if (same && (!rangemap_next(&m->known, run.r.end, &gap) ||
				     gap.r.start >= r->start)) {
				r->start = run.r.start;
				*flags |= f;
			}
		} else {
			if (!same)
				break;
			r->end = run.r.end;
			*flags |= f;
		}
	}
}

static void assume(struct amm *m, struct range r, uint32_t flags)
{
	flags |= AREA_ASSUMED;
	merge_near(m, &r, &flags);
	set(m, r.start, r.end, initial_value(flags));
}

/* an mm that was copied from another one: it was there before the copy */
static bool assume_in_ancestors(struct assembler *a, uint32_t mm,
				struct range r, uint32_t flags)
{
	uint32_t parent = a->h->mms[mm].parent;
	struct range_run run;
	struct amm *m;

	if (a->h->mms[mm].origin != MM_FORK || parent == TRACE_NO_MM)
		return false;
	m = mm_live(a, parent);
	if (!m || rangemap_find(&m->known, r.start, &run))
		return false;
	if (assume_in_ancestors(a, m->id, r, flags))
		set(m, r.start, r.end, made_value(flags));
	else
		assume(m, r, flags);
	return true;
}

static void assume_used(struct assembler *a, struct amm *m, struct range r,
			uint32_t flags)
{
	if (assume_in_ancestors(a, m->id, r, flags))
		set(m, r.start, r.end, made_value(flags));
	else
		assume(m, r, flags);
}

static uint32_t fault_flags(uint64_t addr, uint64_t error_code)
{
	uint32_t flags = AREA_READ;

	if (error_code & PF_WRITE_BIT)
		flags |= AREA_WRITE;
	if (error_code & PF_FETCH_BIT)
		flags |= AREA_EXEC;
	if (!stack_address(addr))
		return flags;
	/* up there only the stack is written to; vdso and vvar are not */
	return flags | (flags & AREA_WRITE ? AREA_STACK : AREA_SPECIAL);
}

/*
 * Below a stack that is known, nothing between: this fault makes it grow, in
 * the replay as well. A child's stack is its parent's until it grows.
 */
static bool grows_stack(struct amm *m, uint64_t page)
{
	struct range_run above;

	if (!stack_address(page) ||
	    !rangemap_next(&m->known, page, &above) ||
	    above.r.start - page > STACK_NEAR_BYTES ||
	    !(value_flags(above.value) & AREA_STACK) ||
	    (is_initial(above.value) && !(above.value >> AREA_SHIFT)))
		return false;
	set(m, page, above.r.start, made_value(AREA_STACK));
	return true;
}

void layout_fault(struct assembler *a, uint32_t mm, uint64_t addr,
		  uint64_t error_code)
{
	struct amm *m = mm_live(a, mm);
	uint64_t page = page_down(addr);
	uint32_t flags;

	if (!m || addr >= USER_END)
		return;
	flags = fault_flags(addr, error_code);
	if (page < m->last.r.start || page >= m->last.r.end) {
		if (!rangemap_find(&m->known, page, &m->last)) {
			m->last.r.end = 0;
			if (grows_stack(m, page))
				return;
			assume_used(a, m, (struct range){ page,
					  page + PAGE_BYTES }, flags);
			return;
		}
	}
	if (m->last.value == EMPTY)
		a->counts.faults_outside++;
	if (!is_initial(m->last.value) || m->last.value >> AREA_SHIFT)
		return;
	flags &= ~(uint32_t)AREA_SPECIAL;
	if (flags & ~value_flags(m->last.value)) {
		struct range r = m->last.r;

		uint64_t value = m->last.value | (uint64_t)flags << FLAGS_SHIFT;

		if (flags & AREA_STACK)	/* it was only read until now */
			value &= ~((uint64_t)AREA_SPECIAL << FLAGS_SHIFT);
		set(m, r.start, r.end, value);
	}
}

/*
 * Code that was read before it ran (the vdso, by the loader) never faults as
 * code; that something ran there, the next fault from there tells.
 */
void layout_runs(struct assembler *a, uint32_t mm, uint64_t ip)
{
	struct amm *m = mm_live(a, mm);
	uint64_t page = page_down(ip);
	uint32_t flags = fault_flags(ip, PF_FETCH_BIT);

	if (!m || !ip || ip >= USER_END ||
	    (page >= m->code.r.start && page < m->code.r.end))
		return;
	if (!rangemap_find(&m->known, page, &m->code) ||
	    !is_initial(m->code.value) || m->code.value >> AREA_SHIFT ||
	    value_flags(m->code.value) & AREA_EXEC)
		return;
	set(m, m->code.r.start, m->code.r.end,
	    m->code.value | (uint64_t)flags << FLAGS_SHIFT);
}

void layout_grew(struct assembler *a, uint32_t mm, uint64_t addr)
{
	struct amm *m = mm_live(a, mm);
	uint64_t page = page_down(addr);
	struct range_run run;

	if (!m || !stack_address(addr) ||
	    !rangemap_find(&m->known, page, &run) ||
	    !(value_flags(run.value) & AREA_STACK))
		return;
	/* only what lies above was there; this fault made the rest */
	if (run.r.end - page > PAGE_BYTES && run.r.start == page)
		set(m, page, page + PAGE_BYTES, made_value(AREA_STACK));
}

/* initial areas inside @r move to `gone`: they were there at the start */
static void retire(struct amm *m, struct range r)
{
	uint64_t at = r.start;
	struct range_run run;

	while (rangemap_next(&m->known, at, &run) && run.r.start < r.end) {
		struct range part = { run.r.start < r.start ? r.start :
						run.r.start,
				      run.r.end > r.end ? r.end : run.r.end };

		if (is_initial(run.value))
			rangemap_set(&m->gone, part, run.value);
		at = run.r.end;
	}
}

/* what is unset inside @r was there, since a call could use it */
static void assume_unset(struct assembler *a, struct amm *m, struct range r,
			 uint32_t flags)
{
	uint64_t at = r.start;
	struct range_run run;

	while (at < r.end) {
		bool more = rangemap_next(&m->known, at, &run) &&
			    run.r.start < r.end;
		uint64_t until = more ? run.r.start : r.end;

		if (at < until)
			assume_used(a, m, (struct range){ at, until }, flags);
		at = more ? run.r.end : r.end;
	}
}

void layout_area(struct assembler *a, uint32_t mm, uint64_t addr, uint64_t len,
		 uint32_t flags)
{
	struct amm *m = mm_live(a, mm);
	struct range r;
	uint64_t at;
	struct range_run run;

	if (!m || !pages_of(addr, len, &r))
		return;
	for (at = r.start; at < r.end; at = run.r.end) {
		bool more = rangemap_next(&m->known, at, &run) &&
			    run.r.start < r.end;

		if (!more)
			run.r = (struct range){ r.end, r.end };
		if (at < run.r.start)
			set(m, at, run.r.start, initial_value(flags));
		if (!more)
			break;
	}
}

void layout_map(struct assembler *a, uint32_t mm, uint64_t addr, uint64_t len,
		bool fixed)
{
	struct amm *m = mm_live(a, mm);
	struct range r;

	if (!m || !pages_of(addr, len, &r))
		return;
	/* not fixed: the kernel found it free, so nothing was assumed rightly */
	if (fixed)
		retire(m, r);
	set(m, r.start, r.end, MADE);
}

void layout_unmap(struct assembler *a, uint32_t mm, uint64_t addr, uint64_t len)
{
	struct amm *m = mm_live(a, mm);
	struct range r;

	if (!m || !pages_of(addr, len, &r))
		return;
	assume_unset(a, m, r, AREA_READ | AREA_WRITE);
	retire(m, r);
	set(m, r.start, r.end, EMPTY);
}

void layout_use(struct assembler *a, uint32_t mm, uint64_t addr, uint64_t len,
		uint64_t prot)
{
	struct amm *m = mm_live(a, mm);
	uint32_t flags = AREA_READ;
	struct range r;

	if (!m || !pages_of(addr, len, &r))
		return;
	if (prot & PROT_WRITE_BIT)
		flags |= AREA_WRITE;
	if (prot & PROT_EXEC_BIT)
		flags |= AREA_EXEC;
	if (stack_address(addr))
		flags |= AREA_STACK | AREA_WRITE;
	assume_unset(a, m, r, flags);
}

/* Only what stands in a snapshot that is still to come needs to be known. */
void layout_protect(struct assembler *a, uint32_t mm, uint64_t addr,
		    uint64_t len, uint64_t prot)
{
	struct amm *m = mm_live(a, mm);
	uint64_t at;
	struct range_run run;
	struct range r;

	layout_use(a, mm, addr, len, prot);
	if (!m || !a->maps_left || !pages_of(addr, len, &r))
		return;
	for (at = r.start; at < r.end; at = run.r.end) {
		bool more = rangemap_next(&m->first_prot, at, &run) &&
			    run.r.start < r.end;

		if (!more)
			run.r = (struct range){ r.end, r.end };
		if (at < run.r.start)
			rangemap_set(&m->first_prot,
				     (struct range){ at, run.r.start }, prot + 1);
	}
}

void layout_brk(struct assembler *a, uint32_t mm, uint64_t brk)
{
	struct amm *m = mm_live(a, mm);
	uint64_t end = page_up(brk), old;

	if (!m || brk >= USER_END)
		return;
	if (!m->brk)
		m->first_brk = brk;
	old = page_up(m->brk ? m->brk : brk);
	if (end > old)
		layout_map(a, mm, old, end - old, true);
	else if (end < old)
		layout_unmap(a, mm, end, old - end);
	m->brk = brk;
}

void layout_fork(struct assembler *a, uint32_t parent, uint32_t child)
{
	struct amm *p = mm_live(a, parent), *c = mm_live(a, child);
	struct range_run run;
	uint64_t at = 0;

	if (!p || !c)
		return;
	for (; rangemap_next(&p->known, at, &run); at = run.r.end)
		set(c, run.r.start, run.r.end, run.value == EMPTY ? EMPTY :
		    made_value(value_flags(run.value)));
	c->brk = c->first_brk = p->brk;
}

/* What a snapshot shows in @r goes where nothing is known, or only assumed. */
static void lay_over(struct amm *m, struct range r, uint64_t value)
{
	while (r.start < r.end) {
		struct range_run run;
		bool more = rangemap_next(&m->known, r.start, &run) &&
			    run.r.start < r.end;
		uint64_t until = more ? run.r.start : r.end, end;

		if (r.start < until)
			set(m, r.start, until, value);
		if (!more)
			return;
		end = run.r.end < r.end ? run.r.end : r.end;
		if (is_initial(run.value) && !(run.value >> AREA_SHIFT))
			set(m, run.r.start > r.start ? run.r.start : r.start,
			    end, value);
		r.start = end;
	}
}

void layout_merge(struct assembler *a, struct amm *from, struct amm *into)
{
	struct range_run run;
	uint64_t at;

	for (at = 0; rangemap_next(&from->gone, at, &run); at = run.r.end)
		rangemap_set(&into->gone, run.r, run.value);
	for (at = 0; rangemap_next(&from->known, at, &run); at = run.r.end) {
		if (run.value >> AREA_SHIFT)
			lay_over(into, run.r, run.value);
		else if (is_initial(run.value))
			assume_unset(a, into, run.r, value_flags(run.value));
		else
			set(into, run.r.start, run.r.end, run.value);
	}
	if (!into->brk) {
		into->brk = from->brk;
		into->first_brk = from->first_brk;
	}
}

static void add_area(struct assembler *a, struct trace_mm *row,
		     const struct range_run *run)
{
	struct trace_area *area;

	if (!(row->area_count % 8))
		row->areas = xrealloc(row->areas, row->area_count + 8,
				      sizeof(*row->areas));
	area = &row->areas[row->area_count++];
	memset(area, 0, sizeof(*area));
	if (run->value >> AREA_SHIFT)
		*area = a->map_areas[(run->value >> AREA_SHIFT) - 1].area;
	area->flags |= value_flags(run->value);
	/* a part of what the snapshot shows has its share of the pages */
	if (!(run->value >> AREA_SHIFT))
		area->resident_pages = UINT64_MAX;
	else if (area->resident_pages != UINT64_MAX)
		area->resident_pages = (uint64_t)((unsigned __int128)
			area->resident_pages * range_pages(run->r) /
			range_pages((struct range){ area->start, area->end }));
	area->start = run->r.start;
	area->end = run->r.end;
}

void layout_areas(struct assembler *a, struct amm *m, struct trace_mm *row)
{
	struct range_run run;
	uint64_t at, heap_end = page_up(m->first_brk);

	for (at = 0; rangemap_next(&m->known, at, &run); at = run.r.end) {
		if (is_initial(run.value))
			rangemap_set(&m->gone, run.r, run.value);
	}
	for (at = 0; rangemap_next(&m->gone, at, &run); at = run.r.end) {
		add_area(a, row, &run);
		/* the area that ends at the first program break is the heap */
		if (heap_end && run.r.end <= heap_end &&
		    heap_end - run.r.end <= NEAR_BYTES &&
		    row->origin == MM_INITIAL && !(run.value >> AREA_SHIFT)) {
			row->areas[row->area_count - 1].end = heap_end;
			row->areas[row->area_count - 1].flags |= AREA_HEAP;
		}
	}
}

/*
 * Write-protected by a call before the snapshot? Then it was writable at the
 * start, whatever it is now: the loader relocates a part and protects it. That
 * a page was written to says less: what is near it was assumed to be alike.
 */
static void writable_at_start(struct amm *m, const struct trace_area *area,
			      uint64_t value)
{
	struct range_run prot, run;
	uint64_t at = area->start, page;

	for (; rangemap_next(&m->first_prot, at, &prot) &&
	     prot.r.start < area->end; at = prot.r.end) {
		uint64_t end = prot.r.end < area->end ? prot.r.end : area->end;

		if ((prot.value - 1) & PROT_WRITE_BIT)
			continue;
		page = prot.r.start > at ? prot.r.start : at;
		for (; page < end && rangemap_next(&m->known, page, &run) &&
		     run.r.start < end; page = run.r.end)
			if (run.value == value)
				set(m, run.r.start > page ? run.r.start : page,
				    run.r.end < end ? run.r.end : end,
				    value | (uint64_t)AREA_WRITE << FLAGS_SHIFT);
	}
}

/*
 * Assumed up to the very edge of an area of snapshot @s, which ends there: a
 * hole between areas that were taken for one.
 */
static void drop_holes(struct amm *m, const struct map_snapshot *s)
{
	struct range_run run, before = { 0 };
	uint64_t at = 0;

	for (; rangemap_next(&m->known, at, &run); at = run.r.end) {
		uint64_t area = before.r.end == run.r.start ?
				before.value >> AREA_SHIFT : 0;

		if (is_initial(run.value) && !(run.value >> AREA_SHIFT) &&
		    area > s->first && area <= s->first + s->count)
			set(m, run.r.start, run.r.end, EMPTY);
		before = run;
	}
}

/* one snapshot: what is not made since is initial, in its true extent */
static void overlay(struct assembler *a, struct amm *m,
		    const struct map_snapshot *s)
{
	for (uint32_t i = s->first; i < s->first + s->count; i++) {
		const struct trace_area *area = &a->map_areas[i].area;
		uint64_t value = initial_value(area->flags) |
				 (uint64_t)(i + 1) << AREA_SHIFT;

		lay_over(m, (struct range){ area->start, area->end }, value);
		writable_at_start(m, area, value);
	}
	drop_holes(m, s);
}

void layout_first_seen(struct assembler *a, const struct atask *t)
{
	for (uint32_t i = 0; i < a->map_count; i++) {
		struct map_snapshot *s = &a->maps[i];

		if (!s->waiting || s->pid != task_row(a, t)->tgid)
			continue;
		s->waiting = false;
		a->maps_waiting--;
		overlay(a, mm_live(a, t->mm), s);
		a->have |= HAVE_LAYOUT;
	}
}

void layout_apply_maps(struct assembler *a, bool at_end)
{
	for (uint32_t i = 0; i < a->map_count && a->maps_left; i++) {
		struct map_snapshot *s = &a->maps[i];
		struct atask *t;
		struct amm *m;
		uint64_t slot;

		if (s->applied || (!at_end && (s->at_ns < 0 ||
					       s->at_ns > a->raw_now_ns)))
			continue;
		s->applied = true;
		a->maps_left--;
		if (!s->pid && a->h->task_count)
			s->pid = a->h->tasks[0].tid;
		slot = idmap_find(&a->by_tgid, s->pid, UINT64_MAX);
		t = slot == UINT64_MAX ? task_find(a, s->pid) : a->tasks[slot];
		m = t && t->mm != TRACE_NO_MM ? mm_live(a, t->mm) : NULL;
		if (!m) {
			s->waiting = !at_end && (!t || !t->dead);
			a->maps_waiting += s->waiting;
			continue;
		}
		overlay(a, m, s);
		a->have |= HAVE_LAYOUT;
	}
}
