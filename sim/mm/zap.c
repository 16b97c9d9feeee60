/*
 * Taking pages and page tables out: unmap_vmas(), free_pgtables() and the
 * mmu_gather that collects what may be freed only after the TLB flush.
 *
 * Invariant: a page is in exactly one of `unmapping` (asked for), `gather`
 * (no longer mapped), `tlb` (flush under way), or free. A batch is flushed
 * when it holds 10,000 entries, and at the end.
 * Limit: pages that are only possibly there cost half (MODEL.md 7).
 */
#include "sim/mm/resource.h"

enum { GATHER_ENTRIES_MAX = 10000 };

void zap_asked(struct task *t, struct mm *mm, struct range r, struct gather *g)
{
	g->tag = hold_tag_of(t, mm);
	g->asked = resident_private(mm, r);
	hold(mm->k, HOLD_PAGE, &g->tag, STAGE_NONE, STAGE_UNMAPPING, g->asked,
	     PAGE_BYTES);
}

static bool zap_frees(const struct mm *mm, uint64_t value)
{
	return !(value & (RES_FILE | RES_ZERO)) &&
	       (!(value & RES_COW) || !mm_shares_pages(mm));
}

/* What one 4 KiB page of a run costs: less if it is not freed with that. */
static unsigned zap_cost(const struct mm *mm, uint64_t value)
{
	return zap_frees(mm, value) ? COST_ZAP_PAGE : COST_ZAP_SHARED;
}

/* Entries to clear for @pages of a run. */
static uint64_t zap_entries(uint64_t value, uint64_t pages)
{
	if (value & RES_HUGE)
		return (pages + PMD_PAGES - 1) / PMD_PAGES;
	return value & RES_MAYBE ? (pages + 1) / 2 : pages;
}

/* Without what is paid for under the page-table lock, and for freeing. */
static void zap_charge(struct task *t, const struct mm *mm, struct gather *g,
		       uint64_t value, uint64_t entries, bool shared)
{
	const struct kernel *k = mm->k;
	int64_t less_ns = shared ? cost_ns(k, COST_ZAP_LOCKED) : 0;
	bool frees = zap_frees(mm, value);	/* as it is now, settled */

	if (value & RES_HUGE) {
		if (frees)
			less_ns += page_part_ns(k);
		body_less(t, COST_ZAP_HUGE, entries, less_ns);
		return;
	}
	body_less(t, zap_cost(mm, value), entries, less_ns);
	if (frees)
		g->small_pages += entries;
}

/* Pages that became free: from `unmapping`, or, if the program touched more
 * since it asked, from nowhere. */
static void gather_pages(struct mm *mm, struct gather *g, uint64_t pages,
			 bool huge)
{
	uint64_t asked = pages < g->asked ? pages : g->asked;

	hold(mm->k, HOLD_PAGE, &g->tag, STAGE_UNMAPPING, STAGE_GATHER, asked,
	     PAGE_BYTES);
	hold(mm->k, HOLD_PAGE, &g->tag, STAGE_NONE, STAGE_GATHER, pages - asked,
	     PAGE_BYTES);
	g->asked -= asked;
	g->pages += pages;
	g->huge += huge ? pages / PMD_PAGES : 0;
}

/* tlb_remove_table(): lockless walkers may still be inside. On x86 for every
 * machine since 6.15 (memory: before, only under a hypervisor's own flush). */
static void free_tables(struct task *t, struct mm *mm, const struct gather *g)
{
	struct kernel *k = mm->k;

	hold(k, HOLD_PAGE_TABLE, &g->tag, STAGE_TLB, STAGE_NONE, g->tables,
	     PAGE_BYTES);
	if (g->tables && k->cfg.version >= 6015000)
		rcu_hold_object(t, k, HOLD_PAGE_TABLE, &g->tag, g->tables,
				PAGE_BYTES, cost_later(k, COST_RCU_CALLBACK, 1));
}

static void tlb_flush_mmu(struct task *t, struct mm *mm, struct gather *g)
{
	struct kernel *k = mm->k;
	uint64_t pages = (g->end - g->start) >> PAGE_SHIFT;

	settle(t);
	if (g->start >= g->end && !g->tables)
		return;
	hold(k, HOLD_PAGE, &g->tag, STAGE_GATHER, STAGE_TLB, g->pages, PAGE_BYTES);
	hold(k, HOLD_PAGE_TABLE, &g->tag, STAGE_GATHER, STAGE_TLB, g->tables,
	     PAGE_BYTES);
	k->tlb->flush(t, mm, g->full_mm ? UINT64_MAX : pages, g->tables > 0);
	body_less(t, COST_PAGE_FREE, g->small_pages, page_part_ns(k));
	pages_free(t, g->small_pages);
	pages_free_huge(t, g->huge);
	settle(t);
	hold(k, HOLD_PAGE, &g->tag, STAGE_TLB, STAGE_NONE, g->pages, PAGE_BYTES);
	free_tables(t, mm, g);
	g->pages = g->small_pages = g->huge = g->tables = 0;
	g->start = UINT64_MAX;
	g->end = 0;
}

/* One piece of a run, small enough for a batch. */
static struct range next_chunk(const struct range_run *run, struct range r,
			       uint64_t entries_left)
{
	uint64_t bytes = entries_left << (run->value & RES_HUGE ? PMD_SHIFT :
								  PAGE_SHIFT);
	struct range c = run->r;

	if (c.start < r.start)
		c.start = r.start;
	if (c.end > r.end)
		c.end = r.end;
	if (range_bytes(c) > bytes)
		c.end = c.start + bytes;
	return c;
}

/* zap_pte_range(): the entries of a piece of a run; page-table locks that
 * another CPU can ask for are taken table by table. */
static struct range zap_chunk(struct task *t, struct mm *mm,
			      const struct range_run *run, struct range c,
			      struct gather *g)
{
	bool huge = run->value & RES_HUGE, shared = ptl_shared(t, mm);
	uint64_t entries, known, maybe, table = pt_span_bytes[huge];
	struct ptl ptl;

	if (shared && (c.end - 1) / table != c.start / table)
		c.end = (c.start / table + 1) * table;
	entries = zap_entries(run->value, range_pages(c));
	zap_charge(t, mm, g, run->value, entries, shared);
	ptl_lock(t, mm, c.start, huge, shared, &ptl);
	settle(t);
	resident_count(mm, c, &known, &maybe);
	count_n(mm->k, COUNT_ZAP_PAGES, known);
	count_n(mm->k, COUNT_ZAP_PAGES_MAYBE, maybe);
	gather_pages(mm, g, resident_private(mm, c), huge);
	resident_clear(mm, c);
	if (shared)
		prim(t, COST_ZAP_LOCKED, entries);
	ptl_unlock(t, &ptl);
	if (c.start < g->start)
		g->start = c.start;
	if (c.end > g->end)
		g->end = c.end;
	return c;
}

void zap_range(struct task *t, struct mm *mm, struct range r, struct gather *g)
{
	struct range_run run;
	uint64_t at = r.start, entries = 0;

	if (g->start >= g->end)
		g->start = UINT64_MAX;
	for (settle(t); at < r.end && rangemap_next(&mm->resident, at, &run) &&
	     run.r.start < r.end; settle(t)) {
		struct range c = next_chunk(&run, r, GATHER_ENTRIES_MAX - entries);

		c = zap_chunk(t, mm, &run, c, g);
		entries += range_pages(c) >> (run.value & RES_HUGE ?
					      PMD_SHIFT - PAGE_SHIFT : 0);
		at = c.end;
		if (entries >= GATHER_ENTRIES_MAX) {
			tlb_flush_mmu(t, mm, g);
			entries = 0;
		}
		cond_resched(t);
	}
}

/* From the last area before @r to the first behind it, and nothing that is
 * being unmapped beside it: tables wholly inside may go. */
static struct range free_span(const struct mm *mm, struct range r)
{
	struct vma *v = vma_before(mm, r.start);
	struct range span = { v ? v->r.end : 0, UINT64_MAX };
	uint64_t at = span.start;
	struct range_run run;

	v = vma_first_after(mm, r.end);
	if (v)
		span.end = v->r.start;
	for (; rangemap_next(&mm->unmapping, at, &run) &&
	     run.r.start < span.end; at = run.r.end) {
		if (run.r.start < r.start)	/* ours may be one run with it */
			span.start = run.r.end < r.start ? run.r.end : r.start;
		if (run.r.end > r.end) {
			span.end = run.r.start > r.end ? run.r.start : r.end;
			break;
		}
	}
	return span;
}

void free_pgtables(struct task *t, struct mm *mm, struct range r,
		   struct gather *g)
{
	struct range span = WHOLE_MM;
	bool whole = r.end == UINT64_MAX;
	uint64_t n;

	settle(t);
	if (!whole)
		span = free_span(mm, r);
	n = tables_free_count(mm, span.start, span.end);
	if (!n)
		return;
	body(t, COST_PT_FREE, n);
	settle(t);
	if (!whole)
		span = free_span(mm, r);
	n = tables_free_count(mm, span.start, span.end);
	tables_clear(mm, span.start, span.end);
	hold(mm->k, HOLD_PAGE_TABLE, &g->tag, STAGE_NONE, STAGE_GATHER, n,
	     PAGE_BYTES);
	g->tables += n;
}

void tlb_finish(struct task *t, struct mm *mm, struct gather *g)
{
	tlb_flush_mmu(t, mm, g);
	/* asked for, but somebody else took it out meanwhile */
	hold(mm->k, HOLD_PAGE, &g->tag, STAGE_UNMAPPING, STAGE_NONE, g->asked,
	     PAGE_BYTES);
	g->asked = 0;
}

struct zap_ns zap_estimate(const struct mm *mm, struct range r)
{
	const struct kernel *k = mm->k;
	struct zap_ns ns = { cost_ns(k, COST_UNMAP_REGION),
			     cost_ns(k, COST_UNMAP_FINISH) };
	struct range_run run;
	uint64_t at = r.start;

	while (at < r.end && rangemap_next(&mm->resident, at, &run) &&
	       run.r.start < r.end) {
		struct range c = next_chunk(&run, r, UINT64_MAX >> PMD_SHIFT);
		int64_t pages = (int64_t)range_pages(c);
		unsigned cost = zap_cost(mm, run.value);

		if (run.value & RES_HUGE)
			ns.before_flush += cost_ns(k, COST_ZAP_HUGE) *
					   (pages / PMD_PAGES);
		else
			ns.before_flush += cost_ns(k, cost) * pages;
		if (cost == COST_ZAP_PAGE && !(run.value & RES_HUGE))
			ns.after_flush += cost_ns(k, COST_PAGE_FREE) * pages;
		at = run.r.end;
	}
	return ns;
}
