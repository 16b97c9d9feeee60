/*
 * Page-table locks (CONFIG_SPLIT_PTE_PTLOCKS, SPLIT_PMD_PTLOCKS): one in the
 * page of each PTE and PMD table; entries of upper tables are set under
 * mm->page_table_lock.
 *
 *   PUD table  [ | |x| ]      mm->page_table_lock guards x
 *   PMD table  [ |y| | ]      its own lock guards y, and huge pages
 *   PTE table  [z| | | ]      its own lock guards z: faults, zap
 *
 * Invariant: taken last, after every sleeping lock, and nothing sleeps inside.
 * While one CPU at most has the mm loaded nobody else can ask, and the lock is
 * a part of what the path costs.
 * Limits: population takes none; fork, mprotect and mremap hold the write lock,
 * under which nobody else asks.
 */
#include "sim/machine/mutation.h"
#include "sim/mm/resource.h"

bool ptl_shared(const struct task *t, const struct mm *mm)
{
	assert_settled(t);	/* who has it loaded changes with time */
	return mm->k->cfg.bottlenecks.page_table_lock && mm->users > 1 &&
	       mm->cpus_loaded > 1;
}

int64_t ptl_part_ns(const struct kernel *k, bool shared, int64_t held_ns)
{
	return shared ? held_ns + cost_ns(k, COST_ATOMIC) +
			cost_ns(k, COST_LINE_WRITE) : 0;
}

/* Upper tables: the lock in the mm, on the line that its layout says. */
static bool in_mm(unsigned level)
{
	return level >= 2;
}

void ptl_lock(struct task *t, struct mm *mm, uint64_t addr, unsigned level,
	      bool shared, struct ptl *p)
{
	*p = (struct ptl){ 0 };
	if (!shared || mutated(MUTATE_NO_PTL))
		return;
	settle(t);
	if (in_mm(level)) {
		p->lock = &mm->page_table_lock;
	} else {
		p->keyed = keyed_lock_get(t, KEYED_PTL,
					  ((uint64_t)mm->id << 37 |
					   addr / pt_span_bytes[level]) << 1 |
					  level);
		p->lock = &p->keyed->spin;
	}
	spin_lock(t, p->lock);
	prim_expected(t, ptl_part_ns(mm->k, true, 0));
}

void ptl_unlock(struct task *t, struct ptl *p)
{
	if (!p->lock)
		return;
	spin_unlock(t, p->lock);
	if (p->keyed)
		keyed_lock_put(kernel_of(t), p->keyed);
}

/* pmd_install(), __pmd_alloc(): each under the lock of the level above */
static void pt_link(struct task *t, struct mm *mm, uint64_t addr,
		    unsigned level)
{
	struct ptl p;

	body_less(t, COST_PT_ALLOC, 1,
		  ptl_part_ns(mm->k, true, cost_ns(mm->k, COST_PTE_LOCKED)));
	ptl_lock(t, mm, addr, level + 1, true, &p);
	prim(t, COST_PTE_LOCKED, 1);
	ptl_unlock(t, &p);
}

void pt_alloc(struct task *t, struct mm *mm, uint64_t addr, bool huge)
{
	unsigned missing = tables_missing(mm, addr, huge);
	unsigned lowest = huge ? 1 : 0;

	if (!ptl_shared(t, mm)) {
		body(t, COST_PT_ALLOC, missing);
		return;
	}
	/* from the top: a lower table hangs in one above */
	for (unsigned level = lowest + missing; level-- > lowest; )
		pt_link(t, mm, addr, level);
}
