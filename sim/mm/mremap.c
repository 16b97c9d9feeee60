/*
 * mremap (mm/mremap.c): shrink, grow in place, or move with the page tables.
 *
 *   shrink   AAAAAAAA  ->  AAAA            the tail is unmapped, downgraded
 *   grow     AAAA      ->  AAAAAAAA
 *   move     AAAA ....  ->  .... AAAA      entries moved, old area unmapped
 *
 * Invariant: a move happens whole under the write lock, flush included; pages
 * keep their identity, so nothing is freed.
 * Limit: MREMAP_DONTUNMAP leaves the old area as it is, empty.
 */
#include "sim/mm/abi.h"
#include "sim/mm/resource.h"

struct remap {
	struct range from, to;
	uint64_t flags;
};

static struct vma_want want_of(const struct vma *v, struct range r)
{
	return (struct vma_want){
		.r = r, .flags = v->flags, .file = v->file, .pgoff = v->pgoff,
		.anon_vma = v->anon_vma, .anon_singular = v->anon_singular,
	};
}

/* The area that contains @addr, with @r cut out of it. */
static struct vma *carve(struct task *t, struct mm *mm, struct range r)
{
	struct vma *v = mm->k->index->find(t, mm, r.start);

	if (!v || v->r.start > r.start || v->r.end < r.end)
		return NULL;
	if (v->r.start < r.start) {
		if (vma_split(t, v, r.start))
			return NULL;
		v = vma_next(v);
	}
	if (v->r.end > r.end && vma_split(t, v, r.end))
		return NULL;
	return v;
}

/* move_page_tables(): whole PMD entries move where both ends are aligned. */
static void move_page_tables(struct task *t, struct mm *mm, struct range from,
			     uint64_t to)
{
	uint64_t known, maybe, entries;

	settle(t);
	resident_count(mm, from, &known, &maybe);
	entries = known;
	if (!((from.start | to) & (PMD_BYTES - 1)))
		entries = (known + PMD_PAGES - 1) / PMD_PAGES;
	body(t, COST_PT_ALLOC, known ? 1 : 0);
	body(t, COST_MOVE_PAGE, entries);
	settle(t);
	resident_move(mm, from, to);
	if (known)
		mm->k->tlb->flush(t, mm, range_pages(from), false);
	kop_rest(t);
	settle(t);
}

/* The shootdown of a move lies between its entries and the end of the old area. */
static void move_segment(struct task *t, struct mm *mm, struct remap *m)
{
	const struct kernel *k = mm->k;
	uint64_t known, maybe;
	int64_t before_ns;

	resident_count(mm, m->from, &known, &maybe);
	before_ns = cost_ns(k, COST_MREMAP_BODY) + cost_ns(k, COST_VMA_ALLOC) +
		    cost_ns(k, COST_MOVE_PAGE) * (int64_t)known +
		    (known ? cost_ns(k, COST_PT_ALLOC) : 0);
	kop_segment_around(t, KOP_W, before_ns, cost_ns(k, COST_MUNMAP_BODY) +
			   cost_ns(k, COST_UNMAP_REGION) +
			   cost_ns(k, COST_UNMAP_FINISH));
}

/* copy_vma() goes into the trees of the reverse map beside what is moved. */
static void remap_body(struct task *t, struct mm *mm, const struct remap *m)
{
	const struct vma *v;
	int64_t part_ns = 0;

	settle(t);
	v = vma_containing(mm, m->from.start);
	if (v && m->to.start != m->from.start)
		part_ns = rmap_part_ns(mm, rmap_of(v));
	body_less(t, COST_MREMAP_BODY, 1, part_ns);
}

static int64_t move_vma(struct task *t, struct mm *mm, struct remap *m)
{
	struct range moved = m->from;
	struct vma_want w;
	struct vma *v;
	int err;

	/* the unmap of the old place may split one area into three */
	if (mm->map_count + 3 >= mm->k->cfg.max_map_count)
		return -ENOMEM;
	if (range_bytes(moved) > range_bytes(m->to))
		moved.end = moved.start + range_bytes(m->to);
	settle(t);
	v = vma_first_after(mm, m->to.start);
	if (v && v->r.start < m->to.end) {
		if (!(m->flags & ABI_MREMAP_FIXED))
			count(t, COUNT_MMAP_ADDRESS_CONFLICT);
		err = do_munmap_keep(t, mm, m->to);
		if (err)
			return err;
	}
	v = carve(t, mm, moved);
	if (!v)
		return mm->map_count >= mm->k->cfg.max_map_count ? -ENOMEM :
								   -EFAULT;
	vma_start_write(t, v);
	w = want_of(v, m->to);
	/* a mapping that was never touched takes the new place's offset */
	if (!w.file && !w.anon_vma)
		w.pgoff = w.r.start >> PAGE_SHIFT;
	map_region(t, mm, &w);
	move_page_tables(t, mm, moved, m->to.start);
	if (m->flags & ABI_MREMAP_DONTUNMAP)
		return (int64_t)m->to.start;
	err = do_munmap_keep(t, mm, m->from);
	return err ? err : (int64_t)m->to.start;
}

static int64_t grow_in_place(struct task *t, struct mm *mm, struct remap *m)
{
	struct range r = { m->from.end, m->to.end };
	struct vma *v = mm->k->index->find(t, mm, m->from.start);
	struct vma_want w;

	if (!v || v->r.start > m->from.start || v->r.end < m->from.end)
		return -EFAULT;
	if (v->r.end != m->from.end ||
	    (vma_next(v) && vma_next(v)->r.start < r.end))
		return -ENOMEM;
	w = want_of(v, r);
	w.pgoff += range_pages(v->r);
	vma_start_write(t, v);
	if (!vma_merge_new(t, mm, &w)) {
		/* it would merge with itself but for fork: it still grows */
		mm->k->index->store(t, mm, v);
		vma_set_range(t, v, (struct range){ v->r.start, r.end });
	}
	return (int64_t)m->from.start;
}

int64_t sys_mremap(struct task *t, struct mm *mm, uint64_t old_addr,
		   uint64_t old_len, uint64_t new_len, uint64_t flags,
		   uint64_t result_addr)
{
	struct remap m = {
		.from = { old_addr, old_addr + page_up(old_len) },
		.to = { result_addr, result_addr + page_up(new_len) },
		.flags = flags,
	};
	struct range tail = { m.to.end, m.from.end };
	struct kernel *k = kernel_of(t);
	int64_t ret;

	if (k->cfg.null_kernel)
		return (int64_t)result_addr;
	sys_enter(t);
	if ((old_addr & (PAGE_BYTES - 1)) || !new_len || !old_len)
		return sys_exit(t, -EINVAL);
	if (mmap_write_lock(t, mm, WHOLE_MM, true))
		return sys_exit(t, -EINTR);
	if (result_addr == old_addr && m.to.end < m.from.end) {
		ret = k->munmap->munmap(t, mm, tail, MUNMAP_LOCKED);
		return sys_exit(t, ret ? ret : (int64_t)old_addr);
	}
	if (result_addr == old_addr)
		kop_segment(t, KOP_W);
	else
		move_segment(t, mm, &m);
	remap_body(t, mm, &m);
	if (result_addr != old_addr)
		ret = move_vma(t, mm, &m);
	else if (m.to.end > m.from.end)
		ret = grow_in_place(t, mm, &m);
	else
		ret = (int64_t)old_addr;
	mmap_write_unlock(t, mm, WHOLE_MM);
	kop_effect(t);
	return sys_exit(t, ret);
}
