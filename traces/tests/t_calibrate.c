/*
 * Calibration: every cost of a profile is accounted for, costs are made of
 * readings as their rules say, and what cannot be known is not made up.
 * Not pinned here: the values of this machine (t_calibrate.sh runs it).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "sim/scenario/scenario.h"
#include "traces/calibrate/costs.h"

static void t_every_cost_has_a_rule(void **state)
{
	const char *key;
	unsigned rules = 0;

	(void)state;
	for (uint32_t i = 0; i < MM_COST_END; i++) {
		bool found = false;

		for (unsigned k = 0; (key = calibrate_key(k)); k++)
			found |= !strcmp(key, profile_cost(i)->key);
		if (!found)
			fail_msg("no rule for %s", profile_cost(i)->key);
	}
	while (calibrate_key(rules))
		rules++;
	assert_int_equal(rules, MM_COST_END);
}

static int64_t ten_ns(void *arg, const char *key)
{
	(void)arg;
	(void)key;
	return 10;
}

static void set(struct calibration *c, enum cal_reading r, int64_t ns)
{
	c->reading[r] = (struct cal_value){ .known = true,
					    .median_ps = ns * 1000,
					    .low_ps = ns * 900,
					    .high_ps = ns * 1200 };
}

static const struct cal_cost *cost(const struct calibration *c, const char *key)
{
	for (unsigned i = 0; i < c->costs; i++)
		if (!strcmp(c->cost[i].key, key))
			return &c->cost[i];
	fail_msg("no cost %s", key);
	return NULL;
}

/* fault 2000 = entry 600 (2000 - 1400) + zeroing 400 + body 1000 */
static void t_parts(void **state)
{
	struct calibrate_options o = { .base_ns = ten_ns };
	struct calibration c = { 0 };
	const struct cal_cost *k;

	(void)state;
	set(&c, CAL_FAULT_ANON, 2000);
	set(&c, CAL_POPULATE, 1400);
	set(&c, CAL_ZERO_4K, 400);
	set(&c, CAL_MMAP, 1000);
	set(&c, CAL_SYSCALL, 130);
	set(&c, CAL_MUNMAP, 1200);
	cal_costs(&c, &o);
	assert_int_equal(cost(&c, "fault_entry_exit_ns")->ns, 600);
	assert_true(cost(&c, "fault_entry_exit_ns")->derived);
	assert_int_equal(cost(&c, "zero_page_ns")->ns, 400);
	assert_false(cost(&c, "zero_page_ns")->derived);
	k = cost(&c, "fault_anon_ns");
	assert_int_equal(k->ns, 1000);
	assert_int_equal(k->low_ns, 800);	/* 1800 - 1000 */
	assert_int_equal(k->high_ns, 1400);	/* 2400 - 1000 */
	/* vma_alloc, maple_store and three visits come from the base */
	assert_int_equal(cost(&c, "mmap_body_ns")->ns, 1000 - 130 - 50);
	/* a sum of two, split as in the base, where they are equal; what comes
	 * after the flush is the base's as well */
	assert_int_equal(cost(&c, "munmap_body_ns")->ns, (1200 - 130 - 60) / 2);
	assert_int_equal(cost(&c, "unmap_region_ns")->ns, (1200 - 130 - 60) / 2);
	calibrate_release(&c);
}

/* Without its parts, without a base, or with nothing left: not known. */
static void t_unknown(void **state)
{
	struct calibrate_options o = { .base_ns = ten_ns };
	struct calibration c = { 0 };

	(void)state;
	set(&c, CAL_FAULT_ANON, 1000);
	set(&c, CAL_POPULATE, 1100);
	strcpy(c.reading[CAL_GRACE].why, "membarrier: Function not implemented");
	cal_costs(&c, &o);
	assert_false(cost(&c, "fault_entry_exit_ns")->known);
	assert_non_null(strstr(cost(&c, "fault_entry_exit_ns")->source,
			       "nothing is left"));
	assert_false(cost(&c, "rcu_grace_period_ns")->known);
	assert_string_equal(cost(&c, "rcu_grace_period_ns")->source,
			    "membarrier: Function not implemented");
	assert_false(cost(&c, "call_rcu_ns")->known);
	assert_false(cost(&c, "line_transfer_remote_ns")->known);
	calibrate_release(&c);

	memset(&c, 0, sizeof(c));
	o.base_ns = NULL;
	set(&c, CAL_MMAP, 1000);
	set(&c, CAL_SYSCALL, 130);
	cal_costs(&c, &o);
	assert_false(cost(&c, "mmap_body_ns")->known);
	assert_non_null(strstr(cost(&c, "mmap_body_ns")->source, "vma_alloc_ns"));
	calibrate_release(&c);
}

static void t_pairs(void **state)
{
	struct calibrate_options o = { 0 };
	struct calibration c = { .pairs = 2 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		c.pair[i].distance = i ? CAL_REMOTE : CAL_LLC;
		c.pair[i].transfer = (struct cal_value){
			.known = true, .median_ps = i ? 130000 : 45000,
			.low_ps = 40000, .high_ps = 150000 };
	}
	cal_costs(&c, &o);
	assert_int_equal(cost(&c, "line_transfer_llc_ns")->ns, 45);
	assert_int_equal(cost(&c, "line_transfer_remote_ns")->ns, 130);
	assert_false(cost(&c, "line_transfer_smt_ns")->known);
	calibrate_release(&c);
}

/* The spread is that of the inner three quarters: outliers do not count. */
static void t_median(void **state)
{
	struct cal_samples s = { .n = 7, .ps = { 50, 10, 20, 30, 9999, 40, 35 } };
	struct cal_value v = cal_median(&s);

	(void)state;
	assert_true(v.known);
	assert_int_equal(v.median_ps, 35);
	assert_int_equal(v.low_ps, 20);
	assert_int_equal(v.high_ps, 50);
	s.n = 0;
	assert_false(cal_median(&s).known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_every_cost_has_a_rule),
		cmocka_unit_test(t_parts),
		cmocka_unit_test(t_unknown),
		cmocka_unit_test(t_pairs),
		cmocka_unit_test(t_median),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
