/*
 * Blame: behind whom a waiter waited, split exactly.
 *
 * A lock with waiters carries a struct blame, an account per op kind of how
 * much of the time since the first waiter came belongs to holders of that
 * kind: at each change of holders the time since the last change is split
 * among those who held it then; time in which nobody held it goes to who
 * released it last. A waiter copies the accounts when it starts and books
 * the differences when it ends, so its shares sum to its wait, to the ns.
 *
 * Cost: nothing without waiters; O(op kinds) at each change of holders and at
 * each end of a wait. Records come from a free list of the class.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/metrics/metrics.h"

void lock_blame(struct lock_class *c, unsigned waiter_op, unsigned holder_op,
		int64_t ns)
{
	BUG_ON(waiter_op >= METRIC_OPS_MAX || holder_op >= METRIC_OPS_MAX);
	c->blame_ns[waiter_op * METRIC_OPS_MAX + holder_op] += ns;
	c->blame_count[waiter_op * METRIC_OPS_MAX + holder_op]++;
}

struct blame *blame_get(struct lock_class *c, sim_ns now, unsigned last_op)
{
	struct blame *b = c->blame_free;

	if (b)
		c->blame_free = b->next;
	else
		b = xcalloc(1, sizeof(*b));
	b->waiters = 0;
	b->last_op = (uint8_t)last_op;
	b->since_ns = now;
	return b;		/* old sums are fine: only differences count */
}

void blame_put(struct lock_class *c, struct blame *b)
{
	b->next = c->blame_free;
	c->blame_free = b;
}

void blame_release_all(struct lock_class *c)
{
	struct blame *b;

	while ((b = c->blame_free)) {
		c->blame_free = b->next;
		free(b);
	}
}

void blame_one(struct blame *b, int holder_op, sim_ns now)
{
	if (holder_op >= 0)
		b->last_op = (uint8_t)holder_op;
	b->ns[b->last_op] += now - b->since_ns;
	b->since_ns = now;
}

void blame_many(struct blame *b, const uint16_t count[METRIC_OPS_MAX],
		uint64_t total, sim_ns now)
{
	int64_t ns = now - b->since_ns, left = ns;

	if (!total || !ns) {
		blame_one(b, -1, now);
		return;
	}
	for (unsigned i = 0; i < METRIC_OPS_MAX; i++) {
		int64_t share;

		if (!count[i])
			continue;
		b->last_op = (uint8_t)i;
		share = (int64_t)((__int128)ns * count[i] / (int64_t)total);
		b->ns[i] += share;
		left -= share;
	}
	b->ns[b->last_op] += left;	/* what the divisions cut off */
	b->since_ns = now;
}

void blame_start(const struct blame *b, struct blame_mark *mark)
{
	memcpy(mark->ns, b->ns, sizeof(mark->ns));
}

/* khungtaskd: a wait that was too long, the first of them. */
static void hung(struct metrics *m, const struct lock_class *c,
		 const struct blame *b, const struct blame_mark *mark,
		 unsigned waiter_op)
{
	struct hung_wait h = { .lock = c->name, .waiter_op = (uint8_t)waiter_op };
	int64_t most = 0;

	for (unsigned i = 0; i < METRIC_OPS_MAX; i++) {
		int64_t ns = b->ns[i] - mark->ns[i];

		h.wait_ns += ns;
		if (ns > most) {
			most = ns;
			h.holder_op = (uint8_t)i;
		}
	}
	if (h.wait_ns >= m->hung_ns && m->hung_count < HUNG_WAITS_MAX)
		m->hung[m->hung_count++] = h;
}

void blame_end(struct metrics *m, struct lock_class *c, const struct blame *b,
	       const struct blame_mark *mark, unsigned waiter_op)
{
	if (m->off)
		return;
	for (unsigned i = 0; i < METRIC_OPS_MAX; i++)
		if (b->ns[i] != mark->ns[i])
			lock_blame(c, waiter_op, i, b->ns[i] - mark->ns[i]);
	if (m->hung_ns)
		hung(m, c, b, mark, waiter_op);
}
