/*
 * Mutex as time lines (picture.h), and the words that need no lock.
 *
 * Pinned: who spins, sleeps, steals and is handed the mutex; killable waiting;
 * saturation of a reference count; retry of a sequence count; batches of a
 * per-CPU counter. Not pinned: costs, which t_machine_random.c runs through.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "sim/sync/counters.h"
#include "sim/sync/mutex.h"
#include "sim/tests/picture.h"

static const struct picture pictures[] = {
{
	.name = "mutex: spins on a running owner", .on = ON_5_11,
	.rule = "one polls, the others wait for their turn", .mutex = true,
	.unit_ns = 100000,
	.row = { "WWWW      ",
		 " ~~~WW    ",
		 "  ~~~~WW  " },
	.broken_by = { MUTATE_MUTEX_NO_SPIN },
}, {
	.name = "mutex: sleeps on a sleeping owner", .on = ON_5_11,
	.rule = "the owner must be on a CPU; sleepers are FIFO", .mutex = true,
	.unit_ns = 100000,
	.row = { "ZZZZ      ",
		 " ...WW    ",
		 "  ....WW  " },
}, {
	.name = "mutex: spinner gives up when the owner sleeps", .on = ON_5_11,
	.rule = "the owner must stay on its CPU", .mutex = true,
	.unit_ns = 100000,
	.row = { "WWZZWW    ",
		 " ~....WW  " },
	.broken_by = { MUTATE_MUTEX_NO_SPIN },
}, {
	.name = "mutex: a spinner passes sleepers, once", .on = ON_5_11,
	.rule = "the first sleeper, woken in vain, spins and is next",
	.mutex = true, .unit_ns = 100000, .wake_cols = 1,
	.row = { "ZZWWW        ",
		 " ...._~WW    ",
		 "   ~~WW      ",
		 "      ~~~WW  " },
	.broken_by = { MUTATE_MUTEX_NO_SPIN },
}, {
	.name = "mutex: handed over", .on = ON_5_11,
	.rule = "after a wake-up in vain nobody steals", .mutex = true,
	.unit_ns = 100000, .wake_cols = 1,
	.row = { "ZZ          ",
		 " ._.._WW    ",
		 "  ZZZ       ",
		 "     ..._WW " },
	.broken_by = { MUTATE_MUTEX_NO_HANDOFF },
},
};

enum { COUNT = sizeof(pictures) / sizeof(pictures[0]) };

static void t_pictures(void **state)
{
	(void)state;
	assert_int_equal(pictures_draw(pictures, COUNT), 0);
}

static void t_mutations(void **state)
{
	(void)state;
	assert_int_equal(pictures_mutate(pictures, COUNT), 0);
}

/* ---- one task after another ---- */

static struct fixture f;
static struct line line;
static struct mutex mutex;
static int result;

struct actor {
	struct task t;
	void (*body)(struct task *t);
	sim_ns start_ns;
	bool done;
};

static void run_body(void *arg)
{
	struct task *t = arg;
	struct actor *a = t->owner;

	a->body(t);
	settle(t);
	a->done = true;
}

static void step(struct task *t)
{
	struct actor *a = t->owner;

	if (a->done)
		task_exit(t);
	else if (t->m->engine.now_ns < a->start_ns)
		task_think(t, a->start_ns - t->m->engine.now_ns, COST_RECORDED);
	else
		task_start_fiber(t, run_body, "an actor");
}

static void play(struct actor *a, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		task_init(&f.m, &a[i].t, i, step, &a[i]);
		a[i].t.affinity = i + 1;
		task_launch(NULL, &a[i].t, 0);
	}
	machine_run(&f.m);
	assert_int_equal(f.m.tasks_alive, 0);
	fixture_conserved(&f);
}

static void open_machine(uint32_t cpus)
{
	memset(&line, 0, sizeof(line));
	fixture_profile(&f, 1, 1, cpus, 1);
	fixture_zero_costs(&f);
	fixture_open(&f, 1);
	mutex_init(&f.m, &mutex, &line, metrics_lock(f.metrics, "mutex", false));
}

static void close_machine(void)
{
	mutex_release(&mutex);
	line_release(&line);
	fixture_close(&f);
}

static struct actor *victim;

static void hold_100us(struct task *t)
{
	mutex_lock(t, &mutex);
	task_sleep_until(t, t->m->engine.now_ns + 100000);
	mutex_unlock(t, &mutex);
}

static void lock_killable(struct task *t)
{
	result = mutex_lock_killable(t, &mutex);
	assert_int_equal(t->m->engine.now_ns, 30000);
}

static void lock_behind(struct task *t)
{
	mutex_lock(t, &mutex);
	assert_int_equal(t->m->engine.now_ns, 100000);
	mutex_unlock(t, &mutex);
}

static void kill_victim(struct task *t)
{
	task_kill(t, &victim->t);
}

static void try_in_vain(struct task *t)
{
	assert_false(mutex_trylock(t, &mutex));
}

/*
 *  0  ZZZZZZZZZZ
 *  1   ..            killed at 30 us: -EINTR
 *  2    ........WW   served all the same
 */
static void t_killable(void **state)
{
	struct actor a[5] = {
		{ .body = hold_100us },
		{ .body = lock_killable, .start_ns = 10000 },
		{ .body = lock_behind, .start_ns = 20000 },
		{ .body = kill_victim, .start_ns = 30000 },
		{ .body = try_in_vain, .start_ns = 40000 },
	};

	(void)state;
	open_machine(5);
	victim = &a[1];
	play(a, 5);
	assert_int_equal(result, -EINTR);
	assert_int_equal(mutex.cls->side[SIDE_WRITE].failed_trylocks, 1);
	close_machine();
}

/* ---- words ---- */

static bool saturates(struct task *t, int32_t from, bool up)
{
	struct refcount r = { &line, from };

	if (up)
		refcount_inc(t, &r);
	else
		assert_false(refcount_dec_and_test(t, &r));
	return r.value == REFCOUNT_SATURATED;
}

static void count_refs(struct task *t)
{
	struct refcount r = { &line, 1 };
	bool wraps = mutated(MUTATE_REFCOUNT_WRAPS);

	assert_true(refcount_inc_not_zero(t, &r));
	assert_false(refcount_dec_and_test(t, &r));
	assert_true(refcount_dec_and_test(t, &r));
	assert_false(refcount_inc_not_zero(t, &r));
	assert_int_equal(saturates(t, 0, true), !wraps);	/* use after free */
	assert_int_equal(saturates(t, INT32_MAX, true), !wraps);
	assert_int_equal(saturates(t, 0, false), !wraps);
	assert_int_equal(saturates(t, REFCOUNT_SATURATED, true), !wraps);
	assert_int_equal(saturates(t, REFCOUNT_SATURATED, false), !wraps);
}

static void t_refcount(void **state)
{
	struct actor a[1] = { { .body = count_refs } };

	(void)state;
	for (int i = 0; i < 2; i++) {
		mmreplay_mutation = i ? MUTATE_REFCOUNT_WRAPS : MUTATE_NONE;
		open_machine(1);
		a[0].done = false;
		play(a, 1);
		close_machine();
	}
	mmreplay_mutation = MUTATE_NONE;
}

static struct seqcount seqcount;

static void write_1000ns(struct task *t)
{
	write_seqcount_begin(t, &seqcount);
	work_ns(t, 1000, COST_ASSUMED);
	write_seqcount_end(t, &seqcount);
}

static void read_across(struct task *t)
{
	uint64_t seq = read_seqcount_begin(t, &seqcount);

	assert_int_equal(t->m->engine.now_ns, 100);
	work_ns(t, 900, COST_ASSUMED);
	assert_true(read_seqcount_retry(t, &seqcount, seq));
	seq = read_seqcount_begin(t, &seqcount);	/* spins to its end */
	assert_int_equal(t->m->engine.now_ns, 1500);
	assert_false(read_seqcount_retry(t, &seqcount, seq));
}

/*
 *  0       wwwwwwwwww     500 .. 1500
 *  1   rrrrrrrrr~~~~~r    reads 100 .. 1000, again from 1500 on
 */
static void t_seqcount(void **state)
{
	struct actor a[2] = {
		{ .body = write_1000ns, .start_ns = 500 },
		{ .body = read_across, .start_ns = 100 },
	};

	(void)state;
	open_machine(2);
	seqcount_init(&seqcount, &line);
	play(a, 2);
	assert_int_equal(seqcount.seq, 2);
	assert_int_equal(a[1].t.mode_ns[MODE_SPIN], 500);
	close_machine();
}

static struct percpu_counter counter;

static void count_100(struct task *t)
{
	for (int i = 0; i < 100; i++)
		percpu_counter_add(t, &counter, 1);
}

static void sum_up(struct task *t)
{
	/* each CPU has given 3 batches of 32, and keeps 4 */
	assert_int_equal(percpu_counter_read(t, &counter), 2 * 96);
	assert_int_equal(percpu_counter_sum(t, &counter), 200);
}

static void t_percpu_counter(void **state)
{
	struct actor a[3] = {
		{ .body = count_100 }, { .body = count_100 },
		{ .body = sum_up, .start_ns = 1000 },
	};

	(void)state;
	open_machine(3);
	percpu_counter_init(&f.m, &counter, &line,
			    metrics_lock(f.metrics, "counter", false), 0);
	assert_int_equal(counter.batch, 32);
	play(a, 3);
	assert_int_equal(counter.lock.cls->side[SIDE_WRITE].acquired, 7);
	percpu_counter_release(&counter);
	close_machine();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pictures),
		cmocka_unit_test(t_mutations),
		cmocka_unit_test(t_killable),
		cmocka_unit_test(t_refcount),
		cmocka_unit_test(t_seqcount),
		cmocka_unit_test(t_percpu_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
