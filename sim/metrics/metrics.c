/*
 * Counters and lock statistics of one run, and the names of its holds.
 *
 * Invariants: per lock class, blame sums to the waits (the caller splits each
 * wait exactly). Nothing here reads a clock: the caller says what time it is.
 *
 * Cost: O(1) a record; no allocation once a histogram row is warm. While
 * @off, samples of locks and latencies are dropped; the ledger always runs.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/metrics/events.h"
#include "sim/metrics/metrics.h"

struct metrics *metrics_new(void)
{
	struct metrics *m = xcalloc(1, sizeof(*m));

	m->series.next_ns = INT64_MAX;
	m->books = hold_books_new();
	m->reusable_stage = METRIC_STAGES_MAX;
	return m;
}

static void lock_class_free(struct lock_class *c)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		hist_release(&c->side[i].wait_ns);
		hist_release(&c->side[i].hold_ns);
	}
	blame_release_all(c);
	free(c->blame_ns);
	free(c->blame_count);
	free(c);
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->lock_count; i++)
		lock_class_free(m->locks[i]);
	for (int i = 0; i < METRIC_OPS_MAX; i++)
		hist_release(&m->latency_ns[i]);
	hist_release(&m->order_wait_ns);
	hold_books_free(m);
	hold_parts_free(m);
	free(m);
}

static const char *const side_names[SIDE_COUNT] = {
	[SIDE_WRITE] = ".write", [SIDE_READ] = ".read"
};

/* Bits of the sides that @wanted means, of a class of this name. */
static uint8_t sides_meant(const char *wanted, const char *name, bool sides)
{
	size_t n = strlen(name);
	uint8_t bits = 0;

	if (!wanted || strncmp(wanted, name, n))
		return 0;
	for (int i = 0; i < SIDE_COUNT; i++)
		if (!wanted[n] || (sides && !strcmp(wanted + n, side_names[i])))
			bits |= (uint8_t)(1 << i);
	return bits;
}

void metrics_shorten(struct metrics *m, const char *lock)
{
	BUG_ON(m->lock_count);
	m->shorten = lock;
}

bool metrics_shortens(const struct metrics *m)
{
	for (uint32_t i = 0; i < m->lock_count; i++)
		if (m->locks[i]->shortened)
			return true;
	return false;
}

struct lock_class *metrics_lock(struct metrics *m, const char *name, bool sides)
{
	struct lock_class *c;

	for (uint32_t i = 0; i < m->lock_count; i++)
		if (!strcmp(m->locks[i]->name, name))
			return m->locks[i];
	BUG_ON(m->lock_count == METRIC_LOCKS_MAX);
	c = xcalloc(1, sizeof(*c));
	c->name = name;
	c->sides = sides;
	c->shortened = sides_meant(m->shorten, name, sides);
	c->id = m->lock_count;
	c->blame_ns = xcalloc(METRIC_OPS_MAX * METRIC_OPS_MAX, sizeof(int64_t));
	c->blame_count = xcalloc(METRIC_OPS_MAX * METRIC_OPS_MAX,
				 sizeof(uint64_t));
	m->locks[m->lock_count++] = c;
	return c;
}

uint32_t metrics_counter(struct metrics *m, const char *name)
{
	for (uint32_t i = 0; i < m->counter_count; i++)
		if (!strcmp(m->counter_names[i], name))
			return i;
	BUG_ON(m->counter_count == METRIC_COUNTERS_MAX);
	m->counter_names[m->counter_count] = name;
	return m->counter_count++;
}

/* ---- locks ---- */

void lock_acquired(struct metrics *m, struct lock_class *c, enum lock_side side,
		   bool contended, int64_t wait_ns, int64_t spin_ns,
		   int64_t sleep_ns, unsigned sleeps)
{
	struct lock_side_stats *s = &c->side[side];

	if (m->off)
		return;
	s->acquired++;
	if (!contended)
		return;
	s->contended++;
	s->sleeps += sleeps;
	s->spin_ns += spin_ns;
	s->sleep_ns += sleep_ns;
	hist_record(&s->wait_ns, wait_ns);
}

void lock_waited(struct metrics *m, struct lock_class *c, enum lock_side side,
		 int64_t spin_ns)
{
	struct lock_side_stats *s = &c->side[side];

	if (m->off)
		return;
	s->contended++;
	s->spin_ns += spin_ns;
	hist_record(&s->wait_ns, spin_ns);
}

void lock_released(struct metrics *m, struct lock_class *c, enum lock_side side,
		   int64_t hold_ns)
{
	if (!m->off)
		hist_record(&c->side[side].hold_ns, hold_ns);
}

void lock_trylock_failed(struct metrics *m, struct lock_class *c,
			 enum lock_side side)
{
	if (!m->off)
		c->side[side].failed_trylocks++;
}

/* ---- classes and stages of the hold ledger (hold.c) ---- */

uint32_t metrics_hold(struct metrics *m, const char *name, bool address_space)
{
	struct hold_class *h = &m->holds[m->hold_count];

	for (uint32_t i = 0; i < m->hold_count; i++)
		if (!strcmp(m->holds[i].name, name))
			return i;
	BUG_ON(m->hold_count == METRIC_HOLDS_MAX);
	h->name = name;
	h->address_space = address_space;
	return m->hold_count++;
}

uint32_t metrics_stage(struct metrics *m, const char *name)
{
	for (uint32_t i = 0; i < m->stage_count; i++)
		if (!strcmp(m->stage_names[i], name))
			return i;
	BUG_ON(m->stage_count == METRIC_STAGES_MAX);
	m->stage_names[m->stage_count] = name;
	return m->stage_count++;
}

void metrics_close(struct metrics *m, sim_ns now)
{
	series_end(m, now);
	hold_close(m, now);
}
