/*
 * Callbacks of plain CPUs, in softirq.
 *
 * rcu_do_batch(): at most max(blimit, pending >> divisor) callbacks, and from
 * 100 on no longer than resched_ns, looked at every 32. Above qhimark blimit is 10000, and blimit again at
 * qlowmark. What is left is raised again: on an idle CPU until nothing is; else
 * up to ten times, for 2 ms, and while no other task wants the CPU. Then the
 * CPU's ksoftirqd goes on, a thread among the others.
 *
 * A batch in softirq is one block of the CPU's time, taken from whoever has
 * it; its callbacks are called at the end of it. Time beyond what they said
 * (remote frees) is taken then.
 *
 * Source: rcu_do_batch() in kernel/rcu/tree.c; restarts, 2 ms and
 * the look at every 32nd from kernel/softirq.c and tree.c, from memory.
 */
#include "sim/sync/rcu_impl.h"

enum { RESTARTS_MAX = 10, LOOK_EVERY = 32, TIMED_FROM = 100 };

static const int64_t softirq_ns_max = 2 * NSEC_PER_MSEC;

uint64_t rcu_batch_limit(const struct rcu_cpu *c)
{
	const struct rcu_rules *rules = &c->r->s.rules;
	uint64_t pending = rules->batch_of == RCU_BATCH_ALL ? c->queued :
							      c->done.count;
	uint64_t share = pending >> rules->divisor;

	return share > c->blimit ? share : c->blimit;
}

void rcu_batch_over(struct rcu_cpu *c, uint64_t n)
{
	const struct rcu_rules *rules = &c->r->s.rules;

	BUG_ON(c->queued < n);
	c->queued -= n;
	c->r->stats.batches++;
	if (c->blimit >= RCU_BLIMIT_MAX && c->queued <= rules->qlowmark &&
	    !mutated(MUTATE_RCU_BLIMIT_STAYS))
		c->blimit = rules->blimit;
	if (!c->queued) {
		c->qlen_last = 0;
		c->scans_seen = c->r->scans;
	} else if (c->queued + rules->qhimark < c->qlen_last) {
		c->qlen_last = c->queued;
	}
}

/* ---- in softirq ---- */

/* Callbacks of the next batch, and their time. */
static void batch_measure(struct rcu_cpu *c)
{
	uint64_t limit = rcu_batch_limit(c);
	const struct rcu_head *h = c->done.head;
	bool timed = limit > TIMED_FROM && c->r->s.rules.resched_ns &&
		     !mutated(MUTATE_RCU_NO_TIME_LIMIT);
	int64_t ns = 0;

	c->batch = 0;
	while (h && c->batch < limit) {
		ns += h->invoke_ns;
		h = h->next;
		if (++c->batch % LOOK_EVERY == 0 && timed &&
		    ns >= c->r->s.rules.resched_ns)
			break;
	}
	c->irq.cost_ns = ns;
}

static void batch_send(struct rcu_cpu *c)
{
	batch_measure(c);
	c->irq.chained = c->restarts > 0;
	irq_send(NULL, &c->irq, c->cpu);
}

static bool may_go_on(struct rcu_cpu *c)
{
	const struct task *t = c->cpu->curr;

	if (!t || c->r->s.rules.fixed)
		return true;
	return ++c->restarts < RESTARTS_MAX && !t->need_resched &&
	       c->r->m->engine.now_ns - c->softirq_since_ns < softirq_ns_max;
}

static void batch_done(struct irq_request *irq)
{
	struct rcu_cpu *c = irq->arg;
	struct cpu *on = irq->cpu;
	int64_t extra_ns = 0;

	for (uint64_t i = 0; i < c->batch; i++)
		extra_ns += rcu_invoke(c, rcu_list_pop(&c->done), on);
	c->r->stats.softirq_ns += irq->cost_ns + extra_ns;
	irq_extend(on, extra_ns, COST_ASSUMED);
	rcu_batch_over(c, c->batch);
	if (c->done.count && may_go_on(c)) {
		batch_send(c);
		return;
	}
	c->in_softirq = false;
	if (!c->done.count)
		return;
	c->in_ksoftirqd = true;
	kthread_want(NULL, &c->ksoftirqd);
}

void rcu_softirq_raise(struct rcu_cpu *c)
{
	if (c->in_softirq || c->in_ksoftirqd)
		return;
	c->in_softirq = true;
	c->restarts = 0;
	c->softirq_since_ns = c->r->m->engine.now_ns;
	batch_send(c);
}

/* ---- in ksoftirqd ---- */

static void thread_batch(struct task *t, struct rcu_cpu *c)
{
	uint64_t limit = rcu_batch_limit(c), n = 0;
	sim_ns start = task_now(t);
	struct rcu_head *h;

	preempt_disable(t);		/* softirqs are off */
	while ((h = c->done.head) && n < limit) {
		work_ns(t, h->invoke_ns, COST_ASSUMED);
		settle(t);
		rcu_list_pop(&c->done);
		work_ns(t, rcu_invoke(c, h, t->cpu), COST_ASSUMED);
		settle(t);
		if (++n % LOOK_EVERY == 0 && limit > TIMED_FROM &&
		    t->m->engine.now_ns - start >= c->r->s.rules.resched_ns)
			break;
	}
	preempt_enable(t);
	rcu_batch_over(c, n);
}

static void run_ksoftirqd(struct task *t, struct kthread *k)
{
	struct rcu_cpu *c = (struct rcu_cpu *)(void *)k;

	settle(t);
	while (c->done.count) {
		thread_batch(t, c);
		cond_resched(t);
	}
	c->in_ksoftirqd = false;
}

void rcu_softirq_init(struct rcu_cpu *c)
{
	c->blimit = c->r->s.rules.blimit;
	c->irq.cls = COST_ASSUMED;
	c->irq.done = batch_done;
	c->irq.arg = c;
	kthread_init(c->r->m, &c->ksoftirqd, RCU_TASK_KSOFTIRQD + c->cpu->id,
		     "ksoftirqd", run_ksoftirqd, (int)c->cpu->id,
		     c->r->s.op_kind);
}
