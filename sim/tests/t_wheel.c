/*
 * Pins that the wheel is the heap bit for bit: the same calls give the same
 * events in the same order, ties by event.order, for gaps of several shapes
 * and for pushes at the current time, between it and the next event, in
 * bursts of one time, and far away. The test build's wheel has small blocks,
 * so that few events reach every path; `make bench` compares the two again
 * with the real sizes. Does not pin speed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sim/base/rng.h"
#include "sim/engine/engine.h"

static const struct queue_ops *const ops[] = { &queue_heap, &queue_wheel };

/** struct pair - both structures under the same calls */
struct pair {
	void *q[2];
	sim_ns now_ns;
	uint64_t seed, draws, pushed;
};

typedef sim_ns (*gap_fn)(struct pair *p);

static uint64_t below(struct pair *p, uint64_t bound)
{
	return draw_below(draw(p->seed, 0, DRAW_TEST, p->draws++), bound);
}

static sim_ns gap_exponential(struct pair *p)
{
	return draw_exponential_ns(draw(p->seed, 1, DRAW_TEST, p->draws++),
				   5000);
}

/* lock holds against grace periods */
static sim_ns gap_bimodal(struct pair *p)
{
	return (sim_ns)below(p, below(p, 10) ? 500 : 50000);
}

static sim_ns gap_constant(struct pair *p)
{
	(void)p;
	return 1000;
}

/* few values, so that nearly every event has its equals in time */
static sim_ns gap_tied(struct pair *p)
{
	return (sim_ns)(below(p, 4) * below(p, 2) * 64);
}

/* every magnitude up to 2^61: all levels */
static sim_ns gap_any(struct pair *p)
{
	uint64_t bits = draw(p->seed, 2, DRAW_TEST, p->draws++) >> 3;

	return (sim_ns)(bits >> below(p, 61));
}

static void pair_push(struct pair *p, sim_ns at_ns)
{
	struct event ev = {
		.at_ns = at_ns,
		.order = event_order((enum event_class)below(p, 4), (uint32_t)below(p, 50),
				     p->pushed),
		.data = p->pushed++,
	};

	for (int i = 0; i < 2; i++)
		ops[i]->push(p->q[i], &ev);
}

/* The next event of both; moves the clock there and takes it out. */
static void pair_pop(struct pair *p)
{
	struct event ev[2], out;

	for (int i = 0; i < 2; i++) {
		const struct event *head = ops[i]->peek(p->q[i]), *after;

		assert_non_null(head);
		ev[i] = *head;
		after = ops[i]->pop(p->q[i], &out);
		assert_memory_equal(&ev[i], &out, sizeof(out));
		assert_ptr_equal(after, ops[i]->peek(p->q[i]));
	}
	assert_int_equal(ev[0].at_ns, ev[1].at_ns);
	assert_int_equal(ev[0].order, ev[1].order);
	assert_int_equal(ev[0].data, ev[1].data);
	assert_true(ev[0].at_ns >= p->now_ns);
	p->now_ns = ev[0].at_ns;
	assert_int_equal(ops[0]->pending(p->q[0]), ops[1]->pending(p->q[1]));
}

static void pair_init(struct pair *p, uint64_t seed)
{
	*p = (struct pair){ .seed = seed };
	for (int i = 0; i < 2; i++)
		p->q[i] = ops[i]->new();
}

static void pair_drain(struct pair *p)
{
	while (ops[0]->peek(p->q[0]))
		pair_pop(p);
	for (int i = 0; i < 2; i++) {
		assert_null(ops[i]->peek(p->q[i]));
		assert_null(ops[i]->pop(p->q[i], NULL));	/* empty: nothing */
		assert_int_equal(ops[i]->pending(p->q[i]), 0);
		ops[i]->free(p->q[i]);
	}
}

/* As the engine does it: an event fires and leaves one, none or several. */
static void hold(gap_fn gap, uint64_t seed, unsigned int pending,
		 unsigned int holds)
{
	struct pair p;

	pair_init(&p, seed);
	for (unsigned int i = 0; i < pending; i++)
		pair_push(&p, gap(&p));
	while (holds-- && p.now_ns < INT64_MAX / 4) {
		uint64_t left = ops[0]->pending(p.q[0]), what = below(&p, 16);

		pair_pop(&p);
		if (what == 0)		/* at the current time */
			pair_push(&p, p.now_ns);
		else if (what == 1 && left < 3 * pending)	/* a burst */
			for (uint64_t n = 1 + below(&p, 40); n--;)
				pair_push(&p, p.now_ns + (sim_ns)below(&p, 3));
		else if (what > 4 || left == 1)		/* else one fewer */
			pair_push(&p, p.now_ns + gap(&p));
	}
	pair_drain(&p);
}

static void all_sizes(gap_fn gap, uint64_t seed)
{
	for (unsigned int pending = 1; pending <= 3000; pending *= 7) {
		print_message("seed %llu, %u pending\n",
			      (unsigned long long)seed, pending);
		hold(gap, seed++, pending, 20000);
	}
}

static void t_exponential(void **state)
{
	(void)state;
	all_sizes(gap_exponential, 100);
}

static void t_bimodal(void **state)
{
	(void)state;
	all_sizes(gap_bimodal, 200);
}

static void t_constant(void **state)
{
	(void)state;
	all_sizes(gap_constant, 300);
}

static void t_tied(void **state)
{
	(void)state;
	all_sizes(gap_tied, 400);
}

static void t_any(void **state)
{
	(void)state;
	for (uint64_t seed = 500; seed < 530; seed++)
		hold(gap_any, seed, 200, 3000);
}

/* The clock runs ahead of the queue, up to the next event, and pushes there:
 * the head that a peek has shown is then no longer the first. */
static void t_run_ahead(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, 600);
	for (int i = 0; i < 30; i++)
		pair_push(&p, gap_bimodal(&p));
	for (int i = 0; i < 20000; i++) {
		sim_ns next_ns = ops[0]->peek(p.q[0])->at_ns;

		assert_int_equal(ops[1]->peek(p.q[1])->at_ns, next_ns);
		for (uint64_t n = below(&p, 4); n--;) {
			p.now_ns += (sim_ns)below(&p, (uint64_t)(next_ns -
						  p.now_ns) + 1);
			pair_push(&p, p.now_ns + (sim_ns)below(&p, 2) *
				      gap_bimodal(&p));
			next_ns = ops[0]->peek(p.q[0])->at_ns;
			assert_int_equal(ops[1]->peek(p.q[1])->at_ns, next_ns);
		}
		pair_pop(&p);
		if (ops[0]->pending(p.q[0]) > 300)
			while (ops[0]->pending(p.q[0]) > 20)
				pair_pop(&p);
		if (ops[0]->pending(p.q[0]) < 10)
			pair_push(&p, p.now_ns + gap_bimodal(&p));
	}
	pair_drain(&p);
}

/* A tick of 4096 CPUs at one time, each leaving its next and some a wake-up. */
static void t_ticks(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, 700);
	for (int i = 0; i < 4096; i++)
		pair_push(&p, 4000000);
	for (int i = 0; i < 3 * 4096; i++) {
		pair_pop(&p);
		pair_push(&p, p.now_ns + 4000000);
		if (!below(&p, 8)) {
			pair_push(&p, p.now_ns);
			pair_pop(&p);
		}
	}
	pair_drain(&p);
}

static void t_last_moment(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, 800);
	for (int i = 0; i < 20; i++)
		pair_push(&p, INT64_MAX - i / 4);
	pair_push(&p, 0);
	pair_drain(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_exponential),
		cmocka_unit_test(t_bimodal),
		cmocka_unit_test(t_constant),
		cmocka_unit_test(t_tied),
		cmocka_unit_test(t_any),
		cmocka_unit_test(t_run_ahead),
		cmocka_unit_test(t_ticks),
		cmocka_unit_test(t_last_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
