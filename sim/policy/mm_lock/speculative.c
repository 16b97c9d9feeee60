/*
 * mm_lock: speculative. Speculative page faults, posted to v12 (Dufour, 2019)
 * and as v2 (Lespinasse, 2022), never merged: a fault looks its area up
 * without a lock, notes a sequence count, does the work, and maps the page only
 * if the count is still the same; else it starts again under mmap_lock, and
 * the work was in vain.
 *
 *   count: vma   one count an area, and a reference while it is used (2019)
 *   count: mm    one count an address space: every writer spoils all (2022)
 *
 * Anonymous areas that have an anon_vma and page tables; others fall back.
 * Invariant: nothing of the area is relied on after the instant of valid().
 * Limit: the lookup walks the index under RCU; the rwlock of v12 around the
 * red-black tree is not modelled, so that tree is refused.
 */
#include "sim/mm/mmap_sem.h"

enum spf_count { COUNT_VMA, COUNT_MM };

struct spf_options {
	uint32_t count;
};

static const char *const count_names[] = { "vma", "mm", NULL };

static const struct option spf_options[] = {
	{ .key = "count", .type = OPT_ENUM,
	  .offset = offsetof(struct spf_options, count), .def = "vma",
	  .names = count_names, .unit = "",
	  .help = "what the sequence count belongs to: an area (2019) or the mm (2022)" },
	OPTION_END
};

struct spf_mm {
	struct rwsem mmap_lock;
	uint32_t mm_seq;		/* odd: somebody writes */
};

struct spf_vma {
	uint32_t vm_sequence;		/* mm_seq when it was last written */
};

static struct spf_mm *spf_mm(const struct mm *mm)
{
	return mm->lock_state;
}

static struct spf_vma *spf(const struct vma *v)
{
	return v->lock_state;
}

static bool per_mm(const struct mm *mm)
{
	const struct spf_options *o = mm->k->cfg.policies.options[AXIS_MM_LOCK];

	return o && o->count == COUNT_MM;
}

/* ---- faults ---- */

/* The count to compare with; false: being written now. */
static bool read_seq(struct task *t, struct vma *v, uint32_t *seq)
{
	const struct spf_mm *m = spf_mm(v->mm);

	if (per_mm(v->mm)) {
		line_read(t, mm_line(v->mm, v->mm->k->cfg.layout.mm_lock_seq));
		settle(t);
		*seq = m->mm_seq;
		return !(*seq & 1) && !v->detached;
	}
	line_read(t, vma_line(v, VMA_OFF_LOCK_SEQ));
	settle(t);
	*seq = spf(v)->vm_sequence;
	return (!(m->mm_seq & 1) || *seq != m->mm_seq) && !v->detached;
}

static bool valid(struct task *t, struct vma *v, uint32_t seq)
{
	uint32_t now;

	return read_seq(t, v, &now) && now == seq;
}

/* get_vma() and put_vma(): v12 counts references, v2 copies the area */
static void vma_ref(struct task *t, struct vma *v)
{
	if (!per_mm(v->mm))
		line_rmw(t, vma_line(v, VMA_OFF_LOCK_SEQ));
	settle(t);
}

/* Return: 0 done, FAULT_RETRY spoilt, FAULT_SIGSEGV not tried. */
static enum fault_result speculative_fault(struct task *t, struct mm *mm,
					   struct fault *f)
{
	enum fault_result r = FAULT_SIGSEGV;
	uint32_t seq;
	struct vma *v;

	rcu_read_lock(t, mm->k->rcu);
	v = mm->k->index->find(t, mm, f->addr);
	if (!v || v->r.start > f->addr)
		goto out;
	vma_pin(v);
	vma_ref(t, v);
	if (read_seq(t, v, &seq) && v->r.start <= f->addr &&
	    f->addr < v->r.end && !access_error(v, f))
		r = handle_speculative_fault(t, v, f, valid, seq);
	vma_ref(t, v);
	vma_unpin(v);
out:
	rcu_read_unlock(t, mm->k->rcu);
	return r;
}

static void spf_fault(struct task *t, struct mm *mm, struct fault *f)
{
	enum kop_path path = KOP_PATH_MMAP;
	enum fault_result r;

	if (!f->user)
		goto lock_mmap;
	r = speculative_fault(t, mm, f);
	if (!r) {
		count(t, COUNT_SPF_SUCCESS);
		fault_path(t, KOP_PATH_VMA);
		return;
	}
	count(t, r & FAULT_RETRY ? COUNT_SPF_RETRY : COUNT_SPF_ABORT);
	if (r & FAULT_RETRY)
		path = KOP_PATH_RETRY;
lock_mmap:
	fault_under_mmap_lock(t, mm, f, path);
}

/* ---- writers ---- */

/* vm_write_begin(): ended by the next step of mm_seq */
static void spf_start_write(struct task *t, struct vma *v)
{
	if (per_mm(v->mm))
		return;
	prim_expected(t, cost_ns(v->mm->k, COST_LINE_WRITE));
	line_write(t, vma_line(v, VMA_OFF_LOCK_SEQ));
	spf(v)->vm_sequence = spf_mm(v->mm)->mm_seq;
}

static void seq_step(struct task *t, struct mm *mm)
{
	line_write(t, mm_line(mm, mm->k->cfg.layout.mm_lock_seq));
	spf_mm(mm)->mm_seq++;
}

static int spf_write_begin(struct task *t, struct mm *mm, struct range r,
			   bool killable)
{
	if (mmap_sem_write(t, mm, r, killable))
		return -EINTR;
	seq_step(t, mm);
	return 0;
}

static void spf_write_to_read(struct task *t, struct mm *mm, struct range r)
{
	seq_step(t, mm);
	mmap_sem_downgrade(t, mm, r);
}

static void spf_write_end(struct task *t, struct mm *mm, struct range r)
{
	seq_step(t, mm);
	mmap_sem_write_end(t, mm, r);
}

const struct mm_lock_ops mm_lock_speculative = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct mm_lock_ops),
		.axis = "mm_lock", .name = "speculative",
		.models = "__handle_speculative_fault(): work without a lock, then compare a sequence count",
		.source = "SPF v12 (Dufour, 2019), 20220128131006.67712 (Lespinasse, 2022)",
		.options = spf_options, .option_bytes = sizeof(struct spf_options),
		.provides = TRAIT_MMAP_READ_LOCK | TRAIT_LOCKLESS_LOOKUP,
		.requires = TRAIT_RCU_SAFE_FREE | TRAIT_RCU_WALK,
		.excludes = TRAIT_TYPESAFE_FREE,
		.inert = AXIS_BIT(AXIS_VMA_LOCK_PLACE) | AXIS_BIT(AXIS_FAULT_SCOPE),
	},
	.mm_bytes = sizeof(struct spf_mm), .vma_bytes = sizeof(struct spf_vma),
	.mm_init = mmap_sem_init, .mm_release = mmap_sem_release,
	.fault = spf_fault,
	.write_begin = spf_write_begin, .write_to_read = spf_write_to_read,
	.write_end = spf_write_end,
	.read_begin = mmap_sem_read, .read_end = mmap_sem_read_end,
	.read_trylock = mmap_sem_read_trylock,
	.vma_start_write = spf_start_write,
	.write_held = mmap_sem_write_held,
};
