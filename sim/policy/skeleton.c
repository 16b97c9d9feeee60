/*
 * A policy to copy: the lock of an address space, hook by hook.
 *
 *   cc -shared -fPIC $(pkg-config --cflags mmreplay) skeleton.c -o skeleton.so
 *   mmreplay run TRACE --plugin ./skeleton.so --policy mm_lock=skeleton
 *
 * It behaves as mm-wide does: one rw_semaphore, everybody takes it. Other axes
 * have fewer hooks; sim/mm/policies.h declares all of them.
 *
 * Rules of the house. Work is a debt: work(), body() and prim() only add to
 * what the task owes; settle() lets the time pass. Between a decision and the
 * change that follows from it there is no settle(). After everything that can
 * sleep or settle, look again: the area, the lock, the CPU may have changed.
 * No static data: state hangs off the mm and the area, sized by the table.
 */
#include "sim/policy/plugin.h"

/* What each address space has of this policy: table.mm_bytes, zeroed. */
struct sk_mm {
	struct rwsem mmap_lock;
};

/* An option is a field, a key, a default and a unit; `mmreplay policies` lists
 * it, `mm_lock.extra_ns: 20` sets it, and it is part of every cell's id. */
struct sk_options {
	int64_t extra_ns;
};

static const struct option sk_options[] = {
	{ .key = "extra_ns", .type = OPT_I64,
	  .offset = offsetof(struct sk_options, extra_ns), .def = "0",
	  .min = 0, .max = 1000000, .unit = "ns",
	  .help = "what each fault takes longer" },
	OPTION_END
};

static struct rwsem *mmap_lock(const struct mm *mm)
{
	return &((struct sk_mm *)mm->lock_state)->mmap_lock;
}

/* mm_init, required: before anybody runs in @mm. mm_line() is the cache line
 * under an offset of mm_struct: who shares a line, shares its transfers. */
static void sk_mm_init(struct mm *mm)
{
	mmap_lock_init(mm, mmap_lock(mm));
}

/* mm_release: when nothing refers to @mm any more; check that it is free. */
static void sk_mm_release(struct mm *mm)
{
	rwsem_release(mmap_lock(mm));
}

/*
 * fault, required: the whole of a page fault from the lookup on. It finds the
 * area, keeps it by some lock, calls handle_mm_fault() and tells the path.
 * fault_under_mmap_lock() does all that with read_begin() and read_end().
 */
static void sk_fault(struct task *t, struct mm *mm, struct fault *f)
{
	const struct sk_options *o = mm->k->cfg.policies.options[AXIS_MM_LOCK];

	if (o)
		work_ns(t, o->extra_ns, COST_ASSUMED);
	fault_under_mmap_lock(t, mm, f, KOP_PATH_MMAP);
}

/*
 * write_begin, required: from here to write_end() nobody else sees or changes
 * areas of @r. Return 0, or -EINTR if @killable and the task was killed.
 */
static int sk_write_begin(struct task *t, struct mm *mm, struct range r,
			  bool killable)
{
	(void)r;
	if (killable)
		return down_write_killable(t, mmap_lock(mm));
	down_write(t, mmap_lock(mm));
	return 0;
}

/* write_to_read: needed with TRAIT_MMAP_READ_LOCK, without which
 * `munmap: downgrade` is refused. Readers may come in, no writer between. */
static void sk_write_to_read(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	downgrade_write(t, mmap_lock(mm));
}

static void sk_write_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	up_write(t, mmap_lock(mm));
}

/* read_begin, read_end, required: areas of @r stay as they are meanwhile. */
static int sk_read_begin(struct task *t, struct mm *mm, struct range r,
			 bool killable)
{
	(void)r;
	if (killable)
		return down_read_killable(t, mmap_lock(mm));
	down_read(t, mmap_lock(mm));
	return 0;
}

/* read_trylock: what a fault asks for first. NULL: it always goes to
 * read_begin(), which is another sequence of accesses to the lock's line. */
static bool sk_read_trylock(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	return down_read_trylock(t, mmap_lock(mm));
}

static void sk_read_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	up_read(t, mmap_lock(mm));
}

/* write_held, required: by the lock word itself. It is asked before every
 * change, so that a lock call that was forgotten stops the run. */
static bool sk_write_held(const struct task *t, const struct mm *mm,
			  struct range r)
{
	const struct rwsem *s = mmap_lock(mm);

	(void)r;
	return (s->word & RWSEM_WRITER) && s->owner == t;
}

/*
 * Not here, for locks of single areas (see mm_lock/per_vma.c): vma_bytes,
 * vma_init, vma_release, vma_start_write, vma_attach, vma_detach,
 * vma_read_begin, vma_read_end, read_trylock, place; node_bytes for locks that
 * are made of objects (range.c).
 */
static const struct mm_lock_ops skeleton = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct mm_lock_ops),
		.axis = "mm_lock", .name = "skeleton",
		.models = "one rw_semaphore, as mm-wide; an example",
		.source = "sim/policy/skeleton.c",
		.options = sk_options, .option_bytes = sizeof(struct sk_options),
		/* what it gives to, needs of and makes pointless for others */
		.provides = TRAIT_MMAP_READ_LOCK,
		.requires = 0, .excludes = 0,
		.inert = AXIS_BIT(AXIS_VMA_LOCK_PLACE) | AXIS_BIT(AXIS_FAULT_SCOPE),
	},
	.mm_bytes = sizeof(struct sk_mm),
	.mm_init = sk_mm_init, .mm_release = sk_mm_release,
	.fault = sk_fault,
	.write_begin = sk_write_begin, .write_to_read = sk_write_to_read,
	.write_end = sk_write_end,
	.read_begin = sk_read_begin, .read_end = sk_read_end,
	.read_trylock = sk_read_trylock,
	.write_held = sk_write_held,
};

MMREPLAY_PLUGIN(&skeleton.head)
