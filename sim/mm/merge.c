/*
 * Merging and splitting of areas, as mm/mmap.c and mm/vma.c do it.
 *
 * A new range W, or a changed part of an area V, between P and N:
 *
 *   new        PPPP WWWW NNNN   ->  PPPPPPPPPPPP | PPPPPPPP NNNN | PPPP NNNNNNNN
 *   whole V    PPPP VVVV NNNN   ->  the same three, V freed
 *   head of V  PPPP vvVV        ->  PPPPPP VV
 *   tail of V       VVvv NNNN   ->  VV NNNNNN
 *   else            VVvv, vvVV, VvvV  ->  split once or twice
 *
 * Invariant: every area that changes is write-locked first; the index is told
 * before the truth changes; map_count never exceeds its limit by a split.
 */
#include "sim/mm/resource.h"

static uint64_t end_pgoff(const struct vma *v)
{
	return v->pgoff + range_pages(v->r);
}

static bool same_kind(const struct vma *v, const struct vma_want *w)
{
	return v->flags == w->flags && v->file == w->file &&
	       !(v->flags & VM_SPECIAL);
}

/* is_mergeable_anon_vma(): the same, or the neighbour has one that it did not
 * inherit over fork and the range has none; since 879bca0a2c4f (6.16) also the
 * reverse. */
static bool anon_compatible(const struct vma *v, const struct vma_want *w)
{
	if (v->anon_vma == w->anon_vma)
		return true;
	if (!v->anon_vma)
		return w->anon_singular && v->mm->k->cfg.version >= 6016000;
	return !w->anon_vma && v->anon_singular;
}

static bool can_merge_after(const struct vma *prev, const struct vma_want *w)
{
	return prev && prev->r.end == w->r.start && same_kind(prev, w) &&
	       anon_compatible(prev, w) && end_pgoff(prev) == w->pgoff;
}

static bool can_merge_before(const struct vma *next, const struct vma_want *w)
{
	return next && next->r.start == w->r.end && same_kind(next, w) &&
	       anon_compatible(next, w) &&
	       next->pgoff == w->pgoff + range_pages(w->r);
}

static bool both_compatible(const struct vma *prev, const struct vma *next)
{
	return !prev->anon_vma || !next->anon_vma ||
	       prev->anon_vma == next->anon_vma;
}

/* @to grows over what had @anon_vma: dup_anon_vma() */
static void take_anon_vma(struct vma *to, uint32_t anon_vma, bool singular)
{
	if (!to->anon_vma && anon_vma) {
		to->anon_vma = anon_vma;
		to->anon_singular = singular;
	}
}

/* The trees in which bounds change when @into grows over what had @anon_vma */
static struct rmap_of rmap_of_merge(const struct vma *into, uint32_t anon_vma)
{
	return (struct rmap_of){ into->file, into->anon_vma ? into->anon_vma :
							      anon_vma };
}

static void merge_body(struct task *t, const struct mm *mm, struct rmap_of of)
{
	settle(t);
	body_less(t, COST_VMA_MERGE, 1, rmap_part_ns(mm, of));
	settle(t);
}

/* vma_complete(): @v, swallowed, leaves the trees of the reverse map. */
static void merge_free(struct task *t, struct vma *v)
{
	rmap_change(t, v->mm, (struct rmap_of){ .anon_vma = v->anon_vma });
	vma_free(t, v, FREE_MERGE);
}

/* @v, merged into a neighbour that already covers it, goes away. */
static void swallow(struct task *t, struct vma *into, struct vma *v,
		    struct range r)
{
	struct index_ops const *index = v->mm->k->index;

	take_anon_vma(into, v->anon_vma, v->anon_singular);
	index->store(t, into->mm, into);
	vma_unlink(t, v);
	vma_set_range(t, into, r);
	if (into->mm->k->mm_lock->vma_detach)
		into->mm->k->mm_lock->vma_detach(t, v);
}

/* The bound between two areas moves: @v gives what @into takes. */
static struct vma *move_bound(struct task *t, struct vma *v, struct range rest,
			      struct vma *into, struct range r)
{
	v->mm->k->index->store(t, v->mm, into);
	take_anon_vma(into, v->anon_vma, v->anon_singular);
	vma_set_range(t, v, rest);
	vma_set_range(t, into, r);
	return into;
}

/* @into takes the gap up to @r's new bound. */
static struct vma *grow(struct task *t, struct vma *into, struct range r)
{
	into->mm->k->index->store(t, into->mm, into);
	vma_set_range(t, into, r);
	count(t, COUNT_VMA_MERGED);
	return into;
}

struct vma *vma_merge_new(struct task *t, struct mm *mm,
			  const struct vma_want *w)
{
	struct vma *prev = vma_before(mm, w->r.start);
	struct vma *next = vma_first_after(mm, w->r.end);
	bool after = can_merge_after(prev, w);
	bool before = can_merge_before(next, w);
	bool both = after && before && both_compatible(prev, next);
	struct vma *into = after ? prev : next;
	struct rmap_of of;
	struct rmap held;

	if (!after && !before)
		return NULL;
	of = rmap_of_merge(into, both ? next->anon_vma : w->anon_vma);
	merge_body(t, mm, of);
	if (after)
		vma_start_write(t, prev);
	if (before && (!after || both))
		vma_start_write(t, next);
	rmap_lock(t, mm, of, &held);
	if (both && both_compatible(prev, next)) {
		swallow(t, prev, next,
			(struct range){ prev->r.start, next->r.end });
		count(t, COUNT_VMA_MERGED);
		rmap_unlock(t, &held);
		merge_free(t, next);
		return prev;
	}
	take_anon_vma(into, w->anon_vma, w->anon_singular);
	if (after)
		grow(t, prev, (struct range){ prev->r.start, w->r.end });
	else
		grow(t, next, (struct range){ w->r.start, next->r.end });
	rmap_unlock(t, &held);
	return into;
}

int vma_split(struct task *t, struct vma *v, uint64_t addr)
{
	struct mm *mm = v->mm;
	struct rmap_of anon = { .anon_vma = v->anon_vma };
	struct rmap held;
	struct vma *high;

	if (mm->map_count >= mm->k->cfg.max_map_count)
		return -ENOMEM;
	settle(t);
	body_less(t, COST_VMA_SPLIT, 1, rmap_part_ns(mm, anon) +
					rmap_part_ns(mm, rmap_of(v)));
	high = vma_dup(t, mm, v);
	rmap_change(t, mm, anon);	/* anon_vma_clone() */
	high->pgoff += (addr - v->r.start) >> PAGE_SHIFT;
	high->r.start = addr;
	vma_start_write(t, v);
	vma_start_write(t, high);
	rmap_lock(t, mm, rmap_of(v), &held);
	mm->k->index->store(t, mm, v);
	mm->k->index->store(t, mm, high);
	/* both at one instant: no page is ever without its area */
	vma_set_range(t, v, (struct range){ v->r.start, addr });
	vma_insert(t, mm, high);
	rmap_unlock(t, &held);
	count(t, COUNT_VMA_SPLIT);
	return 0;
}

/* What the changed part of @v does, with all that it touches locked. What is
 * swallowed goes to @dead. Return: who has the part now. */
static struct vma *merge_part(struct task *t, struct vma *v,
			      const struct vma_want *w, bool after, bool before,
			      struct vma *dead[2])
{
	struct vma *prev = vma_prev(v), *next = vma_next(v);
	bool head = w->r.start == v->r.start, tail = w->r.end == v->r.end;

	if (after && before && both_compatible(prev, next)) {
		struct range mid = { prev->r.start, v->r.end };

		dead[0] = v;
		dead[1] = next;
		swallow(t, prev, v, mid);
		swallow(t, prev, next,
			(struct range){ prev->r.start, next->r.end });
		return prev;
	}
	if (after && tail) {
		dead[0] = v;
		swallow(t, prev, v, (struct range){ prev->r.start, v->r.end });
		return prev;
	}
	if (after)
		return move_bound(t, v, (struct range){ w->r.end, v->r.end },
				  prev, (struct range){ prev->r.start,
							w->r.end });
	if (head) {
		dead[0] = v;
		swallow(t, next, v, (struct range){ v->r.start, next->r.end });
		return next;
	}
	return move_bound(t, v, (struct range){ v->r.start, w->r.start },
			  next, (struct range){ w->r.start, next->r.end });
}

/* The changed part of @v goes to a neighbour that has those flags already. */
static struct vma *merge_changed(struct task *t, struct vma *v,
				 const struct vma_want *w)
{
	struct vma *prev = vma_prev(v), *next = vma_next(v), *into;
	bool after = w->r.start == v->r.start && can_merge_after(prev, w);
	bool before = w->r.end == v->r.end && can_merge_before(next, w);
	struct vma *dead[2] = { NULL, NULL };
	struct rmap_of of;
	struct rmap held;

	if (!after && !before)
		return NULL;
	of = rmap_of_merge(after ? prev : next, v->anon_vma);
	merge_body(t, v->mm, of);
	vma_start_write(t, v);
	if (after)
		vma_start_write(t, prev);
	if (before)
		vma_start_write(t, next);
	count(t, COUNT_VMA_MERGED);
	rmap_lock(t, v->mm, of, &held);
	into = merge_part(t, v, w, after, before, dead);
	rmap_unlock(t, &held);
	for (int i = 0; i < 2 && dead[i]; i++)
		merge_free(t, dead[i]);
	return into;
}

struct vma *vma_modify(struct task *t, struct vma *v, struct range r,
		       uint32_t flags)
{
	struct vma_want w = {
		.r = r, .flags = flags, .file = v->file,
		.pgoff = v->pgoff + ((r.start - v->r.start) >> PAGE_SHIFT),
		.anon_vma = v->anon_vma, .anon_singular = v->anon_singular,
	};
	struct vma *merged = merge_changed(t, v, &w);

	if (merged)
		return merged;
	if (v->r.start < r.start) {
		if (vma_split(t, v, r.start))
			return NULL;
		v = vma_next(v);
	}
	if (r.end < v->r.end && vma_split(t, v, r.end))
		return NULL;
	vma_start_write(t, v);
	settle(t);
	mm_assert_write_locked(t, v->mm, v->r);
	vma_assert_quiet(v);
	v->flags = flags;
	return v;
}
