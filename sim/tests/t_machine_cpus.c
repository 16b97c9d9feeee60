/*
 * The scheduler's sizes and choices: as many CPUs as a machine may have, and who
 * gets a CPU when a task wakes on it.
 *
 * Pinned: on 1 to 4096 CPUs each of as many tasks gets its own, and a line its
 * sharers; after how much run time a woken task preempts, before 6.6 and since.
 * Not pinned: how fast that is (make bench).
 */
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/tests/t_machine_actor.h"

static sim_ns wakes_ns;

static void sleep_until_wakes(struct actor *a)
{
	task_sleep_until(&a->t, wakes_ns);
	mark(a);
}

static void work_10ms(struct actor *a)
{
	for (int i = 0; i < 100; i++) {
		work_ns(&a->t, 100 * NSEC_PER_USEC, COST_ASSUMED);
		settle(&a->t);
	}
}

/* When a task that wakes at @at_ns gets the CPU of one that began at 0. */
static sim_ns gets_cpu(sim_ns at_ns, bool parity)
{
	struct actor sleeps, works;

	fixture_profile(&f, 1, 1, 2, 1);
	fixture_zero_costs(&f);
	f.profile.hz = 1000;
	f.profile.preempt = PREEMPT_FULL;
	fixture_open(&f, 1);
	f.m.run_to_parity = parity;
	wakes_ns = at_ns;
	actor(&sleeps, 0, sleep_until_wakes, 1, 0);
	actor(&works, 1, work_10ms, 1, 0);
	run();
	fixture_close(&f);
	return sleeps.mark[0];
}

/*
 * Slice 3 ms. CFS: a quarter of it behind, and it preempts. EEVDF (6.6): not
 * before the other has had its base slice, 1.4 ms on two CPUs.
 *
 *            0    0.7 0.8  1.3 1.5     3..4 tick
 *  CFS       xxxxxxxx|y     y   y
 *  EEVDF     xxxxxxxxxxxxxxxxxx|y      y (woke at 1.3)
 */
static void t_wakeup_preemption(void **state)
{
	static const sim_ns us = NSEC_PER_USEC;

	(void)state;
	assert_in_range(gets_cpu(700 * us, false), 3000 * us, 4000 * us);
	assert_int_equal(gets_cpu(800 * us, false), 800 * us);
	assert_int_equal(gets_cpu(1300 * us, false), 1300 * us);
	assert_in_range(gets_cpu(800 * us, true), 3000 * us, 4000 * us);
	assert_in_range(gets_cpu(1300 * us, true), 3000 * us, 4000 * us);
	assert_int_equal(gets_cpu(1500 * us, true), 1500 * us);
}

static struct line shared;

static void read_and_work(struct actor *a)
{
	line_read(&a->t, &shared);
	work_ns(&a->t, 1000, COST_ASSUMED);
	settled_mark(a);
}

/* Twice as many tasks as CPUs, from nowhere: one each, then one each again; and
 * a line that all of them have read. */
static void spread(uint32_t sockets, uint32_t llcs, uint32_t cores)
{
	uint32_t cpus = sockets * llcs * cores;
	struct actor *a = xcalloc(2 * cpus, sizeof(*a));

	fixture_profile(&f, sockets, llcs, cores, 1);
	fixture_zero_costs(&f);
	fixture_open(&f, 1);
	memset(&shared, 0, sizeof(shared));
	for (uint32_t i = 0; i < 2 * cpus; i++)
		actor(&a[i], i, read_and_work, 0, 0);
	run();
	assert_int_equal(f.m.end_ns, 2000);
	for (uint32_t i = 0; i < cpus; i++)
		assert_int_equal(f.m.cpus[i].switches, 2);
	for (uint32_t i = 0; i < 2 * cpus; i++)
		assert_int_equal(a[i].mark[0], i < cpus ? 1000 : 2000);
	assert_int_equal(shared.sharer_count, cpus > 1 ? cpus : 0);
	line_release(&shared);
	fixture_close(&f);
	free(a);
}

static void t_1_to_4096_cpus(void **state)
{
	(void)state;
	spread(1, 1, 1);
	spread(1, 1, 2);
	spread(2, 1, 3);
	spread(2, 8, 8);
	spread(8, 8, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_wakeup_preemption),
		cmocka_unit_test(t_1_to_4096_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
