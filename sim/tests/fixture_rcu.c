/* See fixture_rcu.h. */
#include "sim/tests/fixture_rcu.h"

struct rcu_rules rcufix_rules(void)
{
	return (struct rcu_rules){
		.nocbs = "none", .blimit = 10, .qhimark = 10000,
		.qlowmark = 100, .divisor = 7, .resched_ns = 3000000,
		.lazy_flush_ns = 10 * NSEC_PER_SEC,
	};
}

struct rcu_rules rcufix_drawn(uint64_t bits)
{
	static const char *const nocbs[] = { "none", "all", "0", "1-2,5" };
	static const uint32_t marks[] = { 10000, 40, 7, 300 };
	struct rcu_rules r = rcufix_rules();

	r.fixed = bits % 8 == 0;
	r.nocbs = nocbs[bits >> 3 & 3];
	r.lazy = bits >> 5 & 1;
	r.lazy_flush_ns = bits >> 6 & 1 ? 20000000 : 10 * NSEC_PER_SEC;
	r.qhimark = marks[bits >> 7 & 3];
	r.qlowmark = r.qhimark / 10;
	r.blimit = bits >> 9 & 1 ? 10 : 2;
	r.divisor = bits >> 10 & 1 ? 7 : 2;
	r.resched_ns = bits >> 11 & 1 ? 3000000 : 2000;
	r.batch_of = bits >> 12 & 1;
	r.hz = bits >> 13 & 1 ? 0 : 1000;
	return r;
}

void rcufix_costs(struct fixture *f)
{
	fixture_cost(f, COST_TEST_CALL, 30);
	fixture_cost(f, COST_TEST_NOCB, 60);
	fixture_cost(f, COST_TEST_NOCB_WAKE, 1000);
	fixture_cost(f, COST_TEST_NOCB_SCAN, 100);
	fixture_cost(f, COST_TEST_GP, 400000);
}

struct rcu_state *rcufix_new(struct fixture *f, const struct rcu_rules *rules)
{
	struct metrics *m = f->metrics;
	struct rcu_setup s = {
		.rules = *rules, .cost_call = COST_TEST_CALL,
		.cost_call_nocb = COST_TEST_NOCB,
		.cost_nocb_wake = COST_TEST_NOCB_WAKE,
		.cost_nocb_scan = COST_TEST_NOCB_SCAN, .cost_gp = COST_TEST_GP,
		.stage_bypass = metrics_stage(m, "nocb-bypass"),
		.stage_lazy = metrics_stage(m, "lazy"),
		.stage_gp = metrics_stage(m, "grace-period"),
		.stage_callback = metrics_stage(m, "callback"),
		.op_kind = METRIC_OPS_MAX - 1,
	};

	metrics_hold(m, "object", false);
	return rcu_new(&f->m, &s);
}
