/*
 * mm_lock: range. A range lock (sim/mm/range_lock.h) in place of mmap_lock.
 *
 * Faults read-lock their page. Writers lock their range, one page on either
 * side and every area that reaches in there, which is all that a split or a
 * merge can change; areas may move while they wait, so they look again. So
 * writers of ranges that are apart overlap, and the index has to bear it.
 *
 * Limit: the index's own lock is not modelled.
 */
#include "sim/mm/range_lock.h"

enum { WIDEN_TRIES = 3 };

static struct range_lock *rl(const struct mm *mm)
{
	return mm->lock_state;
}

static void rl_mm_init(struct mm *mm)
{
	range_lock_init(rl(mm), mm);
}

static void rl_mm_release(struct mm *mm)
{
	range_lock_release(rl(mm));
}

/* What a writer of @r may change: a page on either side, every area that reaches
 * in there, a stack that may grow down to it. */
static struct range widened(const struct mm *mm, struct range r)
{
	struct range wide = r;
	const struct vma *v;

	if (wide.start >= PAGE_BYTES)
		wide.start -= PAGE_BYTES;
	if (wide.end <= UINT64_MAX - PAGE_BYTES)
		wide.end += PAGE_BYTES;
	v = vma_containing(mm, wide.start);
	if (v)
		wide.start = v->r.start;
	v = vma_containing(mm, wide.end - 1);
	if (v && v->r.end > wide.end)
		wide.end = v->r.end;
	v = vma_first_after(mm, r.start);
	if (v && (v->flags & VM_GROWSDOWN) && v->r.end > wide.end)
		wide.end = v->r.end;
	return wide;
}

static bool covers(struct range a, struct range b)
{
	return a.start <= b.start && a.end >= b.end;
}

static int rl_write_begin(struct task *t, struct mm *mm, struct range r,
			  bool killable)
{
	for (unsigned try = 0;; try++) {
		struct range wide = WHOLE_MM;

		settle(t);
		if (try < WIDEN_TRIES)
			wide = widened(mm, r);
		if (range_lock(t, rl(mm), wide, true, killable))
			return -EINTR;
		/* areas may have moved while we waited */
		if (covers(wide, widened(mm, r)))
			return 0;
		range_unlock(t, rl(mm), true);
	}
}

static void rl_write_to_read(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	range_downgrade(t, rl(mm));
}

static void rl_write_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	range_unlock(t, rl(mm), true);
}

static int rl_read_begin(struct task *t, struct mm *mm, struct range r,
			 bool killable)
{
	return range_lock(t, rl(mm), r, false, killable);
}

static void rl_read_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	range_unlock(t, rl(mm), false);
}

static bool rl_write_held(const struct task *t, const struct mm *mm,
			  struct range r)
{
	const struct rl_node *n = range_held_by(rl(mm), t);

	return n && n->write && covers(n->r, r);
}

static void rl_fault(struct task *t, struct mm *mm, struct fault *f)
{
	fault_under_mmap_lock(t, mm, f, KOP_PATH_MMAP);
}

const struct mm_lock_ops mm_lock_range = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct mm_lock_ops),
		.axis = "mm_lock", .name = "range",
		.models = "list-based range lock in place of mmap_lock",
		.source = "Kogan, Dice, Issa, EuroSys'20, arXiv 2006.12144",
		.provides = TRAIT_MMAP_READ_LOCK | TRAIT_RANGE_LOCK,
		.requires = TRAIT_RCU_WALK,
		.inert = AXIS_BIT(AXIS_VMA_LOCK_PLACE) | AXIS_BIT(AXIS_FAULT_SCOPE),
	},
	.mm_bytes = sizeof(struct range_lock), .node_bytes = 64,
	.mm_init = rl_mm_init, .mm_release = rl_mm_release,
	.fault = rl_fault,
	.write_begin = rl_write_begin, .write_to_read = rl_write_to_read,
	.write_end = rl_write_end,
	.read_begin = rl_read_begin, .read_end = rl_read_end,
	.write_held = rl_write_held,
};
