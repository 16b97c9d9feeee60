/*
 * Pins: the draws themselves (golden integers: another hash would change
 * every result), bounds, even spread, independence of the inputs, the mean
 * and shape of the exponential against libm. Does not pin statistical
 * quality beyond that.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "sim/base/rng.h"

enum { COUNT = 200000 };

static void t_golden(void **state)
{
	(void)state;
	assert_true(draw(0, 0, 0, 0) == 0x1957a7604e215178ULL);
	assert_true(draw(1, 2, DRAW_TEST, 3) == 0x4671e4727644f053ULL);
	assert_int_equal(draw_exponential_ns(draw(1, 2, DRAW_TEST, 3), 1000000),
			 1290349);
}

static void t_below(void **state)
{
	uint64_t seen[7] = { 0 };

	(void)state;
	assert_int_equal(draw_below(0, 10), 0);
	assert_int_equal(draw_below(UINT64_MAX, 10), 9);
	assert_int_equal(draw_below(UINT64_MAX, 1), 0);
	assert_true(draw_below(UINT64_MAX, UINT64_MAX) == UINT64_MAX - 1);
	for (uint64_t i = 0; i < COUNT; i++)
		seen[draw_below(draw(9, i, DRAW_TEST, 0), 7)]++;
	for (int k = 0; k < 7; k++)	/* 5 standard deviations */
		assert_true(fabs((double)seen[k] - COUNT / 7.0) <
			    5 * sqrt(COUNT / 7.0 * 6 / 7));
}

/* One bit of one input flips half of the output bits, on average. */
static void t_avalanche(void **state)
{
	uint64_t flips[4] = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		for (int b = 0; b < 32; b++) {
			uint64_t bit = 1ULL << b, x = draw(i, i, 7, i);

			flips[0] += (uint64_t)__builtin_popcountll(x ^ draw(i ^ bit, i, 7, i));
			flips[1] += (uint64_t)__builtin_popcountll(x ^ draw(i, i ^ bit, 7, i));
			flips[2] += (uint64_t)__builtin_popcountll(
				x ^ draw(i, i, 7 ^ (uint32_t)bit, i));
			flips[3] += (uint64_t)__builtin_popcountll(x ^ draw(i, i, 7, i ^ bit));
		}
	}
	for (int k = 0; k < 4; k++)
		assert_true(fabs((double)flips[k] / 32000 - 32) < 0.2);
}

/* Against libm, over every magnitude of u: within 1e-5 of a mean. */
static void t_exponential_exact(void **state)
{
	const int64_t mean = 1000000000;

	(void)state;
	for (uint64_t i = 1; i < COUNT; i++) {
		uint64_t bits = draw(3, i, DRAW_TEST, 0) >> (i % 30);
		double want = -log(ldexp((double)bits, -64)) * (double)mean;
		double got = (double)draw_exponential_ns(bits, mean);

		if (bits && want < 21.9e9)
			assert_true(fabs(got - want) < 1e-5 * (double)mean);
	}
	assert_int_equal(draw_exponential_ns(0, mean), 22 * mean);
	assert_int_equal(draw_exponential_ns(1, mean), 22 * mean);
	assert_int_equal(draw_exponential_ns(UINT64_MAX, mean), 0);
	assert_int_equal(draw_exponential_ns(12345, 0), 0);
}

/* The mean over an even grid of u: the 1e-4 of the header, without noise. */
static void t_exponential_mean(void **state)
{
	static const int64_t means[] = { 100, 1000, 1000000, 1000000000000 };
	enum { GRID = 1 << 18 };

	(void)state;
	for (int k = 0; k < 4; k++) {
		__int128 sum = 0;
		double mean;

		for (uint64_t i = 0; i < GRID; i++)
			sum += draw_exponential_ns((i << 46) + (1ULL << 45),
						   means[k]);
		mean = (double)sum / GRID / (double)means[k];
		assert_true(fabs(mean - 1) < 1e-4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_golden),
		cmocka_unit_test(t_below),
		cmocka_unit_test(t_avalanche),
		cmocka_unit_test(t_exponential_exact),
		cmocka_unit_test(t_exponential_mean),
	};

	return cmocka_run_group_tests_name("base/rng", tests, NULL, NULL);
}
