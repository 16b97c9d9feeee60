/*
 * Pins the statistics of comparisons: t quantiles, intervals, exactness. How
 * often chance alone is called a difference is in sim/tests/t_twins.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include "analysis/stats.h"

static void t_quantiles(void **state)
{
	(void)state;
	assert_true(t_quantile(2) == 4.303);
	assert_true(t_quantile(9) == 2.262);
	assert_true(t_quantile(30) == 2.042);
	for (uint32_t d = 1; d < 1000; d++) {
		assert_true(t_quantile(d + 1) <= t_quantile(d));
		assert_true(t_quantile(d) >= 1.96);
	}
}

static void t_sample(void **state)
{
	const double v[] = { 2, 4, 4, 4, 5, 5, 7, 9 };
	struct sample s = sample_of(v, 8);

	(void)state;
	assert_true(s.mean == 5);
	assert_true(fabs(s.sd - sqrt(32.0 / 7)) < 1e-12);
	assert_false(s.exact);
	s = sample_of(v + 1, 3);
	assert_true(s.exact && s.mean == 4 && s.sd == 0);
	assert_false(sample_of(v + 1, 2).exact);	/* too few to say so */
	assert_int_equal(sample_of(v, 0).n, 0);
}

static void t_change(void **state)
{
	const double d[] = { 1, 2, 3 }, same[] = { 0, 0, 0 }, off[] = { 7, 7, 7 };
	struct change c = change_of(d, 3);

	(void)state;
	assert_true(c.claimed && !c.marked);	/* 2 +- 4.303 / sqrt(3) */
	assert_true(fabs(c.half_width - 4.303 / sqrt(3)) < 1e-12);
	c = change_of(d, 2);
	assert_true(!c.claimed && !c.marked && c.mean == 1.5);
	c = change_of(same, 3);
	assert_true(c.exact && !c.marked && c.half_width == 0);
	c = change_of(off, 3);
	assert_true(c.exact && c.marked && c.mean == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_quantiles), cmocka_unit_test(t_sample),
		cmocka_unit_test(t_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
