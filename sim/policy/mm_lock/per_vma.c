/*
 * mm_lock: per-vma, as merged in 6.4: each area has a rw_semaphore and a
 * sequence number (include/linux/mm.h, mm/memory.c).
 *
 *   an area is write-locked  iff  vma->vm_lock_seq == mm->mm_lock_seq
 *
 * A reader never waits: it looks the area up under RCU, tries the lock, looks
 * at the numbers again. A writer (who has mmap_lock) waits for the readers of
 * the area once, stores the number and lets the rwsem go: the number carries
 * the lock, until one bump of mm_lock_seq at unlock or downgrade ends all of
 * them. In 6.14 mm_lock_seq is a seqcount, odd while mmap_lock is held for
 * writing: stepped at lock begin as well, one more write of a line that each
 * fault reads.
 *
 * Invariant: a reader that got the lock sees an area that is in the tree and
 * does not change; the pin stands for the RCU read section.
 * Not paid: the load of vma->vm_lock on the way to a separate lock (its line is
 * that of vm_start); a writer's own load of mm_lock_seq; vma_mark_attached(),
 * a store into an area that nobody can find yet.
 */
#include "sim/mm/mmap_sem.h"

struct pv_mm {
	struct rwsem mmap_lock;
	uint32_t mm_lock_seq;
};

struct pv_vma {
	struct rwsem lock;
	uint32_t vm_lock_seq;
};

struct pv_options {
	bool seqcount;
};

static const struct option pv_options[] = {
	{ .key = "seqcount", .type = OPT_BOOL,
	  .offset = offsetof(struct pv_options, seqcount), .def = "false",
	  .unit = "", .help = "mm_lock_seq is stepped at lock begin, too (6.14)" },
	OPTION_END
};

static struct pv_mm *pv_mm(const struct mm *mm)
{
	return mm->lock_state;
}

static struct pv_vma *pv(const struct vma *v)
{
	return v->lock_state;
}

/* Where the lock lies is the axis vma_lock_place. */
static void pv_vma_init(struct vma *v)
{
	const struct kernel *k = v->mm->k;

	rwsem_init_at(k->m, &pv(v)->lock, k->rwsem, k->vma_lock_class,
		      k->vma_lock_cache ? &v->lock_place : &v->place,
		      k->area.lock_offset);
	pv(v)->vm_lock_seq = UINT32_MAX;
}

static void pv_vma_release(struct vma *v)
{
	rwsem_release(&pv(v)->lock);
}

/* ---- readers ---- */

static bool is_write_locked(struct task *t, struct vma *v)
{
	uint32_t seq;

	line_read(t, vma_line(v, VMA_OFF_LOCK_SEQ));
	seq = pv(v)->vm_lock_seq;
	line_read(t, mm_line(v->mm, v->mm->k->cfg.layout.mm_lock_seq));
	return seq == pv_mm(v->mm)->mm_lock_seq;
}

static bool vma_start_read(struct task *t, struct vma *v)
{
	if (is_write_locked(t, v))
		return false;
	if (!down_read_trylock(t, &pv(v)->lock))
		return false;
	/* a writer may have come and gone between the two: look again */
	if (is_write_locked(t, v)) {
		up_read(t, &pv(v)->lock);
		return false;
	}
	return true;
}

static void vma_end_read(struct task *t, struct vma *v)
{
	rcu_read_lock(t, v->mm->k->rcu);	/* the area outlives up_read */
	vma_pin(v);
	up_read(t, &pv(v)->lock);
	settle(t);
	vma_unpin(v);
	rcu_read_unlock(t, v->mm->k->rcu);
}

/* What vma_start_read() got must still be the area that was looked for. */
static bool still_there(struct task *t, const struct vma *v, uint64_t addr)
{
	line_read(t, vma_line(v, VMA_OFF_START));
	return v->r.start <= addr && addr < v->r.end;
}

static struct vma *lock_vma_under_rcu(struct task *t, struct mm *mm,
				      uint64_t addr, bool for_fault)
{
	struct vma *v;

retry:
	rcu_read_lock(t, mm->k->rcu);
	v = mm->k->index->find(t, mm, addr);
	if (!v || v->r.start > addr)
		goto inval;
	vma_pin(v);
	if (!vma_start_read(t, v))
		goto inval_unpin;
	settle(t);
	if (v->detached) {		/* isolated after we found it */
		vma_end_read(t, v);
		vma_unpin(v);
		rcu_read_unlock(t, mm->k->rcu);
		count(t, COUNT_VMA_LOCK_MISS);
		goto retry;
	}
	if (!still_there(t, v, addr) || (for_fault && !fault_in_scope(v))) {
		vma_end_read(t, v);
		goto inval_unpin;
	}
	settle(t);
	vma_unpin(v);
	rcu_read_unlock(t, mm->k->rcu);
	return v;
inval_unpin:
	settle(t);
	vma_unpin(v);
inval:
	rcu_read_unlock(t, mm->k->rcu);
	count(t, COUNT_VMA_LOCK_ABORT);
	return NULL;
}

/* ---- writers ---- */

static void pv_start_write(struct task *t, struct vma *v)
{
	uint32_t seq = pv_mm(v->mm)->mm_lock_seq;	/* mmap_lock keeps it */

	prim_expected(t, 2 * cost_ns(v->mm->k, COST_ATOMIC));
	line_read(t, vma_line(v, VMA_OFF_LOCK_SEQ));
	if (pv(v)->vm_lock_seq == seq)
		return;
	down_write(t, &pv(v)->lock);
	line_write(t, vma_line(v, VMA_OFF_LOCK_SEQ));
	pv(v)->vm_lock_seq = seq;
	up_write(t, &pv(v)->lock);
}

/* vma_mark_detached(): write-locked by now, so no reader is inside; the flag
 * itself was set when the area left the tree */
static void pv_detach(struct task *t, struct vma *v)
{
	line_write(t, vma_line(v, VMA_OFF_LOCK_SEQ));
}

static void mm_lock_seq_step(struct task *t, struct mm *mm)
{
	line_write(t, mm_line(mm, mm->k->cfg.layout.mm_lock_seq));
	pv_mm(mm)->mm_lock_seq++;
}

static int pv_write_begin(struct task *t, struct mm *mm, struct range r,
			  bool killable)
{
	const struct pv_options *o = mm->k->cfg.policies.options[AXIS_MM_LOCK];

	if (mmap_sem_write(t, mm, r, killable))
		return -EINTR;
	if (o && o->seqcount)		/* mm_lock_seqcount_begin() */
		mm_lock_seq_step(t, mm);
	return 0;
}

/* vma_end_write_all(), then the lock itself */
static void pv_write_to_read(struct task *t, struct mm *mm, struct range r)
{
	mm_lock_seq_step(t, mm);
	mmap_sem_downgrade(t, mm, r);
}

static void pv_write_end(struct task *t, struct mm *mm, struct range r)
{
	mm_lock_seq_step(t, mm);
	mmap_sem_write_end(t, mm, r);
}

const struct mm_lock_ops mm_lock_per_vma = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct mm_lock_ops),
		.axis = "mm_lock", .name = "per-vma",
		.models = "lock_vma_under_rcu(), vma_start_write() of 6.4 to 6.14",
		.source = "Documentation/mm/process_addrs.rst; code quoted in seed 1",
		.options = pv_options,
		.option_bytes = sizeof(struct pv_options),
		.provides = TRAIT_MMAP_READ_LOCK | TRAIT_LOCKLESS_LOOKUP |
			    TRAIT_VMA_LOCK,
		.requires = TRAIT_RCU_SAFE_FREE | TRAIT_RCU_WALK,
		.excludes = TRAIT_TYPESAFE_FREE,
	},
	.mm_bytes = sizeof(struct pv_mm), .vma_bytes = sizeof(struct pv_vma),
	.mm_init = mmap_sem_init, .mm_release = mmap_sem_release,
	.vma_init = pv_vma_init, .vma_release = pv_vma_release,
	.fault = fault_under_vma_lock,
	.write_begin = pv_write_begin, .write_to_read = pv_write_to_read,
	.write_end = pv_write_end,
	.read_begin = mmap_sem_read, .read_end = mmap_sem_read_end,
	.read_trylock = mmap_sem_read_trylock,
	.vma_start_write = pv_start_write, .vma_detach = pv_detach,
	.write_held = mmap_sem_write_held,
	.vma_read_begin = lock_vma_under_rcu, .vma_read_end = vma_end_read,
};
