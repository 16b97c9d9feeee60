/*
 * Pins the rules of RCU one by one, on machines of one or two CPUs
 * without costs: when a period starts and ends, what a batch holds, when the
 * bypass is flushed. Each switch of machine/mutation.h turns exactly the cases
 * red that name it. Not pinned: costs, and the order of unrelated CPUs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "sim/tests/fixture_rcu.h"

enum { OBJECTS = 400, TASKS = 3 };
static const int64_t ms = NSEC_PER_MSEC;

struct object {
	struct rcu_head head;
	sim_ns at_ns;		/* 0: not called yet */
	uint64_t completed;
};

struct actor {
	struct task task;
	void (*fn)(struct task *t);
	bool done;
};

static struct fixture f;
static struct rcu_state *r;
static struct object object[OBJECTS];
static struct actor actor[TASKS];
static unsigned actors, queued;
static int64_t invoke_ns;
static sim_ns seen_ns;		/* a case's own */
static uint64_t seen;

static int64_t called(struct rcu_head *h, struct cpu *c)
{
	struct object *o = (struct object *)h;

	BUG_ON(o->at_ns);	/* twice */
	o->at_ns = c->m->engine.now_ns;
	o->completed = r->completed;
	return 0;
}

static struct object *queue(struct task *t)
{
	struct object *o = &object[queued++];

	*o = (struct object){ .head.fn = called, .head.invoke_ns = invoke_ns };
	call_rcu(t, r, &o->head, STAGE_NONE);
	return o;
}

static void queue_many(struct task *t, unsigned n)
{
	while (n--)
		queue(t);
}

static void until(struct task *t, sim_ns at_ns, enum cpu_mode mode)
{
	task_set_mode(t, mode);
	work_ns(t, at_ns - task_now(t), COST_ASSUMED);
	settle(t);
	task_set_mode(t, MODE_SYSTEM);
}

static void actor_fiber(void *task)
{
	struct actor *a = task;

	a->fn(task);
	settle(task);
	a->done = true;
}

static void actor_step(struct task *t)
{
	struct actor *a = (struct actor *)(void *)t;

	if (a->done)
		task_exit(t);
	else
		task_start_fiber(t, actor_fiber, "actor");
}

static void stop_fire(struct engine *e, struct sink *s, uint64_t data)
{
	(void)s, (void)data;
	e->stop = true;
}

static void add(void (*fn)(struct task *t), uint32_t cpu, sim_ns at_ns)
{
	struct actor *a = &actor[actors];

	*a = (struct actor){ .fn = fn };
	task_init(&f.m, &a->task, actors++, actor_step, NULL);
	a->task.affinity = cpu + 1;
	task_launch(NULL, &a->task, at_ns);
}

static void open_case(uint32_t cpus, uint32_t hz, uint32_t preempt,
		      const struct rcu_rules *rules)
{
	fixture_profile(&f, 1, 1, cpus, 1);
	fixture_zero_costs(&f);
	f.profile.hz = hz;
	f.profile.preempt = preempt;
	fixture_open(&f, 1);
	r = rcufix_new(&f, rules);
	actors = queued = 0;
	invoke_ns = 100;
	seen = 0;
	seen_ns = 0;
}

/* Stops at @ns, whatever goes on, and checks all lists. */
static void run_case(sim_ns ns)
{
	struct sink stop = { .fire = stop_fire };

	engine_at(&f.m.engine, ns, event_order(EVENT_TIMER, 0, TIMER_USER),
		  &stop, 0);
	machine_run(&f.m);
	rcu_check(r);
}

static bool close_case(bool ok)
{
	rcu_free(r);
	fixture_close(&f);
	return ok;
}

/* ---- periods ---- */

static void early_and_late(struct task *t)
{
	queue(t);
	while (!r->started)
		until(t, task_now(t) + ms / 10, MODE_USER);
	queue(t);
	until(t, 60 * ms, MODE_USER);
}

static void queue_and_exit(struct task *t)
{
	queue(t);
}

/* All idle: the period ends at the first scan, d to d + 1 jiffies from its start. */
static bool c_idle(void)
{
	struct rcu_rules rules = rcufix_rules();

	open_case(2, 250, PREEMPT_NONE, &rules);
	add(queue_and_exit, 0, 0);
	run_case(100 * ms);
	return close_case(object[0].at_ns && r->stats.period_ns.max <= 8 * ms);
}

static bool scans_after(uint32_t hz, uint32_t possible, int64_t jiffies)
{
	struct rcu_rules rules = rcufix_rules();
	int64_t jiffy_ns = NSEC_PER_SEC / hz, ns;

	rules.hz = hz;
	open_case(2, 250, PREEMPT_NONE, &rules);
	f.profile.cpus_possible = possible;
	rcu_free(r);
	r = rcufix_new(&f, &rules);
	add(queue_and_exit, 0, 0);
	run_case(400 * ms);
	ns = r->stats.period_ns.max;
	return close_case(object[0].at_ns && ns >= jiffies * jiffy_ns &&
			  ns <= (jiffies + 1) * jiffy_ns);
}

/* d = 1 + (HZ > 250) + (HZ > 500) + possible / 256 */
static bool c_scan(void)
{
	return scans_after(100, 2, 1) && scans_after(250, 2, 1) &&
	       scans_after(300, 255, 2) && scans_after(1000, 2, 3) &&
	       scans_after(1000, 600, 5) && scans_after(250, 256, 2);
}

static void queue_and_compute(struct task *t)
{
	queue(t);
	until(t, 60 * ms, MODE_USER);
}

static bool c_user(void)
{
	struct rcu_rules rules = rcufix_rules();

	open_case(1, 250, PREEMPT_NONE, &rules);
	add(queue_and_compute, 0, 0);
	run_case(70 * ms);
	return close_case(object[0].at_ns && object[0].at_ns <= 3 * 4 * ms);
}

static void long_reader(struct task *t)
{
	rcu_read_lock(t, r);
	until(t, task_now(t) + 12 * ms, MODE_SYSTEM);
	rcu_read_unlock(t, r);
	seen_ns = task_now(t);
}

static void queue_beside(struct task *t)
{
	queue(t);
	until(t, 30 * ms, MODE_USER);
}

/* A preempted reader holds up a period that began after it. */
static bool c_reader(void)
{
	struct rcu_rules rules = rcufix_rules();

	open_case(1, 1000, PREEMPT_FULL, &rules);
	add(long_reader, 0, 0);
	add(queue_beside, 0, ms / 10);
	run_case(100 * ms);
	return close_case(seen_ns > 12 * ms && object[0].at_ns >= seen_ns);
}

static void in_the_kernel(struct task *t)
{
	until(t, 31 * ms, MODE_SYSTEM);
	seen = r->scans;
}

static bool c_late(void)
{
	struct rcu_rules rules = rcufix_rules();

	open_case(2, 1000, PREEMPT_NONE, &rules);
	add(early_and_late, 0, ms);
	add(in_the_kernel, 1, 0);
	run_case(80 * ms);
	return close_case(object[0].completed == 1 && object[1].completed == 2);
}

static void queue_thirty(struct task *t)
{
	queue_many(t, 30);
	until(t, 50 * ms, MODE_USER);
}

/* 2 x qhimark callbacks: scans each jiffy, not each third. */
static bool c_overload(void)
{
	struct rcu_rules rules = rcufix_rules();

	rules.qhimark = 12;
	open_case(2, 1000, PREEMPT_NONE, &rules);
	add(queue_thirty, 0, ms);
	add(in_the_kernel, 1, 0);
	run_case(100 * ms);
	return close_case(seen > 20);
}

/* ---- batches ---- */

static void queue_fifty(struct task *t)
{
	queue_many(t, 50);
	seen = r->started;
	queue_many(t, 2);
	seen += r->started;
	until(t, 60 * ms, MODE_USER);
}

/* The 51st callback above qhimark starts a period at once. */
static bool c_kick(void)
{
	struct rcu_rules rules = rcufix_rules();

	rules.qhimark = 50;
	open_case(1, 100, PREEMPT_NONE, &rules);
	add(queue_fifty, 0, 0);
	run_case(70 * ms);
	return close_case(seen == 1);
}

static void queue_hundred(struct task *t)
{
	queue_many(t, 100);
	until(t, 60 * ms, MODE_USER);
}

static bool c_blimit(void)
{
	struct rcu_rules rules = rcufix_rules();

	open_case(1, 1000, PREEMPT_NONE, &rules);
	add(queue_hundred, 0, 0);
	run_case(70 * ms);
	return close_case(object[99].at_ns && r->stats.batches == 10);
}

static void flood(struct task *t)
{
	until(t, ms / 4, MODE_USER);
	queue(t);
	while (!r->started)
		until(t, task_now(t) + ms / 10, MODE_USER);
	queue_many(t, 200);
	seen = r->cpu[0].blimit;
	until(t, 60 * ms, MODE_USER);
}

static void flood_case(void)
{
	struct rcu_rules rules = rcufix_rules();

	rules.qhimark = 150;
	rules.qlowmark = 20;
	open_case(1, 1000, PREEMPT_NONE, &rules);
	add(flood, 0, 0);
	run_case(70 * ms);
}

static bool c_blimit_grows(void)
{
	flood_case();
	return close_case(object[200].at_ns && seen == RCU_BLIMIT_MAX &&
			  r->stats.batches <= 3);
}

static bool c_blimit_returns(void)
{
	flood_case();
	return close_case(object[200].at_ns && r->cpu[0].blimit == 10);
}

static void queue_slow(struct task *t)
{
	invoke_ns = ms / 10;
	queue_many(t, 96);
	until(t, 60 * ms, MODE_USER);
}

/* 3 ms are looked at every 32 callbacks: 3.2 ms each. */
static bool c_time_limit(void)
{
	struct rcu_rules rules = rcufix_rules();

	rules.blimit = 1000;
	open_case(1, 1000, PREEMPT_NONE, &rules);
	add(queue_slow, 0, 0);
	run_case(90 * ms);
	return close_case(object[95].at_ns && r->stats.batches == 3);
}

/* ---- offloaded ---- */

static void queue_two_hundred(struct task *t)
{
	queue_many(t, 200);
	until(t, 60 * ms, MODE_USER);
}

static bool direct(uint32_t hz, unsigned limit)
{
	struct rcu_rules rules = rcufix_rules();

	rules.nocbs = "all";
	rules.hz = hz;
	open_case(1, 250, PREEMPT_NONE, &rules);
	add(queue_two_hundred, 0, 0);
	run_case(200 * ms);
	return close_case(object[199].at_ns && r->stats.direct == limit);
}

/* 16 * 1000 / HZ calls a jiffy go to the list itself. */
static bool c_direct(void)
{
	return direct(1000, 16) && direct(250, 64) && direct(100, 160);
}

static void next_jiffy(struct task *t)
{
	queue_many(t, 50);
	seen = r->stats.flushes;
	until(t, ms + ms / 10, MODE_USER);
	queue(t);
	seen = r->stats.flushes - seen;
	seen_ns = (sim_ns)r->cpu[0].nocb->bypass.count;
	until(t, 60 * ms, MODE_USER);
}

/* A bypass of another jiffy goes to the list, and the caller begins a new one. */
static bool c_jiffy(void)
{
	struct rcu_rules rules = rcufix_rules();

	rules.nocbs = "0";
	open_case(1, 1000, PREEMPT_NONE, &rules);
	add(next_jiffy, 0, 0);
	run_case(100 * ms);
	return close_case(object[50].at_ns && seen == 1 && seen_ns == 1);
}

static void one_jiffy(struct task *t)
{
	queue_many(t, 16 + 30);
	seen = r->stats.flushes;
	queue(t);
	seen_ns = (sim_ns)(r->stats.flushes - seen);
	until(t, 60 * ms, MODE_USER);
}

static bool c_bypass_full(void)
{
	struct rcu_rules rules = rcufix_rules();

	rules.nocbs = "0-3";
	rules.qhimark = 30;
	open_case(1, 1000, PREEMPT_NONE, &rules);
	add(one_jiffy, 0, 0);
	run_case(100 * ms);
	return close_case(object[46].at_ns && !seen && seen_ns == 1);
}

static bool c_lazy(void)
{
	struct rcu_rules rules = rcufix_rules();

	rules.nocbs = "all";
	rules.lazy = true;
	open_case(2, 1000, PREEMPT_NONE, &rules);
	add(queue_and_exit, 0, 0);
	run_case(11000 * ms);
	return close_case(object[0].at_ns >= 10000 * ms &&
			  object[0].at_ns < 10020 * ms);
}

static void hurried(struct task *t)
{
	queue(t);
	synchronize_rcu(t, r);
	seen_ns = task_now(t);
}

/* Who cannot wait takes the lazy ones along. */
static bool c_hurry(void)
{
	struct rcu_rules rules = rcufix_rules();

	rules.nocbs = "all";
	rules.lazy = true;
	open_case(1, 1000, PREEMPT_NONE, &rules);
	add(hurried, 0, 0);
	run_case(1000 * ms);
	return close_case(seen_ns && seen_ns < 20 * ms && object[0].at_ns);
}

/* rcuop has no blimit: one batch for each period that they fell into. */
static bool c_no_limit(void)
{
	struct rcu_rules rules = rcufix_rules();

	rules.nocbs = "all";
	open_case(2, 100, PREEMPT_NONE, &rules);
	add(queue_hundred, 0, 0);
	run_case(200 * ms);
	return close_case(object[99].at_ns && r->stats.batches <= 3);
}

static const struct rcu_case {
	const char *name;
	bool (*holds)(void);
	enum mutation broken_by[4];
} cases[] = {
	{ "a late callback waits for a whole period", c_late,
	  { MUTATE_RCU_LATE_RIDES, MUTATE_RCU_IDLE_UNSEEN } },
	{ "an idle CPU is quiescent", c_idle, { MUTATE_RCU_IDLE_UNSEEN } },
	{ "scans after d jiffies", c_scan,
	  { MUTATE_RCU_SCAN_ONE_JIFFY, MUTATE_RCU_IDLE_UNSEEN } },
	{ "a tick in user mode is quiescent", c_user,
	  { MUTATE_RCU_USER_UNSEEN } },
	{ "a preempted reader holds a period", c_reader,
	  { MUTATE_RCU_READER_IGNORED } },
	{ "overload: scans each jiffy", c_overload,
	  { MUTATE_RCU_OVERLOAD_IGNORED } },
	{ "qhimark starts a period", c_kick, { MUTATE_RCU_NO_KICK } },
	{ "blimit", c_blimit, { MUTATE_NONE } },
	{ "qhimark raises blimit", c_blimit_grows,
	  { MUTATE_RCU_BLIMIT_FIXED } },
	{ "blimit again at qlowmark", c_blimit_returns,
	  { MUTATE_RCU_BLIMIT_STAYS } },
	{ "3 ms", c_time_limit, { MUTATE_RCU_NO_TIME_LIMIT } },
	{ "16000 / HZ direct calls a jiffy", c_direct,
	  { MUTATE_RCU_NO_BYPASS } },
	{ "a new jiffy flushes the bypass", c_jiffy,
	  { MUTATE_RCU_BYPASS_STALE, MUTATE_RCU_NO_BYPASS } },
	{ "qhimark flushes the bypass", c_bypass_full,
	  { MUTATE_RCU_BYPASS_UNBOUNDED, MUTATE_RCU_NO_BYPASS } },
	{ "lazy for 10 s", c_lazy,
	  { MUTATE_RCU_LAZY_FOR_EVER, MUTATE_RCU_IDLE_UNSEEN } },
	{ "not lazy beside one that hurries", c_hurry,
	  { MUTATE_RCU_IDLE_UNSEEN } },
	{ "rcuop has no limits", c_no_limit,
	  { MUTATE_RCU_NOCB_THROTTLED, MUTATE_RCU_IDLE_UNSEEN } },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static void t_rules(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CASES; i++)
		if (!cases[i].holds())
			fail_msg("%s", cases[i].name);
}

static bool breaks(const struct rcu_case *c, enum mutation m)
{
	for (unsigned i = 0; i < 4; i++)
		if (c->broken_by[i] && c->broken_by[i] == m)
			return true;
	return false;
}

static void t_mutations(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (int m = MUTATE_RCU_LATE_RIDES; m <= MUTATE_RCU_NOCB_THROTTLED; m++) {
		for (unsigned i = 0; i < CASES; i++) {
			bool red;

			mmreplay_mutation = (enum mutation)m;
			red = !cases[i].holds();
			mmreplay_mutation = MUTATE_NONE;
			if (red == breaks(&cases[i], (enum mutation)m))
				continue;
			print_message("mutation %d: %s: %s\n", m,
				      cases[i].name, red ? "red" : "green");
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void range(void *arg, uint32_t first, uint32_t last)
{
	snprintf((char *)arg + strlen(arg), 64, "%u-%u ", first, last);
}

static void t_cpu_lists(void **state)
{
	static const char *const bad[] = { "", "a", "1-", "3-1", "1,,2", "1,",
					   "4096", "1 2", "-1", "0-5000" };
	char got[128] = "";

	(void)state;
	assert_true(rcu_cpu_list("0-3,8", range, got));
	assert_string_equal(got, "0-3 8-8 ");
	got[0] = '\0';
	assert_true(rcu_cpu_list("all", range, got));
	assert_string_equal(got, "0-4095 ");
	assert_true(rcu_cpu_list("none", NULL, NULL));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		got[0] = '\0';
		assert_false(rcu_cpu_list(bad[i], range, got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_rules),
		cmocka_unit_test(t_mutations),
		cmocka_unit_test(t_cpu_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
