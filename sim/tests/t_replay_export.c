/*
 * Synthetic truth (MODEL.md 3): simulate, export, replay with recorded costs.
 * The same policy gives the same ns, another policy what simulating that one
 * directly gives, within the bounds below. Not pinned: real captures.
 */
#include <errno.h>
#include "sim/base/rng.h"
#include "sim/tests/t_replay_run.h"

/* A tick between two ops is think time in an export: none here. Another kernel
 * fills and drains batches of pages and folios in other ops, which then pay for
 * them: exact is what is left with those locks switched off. */
static void quiet(struct rig *g, bool batches)
{
	g->profile.cost[COST_TICK].value = 0;
	if (batches)
		return;
	g->kernel.bottlenecks = (struct bottlenecks){ .page_table_lock = true };
	g->captured.bottlenecks = g->kernel.bottlenecks;
}

static void run(struct rig *g, struct mmt_reader *from)
{
	replay_result_release(&g->r);
	if (replay_run(from, &g->c, &g->r, &g->e))
		fail_msg("%s", g->e.text);
}

static int64_t latency_ns(const struct rig *g)
{
	int64_t ns = 0;

	for (int i = 0; i < OP_KIND_COUNT; i++)
		ns += (int64_t)g->r.metrics->latency_ns[i].sum;
	return ns;
}

/* @pct: how far two runs may be apart, in all times and in all waiting. */
static void near(int64_t a, int64_t b, int64_t pct, const char *what)
{
	if ((a > b ? a - b : b - a) * 100 > pct * a)
		fail_msg("%s: %lld directly, %lld through an export", what,
			 (long long)a, (long long)b);
}

static void compare(const struct rig *a, const struct rig *b, bool exact)
{
	assert_int_equal(a->r.ops, b->r.ops);
	near(a->r.makespan_ns, b->r.makespan_ns, exact ? 0 : 10, "makespan");
	near(latency_ns(a), latency_ns(b), exact ? 0 : 15, "latency");
	for (int i = 0; i < OP_KIND_COUNT; i++) {
		const struct hist *x = &a->r.metrics->latency_ns[i];
		const struct hist *y = &b->r.metrics->latency_ns[i];

		assert_int_equal(x->count, y->count);
		if (exact)
			assert_true(x->sum == y->sum && x->max == y->max);
	}
}

/* @n tasks of one address space: map, touch, unmap, each in a place of its own. */
static void churn(struct tb *b, uint32_t n, int rounds)
{
	uint32_t mm, t[8];

	tb_init(b, HAVE_SCHED);
	mm = tb_mm(b, MM_INITIAL, TRACE_NO_MM);
	for (uint32_t k = 0; k < n; k++)
		t[k] = tb_task(b, TRACE_NO_TASK, mm);
	for (uint32_t k = 0; k < n; k++) {
		uint64_t addr = 0x100000000ULL * (k + 1);
		int64_t at = 1000 + 700 * k;

		for (int i = 0; i < rounds; i++) {
			tb_mmap(b, t[k], at, 3000, addr, 16 * PAGE_BYTES);
			for (unsigned p = 0; p < 16; p++)
				tb_fault(b, t[k], at + 4000 + p * 2500,
					 addr + p * PAGE_BYTES);
			tb_range(b, t[k], OP_MUNMAP, at + 60000, 9000, addr,
				 16 * PAGE_BYTES);
			at += 80000 + (int64_t)(draw(k, (uint64_t)i,
				DRAW_TEST, 0) % 20000);
		}
		tb_exit(b, t[k], 100000LL * rounds + 1000LL * k, k == n - 1);
	}
	tb_open(b);
}

/* Simulates @t under @g into a file, and opens it. */
static struct mmt_reader *exported(struct rig *g, struct tb *t)
{
	struct mmt_reader *out;
	char path[128];

	snprintf(path, sizeof(path), "%.60s/t_replay_export.%ld.mmt",
		 getenv("BUILD") ? getenv("BUILD") : "build", (long)getpid());
	g->c.export_path = path;
	run(g, t->reader);
	g->c.export_path = NULL;
	out = mmt_open(path, 0, 0, &g->e);
	if (!out)
		fail_msg("%s", g->e.text);
	unlink(path);
	assert_true(mmt_header(out)->simulated);
	return out;
}

/* @tasks: one meets nobody, and everything is the same to the ns. Two meet in
 * every lock: interrupts that came between ops are think time in the export
 * and come again, and from there on the two runs meet at other moments. One
 * shootdown costs this machine a tenth of a turn, on either side. */
static void truth(uint32_t tasks, const char *kernel)
{
	bool batches = !strcmp(kernel, "linux-6.12");	/* the same one */
	struct rig captured, direct, replayed;
	struct mmt_reader *from;
	struct tb t;

	churn(&t, tasks, 40);
	rig_init(&captured, "linux-6.12", "linux-6.12");
	quiet(&captured, batches);
	from = exported(&captured, &t);
	rig_init(&direct, kernel, "linux-6.12");
	quiet(&direct, batches);
	run(&direct, t.reader);
	rig_init(&replayed, kernel, "linux-6.12");
	quiet(&replayed, batches);
	replayed.c.options.costs = COSTS_RECORDED;
	run(&replayed, from);
	assert_true(replayed.r.recorded_costs[OP_MUNMAP]);
	compare(&direct, &replayed, tasks == 1);
	mmt_close(from);
	rig_release(&captured);
	rig_release(&direct);
	rig_release(&replayed);
	tb_release(&t);
}

static void t_same_policy(void **state)
{
	(void)state;
	truth(1, "linux-6.12");
	truth(2, "linux-6.12");
}

static void t_other_policy(void **state)
{
	static const char *const kernels[] = { "linux-4.19", "linux-6.1",
					       "linux-6.18" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		truth(1, kernels[i]);
		truth(2, kernels[i]);
	}
}

/* Nobody could say which instance a record is from. */
static void t_instances_refused(void **state)
{
	struct rig g;
	struct tb t;

	(void)state;
	churn(&t, 1, 2);
	rig_init(&g, "linux-6.12", "linux-6.12");
	g.c.options.instances = 2;
	g.c.export_path = "/dev/null";
	assert_int_not_equal(replay_run(t.reader, &g.c, &g.r, &g.e), 0);
	assert_non_null(strstr(g.e.text, "instances"));
	rig_release(&g);
	tb_release(&t);
}

/* A run that cannot be written stops while its tasks hold and await locks. */
static void t_full_disk(void **state)
{
	struct rig g;
	struct tb t;

	(void)state;
	churn(&t, 8, 150);
	rig_init(&g, "linux-6.1", "linux-6.1");
	g.c.export_path = "/dev/full";
	assert_int_equal(replay_run(t.reader, &g.c, &g.r, &g.e), -ENOSPC);
	assert_non_null(strstr(g.e.text, "/dev/full: write: No space"));
	rig_release(&g);
	tb_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_same_policy),
		cmocka_unit_test(t_other_policy),
		cmocka_unit_test(t_instances_refused),
		cmocka_unit_test(t_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
