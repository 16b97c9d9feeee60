/*
 * The limits that everything else is held against: a loop without the
 * program, the bare event queues, a fiber switch, a histogram record. The two
 * queues get the same events, and what they give back must be the same to the
 * last bit, here with the real block sizes (sim/tests/t_wheel.c has small
 * ones).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/hist.h"
#include "sim/base/mem.h"
#include "sim/base/rng.h"
#include "sim/engine/engine.h"
#include "sim/tests/bench/bench.h"

enum { GAPS = 1 << 18, GAP_NS = 50, SWITCHES = 2000000, RECORDS = 10000000 };

static uint64_t seen;	/* so that nothing measured can be left out */

static double host_loop(void *arg)
{
	double start_s = bench_cpu_s();
	uint64_t x = 88172645463325252ULL;

	(void)arg;
	for (int i = 0; i < 50000000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	seen += x;
	return 50 / (bench_cpu_s() - start_s);
}

/** struct hold - the hold model: every event that fires leaves one */
struct hold {
	const struct queue_ops *ops;
	uint32_t pending, holds;
	sim_ns *gap;
	uint64_t digest;
};

static void hold_gaps(struct hold *h, bool bimodal)
{
	int64_t mean_ns = (int64_t)GAP_NS * h->pending;

	for (uint32_t i = 0; i < GAPS; i++) {
		uint64_t bits = draw(h->pending, i, DRAW_TEST, 0);
		/* nine holds of a lock to one grace period, the mean as above */
		int64_t ns = draw_below(bits, 10) ? mean_ns / 10 : mean_ns * 91 / 10;

		if (!bimodal)
			ns = mean_ns;
		h->gap[i] = draw_exponential_ns(draw(h->pending, i, DRAW_TEST, 1), ns);
	}
}

static double hold(void *arg)
{
	struct hold *h = arg;
	void *q = h->ops->new();
	uint64_t digest = 0;
	double start_s = 0;
	uint32_t k = 0;

	for (uint32_t i = 0; i < h->pending; i++) {
		struct event ev = {
			.at_ns = (sim_ns)draw_below(draw(1, i, DRAW_TEST, 2),
				(uint64_t)h->gap[i % GAPS] + 1),
			.order = event_order(EVENT_RESUME, i & 0xffffff, 0),
			.data = i,
		};

		h->ops->push(q, &ev);
	}
	for (uint32_t i = 0; i < h->holds + h->pending; i++) {
		struct event ev, next;

		if (i == h->pending)	/* every event has been moved once */
			start_s = bench_cpu_s();
		h->ops->pop(q, &ev);
		next = (struct event){ .at_ns = ev.at_ns + h->gap[k++ % GAPS],
				       .order = ev.order + 1, .data = ev.data };
		digest = digest * 31 + (uint64_t)ev.at_ns + ev.order;
		h->ops->push(q, &next);
	}
	start_s = bench_cpu_s() - start_s;
	h->ops->free(q);
	if (h->digest && h->digest != digest)
		bench_die("heap and wheel differ at %u pending", h->pending);
	h->digest = digest;
	return h->holds / start_s / 1e6;
}

static void queues(struct bench *b, struct hold *h, const char *suffix,
		   bool bimodal)
{
	static const struct queue_ops *const ops[] = { &queue_heap, &queue_wheel };
	char heap[BENCH_NAME_BYTES], wheel[BENCH_NAME_BYTES];
	struct row like = { .unit = "M/s" };

	snprintf(heap, sizeof(heap), "queue-heap-%s", suffix);
	snprintf(wheel, sizeof(wheel), "queue-wheel-%s", suffix);
	if (!(bench_wants(b, heap) | bench_wants(b, wheel)))
		return;
	hold_gaps(h, bimodal);
	h->digest = 0;
	for (int i = 0; i < 2; i++) {
		h->ops = ops[i];
		memcpy(like.name, i ? wheel : heap, sizeof(like.name));
		memcpy(like.beside, heap, i ? sizeof(heap) : 0);
		bench_measure(b, &like, hold, h);
	}
}

static void bare_queues(struct bench *b)
{
	struct hold h = { .gap = xcalloc(GAPS, sizeof(*h.gap)) };
	char suffix[16];

	h.pending = 1;
	for (int digits = 1; digits <= 6; digits++) {
		h.pending *= 10;
		h.holds = h.pending < 100000 ? 2000000 : 1000000;
		snprintf(suffix, sizeof(suffix), "1e%d", digits);
		queues(b, &h, suffix, false);
		if (digits % 2)
			continue;
		snprintf(suffix, sizeof(suffix), "bimodal-1e%d", digits);
		queues(b, &h, suffix, true);
	}
	free(h.gap);
}

static void yield_for_ever(void *arg)
{
	struct fiber_pool *p = arg;

	for (;;)
		fiber_yield(p, p->running);
}

static double fiber_switch_ns(void *arg)
{
	struct fiber_pool pool;
	struct fiber *f;
	double start_s;

	(void)arg;
	fiber_pool_init(&pool);
	f = fiber_get(&pool, yield_for_ever, &pool, "bench");
	start_s = bench_cpu_s();
	for (int i = 0; i < SWITCHES / 2; i++)
		fiber_enter(&pool, f);
	start_s = bench_cpu_s() - start_s;
	fiber_abandon(&pool, f);
	fiber_pool_release(&pool);
	return start_s / SWITCHES * 1e9;
}

static void end_at_once(void *arg)
{
	(void)arg;
}

/* What an op costs that never waits: a stack from the pool and back. */
static double fiber_life_ns(void *arg)
{
	struct fiber_pool pool;
	double start_s;

	(void)arg;
	fiber_pool_init(&pool);
	start_s = bench_cpu_s();
	for (int i = 0; i < SWITCHES / 2; i++)
		fiber_enter(&pool, fiber_get(&pool, end_at_once, NULL, "bench"));
	start_s = bench_cpu_s() - start_s;
	fiber_pool_release(&pool);
	return start_s / (SWITCHES / 2) * 1e9;
}

static double hist_record_ns(void *arg)
{
	int64_t value[1024];
	struct hist h = { 0 };
	double start_s;

	(void)arg;
	for (uint64_t i = 0; i < 1024; i++)
		value[i] = draw_exponential_ns(draw(3, i, DRAW_TEST, 0), 4000);
	start_s = bench_cpu_s();
	for (int i = 0; i < RECORDS; i++)
		hist_record(&h, value[i % 1024]);
	start_s = bench_cpu_s() - start_s;
	seen += h.count;
	hist_release(&h);
	return start_s / RECORDS * 1e9;
}

void bench_micro(struct bench *b)
{
	bench_measure(b, &(struct row){ .name = "host-loop", .unit = "M/s" },
		      host_loop, NULL);
	bare_queues(b);
	bench_measure(b, &(struct row){ .name = "fiber-switch", .unit = "ns" },
		      fiber_switch_ns, NULL);
	bench_measure(b, &(struct row){ .name = "fiber-life", .unit = "ns" },
		      fiber_life_ns, NULL);
	bench_measure(b, &(struct row){ .name = "hist-record", .unit = "ns" },
		      hist_record_ns, NULL);
}
