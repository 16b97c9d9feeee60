/*
 * RCU: entry points of callers and readers, set-up, drain.
 *
 * call_rcu() on a plain CPU: interrupts off, append to the CPU's list, no
 * lock. More than qhimark callbacks since the last look start a period, or, if
 * one runs, raise blimit and have it look for quiescent states at once.
 *
 * Readers: without full preemption a section is one without preemption, so no
 * CPU is quiescent inside, and nothing is counted. With it a reader is counted
 * in the period in which it began: the one after it waits for those.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "sim/sync/rcu_impl.h"

enum { LIST_CPUS_MAX = 4096 };

/* A number, or N for the last CPU there can be; -1: neither. */
static int64_t list_number(const char **at)
{
	uint32_t n = 0;

	if (**at == 'N') {
		++*at;
		return LIST_CPUS_MAX - 1;
	}
	if (**at < '0' || **at > '9')
		return -1;
	while (**at >= '0' && **at <= '9' && n < LIST_CPUS_MAX)
		n = 10 * n + (uint32_t)(*(*at)++ - '0');
	return n < LIST_CPUS_MAX ? (int64_t)n : -1;
}

bool rcu_cpu_list(const char *list, void (*fn)(void *arg, uint32_t first,
					       uint32_t last), void *arg)
{
	const char *at = list;

	if (!list || !strcmp(list, "none"))
		return true;
	if (!strcmp(list, "all"))
		at = "0-N";
	for (;; at++) {
		int64_t first = list_number(&at), last = first;

		if (*at == '-') {
			at++;
			last = list_number(&at);
		}
		if (first < 0 || last < first || (*at && *at != ','))
			return false;
		fn(arg, (uint32_t)first, (uint32_t)last);
		if (!*at)
			return true;
	}
}

static void cpu_init(struct rcu_state *r, uint32_t id)
{
	struct rcu_cpu *c = &r->cpu[id];

	c->r = r;
	c->cpu = &r->m->cpus[id];
	rcu_list_init(&c->next);
	rcu_list_init(&c->ready);
	rcu_list_init(&c->wait);
	rcu_list_init(&c->done);
	rcu_gp_cpu_init(c);
	rcu_softirq_init(c);
}

struct rcu_state *rcu_new(struct machine *m, const struct rcu_setup *s)
{
	struct rcu_state *r = xcalloc(1, sizeof(*r));

	r->m = m;
	r->s = *s;
	if (!r->s.rules.hz)
		r->s.rules.hz = m->profile->hz;
	r->cpu = xcalloc(m->cpu_count, sizeof(*r->cpu));
	rcu_gp_init(r);
	for (uint32_t i = 0; i < m->cpu_count; i++)
		cpu_init(r, i);
	if (!r->s.rules.fixed)
		rcu_nocb_init(r);
	return r;
}

void rcu_free(struct rcu_state *r)
{
	if (!r)
		return;
	rcu_nocb_free(r);
	hist_release(&r->stats.period_ns);
	free(r->cpu);
	free(r);
}

/* ---- call_rcu() ---- */

/* __call_rcu_core() */
static void look_at_qhimark(struct rcu_cpu *c)
{
	struct rcu_state *r = c->r;

	if (c->queued <= c->qlen_last + r->s.rules.qhimark)
		return;
	r->stats.kicks++;
	if (!rcu_period_runs(r)) {
		if (!mutated(MUTATE_RCU_NO_KICK) && rcu_assign(c))
			rcu_period_want(r);
		return;
	}
	if (!mutated(MUTATE_RCU_BLIMIT_FIXED))
		c->blimit = RCU_BLIMIT_MAX;
	if (c->scans_seen == r->scans && !mutated(MUTATE_RCU_NO_KICK))
		rcu_force_scan(r);
	c->scans_seen = r->scans;
	c->qlen_last = c->queued;
}

static void call_plain(struct rcu_cpu *c, struct rcu_head *h, uint32_t from)
{
	struct rcu_state *r = c->r;

	rcu_next_add(c, h, from);
	if (!r->s.rules.fixed) {
		look_at_qhimark(c);
		rcu_tick_arm(c);
	} else if (!rcu_period_runs(r)) {
		rcu_assign(c);
		rcu_period_want(r);
	}
}

void call_rcu(struct task *t, struct rcu_state *r, struct rcu_head *h,
	      uint32_t from)
{
	struct rcu_cpu *c;
	sim_ns start;

	irq_disable(t);
	start = t->m->engine.now_ns;
	c = &r->cpu[t->cpu->id];
	work(t, c->nocb ? r->s.cost_call_nocb : r->s.cost_call, 1);
	settle(t);
	h->lazy = false;
	if (c->nocb)
		rcu_nocb_call(t, c, h, from);
	else
		call_plain(c, h, from);
	settle(t);
	r->stats.call_ns += t->m->engine.now_ns - start;
	irq_enable(t);
}

int64_t call_rcu_expected_ns(const struct task *t, const struct rcu_state *r)
{
	if (!r->cpu[t->cpu->id].nocb)
		return rcu_cost_ns(r, r->s.cost_call);
	return rcu_cost_ns(r, r->s.cost_call_nocb) +
	       rcu_cost_ns(r, COST_ATOMIC);
}

struct rcu_sync {
	struct rcu_head head;
	struct task *t;
	bool over;
};

static int64_t rcu_sync_done(struct rcu_head *h, struct cpu *c)
{
	struct rcu_sync *s = (struct rcu_sync *)h;

	(void)c;
	s->over = true;
	task_wake(NULL, s->t);
	return 0;
}

void synchronize_rcu(struct task *t, struct rcu_state *r)
{
	struct rcu_sync s = { .t = t };

	s.head.fn = rcu_sync_done;
	s.head.hurry = true;
	call_rcu(t, r, &s.head, STAGE_NONE);
	while (!s.over)
		task_sleep(t);
}

/* ---- readers ---- */

void rcu_read_lock(struct task *t, struct rcu_state *r)
{
	if (t->m->profile->preempt != PREEMPT_FULL) {
		preempt_disable(t);
		t->rcu_depth++;
		return;
	}
	settle(t);
	if (t->rcu_depth++)
		return;
	t->rcu_period = r->started;
	r->readers[t->rcu_period & 1]++;
}

void rcu_read_unlock(struct task *t, struct rcu_state *r)
{
	BUG_ON(!t->rcu_depth);
	if (t->m->profile->preempt != PREEMPT_FULL) {
		t->rcu_depth--;
		preempt_enable(t);
		return;
	}
	settle(t);
	if (--t->rcu_depth)
		return;
	if (!--r->readers[t->rcu_period & 1])
		rcu_reader_left(r, t->op_kind);
}

bool rcu_reading(const struct task *t)
{
	return t->rcu_depth > 0;
}

/* ---- the end, and what was ---- */

static void drain_list(struct rcu_cpu *c, struct rcu_list *l, uint32_t from)
{
	struct rcu_state *r = c->r;
	struct rcu_head *h;

	rcu_list_move(r, l, from, r->s.stage_callback);
	while ((h = rcu_list_pop(l)))
		rcu_invoke(c, h, c->cpu);
}

void rcu_drain(struct rcu_state *r)
{
	uint32_t gp = r->s.stage_gp;

	r->started = r->completed = UINT64_MAX / 2;	/* no period, no timer */
	while (r->pending) {
		for (uint32_t i = 0; i < r->m->cpu_count; i++) {
			struct rcu_cpu *c = &r->cpu[i];

			if (c->nocb)
				drain_list(c, &c->nocb->invoking,
					   r->s.stage_callback);
			drain_list(c, &c->done, r->s.stage_callback);
			drain_list(c, &c->wait, gp);
			drain_list(c, &c->ready, gp);
			drain_list(c, &c->next, gp);
			if (c->nocb)
				drain_list(c, &c->nocb->bypass,
					   rcu_bypass_stage(c->nocb));
		}
	}
}

uint64_t rcu_pending(const struct rcu_state *r)
{
	return r->pending;
}

bool rcu_waits_for_readers(const struct rcu_state *r)
{
	return !r->s.rules.fixed;
}

static int64_t thread_ns(const struct kthread *k)
{
	return k->task.mode_ns[MODE_SYSTEM] + k->task.mode_ns[MODE_SPIN];
}

struct rcu_stats rcu_stats(const struct rcu_state *r)
{
	struct rcu_stats s = r->stats;

	for (uint32_t i = 0; i < r->m->cpu_count; i++) {
		s.ksoftirqd_ns += thread_ns(&r->cpu[i].ksoftirqd);
		if (r->cpu[i].nocb)
			s.rcuop_ns += thread_ns(&r->cpu[i].nocb->op);
	}
	for (uint32_t i = 0; i < r->groups; i++)
		s.rcuog_ns += thread_ns(&r->group[i].og);
	return s;
}

const struct hist *rcu_periods(const struct rcu_state *r)
{
	return &r->stats.period_ns;
}

static void add_classes(const struct kthread *k, int64_t sum[COST_CLASS_COUNT])
{
	for (unsigned i = 0; i < COST_CLASS_COUNT; i++)
		sum[i] += k->task.class_ns[i];
}

void rcu_thread_class_ns(const struct rcu_state *r,
			 int64_t sum[COST_CLASS_COUNT])
{
	for (uint32_t i = 0; i < r->m->cpu_count; i++) {
		add_classes(&r->cpu[i].ksoftirqd, sum);
		if (r->cpu[i].nocb)
			add_classes(&r->cpu[i].nocb->op, sum);
	}
	for (uint32_t i = 0; i < r->groups; i++)
		add_classes(&r->group[i].og, sum);
}

static uint64_t listed(const struct rcu_list *l)
{
	uint64_t n = 0;

	for (const struct rcu_head *h = l->head; h; h = h->next)
		n++;
	BUG_ON(n != l->count);
	return n;
}

void rcu_check(const struct rcu_state *r)
{
	uint64_t all = 0;
	uint32_t missing = 0;

	for (uint32_t i = 0; i < r->m->cpu_count; i++) {
		const struct rcu_cpu *c = &r->cpu[i];

		all += listed(&c->next) + listed(&c->ready) +
		       listed(&c->wait) + listed(&c->done);
		if (c->nocb)
			all += listed(&c->nocb->bypass) +
			       listed(&c->nocb->invoking);
		BUG_ON(c->wait.count && c->ready.count &&
		       c->wait_seq >= c->ready_seq);
		BUG_ON(c->ready.count && c->ready_seq > r->started + 1);
		BUG_ON(c->nocb && c->nocb->lazy > c->nocb->bypass.count);
		missing += c->qs_needed;
	}
	BUG_ON(all != r->pending);
	BUG_ON(missing != r->qs_missing);
	BUG_ON(r->stats.called != r->stats.invoked + r->pending);
}
