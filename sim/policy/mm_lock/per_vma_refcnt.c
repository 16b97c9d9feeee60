/*
 * mm_lock: per-vma-refcnt, 6.15 and later: the lock of an area is one count
 * (include/linux/mmap_lock.h).
 *
 *   vm_refcnt = 0             not in the tree
 *             = 1 + readers   in the tree
 *             + EXCLUDE       a writer waits for the readers to leave
 *
 * A reader that finds 0 walks again: the area went away under it, and with
 * typesafe freeing it may be another one by now. So what was locked is looked
 * at once more: address space, bounds. Who waits is always a writer, one per
 * mm, since it holds mmap_lock: mm->vma_writer_wait.
 *
 * Invariant: an area with a reference stays where it is until that is dropped;
 * detaching waits for references, not for a grace period.
 */
#include "sim/mm/book.h"
#include "sim/mm/mmap_sem.h"
#include "sim/mm/refcount.h"

enum { VM_REFCNT_EXCLUDE_READERS = 1 << 30, VM_REFCNT_LIMIT = (1 << 30) - 2 };

struct rc_mm {
	struct rwsem mmap_lock;
	uint32_t mm_lock_seq;		/* odd: write-locked */
	struct task *vma_writer_wait;	/* rcuwait */
};

struct rc_vma {
	uint32_t vm_refcnt, vm_lock_seq;
	struct book book;
};

static struct rc_mm *rc_mm(const struct mm *mm)
{
	return mm->lock_state;
}

static struct rc_vma *rc(const struct vma *v)
{
	return v->lock_state;
}

static void rc_vma_init(struct vma *v)
{
	*rc(v) = (struct rc_vma){ .vm_lock_seq = UINT32_MAX,
				  .book.cls = v->mm->k->vma_lock_class };
}

static void rc_vma_release(struct vma *v)
{
	BUG_ON(v->detached && rc(v)->vm_refcnt);
}

/* A stale pointer: the lines are those of @mm's machine all the same. */
static struct line *refcnt_line(const struct mm *mm, const struct vma *v)
{
	return place_line(mm->k->m, &v->place, mm->k->area.lock_offset);
}

/* ---- readers ---- */

enum start_read { READ_LOCKED, READ_FAILED, READ_AGAIN };

static bool is_write_locked(struct task *t, struct mm *mm, struct vma *v)
{
	uint32_t seq;

	line_read(t, place_line(mm->k->m, &v->place, VMA_OFF_LOCK_SEQ));
	seq = rc(v)->vm_lock_seq;
	line_read(t, mm_line(mm, mm->k->cfg.layout.mm_lock_seq));
	return seq == rc_mm(mm)->mm_lock_seq;
}

static void vma_refcount_put(struct task *t, struct vma *v)
{
	struct mm *mm = v->mm;		/* @v may be gone after the decrement */
	uint32_t left;

	left = refcount_sub(t, refcnt_line(mm, v), &rc(v)->vm_refcnt, 1);
	if ((left & VM_REFCNT_EXCLUDE_READERS) &&
	    left <= VM_REFCNT_EXCLUDE_READERS + 1 && rc_mm(mm)->vma_writer_wait)
		task_wake(t, rc_mm(mm)->vma_writer_wait);
}

static enum start_read vma_start_read(struct task *t, struct mm *mm,
				      struct vma *v)
{
	uint32_t old;

	if (is_write_locked(t, mm, v))
		return READ_FAILED;
	if (!refcount_inc_not_zero_limited(t, refcnt_line(mm, v),
					   &rc(v)->vm_refcnt, VM_REFCNT_LIMIT,
					   &old))
		return old ? READ_FAILED : READ_AGAIN;
	/* a writer may have come and gone before we counted: look again */
	if (is_write_locked(t, mm, v)) {
		vma_refcount_put(t, v);
		return READ_FAILED;
	}
	settle(t);
	book_enter(t, &rc(v)->book, SIDE_READ);
	return READ_LOCKED;
}

static void vma_end_read(struct task *t, struct vma *v)
{
	settle(t);
	book_leave(t, &rc(v)->book, SIDE_READ);
	vma_refcount_put(t, v);
}

/* rcu_read_lock() keeps what was found, unless freeing is type-safe: then it
 * keeps only that it is an area. */
static void rcu_pin(struct mm *mm, struct vma *v)
{
	if (!mm->k->typesafe)
		vma_pin(v);
}

static void rcu_unpin(struct task *t, struct mm *mm, struct vma *v)
{
	settle(t);
	if (!mm->k->typesafe)
		vma_unpin(v);
}

static struct vma *lock_vma_under_rcu(struct task *t, struct mm *mm,
				      uint64_t addr, bool for_fault)
{
	enum start_read got;
	struct vma *v;

retry:
	rcu_read_lock(t, mm->k->rcu);
	v = mm->k->index->find(t, mm, addr);
	if (!v || v->r.start > addr) {
		rcu_read_unlock(t, mm->k->rcu);
		goto inval;
	}
	rcu_pin(mm, v);
	got = vma_start_read(t, mm, v);
	rcu_unpin(t, mm, v);
	rcu_read_unlock(t, mm->k->rcu);
	if (got == READ_AGAIN) {	/* isolated after we found it */
		count(t, COUNT_VMA_LOCK_MISS);
		goto retry;
	}
	if (got == READ_FAILED)
		goto inval;
	/* a stable area: is it the right one? */
	line_read(t, place_line(mm->k->m, &v->place, VMA_OFF_START));
	if (v->mm != mm || addr < v->r.start || addr >= v->r.end ||
	    (for_fault && !fault_in_scope(v))) {
		vma_end_read(t, v);
		goto inval;
	}
	settle(t);
	return v;
inval:
	count(t, COUNT_VMA_LOCK_ABORT);
	return NULL;
}

/* ---- writers ---- */

/* rcuwait_wait_event(): until nobody is left but the tree and us */
static void wait_for_readers(struct task *t, struct vma *v, uint32_t target)
{
	struct rc_mm *m = rc_mm(v->mm);
	struct book_wait w;

	if (rc(v)->vm_refcnt == target) {
		book_enter(t, &rc(v)->book, SIDE_WRITE);
		return;
	}
	BUG_ON(m->vma_writer_wait != NULL);
	book_wait_begin(t, &rc(v)->book, &w);
	do {
		m->vma_writer_wait = t;
		book_sleep(t, &w, false);
		line_read(t, refcnt_line(v->mm, v));
		settle(t);
	} while (rc(v)->vm_refcnt != target);
	m->vma_writer_wait = NULL;
	book_wait_end(t, &rc(v)->book, &w, SIDE_WRITE, true);
}

/* False: not in the tree, so no reader can come. */
static bool vma_enter_locked(struct task *t, struct vma *v, bool detaching)
{
	if (!refcount_add_not_zero(t, refcnt_line(v->mm, v),
				   &rc(v)->vm_refcnt,
				   VM_REFCNT_EXCLUDE_READERS))
		return false;
	wait_for_readers(t, v, VM_REFCNT_EXCLUDE_READERS + !detaching);
	return true;
}

static void vma_exit_locked(struct task *t, struct vma *v)
{
	refcount_sub(t, refcnt_line(v->mm, v), &rc(v)->vm_refcnt,
		     VM_REFCNT_EXCLUDE_READERS);
	book_leave(t, &rc(v)->book, SIDE_WRITE);
}

static void rc_start_write(struct task *t, struct vma *v)
{
	uint32_t seq = rc_mm(v->mm)->mm_lock_seq;	/* mmap_lock keeps it */
	bool locked;

	prim_expected(t, 2 * cost_ns(v->mm->k, COST_ATOMIC));
	line_read(t, vma_line(v, VMA_OFF_LOCK_SEQ));
	if (rc(v)->vm_lock_seq == seq)
		return;
	locked = vma_enter_locked(t, v, false);
	line_write(t, vma_line(v, VMA_OFF_LOCK_SEQ));
	rc(v)->vm_lock_seq = seq;
	if (locked)
		vma_exit_locked(t, v);
}

/* vma_mark_attached(): a plain store into an object that is still ours */
static void rc_attach(struct vma *v)
{
	BUG_ON(rc(v)->vm_refcnt != 0);
	rc(v)->vm_refcnt = 1;
}

/* vma_mark_detached(): write-locked, so a reader that is left is on its way
 * out again, after it counted and before it looked at the sequence number. */
static void rc_detach(struct task *t, struct vma *v)
{
	if (refcount_sub(t, refcnt_line(v->mm, v), &rc(v)->vm_refcnt, 1) &&
	    vma_enter_locked(t, v, true))
		vma_exit_locked(t, v);
}

/* mm_lock_seqcount_begin() and _end() */
static void seqcount_step(struct task *t, struct mm *mm)
{
	line_write(t, mm_line(mm, mm->k->cfg.layout.mm_lock_seq));
	rc_mm(mm)->mm_lock_seq++;
}

static int rc_write_begin(struct task *t, struct mm *mm, struct range r,
			  bool killable)
{
	if (mmap_sem_write(t, mm, r, killable))
		return -EINTR;
	seqcount_step(t, mm);
	return 0;
}

static void rc_write_to_read(struct task *t, struct mm *mm, struct range r)
{
	seqcount_step(t, mm);	/* ends every write lock of an area, too */
	mmap_sem_downgrade(t, mm, r);
}

static void rc_write_end(struct task *t, struct mm *mm, struct range r)
{
	seqcount_step(t, mm);
	mmap_sem_write_end(t, mm, r);
}

const struct mm_lock_ops mm_lock_per_vma_refcnt = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct mm_lock_ops),
		.axis = "mm_lock", .name = "per-vma-refcnt",
		.models = "vma_start_read(), __vma_start_write(), vma_mark_detached() since 6.15",
		.source = "v7 cover 20241226170710, v10 cover 20250213224655",
		.provides = TRAIT_MMAP_READ_LOCK | TRAIT_LOCKLESS_LOOKUP |
			    TRAIT_VMA_LOCK | TRAIT_VMA_REFCNT,
		.requires = TRAIT_RCU_SAFE_FREE | TRAIT_RCU_WALK,
		.inert = AXIS_BIT(AXIS_VMA_LOCK_PLACE),
	},
	.mm_bytes = sizeof(struct rc_mm), .vma_bytes = sizeof(struct rc_vma),
	.refcnt = true,
	.mm_init = mmap_sem_init, .mm_release = mmap_sem_release,
	.vma_init = rc_vma_init, .vma_release = rc_vma_release,
	.fault = fault_under_vma_lock,
	.write_begin = rc_write_begin, .write_to_read = rc_write_to_read,
	.write_end = rc_write_end,
	.read_begin = mmap_sem_read, .read_end = mmap_sem_read_end,
	.read_trylock = mmap_sem_read_trylock,
	.vma_start_write = rc_start_write,
	.vma_attach = rc_attach, .vma_detach = rc_detach,
	.write_held = mmap_sem_write_held,
	.vma_read_begin = lock_vma_under_rcu, .vma_read_end = vma_end_read,
};
