/*
 * call_rcu() on an offloaded CPU (kernel/rcu/tree_nocb.h).
 *
 * Up to 16 * 1000 / HZ calls a jiffy go to the list itself, under nocb_lock,
 * and take the bypass with them; what comes faster, and what is lazy, goes to
 * the bypass under a lock of its own. The bypass goes to the list when it is
 * from another jiffy (lazy: from 10 s ago) or holds qhimark callbacks. The
 * first callback on an empty list wakes the rcuog thread of the CPU's group,
 * at the caller's expense, or sets a timer that does.
 *
 * Invariant: the segments change under nocb_lock, the bypass under
 * bypass_lock, or between two events by the end of a period, which only moves
 * what is assigned. Interrupts are off from entry to exit.
 */
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/sync/rcu_impl.h"

static int64_t direct_limit(const struct rcu_state *r)
{
	return 16 * 1000 / (int64_t)r->s.rules.hz;
}

/* Calls in this jiffy, less the limit for each jiffy of a flood before it. */
static void count_direct(struct rcu_state *r, struct rcu_nocb *n)
{
	int64_t j = rcu_jiffies(r), limit = direct_limit(r);

	if (j == n->direct_jiffy) {
		n->direct_count++;
		return;
	}
	n->direct_jiffy = j;
	n->direct_count -= limit;
	if (n->direct_count < 0)
		n->direct_count = 0;
	else if (n->direct_count > limit)
		n->direct_count = limit;
}

static bool bypass_all_lazy(const struct rcu_nocb *n)
{
	return n->lazy == n->bypass.count;
}

uint32_t rcu_bypass_stage(const struct rcu_nocb *n)
{
	const struct rcu_setup *s = &n->c->r->s;

	return n->lazy && bypass_all_lazy(n) ? s->stage_lazy : s->stage_bypass;
}

/* The bypass lock is held. */
static void bypass_add(struct rcu_cpu *c, struct rcu_head *h, uint32_t from)
{
	struct rcu_state *r = c->r;
	struct rcu_nocb *n = c->nocb;
	uint32_t old = rcu_bypass_stage(n), stage;

	if (!n->bypass.count)
		n->bypass_first = rcu_jiffies(r);
	n->lazy += h->lazy;
	rcu_list_add(&n->bypass, h);
	rcu_count_in(c);
	stage = rcu_bypass_stage(n);
	rcu_head_move(r, h, from, old);
	if (stage != old)	/* the first, or one that ends the laziness */
		rcu_list_move(r, &n->bypass, old, stage);
}

/* Both locks are held; @n is not empty. */
static void bypass_to_next(struct rcu_cpu *c)
{
	struct rcu_state *r = c->r;
	struct rcu_nocb *n = c->nocb;

	rcu_list_move(r, &n->bypass, rcu_bypass_stage(n), r->s.stage_gp);
	rcu_list_append(&c->next, &n->bypass);
	n->lazy = 0;
	n->bypass_first = rcu_jiffies(r);
	r->stats.flushes++;
}

void rcu_nocb_flush(struct task *t, struct rcu_cpu *c)
{
	struct rcu_nocb *n = c->nocb;

	if (!n->bypass.count)
		return;
	spin_lock(t, &n->bypass_lock);
	if (n->bypass.count)
		bypass_to_next(c);
	spin_unlock(t, &n->bypass_lock);
}

/* ---- waking rcuog ---- */

static void defer_fire(struct engine *e, struct sink *s, uint64_t gen)
{
	struct rcu_group *g = (struct rcu_group *)(void *)
			      ((char *)s - offsetof(struct rcu_group, timer));

	(void)e;
	if (gen != g->timer_gen || g->defer == NOCB_DEFER_NOT)
		return;
	machine_touch(g->r->m);
	rcu_group_wake(NULL, g, g->defer == NOCB_DEFER_FORCE);
}

static void defer_until(struct rcu_group *g, sim_ns at_ns)
{
	engine_at(&g->r->m->engine, at_ns,
		  event_order(EVENT_TIMER, g->first, TIMER_RCU_NOCB),
		  &g->timer, ++g->timer_gen);
}

/* wake_nocb_gp_defer(): a bypass overrides, laziness never hurries */
void rcu_nocb_defer(struct rcu_group *g, enum nocb_defer how)
{
	struct rcu_state *r = g->r;

	if (how == NOCB_DEFER_LAZY && g->defer == NOCB_DEFER_NOT) {
		g->defer = NOCB_DEFER_LAZY;
		defer_until(g, r->m->engine.now_ns + r->s.rules.lazy_flush_ns);
	} else if (how == NOCB_DEFER_BYPASS) {
		g->defer = NOCB_DEFER_BYPASS;
		defer_until(g, rcu_timeout_ns(r, 2));
	} else if (how != NOCB_DEFER_LAZY) {
		if (g->defer < NOCB_DEFER_WAKE)
			defer_until(g, rcu_timeout_ns(r, 1));
		if (g->defer < how)
			g->defer = (uint8_t)how;
	}
}

/* Drops the lock. __call_rcu_nocb_wake() */
static void unlock_and_wake(struct task *t, struct rcu_cpu *c, bool was_empty)
{
	struct rcu_nocb *n = c->nocb;
	struct rcu_group *g = n->group;
	bool lazy = n->lazy && bypass_all_lazy(n), many;

	many = c->queued > c->qlen_last + c->r->s.rules.qhimark;
	if (was_empty || many)
		c->qlen_last = c->queued;
	spin_unlock(t, &n->lock);
	settle(t);
	if (was_empty && lazy)
		rcu_nocb_defer(g, NOCB_DEFER_LAZY);
	else if (was_empty && t->irq_off > 1)	/* the caller's own, too */
		rcu_nocb_defer(g, NOCB_DEFER_WAKE);
	else if (was_empty)
		rcu_group_wake(t, g, false);
	else if (many && !c->done.count && g->defer == NOCB_DEFER_NOT)
		rcu_nocb_defer(g, NOCB_DEFER_FORCE);
}

/* ---- the call ---- */

static void add_direct(struct task *t, struct rcu_cpu *c, struct rcu_head *h,
		       uint32_t from)
{
	struct rcu_state *r = c->r;
	bool was_empty;

	spin_lock(t, &c->nocb->lock);
	was_empty = !rcu_has_pending(c);
	rcu_nocb_flush(t, c);
	settle(t);
	rcu_next_add(c, h, from);
	r->stats.direct++;
	unlock_and_wake(t, c, was_empty);
}

/* rcu_nocb_flush_bypass(): a lazy one goes along, another starts a new bypass */
static void flush_and_add(struct task *t, struct rcu_cpu *c, struct rcu_head *h,
			  uint32_t from)
{
	struct rcu_nocb *n = c->nocb;
	bool was_empty;

	spin_lock(t, &n->lock);
	was_empty = !rcu_has_pending(c);
	spin_lock(t, &n->bypass_lock);
	if (h->lazy)
		bypass_add(c, h, from);
	if (n->bypass.count)
		bypass_to_next(c);
	if (!h->lazy)
		bypass_add(c, h, from);
	spin_unlock(t, &n->bypass_lock);
	c->r->stats.bypassed++;
	unlock_and_wake(t, c, was_empty);
}

static void add_to_bypass(struct task *t, struct rcu_cpu *c, struct rcu_head *h,
			  uint32_t from)
{
	struct rcu_nocb *n = c->nocb;
	bool wake;

	spin_lock(t, &n->bypass_lock);
	wake = !n->bypass.count || (bypass_all_lazy(n) && !h->lazy);
	bypass_add(c, h, from);
	c->r->stats.bypassed++;
	spin_unlock(t, &n->bypass_lock);
	if (!wake)
		return;
	/* rcuog may sleep for good: look, under the lock */
	spin_lock(t, &n->lock);
	if (rcu_has_pending(c))
		spin_unlock(t, &n->lock);
	else
		unlock_and_wake(t, c, true);
}

static bool bypass_is_due(const struct rcu_state *r, const struct rcu_nocb *n)
{
	int64_t j = rcu_jiffies(r), lazy_jiffies;

	if (!n->bypass.count)
		return false;
	if (n->bypass.count >= r->s.rules.qhimark &&
	    !mutated(MUTATE_RCU_BYPASS_UNBOUNDED))
		return true;
	if (!bypass_all_lazy(n))
		return j != n->bypass_first &&
		       !mutated(MUTATE_RCU_BYPASS_STALE);
	lazy_jiffies = r->s.rules.lazy_flush_ns / r->jiffy_ns;
	return j >= n->bypass_first + lazy_jiffies;
}

void rcu_nocb_call(struct task *t, struct rcu_cpu *c, struct rcu_head *h,
		   uint32_t from)
{
	struct rcu_state *r = c->r;
	struct rcu_nocb *n = c->nocb;

	h->lazy = r->s.rules.lazy && !h->hurry;
	r->stats.called_lazy += h->lazy;
	count_direct(r, n);
	if (!h->lazy && (n->direct_count < direct_limit(r) ||
			 mutated(MUTATE_RCU_NO_BYPASS)))
		add_direct(t, c, h, from);
	else if (bypass_is_due(r, n))
		flush_and_add(t, c, h, from);
	else
		add_to_bypass(t, c, h, from);
}

/* ---- set-up ---- */

struct offload {
	struct rcu_state *r;
	bool any;
};

static void offload(void *arg, uint32_t first, uint32_t last)
{
	struct offload *o = arg;
	struct rcu_state *r = o->r;

	for (uint32_t i = first; i <= last && i < r->m->cpu_count; i++) {
		struct rcu_cpu *c = &r->cpu[i];
		struct rcu_nocb *n;

		if (c->nocb)
			continue;
		n = c->nocb = xcalloc(1, sizeof(*n));
		n->c = c;
		n->direct_jiffy = n->bypass_first = -1;
		rcu_list_init(&n->bypass);
		rcu_list_init(&n->invoking);
		spin_init(&n->lock, &n->lock_line,
			  metrics_lock(r->m->metrics, "rcu_nocb_lock", false));
		spin_init(&n->bypass_lock, &n->bypass_line,
			  metrics_lock(r->m->metrics, "rcu_nocb_bypass_lock",
				       false));
		rcu_nocb_threads_init(n);
		o->any = true;
	}
}

static uint32_t root_of(uint32_t n)
{
	uint32_t root = 0;

	while ((root + 1) * (root + 1) <= n)
		root++;
	return root;
}

/* rcu_nocb_gp_stride: CPUs / sqrt(CPUs) to a group */
void rcu_nocb_init(struct rcu_state *r)
{
	struct offload o = { r, false };
	uint32_t cpus = r->m->cpu_count, stride = cpus / root_of(cpus);

	if (!rcu_cpu_list(r->s.rules.nocbs, offload, &o))
		BUG("rcu.nocbs: no list of CPUs: %s", r->s.rules.nocbs);
	if (!o.any)
		return;
	r->groups = (cpus + stride - 1) / stride;
	r->group = xcalloc(r->groups, sizeof(*r->group));
	for (uint32_t i = 0; i < r->groups; i++) {
		struct rcu_group *g = &r->group[i];

		g->r = r;
		g->first = i * stride;
		g->end = g->first + stride < cpus ? g->first + stride : cpus;
		rcu_group_init(g);
		g->sleeping = true;
		g->timer.fire = defer_fire;
		for (uint32_t k = g->first; k < g->end; k++)
			if (r->cpu[k].nocb)
				r->cpu[k].nocb->group = g;
	}
}

void rcu_nocb_free(struct rcu_state *r)
{
	for (uint32_t i = 0; i < r->m->cpu_count; i++) {
		struct rcu_nocb *n = r->cpu[i].nocb;

		if (!n)
			continue;
		line_release(&n->lock_line);
		line_release(&n->bypass_line);
		free(n);
	}
	free(r->group);
}
