/*
 * The threads of offloaded CPUs: rcuog, one for a group, waits for periods;
 * rcuop, one for each CPU, runs callbacks, without limit of number or time,
 * on whatever CPU the scheduler gives it: what it frees is mostly remote.
 *
 * Source: nocb_gp_wait() and nocb_cb_wait() in kernel/rcu/tree_nocb.h.
 */
#include "sim/sync/rcu_impl.h"

/* ---- rcuog ---- */

/** struct round - what one look at all CPUs of a group found */
struct round {
	bool bypass, lazy;
	uint64_t wait_seq;
};

static bool flush_is_due(const struct rcu_state *r, const struct rcu_nocb *n)
{
	int64_t age = rcu_jiffies(r) - n->bypass_first;
	bool lazy = n->lazy == n->bypass.count;

	if (!n->bypass.count)
		return false;
	if (n->bypass.count > 2ULL * r->s.rules.qhimark)
		return true;
	if (lazy)
		return !mutated(MUTATE_RCU_LAZY_FOR_EVER) &&
		       age >= r->s.rules.lazy_flush_ns / r->jiffy_ns;
	return age > 1;
}

static void wait_for(struct round *round, uint64_t seq)
{
	if (!round->wait_seq || seq < round->wait_seq)
		round->wait_seq = seq;
}

static void look_at_cpu(struct task *t, struct rcu_cpu *c, struct round *round)
{
	struct rcu_state *r = c->r;
	struct rcu_nocb *n = c->nocb;
	bool run, period;

	work(t, r->s.cost_nocb_scan, 1);
	spin_lock_irq(t, &n->lock);
	if (flush_is_due(r, n))
		rcu_nocb_flush(t, c);
	settle(t);
	if (n->bypass.count) {
		round->lazy |= n->lazy == n->bypass.count;
		round->bypass |= n->lazy != n->bypass.count;
	}
	period = rcu_assign(c);
	if (c->wait.count)
		wait_for(round, c->wait_seq);
	else if (c->ready.count)
		wait_for(round, c->ready_seq);
	run = c->done.count > 0;
	spin_unlock_irq(t, &n->lock);
	settle(t);
	if (period && c->ready.count && c->ready_seq > r->started)
		rcu_period_want(r);
	if (run)
		kthread_want(t, &n->op);
}

static void run_rcuog(struct task *t, struct kthread *k)
{
	struct rcu_group *g = (struct rcu_group *)(void *)k;
	struct rcu_state *r = g->r;
	struct round round = { 0 };

	settle(t);
	g->wait_seq = 0;
	for (uint32_t i = g->first; i < g->end; i++)
		if (r->cpu[i].nocb)
			look_at_cpu(t, &r->cpu[i], &round);
	settle(t);
	g->defer = NOCB_DEFER_NOT;
	if (round.bypass)
		rcu_nocb_defer(g, NOCB_DEFER_BYPASS);
	else if (round.lazy)
		rcu_nocb_defer(g, NOCB_DEFER_LAZY);
	g->wait_seq = round.wait_seq;
	g->sleeping = true;
	if (g->wait_seq && g->wait_seq <= r->completed)
		kthread_want(NULL, k);		/* over by now */
}

void rcu_group_wake(struct task *by, struct rcu_group *g, bool force)
{
	g->defer = NOCB_DEFER_NOT;
	if (!force && !g->sleeping)
		return;
	g->sleeping = false;
	g->r->stats.nocb_wakes++;
	if (by)
		work(by, g->r->s.cost_nocb_wake, 1);
	kthread_want(by, &g->og);
}

void rcu_groups_ended(struct rcu_state *r)
{
	for (uint32_t i = 0; i < r->groups; i++) {
		struct rcu_group *g = &r->group[i];

		if (!g->wait_seq || g->wait_seq > r->completed)
			continue;
		g->wait_seq = 0;
		kthread_want(NULL, &g->og);
	}
}

void rcu_group_init(struct rcu_group *g)
{
	kthread_init(g->r->m, &g->og, RCU_TASK_RCUOG + g->first, "rcuog",
		     run_rcuog, -1, g->r->s.op_kind);
}

/* ---- rcuop ---- */

static void run_callbacks(struct task *t, struct rcu_cpu *c)
{
	struct rcu_list *l = &c->nocb->invoking;
	struct rcu_head *h;
	uint64_t n = 0;

	while ((h = l->head)) {
		if (mutated(MUTATE_RCU_NOCB_THROTTLED) && n == c->blimit)
			break;
		work_ns(t, h->invoke_ns, COST_ASSUMED);
		settle(t);
		rcu_list_pop(l);
		work_ns(t, rcu_invoke(c, h, t->cpu), COST_ASSUMED);
		n++;
		cond_resched(t);
	}
	spin_lock_irq(t, &c->nocb->lock);
	rcu_batch_over(c, n);
	if (l->head) {
		rcu_list_append(l, &c->done);
		rcu_list_append(&c->done, l);
	}
	spin_unlock_irq(t, &c->nocb->lock);
}

static void run_rcuop(struct task *t, struct kthread *k)
{
	struct rcu_nocb *n = (struct rcu_nocb *)(void *)k;
	struct rcu_cpu *c = n->c;

	do {
		spin_lock_irq(t, &n->lock);
		rcu_list_append(&n->invoking, &c->done);
		spin_unlock_irq(t, &n->lock);
		run_callbacks(t, c);
		settle(t);
	} while (c->done.count);
}

void rcu_nocb_threads_init(struct rcu_nocb *n)
{
	kthread_init(n->c->r->m, &n->op, RCU_TASK_RCUOP + n->c->cpu->id,
		     "rcuop", run_rcuop, -1, n->c->r->s.op_kind);
}
