/*
 * handle_mm_fault(): what a page fault does once it has found its area and
 * some lock that keeps it (mm/memory.c). Which lock, is the mm_lock policy's.
 *
 * Invariant: while a fault is inside an area, the area does not change; a page
 * is mapped at one instant, after its cost is paid and another look at what is
 * there (the PTE lock). With FAULT_FLAG_VMA_LOCK the caller's VMA lock is
 * dropped here if RETRY is returned.
 *
 * Limits: no swap, no I/O, no userfaultfd. Pages around a file fault are only
 * possible (RES_MAYBE). A huge page is used where areas of equal flags cover
 * it, even if timing kept them from merging, so that residency is the same
 * under every policy.
 */
#include "sim/mm/resource.h"

enum fault_class {
	CLASS_SPURIOUS, CLASS_ANON, CLASS_HUGE, CLASS_ZERO_READ,
	CLASS_HUGE_ZERO, CLASS_COW, CLASS_FILE, CLASS_FILE_COW, CLASS_REUSE
};

enum { FAULT_AROUND_BYTES = 64 << 10 };

struct range fault_range(const struct fault *f)
{
	uint64_t page = page_down(f->addr);

	return (struct range){ page, page + PAGE_BYTES };
}

void fault_path(struct task *t, enum kop_path p)
{
	static const enum kernel_counter of[] = {
		[KOP_PATH_VMA] = COUNT_FAULT_PATH_VMA,
		[KOP_PATH_VMA_TRYLOCK] = COUNT_FAULT_PATH_VMA_TRYLOCK,
		[KOP_PATH_RETRY] = COUNT_FAULT_PATH_RETRY,
		[KOP_PATH_MMAP] = COUNT_FAULT_PATH_MMAP,
	};
	struct kop *op = t->op;

	if (op)
		op->path = (uint8_t)p;
	count(t, of[p]);
}

bool access_error(const struct vma *v, const struct fault *f)
{
	if (f->write)
		return !(v->flags & VM_WRITE);
	if (f->instruction)
		return !(v->flags & VM_EXEC);
	return !(v->flags & VM_PROT);
}

/* 6.4: first anonymous fault looks at neighbours, file areas do I/O */
bool fault_in_scope(const struct vma *v)
{
	uint32_t scope = v->mm->k->scope;

	if (v->flags & (VM_FILE | VM_SHARED))
		return scope & SCOPE_FILE_READ;
	return (scope & SCOPE_FIRST_ANON) ||
	       ((scope & SCOPE_ANON) && v->anon_vma);
}

/* Do areas of the same flags cover the huge page without a hole? */
static bool covered(const struct vma *v, struct range huge)
{
	const struct vma *low = v, *high = v;

	while (low->r.start > huge.start) {
		const struct vma *p = vma_prev((struct vma *)low);

		if (!p || p->r.end != low->r.start || p->flags != v->flags)
			return false;
		low = p;
	}
	while (high->r.end < huge.end) {
		const struct vma *n = vma_next(high);

		if (!n || n->r.start != high->r.end || n->flags != v->flags)
			return false;
		high = n;
	}
	return true;
}

bool huge_fits(const struct vma *v, uint64_t addr)
{
	const struct kernel_config *cfg = &v->mm->k->cfg;
	struct range huge = { addr & ~(PMD_BYTES - 1), 0 };
	struct range_run run;

	assert_paid(v->mm->k->m);
	if (!cfg->thp || (v->flags & (VM_FILE | VM_SHARED | VM_NOHUGEPAGE)) ||
	    (cfg->thp == 1 && !(v->flags & VM_HUGEPAGE)))
		return false;
	huge.end = huge.start + PMD_BYTES;
	if (rangemap_next(&v->mm->resident, huge.start, &run) &&
	    run.r.start < huge.end)
		return false;
	return covered(v, huge);
}

static enum fault_class classify_present(const struct vma *v,
					 const struct fault *f, uint64_t value)
{
	if (!f->write)
		return CLASS_SPURIOUS;
	if ((value & RES_FILE) && !(v->flags & VM_SHARED))
		return CLASS_FILE_COW;
	if (value & RES_COW)
		return mm_shares_pages(v->mm) ? CLASS_COW : CLASS_REUSE;
	if (value & RES_ZERO)
		return CLASS_ANON;
	return value & RES_WP ? CLASS_REUSE : CLASS_SPURIOUS;
}

static enum fault_class classify(const struct vma *v, const struct fault *f)
{
	uint64_t value = resident_at(v->mm, f->addr);

	if (value && !(value & RES_MAYBE))
		return classify_present(v, f, value);
	if (v->flags & VM_FILE)
		return f->write && !(v->flags & VM_SHARED) ? CLASS_FILE_COW :
							     CLASS_FILE;
	if (!f->write && !(v->flags & VM_SHARED))
		return huge_fits(v, f->addr) ? CLASS_HUGE_ZERO : CLASS_ZERO_READ;
	return huge_fits(v, f->addr) ? CLASS_HUGE : CLASS_ANON;
}

static bool needs_anon_vma(const struct vma *v, enum fault_class c)
{
	return !(v->flags & VM_SHARED) &&
	       (c == CLASS_ANON || c == CLASS_HUGE || c == CLASS_COW ||
		c == CLASS_FILE_COW);
}

static bool mergeable_neighbour(const struct vma *a, const struct vma *b)
{
	return a && b && a->r.end == b->r.start && a->file == b->file &&
	       !((a->flags ^ b->flags) & ~(uint32_t)VM_PROT) &&
	       a->pgoff + range_pages(a->r) == b->pgoff;
}

/* find_mergeable_anon_vma(), next before previous; 0: none */
static uint32_t mergeable_anon_vma(struct vma *v)
{
	const struct vma *next = vma_next(v), *prev = vma_prev(v);

	if (mergeable_neighbour(v, next) && next->anon_vma &&
	    next->anon_singular)
		return next->anon_vma;
	if (mergeable_neighbour(prev, v) && prev->anon_vma &&
	    prev->anon_singular)
		return prev->anon_vma;
	return 0;
}

void anon_vma_prepare(struct task *t, struct vma *v)
{
	struct rmap_of of = { 0 };

	body(t, COST_ANON_VMA_PREPARE, 1);
	settle(t);
	if (v->anon_vma)
		return;
	of.anon_vma = mergeable_anon_vma(v);
	/* a new one nobody else can ask for; this one on top: known only now */
	if (of.anon_vma)
		rmap_change(t, v->mm, of);
	settle(t);
	if (v->anon_vma)
		return;
	v->anon_singular = true;
	v->anon_vma = of.anon_vma ? of.anon_vma : ++v->mm->k->anon_vmas_born;
}

static enum fault_result drop_vma_lock(struct task *t, struct vma *v)
{
	v->in_fault--;
	v->mm->k->mm_lock->vma_read_end(t, v);
	return FAULT_RETRY;
}

/* vmf_anon_prepare(): neighbours are looked at, so mmap_lock is wanted too. */
static enum fault_result anon_prepare(struct task *t, struct vma *v,
				      struct fault *f, unsigned flags)
{
	struct mm *mm = v->mm;

	if (!(flags & FAULT_FLAG_VMA_LOCK)) {
		anon_vma_prepare(t, v);
		return 0;
	}
	if (!(mm->k->scope & SCOPE_FIRST_ANON) ||
	    !mmap_read_trylock(t, mm, fault_range(f)))
		return drop_vma_lock(t, v);
	anon_vma_prepare(t, v);
	mmap_read_unlock(t, mm, fault_range(f));
	f->took_trylock = true;
	return 0;
}

static bool allocates(enum fault_class c)
{
	return c == CLASS_ANON || c == CLASS_HUGE || c == CLASS_COW ||
	       c == CLASS_FILE_COW;
}

/* The page, by the area's NUMA policy, and the traffic of filling it. */
static void fault_alloc(struct task *t, struct vma *v, enum fault_class c)
{
	const struct kernel *k = kernel_of(t);

	if (!allocates(c))
		return;
	line_read(t, vma_line(v, v->mm->k->area.policy_offset));
	if (c == CLASS_HUGE)
		pages_alloc_huge(t);
	else
		pages_alloc(t, 1);
	settle(t);
	if (c == CLASS_HUGE)
		memory_traffic(t, PMD_PAGES, cost_ns(k, COST_ZERO_HUGE));
	else if (c == CLASS_ANON)
		memory_traffic(t, 1, cost_ns(k, COST_ZERO_PAGE));
	else
		memory_traffic(t, 2, cost_ns(k, COST_COPY_PAGE));
}

/* Without the walk, and what is paid for under the locks of other files. */
static void fault_charge(struct task *t, enum fault_class c, bool shared)
{
	const struct kernel *k = kernel_of(t);
	int64_t less_ns = cost_ns(k, COST_FAULT_WALK) +
			  ptl_part_ns(k, shared, cost_ns(k, COST_PTE_LOCKED));

	static const unsigned path[] = {
		[CLASS_SPURIOUS] = COST_FAULT_SPURIOUS,
		[CLASS_ANON] = COST_FAULT_ANON, [CLASS_HUGE] = COST_FAULT_HUGE,
		[CLASS_ZERO_READ] = COST_FAULT_ZERO_READ,
		[CLASS_HUGE_ZERO] = COST_FAULT_ZERO_READ,
		[CLASS_COW] = COST_FAULT_COW, [CLASS_FILE] = COST_FAULT_FILE,
		[CLASS_FILE_COW] = COST_FAULT_COW,
		[CLASS_REUSE] = COST_FAULT_SPURIOUS,
	};

	if (allocates(c))
		less_ns += page_part_ns(k);
	body_less(t, path[c], 1, less_ns);
	if (c == CLASS_ANON)
		body(t, COST_ZERO_PAGE, 1);
	else if (c == CLASS_HUGE)
		body(t, COST_ZERO_HUGE, 1);
	else if (c == CLASS_COW || c == CLASS_FILE_COW)
		body(t, COST_COPY_PAGE, 1);
}

/* The other pages of a fault-around window may be there from now on. */
static void fault_around(const struct vma *v, uint64_t addr)
{
	struct mm *mm = v->mm;
	uint64_t at = addr & ~(uint64_t)(FAULT_AROUND_BYTES - 1);
	uint64_t end = at + FAULT_AROUND_BYTES;
	struct range_run run;

	at = at < v->r.start ? v->r.start : at;
	end = end > v->r.end ? v->r.end : end;
	while (at < end) {
		if (!rangemap_next(&mm->resident, at, &run) ||
		    run.r.start >= end)
			run.r.start = run.r.end = end;
		if (at < run.r.start)
			resident_set(mm, (struct range){ at, run.r.start },
				     RES_4K | RES_FILE | RES_MAYBE);
		at = run.r.end;
	}
}

static void fault_map(struct task *t, const struct vma *v, const struct fault *f,
		      enum fault_class c)
{
	static const uint64_t value[] = {
		[CLASS_ANON] = RES_4K, [CLASS_COW] = RES_4K,
		[CLASS_FILE_COW] = RES_4K, [CLASS_REUSE] = RES_4K,
		[CLASS_ZERO_READ] = RES_4K | RES_ZERO,
		[CLASS_FILE] = RES_4K | RES_FILE, [CLASS_HUGE] = RES_HUGE,
		[CLASS_HUGE_ZERO] = RES_HUGE | RES_ZERO,
	};
	struct range page = fault_range(f);
	uint64_t what = value[c];

	if (what & RES_HUGE) {
		page.start &= ~(PMD_BYTES - 1);
		page.end = page.start + PMD_BYTES;
	}
	if (c == CLASS_HUGE)
		count(t, COUNT_THP_FAULT_ALLOC);
	if (c == CLASS_ANON && (v->flags & VM_SHARED))
		what |= RES_FILE;	/* shmem: the file keeps the page */
	resident_set(v->mm, page, what);
	tables_set(v->mm, page, what & RES_HUGE);
	if (c == CLASS_FILE && !f->write)
		fault_around(v, page.start);
	if (c == CLASS_COW || c == CLASS_FILE_COW)
		count(t, COUNT_FAULT_COW);
}

static unsigned is_huge(enum fault_class c)
{
	return c == CLASS_HUGE || c == CLASS_HUGE_ZERO;
}

/* What is left to do with the entry locked. */
static void fault_mapped(struct task *t, enum fault_class c, bool shared,
			 struct ptl *ptl)
{
	prim(t, COST_PTE_LOCKED, shared);
	if (allocates(c))
		folios_add(t, 1);
	ptl_unlock(t, ptl);
}

/* Pay for what the fault finds, look again, map. Somebody may have been
 * faster: then it is done, or, rarely, it is another kind of fault now. */
static void fault_resolve(struct task *t, struct vma *v, struct fault *f,
			  enum fault_class c)
{
	struct ptl ptl;
	bool shared;

	fault_alloc(t, v, c);
	settle(t);
	shared = ptl_shared(t, v->mm);
	for (;;) {
		enum fault_class now;

		fault_charge(t, c, shared);
		ptl_lock(t, v->mm, f->addr, is_huge(c), shared, &ptl);
		settle(t);
		now = classify(v, f);
		if (now == c)
			break;
		ptl_unlock(t, &ptl);
		count(t, COUNT_FAULT_RACED);
		if (now == CLASS_SPURIOUS)
			return;
		c = now;
	}
	if (c == CLASS_SPURIOUS)
		count(t, COUNT_FAULT_SPURIOUS);
	else
		fault_map(t, v, f, c);
	fault_mapped(t, c, shared, &ptl);
}

enum fault_result handle_mm_fault(struct task *t, struct vma *v,
				  struct fault *f, unsigned flags)
{
	enum fault_class c;

	body(t, COST_FAULT_WALK, 1);
	/* pgd_offset(): on some kernels on the line of the lock word */
	line_read(t, mm_line(v->mm, v->mm->k->cfg.layout.pgd));
	settle(t);
	v->in_fault++;
	pt_alloc(t, v->mm, f->addr, huge_fits(v, f->addr));
	settle(t);
	c = classify(v, f);
	/* do_cow_fault(), do_shared_fault(): under mmap_lock before 6.7 */
	if ((flags & FAULT_FLAG_VMA_LOCK) && (v->flags & VM_FILE) && f->write &&
	    !(v->mm->k->scope & SCOPE_FILE_COW))
		return drop_vma_lock(t, v);
	if (!v->anon_vma && needs_anon_vma(v, c)) {
		enum fault_result r = anon_prepare(t, v, f, flags);

		if (r & FAULT_RETRY)
			return r;
	}
	fault_resolve(t, v, f, c);
	v->in_fault--;
	return 0;
}

enum fault_result handle_speculative_fault(struct task *t, struct vma *v,
					   struct fault *f,
					   bool (*valid)(struct task *t,
							 struct vma *v,
							 uint32_t seq),
					   uint32_t seq)
{
	enum fault_class c;
	struct ptl ptl;
	bool shared;

	settle(t);
	if ((v->flags & (VM_FILE | VM_SHARED | VM_SPECIAL)) || !v->anon_vma ||
	    huge_fits(v, f->addr) || tables_missing(v->mm, f->addr, false))
		return FAULT_RETRY;
	c = classify(v, f);
	if (c != CLASS_ANON && c != CLASS_ZERO_READ && c != CLASS_SPURIOUS)
		return FAULT_RETRY;
	body(t, COST_FAULT_WALK, 1);
	fault_alloc(t, v, c);
	settle(t);
	shared = ptl_shared(t, v->mm);
	fault_charge(t, c, shared);
	/* pte_map_lock(): the count again, with the page-table entry locked */
	ptl_lock(t, v->mm, f->addr, 0, shared, &ptl);
	if (!valid(t, v, seq) || classify(v, f) != c ||
	    tables_missing(v->mm, f->addr, false)) {
		ptl_unlock(t, &ptl);
		return FAULT_RETRY;
	}
	if (c == CLASS_SPURIOUS)
		count(t, COUNT_FAULT_SPURIOUS);
	else
		fault_map(t, v, f, c);
	fault_mapped(t, c, shared, &ptl);
	return 0;
}
