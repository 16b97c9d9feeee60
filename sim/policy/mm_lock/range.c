/*
 * mm_lock: range. The list-based range lock of Kogan, Dice and Issa (EuroSys'20,
 * arXiv 2006.12144) in place of mmap_lock: a list sorted by address of the
 * ranges that are held; who finds no conflict links its node behind the last
 * one below it with one compare-and-swap, who finds one waits for that node.
 *
 *   |--W--|   |-R-|        |----W----|       held
 *          |W|        |-R-|                  may come in
 *                |---R---|                   may not: waits for the writer
 *
 * Faults read-lock their page. Writers lock their range, one page on either
 * side and every area that reaches in there, which is all that a split or a
 * merge can change; areas may move while they wait, so they look again. So
 * writers of ranges that are apart overlap, and the index has to bear it.
 *
 * Invariant: a held range conflicts with no other held range.
 * Limits: no fairness (the paper's is optional); waiters sleep, since holders
 * do; the index's own lock is not modelled; blame goes to all who are inside.
 */
#include "sim/mm/book.h"
#include "sim/mm/mm.h"

enum { WIDEN_TRIES = 3, PATH_MAX_NODES = 64 };

struct rl_node {
	struct range r;
	bool write;
	struct task *t;
	struct place place;
	TAILQ_ENTRY(rl_node) link;
};

struct rl_waiter {
	struct task *t;
	const struct rl_node *on;	/* the range in the way; NULL: try again */
	bool wake;
	TAILQ_ENTRY(rl_waiter) link;
};

struct rl_mm {
	TAILQ_HEAD(, rl_node) held, unused;
	TAILQ_HEAD(, rl_waiter) waiters;
	struct book book;
};

static struct rl_mm *rl(const struct mm *mm)
{
	return mm->lock_state;
}

static void rl_mm_init(struct mm *mm)
{
	TAILQ_INIT(&rl(mm)->held);
	TAILQ_INIT(&rl(mm)->unused);
	TAILQ_INIT(&rl(mm)->waiters);
	rl(mm)->book.cls = mm->k->mmap_lock_class;
}

static void rl_mm_release(struct mm *mm)
{
	struct rl_node *n;

	BUG_ON(!TAILQ_EMPTY(&rl(mm)->held));
	while ((n = TAILQ_FIRST(&rl(mm)->unused))) {
		TAILQ_REMOVE(&rl(mm)->unused, n, link);
		address_put(mm->k->lock_node_cache, 0, &n->place);
		free(n);
	}
}

/* ---- nodes: each thread comes back to its own ---- */

static struct rl_node *node_get(struct task *t, struct mm *mm)
{
	struct rl_node *n;

	TAILQ_FOREACH(n, &rl(mm)->unused, link)
		if (n->t == t)
			break;
	if (n) {
		TAILQ_REMOVE(&rl(mm)->unused, n, link);
		return n;
	}
	n = xcalloc(1, sizeof(*n));
	n->t = t;
	address_get(mm->k->lock_node_cache, t->cpu->id, &n->place);
	return n;
}

static struct line *node_line(const struct mm *mm, const struct rl_node *n)
{
	return n ? place_line(mm->k->m, &n->place, 0) :
		   mm_line(mm, mm->k->cfg.layout.mmap_lock);	/* the list head */
}

static struct rl_node *held_by(const struct mm *mm, const struct task *t)
{
	struct rl_node *n;

	TAILQ_FOREACH(n, &rl(mm)->held, link)
		if (n->t == t)
			return n;
	return NULL;
}

/* ---- the list ---- */

static const struct rl_node *in_the_way(const struct mm *mm,
					const struct rl_node *new)
{
	const struct rl_node *n;

	TAILQ_FOREACH(n, &rl(mm)->held, link) {
		if (n->r.start >= new->r.end)
			break;
		if (n->r.end > new->r.start && (n->write || new->write))
			return n;
	}
	return NULL;
}

/* The node to link behind; NULL: the head. */
static struct rl_node *place_of(const struct mm *mm, const struct rl_node *new)
{
	struct rl_node *n, *pred = NULL;

	TAILQ_FOREACH(n, &rl(mm)->held, link) {
		if (n->r.start > new->r.start)
			break;
		pred = n;
	}
	return pred;
}

/* Every node on the way is a line that its owner wrote last. */
static void walk_to(struct task *t, struct mm *mm, const struct rl_node *new)
{
	struct line *path[PATH_MAX_NODES];
	const struct rl_node *n;
	unsigned steps = 0;

	line_read(t, node_line(mm, NULL));
	settle(t);
	TAILQ_FOREACH(n, &rl(mm)->held, link) {
		if (n->r.start > new->r.start || steps == PATH_MAX_NODES)
			break;
		path[steps++] = node_line(mm, n);
	}
	for (unsigned i = 0; i < steps; i++)
		line_read(t, path[i]);
	settle(t);
}

static void link_node(struct mm *mm, struct rl_node *new, struct rl_node *pred)
{
	if (pred)
		TAILQ_INSERT_AFTER(&rl(mm)->held, pred, new, link);
	else
		TAILQ_INSERT_HEAD(&rl(mm)->held, new, link);
}

/* Wait until @n is gone or no longer in the way. False: killed. */
static bool wait_for(struct task *t, struct rl_waiter *w,
		     const struct rl_node *n, struct book_wait *bw,
		     bool killable)
{
	w->on = n;
	while (w->on) {
		if (killable && t->killed)
			return false;
		book_sleep(t, bw, killable);
	}
	return true;
}

static int range_lock(struct task *t, struct mm *mm, struct rl_node *new,
		      bool killable)
{
	enum lock_side side = new->write ? SIDE_WRITE : SIDE_READ;
	struct rl_waiter w = { .t = t };
	const struct rl_node *bar;
	bool waited = false;
	struct rl_node *pred;
	struct book_wait bw;

	for (;;) {
		walk_to(t, mm, new);
		pred = place_of(mm, new);
		line_rmw(t, node_line(mm, pred));
		settle(t);
		bar = in_the_way(mm, new);
		if (!bar && place_of(mm, new) == pred)
			break;		/* else the compare-and-swap failed */
		if (!bar)
			continue;
		if (!waited) {
			book_wait_begin(t, &rl(mm)->book, &bw);
			TAILQ_INSERT_TAIL(&rl(mm)->waiters, &w, link);
			waited = true;
		}
		if (!wait_for(t, &w, bar, &bw, killable))
			break;
	}
	if (waited) {
		TAILQ_REMOVE(&rl(mm)->waiters, &w, link);
		book_wait_end(t, &rl(mm)->book, &bw, side, !bar);
	} else {
		book_enter(t, &rl(mm)->book, side);
	}
	if (bar) {
		TAILQ_INSERT_HEAD(&rl(mm)->unused, new, link);
		return -EINTR;
	}
	link_node(mm, new, pred);
	return 0;
}

/* @n is no longer what it was to those who wait for it. */
static void wake_waiters(struct task *t, struct mm *mm, const struct rl_node *n)
{
	struct rl_waiter *w;

	TAILQ_FOREACH(w, &rl(mm)->waiters, link)
		if (w->on == n) {
			w->on = NULL;
			w->wake = true;
		}
	for (;;) {
		TAILQ_FOREACH(w, &rl(mm)->waiters, link)
			if (w->wake)
				break;
		if (!w)
			return;
		w->wake = false;
		task_wake(t, w->t);
		settle(t);	/* time may pass: who is left is seen after it */
	}
}

static void range_unlock(struct task *t, struct mm *mm, bool write)
{
	struct rl_node *n = held_by(mm, t);

	if (!n || n->write != write)
		BUG("mm %u: task %u has no range to let go", mm->id, t->id);
	line_rmw(t, node_line(mm, n));	/* marked; unlinked by who passes */
	settle(t);
	book_leave(t, &rl(mm)->book, write ? SIDE_WRITE : SIDE_READ);
	TAILQ_REMOVE(&rl(mm)->held, n, link);
	TAILQ_INSERT_HEAD(&rl(mm)->unused, n, link);
	wake_waiters(t, mm, n);
}

/* ---- what a writer may change ---- */

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
	/* a stack that may grow down to here */
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
		struct rl_node *n;

		settle(t);
		n = node_get(t, mm);
		n->r = try < WIDEN_TRIES ? widened(mm, r) : WHOLE_MM;
		n->write = true;
		if (range_lock(t, mm, n, killable))
			return -EINTR;
		if (covers(n->r, widened(mm, r)))
			return 0;
		range_unlock(t, mm, true);
	}
}

static void rl_write_to_read(struct task *t, struct mm *mm, struct range r)
{
	struct rl_node *n = held_by(mm, t);

	(void)r;
	line_rmw(t, node_line(mm, n));
	settle(t);
	n->write = false;
	book_downgrade(t, &rl(mm)->book);
	wake_waiters(t, mm, n);
}

static void rl_write_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	range_unlock(t, mm, true);
}

static int rl_read_begin(struct task *t, struct mm *mm, struct range r,
			 bool killable)
{
	struct rl_node *n;

	settle(t);
	n = node_get(t, mm);
	n->r = r;
	n->write = false;
	return range_lock(t, mm, n, killable);
}

static void rl_read_end(struct task *t, struct mm *mm, struct range r)
{
	(void)r;
	range_unlock(t, mm, false);
}

static bool rl_write_held(const struct task *t, const struct mm *mm,
			  struct range r)
{
	const struct rl_node *n = held_by(mm, t);

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
	.mm_bytes = sizeof(struct rl_mm), .node_bytes = 64,
	.mm_init = rl_mm_init, .mm_release = rl_mm_release,
	.fault = rl_fault,
	.write_begin = rl_write_begin, .write_to_read = rl_write_to_read,
	.write_end = rl_write_end,
	.read_begin = rl_read_begin, .read_end = rl_read_end,
	.write_held = rl_write_held,
};
