/*
 * Pins the statistics of comparisons: t quantiles, exactness, and how often
 * chance alone is called a difference (MODEL.md 10). Does not pin that the
 * simulator's jitter is what it should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include "analysis/table.h"
#include "analysis/tests/fixture.h"

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

/*
 * The same policy under two names, independent noise, 200 pairs of 10
 * replicates, three measures: each flagged 2 to 18 times at the 5 % level.
 */
static void t_false_alarms(void **state)
{
	static const char *const paths[] = { "run.makespan_ns",
		"run.sim_ops_per_s", "latency_ns.fault.p99" };
	struct fixture f = { .scenario = "twins", .policies = 2, .replicates = 10,
			     .points = 200, .seed = 1000, .twins = true,
			     .lean = true };
	struct compare_options o = { .metrics = paths, .metric_count = 3 };
	struct room r = room_open(&f);
	struct errbuf e = { 0 };
	struct table t;

	(void)state;
	assert_int_equal(r.s->block_count, 200);
	assert_int_equal(table_build(&t, r.s, &o, &e), 0);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t flagged = 0, pairs = 0;

		for (uint32_t g = 0; g < r.s->group_count; g++) {
			const struct entry *x = table_entry(&t, i, g);

			if (!x->compared)
				continue;
			assert_int_equal(x->change.pairs, 10);
			flagged += x->change.marked;
			pairs++;
		}
		print_message("# %s flagged %u of %u\n", paths[i], flagged, pairs);
		assert_int_equal(pairs, 200);
		assert_in_range(flagged, 2, 18);
	}
	table_release(&t);
	room_close(&r);
}

/* With common seeds the difference is exactly 0, and says so. */
static void t_common_seeds(void **state)
{
	struct fixture f = { .scenario = "same", .policies = 2, .replicates = 5,
			     .ops = 60, .seed = 3, .jitter = false };
	struct compare_options o = { 0 };
	char *dir = fixture_dir();
	const char *const dirs[] = { dir };
	struct errbuf e = { 0 };
	struct result_set *s;
	struct table t;

	(void)state;
	fixture_write(dir, &f);
	s = results_load(dirs, 1, &e);
	assert_non_null(s);
	for (uint32_t i = 0; i < s->groups[0].cell_count; i++) {
		/* the second policy gets the first one's numbers */
		json_t *a = s->cells[s->groups[0].cells[i]].json;
		json_t *b = s->cells[s->groups[1].cells[i]].json;

		json_object_set(b, "run", json_object_get(a, "run"));
		json_object_set(b, "latency_ns", json_object_get(a, "latency_ns"));
	}
	assert_int_equal(table_build(&t, s, &o, &e), 0);
	for (uint32_t i = 0; i < t.measures.count; i++) {
		const struct entry *x = table_entry(&t, i, 1);
		struct text text = { 0 };

		if (t.measures.m[i].section > SECTION_LATENCY)
			break;
		assert_true(x->change.mean == 0 && !x->change.marked);
		entry_change(&text, x);
		if (!t.measures.m[i].plain)
			assert_string_equal(text_str(&text), "same");
		text_release(&text);
	}
	table_release(&t);
	results_free(s);
	fixture_remove(dir);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_quantiles), cmocka_unit_test(t_sample),
		cmocka_unit_test(t_change), cmocka_unit_test(t_false_alarms),
		cmocka_unit_test(t_common_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
