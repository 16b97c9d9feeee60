/*
 * mm_lock: mm-wide. One rw_semaphore for the whole address space, to 6.3 and
 * wherever CONFIG_PER_VMA_LOCK is off.
 *
 * Every fault takes mmap_lock for reading: two atomics on one line, whoever
 * faults where; every change takes it for writing.
 */
#include "sim/mm/mm.h"

struct wide_mm {
	struct rwsem mmap_lock;
};

static struct rwsem *mmap_lock(const struct mm *mm)
{
	return &((struct wide_mm *)mm->lock_state)->mmap_lock;
}

static void wide_mm_init(struct mm *mm)
{
	mmap_lock_init(mm, mmap_lock(mm));
}

static void wide_mm_release(struct mm *mm)
{
	rwsem_release(mmap_lock(mm));
}

static int wide_write_begin(struct task *t, struct mm *mm, struct range r,
			    bool killable)
{
	(void)r;
	if (killable)
		return down_write_killable(t, mmap_lock(mm));
	down_write(t, mmap_lock(mm));
	return 0;
}

static void wide_write_to_read(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	downgrade_write(t, mmap_lock(mm));
}

static void wide_write_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	up_write(t, mmap_lock(mm));
}

static int wide_read_begin(struct task *t, struct mm *mm, struct range r,
			   bool killable)
{
	(void)r;
	if (killable)
		return down_read_killable(t, mmap_lock(mm));
	down_read(t, mmap_lock(mm));
	return 0;
}

static bool wide_read_trylock(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	return down_read_trylock(t, mmap_lock(mm));
}

static void wide_read_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	up_read(t, mmap_lock(mm));
}

static bool wide_write_held(const struct task *t, const struct mm *mm,
			    struct range r)
{
	const struct rwsem *s = mmap_lock(mm);

	(void)r;
	return (s->word & RWSEM_WRITER) && s->owner == t;
}

static void wide_fault(struct task *t, struct mm *mm, struct fault *f)
{
	fault_under_mmap_lock(t, mm, f, KOP_PATH_MMAP);
}

const struct mm_lock_ops mm_lock_mm_wide = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct mm_lock_ops),
		.axis = "mm_lock", .name = "mm-wide",
		.models = "do_user_addr_fault() to 6.3: mmap_lock for every fault",
		.source = "arch/x86/mm/fault.c to 6.3 (from memory)",
		.provides = TRAIT_MMAP_READ_LOCK,
		.inert = AXIS_BIT(AXIS_VMA_LOCK_PLACE) | AXIS_BIT(AXIS_FAULT_SCOPE),
	},
	.mm_bytes = sizeof(struct wide_mm),
	.mm_init = wide_mm_init,
	.mm_release = wide_mm_release,
	.fault = wide_fault,
	.write_begin = wide_write_begin,
	.write_to_read = wide_write_to_read,
	.write_end = wide_write_end,
	.read_begin = wide_read_begin,
	.read_end = wide_read_end,
	.read_trylock = wide_read_trylock,
	.write_held = wide_write_held,
};
