/*
 * Cache lines: who has them, who waits for them, what it costs to get them.
 *
 * Invariant: a line has an owner (modified or exclusive) or sharers, never
 * both. Transfers of one line happen one after the other, each starting when
 * the line is free (busy_until_ns), but for copies, which go out side by side. A
 * line with a queue has exactly one waiter armed to get it at that time. The
 * state changes when a transfer begins; the transfer is debt of who asked.
 *
 * A load takes the line from the nearest holder, a store waits for the
 * farthest one to give it up. The fifth sharer makes a bit map, which stays.
 *
 * Cost: O(1) for a hit and up to four sharers, beyond O(sharers) until one is
 * found that none can be nearer, or farther; a request that waits is one event
 * more, and O(those of its round that wait) where cores have several threads or
 * a socket several LLCs.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "sim/machine/line.h"
#include "sim/machine/mutation.h"
#include "sim/machine/sched.h"

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

/* Who else has @l, as seen from @cpu: the nearest for a load, for a store the
 * farthest. DIST_SELF: nobody. */
struct reach {
	const struct machine *m;
	uint32_t cpu;
	bool store;
	enum distance d;
};

/* False: nobody can be nearer, or farther. */
static inline bool reach_add(struct reach *r, uint32_t holder)
{
	enum distance d;

	if (holder == r->cpu)
		return true;
	d = cpu_distance(r->m, r->cpu, holder);
	if (r->d == DIST_SELF || (r->store ? d > r->d : d < r->d))
		r->d = d;
	return r->d != (r->store ? DIST_REMOTE : DIST_SMT);
}

static enum distance line_reach(const struct machine *m, const struct line *l,
				uint32_t cpu, bool store)
{
	struct reach r = { m, cpu, store, DIST_SELF };

	if (l->owner) {
		reach_add(&r, l->owner - 1);
	} else if (!in_map(l)) {
		for (unsigned i = 0; i < l->sharer_count; i++)
			reach_add(&r, l->sharers[i] - 1U);
	} else {
		for (uint32_t w = 0; w < m->map_words; w++)
			for (uint64_t b = l->map[w]; b; b &= b - 1)
				if (!reach_add(&r, w * 64 + (uint32_t)__builtin_ctzll(b)))
					return r.d;
	}
	return r.d;
}

static unsigned fetch_cost(enum distance d)
{
	return d == DIST_SELF ? COST_LINE_MEMORY : COST_XFER_SMT + d - DIST_SMT;
}

static void become_sharer(const struct machine *m, struct line *l,
			  uint32_t cpu, bool others)
{
	uint32_t owner = l->owner;

	if (!others) {
		l->owner = (uint16_t)(cpu + 1);	/* exclusive */
		return;
	}
	if (owner) {
		l->owner = 0;
		l->sharer_count = 0;
		add_sharer(m, l, owner - 1);
	}
	add_sharer(m, l, cpu);
}

/* @cpu begins to fetch @l at @now; what that costs. */
static const struct cost_value *fetch(struct machine *m, struct line *l,
				      uint32_t cpu, enum line_access how,
				      sim_ns now)
{
	enum distance d = line_reach(m, l, cpu, how != LINE_LOAD);
	unsigned id = fetch_cost(d);
	const struct cost_value *cost = &m->profile->cost[id];
	int64_t keep_ns = m->profile->cost[COST_LINE_SNOOP].value;
	sim_ns until_ns;

	l->lost_by = 0;
	if (l->owner && keep_ns > 0 && !mutated(MUTATE_LINE_LOST_AT_ONCE)) {
		int64_t rest_ns = cost->value - keep_ns;

		l->lost_by = l->owner;
		l->lost_before_ns = (uint16_t)(rest_ns < 0 ? 0 :
				rest_ns > UINT16_MAX ? UINT16_MAX : rest_ns);
	}
	until_ns = now + cost_take(m, id, 1);
	if (until_ns > l->busy_until_ns)
		l->busy_until_ns = until_ns;
	if (how == LINE_LOAD) {
		become_sharer(m, l, cpu, d != DIST_SELF);
	} else {
		l->owner = (uint16_t)(cpu + 1);
		l->sharer_count = 0;
	}
	return cost;
}

static bool same_core(const struct machine *m, uint32_t a, uint32_t b)
{
	return m->cpus[a].core == m->cpus[b].core;
}

static bool core_shares(const struct machine *m, const struct line *l,
			uint32_t cpu)
{
	uint32_t threads = m->profile->topology.threads_per_core;
	uint32_t first = m->cpus[cpu].core * threads;

	for (uint32_t i = 0; i < threads; i++)
		if (is_sharer(l, first + i))
			return true;
	return false;
}

/* The threads of a core share its L1: what one has the others load and store. */
static inline bool in_l1(const struct machine *m, const struct line *l, uint32_t cpu,
		  enum line_access how)
{
	if (l->owner == cpu + 1)
		return true;
	if (l->owner && how != LINE_RMW)
		return same_core(m, l->owner - 1, cpu);
	return how == LINE_LOAD && core_shares(m, l, cpu);
}

static inline bool hits(const struct machine *m, const struct line *l, uint32_t cpu,
		 enum line_access how, sim_ns now)
{
	if (in_l1(m, l, cpu, how))
		return true;
	return how != LINE_RMW && l->lost_by &&
	       now < l->busy_until_ns - l->lost_before_ns &&
	       same_core(m, l->lost_by - 1, cpu);
}

/* A line of one's own that is still on its way. */
static int64_t arrival_ns(const struct line *l, uint32_t cpu, sim_ns now)
{
	if (l->owner != cpu + 1 || l->busy_until_ns <= now)
		return 0;
	return l->busy_until_ns - now;
}

/* Copies of a line that nobody changes are handed out side by side. */
static bool is_shared_by(const struct line *l, enum line_access how)
{
	return how == LINE_LOAD && !l->owner && l->sharer_count &&
	       !mutated(MUTATE_LINE_LOADS_QUEUE);
}

static bool is_busy(const struct line *l, enum line_access how, sim_ns now)
{
	return l->queue ||
	       (l->busy_until_ns > now && !is_shared_by(l, how));
}

static const unsigned hit_cost[] = {
	[LINE_LOAD] = COST_LINE_READ, [LINE_STORE] = COST_LINE_WRITE,
	[LINE_RMW] = COST_ATOMIC,
};

/* ---- those who wait ---- */

/* Whose requests make one round: a core's or a socket's. */
static uint32_t round_of(const struct cpu *c)
{
	if (mutated(MUTATE_LINE_FIFO))
		return c->id;
	return c->m->profile->line_round == LINE_ROUND_CORE ? c->core : c->socket;
}

static struct line_queue *queue_new(struct machine *m)
{
	const struct cpu *last = &m->cpus[m->cpu_count - 1];
	uint32_t groups = round_of(last) + 1;
	struct line_queue *q = xcalloc(1, sizeof(*q) + groups * sizeof(q->group[0]));

	for (uint32_t i = 0; i < groups; i++)
		TAILQ_INIT(&q->group[i].tasks);
	q->llc = xcalloc(last->llc + 1, sizeof(q->llc[0]));
	for (uint32_t i = 0; i <= last->llc; i++)
		TAILQ_INIT(&q->llc[i]);
	q->core = xcalloc(last->core + 1, sizeof(q->core[0]));
	q->all = m->line_queues;
	m->line_queues = q;
	return q;
}

static struct line_queue *queue_get(struct machine *m, const struct line *l)
{
	struct line_queue *q = m->line_queues_free;

	if (q)
		m->line_queues_free = q->free;
	else
		q = queue_new(m);
	TAILQ_INIT(&q->waiting);
	TAILQ_INIT(&q->round);
	q->next = NULL;
	q->at = l->owner ? &m->cpus[l->owner - 1] : NULL;
	return q;
}

void line_queues_free(struct machine *m)
{
	struct line_queue *q;

	while ((q = m->line_queues)) {
		m->line_queues = q->all;
		free(q->llc);
		free(q->core);
		free(q);
	}
}

/* Who gets the line when it is free: of the round, first the core that has it,
 * then its LLC. */
static struct task *queue_first(const struct line_queue *q)
{
	struct task *t;

	if (TAILQ_EMPTY(&q->round))
		return TAILQ_EMPTY(&q->waiting) ? NULL :
		       TAILQ_FIRST(&TAILQ_FIRST(&q->waiting)->tasks);
	if (!q->at || TAILQ_EMPTY(&q->llc[q->at->llc]))
		return TAILQ_FIRST(&q->round);
	if (q->core[q->at->core]) {
		TAILQ_FOREACH(t, &q->llc[q->at->llc], line_llc_link)
			if (t->line_core == q->at->core)
				return t;
	}
	return TAILQ_FIRST(&q->llc[q->at->llc]);
}

/* @first gets the line when it is free. */
static void queue_arm_for(struct machine *m, struct line *l, struct task *first)
{
	struct line_queue *q = l->queue;

	if (q->next && q->next != first)
		cpu_burn_until(q->next->cpu, INT64_MAX);
	q->next = first;
	cpu_burn_until(first->cpu, is_shared_by(l, first->line_access) ?
				   m->engine.now_ns : l->busy_until_ns);
}

static void queue_arm(struct machine *m, struct line *l)
{
	queue_arm_for(m, l, queue_first(l->queue));
}

static void queue_add(struct line_queue *q, struct task *t)
{
	struct line_group *g = &q->group[t->line_round];

	if (TAILQ_EMPTY(&g->tasks))
		TAILQ_INSERT_TAIL(&q->waiting, g, link);
	TAILQ_INSERT_TAIL(&g->tasks, t, line_link);
}

/* The line comes to @t: all that wait on its socket, or core, are its round. */
static void round_begin(struct line_queue *q, const struct task *t)
{
	struct line_group *g = &q->group[t->line_round];
	struct task *of;

	if (TAILQ_EMPTY(&g->tasks))
		return;
	TAILQ_REMOVE(&q->waiting, g, link);
	TAILQ_FOREACH(of, &g->tasks, line_link) {
		TAILQ_INSERT_TAIL(&q->llc[of->line_llc], of, line_llc_link);
		q->core[of->line_core]++;
	}
	TAILQ_CONCAT(&q->round, &g->tasks, line_link);
}

static void round_leave(struct line_queue *q, struct task *t)
{
	TAILQ_REMOVE(&q->round, t, line_link);
	TAILQ_REMOVE(&q->llc[t->line_llc], t, line_llc_link);
	q->core[t->line_core]--;
}

void line_arrived(struct task *t)
{
	struct machine *m = t->m;
	struct line *l = t->line;
	struct line_queue *q = l->queue;
	struct task *first;

	BUG_ON(q->next != t);
	q->next = NULL;
	if (TAILQ_EMPTY(&q->round) || mutated(MUTATE_LINE_STARVES))
		round_begin(q, t);
	round_leave(q, t);
	q->at = t->cpu;
	t->line = NULL;
	t->line_cost = fetch(m, l, t->cpu->id, t->line_access,
			     m->engine.now_ns);
	first = queue_first(q);
	if (first) {
		queue_arm_for(m, l, first);
		return;
	}
	l->queue = NULL;
	q->free = m->line_queues_free;
	m->line_queues_free = q;
}

/* @t, settled, waits until it may fetch @l, and begins to. */
static const struct cost_value *wait_for(struct task *t, struct line *l,
					 enum line_access how)
{
	int64_t waited_ns;

	line_wait(t, l);
	t->line_access = (uint8_t)how;
	t->line_core = (uint16_t)t->cpu->core;
	t->line_llc = (uint16_t)t->cpu->llc;
	t->line_round = (uint16_t)round_of(t->cpu);
	t->line_mark_ns = t->mode_ns[t->mode];
	if (!l->queue)
		l->queue = queue_get(t->m, l);
	queue_add(l->queue, t);
	if (!l->queue->next)
		queue_arm(t->m, l);
	cpu_wait(t);
	waited_ns = t->mode_ns[t->mode] - t->line_mark_ns;
	t->class_ns[t->line_cost->cls] += waited_ns;
	return t->line_cost;
}

/* ---- accesses ---- */

/* What the caller reads or changes now belongs to the instant of the access, so
 * the debt is not paid before that, not with --eager either. */
static void owe(struct task *t, int64_t ns, enum cost_class cls)
{
	uint8_t eager = t->slow_work & WORK_EAGER;

	if (!ns)
		return;
	t->slow_work ^= eager;
	work_ns(t, ns, cls);
	mark_unpaid(t, false);
	t->slow_work ^= eager;
}

/* Not there, or on its way to somebody. */
static __attribute__((noinline)) void miss(struct task *t, struct line *l,
					   enum line_access how)
{
	sim_ns now = t->m->engine.now_ns;
	const struct cost_value *cost;

	cost = is_busy(l, how, now) ? wait_for(t, l, how) :
				 fetch(t->m, l, t->cpu->id, how, now);
	owe(t, cost->value, cost->cls);
}

/* Settle; have @l; what that costs is owed. */
static inline void access(struct task *t, struct line *l, enum line_access how)
{
	const struct cost_value *hit = &t->m->profile->cost[hit_cost[how]];
	uint32_t cpu;
	sim_ns now;

	settle(t);
	cpu = t->cpu->id;
	now = t->m->engine.now_ns;
	if (hits(t->m, l, cpu, how, now)) {
		owe(t, arrival_ns(l, cpu, now), COST_DERIVED);
		owe(t, cost_take(t->m, hit_cost[how], 1), hit->cls);
		return;
	}
	miss(t, l, how);
	if (how == LINE_RMW)
		owe(t, cost_take(t->m, hit_cost[how], 1), hit->cls);
}

void line_prefetch(struct task *t, struct line *l)
{
	sim_ns now;

	settle(t);
	now = t->m->engine.now_ns;
	if (!hits(t->m, l, t->cpu->id, LINE_RMW, now) &&
	    !is_busy(l, LINE_STORE, now))
		fetch(t->m, l, t->cpu->id, LINE_STORE, now);
}

void line_read(struct task *t, struct line *l)
{
	access(t, l, LINE_LOAD);
}

void line_write(struct task *t, struct line *l)
{
	access(t, l, LINE_STORE);
}

void line_rmw(struct task *t, struct line *l)
{
	access(t, l, LINE_RMW);
}

void line_walk_begin(struct task *t, struct line_walk *w)
{
	settle(t);
	*w = (struct line_walk){ .t = t, .cpu = t->cpu->id };
}

static void walk_owes(struct line_walk *w, int64_t ns, enum cost_class cls)
{
	w->ns += ns;
	w->class_ns[cls] += ns;
}

static void walk(struct line_walk *w, struct line *l, enum line_access how)
{
	struct machine *m = w->t->m;
	sim_ns now = m->engine.now_ns + w->ns;
	const struct cost_value *cost;

	if (hits(m, l, w->cpu, how, now)) {
		cost = &m->profile->cost[hit_cost[how]];
		walk_owes(w, arrival_ns(l, w->cpu, now), COST_DERIVED);
		walk_owes(w, cost_take(m, hit_cost[how], 1), cost->cls);
		return;
	}
	cost = fetch(m, l, w->cpu, how,
		     l->busy_until_ns > now ? l->busy_until_ns : now);
	walk_owes(w, l->busy_until_ns - now, cost->cls);
	if (l->queue)
		queue_arm(w->t->m, l);
}

void line_walk_read(struct line_walk *w, struct line *l)
{
	walk(w, l, LINE_LOAD);
}

void line_walk_write(struct line_walk *w, struct line *l)
{
	walk(w, l, LINE_STORE);
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
	int64_t queue_ns = l->busy_until_ns - m->engine.now_ns;
	int64_t ns = 0;

	if (queue_ns < 0)
		queue_ns = 0;
	if (l->owner != cpu + 1)
		ns = m->profile->cost[fetch_cost(line_reach(m, l, cpu, true))].value;
	return queue_ns + ns;
}

static sim_ns free_from(const struct machine *m, const struct line *l)
{
	return l->busy_until_ns > m->engine.now_ns ? l->busy_until_ns :
						     m->engine.now_ns;
}

int64_t line_share(struct machine *m, struct line *l, uint32_t cpu)
{
	int64_t ns;

	if (in_l1(m, l, cpu, LINE_LOAD)) {
		ns = l->busy_until_ns - m->engine.now_ns;
		return ns > 0 ? ns : 0;
	}
	fetch(m, l, cpu, LINE_LOAD, free_from(m, l));
	if (l->queue)
		queue_arm(m, l);
	return l->busy_until_ns - m->engine.now_ns;
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
	if (l->owner != cpu + 1)
		fetch(m, l, cpu, LINE_STORE, free_from(m, l));
	if (l->queue)
		queue_arm(m, l);
	return free_from(m, l) - m->engine.now_ns;
}
