/*
 * Pins how long each vma_free policy holds dead areas, against closed forms:
 * groups of size + 1 (seed 0), the rest for ever, drained at exit; type-safe
 * memory free at once but for areas only; the 6.15 lock's ways to lose a race.
 * And what each rcu policy makes of it: byte-time by stage under Tree RCU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "sim/mm/abi.h"
#include "sim/tests/fixture_mm.h"

#define BASE 0x700000000000ULL
#define RW (ABI_PROT_READ | ABI_PROT_WRITE)
#define ANON (0x2 | ABI_MAP_ANONYMOUS)

enum { AREAS = 100, AREA_BYTES = 176 + 40 };

static void map_areas(struct task *t, struct mmfix *x)
{
	mmfix_op(t, 0);
	for (unsigned i = 0; i < AREAS; i++)
		sys_mmap(t, x->mm, BASE + 2 * i * PAGE, PAGE, RW, ANON, false);
	task_sleep_until(t, 50000000);
}

static void free_areas(struct task *t, struct mmfix *x)
{
	map_areas(t, x);
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, BASE, 2 * AREAS * PAGE);
	task_sleep_until(t, 70000000);
}

static void free_and_exit(struct task *t, struct mmfix *x)
{
	free_areas(t, x);
	mmfix_op(t, 12);
	do_exit_mm(t, x->mm);
}

static void exit_only(struct task *t, struct mmfix *x)
{
	map_areas(t, x);
	mmfix_op(t, 12);
	do_exit_mm(t, x->mm);
}

static void run(struct mmfix *x, const char *free, void *options,
		void (*fn)(struct task *t, struct mmfix *x))
{
	mmfix_config(x, 2);
	if (!strcmp(free, "typesafe"))
		mmfix_policy(x, AXIS_MM_LOCK, "per-vma-refcnt");
	mmfix_policy(x, AXIS_VMA_FREE, free);
	x->cfg.policies.options[AXIS_VMA_FREE] = options;
	x->check_every = 7;
	mmfix_open(x, 1);
	mmfix_task(x, 0, fn);
	mmfix_run(x);
}

static const struct hold_class *areas(const struct mmfix *x)
{
	return &x->f.metrics->holds[x->k->hold[HOLD_VMA]];
}

static uint64_t in_stage(const struct mmfix *x, enum kernel_stage s)
{
	return areas(x)->stage[x->k->stage[s]].objects;
}

/* Groups of size + 1; n mod (size + 1) stay, with no timer to move them. */
static void t_batches(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 7, 32, 99, 100, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t size = sizes[i], groups = AREAS / (size + 1);
		struct mmfix x;

		run(&x, "rcu-batched", &size, free_areas);
		assert_int_equal(in_stage(&x, STAGE_BATCH), AREAS % (size + 1));
		assert_int_equal(areas(&x)->objects, AREAS % (size + 1));
		assert_int_equal(areas(&x)->stage[x.k->stage[STAGE_GRACE_PERIOD]]
				 .moved, groups * (size + 1));
		mmfix_close(&x);
	}
}

/* Drained after mmap_write_unlock of exit_mmap(), by one more call_rcu(). */
static void t_drained_at_exit(void **state)
{
	static const int64_t gp_ns = 2000000;
	uint32_t size = 32;
	struct mmfix x;

	(void)state;
	run(&x, "rcu-batched", NULL, free_and_exit);
	assert_int_equal(areas(&x)->objects, 0);
	/* the one that is left over waits 20 ms for the exit */
	assert_in_range((int64_t)(areas(&x)->stage[x.k->stage[STAGE_BATCH]]
				  .byte_ns / AREA_BYTES),
			19000000, 22000000);
	mmfix_close(&x);
	run(&x, "rcu-batched", &size, exit_only);
	assert_int_equal(areas(&x)->objects, 0);
	assert_int_equal(areas(&x)->peak_objects, AREAS);
	assert_in_range((int64_t)(areas(&x)->byte_ns / (AREAS * AREA_BYTES)),
			gp_ns, 2 * gp_ns + 200000);
	mmfix_close(&x);
}

/* 0d2ebf9c3f78: exit frees at once; without it, a grace period for each. */
static void t_exit_immediate(void **state)
{
	bool immediate = false;
	struct mmfix x;

	(void)state;
	run(&x, "rcu", NULL, exit_only);
	assert_int_equal(areas(&x)->stage[x.k->stage[STAGE_GRACE_PERIOD]].moved,
			 0);
	mmfix_close(&x);
	run(&x, "rcu", &immediate, exit_only);
	assert_int_equal(areas(&x)->stage[x.k->stage[STAGE_GRACE_PERIOD]].moved,
			 AREAS);
	mmfix_close(&x);
}

/* Time in a stage, the mean of all areas. */
static int64_t held_ns(const struct mmfix *x, enum kernel_stage s)
{
	return (int64_t)(areas(x)->stage[x->k->stage[s]].byte_ns /
			 (AREAS * AREA_BYTES));
}

/* All areas die in one munmap at 50 ms; both CPUs idle from then on. */
static void run_rcu(struct mmfix *x, const char *rcu, const char *nocbs)
{
	static struct rcu_rules rules;
	const struct rcu_flavour *flavour;

	mmfix_config(x, 2);
	mmfix_policy(x, AXIS_RCU, rcu);
	flavour = (const void *)x->cfg.policies.on[AXIS_RCU];
	rules = flavour->rules;
	rules.nocbs = nocbs;
	x->cfg.policies.options[AXIS_RCU] = &rules;
	x->check_every = 70;
	mmfix_open(x, 1);
	mmfix_task(x, 0, free_areas);
	mmfix_run(x);
}

enum { HELD_ASKED_NS = 50000000, HELD_SLACK_NS = 15000, JIFFY_NS = 4000000 };

/* A timer of @n jiffies set now: at the boundary of a jiffy behind them. */
static int64_t timeout_ns(int64_t now_ns, int64_t n)
{
	return (now_ns / JIFFY_NS + 1 + n) * JIFFY_NS;
}

/* The first tick of CPU 0 behind @at_ns, which the run has passed. */
static int64_t tick_after(const struct mmfix *x, int64_t at_ns)
{
	int64_t ns = cpu_tick_after(&x->f.m.cpus[0], JIFFY_NS);

	return ns - (ns - at_ns - 1) / JIFFY_NS * JIFFY_NS;
}

/*
 * rcu: tree, HZ=250, a plain CPU and another, both idle:
 *
 *   50 ms     tick of CPU 0     a jiffy's end, d = 1    tick of CPU 0
 *   munmap .. assigns, period   scan: both are idle ... softirq: callbacks
 *   unmapping, grace-period -------------------------'  callback --------'
 *
 * Not pinned: costs of the calls themselves, 15 us in all.
 */
static void t_tree_held(void **state)
{
	int64_t assigned, ended, ran;
	struct mmfix x;

	(void)state;
	run_rcu(&x, "tree", "none");
	assigned = tick_after(&x, HELD_ASKED_NS);
	ended = timeout_ns(assigned, 1);
	ran = tick_after(&x, ended);
	assert_in_range(HELD_SLACK_NS + ended - HELD_ASKED_NS -
			held_ns(&x, STAGE_UNMAPPING) -
			held_ns(&x, STAGE_GRACE_PERIOD), 0, 2 * HELD_SLACK_NS);
	assert_in_range(HELD_SLACK_NS + held_ns(&x, STAGE_CALLBACK) -
			(ran - ended), 0, 2 * HELD_SLACK_NS);
	mmfix_close(&x);
}

/* Offloaded: what is beyond the 64 calls of a jiffy waits in the bypass for the
 * helper's timer of two jiffies. */
static void t_bypass_held(void **state)
{
	const struct hold_stage *bypass;
	int64_t exact_ns = timeout_ns(HELD_ASKED_NS, 1) - HELD_ASKED_NS;
	struct mmfix x;

	(void)state;
	run_rcu(&x, "tree", "all");
	bypass = &areas(&x)->stage[x.k->stage[STAGE_NOCB_BYPASS]];
	assert_in_range(bypass->moved, AREAS - 64, AREAS - 1);
	exact_ns = exact_ns * (int64_t)bypass->moved / AREAS;
	assert_in_range(HELD_SLACK_NS + held_ns(&x, STAGE_NOCB_BYPASS) -
			exact_ns, 0, 2 * HELD_SLACK_NS);
	mmfix_close(&x);
}

/* Whatever is registered: every area comes back, once, behind its period. */
static void t_every_rcu(void **state)
{
	static const char *const nocbs[] = { "none", "0", "all" };
	const char *const *names;
	size_t count;

	(void)state;
	names = policy_names(AXIS_RCU, &count);
	assert_true(count >= 2);
	for (size_t i = 0; i < 3 * count; i++) {
		struct mmfix x;

		run_rcu(&x, names[i / 3], nocbs[i % 3]);
		assert_int_equal(areas(&x)->objects, 0);
		assert_int_equal(areas(&x)->peak_objects, AREAS);
		assert_int_equal(areas(&x)->stage[x.k->stage[STAGE_CALLBACK]]
				 .moved, AREAS);
		/* a fixed period is 2 ms, a scan comes after a jiffy */
		assert_in_range(held_ns(&x, STAGE_GRACE_PERIOD), 2000000,
				6 * JIFFY_NS);
		mmfix_close(&x);
	}
}

static void stop_1ms_after(struct task *t, struct mmfix *x)
{
	map_areas(t, x);
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, BASE, 2 * AREAS * PAGE);
	task_sleep_until(t, task_now(t) + 1000000);
	t->m->engine.stop = true;
}

/* The last op ends within a grace period: what waits for it is drained, and
 * counts up to the end of the op; what has nobody to move it stays. */
static void t_drained_at_the_end(void **state)
{
	static const char *const frees[] = { "rcu", "rcu-batched" };
	uint32_t size = 32;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t left = i ? AREAS % (size + 1) : 0, queued = AREAS - left;
		const struct hold_stage *gp;
		struct mmfix x;

		run(&x, frees[i], i ? &size : NULL, stop_1ms_after);
		gp = &areas(&x)->stage[x.k->stage[STAGE_GRACE_PERIOD]];
		assert_int_equal(gp->objects, 0);
		assert_int_equal(gp->moved, queued);
		assert_int_equal(areas(&x)->objects, left);
		assert_int_equal(in_stage(&x, STAGE_BATCH), left);
		assert_in_range((int64_t)(gp->byte_ns / (queued * AREA_BYTES)),
				1000000, 1200000);
		assert_int_equal(x.f.m.engine.now_ns, x.f.m.end_ns);
		assert_int_equal(rcu_pending(x.k->rcu), 0);
		for (unsigned h = 0; h < HOLD_COUNT; h++)
			assert_int_equal(x.f.metrics->holds[x.k->hold[h]].stage[
					 x.k->stage[STAGE_GRACE_PERIOD]].objects,
					 0);
		kernel_check(x.k);
		mmfix_close(&x);
	}
}

/* Free at once, but only for areas: until they are mapped again, or their
 * slab is given back, which takes a grace period. */
static void free_and_map(struct task *t, struct mmfix *x)
{
	free_areas(t, x);
	mmfix_op(t, 0);
	for (unsigned i = 0; i < 10; i++)
		sys_mmap(t, x->mm, BASE + 2 * i * PAGE, PAGE, RW, ANON, false);
}

static void t_typesafe(void **state)
{
	const struct hold_class *c;
	uint64_t returned;
	struct mmfix x;

	(void)state;
	run(&x, "typesafe", NULL, free_areas);
	c = areas(&x);
	assert_int_equal(c->objects, 0);
	assert_int_equal(c->peak_objects, AREAS);
	returned = c->stage[x.k->stage[STAGE_GRACE_PERIOD]].moved;
	assert_true(returned <= AREAS);
	assert_int_equal(c->reusable_bytes, 192 * (AREAS - returned));
	assert_in_range((int64_t)(c->reusable_byte_ns /
				  (192 * (AREAS - returned))),
			19000000, 21000000);
	mmfix_close(&x);
	run(&x, "typesafe", NULL, free_and_map);
	assert_int_equal(areas(&x)->reusable_bytes,
			 192 * (AREAS - returned - 10));
	mmfix_close(&x);
}

/* Slabs that became empty, beyond the five that are kept, go through RCU. */
static void many_areas(struct task *t, struct mmfix *x)
{
	mmfix_op(t, 0);
	for (unsigned i = 0; i < 1000; i++)
		sys_mmap(t, x->mm, BASE + 2 * i * PAGE, PAGE, RW, ANON, false);
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, BASE, 2000 * PAGE);
}

static void t_slab_waits_for_rcu(void **state)
{
	const struct hold_class *c;
	uint64_t per_slab, kept, back;
	struct mmfix x;

	(void)state;
	run(&x, "typesafe", NULL, many_areas);
	c = areas(&x);
	per_slab = address_per_slab(x.k->vma_cache);
	back = c->stage[x.k->stage[STAGE_GRACE_PERIOD]].moved;
	kept = c->reusable_bytes / 192;
	assert_int_equal(c->objects, 0);
	assert_int_equal(back % per_slab, 0);
	assert_int_equal(back + kept, 1000);
	assert_true(kept >= 5 * per_slab && kept <= 7 * per_slab);
	mmfix_close(&x);
}

/*
 * Under each policy an area that was freed stands in `slab-partial` until
 * another one takes the object or the whole slab is free; it is no part of what
 * nobody can use, and what left it is not freed twice.
 */
static void t_slab_partial(void **state)
{
	static const char *const frees[] = { "immediate", "rcu", "rcu-batched",
					     "typesafe" };
	uint32_t size = 9;

	(void)state;
	for (int i = 0; i < 4; i++) {
		uint64_t free_now, batch = i == 2 ? AREAS % 10 : 0;
		struct mmfix x;

		run(&x, frees[i], i == 2 ? &size : NULL, free_areas);
		free_now = in_stage(&x, STAGE_SLAB_PARTIAL);
		assert_true(free_now > 0 && free_now <= AREAS - batch);
		assert_int_equal(areas(&x)->reusable_bytes,
				 free_now * vma_object_bytes(x.k));
		assert_int_equal(areas(&x)->objects, batch);
		mmfix_close(&x);
		run(&x, frees[i], i == 2 ? &size : NULL, free_and_map);
		/* an object that no area ever had may be taken as well */
		assert_in_range(in_stage(&x, STAGE_SLAB_PARTIAL), free_now - 10,
				free_now - 5);
		mmfix_close(&x);
	}
}

/* ---- the reference count ---- */

struct races {
	const char *free;
	bool reuse, delay;
	uint64_t success, abort, miss, waits;
};

static void unmap_and_reuse(struct task *t, struct mmfix *x)
{
	const struct races *r = x->arg;

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, PAGE, RW, ANON, false);
	sys_mmap(t, x->mm, BASE + 8 * PAGE, PAGE, RW, ANON, false);
	task_sleep_until(t, 1000000);
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, BASE, PAGE);
	mmfix_op(t, 0);
	if (r->reuse)
		sys_mmap(t, x->mm, BASE + 16 * PAGE, PAGE, RW, ANON, false);
}

static void one_fault(struct task *t, struct mmfix *x)
{
	struct fault f = { .addr = BASE, .user = true };

	mmfix_op(t, 7);
	do_fault(t, x->mm, &f);
}

static struct irq_request interrupt;	/* one run at a time */

static void interrupt_reader(struct task *t, struct mmfix *x)
{
	settle(t);
	interrupt = (struct irq_request){ .cost_ns = 100000,
					  .cls = COST_ASSUMED };
	irq_send(t, &interrupt, &x->f.m.cpus[1]);
}

static void race_at(struct races *sum, int64_t at)
{
	struct mmfix x;

	mmfix_config(&x, 3);
	mmfix_policy(&x, AXIS_MM_LOCK, "per-vma-refcnt");
	mmfix_policy(&x, AXIS_VMA_FREE, sum->free);
	fixture_cost(&x.f, COST_XFER_LLC, 4000);	/* slow lines */
	x.check_every = 1;
	x.arg = sum;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, unmap_and_reuse)->task.affinity = 1;
	mmfix_task(&x, at, one_fault)->task.affinity = 2;
	if (sum->delay)
		mmfix_task(&x, at + 4000, interrupt_reader)->task.affinity = 3;
	mmfix_run(&x);
	sum->success += mmfix_counter(&x, COUNT_VMA_LOCK_SUCCESS);
	sum->abort += mmfix_counter(&x, COUNT_VMA_LOCK_ABORT);
	sum->miss += mmfix_counter(&x, COUNT_VMA_LOCK_MISS);
	sum->waits += x.k->vma_lock_class->side[SIDE_WRITE].contended;
	mmfix_close(&x);
}

static struct races race(const char *free, bool reuse, bool delay)
{
	struct races sum = { .free = free, .reuse = reuse, .delay = delay };

	for (int64_t at = 970000; at < 1030000; at += 120)
		race_at(&sum, at);
	return sum;
}

/*
 * Over all offsets a fault gets the area or is turned away by the sequence
 * number or the writer's bit; and the writer waits for a reader that came
 * just before it. A reader that an interrupt holds up between the look at the
 * number and the count finds 0 and walks again (miss); or, where memory is
 * type-safe and was taken again meanwhile, another area, and lets it go.
 */
static void t_refcnt_races(void **state)
{
	static const char *const frees[] = { "rcu", "typesafe" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct races plain = race(frees[i], true, false);
		struct races gone = race(frees[i], false, true);
		struct races taken = race(frees[i], true, true);

		assert_true(plain.success > 100 && plain.abort > 100);
		assert_true(plain.waits > 0);
		assert_true(gone.miss > 0);
		if (i)
			assert_true(taken.miss < gone.miss);
		else
			assert_true(taken.miss == gone.miss);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_batches),
		cmocka_unit_test(t_drained_at_exit),
		cmocka_unit_test(t_exit_immediate),
		cmocka_unit_test(t_tree_held),
		cmocka_unit_test(t_bypass_held),
		cmocka_unit_test(t_every_rcu),
		cmocka_unit_test(t_drained_at_the_end),
		cmocka_unit_test(t_typesafe),
		cmocka_unit_test(t_slab_waits_for_rcu),
		cmocka_unit_test(t_slab_partial),
		cmocka_unit_test(t_refcnt_races),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
