/*
 * Reference count, sequence count, per-CPU counter.
 *
 * Invariants: a saturated reference count stays so; a sequence count is odd
 * exactly while a writer is in; the sum of a per-CPU counter and its local
 * parts is exact, and no local part reaches the batch.
 *
 * Cost: one line access each; percpu_counter_sum() O(CPUs).
 */
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/machine/mutation.h"
#include "sim/sync/counters.h"

static void atomic(struct task *t, struct line *line)
{
	line_rmw(t, line);
	settle(t);
}

/* ---- refcount ---- */

static bool may_count(int32_t value, int by)
{
	if (mutated(MUTATE_REFCOUNT_WRAPS))
		return true;
	return value > 0 && (by < 0 || value < INT32_MAX);
}

static void count(struct refcount *r, int by)
{
	/* as the hardware does: addition wraps */
	r->value = may_count(r->value, by) ?
		   (int32_t)((uint32_t)r->value + (uint32_t)by) :
		   REFCOUNT_SATURATED;
}

void refcount_inc(struct task *t, struct refcount *r)
{
	atomic(t, r->line);
	count(r, 1);
}

bool refcount_inc_not_zero(struct task *t, struct refcount *r)
{
	line_read(t, r->line);
	settle(t);
	if (!r->value)
		return false;
	atomic(t, r->line);
	if (!r->value)
		return false;
	count(r, 1);
	return true;
}

bool refcount_dec_and_test(struct task *t, struct refcount *r)
{
	atomic(t, r->line);
	count(r, -1);
	return !r->value;
}

/* ---- seqcount ---- */

void seqcount_init(struct seqcount *s, struct line *line)
{
	s->line = line;
	s->seq = 0;
	TAILQ_INIT(&s->readers);
}

void write_seqcount_begin(struct task *t, struct seqcount *s)
{
	preempt_disable(t);
	line_write(t, s->line);
	settle(t);
	BUG_ON(s->seq & 1);
	s->seq++;
}

void write_seqcount_end(struct task *t, struct seqcount *s)
{
	struct task *r;

	line_write(t, s->line);
	settle(t);
	s->seq++;
	while ((r = TAILQ_FIRST(&s->readers))) {
		TAILQ_REMOVE(&s->readers, r, wait_link);
		task_spin_end(r, line_share(t->m, s->line, r->cpu->id));
	}
	preempt_enable(t);
}

uint64_t read_seqcount_begin(struct task *t, struct seqcount *s)
{
	for (;;) {
		line_read(t, s->line);
		settle(t);
		if (!(s->seq & 1))
			return s->seq;
		TAILQ_INSERT_TAIL(&s->readers, t, wait_link);
		task_spin(t, false, INT64_MAX);
	}
}

bool read_seqcount_retry(struct task *t, const struct seqcount *s, uint64_t seq)
{
	line_read(t, s->line);
	settle(t);
	return s->seq != seq;
}

/* ---- per-CPU counter ---- */

struct percpu_slot {
	struct line line;
	int32_t count;
};

void percpu_counter_init(struct machine *m, struct percpu_counter *c,
			 struct line *line, struct lock_class *cls,
			 int32_t batch)
{
	int32_t twice = (int32_t)(2 * m->cpu_count);

	spin_init(&c->lock, line, cls);
	c->line = line;
	c->sum = 0;
	c->batch = batch ? batch : twice > 32 ? twice : 32;
	c->cpus = m->cpu_count;
	c->slot = xcalloc(c->cpus, sizeof(*c->slot));
}

void percpu_counter_release(struct percpu_counter *c)
{
	for (uint32_t i = 0; i < c->cpus; i++)
		line_release(&c->slot[i].line);
	free(c->slot);
	c->slot = NULL;
}

void percpu_counter_add(struct task *t, struct percpu_counter *c, int64_t n)
{
	struct percpu_slot *s;
	int64_t now;

	preempt_disable(t);
	settle(t);
	s = &c->slot[t->cpu->id];
	line_write(t, &s->line);
	settle(t);
	now = s->count + n;
	if (now > -c->batch && now < c->batch) {
		s->count = (int32_t)now;
		preempt_enable(t);
		return;
	}
	spin_lock_irq(t, &c->lock);
	c->sum += s->count + n;
	s->count = 0;
	spin_unlock_irq(t, &c->lock);
	preempt_enable(t);
}

int64_t percpu_counter_read(struct task *t, struct percpu_counter *c)
{
	line_read(t, c->line);
	settle(t);
	return c->sum;
}

int64_t percpu_counter_sum(struct task *t, struct percpu_counter *c)
{
	int64_t sum;

	spin_lock_irq(t, &c->lock);
	sum = c->sum;
	for (uint32_t i = 0; i < c->cpus; i++) {
		line_read(t, &c->slot[i].line);
		settle(t);
		sum += c->slot[i].count;
	}
	spin_unlock_irq(t, &c->lock);
	return sum;
}
