/*
 * Order while it runs: what must hold under every timing, and what may be
 * reordered. Random traces print their seed when they fail. Not pinned: which
 * records wait (t_order.c).
 */
#include <sys/stat.h>
#include "sim/tests/t_replay_random.h"
#include "sim/tests/t_replay_run.h"

#define A 0x100000000ULL
#define B 0x200000000ULL
#define PAGE 0x1000ULL

static const char *const kernels[] = { "linux-4.19", "linux-6.1", "linux-6.12" };

static char *read_text(const char *path)
{
	char *text = xcalloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	text[fread(text, 1, (1 << 20) - 1, f)] = '\0';
	fclose(f);
	return text;
}

/* Scales every cost by its own drawn factor from 1/4 to 4. */
static void distort_costs(struct rig *g, uint64_t seed)
{
	for (uint32_t i = 0; i < g->profile.cost_count; i++) {
		uint64_t f = 1 + draw_below(draw(seed, i, DRAW_TEST, 1), 16);

		g->profile.cost[i].value = g->profile.cost[i].value *
					   (int64_t)f / 4;
	}
}

/* No timing puts a fault outside a live generation, gives out an occupied
 * address, or leaves another state behind. */
static void t_random_retiming(void **state)
{
	unsigned rounds = getenv("MMREPLAY_LONG") ? 200 : 12;
	char path[80], *first = NULL;

	(void)state;
	snprintf(path, sizeof(path), "%.40s/t_replay_order.%ld.txt",
		 getenv("BUILD") ? getenv("BUILD") : "build", (long)getpid());
	for (uint64_t seed = 1; seed <= rounds; seed++) {
		struct random_program p;

		random_trace(&p, seed, 300);
		for (unsigned k = 0; k < 6; k++) {
			struct rig g;
			char *text;

			rig_init(&g, kernels[k % 3], "linux-6.12");
			distort_costs(&g, seed * 100 + k);
			g.c.replicate = k;
			g.c.seed += k;
			g.c.options.jitter_permille = 900;
			g.c.final_state_path = path;
			rig_run(&g, &p.b);
			rig_accounts(&g);
			text = read_text(path);
			if (g.r.faults_outside || g.r.result_differs ||
			    rig_counter(&g, "mmap_address_conflict") ||
			    (first && strcmp(first, text)))
				fail_msg("seed %llu, run %u: %llu outside, %llu differ, %llu conflicts, state %s",
					 (unsigned long long)seed, k,
					 (unsigned long long)g.r.faults_outside,
					 (unsigned long long)g.r.result_differs,
					 (unsigned long long)rig_counter(&g, "mmap_address_conflict"),
					 first && strcmp(first, text) ?
					 "differs" : "same");
			free(first ? text : NULL);
			first = first ? first : text;
			rig_release(&g);
		}
		free(first);
		first = NULL;
		tb_release(&p.b);
	}
	unlink(path);
}

/*
 * Two tasks on ranges of their own. In the capture t1's calls came after all
 * of t0's; with calls that take 5 ms here, t1 does not wait for t0.
 */
static void t_disjoint_may_reorder(void **state)
{
	struct tb b;
	struct rig g;
	uint32_t mm, t0, t1;

	(void)state;
	tb_init(&b, 0);
	mm = tb_mm(&b, MM_INITIAL, TRACE_NO_MM);
	t0 = tb_task(&b, TRACE_NO_TASK, mm);
	t1 = tb_task(&b, TRACE_NO_TASK, mm);
	for (int i = 0; i < 3; i++) {
		tb_mmap(&b, t0, 100000 * i + 1000, 40000, A, PAGE);
		tb_range(&b, t0, OP_MUNMAP, 100000 * i + 42000, 40000, A, PAGE);
	}
	tb_mmap(&b, t1, 290000, 1000, B, PAGE);
	tb_fault(&b, t1, 295000, B);
	tb_open(&b);
	rig_init(&g, "linux-6.12", "linux-6.12");
	g.profile.cost[COST_MUNMAP_BODY].value = 5000000;
	rig_run(&g, &b);
	assert_int_equal(g.r.order_edges, 0);
	assert_int_equal(g.r.order_wait_ns, 0);
	assert_int_equal(g.r.faults_outside, 0);
	assert_int_equal(g.r.moved_ops, 0);
	rig_release(&g);
	tb_release(&b);
}

/* Two uses of a page have no order: here the first task is held up and comes
 * second, so its fault has a cause that it had not, and the other's has none.
 * Those on pages of their own have not moved. */
static void t_moved_cause(void **state)
{
	struct tb b;
	struct rig g;
	uint32_t mm, t0, t1;

	(void)state;
	tb_init(&b, HAVE_SCHED);
	mm = tb_mm(&b, MM_INITIAL, TRACE_NO_MM);
	tb_area(&b, mm, A, A + 16 * PAGE, AREA_READ | AREA_WRITE);
	t0 = tb_task(&b, TRACE_NO_TASK, mm);
	t1 = tb_task(&b, TRACE_NO_TASK, mm);
	tb_mmap(&b, t0, 1000, 1000, B, PAGE);
	tb_range(&b, t0, OP_MUNMAP, 3000, 1000, B, PAGE);
	tb_fault(&b, t0, 100000, A);
	tb_fault(&b, t0, 200000, A + PAGE);
	tb_fault(&b, t1, 150000, A);
	tb_fault(&b, t1, 250000, A + 2 * PAGE);
	tb_open(&b);
	rig_init(&g, "linux-6.12", "linux-6.12");
	rig_run(&g, &b);
	assert_int_equal(g.r.moved_ops, 0);
	g.profile.cost[COST_MUNMAP_BODY].value = 5000000;
	rig_run(&g, &b);
	assert_int_equal(g.r.moved_ops, 2);
	rig_release(&g);
	tb_release(&b);
}

/* A fault on what a slow task maps waits for it, off the CPU, outside of its
 * own latency. */
static void t_use_waits(void **state)
{
	struct tb b;
	struct rig g;
	uint32_t mm, t0, t1;

	(void)state;
	tb_init(&b, HAVE_SCHED);
	mm = tb_mm(&b, MM_INITIAL, TRACE_NO_MM);
	t0 = tb_task(&b, TRACE_NO_TASK, mm);
	t1 = tb_task(&b, TRACE_NO_TASK, mm);
	tb_in(&b, t0, 0);
	tb_in(&b, t1, 0);
	tb_mmap(&b, t0, 100000, 10, A, PAGE);
	tb_fault(&b, t1, 100020, A);
	tb_exit(&b, t1, 200000, false);
	tb_exit(&b, t0, 300000, true);
	tb_open(&b);
	rig_init(&g, "linux-6.12", "linux-6.12");
	g.profile.cost[COST_MMAP_BODY].value = 5000000;
	rig_run(&g, &b);
	assert_int_equal(g.r.faults_outside, 0);
	assert_true(g.r.order_wait_ns > 4900000);
	assert_true(g.r.metrics->latency_ns[OP_FAULT].max < 1000000);
	assert_int_equal(g.r.metrics->order_wait_ns.count, 1);
	rig_accounts(&g);
	rig_release(&g);
	tb_release(&b);
}

/* One task maps, touches and unmaps a page; another maps it again at @at_ns.
 * Return: the other one; the first is task 0. */
static uint32_t reused(struct tb *b, int64_t at_ns)
{
	uint32_t mm, t0, t1;

	tb_init(b, HAVE_SCHED);
	mm = tb_mm(b, MM_INITIAL, TRACE_NO_MM);
	t0 = tb_task(b, TRACE_NO_TASK, mm);
	t1 = tb_task(b, TRACE_NO_TASK, mm);
	tb_in(b, t0, 0);
	tb_in(b, t1, 0);
	tb_mmap(b, t0, 1000, 3000, A, PAGE);
	tb_fault(b, t0, 10000, A);
	tb_range(b, t0, OP_MUNMAP, 50000, 9000, A, PAGE);
	tb_mmap(b, t1, at_ns, 9000, A, PAGE);
	return t1;
}

/* The address comes back while its remover is still under way. */
static void t_reuse_never_early(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct tb b;
		struct rig g;
		uint32_t t1 = reused(&b, late ? 49000 : 51000);

		tb_fault(&b, t1, 70000, A);
		tb_open(&b);
		rig_init(&g, "linux-6.12", "linux-6.12");
		g.profile.cost[COST_MUNMAP_BODY].value = 900000;
		rig_run(&g, &b);
		assert_int_equal(g.r.faults_outside, 0);
		assert_int_equal(rig_counter(&g, "mmap_address_conflict"), 0);
		rig_release(&g);
		tb_release(&b);
	}
}

/* The wait is the replay's, not the program's: nobody is woken for it, and the
 * CPU that it leaves free has the address space loaded. 4.19 holds the lock to
 * the end, so that the lock is free where the wait ends. */
static void t_wait_is_no_sleep(void **state)
{
	int64_t makespan_ns[2];

	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		struct tb b;
		struct rig g;
		uint32_t t1 = reused(&b, 61000);

		tb_exit(&b, t1, 100000, false);
		tb_exit(&b, 0, 1000000, true);
		tb_open(&b);
		rig_init(&g, "linux-4.19", "linux-4.19");
		g.profile.cost[COST_MUNMAP_BODY].value = 500000;
		if (slow) {
			g.profile.cost[COST_IDLE_EXIT].value = 50000000;
			g.profile.cost[COST_IDLE_EXIT_SHORT].value = 50000000;
			g.profile.cost[COST_WAKE_LATENCY].value = 50000000;
		}
		rig_run(&g, &b);
		assert_true(g.r.order_wait_ns > 400000);
		assert_int_equal(rig_counter(&g, "tlb_ipi"), 1);
		makespan_ns[slow] = g.r.makespan_ns;
		rig_release(&g);
		tb_release(&b);
	}
	assert_int_equal(makespan_ns[0], makespan_ns[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_disjoint_may_reorder),
		cmocka_unit_test(t_moved_cause),
		cmocka_unit_test(t_use_waits),
		cmocka_unit_test(t_reuse_never_early),
		cmocka_unit_test(t_wait_is_no_sleep),
		cmocka_unit_test(t_random_retiming),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
