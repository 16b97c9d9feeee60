/*
 * Pins what sets the mm_lock policies apart: range locks let writers of
 * disjoint ranges overlap and nothing else; a speculative fault takes no lock
 * and is in vain when its area, or with `count: mm` any area, was written.
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

enum { PAGES = 5000 };

/** struct pair - two tasks, each with its own pages, @gap_pages between */
struct pair {
	uint64_t gap_pages;
	int64_t end_ns[2];
};

static uint64_t own(const struct pair *p, unsigned n)
{
	return BASE + n * (PAGES + p->gap_pages) * PAGE;
}

/* MAP_FIXED over what is there: zapped with the lock held for writing. */
static void replace_own(struct task *t, struct mmfix *x)
{
	struct pair *p = x->arg;
	unsigned n = script_of(t)->n;

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, own(p, n), PAGES * PAGE, n ? RW : ABI_PROT_READ,
		 ANON, false);
	sys_mprotect(t, x->mm, own(p, n), PAGES * PAGE, RW);
	sys_madvise(t, x->mm, own(p, n), PAGES * PAGE, ABI_MADV_POPULATE_WRITE);
	task_sleep_until(t, 100000000);
	sys_mmap(t, x->mm, own(p, n), PAGES * PAGE, RW,
		 ANON | ABI_MAP_FIXED, false);
	p->end_ns[n] = task_now(t) - 100000000;
}

static int64_t last_end(const char *lock, uint64_t gap_pages)
{
	struct pair p = { .gap_pages = gap_pages };
	struct mmfix x;

	mmfix_config(&x, 2);
	mmfix_policy(&x, AXIS_MM_LOCK, lock);
	x.arg = &p;
	x.check_every = 13;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, replace_own);
	mmfix_task(&x, 0, replace_own);
	mmfix_run(&x);
	mmfix_close(&x);
	return p.end_ns[0] > p.end_ns[1] ? p.end_ns[0] : p.end_ns[1];
}

/* 5000 pages at 120 ns: 0.6 ms each, one after the other or side by side.
 * Neighbours could merge, so they are one range. */
static void t_disjoint_writers(void **state)
{
	const int64_t one = PAGES * 120;

	(void)state;
	assert_true(last_end("mm-wide", 100) > 2 * one);
	assert_true(last_end("per-vma", 100) > 2 * one);
	assert_true(last_end("range", 100) < one + one / 5);
	assert_true(last_end("range", 0) > 2 * one);
}

/* ---- readers and writers of one range ---- */

static void fault_inside(struct task *t, struct mmfix *x)
{
	struct fault f = { .addr = BASE + 10 * PAGE, .user = true };
	struct pair *p = x->arg;

	mmfix_op(t, 7);
	do_fault(t, x->mm, &f);
	p->end_ns[1] = task_now(t);
}

static void fault_beside(struct task *t, struct mmfix *x)
{
	struct fault f = { .addr = BASE + 20000 * PAGE, .user = true };
	struct pair *p = x->arg;

	sys_mmap(t, x->mm, f.addr, PAGE, RW, ANON, false);
	task_sleep_until(t, 100020000);
	mmfix_op(t, 7);
	do_fault(t, x->mm, &f);
	p->end_ns[1] = task_now(t);
}

static int64_t fault_end(int64_t at, void (*fn)(struct task *, struct mmfix *))
{
	struct pair p = { .gap_pages = 100 };
	struct mmfix x;

	mmfix_config(&x, 2);
	mmfix_policy(&x, AXIS_MM_LOCK, "range");
	x.arg = &p;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, replace_own);
	mmfix_task(&x, at, fn);
	mmfix_run(&x);
	mmfix_close(&x);
	return p.end_ns[1] - 100000000;
}

static void t_range_readers(void **state)
{
	(void)state;
	assert_true(fault_end(100020000, fault_inside) > PAGES * 120);
	assert_true(fault_end(90000000, fault_beside) < 30000);
}

/* ---- the sequence number of the mm ---- */

/* While the other task holds the lock for writing: the line of mm_lock_seq was
 * brought here by the first fault, and is still here unless lock begin wrote. */
static void fault_before_and_inside(struct task *t, struct mmfix *x)
{
	struct fault f = { .addr = BASE + 20000 * PAGE, .write = true,
			   .user = true };
	struct pair *p = x->arg;
	int64_t start;

	sys_mmap(t, x->mm, f.addr, 2 * PAGE, RW, ANON, false);
	task_sleep_until(t, 99900000);
	mmfix_op(t, 7);
	do_fault(t, x->mm, &f);
	task_sleep_until(t, 100300000);
	f.addr += PAGE;
	start = task_now(t);
	do_fault(t, x->mm, &f);
	p->end_ns[1] = task_now(t) - start;
}

static int64_t fault_inside_ns(bool seqcount)
{
	struct pair p = { .gap_pages = 100 };
	struct mmfix x;

	mmfix_config(&x, 2);
	fixture_cost(&x.f, COST_XFER_LLC, 40000);
	x.cfg.layout.mm_lock_seq = 1024;	/* a line of its own */
	x.cfg.policies.options[AXIS_MM_LOCK] = &seqcount;
	x.arg = &p;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, replace_own)->task.affinity = 1;
	mmfix_task(&x, 50000000, fault_before_and_inside)->task.affinity = 2;
	mmfix_run(&x);
	assert_int_equal(mmfix_counter(&x, COUNT_VMA_LOCK_SUCCESS), 2);
	mmfix_close(&x);
	return p.end_ns[1];
}

static void t_lock_begin_writes_the_number(void **state)
{
	int64_t before = fault_inside_ns(false), since = fault_inside_ns(true);

	(void)state;
	assert_in_range(since - before, 35000, 45000);	/* one fetch */
}

/* ---- speculation ---- */

enum spoil { NOTHING, OTHER_AREA, SAME_AREA };

struct spf {
	enum spoil spoil;
	uint64_t success, retry, abort;
};

static void spoiler(struct task *t, struct mmfix *x)
{
	const struct spf *s = x->arg;
	struct fault f = { .addr = BASE, .write = true, .user = true };

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, 10 * PAGE, RW, ANON, false);
	sys_mmap(t, x->mm, BASE + 100 * PAGE, 10 * PAGE, RW, ANON, false);
	do_fault(t, x->mm, &f);		/* anon_vma and page table */
	task_sleep_until(t, 1000000);
	mmfix_op(t, 1);
	if (s->spoil == SAME_AREA)
		sys_munmap(t, x->mm, BASE + 9 * PAGE, PAGE);
	else if (s->spoil == OTHER_AREA)
		sys_munmap(t, x->mm, BASE + 109 * PAGE, PAGE);
}

static void speculate(struct task *t, struct mmfix *x)
{
	struct fault f = { .addr = BASE + 5 * PAGE, .write = true, .user = true };

	mmfix_op(t, 7);
	do_fault(t, x->mm, &f);
	assert_int_equal(f.failed, false);
	assert_true(resident_at(x->mm, f.addr) & RES_4K);
}

static struct spf run_spf(enum spoil spoil, uint32_t count)
{
	struct spf s = { .spoil = spoil };
	struct mmfix x;

	mmfix_config(&x, 2);
	mmfix_policy(&x, AXIS_MM_LOCK, "speculative");
	fixture_cost(&x.f, COST_ZERO_PAGE, 20000);	/* a long attempt */
	x.cfg.policies.options[AXIS_MM_LOCK] = &count;
	x.arg = &s;
	x.check_every = 1;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, spoiler);
	mmfix_task(&x, 995000, speculate);
	mmfix_run(&x);
	s.success = mmfix_counter(&x, COUNT_SPF_SUCCESS);
	s.retry = mmfix_counter(&x, COUNT_SPF_RETRY);
	s.abort = mmfix_counter(&x, COUNT_SPF_ABORT);
	mmfix_close(&x);
	return s;
}

static void t_speculation(void **state)
{
	(void)state;
	for (uint32_t count = 0; count < 2; count++) {
		/* the first fault of the area has no anon_vma yet */
		assert_int_equal(run_spf(NOTHING, count).success, 1);
		assert_int_equal(run_spf(NOTHING, count).retry, 1);
		assert_int_equal(run_spf(SAME_AREA, count).success, 0);
		assert_int_equal(run_spf(SAME_AREA, count).retry, 2);
		assert_int_equal(run_spf(OTHER_AREA, count).success, !count);
		assert_int_equal(run_spf(OTHER_AREA, count).retry, 1 + count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_disjoint_writers),
		cmocka_unit_test(t_range_readers),
		cmocka_unit_test(t_lock_begin_writes_the_number),
		cmocka_unit_test(t_speculation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
