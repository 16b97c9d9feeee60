/*
 * See range_lock.h.
 *
 * Invariant: a held range conflicts with no other held range.
 * Limits: no fairness (the paper's is optional); waiters sleep, since holders
 * do; blame goes to all who are inside.
 */
#include "sim/mm/range_lock.h"

enum { PATH_MAX_NODES = 64 };

void range_lock_init(struct range_lock *l, struct mm *mm)
{
	l->mm = mm;
	TAILQ_INIT(&l->held);
	TAILQ_INIT(&l->unused);
	TAILQ_INIT(&l->waiters);
	l->book.cls = mm->k->mmap_lock_class;
}

void range_lock_release(struct range_lock *l)
{
	struct rl_node *n;

	BUG_ON(!TAILQ_EMPTY(&l->held));
	while ((n = TAILQ_FIRST(&l->unused))) {
		TAILQ_REMOVE(&l->unused, n, link);
		address_put(l->mm->k->lock_node_cache, 0, &n->place);
		free(n);
	}
}

/* ---- nodes: each thread comes back to its own ---- */

static struct rl_node *node_get(struct task *t, struct range_lock *l)
{
	struct rl_node *n;

	TAILQ_FOREACH(n, &l->unused, link)
		if (n->t == t)
			break;
	if (n) {
		TAILQ_REMOVE(&l->unused, n, link);
		return n;
	}
	n = xcalloc(1, sizeof(*n));
	n->t = t;
	address_get(l->mm->k->lock_node_cache, t->cpu->id, &n->place);
	return n;
}

static struct line *node_line(const struct range_lock *l,
			      const struct rl_node *n)
{
	const struct mm *mm = l->mm;

	return n ? place_line(mm->k->m, &n->place, 0) :
		   mm_line(mm, mm->k->cfg.layout.mmap_lock);	/* the list head */
}

static struct rl_node *held_by(const struct range_lock *l, const struct task *t)
{
	struct rl_node *n;

	TAILQ_FOREACH(n, &l->held, link)
		if (n->t == t)
			return n;
	return NULL;
}

const struct rl_node *range_held_by(const struct range_lock *l,
				    const struct task *t)
{
	return held_by(l, t);
}

/* ---- the list ---- */

static const struct rl_node *in_the_way(const struct range_lock *l,
					const struct rl_node *new)
{
	const struct rl_node *n;

	TAILQ_FOREACH(n, &l->held, link) {
		if (n->r.start >= new->r.end)
			break;
		if (n->r.end > new->r.start && (n->write || new->write))
			return n;
	}
	return NULL;
}

/* The node to link behind; NULL: the head. */
static struct rl_node *place_of(const struct range_lock *l,
				const struct rl_node *new)
{
	struct rl_node *n, *pred = NULL;

	TAILQ_FOREACH(n, &l->held, link) {
		if (n->r.start > new->r.start)
			break;
		pred = n;
	}
	return pred;
}

/* Every node on the way is a line that its owner wrote last. */
static void walk_to(struct task *t, struct range_lock *l,
		    const struct rl_node *new)
{
	struct line *path[PATH_MAX_NODES];
	const struct rl_node *n;
	unsigned steps = 0;

	line_read(t, node_line(l, NULL));
	settle(t);
	TAILQ_FOREACH(n, &l->held, link) {
		if (n->r.start > new->r.start || steps == PATH_MAX_NODES)
			break;
		path[steps++] = node_line(l, n);
	}
	for (unsigned i = 0; i < steps; i++)
		line_read(t, path[i]);
	settle(t);
}

static void link_node(struct range_lock *l, struct rl_node *new,
		      struct rl_node *pred)
{
	if (pred)
		TAILQ_INSERT_AFTER(&l->held, pred, new, link);
	else
		TAILQ_INSERT_HEAD(&l->held, new, link);
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

/* Link @new; @w and @bw are filled once it has to wait. Return: who is still in
 * the way, if @t was killed. */
static const struct rl_node *acquire(struct task *t, struct range_lock *l,
				     struct rl_node *new, struct rl_waiter *w,
				     struct book_wait *bw, bool killable)
{
	const struct rl_node *bar;
	struct rl_node *pred;

	for (;;) {
		walk_to(t, l, new);
		pred = place_of(l, new);
		line_rmw(t, node_line(l, pred));
		settle(t);
		bar = in_the_way(l, new);
		if (!bar && place_of(l, new) == pred)
			break;
		if (!bar)
			continue;	/* the compare-and-swap failed */
		if (!w->t) {
			w->t = t;
			book_wait_begin(t, &l->book, bw);
			TAILQ_INSERT_TAIL(&l->waiters, w, link);
		}
		if (!wait_for(t, w, bar, bw, killable))
			return bar;
	}
	link_node(l, new, pred);
	return NULL;
}

int range_lock(struct task *t, struct range_lock *l, struct range r, bool write,
	       bool killable)
{
	enum lock_side side = write ? SIDE_WRITE : SIDE_READ;
	struct rl_waiter w = { .t = NULL };
	const struct rl_node *bar;
	struct book_wait bw;
	struct rl_node *new;

	settle(t);
	new = node_get(t, l);
	new->r = r;
	new->write = write;
	bar = acquire(t, l, new, &w, &bw, killable);
	if (w.t) {
		TAILQ_REMOVE(&l->waiters, &w, link);
		book_wait_end(t, &l->book, &bw, side, !bar);
	} else {
		book_enter(t, &l->book, side);
	}
	if (!bar)
		return 0;
	TAILQ_INSERT_HEAD(&l->unused, new, link);
	return -EINTR;
}

/* @n is no longer what it was to those who wait for it. */
static void wake_waiters(struct task *t, struct range_lock *l,
			 const struct rl_node *n)
{
	struct rl_waiter *w;

	TAILQ_FOREACH(w, &l->waiters, link)
		if (w->on == n) {
			w->on = NULL;
			w->wake = true;
		}
	for (;;) {
		TAILQ_FOREACH(w, &l->waiters, link)
			if (w->wake)
				break;
		if (!w)
			return;
		w->wake = false;
		task_wake(t, w->t);
		settle(t);	/* time may pass: who is left is seen after it */
	}
}

void range_downgrade(struct task *t, struct range_lock *l)
{
	struct rl_node *n = held_by(l, t);

	line_rmw(t, node_line(l, n));
	settle(t);
	n->write = false;
	book_downgrade(t, &l->book);
	wake_waiters(t, l, n);
}

void range_unlock(struct task *t, struct range_lock *l, bool write)
{
	struct rl_node *n = held_by(l, t);

	if (!n || n->write != write)
		BUG("mm %u: task %u has no range to let go", l->mm->id, t->id);
	line_rmw(t, node_line(l, n));	/* marked; unlinked by who passes */
	settle(t);
	book_leave(t, &l->book, write ? SIDE_WRITE : SIDE_READ);
	TAILQ_REMOVE(&l->held, n, link);
	TAILQ_INSERT_HEAD(&l->unused, n, link);
	wake_waiters(t, l, n);
}
