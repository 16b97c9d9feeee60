/*
 * Spinlock, and what a picture of the rw_semaphore cannot show.
 *
 * Pinned: FIFO and hand-over cost of the spinlock, spinning with interrupts
 * off; the 256 readers of one wake-up; trylock; killable waiting; a holder that is
 * preempted; spin, sleep and blame of a known schedule; closed forms of a lock loop.
 * Not pinned: costs that are not named.
 */
#include <errno.h>
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/machine/mutation.h"
#include "sim/tests/t_machine_actor.h"

static struct rwsem sem;
static enum rwsem_flavour flavour = RWSEM_5_11;
static struct spinlock lock;
static struct line line;

static void open_machine(uint32_t cpus)
{
	fixture_profile(&f, 1, 1, cpus, 1);
	fixture_zero_costs(&f);
}

static void open_locks(void)
{
	fixture_open(&f, 1);
	memset(&line, 0, sizeof(line));
	rwsem_init(&f.m, &sem, rwsem_flavours[flavour], &line,
		   metrics_lock(f.metrics, "sem", true));
	spin_init(&lock, &line, metrics_lock(f.metrics, "lock", false));
}

/* On the CPU of its number, as an op of a kind of its own. */
static void pinned(struct actor *a, uint32_t id, void (*b)(struct actor *),
		   sim_ns at_ns)
{
	actor(a, id, b, id + 1, at_ns);
	a->t.op_kind = (uint8_t)(id % 8 + 1);
}

static void close_machine(void)
{
	rwsem_release(&sem);
	line_release(&line);
	fixture_close(&f);
}

/* ---- spinlock ---- */

static void spin_1000(struct actor *a)
{
	spin_lock(&a->t, &lock);
	a->got_ns = a->t.m->engine.now_ns;
	work_ns(&a->t, 1000, COST_ASSUMED);
	spin_unlock(&a->t, &lock);
	settle(&a->t);
}

/*
 *  0  LLLLLLLLLL                 asks at 0
 *  1    ~~~~~~~~45LLLLLLLLLL     asks at 200
 *  2     ~~~~~~~~~~~~~~~~~~~45L  asks at 300; LIFO would give it the lock here
 *  3   ~ at 400
 * Each release pays a transfer, too: the waiters' atomics took the line away.
 */
static void t_spin_fifo(void **state)
{
	struct actor a[4];

	(void)state;
	for (int lifo = 0; lifo <= 1; lifo++) {
		mmreplay_mutation = lifo ? MUTATE_SPIN_LIFO : MUTATE_NONE;
		open_machine(4);
		fixture_cost(&f, COST_XFER_LLC, 45);
		open_locks();
		for (uint32_t i = 0; i < 4; i++)
			pinned(&a[i], i, spin_1000, i ? 100 + i * 100 : 0);
		run();
		assert_int_equal(a[0].got_ns, 0);
		assert_int_equal(a[lifo ? 3 : 1].got_ns, 1000 + 45 + 45);
		assert_true((a[1].got_ns < a[2].got_ns &&
			     a[2].got_ns < a[3].got_ns) == !lifo);
		assert_int_equal(lock.cls->side[0].contended, 3);
		close_machine();
	}
	mmreplay_mutation = MUTATE_NONE;
}

static void spin_try(struct actor *a)
{
	a->result = spin_trylock(&a->t, &lock);
	if (a->result)
		spin_unlock(&a->t, &lock);
}

static void t_spin_trylock(void **state)
{
	struct actor a[3];

	(void)state;
	open_machine(3);
	open_locks();
	pinned(&a[0], 0, spin_1000, 0);
	pinned(&a[1], 1, spin_try, 500);
	pinned(&a[2], 2, spin_try, 1500);
	run();
	assert_int_equal(a[1].result, 0);
	assert_int_equal(a[2].result, 1);
	assert_int_equal(lock.cls->side[0].failed_trylocks, 1);
	close_machine();
}

static void loop_100(struct actor *a)
{
	for (int i = 0; i < 100; i++) {
		spin_lock(&a->t, &lock);
		work_ns(&a->t, 100, COST_ASSUMED);
		spin_unlock(&a->t, &lock);
		work_ns(&a->t, 900, COST_ASSUMED);
	}
	settle(&a->t);
}

/* Repairmen: 100 ns inside, 900 outside; N tasks need max(N x 100, 1000) a round. */
static void t_lock_loop(void **state)
{
	struct actor *a = xcalloc(64, sizeof(*a));

	(void)state;
	for (uint32_t n = 1; n <= 64; n *= 2) {
		int64_t round = n * 100 > 1000 ? n * 100 : 1000;

		open_machine(n);
		open_locks();
		for (uint32_t i = 0; i < n; i++)
			pinned(&a[i], i, loop_100, 0);
		run();
		print_message("## lock loop, %u CPUs: %lld ns a round, closed form %lld\n",
			      n, (long long)f.m.end_ns / 100, (long long)round);
		assert_in_range(f.m.end_ns, round * 100 * 98 / 100,
				round * 100 * 102 / 100);
		close_machine();
	}
	free(a);
}

/* ---- rw_semaphore ---- */

static void write_asleep(struct actor *a)
{
	down_write(&a->t, &sem);
	a->got_ns = a->t.m->engine.now_ns;
	task_sleep_until(&a->t, a->got_ns + 100000);
	up_write(&a->t, &sem);
}

static void read_500(struct actor *a)
{
	down_read(&a->t, &sem);
	settle(&a->t);
	a->got_ns = a->t.m->engine.now_ns;
	work_ns(&a->t, 500, COST_ASSUMED);
	up_read(&a->t, &sem);
}

/* 300 readers behind a writer, another writer among them: 256 at once. */
static uint32_t readers_of_first_grant(void)
{
	enum { READERS = 300 };
	struct actor *a = xcalloc(READERS + 1, sizeof(*a));
	uint32_t first = 0;

	open_machine(READERS + 1);
	open_locks();
	pinned(&a[0], 0, write_asleep, 0);
	for (uint32_t i = 1; i <= READERS; i++)
		pinned(&a[i], i, read_500, i);
	run();
	for (int i = 1; i <= READERS; i++)
		first += a[i].got_ns == 100000;
	close_machine();
	free(a);
	return first;
}

static void t_wake_limit(void **state)
{
	(void)state;
	assert_int_equal(readers_of_first_grant(), 256);
	mmreplay_mutation = MUTATE_WAKE_NO_LIMIT;
	assert_int_equal(readers_of_first_grant(), 300);
	mmreplay_mutation = MUTATE_NONE;
	flavour = RWSEM_4_14;		/* the neighbours, however many */
	assert_int_equal(readers_of_first_grant(), 300);
	flavour = RWSEM_5_11;
}

static void read_killable(struct actor *a)
{
	a->result = down_read_killable(&a->t, &sem);
	settle(&a->t);
	a->got_ns = a->t.m->engine.now_ns;
}

static void write_killable(struct actor *a)
{
	a->result = down_write_killable(&a->t, &sem);
	settle(&a->t);
	a->got_ns = a->t.m->engine.now_ns;
}

static void kill_peer(struct actor *a)
{
	task_kill(&a->t, &a->peer->t);
}

/*
 *  0  ZZZZZZZZZZ        sleeps inside for 100 us
 *  1   ...k             killed at 30 us: -EINTR, and 2 behind it still served
 *  2    ........RR
 */
static void kill_a_waiter(void (*who)(struct actor *))
{
	struct actor a[4];

	open_machine(4);
	open_locks();
	pinned(&a[0], 0, write_asleep, 0);
	pinned(&a[1], 1, who, 10000);
	pinned(&a[2], 2, read_500, 20000);
	pinned(&a[3], 3, kill_peer, 30000);
	a[3].peer = &a[1];
	run();
	assert_int_equal(a[1].result, -EINTR);
	assert_int_equal(a[1].got_ns, 30000);
	assert_int_equal(a[2].got_ns, 100000);
	assert_int_equal(sem.word, 0);
	close_machine();
}

static void t_killable(void **state)
{
	(void)state;
	for (int i = 0; i < RWSEM_FLAVOURS; i++) {
		flavour = (enum rwsem_flavour)i;
		kill_a_waiter(read_killable);
		kill_a_waiter(write_killable);
	}
	flavour = RWSEM_5_11;
}

static void try_both(struct actor *a)
{
	a->result = down_read_trylock(&a->t, &sem);
	if (a->result)
		up_read(&a->t, &sem);
	if (down_write_trylock(&a->t, &sem)) {
		a->result += 2;
		up_write(&a->t, &sem);
	}
}

static void t_trylock(void **state)
{
	struct actor a[4];

	(void)state;
	open_machine(4);
	open_locks();
	pinned(&a[0], 0, write_asleep, 0);
	pinned(&a[1], 1, try_both, 1000);	/* a writer is in */
	pinned(&a[2], 2, try_both, 200000);	/* nobody is */
	pinned(&a[3], 3, read_500, 300000);
	run();
	assert_int_equal(a[1].result, 0);
	assert_int_equal(a[2].result, 3);
	assert_int_equal(sem.cls->side[SIDE_READ].failed_trylocks, 1);
	assert_int_equal(sem.cls->side[SIDE_WRITE].failed_trylocks, 1);
	close_machine();
}

static void timed_trylock(struct actor *a)
{
	settle(&a->t);
	a->got_ns = -a->t.m->engine.now_ns;
	assert_true(down_read_trylock(&a->t, &sem));
	settle(&a->t);
	a->got_ns += a->t.m->engine.now_ns;
	up_read(&a->t, &sem);
}

/* What a reader's trylock takes while another reader, on another CPU, has the
 * lock and its line: 45 ns a transfer, 5 an atomic. */
static int64_t trylock_beside_reader(enum rwsem_flavour fl, enum mutation rule)
{
	struct actor a[2];

	flavour = fl;
	mmreplay_mutation = rule;
	open_machine(2);
	fixture_cost(&f, COST_XFER_LLC, 45);
	fixture_cost(&f, COST_ATOMIC, 5);
	open_locks();
	pinned(&a[0], 0, read_500, 0);
	pinned(&a[1], 1, timed_trylock, 200);
	run();
	close_machine();
	mmreplay_mutation = MUTATE_NONE;
	flavour = RWSEM_5_11;
	return a[1].got_ns;
}

/* 5.3 compares with "unlocked", fails, and tries again while the line is there;
 * since 5.17 the count is loaded before: two transfers, one comparison. */
static void t_trylock_loop(void **state)
{
	(void)state;
	assert_int_equal(trylock_beside_reader(RWSEM_5_3, MUTATE_NONE),
			 45 + 5 + 5);
	assert_int_equal(trylock_beside_reader(RWSEM_5_11, MUTATE_NONE),
			 45 + 45 + 5);
	/* each rule off: the other time */
	assert_int_equal(trylock_beside_reader(RWSEM_5_3, MUTATE_TRYLOCK_LOADS),
			 45 + 45 + 5);
	assert_int_equal(trylock_beside_reader(RWSEM_5_3, MUTATE_TRYLOCK_ADDS),
			 45 + 5);
}

static void write_5ms(struct actor *a)
{
	down_write(&a->t, &sem);
	for (int i = 0; i < 50; i++) {
		work_ns(&a->t, 100000, COST_ASSUMED);
		settle(&a->t);
	}
	up_write(&a->t, &sem);
}

static void write_at_once(struct actor *a)
{
	down_write(&a->t, &sem);
	settle(&a->t);
	a->got_ns = a->t.m->engine.now_ns;
	up_write(&a->t, &sem);
}

static void work_10ms(struct actor *a)
{
	work_ns(&a->t, 10000000, COST_ASSUMED);
	settle(&a->t);
}

/*
 * The holder has 5 ms of work inside and a rival on its CPU; slice 3 ms.
 *
 *            0  1       3..4       9..10    11
 *  holder    WWWWWWWWWWWW|_________|WWWWWWWW|      full preemption; the rival is
 *  rival     ____________|uuuuuuuuu|________|uuuu  behind after one slice, too
 *  waiter       ~~~~~~~~~|..................W      its owner left the CPU
 *
 *  holder    WWWWWWWWWWWWWWWWW|                    none: 5 ms
 *  waiter       ~~~~~~~~~~~~~~W
 */
static void t_holder_preempted(void **state)
{
	enum { MS = 1000000 };
	struct actor a[3];

	(void)state;
	for (int full = 0; full <= 1; full++) {
		const struct lock_side_stats *w;

		open_machine(2);
		f.profile.hz = 1000;
		f.profile.preempt = full ? PREEMPT_FULL : PREEMPT_NONE;
		open_locks();
		pinned(&a[0], 0, write_5ms, 0);
		pinned(&a[1], 1, write_at_once, MS);
		pinned(&a[2], 2, work_10ms, 0);
		a[2].t.affinity = 1;
		run();
		w = &sem.cls->side[SIDE_WRITE];
		if (full) {
			assert_in_range(w->spin_ns, 2 * MS, 3 * MS);
			assert_int_equal(a[1].got_ns, MS + w->spin_ns + w->sleep_ns);
			assert_int_equal(a[1].got_ns, (5 + 2 * 3) * MS);
		} else {
			assert_int_equal(w->spin_ns, 4 * MS);
			assert_int_equal(w->sleep_ns, 0);
			assert_int_equal(a[1].got_ns, 5 * MS);
		}
		close_machine();
	}
}

/*
 *  op 1  ZZZZZZZZZZ|                 writes 0 .. 100 us
 *  op 2   .........|RR               reads from 100 us: waits 90 behind op 1
 *  op 3    ........|.......|Z..      writes: 80 us behind op 1, 0.5 behind op 2
 */
static void t_blame(void **state)
{
	struct actor a[3];
	const struct lock_class *c;

	(void)state;
	open_machine(3);
	open_locks();
	pinned(&a[0], 0, write_asleep, 0);
	pinned(&a[1], 1, read_500, 10000);
	pinned(&a[2], 2, write_asleep, 20000);
	run();
	c = sem.cls;
	assert_int_equal(a[2].got_ns, 100500);
	assert_int_equal(c->blame_ns[2 * METRIC_OPS_MAX + 1], 90000);
	assert_int_equal(c->blame_ns[3 * METRIC_OPS_MAX + 1], 80000);
	assert_int_equal(c->blame_ns[3 * METRIC_OPS_MAX + 2], 500);
	assert_int_equal(c->side[SIDE_READ].sleep_ns, 90000);
	assert_int_equal(c->side[SIDE_READ].sleeps, 1);
	assert_int_equal(c->side[SIDE_READ].spin_ns, 0);
	assert_int_equal(c->side[SIDE_WRITE].hold_ns.max, 100000);
	close_machine();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_spin_fifo),
		cmocka_unit_test(t_spin_trylock),
		cmocka_unit_test(t_lock_loop),
		cmocka_unit_test(t_wake_limit),
		cmocka_unit_test(t_killable),
		cmocka_unit_test(t_trylock),
		cmocka_unit_test(t_trylock_loop),
		cmocka_unit_test(t_holder_preempted),
		cmocka_unit_test(t_blame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
