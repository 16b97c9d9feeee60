/*
 * The machine as a whole: set-up, topology, the run and its accounts.
 *
 * Invariant: at every event each CPU's booked time and what it has not booked
 * yet sum to the clock (machine_check), and at the end the modes of all CPUs
 * sum to cpu_count x end_ns exactly.
 *
 * Limits: 4096 CPUs, 2^24 tasks (event order), profile immutable while it runs.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "sim/machine/address.h"
#include "sim/machine/mutation.h"
#include "sim/machine/sched.h"

#ifdef MMREPLAY_TEST
enum mutation mmreplay_mutation;
#endif

const char *const cost_class_names[COST_CLASS_COUNT] = {
	[COST_RECORDED] = "recorded",	[COST_MEASURED] = "measured",
	[COST_PUBLISHED] = "published",	[COST_DERIVED] = "derived",
	[COST_ASSUMED] = "assumed",
};

const struct cost_decl machine_costs[MACHINE_COST_COUNT] = {
#define COST(id, key, help) [COST_##id] = { key, help },
#include "sim/machine/costs.def"
#undef COST
};

struct machine_part {
	struct machine_part *next;
	const void *key;
	void *state;
	void (*release)(void *part);
};

void *machine_part(struct machine *m, const void *key, size_t bytes,
		   void (*release)(void *part))
{
	struct machine_part *p;

	for (p = m->parts; p; p = p->next)
		if (p->key == key)
			return p->state;
	p = xcalloc(1, sizeof(*p));
	p->next = m->parts;
	p->key = key;
	p->state = xcalloc(1, bytes);
	p->release = release;
	m->parts = p;
	return p->state;
}

static void parts_release(struct machine *m)
{
	struct machine_part *p;

	while ((p = m->parts)) {
		m->parts = p->next;
		if (p->release)
			p->release(p->state);
		free(p->state);
		free(p);
	}
}

/* The machine compares with its own costs in many places; only those of
 * distances that it does not have are certain to be without effect. */
static void ask_own_costs(struct machine *m)
{
	const struct topology *t = &m->profile->topology;

	for (unsigned i = 0; i < MACHINE_COST_COUNT; i++)
		m->cost_asked[i] = true;
	m->cost_asked[COST_XFER_SMT] = t->threads_per_core > 1;
	m->cost_asked[COST_XFER_LLC] = t->cores_per_llc > 1;
	m->cost_asked[COST_XFER_SOCKET] = t->llcs_per_socket > 1;
	m->cost_asked[COST_XFER_REMOTE] = t->sockets > 1;
	m->cost_asked[COST_IPI_LATENCY_REMOTE] = t->sockets > 1;
}

void machine_init(struct machine *m, const struct profile *p, uint64_t seed,
		  struct metrics *metrics)
{
	memset(m, 0, sizeof(*m));
	engine_init(&m->engine, NULL);
	m->profile = p;
	ask_own_costs(m);
	m->seed = seed;
	m->metrics = metrics;
	TAILQ_INIT(&m->paying);
	metrics_watch(metrics, "runqueue.waiting", &m->queued_total);
	m->cpu_count = p->cpus;
	m->map_words = (p->cpus + 63) / 64;
	m->idle_map = xcalloc(m->map_words, sizeof(uint64_t));
	m->queued_map = xcalloc(m->map_words, sizeof(uint64_t));
	m->cpus = xcalloc(p->cpus, sizeof(struct cpu));
	for (uint32_t i = 0; i < p->cpus; i++)
		cpu_init(m, i);
	engine_slots(&m->engine, SLOTS_WAKE, p->cpus,
		     event_order(EVENT_WAKE, 0, WAKE_CPU), cpu_fire);
	engine_slots(&m->engine, SLOTS_RESUME, p->cpus,
		     event_order(EVENT_RESUME, 0, 0), cpu_fire);
}

void machine_release(struct machine *m)
{
	if (!m->cpus)
		return;
	parts_release(m);
	addresses_release(m);
	line_queues_free(m);
	for (uint32_t i = 0; i < m->cpu_count; i++)
		free(m->cpus[i].queue.slot);
	free(m->cpus);
	free(m->idle_map);
	free(m->queued_map);
	engine_release(&m->engine);
	memset(m, 0, sizeof(*m));
}

int64_t machine_ipi_latency(const struct machine *m, uint32_t from, uint32_t to)
{
	const struct cost_value *cost = m->profile->cost;

	switch (cpu_distance(m, from, to)) {
	case DIST_SELF:
		return 0;
	case DIST_REMOTE:
		return cost[COST_IPI_LATENCY_REMOTE].value;
	default:
		return cost[COST_IPI_LATENCY].value;
	}
}

static int64_t booked_ns(const struct cpu *c)
{
	int64_t sum = 0;

	for (int i = 0; i < MODE_COUNT; i++)
		sum += c->mode_ns[i];
	return sum;
}

void machine_check(const struct machine *m)
{
	sim_ns now = m->engine.now_ns;

	for (uint32_t i = 0; i < m->cpu_count; i++) {
		const struct cpu *c = &m->cpus[i];

		if (booked_ns(c) + now - c->mode_since_ns != now)
			BUG("cpu %u has booked %lld ns up to %lld ns", i,
			    (long long)booked_ns(c),
			    (long long)c->mode_since_ns);
		BUG_ON(c->curr && c->curr->state != TASK_RUNNING);
		BUG_ON(!c->curr && c->queue.count);
	}
}

void machine_run(struct machine *m)
{
	sim_ns now;

	engine_run(&m->engine);
	if (m->engine.stop)
		machine_touch(m);
	now = m->engine.now_ns;
	m->engine.now_ns = m->end_ns;	/* stale timers are not part of the run */
	for (uint32_t i = 0; i < m->cpu_count; i++)
		cpu_account(&m->cpus[i]);
	if (!m->engine.stop)
		machine_check(m);
	m->engine.now_ns = now > m->end_ns ? now : m->end_ns;
	if (m->engine.stop)
		cpu_close(m);
}
