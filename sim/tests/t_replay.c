/*
 * One run: pacing, think time, wakers, costs, accounts, determinism. Closed
 * forms where there is one. Not pinned: what an op costs (mm's tests).
 */
#include <errno.h>
#include "sim/tests/t_replay_random.h"
#include "sim/tests/t_replay_run.h"

#define A 0x100000000ULL
#define B 0x200000000ULL
#define PAGE 0x1000ULL

/* ---- determinism and accounts ---- */

static char *run_text(struct tb *b, const char *kernel, bool eager,
		      uint32_t replicate, uint32_t costs)
{
	struct rig g;
	char *text;

	rig_init(&g, kernel, "linux-6.12");
	g.c.eager = eager;
	g.c.replicate = replicate;
	g.c.seed += replicate;
	g.c.options.costs = costs;
	rig_run(&g, b);
	rig_accounts(&g);
	text = rig_dump(&g);
	rig_release(&g);
	return text;
}

static void same(char *a, char *b, bool expected)
{
	assert_int_equal(!strcmp(a, b), expected);
	free(a);
	free(b);
}

/* Every work() an event, or none that nobody sees: the same bytes. */
static void t_eager(void **state)
{
	static const char *const kernels[] = { "linux-4.19", "linux-6.1",
					       "linux-6.12", "linux-6.18" };

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct random_program p;

		random_trace(&p, seed, 300);
		for (uint32_t k = 0; k < 4; k++)
			for (uint32_t costs = 0; costs < 2; costs++)
				same(run_text(&p.b, kernels[k], false, k, costs),
				     run_text(&p.b, kernels[k], true, k, costs),
				     true);
		tb_release(&p.b);
	}
}

/* Replicates differ by jitter; one replicate is always the same. */
static void t_replicates(void **state)
{
	struct random_program p;

	(void)state;
	random_trace(&p, 9, 300);
	same(run_text(&p.b, "linux-6.12", false, 1, COSTS_MODEL),
	     run_text(&p.b, "linux-6.12", false, 1, COSTS_MODEL), true);
	same(run_text(&p.b, "linux-6.12", false, 1, COSTS_MODEL),
	     run_text(&p.b, "linux-6.12", false, 2, COSTS_MODEL), false);
	tb_release(&p.b);
}

/* The run whose own costs stand for the captured policy's, and the one that
 * takes them from a preparatory run of the same policy, are one. */
static void t_preparation(void **state)
{
	struct random_program p;
	struct rig g;
	char *own, *prepared;

	(void)state;
	random_trace(&p, 5, 300);
	rig_init(&g, "linux-6.12", "linux-6.12");
	rig_run(&g, &p.b);
	assert_int_equal(g.r.cost_bytes, 0);
	own = rig_dump(&g);
	g.kernel.thp = !g.captured.thp;		/* nothing here is that large */
	rig_run(&g, &p.b);
	assert_true(g.r.cost_bytes > 0);
	prepared = rig_dump(&g);
	same(own, prepared, true);
	rig_release(&g);
	tb_release(&p.b);
}

/* ---- wakers ---- */

enum { TURNS = 40, TURN_NS = 100000 };

/* Two tasks take turns: mmap and munmap, wake the other, sleep. */
static void ping_pong(struct tb *b, bool edges)
{
	uint32_t mm, t[2];

	tb_init(b, HAVE_SCHED | HAVE_WAKING);
	mm = tb_mm(b, MM_INITIAL, TRACE_NO_MM);
	t[0] = tb_task(b, TRACE_NO_TASK, mm);
	t[1] = tb_task(b, TRACE_NO_TASK, mm);
	for (int i = 0; i < TURNS; i++) {
		int64_t at = (int64_t)i * TURN_NS;
		uint32_t me = t[i % 2], peer = t[(i + 1) % 2];

		tb_in(b, me, at);
		tb_mmap(b, me, at + 10000, 10000, A, PAGE);
		tb_range(b, me, OP_MUNMAP, at + 30000, 20000, A, PAGE);
		if (edges)
			tb_wake(b, me, at + 90000, peer, false);
		if (i + 2 < TURNS)
			tb_out(b, me, at + 91000, 'S');
	}
	tb_exit(b, t[0], (int64_t)(TURNS - 1) * TURN_NS, false);
	tb_exit(b, t[1], (int64_t)TURNS * TURN_NS + 1000, true);
	tb_open(b);
}

static int64_t ping_pong_ns(bool edges, int64_t munmap_body_ns)
{
	struct tb b;
	struct rig g;
	int64_t ns;

	ping_pong(&b, edges);
	rig_init(&g, "linux-6.12", "linux-6.12");
	g.profile.cost[COST_MUNMAP_BODY].value = munmap_body_ns;
	rig_run(&g, &b);
	rig_accounts(&g);
	assert_int_equal(g.r.moved_ops, 0);
	if (edges)
		assert_int_equal(g.r.order_wait_ns, 0);
	else
		assert_int_equal(g.r.waker_wait_ns, 0);
	ns = g.r.makespan_ns;
	rig_release(&g);
	tb_release(&b);
	return ns;
}

/* Turns are in series: what a munmap saves, every turn saves. Without edges
 * the sleeps keep their length, and each task only saves its own half. */
static void t_ping_pong(void **state)
{
	int64_t slow = ping_pong_ns(true, 40000), fast = ping_pong_ns(true, 20000);

	(void)state;
	assert_int_equal(slow - fast, TURNS * 20000);
	slow = ping_pong_ns(false, 40000);
	fast = ping_pong_ns(false, 20000);
	assert_true(slow - fast <= TURNS / 2 * 20000 + 2 * 20000);
	assert_true(slow - fast >= TURNS / 2 * 20000 - 2 * 20000);
}

/* ---- think time ---- */

/* One task, thinking 10 us before each of n faults. */
static void thinker(struct tb *b, uint32_t have, int64_t gap_ns, int n)
{
	uint32_t mm, t;

	tb_init(b, have);
	mm = tb_mm(b, MM_INITIAL, TRACE_NO_MM);
	tb_area(b, mm, A, A + 64 * PAGE, AREA_READ | AREA_WRITE);
	t = tb_task(b, TRACE_NO_TASK, mm);
	for (int i = 0; i < n; i++)
		tb_fault(b, t, i * gap_ns, A + (unsigned)i * PAGE);
	tb_exit(b, t, n * gap_ns, true);
	tb_open(b);
}

/* User time is the gap less the modelled fault, so under the captured policy
 * the exit starts when it did; a faster machine is ahead by what it saves. */
static void t_fault_gap(void **state)
{
	struct tb b;
	struct rig g;
	int64_t same_ns;

	(void)state;
	thinker(&b, HAVE_SCHED, 20000, 8);
	rig_init(&g, "linux-6.12", "linux-6.12");
	rig_run(&g, &b);
	assert_int_equal(g.r.fault_floored_ns, 0);
	assert_int_equal(g.r.fault_gap_ns, 8 * 20000);
	assert_true(g.r.think_ns > 0 && g.r.think_ns < 8 * 20000);
	same_ns = g.r.think_ns;
	/* another policy under test: its own fault cost, the same user time */
	rig_release(&g);
	rig_init(&g, "linux-4.19", "linux-6.12");
	rig_run(&g, &b);
	assert_int_equal(g.r.think_ns, same_ns);
	rig_release(&g);
	tb_release(&b);
}

/* A gap too short for the fault is floored, and reported. */
static void t_fault_floor(void **state)
{
	struct tb b;
	struct rig g;

	(void)state;
	thinker(&b, HAVE_SCHED, 100, 8);
	rig_init(&g, "linux-6.12", "linux-6.12");
	rig_run(&g, &b);
	assert_int_equal(g.r.think_ns, 0);
	assert_int_equal(g.r.fault_gap_ns, 800);
	assert_true(g.r.fault_floored_ns > 0);
	rig_release(&g);
	tb_release(&b);
}

/* Without scheduler events a long gap is sleep or compute, and said to be. */
static void t_unknown_gap(void **state)
{
	struct tb b;
	struct rig g;

	(void)state;
	thinker(&b, 0, 200000, 4);
	rig_init(&g, "linux-6.12", "linux-6.12");
	rig_run(&g, &b);
	assert_true(g.r.unknown_gap_ns > 3 * 190000);
	assert_int_equal(g.r.think_ns, 0);
	assert_true(g.r.warnings > 0);
	rig_release(&g);
	tb_release(&b);
}

/* Off the CPU while others outside the trace had it. */
static void t_exogenous(void **state)
{
	(void)state;
	for (uint32_t drop = 0; drop < 2; drop++) {
		struct tb b;
		struct rig g;
		uint32_t mm, t;

		tb_init(&b, HAVE_SCHED);
		mm = tb_mm(&b, MM_INITIAL, TRACE_NO_MM);
		t = tb_task(&b, TRACE_NO_TASK, mm);
		tb_in(&b, t, 0);
		tb_out(&b, t, 10000, 'R');
		tb_in(&b, t, 60000);
		tb_mmap(&b, t, 70000, 10, A, PAGE);
		tb_exit(&b, t, 80000, true);
		tb_open(&b);
		rig_init(&g, "linux-6.12", "linux-6.12");
		g.c.options.exogenous = drop ? EXOGENOUS_DROP : EXOGENOUS_KEEP;
		rig_run(&g, &b);
		rig_accounts(&g);
		assert_int_equal(g.r.exogenous_ns, drop ? 0 : 50000);
		assert_int_equal(g.r.mode_ns[MODE_GHOST], drop ? 0 : 50000);
		rig_release(&g);
		tb_release(&b);
	}
}

/* Open pacing: ops start when they did, on a machine that is fast enough. */
static void t_open(void **state)
{
	struct tb b;
	struct rig g;

	(void)state;
	thinker(&b, HAVE_SCHED, 100000, 8);
	rig_init(&g, "linux-6.12", "linux-6.12");
	g.c.options.pacing = PACING_OPEN;
	rig_run(&g, &b);
	rig_accounts(&g);
	assert_true(g.r.drift_ns.max < 100000);
	assert_int_equal(g.r.think_ns, 0);
	rig_release(&g);
	tb_release(&b);
}

/* ---- tasks ---- */

/* A task that forks, starts a thread and spawns a program. */
static void family(struct tb *b)
{
	struct op *op;
	uint32_t mm, mm_fork, mm_exec, t, forked, thread, spawned;

	tb_init(b, HAVE_SCHED);
	mm = tb_mm(b, MM_INITIAL, TRACE_NO_MM);
	mm_fork = tb_mm(b, MM_FORK, mm);
	mm_exec = tb_mm(b, MM_EXEC, TRACE_NO_MM);
	tb_area(b, mm, A, A + 64 * PAGE, AREA_READ | AREA_WRITE);
	tb_area(b, mm_exec, B, B + 64 * PAGE, AREA_READ | AREA_WRITE);
	t = tb_task(b, TRACE_NO_TASK, mm);
	forked = tb_task(b, t, mm_fork);
	thread = tb_task(b, t, mm);
	spawned = tb_task(b, t, mm);
	tb_fault(b, t, 1000, A);
	tb_child(b, t, OP_FORK, 10000, 50000, forked);
	tb_child(b, t, OP_CLONE_THREAD, 100000, 10000, thread);
	tb_child(b, t, OP_VFORK, 200000, 300000, spawned);
	tb_fault(b, forked, 70000, A);
	tb_exit(b, forked, 80000, true);
	tb_fault(b, thread, 120000, A + PAGE);
	tb_exit(b, thread, 900000, false);
	op = tb_op(b, spawned, OP_EXEC, 300000, 150000, 0);
	op->arg[0] = mm_exec;
	b->h.tasks[spawned].mm = mm_exec;	/* of the records that follow */
	tb_fault(b, spawned, 600000, B);
	tb_exit(b, spawned, 700000, true);
	b->h.tasks[spawned].mm = mm;
	tb_fault(b, t, 650000, A + 2 * PAGE);
	tb_exit(b, t, 1000000, true);
	tb_open(b);
}

/* fork, vfork + exec, thread, exits: every mm ends, nothing is left over. */
static void t_life(void **state)
{
	struct tb b;
	struct rig g;

	(void)state;
	family(&b);
	rig_init(&g, "linux-6.12", "linux-6.12");
	rig_run(&g, &b);
	rig_accounts(&g);
	assert_int_equal(g.r.faults_outside, 0);
	assert_int_equal(g.r.result_differs, 0);
	assert_int_equal(g.r.metrics->latency_ns[OP_EXIT].count, 4);
	assert_int_equal(g.r.metrics->latency_ns[OP_EXIT_MM].count, 3);
	assert_int_equal(g.r.metrics->latency_ns[OP_FORK].count, 1);
	for (int i = 0; i < OP_KIND_COUNT; i++)
		assert_int_equal(g.r.unreplayed[i], 0);
	rig_release(&g);
	tb_release(&b);
}

/* A thread without an exit-mm record of its own gives its mm back, too. */
static void t_exit_without_exit_mm(void **state)
{
	struct tb b;
	struct rig g;
	uint32_t mm, t;

	(void)state;
	tb_init(&b, HAVE_SCHED);
	mm = tb_mm(&b, MM_INITIAL, TRACE_NO_MM);
	tb_area(&b, mm, A, A + 64 * PAGE, AREA_READ | AREA_WRITE);
	t = tb_task(&b, TRACE_NO_TASK, mm);
	tb_fault(&b, t, 1000, A);
	tb_exit(&b, t, 10000, false);
	tb_open(&b);
	rig_init(&g, "linux-6.12", "linux-6.12");
	rig_run(&g, &b);
	assert_int_equal(rig_counter(&g, "zap_pages"), 1);
	rig_release(&g);
	tb_release(&b);
}

/* Instances share nothing but the machine: twice the ops, separate mms. */
static void t_instances(void **state)
{
	struct random_program p;
	struct rig g;
	uint64_t ops;

	(void)state;
	random_trace(&p, 3, 200);
	rig_init(&g, "linux-6.12", "linux-6.12");
	rig_run(&g, &p.b);
	ops = g.r.metrics->latency_ns[OP_MMAP].count;
	assert_true(g.r.max_runnable_per_mm <= RANDOM_TASKS);
	g.c.options.instances = 3;
	rig_run(&g, &p.b);
	rig_accounts(&g);
	assert_int_equal(g.r.faults_outside, 0);
	assert_true(g.r.metrics->latency_ns[OP_MMAP].count <= 3 * ops);
	assert_true(g.r.max_runnable_per_mm <= RANDOM_TASKS);
	rig_release(&g);
	tb_release(&p.b);
}

/* The warm-up is run, but not measured. */
static void t_warmup(void **state)
{
	struct tb b;
	struct rig g;

	(void)state;
	thinker(&b, HAVE_SCHED, 20000, 8);
	rig_init(&g, "linux-6.12", "linux-6.12");
	g.c.options.warmup_ns = 70000;
	rig_run(&g, &b);
	rig_accounts(&g);
	assert_int_equal(g.r.metrics->latency_ns[OP_FAULT].count, 4);
	rig_release(&g);
	tb_release(&b);
}

/* A free of what was allocated before the trace is counted, with the reason. */
static void t_unreplayed(void **state)
{
	struct tb b;
	struct rig g;
	uint32_t t;

	(void)state;
	tb_init(&b, HAVE_SCHED);
	t = tb_task(&b, TRACE_NO_TASK, TRACE_NO_MM);
	tb_op(&b, t, OP_VFREE, 1000, 0, 0)->arg[0] = 0xffffc90000000000ULL;
	tb_open(&b);
	rig_init(&g, "linux-6.12", "linux-6.12");
	rig_run(&g, &b);
	assert_int_equal(g.r.unreplayed[OP_VFREE], 1);
	assert_non_null(strstr(g.r.warning[0], "before the trace"));
	rig_release(&g);
	tb_release(&b);
}

/* ---- input that is wrong ---- */

/*
 * No program and no kernel makes this trace: t0 uses A inside the call that
 * maps it, before t1 unmaps what was there. The replay says who waits for
 * whom, and fails.
 */
static void t_stuck(void **state)
{
	struct tb b;
	struct rig g;
	uint32_t mm, t0, t1;

	(void)state;
	tb_init(&b, 0);
	mm = tb_mm(&b, MM_INITIAL, TRACE_NO_MM);
	tb_area(&b, mm, A, A + PAGE, AREA_READ | AREA_WRITE);
	t0 = tb_task(&b, TRACE_NO_TASK, mm);
	t1 = tb_task(&b, TRACE_NO_TASK, mm);
	tb_mmap(&b, t0, 1000, 9000, A, PAGE);
	tb_fault(&b, t0, 4000, A);
	tb_range(&b, t1, OP_MUNMAP, 5000, 1000, A, PAGE);
	tb_open(&b);
	rig_init(&g, "linux-6.12", "linux-6.12");
	assert_int_equal(replay_run(b.reader, &g.c, &g.r, &g.e), -EDEADLK);
	assert_non_null(strstr(g.e.text, "stuck"));
	assert_non_null(strstr(g.e.text, "task 100 (t0): mmap, record 0, waits for record 0 of task 101"));
	assert_non_null(strstr(g.e.text, "task 101 (t1): munmap, record 0, waits for record 1 of task 100"));
	rig_release(&g);
	tb_release(&b);
}

/* A damaged chunk ends the run with the reader's message. */
static void t_damaged(void **state)
{
	struct random_program p;
	struct errbuf e = { 0 };
	struct rig g;
	FILE *f;

	(void)state;
	random_trace(&p, 7, 300);
	mmt_close(p.b.reader);
	f = fopen(p.b.path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, 400, SEEK_SET), 0);
	assert_int_equal(fwrite("damaged", 1, 7, f), 7);
	fclose(f);
	p.b.reader = mmt_open(p.b.path, 0, 0, &e);
	assert_non_null(p.b.reader);
	rig_init(&g, "linux-6.12", "linux-6.12");
	assert_true(replay_run(p.b.reader, &g.c, &g.r, &g.e) < 0);
	assert_non_null(strstr(g.e.text, "offset"));
	rig_release(&g);
	tb_release(&p.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_eager),
		cmocka_unit_test(t_replicates),
		cmocka_unit_test(t_preparation),
		cmocka_unit_test(t_ping_pong),
		cmocka_unit_test(t_fault_gap),
		cmocka_unit_test(t_fault_floor),
		cmocka_unit_test(t_unknown_gap),
		cmocka_unit_test(t_exogenous),
		cmocka_unit_test(t_open),
		cmocka_unit_test(t_life),
		cmocka_unit_test(t_exit_without_exit_mm),
		cmocka_unit_test(t_instances),
		cmocka_unit_test(t_warmup),
		cmocka_unit_test(t_unreplayed),
		cmocka_unit_test(t_stuck),
		cmocka_unit_test(t_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
