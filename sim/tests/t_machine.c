/*
 * CPUs by hand: who runs when, computed on paper.
 *
 * Each test is a time line in ns; costs are zero but for those it names.
 * Pinned: debt and interrupts, interrupts off, preemption by mode and kernel
 * model, slices, wake-up latency and placement, migration by pull and by tick,
 * ghosts, spinning, a run that stops. t_machine_cpus.c: 1 to 4096 CPUs, who preempts whom.
 * Not pinned: vruntime details beyond "equal shares".
 */
#include "sim/machine/mutation.h"
#include "sim/tests/t_machine_actor.h"

static void machine(uint32_t llcs, uint32_t cores, uint32_t threads)
{
	fixture_profile(&f, 1, llcs, cores, threads);
	fixture_zero_costs(&f);
	f.profile.hz = 1000;
}

static void work_1000(struct actor *a)
{
	work_ns(&a->t, 1000, COST_ASSUMED);
	settled_mark(a);
}

/* ---- interrupts ---- */

static void send_200(struct actor *a)
{
	work_ns(&a->t, 300, COST_ASSUMED);
	a->irq.cost_ns = 200;
	a->irq.cls = COST_ASSUMED;
	irq_send(&a->t, &a->irq, &f.m.cpus[0]);
	settled_mark(a);
}

/*
 *  CPU 0  wwww|iii|wwwwwwww   300 of 1000 done, handler 50 + 200, the rest
 *  CPU 1  ssss|  sent at 300
 */
static void t_interrupt_moves_work(void **state)
{
	struct actor a, b;

	(void)state;
	machine(1, 2, 1);
	fixture_cost(&f, COST_IRQ_ENTRY, 50);
	fixture_open(&f, 1);
	actor(&a, 0, work_1000, 1, 0);
	actor(&b, 1, send_200, 2, 0);
	run();
	assert_int_equal(a.mark[0], 1250);
	assert_int_equal(f.m.cpus[0].mode_ns[MODE_IRQ], 250);
	assert_int_equal(a.t.mode_ns[MODE_SYSTEM], 1000);
	fixture_close(&f);
}

static void irqs_off_500(struct actor *a)
{
	irq_disable(&a->t);
	work_ns(&a->t, 500, COST_ASSUMED);
	settled_mark(a);
	irq_enable(&a->t);
	mark(a);
	work_ns(&a->t, 100, COST_ASSUMED);
	settled_mark(a);
}

/*
 *  CPU 0  [off: wwwwwwwww]|iii|ww    arrives at 300, runs at 500
 */
static void t_interrupts_off(void **state)
{
	struct actor a, b;

	(void)state;
	for (int off = 1; off >= 0; off--) {
		mmreplay_mutation = off ? MUTATE_NONE : MUTATE_IRQ_OFF_IGNORED;
		machine(1, 2, 1);
		fixture_open(&f, 1);
		actor(&a, 0, irqs_off_500, 1, 0);
		actor(&b, 1, send_200, 2, 0);
		run();
		assert_int_equal(a.mark[0], off ? 500 : 700);
		assert_int_equal(a.mark[1], 700);
		assert_int_equal(a.mark[2], 800);
		fixture_close(&f);
	}
	mmreplay_mutation = MUTATE_NONE;
}

/* ---- sharing a CPU ---- */

static void work_10ms(struct actor *a)
{
	mark(a);
	for (int i = 0; i < 10; i++) {
		work_ns(&a->t, NSEC_PER_MSEC, COST_ASSUMED);
		settle(&a->t);
	}
	mark(a);
}

static void yield_10ms(struct actor *a)
{
	mark(a);
	for (int i = 0; i < 10; i++) {
		work_ns(&a->t, NSEC_PER_MSEC, COST_ASSUMED);
		cond_resched(&a->t);
	}
	mark(a);
}

static void two_on_one_cpu(uint32_t preempt, void (*b)(struct actor *),
			   struct actor *x, struct actor *y)
{
	machine(1, 1, 1);
	f.profile.preempt = preempt;
	fixture_open(&f, 1);
	actor(x, 0, b, 1, 0);
	actor(y, 1, b, 1, 0);
	run();
	assert_int_equal(f.m.end_ns, 20 * NSEC_PER_MSEC);
	fixture_close(&f);
}

/* Both got their share all along: the first is done near the end. */
static void first_done_late(const struct actor *x, const struct actor *y)
{
	sim_ns first = x->mark[1] < y->mark[1] ? x->mark[1] : y->mark[1];

	assert_in_range(first, 15 * NSEC_PER_MSEC, 20 * NSEC_PER_MSEC);
}

/*
 *  none:       xxxxxxxxxx|yyyyyyyyyy    the kernel is not preempted
 *  none, with cond_resched, and full:
 *              xxx|yyy|xxx|yyy|...      slices of 3 ms, at ticks
 */
static void t_preemption_models(void **state)
{
	struct actor x, y;

	(void)state;
	two_on_one_cpu(PREEMPT_NONE, work_10ms, &x, &y);
	assert_int_equal(x.mark[1], 10 * NSEC_PER_MSEC);
	assert_int_equal(y.mark[0], 10 * NSEC_PER_MSEC);
	two_on_one_cpu(PREEMPT_NONE, yield_10ms, &x, &y);
	assert_in_range(y.mark[0], 3 * NSEC_PER_MSEC, 5 * NSEC_PER_MSEC);
	first_done_late(&x, &y);
	two_on_one_cpu(PREEMPT_FULL, work_10ms, &x, &y);
	assert_in_range(y.mark[0], 3 * NSEC_PER_MSEC, 4 * NSEC_PER_MSEC);
	first_done_late(&x, &y);
}

static void think_step(struct task *t)
{
	struct actor *a = t->owner;

	mark(a);
	if (a->marks == 1)
		task_think(t, 10 * NSEC_PER_MSEC, COST_RECORDED);
	else
		task_exit(t);
}

/* User time is preempted at a tick whatever the kernel model is. */
static void t_user_is_preempted(void **state)
{
	struct actor x, y;

	(void)state;
	machine(1, 1, 1);
	fixture_open(&f, 1);
	actor(&x, 0, NULL, 1, 0);
	actor(&y, 1, NULL, 1, 0);
	x.t.step = y.t.step = think_step;
	run();
	assert_in_range(y.mark[0], 3 * NSEC_PER_MSEC, 4 * NSEC_PER_MSEC);
	assert_int_equal(f.m.cpus[0].mode_ns[MODE_USER], 20 * NSEC_PER_MSEC);
	fixture_close(&f);
}

static void ghost_step(struct task *t)
{
	struct actor *a = t->owner;

	mark(a);
	if (a->marks == 1)
		task_ghost(t, 700);
	else if (a->marks == 2)
		task_think(t, 300, COST_RECORDED);
	else
		task_exit(t);
}

static void t_ghost(void **state)
{
	struct actor a;

	(void)state;
	machine(1, 1, 1);
	fixture_open(&f, 1);
	actor(&a, 0, NULL, 1, 0);
	a.t.step = ghost_step;
	run();
	assert_int_equal(f.m.cpus[0].mode_ns[MODE_GHOST], 700);
	assert_int_equal(f.m.cpus[0].mode_ns[MODE_USER], 300);
	fixture_close(&f);
}

/* ---- sleeping and waking ---- */

static void sleeper(struct actor *a)
{
	mark(a);
	task_sleep(&a->t);
	mark(a);
}

static void waker_at_1000(struct actor *a)
{
	work_ns(&a->t, 1000, COST_ASSUMED);
	task_wake(&a->t, &a->peer->t);
	settled_mark(a);
	work_ns(&a->t, 100000, COST_ASSUMED);
	settle(&a->t);
}

/*
 *  sleeper  z...........|latency 900 + idle exit 2000|
 *  waker    wwww(1000)|pays 300, and 50 because that CPU idles|
 *
 * A CPU that has idled for less than idle_short_ns is back after 700.
 */
static void t_wake_latency(void **state)
{
	struct actor a, b;

	(void)state;
	for (int64_t short_ns = 999; short_ns <= 1001; short_ns += 2) {
		machine(1, 2, 1);
		fixture_cost(&f, COST_WAKE_LATENCY, 900);
		fixture_cost(&f, COST_IDLE_EXIT, 2000);
		fixture_cost(&f, COST_IDLE_EXIT_SHORT, 700);
		fixture_cost(&f, COST_IDLE_SHORT, short_ns);
		fixture_cost(&f, COST_WAKE_LOCAL, 300);
		fixture_cost(&f, COST_WAKE_IDLE, 50);
		fixture_open(&f, 1);
		actor(&a, 0, sleeper, 1, 0);
		actor(&b, 1, waker_at_1000, 2, 0);
		b.peer = &a;
		run();
		assert_int_equal(a.mark[1], short_ns > 1000 ? 2600 : 3900);
		assert_int_equal(b.mark[0], 1350);
		assert_int_equal(f.m.cpus[0].mode_ns[MODE_IDLE], f.m.end_ns);
		fixture_close(&f);
	}
}

static void hog(struct actor *a)
{
	work_ns(&a->t, 5 * NSEC_PER_MSEC, COST_ASSUMED);
	settle(&a->t);
}

static void sleep_then_hop(struct actor *a)
{
	static const sim_ns at_ns[] = { 400, 1000, 3000, 10000 };

	mark(a);
	for (int i = 0; i < 4; i++) {
		task_sleep_until(&a->t, at_ns[i]);
		mark(a);
	}
}

/*
 * Two LLCs of two cores of two threads: CPUs 0 1 | 2 3 || 4 5 | 6 7.
 * The sleeper starts on CPU 0; while it sleeps, hogs take CPU after CPU:
 *
 *  wakes at   400   1000      3000          10000
 *  busy       -     0         0 1           0 1 2 3
 *  on         0     1         2             queue of 2, at the next tick 4
 *             prev. sibling   same LLC      not another LLC, but by balancing
 */
static void t_placement(void **state)
{
	struct actor s, h[4];

	(void)state;
	machine(2, 2, 2);
	fixture_open(&f, 1);
	actor(&s, 0, sleep_then_hop, 0, 0);
	actor(&h[0], 1, hog, 1, 500);
	actor(&h[1], 2, hog, 2, 2000);
	actor(&h[2], 3, hog, 3, 4000);
	actor(&h[3], 4, hog, 4, 4000);
	run();
	assert_int_equal(s.cpu[0], 0);
	assert_int_equal(s.cpu[1], 0);
	assert_int_equal(s.cpu[2], 1);
	assert_int_equal(s.cpu[3], 2);
	assert_int_equal(s.mark[3], 3000);
	assert_int_equal(s.cpu[4], 4);
	assert_in_range(s.mark[4], 10001, 10000 + NSEC_PER_MSEC);
	fixture_close(&f);
}

/* A newly idle CPU pulls what waits elsewhere; pinned tasks stay. */
static void t_pull(void **state)
{
	struct actor x, y, z;

	(void)state;
	machine(1, 2, 1);
	fixture_open(&f, 1);
	actor(&x, 0, work_10ms, 1, 0);
	actor(&y, 2, work_1000, 2, 0);
	actor(&z, 4, work_10ms, 0, 10);	/* finds both busy: queues on 4 % 2 = 0 */
	run();
	assert_int_equal(z.cpu[0], 1);
	assert_int_equal(z.mark[0], 1000);
	assert_int_equal(x.cpu[0], 0);
	fixture_close(&f);
}

static void sleep_with_timer(struct actor *a)
{
	bool timer = task_sleep_until(&a->t, 5000);

	assert_true(timer);
	mark(a);
	timer = task_sleep_until(&a->t, 1000000);
	assert_false(timer);
	mark(a);
}

static void wake_at_7000(struct actor *a)
{
	work_ns(&a->t, 7000, COST_ASSUMED);
	task_wake(&a->t, &a->peer->t);
	task_wake(&a->t, &a->peer->t);	/* left alone: it is not asleep */
}

/* The stale timer at 1,000,000 neither wakes anybody nor lengthens the run. */
static void t_timers(void **state)
{
	struct actor a, b;

	(void)state;
	machine(1, 2, 1);
	fixture_open(&f, 1);
	actor(&a, 0, sleep_with_timer, 1, 0);
	actor(&b, 1, wake_at_7000, 2, 0);
	b.peer = &a;
	run();
	assert_int_equal(a.mark[0], 5000);
	assert_int_equal(a.mark[1], 7000);
	assert_int_equal(f.m.end_ns, 7000);
	fixture_close(&f);
}

static void killed_sleeper(struct actor *a)
{
	task_sleep_killable(&a->t);
	assert_true(a->t.killed);
	mark(a);
	assert_int_equal(task_sleep_killable(&a->t), 0);
}

static void killer(struct actor *a)
{
	work_ns(&a->t, 400, COST_ASSUMED);
	task_kill(&a->t, &a->peer->t);
}

static void t_kill(void **state)
{
	struct actor a, b;

	(void)state;
	machine(1, 2, 1);
	fixture_open(&f, 1);
	actor(&a, 0, killed_sleeper, 1, 0);
	actor(&b, 1, killer, 2, 0);
	b.peer = &a;
	run();
	assert_int_equal(a.mark[0], 400);
	fixture_close(&f);
}

/* ---- spinning ---- */

static void spin_on_peer(struct actor *a)
{
	enum spin_end how;

	work_ns(&a->t, 100, COST_ASSUMED);
	settle(&a->t);
	how = task_spin_on(&a->t, &a->peer->t, true, INT64_MAX);
	assert_int_equal(how, SPIN_OWNER_OFF);
	mark(a);
	how = task_spin(&a->t, true, 9000);
	assert_int_equal(how, SPIN_TIMEOUT);
	mark(a);
	how = task_spin(&a->t, false, INT64_MAX);
	assert_int_equal(how, SPIN_RELEASED);
	mark(a);
}

static void run_then_sleep(struct actor *a)
{
	work_ns(&a->t, 2000, COST_ASSUMED);
	settle(&a->t);
	task_sleep_until(&a->t, 10000);
	task_spin_end(&a->peer->t, 45);
}

/*
 *  spinner  ww~~~~~~~~|20|~~~~~~~|~~~~~~|45|
 *  owner    wwwwwwwwww|zzzzzzzzzzzzzzzzz|
 *           0    100  2000      9000   10000
 */
static void t_spin(void **state)
{
	struct actor a, b;

	(void)state;
	machine(1, 2, 1);
	fixture_cost(&f, COST_SPIN_POLL, 20);
	fixture_open(&f, 1);
	actor(&a, 0, spin_on_peer, 1, 0);
	actor(&b, 1, run_then_sleep, 2, 0);
	a.peer = &b;
	b.peer = &a;
	run();
	assert_int_equal(a.mark[0], 2020);
	assert_int_equal(a.mark[1], 9000);
	assert_int_equal(a.mark[2], 10045);
	assert_int_equal(f.m.cpus[0].mode_ns[MODE_SPIN], 1920 + 6980 + 1045);
	fixture_close(&f);
}

static void t_distance(void **state)
{
	(void)state;
	fixture_profile(&f, 2, 2, 2, 2);	/* 0 1 | 2 3 || 4 .. 7 ||| 8 .. 15 */
	fixture_open(&f, 1);
	assert_int_equal(cpu_distance(&f.m, 3, 3), DIST_SELF);
	assert_int_equal(cpu_distance(&f.m, 2, 3), DIST_SMT);
	assert_int_equal(cpu_distance(&f.m, 1, 2), DIST_LLC);
	assert_int_equal(cpu_distance(&f.m, 0, 4), DIST_SOCKET);
	assert_int_equal(cpu_distance(&f.m, 7, 8), DIST_REMOTE);
	assert_int_equal(machine_ipi_latency(&f.m, 0, 7), 500);
	assert_int_equal(machine_ipi_latency(&f.m, 0, 15), 900);
	fixture_close(&f);
}

static void two_pieces(struct actor *a)
{
	work(&a->t, COST_ATOMIC, 1);
	work(&a->t, COST_ATOMIC, 2);
	settled_mark(a);
	settled_mark(a);
}

static void stop_fire(struct engine *e, struct sink *s, uint64_t data)
{
	(void)s, (void)data;
	e->stop = true;
}

/* A run that stops amid work: what is charged and looked at by then. */
static void stopped(bool eager, uint64_t *times, uint64_t *contacts)
{
	struct sink stop = { .fire = stop_fire };
	struct actor a;

	fixture_profile(&f, 1, 1, 1, 1);
	fixture_zero_costs(&f);
	fixture_cost(&f, COST_ATOMIC, 100);
	fixture_open(&f, 1);
	f.m.engine.eager = eager;
	actor(&a, 0, two_pieces, 1, 1000);
	engine_at(&f.m.engine, 1050, event_order(EVENT_TIMER, 0, TIMER_USER),
		  &stop, 0);
	machine_run(&f.m);
	assert_int_equal(a.marks, 0);
	assert_int_equal(f.m.end_ns, 1050);
	*times = f.m.cost_times[COST_ATOMIC];
	*contacts = f.m.contacts;
	fixture_close(&f);
}

static void t_stopped_amid_work(void **state)
{
	uint64_t times[2], contacts[2];

	(void)state;
	stopped(false, &times[0], &contacts[0]);
	stopped(true, &times[1], &contacts[1]);
	assert_int_equal(times[0], 3);
	assert_int_equal(times[1], 3);
	assert_int_equal(contacts[1], contacts[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_interrupt_moves_work),
		cmocka_unit_test(t_interrupts_off),
		cmocka_unit_test(t_preemption_models),
		cmocka_unit_test(t_user_is_preempted),
		cmocka_unit_test(t_ghost),
		cmocka_unit_test(t_wake_latency),
		cmocka_unit_test(t_placement),
		cmocka_unit_test(t_pull),
		cmocka_unit_test(t_timers),
		cmocka_unit_test(t_kill),
		cmocka_unit_test(t_spin),
		cmocka_unit_test(t_distance),
		cmocka_unit_test(t_stopped_amid_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
