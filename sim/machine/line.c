/*
 * Cache lines: who has them, and what it costs to get them.
 *
 * Invariant: a line has an owner (modified or exclusive) or sharers, never
 * both. Transfers of one line happen one after the other: each starts when
 * the line is free (busy_until_ns) and the one who asked waits for its own.
 * The state changes when the access is made; the stall is debt.
 *
 * A load takes the line from the nearest holder, a store waits for the
 * farthest one to give it up. The fifth sharer makes a bit map, which stays.
 *
 * Cost: O(1) for a hit and up to four sharers, O(CPUs / 64) beyond.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "sim/machine/line.h"

void line_release(struct line *l)
{
	free(l->map);
	l->map = NULL;
}

static bool in_map(const struct line *l)
{
	return l->sharer_count > LINE_SHARERS_INLINE;
}

static bool is_sharer(const struct line *l, uint32_t cpu)
{
	if (in_map(l))
		return l->map[cpu / 64] >> (cpu % 64) & 1;
	for (unsigned i = 0; i < l->sharer_count; i++)
		if (l->sharers[i] == cpu + 1)
			return true;
	return false;
}

static void map_add(struct line *l, uint32_t cpu)
{
	l->map[cpu / 64] |= 1ULL << (cpu % 64);
}

static void add_sharer(const struct machine *m, struct line *l, uint32_t cpu)
{
	if (l->sharer_count < LINE_SHARERS_INLINE) {
		l->sharers[l->sharer_count++] = (uint16_t)(cpu + 1);
		return;
	}
	if (l->sharer_count == LINE_SHARERS_INLINE) {
		if (!l->map)
			l->map = xcalloc(m->map_words, sizeof(uint64_t));
		else
			memset(l->map, 0, m->map_words * sizeof(uint64_t));
		for (int i = 0; i < LINE_SHARERS_INLINE; i++)
			map_add(l, l->sharers[i] - 1U);
	}
	map_add(l, cpu);
	l->sharer_count++;
}

/* Nearest and farthest other holder of @l as seen from @cpu. */
struct reach {
	enum distance near, far;
	bool any;
};

static void reach_add(const struct machine *m, struct reach *r, uint32_t cpu,
		      uint32_t holder)
{
	enum distance d;

	if (holder == cpu)
		return;
	d = cpu_distance(m, cpu, holder);
	if (!r->any || d < r->near)
		r->near = d;
	if (!r->any || d > r->far)
		r->far = d;
	r->any = true;
}

static struct reach line_reach(const struct machine *m, const struct line *l,
			       uint32_t cpu)
{
	struct reach r = { DIST_SELF, DIST_SELF, false };

	if (l->owner) {
		reach_add(m, &r, cpu, l->owner - 1);
	} else if (!in_map(l)) {
		for (unsigned i = 0; i < l->sharer_count; i++)
			reach_add(m, &r, cpu, l->sharers[i] - 1U);
	} else {
		for (uint32_t w = 0; w < m->map_words; w++)
			for (uint64_t b = l->map[w]; b; b &= b - 1)
				reach_add(m, &r, cpu, w * 64 +
					  (uint32_t)__builtin_ctzll(b));
	}
	return r;
}

static const struct cost_value *fetch_cost(const struct machine *m,
					   const struct reach *r, bool store)
{
	const struct cost_value *cost = m->profile->cost;

	if (!r->any)
		return &cost[COST_LINE_MEMORY];
	return &cost[COST_XFER_SMT + (store ? r->far : r->near) - DIST_SMT];
}

static int64_t take_cost(struct machine *m, const struct cost_value *cost)
{
	return cost_take(m, (unsigned)(cost - m->profile->cost), 1);
}

/* Queue for the line at @now; the stall of the one who asked. */
static int64_t fetch(struct line *l, sim_ns now, int64_t ns)
{
	if (l->busy_until_ns < now)
		l->busy_until_ns = now;
	l->busy_until_ns += ns;
	return l->busy_until_ns - now;
}

static void become_sharer(const struct machine *m, struct line *l,
			  uint32_t cpu, bool others)
{
	uint32_t owner = l->owner;

	if (!others) {
		l->owner = cpu + 1;	/* exclusive */
		return;
	}
	if (owner) {
		l->owner = 0;
		l->sharer_count = 0;
		add_sharer(m, l, owner - 1);
	}
	add_sharer(m, l, cpu);
}

/* A load by @cpu at @now; NULL: it hits, else what @stall_ns comes from. */
static const struct cost_value *share(struct machine *m, struct line *l,
				      uint32_t cpu, sim_ns now,
				      int64_t *stall_ns)
{
	const struct cost_value *cost;
	struct reach r;

	if (l->owner == cpu + 1 || (!l->owner && is_sharer(l, cpu)))
		return NULL;
	r = line_reach(m, l, cpu);
	cost = fetch_cost(m, &r, false);
	*stall_ns = fetch(l, now, take_cost(m, cost));
	become_sharer(m, l, cpu, r.any);
	return cost;
}

/* A store by @cpu at @now; NULL: it owns the line, @stall_ns: still on its way. */
static const struct cost_value *own(struct machine *m, struct line *l,
				    uint32_t cpu, sim_ns now, int64_t *stall_ns)
{
	const struct cost_value *cost;
	struct reach r;

	if (l->owner == cpu + 1) {
		*stall_ns = l->busy_until_ns > now ? l->busy_until_ns - now : 0;
		return NULL;
	}
	r = line_reach(m, l, cpu);
	cost = fetch_cost(m, &r, true);
	*stall_ns = fetch(l, now, take_cost(m, cost));
	l->owner = cpu + 1;
	l->sharer_count = 0;
	return cost;
}

void line_read(struct task *t, struct line *l)
{
	const struct cost_value *cost;
	int64_t stall_ns;

	settle(t);
	cost = share(t->m, l, t->cpu->id, t->m->engine.now_ns, &stall_ns);
	if (cost)
		work_ns(t, stall_ns, cost->cls);
	else
		work(t, COST_LINE_READ, 1);
}

/* Make @l exclusive to the task's CPU; what that costs is owed. */
static void store(struct task *t, struct line *l, unsigned hit_cost)
{
	const struct cost_value *cost;
	int64_t stall_ns;

	settle(t);
	cost = own(t->m, l, t->cpu->id, t->m->engine.now_ns, &stall_ns);
	if (stall_ns > 0)
		work_ns(t, stall_ns, cost ? cost->cls : COST_DERIVED);
	if (!cost || hit_cost == COST_ATOMIC)
		work(t, hit_cost, 1);
}

void line_write(struct task *t, struct line *l)
{
	store(t, l, COST_LINE_WRITE);
}

void line_rmw(struct task *t, struct line *l)
{
	store(t, l, COST_ATOMIC);
}

void line_walk_begin(struct task *t, struct line_walk *w)
{
	settle(t);
	*w = (struct line_walk){ .t = t, .cpu = t->cpu->id };
}

static void walked(struct line_walk *w, const struct cost_value *cost,
		   int64_t stall_ns, unsigned hit_cost)
{
	const struct cost_value *hit = &w->t->m->profile->cost[hit_cost];

	w->ns += stall_ns;
	w->class_ns[cost ? cost->cls : COST_DERIVED] += stall_ns;
	if (cost)
		return;
	w->ns += cost_take(w->t->m, hit_cost, 1);
	w->class_ns[hit->cls] += hit->value;
}

void line_walk_read(struct line_walk *w, struct line *l)
{
	struct machine *m = w->t->m;
	int64_t stall_ns = 0;

	walked(w, share(m, l, w->cpu, m->engine.now_ns + w->ns, &stall_ns),
	       stall_ns, COST_LINE_READ);
}

void line_walk_write(struct line_walk *w, struct line *l)
{
	struct machine *m = w->t->m;
	int64_t stall_ns = 0;

	walked(w, own(m, l, w->cpu, m->engine.now_ns + w->ns, &stall_ns),
	       stall_ns, COST_LINE_WRITE);
}

void line_walk_end(struct line_walk *w)
{
	for (int i = 0; i < COST_CLASS_COUNT; i++)
		if (w->class_ns[i])
			work_ns(w->t, w->class_ns[i], (enum cost_class)i);
}

int64_t line_transfer_ns(const struct machine *m, const struct line *l,
			 uint32_t cpu)
{
	struct reach r = line_reach(m, l, cpu);
	int64_t queue_ns = l->busy_until_ns - m->engine.now_ns;
	int64_t ns = 0;

	if (queue_ns < 0)
		queue_ns = 0;
	if (l->owner != cpu + 1)
		ns = fetch_cost(m, &r, true)->value;
	return queue_ns + ns;
}

int64_t line_share(struct machine *m, struct line *l, uint32_t cpu)
{
	struct reach r;
	int64_t ns;

	if (l->owner == cpu + 1 || (!l->owner && is_sharer(l, cpu))) {
		ns = l->busy_until_ns - m->engine.now_ns;
		return ns > 0 ? ns : 0;
	}
	r = line_reach(m, l, cpu);
	ns = fetch(l, m->engine.now_ns, take_cost(m, fetch_cost(m, &r, false)));
	become_sharer(m, l, cpu, r.any);
	return ns;
}

int64_t transfer_ns(const struct machine *m, uint32_t from, uint32_t to)
{
	enum distance d = cpu_distance(m, from, to);

	if (d == DIST_SELF)
		return 0;
	return m->profile->cost[COST_XFER_SMT + d - DIST_SMT].value;
}

int64_t line_hand_over(struct machine *m, struct line *l, uint32_t cpu)
{
	int64_t ns = line_transfer_ns(m, l, cpu);

	l->busy_until_ns = m->engine.now_ns + ns;
	l->owner = cpu + 1;
	l->sharer_count = 0;
	return ns;
}
