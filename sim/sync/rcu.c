/*
 * RCU, simple: grace periods of a fixed length, callbacks on the CPU that
 * queued them.
 *
 * A callback that is queued while a grace period runs waits for its end and
 * for one whole period more. When a period ends, each CPU runs its ready
 * callbacks as interrupt time, in batches of at most max(10, ready / 128), one
 * batch after the other; fn() is called at the end of its batch.
 *
 * Invariant: every callback is on one list: next (arrived since the period
 * began), wait (for the end of it) or done (being run).
 *
 * Cost: O(1) per callback, O(CPUs) per period, which exists only while there
 * are callbacks.
 */
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/sync/rcu.h"

enum { BATCH_MIN = 10, BATCH_SHIFT = 7 };

struct rcu_list {
	struct rcu_head *head, **tail;
	uint64_t count;
};

struct rcu_cpu {
	struct rcu_list next, wait, done;
	struct rcu_state *r;
	struct irq_request irq;
	uint64_t batch;
	bool busy;
};

struct rcu_state {
	struct machine *m;
	unsigned cost_call_rcu, cost_gp;
	struct rcu_cpu *cpu;
	struct sink timer;
	bool running;
	uint64_t pending;
};

static void list_init(struct rcu_list *l)
{
	l->head = NULL;
	l->tail = &l->head;
	l->count = 0;
}

static void list_add(struct rcu_list *l, struct rcu_head *h)
{
	h->next = NULL;
	*l->tail = h;
	l->tail = &h->next;
	l->count++;
}

static void list_append(struct rcu_list *l, struct rcu_list *from)
{
	if (!from->head)
		return;
	*l->tail = from->head;
	l->tail = from->tail;
	l->count += from->count;
	list_init(from);
}

/* ---- callbacks ---- */

static void batch_start(struct rcu_cpu *c, struct cpu *on)
{
	struct rcu_head *h = c->done.head;
	uint64_t limit = c->done.count >> BATCH_SHIFT;

	if (limit < BATCH_MIN)
		limit = BATCH_MIN;
	if (limit > c->done.count)
		limit = c->done.count;
	c->busy = true;
	c->batch = limit;
	c->irq.cost_ns = 0;
	for (; limit; limit--, h = h->next)
		c->irq.cost_ns += h->invoke_ns;
	irq_send(NULL, &c->irq, on);
}

static void batch_done(struct irq_request *irq)
{
	struct rcu_cpu *c = irq->arg;
	struct cpu *on = irq->cpu;
	struct rcu_head *h;

	while (c->batch--) {
		h = c->done.head;
		c->done.head = h->next;
		c->done.count--;
		c->r->pending--;
		h->fn(h, on);
	}
	c->busy = false;
	if (c->done.count)
		batch_start(c, on);
	else
		list_init(&c->done);
}

/* ---- grace periods ---- */

static void gp_start(struct rcu_state *r)
{
	bool any = false;

	for (uint32_t i = 0; i < r->m->cpu_count; i++) {
		list_append(&r->cpu[i].wait, &r->cpu[i].next);
		any |= r->cpu[i].wait.head != NULL;
	}
	r->running = any;
	if (any)
		engine_at(&r->m->engine, r->m->engine.now_ns +
			  r->m->profile->cost[r->cost_gp].value,
			  event_order(EVENT_TIMER, 0, TIMER_RCU), &r->timer, 0);
}

static void gp_end(struct engine *e, struct sink *s, uint64_t data)
{
	struct rcu_state *r = (struct rcu_state *)(void *)
			      ((char *)s - offsetof(struct rcu_state, timer));

	(void)e, (void)data;
	machine_touch(r->m);
	for (uint32_t i = 0; i < r->m->cpu_count; i++) {
		struct rcu_cpu *c = &r->cpu[i];

		list_append(&c->done, &c->wait);
		if (c->done.count && !c->busy)
			batch_start(c, &r->m->cpus[i]);
	}
	gp_start(r);
}

/* ---- callers ---- */

struct rcu_state *rcu_new(struct machine *m, unsigned cost_call_rcu,
			  unsigned cost_gp)
{
	struct rcu_state *r = xcalloc(1, sizeof(*r));

	r->m = m;
	r->cost_call_rcu = cost_call_rcu;
	r->cost_gp = cost_gp;
	r->timer.fire = gp_end;
	r->cpu = xcalloc(m->cpu_count, sizeof(*r->cpu));
	for (uint32_t i = 0; i < m->cpu_count; i++) {
		struct rcu_cpu *c = &r->cpu[i];

		list_init(&c->next);
		list_init(&c->wait);
		list_init(&c->done);
		c->r = r;
		c->irq.cls = COST_ASSUMED;
		c->irq.done = batch_done;
		c->irq.arg = c;
	}
	return r;
}

void rcu_free(struct rcu_state *r)
{
	if (!r)
		return;
	free(r->cpu);
	free(r);
}

static void enqueue(struct rcu_state *r, struct rcu_head *h, uint32_t cpu)
{
	list_add(&r->cpu[cpu].next, h);
	r->pending++;
	if (!r->running)
		gp_start(r);
}

void call_rcu(struct task *t, struct rcu_state *r, struct rcu_head *h)
{
	work(t, r->cost_call_rcu, 1);
	settle(t);
	enqueue(r, h, t->cpu->id);
}

struct rcu_sync {
	struct rcu_head head;
	struct task *t;
	bool over;
};

static void rcu_sync_done(struct rcu_head *h, struct cpu *c)
{
	struct rcu_sync *s = (struct rcu_sync *)h;

	(void)c;
	s->over = true;
	task_wake(NULL, s->t);
}

void synchronize_rcu(struct task *t, struct rcu_state *r)
{
	struct rcu_sync s = { .head.fn = rcu_sync_done, .t = t };

	call_rcu(t, r, &s.head);
	while (!s.over)
		task_sleep(t);
}

void rcu_drain(struct rcu_state *r)
{
	struct rcu_list all;
	struct rcu_head *h;

	r->running = true;	/* and so no timer */
	while (r->pending) {
		for (uint32_t i = 0; i < r->m->cpu_count; i++) {
			list_init(&all);
			list_append(&all, &r->cpu[i].done);
			list_append(&all, &r->cpu[i].wait);
			list_append(&all, &r->cpu[i].next);
			while ((h = all.head)) {
				all.head = h->next;
				r->pending--;
				h->fn(h, &r->m->cpus[i]);
			}
		}
	}
}

uint64_t rcu_pending(const struct rcu_state *r)
{
	return r->pending;
}
