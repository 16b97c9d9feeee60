/*
 * Run queues and the choice of a CPU.
 *
 * A run queue is a binary heap by (virtual run time, task id): everybody gets
 * the same share, a sleeper comes back with a credit of half a slice. Placing
 * a woken task follows select_idle_sibling(): previous CPU if idle, its SMT
 * siblings, its LLC, else the previous CPU and its queue. A CPU that goes
 * idle pulls a queued task, LLC first; a tick pushes one to an idle CPU. CPUs
 * that are all busy are not balanced.
 *
 * Invariant: idle_map has a bit per CPU with no task and none on its way;
 * queued_map one per CPU with a non-empty queue. All choices depend on model
 * state only, ties by CPU and task id.
 *
 * Cost: O(log n) a queue operation, O(CPUs / 64) a search.
 */
#include <string.h>
#include "sim/base/mem.h"
#include "sim/machine/sched.h"

static bool rq_before(const struct task *a, const struct task *b)
{
	return a->vruntime_ns != b->vruntime_ns ?
	       a->vruntime_ns < b->vruntime_ns : a->id < b->id;
}

static void rq_set(struct run_queue *q, uint32_t i, struct task *t)
{
	q->slot[i] = t;
	t->rq_index = i;
}

static void rq_up(struct run_queue *q, uint32_t i, struct task *t)
{
	for (; i > 1 && rq_before(t, q->slot[i / 2]); i /= 2)
		rq_set(q, i, q->slot[i / 2]);
	rq_set(q, i, t);
}

static void rq_down(struct run_queue *q, uint32_t i, struct task *t)
{
	uint32_t child;

	while ((child = 2 * i) <= q->count) {
		if (child < q->count &&
		    rq_before(q->slot[child + 1], q->slot[child]))
			child++;
		if (!rq_before(q->slot[child], t))
			break;
		rq_set(q, i, q->slot[child]);
		i = child;
	}
	rq_set(q, i, t);
}

static void map_set(uint64_t *map, uint32_t bit, bool on)
{
	uint64_t mask = 1ULL << (bit % 64);

	if (on)
		map[bit / 64] |= mask;
	else
		map[bit / 64] &= ~mask;
}

static bool map_test(const uint64_t *map, uint32_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

/* First set bit in [first, end), or end. */
static uint32_t map_next(const uint64_t *map, uint32_t first, uint32_t end)
{
	while (first < end) {
		uint64_t word = map[first / 64] >> (first % 64);

		if (word) {
			first += (uint32_t)__builtin_ctzll(word);
			return first < end ? first : end;
		}
		first = (first / 64 + 1) * 64;
	}
	return end;
}

void cpu_set_idle(struct cpu *c, bool idle)
{
	map_set(c->m->idle_map, c->id, idle && !c->incoming);
}

/* Tasks that wait for a CPU, of all CPUs together. */
static void queued_add(struct machine *m, int n)
{
	sim_ns now = m->engine.now_ns;

	metrics_sample(m->metrics, now);
	m->queued_total += (uint64_t)(int64_t)n;
	if (__builtin_expect(m->metrics->events != NULL, 0))
		event_count(m->metrics->events, now, "runqueue", "waiting",
			    m->queued_total);
}

void rq_push(struct cpu *c, struct task *t)
{
	struct run_queue *q = &c->queue;

	if (q->count + 1 >= q->room) {
		q->room = q->room ? 2 * q->room : 8;
		q->slot = xrealloc(q->slot, q->room, sizeof(struct task *));
	}
	rq_up(q, ++q->count, t);
	queued_add(c->m, 1);
	map_set(c->m->queued_map, c->id, true);
}

static struct task *rq_remove(struct cpu *c, uint32_t i)
{
	struct run_queue *q = &c->queue;
	struct task *t = q->slot[i], *last = q->slot[q->count--];

	if (last != t) {
		if (i > 1 && rq_before(last, q->slot[i / 2]))
			rq_up(q, i, last);
		else
			rq_down(q, i, last);
	}
	t->rq_index = 0;
	queued_add(c->m, -1);
	if (!q->count)
		map_set(c->m->queued_map, c->id, false);
	return t;
}

struct task *rq_pop(struct cpu *c)
{
	return c->queue.count ? rq_remove(c, 1) : NULL;
}

static bool may_run_on(const struct task *t, const struct cpu *c)
{
	return !t->affinity || t->affinity == c->id + 1;
}

struct task *rq_steal(struct cpu *c, const struct cpu *on)
{
	for (uint32_t i = 1; i <= c->queue.count; i++) {
		struct task *t = c->queue.slot[i];

		if (!may_run_on(t, on))
			continue;
		t->vruntime_ns += on->min_vruntime_ns - c->min_vruntime_ns;
		return rq_remove(c, i);
	}
	return NULL;
}

int64_t cpu_vruntime(const struct cpu *c)
{
	int64_t ran = c->m->engine.now_ns - c->picked_ns;

	return c->curr->vruntime_ns + (ran > 0 ? ran : 0);
}

static void update_min_vruntime(struct cpu *c)
{
	int64_t min = INT64_MAX;

	if (c->curr)
		min = cpu_vruntime(c);
	if (c->queue.count && c->queue.slot[1]->vruntime_ns < min)
		min = c->queue.slot[1]->vruntime_ns;
	if (min != INT64_MAX && min > c->min_vruntime_ns)
		c->min_vruntime_ns = min;
}

void rq_enter(struct cpu *c, struct task *t, bool slept)
{
	update_min_vruntime(c);
	if (t->cpu && t->cpu != c)
		t->vruntime_ns += c->min_vruntime_ns - t->cpu->min_vruntime_ns;
	if (slept) {
		int64_t floor = c->min_vruntime_ns -
				c->m->profile->time_slice_ns / 2;

		if (t->vruntime_ns < floor)
			t->vruntime_ns = floor;
	}
	t->state = TASK_RUNNABLE;
	t->runnable_since_ns = c->m->engine.now_ns;
	rq_push(c, t);
	if (c->curr)
		tick_arm(c);
}

/* ---- placement ---- */

struct cpu *find_idle(struct machine *m, uint32_t first, uint32_t end,
		      uint32_t hint)
{
	uint32_t i;

	if (end > m->cpu_count)
		end = m->cpu_count;
	if (hint < first || hint >= end)
		hint = first;
	i = map_next(m->idle_map, hint, end);
	if (i == end) {
		i = map_next(m->idle_map, first, hint);
		if (i == hint)
			return NULL;
	}
	return &m->cpus[i];
}

static uint32_t cpus_per_llc(const struct machine *m)
{
	const struct topology *tp = &m->profile->topology;

	return tp->cores_per_llc * tp->threads_per_core;
}

static struct cpu *find_idle_near(const struct cpu *c)
{
	uint32_t smt = c->m->profile->topology.threads_per_core;
	uint32_t llc = cpus_per_llc(c->m);
	struct cpu *found;

	if (map_test(c->m->idle_map, c->id))
		return &c->m->cpus[c->id];
	found = find_idle(c->m, c->core * smt, (c->core + 1) * smt, 0);
	if (!found)
		found = find_idle(c->m, c->llc * llc, (c->llc + 1) * llc,
				  c->id + 1);
	return found;
}

struct cpu *place_wakeup(struct task *t)
{
	struct cpu *found;

	if (t->affinity)
		return &t->m->cpus[t->affinity - 1];
	found = find_idle_near(t->cpu);
	return found ? found : t->cpu;
}

/* Set bits in [first, end). */
static uint32_t map_count(const uint64_t *map, uint32_t first, uint32_t end)
{
	uint32_t n = 0;

	while (first < end) {
		uint32_t room = 64 - first % 64;
		uint64_t word = map[first / 64] >> (first % 64);

		if (room > end - first) {
			room = end - first;
			word &= (1ULL << room) - 1;
		}
		n += (uint32_t)__builtin_popcountll(word);
		first += room;
	}
	return n;
}

/* The first CPU of the LLC with most idle CPUs, that of @start if several;
 * cpu_count if none is idle. */
static uint32_t idlest_llc(const struct machine *m, uint32_t start)
{
	uint32_t llc = cpus_per_llc(m), own = start / llc * llc;
	uint32_t best = m->cpu_count, most = 0;

	for (uint32_t i = 0; i < m->cpu_count; i += llc) {
		uint32_t end = i + llc < m->cpu_count ? i + llc : m->cpu_count;
		uint32_t idle = map_count(m->idle_map, i, end);

		if (idle > most || (idle && idle == most && i == own)) {
			most = idle;
			best = i;
		}
	}
	return best;
}

uint32_t cpus_busy(const struct machine *m, uint32_t first, uint32_t end)
{
	return end - first - map_count(m->idle_map, first, end);
}

/*
 * A task from outside goes where find_idlest_cpu() would put it: into the LLC
 * with most idle CPUs, there onto a core that is idle as a whole.
 */
static struct cpu *find_idlest(struct machine *m, uint32_t start)
{
	uint32_t smt = m->profile->topology.threads_per_core;
	uint32_t llc = cpus_per_llc(m), first = idlest_llc(m, start);
	uint32_t hint = start - first < llc ? start : first;

	if (first == m->cpu_count)
		return NULL;
	for (uint32_t i = 0; i < llc; i += smt) {
		uint32_t cpu = first + (hint / smt * smt - first + i) % llc;

		if (cpu + smt <= m->cpu_count &&
		    map_count(m->idle_map, cpu, cpu + smt) == smt)
			return &m->cpus[hint / smt == cpu / smt ? hint : cpu];
	}
	return find_idle(m, first, first + llc, hint);
}

struct cpu *place_new(struct task *t)
{
	struct machine *m = t->m;
	struct cpu *found;

	if (t->affinity)
		return &m->cpus[t->affinity - 1];
	if (t->cpu) {
		found = find_idle_near(t->cpu);
		if (!found)
			found = find_idle(m, 0, m->cpu_count, t->cpu->id);
	} else {
		found = find_idlest(m, t->id % m->cpu_count);
	}
	return found ? found : &m->cpus[t->id % m->cpu_count];
}

static struct task *pull_range(struct cpu *c, uint32_t first, uint32_t end)
{
	struct machine *m = c->m;
	struct task *t;
	uint32_t i;

	if (end > m->cpu_count)
		end = m->cpu_count;
	for (i = map_next(m->queued_map, first, end); i < end;
	     i = map_next(m->queued_map, i + 1, end)) {
		t = rq_steal(&m->cpus[i], c);
		if (t)
			return t;
	}
	return NULL;
}

struct task *pull_task(struct cpu *c)
{
	uint32_t llc = cpus_per_llc(c->m), first = c->llc * llc;
	struct task *t = NULL;

	if (!c->m->queued_total)
		return NULL;
	t = pull_range(c, c->id + 1, first + llc);
	if (!t)
		t = pull_range(c, first, c->id);
	if (!t)
		t = pull_range(c, first + llc, c->m->cpu_count);
	if (!t)
		t = pull_range(c, 0, first);
	return t;
}
