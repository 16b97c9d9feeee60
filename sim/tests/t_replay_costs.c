/*
 * Recorded costs in a run: the residual is charged by segment, what is clipped
 * is counted, what cannot be split is refused. Not pinned: how the importer
 * cuts segments (traces/tests).
 */
#include "sim/replay/trim.h"
#include "sim/tests/t_replay_random.h"
#include "sim/tests/t_replay_run.h"

#define A 0x100000000ULL
#define B 0x200000000ULL
#define PAGE 0x1000ULL

static const int64_t munmap_ns[KOP_SEGS] = { 4000, 31000, 52000, 3000 };

/* One munmap, cut at its lock events; times include P. */
static void segmented(struct tb *b, struct op_segment seg[KOP_SEGS],
		      uint32_t have)
{
	uint32_t mm, t;
	struct op *op;

	tb_init(b, have);
	mm = tb_mm(b, MM_INITIAL, TRACE_NO_MM);
	tb_area(b, mm, A, A + 64 * PAGE, AREA_READ | AREA_WRITE);
	t = tb_task(b, TRACE_NO_TASK, mm);
	for (int i = 0; i < 8; i++)
		tb_fault(b, t, 1000 + i * 20000, A + (unsigned)i * PAGE);
	op = tb_op(b, t, OP_MUNMAP, 200000, 90000, 0);
	op->arg[0] = A;
	op->arg[1] = 64 * PAGE;
	if (seg) {
		for (int i = 0; i < KOP_SEGS; i++) {
			seg[i] = (struct op_segment){
				.kind = (uint8_t)i, .work_ns = munmap_ns[i],
				.mm = mm, .spin_ns = TRACE_UNKNOWN_NS };
		}
		op->seg = seg;
		op->segs = KOP_SEGS;
	}
	tb_exit(b, t, 400000, true);
	tb_open(b);
}

/* Recorded costs: the captured policy takes what was recorded; another one
 * that does the same work in other segments takes the same work. */
static void t_recorded(void **state)
{
	struct op_segment seg[KOP_SEGS];
	struct tb b;
	struct rig g;
	int64_t ns;

	(void)state;
	segmented(&b, seg, HAVE_MMAP_LOCK | HAVE_SCHED);
	rig_init(&g, "linux-6.12", "linux-6.12");
	g.c.options.costs = COSTS_RECORDED;
	rig_run(&g, &b);
	rig_accounts(&g);
	assert_true(g.r.recorded_costs[OP_MUNMAP]);
	assert_false(g.r.recorded_costs[OP_FAULT]);
	assert_int_equal(g.r.clipped_ns, 0);
	ns = g.r.metrics->latency_ns[OP_MUNMAP].max;
	print_message("recorded 90000 ns, replayed %lld ns\n", (long long)ns);
	assert_in_range(ns, 89000, 91000);
	rig_release(&g);
	/* exclusive: one write section */
	rig_init(&g, "linux-4.19", "linux-6.12");
	g.c.options.costs = COSTS_RECORDED;
	rig_run(&g, &b);
	assert_in_range(g.r.metrics->latency_ns[OP_MUNMAP].max, 86000, 93000);
	rig_release(&g);
	tb_release(&b);
}

/* Where P exceeds what was recorded, the kind falls back to the model. */
static void t_clipped(void **state)
{
	struct op_segment seg[KOP_SEGS];
	struct tb b;
	struct rig g;

	(void)state;
	segmented(&b, seg, HAVE_MMAP_LOCK | HAVE_SCHED);
	rig_init(&g, "linux-6.12", "linux-6.12");
	g.c.options.costs = COSTS_RECORDED;
	g.profile.cost[COST_TLB_LOCAL_FULL].value = 200000;
	g.profile.cost[COST_VMA_ALLOC].value = 200000;
	g.profile.cost[COST_MAPLE_STORE].value = 200000;
	g.profile.cost[COST_CALL_RCU].value = 200000;
	rig_run(&g, &b);
	assert_false(g.r.recorded_costs[OP_MUNMAP]);
	assert_true(g.r.warnings > 0);
	rig_release(&g);
	tb_release(&b);
}

/* Without mmap_lock events durations cannot be split: refused, and why. */
static void t_refused(void **state)
{
	struct tb b;
	struct rig g;

	(void)state;
	segmented(&b, NULL, HAVE_SCHED);
	rig_init(&g, "linux-6.12", "linux-6.12");
	g.c.options.costs = COSTS_RECORDED;
	rig_run(&g, &b);
	assert_false(g.r.recorded_costs[OP_MUNMAP]);
	assert_non_null(strstr(g.r.warning[0], "refused"));
	rig_release(&g);
	tb_release(&b);
}

/* 150 of 250 unlocks woke somebody, for 5 us on top of 200 ns: which they were is
 * told by their length. Where the preparatory run woke more often than that,
 * nobody loses what he did not have. */
static void t_wakes_not_twice(void **state)
{
	(void)state;
	for (uint64_t wakes = 0; wakes <= 250; wakes += 50) {
		struct trim t = { .wakes = wakes,
				  .wakes_ns = 5000 * (int64_t)wakes };
		int64_t left_ns = 0;

		hist_record_many(&t.ns, 200, 100);
		hist_record_many(&t.ns, 5200, 150);
		trim_measure(&t, 1000);
		left_ns = 100 * trim_less(&t, 200) + 150 * trim_less(&t, 5200);
		print_message("%llu wake-ups: %lld ns of 800000 left\n",
			      (unsigned long long)wakes, (long long)left_ns);
		assert_true(trim_less(&t, 200) >= (wakes < 250 ? 200 : 0));
		if (!wakes)
			assert_int_equal(left_ns, 100 * 200 + 150 * 5200);
		if (wakes == 150 || wakes == 200)
			assert_in_range(left_ns, 250 * 195, 250 * 210);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_recorded),
		cmocka_unit_test(t_clipped),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_wakes_not_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
