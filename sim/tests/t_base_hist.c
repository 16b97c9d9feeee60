/*
 * Pins: the claimed bound (a quantile is at most 1/64 above the sample that
 * it stands for, and exact below 128) against a full sort; exact count, sum
 * and max; merge equals recording everything; JSON there and back. Does not
 * pin speed. Random values come from a seed that is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sim/base/hist.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/base/rng.h"

enum { SEED = 20, COUNT = 30000 };

static const uint32_t fractions[][2] = {
	{ 0, 1 }, { 1, 1000 }, { 1, 2 }, { 9, 10 }, { 99, 100 }, { 999, 1000 },
	{ 1, 1 },
};

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Values of every magnitude: a random shift of random bits. */
static int64_t value(uint64_t i)
{
	uint64_t bits = draw(SEED, i, DRAW_TEST, 0);

	return (int64_t)(bits >> (1 + draw_below(draw(SEED, i, DRAW_TEST, 1), 63)));
}

static void check_quantiles(const struct hist *h, const int64_t *sorted, size_t n)
{
	for (size_t f = 0; f < sizeof(fractions) / sizeof(fractions[0]); f++) {
		uint32_t num = fractions[f][0], den = fractions[f][1];
		size_t rank = (n * num + den - 1) / den;
		int64_t exact = sorted[rank ? rank - 1 : 0];
		int64_t got = hist_quantile(h, num, den);

		assert_true(got >= exact);
		assert_true(got - exact <= exact / 64);
		if (exact < 128)
			assert_int_equal(got, exact);
		assert_true(got <= h->max);
	}
}

static void t_against_sort(void **state)
{
	int64_t *v = xcalloc(COUNT, sizeof(*v));
	struct hist h = { 0 };
	__int128 sum = 0;

	(void)state;
	print_message("# seed %d\n", SEED);
	for (size_t i = 0; i < COUNT; i++) {
		v[i] = value(i);
		sum += v[i];
		hist_record(&h, v[i]);
	}
	qsort(v, COUNT, sizeof(*v), compare);
	assert_int_equal(h.count, COUNT);
	assert_int_equal(h.max, v[COUNT - 1]);
	assert_true(h.sum == sum);
	assert_int_equal(hist_mean(&h), (int64_t)(sum / COUNT));
	check_quantiles(&h, v, COUNT);
	hist_release(&h);
	free(v);
}

static void t_edges(void **state)
{
	(void)state;
	/* every power of two, one below and one above: an interval that holds
	 * the value, is at most 1/64 wide and touches its neighbours */
	for (int bit = 0; bit < 63; bit++) {
		for (int64_t d = -1; d <= 1; d++) {
			int64_t x = (int64_t)(1ULL << bit) + d;
			int64_t lo = hist_bucket_lower(x);
			int64_t up = hist_bucket_upper(x);
			struct hist h = { 0 };

			assert_true(lo <= x && x <= up && up - lo <= lo / 64);
			assert_int_equal(hist_bucket_lower(lo), lo);
			assert_int_equal(hist_bucket_upper(lo), up);
			if (up < INT64_MAX)
				assert_int_equal(hist_bucket_lower(up + 1), up + 1);
			hist_record(&h, x);
			assert_int_equal(hist_quantile(&h, 1, 2), x);
			hist_release(&h);
		}
	}
}

static void t_empty(void **state)
{
	struct hist h = { 0 };

	(void)state;
	assert_int_equal(hist_quantile(&h, 99, 100), 0);
	assert_int_equal(hist_mean(&h), 0);
	hist_release(&h);
}

struct pairs {
	size_t n;
	int64_t last;
	uint64_t total;
};

static void count_bucket(void *arg, int64_t lower, int64_t upper, uint64_t count)
{
	struct pairs *p = arg;

	assert_true(lower > p->last && upper >= lower && count > 0);
	p->last = upper;
	p->total += count;
	p->n++;
}

static void t_merge_and_many(void **state)
{
	struct hist all = { 0 }, a = { 0 }, b = { 0 }, m = { 0 };
	struct pairs p = { .last = -1 };

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		hist_record(i % 3 ? &a : &b, value(i));
		hist_record(&all, value(i));
	}
	hist_merge(&a, &b);
	assert_int_equal(a.count, all.count);
	assert_int_equal(a.max, all.max);
	assert_true(a.sum == all.sum);
	for (uint32_t q = 0; q <= 100; q++)
		assert_int_equal(hist_quantile(&a, q, 100),
				 hist_quantile(&all, q, 100));
	hist_each(&all, count_bucket, &p);
	assert_int_equal(p.total, 5000);
	hist_record_many(&m, 1000, 1ULL << 40);
	hist_record_many(&m, 5, 0);
	assert_int_equal(m.count, 1ULL << 40);
	assert_int_equal(hist_mean(&m), 1000);
	hist_release(&all);
	hist_release(&a);
	hist_release(&b);
	hist_release(&m);
}

static void t_json(void **state)
{
	struct hist h = { 0 }, back = { 0 };
	struct errbuf e = { 0 };
	json_t *j;

	(void)state;
	for (size_t i = 0; i < 3000; i++)
		hist_record(&h, value(i));
	j = json_buckets(&h);
	assert_int_equal(json_hist(j, &back, &e), 0);
	assert_int_equal(back.count, h.count);
	for (uint32_t q = 0; q < 1000; q++)
		assert_int_equal(hist_quantile(&back, q, 1000),
				 hist_quantile(&h, q, 1000));
	json_decref(j);
	hist_release(&h);
	hist_release(&back);
}

static void t_json_refused(void **state)
{
	static const char *const bad[] = {
		"{}", "[1]", "[[1]]", "[[1,2,3]]", "[[1,0]]", "[[1,-1]]",
		"[[-1,1]]", "[[129,1]]", "[[5,1],[5,1]]", "[[5,1],[4,1]]",
		"[[1,9223372036854775807],[2,1]]", "[[1,\"2\"]]", "[[1.5,2]]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hist h = { 0 };
		struct errbuf e = { 0 };
		json_t *j = json_loads(bad[i], 0, NULL);

		assert_non_null(j);
		assert_true(json_hist(j, &h, &e) < 0);
		assert_true(e.text[0]);
		json_decref(j);
		hist_release(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_against_sort),
		cmocka_unit_test(t_edges),
		cmocka_unit_test(t_empty),
		cmocka_unit_test(t_merge_and_many),
		cmocka_unit_test(t_json),
		cmocka_unit_test(t_json_refused),
	};

	return cmocka_run_group_tests_name("base/hist", tests, NULL, NULL);
}
