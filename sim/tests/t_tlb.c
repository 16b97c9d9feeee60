/*
 * TLB shootdown: who is shot at, with what, how often. One task changes
 * protections or unmaps; others keep the address space loaded on their CPUs.
 * Pinned: CPUs that idle lazily are left alone unless page tables go, the
 * ceiling of single pages, batches of the gather, and broadcast: when a process
 * gets its global id, what the change costs, and that nobody is interrupted
 * then. Not pinned: what an interrupt costs (t_machine, t_mm_fork).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "sim/mm/abi.h"
#include "sim/tests/fixture_mm.h"

#define BASE 0x700000000000ULL
#define ANON (ABI_MAP_FIXED | 0x2 | ABI_MAP_ANONYMOUS | ABI_MAP_POPULATE)

enum { RW = 3, RO = 1 };

/** struct plan - what the first task does, and who else has the mm loaded */
struct plan {
	uint64_t pages;
	bool unmaps;		/* else it changes the protection, once an at_ns */
	bool kernel_too;
	sim_ns at_ns[4];	/* 0 ends */
	uint64_t ipis[4];	/* sent by then */
};

static void others_work(struct task *t, struct mmfix *x)
{
	(void)x;
	task_set_mode(t, MODE_USER);
	work_ns(t, 300 * NSEC_PER_MSEC, COST_ASSUMED);
	settle(t);
}

/* Runs early, then sleeps until all is over: its CPU keeps the mm, lazily. */
static void others_sleep(struct task *t, struct mmfix *x)
{
	(void)x;
	task_sleep_until(t, 300 * NSEC_PER_MSEC);
}

static void flushes(struct task *t, struct mmfix *x)
{
	struct plan *p = x->arg;

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, p->pages * PAGE, RW, ANON, false);
	for (int i = 0; i < 4 && p->at_ns[i]; i++) {
		task_sleep_until(t, p->at_ns[i]);
		if (p->unmaps)
			sys_munmap(t, x->mm, BASE, p->pages * PAGE);
		else
			sys_mprotect(t, x->mm, BASE, p->pages * PAGE,
				     i % 2 ? RW : RO);
		if (p->kernel_too)
			flush_tlb_kernel(t);
		settle(t);
		p->ipis[i] = mmfix_counter(x, COUNT_TLB_IPI);
	}
}

/** struct seen - what came of a plan */
struct seen {
	uint64_t ipis, flushes, broadcasts, single, full, invlpgb, kernel_ipis;
};

static struct seen run(struct plan *p, const char *policy, unsigned others,
		       void (*how)(struct task *t, struct mmfix *x))
{
	struct seen s;
	struct mmfix x;

	mmfix_config(&x, 8);
	mmfix_policy(&x, AXIS_TLB_FLUSH, policy);
	x.arg = p;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, flushes);
	for (unsigned i = 0; i < others; i++)
		mmfix_task(&x, 10000, how);
	mmfix_run(&x);
	s = (struct seen){
		mmfix_counter(&x, COUNT_TLB_IPI),
		mmfix_counter(&x, COUNT_TLB_FLUSH),
		mmfix_counter(&x, COUNT_TLB_BROADCAST),
		x.f.m.cost_times[COST_TLB_LOCAL_PAGE],
		x.f.m.cost_times[COST_TLB_LOCAL_FULL],
		x.f.m.cost_times[COST_TLB_BROADCAST],
		mmfix_counter(&x, COUNT_TLB_IPI_KERNEL),
	};
	mmfix_close(&x);
	return s;
}

/* A CPU that idles has the mm, and no use for an interrupt: it looks when it
 * wakes up. Unless tables go, which it might walk. */
static bool c_lazy(void)
{
	static const char *const ipi[] = { "serial", "concurrent" };
	struct plan protect = { .pages = 5, .at_ns = { 1000000 } };
	struct plan unmap = { .pages = 5, .at_ns = { 1000000 }, .unmaps = true };
	bool ok = true;

	for (unsigned i = 0; i < 2; i++)
		ok = ok && run(&protect, ipi[i], 3, others_work).ipis == 3 &&
		     run(&protect, ipi[i], 3, others_sleep).ipis == 0 &&
		     run(&unmap, ipi[i], 3, others_sleep).ipis == 3;
	return ok;
}

/* 33 pages one by one; with the 34th everything goes, here and there. */
static bool c_ceiling(void)
{
	struct plan p = { .pages = 33, .at_ns = { 1000000 } };
	struct seen below = run(&p, "concurrent", 2, others_work), above;

	p.pages = 34;
	above = run(&p, "concurrent", 2, others_work);
	return below.single == 3 * 33 && !below.full && !above.single &&
	       above.full == 3;
}

/* On three CPUs a process keeps an id of each CPU, and shoots. */
static bool c_threshold(void)
{
	struct plan p = { .pages = 9, .at_ns = { 1000000, 5000000, 9000000 } };
	struct seen s = run(&p, "broadcast", 2, others_work);

	return !s.broadcasts && s.ipis == 3 * 2;
}

static const struct {
	const char *rule;
	bool (*holds)(void);
	enum mutation broken_by;
} rules[] = {
	{ "lazy CPUs are left alone", c_lazy, MUTATE_TLB_LAZY_SHOT },
	{ "33 pages one by one", c_ceiling, MUTATE_TLB_NO_CEILING },
	{ "a global id from four CPUs on", c_threshold, MUTATE_TLB_ID_AT_ONCE },
};

/* Each holds, and its switch turns it red, and no other. */
static void t_rules(void **state)
{
	static const unsigned count = sizeof(rules) / sizeof(rules[0]);

	(void)state;
	for (unsigned i = 0; i < count * (count + 1); i++) {
		unsigned rule = i % count, off = i / count;
		bool red;

		mmreplay_mutation = off < count ? rules[off].broken_by :
						  MUTATE_NONE;
		red = !rules[rule].holds();
		mmreplay_mutation = MUTATE_NONE;
		if (red != (rule == off))
			fail_msg("%s: %s with switch %u", rules[rule].rule,
				 red ? "red" : "green", off);
	}
}

/* The gather holds 10,000 pages: full, it is flushed and begins anew. */
static void t_batches(void **state)
{
	static const struct {
		uint64_t pages, flushes;
	} row[] = { { 1, 1 }, { 10000, 2 }, { 10001, 2 }, { 20000, 3 },
		    { 25000, 3 } };	/* the last one takes the tables, too */

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct plan p = { .pages = row[i].pages, .unmaps = true,
				  .at_ns = { 50 * NSEC_PER_MSEC } };

		assert_int_equal(run(&p, "concurrent", 0, NULL).flushes,
				 row[i].flushes);
	}
}

/*
 * HZ=250, task 0 looks in jiffies 0, 32, ..: at 1 ms, not at 5 ms, at 129 ms.
 *
 *   1 ms    IPIs, and looks: on 4 CPUs -> a global id
 *   5 ms    broadcast, IPIs once more     9 pages: two instructions
 *   9 ms    broadcast
 */
static void t_global_id(void **state)
{
	struct plan p = { .pages = 9,
			  .at_ns = { 1000000, 5000000, 9000000, 13000000 } };
	struct seen s;

	(void)state;
	s = run(&p, "broadcast", 3, others_work);
	assert_int_equal(p.ipis[0], 3);
	assert_int_equal(p.ipis[1], 6);
	assert_int_equal(p.ipis[2], 6);
	assert_int_equal(s.ipis, 6);
	assert_int_equal(s.flushes, 4);
	assert_int_equal(s.broadcasts, 3);
	assert_int_equal(s.invlpgb, 3 * 2);
	p.pages = 34;			/* above the ceiling one does for all */
	assert_int_equal(run(&p, "broadcast", 3, others_work).invlpgb, 3);
}

/* Idle CPUs do not count; looked at in the wrong jiffy: concurrent, to the end. */
static void t_no_global_id(void **state)
{
	struct plan p = { .pages = 9, .at_ns = { 1000000, 5000000, 9000000 } };
	struct plan late = { .pages = 9, .at_ns = { 5000000, 9000000 } };
	struct plan later = { .pages = 9, .at_ns = { 5000000, 129000000,
						     133000000, 137000000 } };
	struct seen s;

	(void)state;
	s = run(&p, "broadcast", 5, others_sleep);	/* lazy: not active */
	assert_int_equal(s.broadcasts, 0);
	s = run(&late, "broadcast", 5, others_work);
	assert_int_equal(s.broadcasts, 0);
	assert_int_equal(s.ipis, 2 * 5);
	s = run(&later, "broadcast", 5, others_work);
	assert_int_equal(s.broadcasts, 2);
	assert_int_equal(s.ipis, 3 * 5);
}

/* Kernel addresses: an IPI to each other CPU, or one instruction for all. */
static void t_kernel_flush(void **state)
{
	struct plan p = { .pages = 1, .at_ns = { 5000000 }, .kernel_too = true };

	(void)state;
	assert_int_equal(run(&p, "concurrent", 0, NULL).kernel_ipis, 7);
	assert_int_equal(run(&p, "broadcast", 0, NULL).kernel_ipis, 0);
	assert_int_equal(run(&p, "broadcast", 0, NULL).invlpgb, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_rules),
		cmocka_unit_test(t_batches),
		cmocka_unit_test(t_global_id),
		cmocka_unit_test(t_no_global_id),
		cmocka_unit_test(t_kernel_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
