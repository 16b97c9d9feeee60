/*
 * What is mapped: resident pages and page tables, kept as ranges.
 *
 * Invariant: runs of RES_HUGE are whole and aligned 2 MiB pages; a table
 * exists for every span in which something was mapped since it was freed.
 * Cost: O(log runs) per change, memory by number of runs.
 */
#include "sim/mm/mm.h"

const uint64_t pt_span_bytes[PT_LEVELS] = { 2ULL << 20, 1ULL << 30,
					    512ULL << 30 };

static struct range clip(struct range a, struct range b)
{
	if (a.start < b.start)
		a.start = b.start;
	if (a.end > b.end)
		a.end = b.end;
	return a;
}

static uint64_t known_pages(const struct mm *mm, struct range r)
{
	uint64_t known, maybe;

	resident_count(mm, r, &known, &maybe);
	return known;
}

void resident_count(const struct mm *mm, struct range r, uint64_t *known,
		    uint64_t *maybe)
{
	struct range_run run;
	uint64_t at = r.start;

	assert_paid(mm->k->m);
	*known = *maybe = 0;
	while (at < r.end && rangemap_next(&mm->resident, at, &run) &&
	       run.r.start < r.end) {
		uint64_t pages = range_pages(clip(run.r, r));

		if (run.value & RES_MAYBE)
			*maybe += pages;
		else
			*known += pages;
		at = run.r.end;
	}
}

uint64_t resident_private(const struct mm *mm, struct range r)
{
	uint64_t others = RES_MAYBE | RES_FILE | RES_ZERO;
	uint64_t at = r.start, pages = 0;
	struct range_run run;

	assert_paid(mm->k->m);
	if (mm_shares_pages(mm))
		others |= RES_COW;
	while (at < r.end && rangemap_next(&mm->resident, at, &run) &&
	       run.r.start < r.end) {
		if (!(run.value & others))
			pages += range_pages(clip(run.r, r));
		at = run.r.end;
	}
	return pages;
}

uint64_t resident_at(const struct mm *mm, uint64_t addr)
{
	struct range_run run;

	assert_paid(mm->k->m);
	return rangemap_find(&mm->resident, addr, &run) ? run.value : 0;
}

/* A huge page that @addr cuts is split into small ones. */
static void split_huge_at(struct mm *mm, uint64_t addr)
{
	struct range page = { addr & ~(PMD_BYTES - 1), 0 };
	uint64_t value;

	if (page.start == addr)
		return;
	value = resident_at(mm, addr);
	if (!(value & RES_HUGE))
		return;
	page.end = page.start + PMD_BYTES;
	value = (value & ~(uint64_t)RES_HUGE) | RES_4K;
	rangemap_set(&mm->resident, page, value);
	tables_set(mm, page, false);
}

void resident_set(struct mm *mm, struct range r, uint64_t value)
{
	assert_paid(mm->k->m);
	split_huge_at(mm, r.start);
	split_huge_at(mm, r.end);
	mm->rss_pages -= known_pages(mm, r);
	rangemap_set(&mm->resident, r, value);
	if (!(value & RES_MAYBE))
		mm->rss_pages += range_pages(r);
}

void resident_clear(struct mm *mm, struct range r)
{
	assert_paid(mm->k->m);
	split_huge_at(mm, r.start);
	split_huge_at(mm, r.end);
	mm->rss_pages -= known_pages(mm, r);
	rangemap_clear(&mm->resident, r);
}

void resident_mark(struct mm *mm, struct range r, uint64_t set, uint64_t clear)
{
	struct range_run run;
	uint64_t at = r.start;

	assert_paid(mm->k->m);
	split_huge_at(mm, r.start);
	split_huge_at(mm, r.end);
	while (at < r.end && rangemap_next(&mm->resident, at, &run) &&
	       run.r.start < r.end) {
		uint64_t value = (run.value | set) & ~clear;

		at = run.r.end;
		if (value != run.value && !(run.value & RES_MAYBE))
			rangemap_set(&mm->resident, clip(run.r, r), value);
	}
}

void resident_move(struct mm *mm, struct range from, uint64_t to)
{
	struct rangemap copy = { 0 };
	struct range_run run;
	uint64_t at = from.start;

	split_huge_at(mm, from.start);
	split_huge_at(mm, from.end);
	while (at < from.end && rangemap_next(&mm->resident, at, &run) &&
	       run.r.start < from.end) {
		rangemap_set(&copy, clip(run.r, from), run.value);
		at = run.r.end;
	}
	resident_clear(mm, from);
	for (at = from.start; rangemap_next(&copy, at, &run); at = run.r.end) {
		struct range r = { run.r.start - from.start + to,
				   run.r.end - from.start + to };
		uint64_t value = run.value;

		/* a huge page stays one only if it lands on a boundary */
		if ((value & RES_HUGE) && (r.start & (PMD_BYTES - 1)))
			value = (value & ~(uint64_t)RES_HUGE) | RES_4K;
		resident_set(mm, r, value);
		tables_set(mm, r, value & RES_HUGE);
	}
	rangemap_release(&copy);
}

/* ---- page tables ---- */

static struct range spans_of(struct range r, unsigned level)
{
	uint64_t mask = pt_span_bytes[level] - 1;

	return (struct range){ r.start & ~mask, (r.end + mask) & ~mask };
}

/* Only spans that lie wholly inside may go. */
static struct range spans_inside(uint64_t floor, uint64_t ceiling,
				 unsigned level)
{
	uint64_t mask = pt_span_bytes[level] - 1;
	struct range r = { (floor + mask) & ~mask, ceiling & ~mask };

	if (r.start < floor || r.end < r.start)
		r.end = r.start;
	return r;
}

/* A table hangs in one of the level above: what has the one has the other. */
unsigned tables_missing(const struct mm *mm, uint64_t addr, bool huge)
{
	unsigned level = huge ? 1 : 0, missing = 0;
	struct range_run run;

	assert_paid(mm->k->m);
	while (level < PT_LEVELS &&
	       !rangemap_find(&mm->tables[level], addr, &run)) {
		missing++;
		level++;
	}
	return missing;
}

uint64_t tables_for(const struct mm *mm, struct range r)
{
	uint64_t missing = 0;

	assert_paid(mm->k->m);
	for (unsigned level = 0; level < PT_LEVELS; level++) {
		struct range spans = spans_of(r, level);
		uint64_t have = rangemap_bytes(&mm->tables[level], spans);

		missing += (range_bytes(spans) - have) / pt_span_bytes[level];
	}
	return missing;
}

void tables_set(struct mm *mm, struct range r, bool huge)
{
	struct range_run run;

	assert_paid(mm->k->m);
	for (unsigned level = huge ? 1 : 0; level < PT_LEVELS; level++) {
		if (rangemap_find(&mm->tables[level], r.start, &run) &&
		    run.r.end >= r.end)
			return;		/* and so all levels above */
		rangemap_set(&mm->tables[level], spans_of(r, level), 1);
	}
}

uint64_t tables_free_count(const struct mm *mm, uint64_t floor,
			   uint64_t ceiling)
{
	uint64_t n = 0;

	assert_paid(mm->k->m);
	for (unsigned level = 0; level < PT_LEVELS; level++)
		n += rangemap_bytes(&mm->tables[level],
				    spans_inside(floor, ceiling, level)) /
		     pt_span_bytes[level];
	return n;
}

void tables_clear(struct mm *mm, uint64_t floor, uint64_t ceiling)
{
	assert_paid(mm->k->m);
	for (unsigned level = 0; level < PT_LEVELS; level++) {
		struct range r = spans_inside(floor, ceiling, level);

		if (r.start < r.end)
			rangemap_clear(&mm->tables[level], r);
	}
}
