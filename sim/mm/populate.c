/*
 * Making pages resident without faults: MAP_POPULATE, mlock, MADV_POPULATE,
 * get_user_pages (mm/gup.c). Each page costs what its fault costs, without
 * the exception; all of it happens under a read lock.
 *
 * Invariant: charged first, then looked at again: what somebody else mapped
 * meanwhile stays as it is.
 * Cost: O(runs) per area, in steps of 2 MiB so that others can run.
 */
#include "sim/mm/resource.h"

/* New pages: allocated, filled and put to the LRU in bulk. */
static void charge_new(struct task *t, unsigned path, unsigned fill,
		       uint64_t units, uint64_t pages)
{
	const struct kernel *k = kernel_of(t);

	pages_alloc(t, pages);
	settle(t);
	memory_traffic(t, units * pages, cost_ns(k, fill) * (int64_t)pages);
	body_less(t, path, pages, page_part_ns(k));
	body(t, fill, pages);
	folios_add(t, pages);
}

static void charge_pages(struct task *t, const struct vma *v, uint64_t pages,
			 bool write)
{
	if (v->flags & VM_FILE) {
		if (write && !(v->flags & VM_SHARED))
			charge_new(t, COST_FAULT_COW, COST_COPY_PAGE, 2, pages);
		else
			body(t, COST_FAULT_FILE, pages);
	} else if (write || (v->flags & VM_SHARED)) {
		charge_new(t, COST_FAULT_ANON, COST_ZERO_PAGE, 1, pages);
	} else {
		body(t, COST_FAULT_ZERO_READ, pages);
	}
}

static uint64_t value_for(const struct vma *v, bool write)
{
	if (v->flags & VM_FILE)
		return write && !(v->flags & VM_SHARED) ? RES_4K :
							  RES_4K | RES_FILE;
	if (v->flags & VM_SHARED)
		return RES_4K | RES_FILE;
	return write ? RES_4K : RES_4K | RES_ZERO;
}

/* Does a write have to replace what is there? */
static bool must_replace(const struct vma *v, uint64_t value, bool write)
{
	if (!value || (value & RES_MAYBE))
		return true;
	return write && !(v->flags & VM_SHARED) &&
	       (value & (RES_COW | RES_ZERO | RES_FILE));
}

/* One gap inside a 2 MiB step: pay, then map what is still missing. */
static void populate_gap(struct task *t, struct vma *v, struct range gap,
			 bool write)
{
	struct mm *mm = v->mm;
	uint64_t pages = range_pages(gap), tables = tables_for(mm, gap);
	bool huge = pages == PMD_PAGES && huge_fits(v, gap.start);

	if (huge && write) {
		pages_alloc_huge(t);
		settle(t);
		memory_traffic(t, PMD_PAGES, cost_ns(mm->k, COST_ZERO_HUGE));
		body_less(t, COST_FAULT_HUGE, 1, page_part_ns(mm->k));
		folios_add(t, 1);
		body(t, COST_ZERO_HUGE, 1);
	} else if (huge) {
		body(t, COST_FAULT_ZERO_READ, 1);
	} else {
		body(t, COST_PT_ALLOC, tables);
		charge_pages(t, v, pages, write);
	}
	settle(t);
	if (huge && huge_fits(v, gap.start)) {
		resident_set(mm, gap, write ? RES_HUGE : RES_HUGE | RES_ZERO);
		tables_set(mm, gap, true);
		return;
	}
	while (gap.start < gap.end) {
		struct range_run run = { .value = 0 };

		if (!rangemap_next(&mm->resident, gap.start, &run) ||
		    run.r.start > gap.start) {
			uint64_t end = run.value && run.r.start < gap.end ?
				       run.r.start : gap.end;

			run.r = (struct range){ gap.start, end };
			run.value = 0;
		}
		if (run.r.end > gap.end)
			run.r.end = gap.end;
		run.r.start = gap.start;
		if (must_replace(v, run.value, write)) {
			resident_set(mm, run.r, value_for(v, write));
			tables_set(mm, run.r, false);
		}
		gap.start = run.r.end;
	}
}

/* The first stretch of [at, end) that must be mapped; false if there is none. */
static bool next_gap(const struct vma *v, uint64_t at, uint64_t end, bool write,
		     struct range *gap)
{
	struct range_run run;

	for (; at < end; at = run.r.end) {
		if (!rangemap_next(&v->mm->resident, at, &run) ||
		    run.r.start >= end) {
			*gap = (struct range){ at, end };
			return true;
		}
		if (run.r.start > at) {
			*gap = (struct range){ at, run.r.start };
			return true;
		}
		if (must_replace(v, run.value, write)) {
			*gap = (struct range){ at, run.r.end < end ? run.r.end :
								     end };
			return true;
		}
	}
	return false;
}

void populate_area(struct task *t, struct vma *v, struct range r, bool write)
{
	uint64_t at = r.start;

	write = write && (v->flags & VM_WRITE);
	if (write && !v->anon_vma && !(v->flags & VM_SHARED))
		anon_vma_prepare(t, v);
	while (at < r.end) {
		uint64_t step = (at & ~(PMD_BYTES - 1)) + PMD_BYTES;
		struct range gap;

		if (step > r.end)
			step = r.end;
		settle(t);
		if (!next_gap(v, at, step, write, &gap)) {
			body(t, COST_GUP_PAGE, (step - at) >> PAGE_SHIFT);
			at = step;
			continue;
		}
		body(t, COST_GUP_PAGE, (gap.start - at) >> PAGE_SHIFT);
		settle(t);
		populate_gap(t, v, gap, write);
		at = gap.end;
	}
	settle(t);
}

int mm_populate(struct task *t, struct mm *mm, struct range r, bool write)
{
	uint64_t at = r.start;
	int err = 0;

	if (mmap_read_lock(t, mm, r, true))
		return -EINTR;
	kop_segment(t, KOP_R);
	while (at < r.end && !err) {
		struct vma *v = mm->k->index->find(t, mm, at);
		struct range part = { at, r.end };

		if (!v || v->r.start > at) {
			err = -ENOMEM;
			break;
		}
		if (part.end > v->r.end)
			part.end = v->r.end;
		if (v->flags & VM_PROT)
			populate_area(t, v, part, write);
		at = part.end;
	}
	mmap_read_unlock(t, mm, r);
	return err;
}

int64_t do_gup(struct task *t, struct mm *mm, uint64_t addr, uint64_t pages)
{
	struct range r = { page_down(addr), 0 };

	if (kernel_of(t)->cfg.null_kernel)
		return (int64_t)pages;
	r.end = r.start + (pages << PAGE_SHIFT);
	task_set_mode(t, MODE_SYSTEM);
	kop_segment(t, KOP_PRE);
	if (mm_populate(t, mm, r, true))
		return sys_exit(t, -EFAULT);
	return sys_exit(t, (int64_t)pages);
}
