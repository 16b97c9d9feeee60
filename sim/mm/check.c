/*
 * What must be true of every address space between events (test build).
 *
 * Cost: O(areas + runs) per address space.
 */
#include "sim/mm/mm.h"

static void check_areas(const struct mm *mm)
{
	const struct vma *v, *prev = NULL;
	uint32_t n = 0;

	TAILQ_FOREACH(v, &mm->areas, link) {
		BUG_ON(v->r.start >= v->r.end);
		BUG_ON((v->r.start | v->r.end) & (PAGE_BYTES - 1));
		if (prev && prev->r.end > v->r.start)
			BUG("mm %u: areas overlap at %llx", mm->id,
			    (unsigned long long)v->r.start);
		BUG_ON(v->detached || v->dead || v->queued);
		BUG_ON(v->mm != mm);
		BUG_ON(vma_containing(mm, v->r.start) != v);
		prev = v;
		n++;
	}
	BUG_ON(n != mm->map_count);
}

/* Is every byte of @r in an area, or on its way out? */
static bool accounted(const struct mm *mm, struct range r)
{
	while (r.start < r.end) {
		const struct vma *v = vma_containing(mm, r.start);
		struct range_run run;

		if (v)
			r.start = v->r.end;
		else if (rangemap_find(&mm->unmapping, r.start, &run))
			r.start = run.r.end;
		else
			return false;
	}
	return true;
}

static void check_pages(const struct mm *mm)
{
	struct range_run run, table;
	uint64_t at = 0, known = 0;

	for (; rangemap_next(&mm->resident, at, &run); at = run.r.end) {
		if (!mm->exiting && !accounted(mm, run.r))
			BUG("mm %u: pages at %llx belong to no area", mm->id,
			    (unsigned long long)run.r.start);
		if (!(run.value & RES_MAYBE)) {
			known += range_pages(run.r);
			BUG_ON(!rangemap_find(&mm->tables[1], run.r.start,
					      &table));
		}
		if (run.value & RES_HUGE)
			BUG_ON((run.r.start | run.r.end) & (PMD_BYTES - 1));
	}
	BUG_ON(known != mm->rss_pages);
}

void mm_check(const struct mm *mm)
{
	check_areas(mm);
	check_pages(mm);
	BUG_ON(mm->map_count > 2 * mm->k->cfg.max_map_count + 2);
}

/* A ledger class holds exactly what its stages hold, and they what the accounts
 * below them do; what only its own cache can have stands apart. */
static void check_class(const struct kernel *k, uint32_t hold,
			const struct hold_account **list)
{
	const struct hold_class *c = &k->metrics->holds[hold];
	uint32_t n = hold_accounts(k->metrics, hold, list);
	uint64_t objects = 0, bytes = 0, apart = 0;

	for (unsigned s = 0; s < METRIC_STAGES_MAX; s++) {
		uint64_t in_accounts = 0;
		__int128 asked = 0;

		if (s == k->stage[STAGE_SLAB_PARTIAL]) {
			apart = c->stage[s].bytes;
		} else {
			objects += c->stage[s].objects;
			bytes += c->stage[s].bytes;
		}
		for (uint32_t i = 0; i < n; i++) {
			in_accounts += list[i]->stage[s].bytes;
			asked += list[i]->stage[s].asked_sum_ns;
		}
		if (in_accounts != c->stage[s].bytes ||
		    asked != c->stage[s].asked_sum_ns ||
		    (!c->stage[s].objects && asked))
			BUG("hold %s: stage %u and its accounts differ", c->name,
			    s);
	}
	if (objects != c->objects || bytes != c->bytes ||
	    apart != c->reusable_bytes)
		BUG("hold %s: stages and total differ", c->name);
}

static void check_ledger(const struct kernel *k)
{
	const struct hold_account **list;

	list = xcalloc(hold_account_count(k->metrics) + 1, sizeof(*list));
	for (unsigned h = 0; h < HOLD_COUNT; h++)
		check_class(k, k->hold[h], list);
	free(list);
	if (vma_slots_free(k) != k->metrics->holds[k->hold[HOLD_VMA]]
				 .stage[k->stage[STAGE_SLAB_PARTIAL]].objects)
		BUG("hold vma: free slab objects and ledger differ");
}

void kernel_check(struct kernel *k)
{
	struct mm *mm;

	if (k->cfg.null_kernel)
		return;
	TAILQ_FOREACH(mm, &k->mms, link)
		mm_check(mm);
	check_ledger(k);
	if (k->vmap->check)
		k->vmap->check(k);
}
