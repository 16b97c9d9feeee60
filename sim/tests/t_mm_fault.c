/*
 * Pins which lock a fault takes by kernel version, what counts as success,
 * abort, retry and miss, and what kind of fault it is. Pins no times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "sim/mm/abi.h"
#include "sim/tests/fixture_mm.h"

#define BASE 0x700000000000ULL
#define RW (ABI_PROT_READ | ABI_PROT_WRITE)

static int64_t touch(struct task *t, struct mmfix *x, uint64_t page, bool write,
		     bool user)
{
	struct fault f = { .addr = BASE + page * PAGE, .write = write,
			   .user = user };

	mmfix_op(t, 7);
	return do_fault(t, x->mm, &f);
}

static void map(struct task *t, struct mmfix *x, uint64_t page, uint64_t n,
		bool file)
{
	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE + page * PAGE, n * PAGE, RW,
		 file ? 0x2 : 0x2 | ABI_MAP_ANONYMOUS, file);
}

/* ---- path classes by fault_scope ---- */

struct expect {
	const char *scope;
	enum kop_path first_anon, second_anon, file_read, file_write;
};

static const struct expect expect[] = {
	{ "none", KOP_PATH_MMAP, KOP_PATH_MMAP, KOP_PATH_MMAP, KOP_PATH_MMAP },
	{ "6.4", KOP_PATH_MMAP, KOP_PATH_VMA, KOP_PATH_MMAP, KOP_PATH_MMAP },
	{ "6.6", KOP_PATH_MMAP, KOP_PATH_VMA, KOP_PATH_VMA, KOP_PATH_RETRY },
	{ "6.7", KOP_PATH_MMAP, KOP_PATH_VMA, KOP_PATH_VMA, KOP_PATH_RETRY },
	{ "6.10", KOP_PATH_VMA_TRYLOCK, KOP_PATH_VMA, KOP_PATH_VMA,
	  KOP_PATH_VMA_TRYLOCK },
};

static enum kop_path path_of(struct task *t, struct mmfix *x, uint64_t page,
			     bool write)
{
	assert_int_equal(touch(t, x, page, write, true), 0);
	return script_of(t)->op.path;
}

static void scopes(struct task *t, struct mmfix *x)
{
	const struct expect *e = x->arg;

	map(t, x, 0, 4, false);
	map(t, x, 64, 64, true);
	assert_int_equal(path_of(t, x, 0, true), e->first_anon);
	assert_int_equal(path_of(t, x, 1, true), e->second_anon);
	assert_int_equal(path_of(t, x, 64, false), e->file_read);
	assert_int_equal(path_of(t, x, 90, true), e->file_write);
	/* kernel-mode access never starts with the VMA lock */
	assert_int_equal(touch(t, x, 2, true, false), 0);
	assert_int_equal(script_of(t)->op.path, KOP_PATH_MMAP);
}

static void t_scopes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(expect) / sizeof(expect[0]); i++) {
		struct mmfix x;

		mmfix_config(&x, 2);
		mmfix_policy(&x, AXIS_FAULT_SCOPE, expect[i].scope);
		x.arg = (void *)(uintptr_t)&expect[i];
		mmfix_open(&x, 1);
		mmfix_task(&x, 0, scopes);
		mmfix_run(&x);
		mmfix_close(&x);
	}
}

/* ---- kinds of fault ---- */

static void kinds(struct task *t, struct mmfix *x)
{
	uint64_t file_page = BASE + 64 * PAGE;

	map(t, x, 0, 8, false);
	map(t, x, 64, 64, true);
	touch(t, x, 0, false, true);
	assert_int_equal(resident_at(x->mm, BASE), RES_4K | RES_ZERO);
	touch(t, x, 0, true, true);		/* zero page: allocate, no copy */
	assert_int_equal(resident_at(x->mm, BASE), RES_4K);
	assert_int_equal(mmfix_counter(x, COUNT_FAULT_COW), 0);
	touch(t, x, 0, true, true);
	assert_int_equal(mmfix_counter(x, COUNT_FAULT_SPURIOUS), 1);
	/* fault-around: one page known, its 64 KiB window possible */
	touch(t, x, 70, false, true);
	assert_int_equal(resident_at(x->mm, file_page + 6 * PAGE),
			 RES_4K | RES_FILE);
	assert_int_equal(resident_at(x->mm, file_page),
			 RES_4K | RES_FILE | RES_MAYBE);
	assert_int_equal(resident_at(x->mm, file_page + 16 * PAGE), 0);
	assert_int_equal(x->mm->rss_pages, 2);
	touch(t, x, 70, true, true);		/* private file page: copy */
	assert_int_equal(mmfix_counter(x, COUNT_FAULT_COW), 1);
	assert_int_equal(resident_at(x->mm, file_page + 6 * PAGE), RES_4K);
	/* write-protected by mprotect: reused, not copied, not spurious */
	mmfix_op(t, 3);
	sys_mprotect(t, x->mm, BASE, PAGE, ABI_PROT_READ);
	assert_int_equal(touch(t, x, 0, true, true), -EFAULT);
	sys_mprotect(t, x->mm, BASE, PAGE, RW);
	touch(t, x, 0, true, true);
	assert_int_equal(mmfix_counter(x, COUNT_FAULT_SPURIOUS), 1);
	assert_int_equal(mmfix_counter(x, COUNT_FAULT_COW), 1);
	assert_int_equal(touch(t, x, 20, true, true), -EFAULT);
	assert_int_equal(mmfix_counter(x, COUNT_FAULT_OUTSIDE), 2);
}

static void t_kinds(void **state)
{
	struct mmfix x;

	(void)state;
	mmfix_config(&x, 1);
	x.check_every = 1;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, kinds);
	mmfix_run(&x);
	mmfix_close(&x);
}

static void huge(struct task *t, struct mmfix *x)
{
	uint64_t at = BASE + 512 * PAGE;

	map(t, x, 100, 1500, false);
	touch(t, x, 600, true, true);
	assert_int_equal(resident_at(x->mm, at), RES_HUGE);
	assert_int_equal(x->mm->rss_pages, 512);
	touch(t, x, 101, true, true);		/* the area does not cover it */
	assert_int_equal(x->mm->rss_pages, 513);
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, at + 10 * PAGE, PAGE);	/* cuts the huge page */
	assert_int_equal(resident_at(x->mm, at), RES_4K);
	assert_int_equal(x->mm->rss_pages, 512);
	assert_int_equal(mmfix_counter(x, COUNT_THP_FAULT_ALLOC), 1);
}

static void t_huge(void **state)
{
	struct mmfix x;

	(void)state;
	mmfix_config(&x, 1);
	x.cfg.thp = 2;
	x.check_every = 1;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, huge);
	mmfix_run(&x);
	mmfix_close(&x);
}

/* ---- races with a writer ---- */

static void setup_then_unmap(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 1, false);
	touch(t, x, 0, true, true);
	task_sleep_until(t, 1000000);
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, BASE, PAGE);
}

static void late_fault(struct task *t, struct mmfix *x)
{
	touch(t, x, 0, false, true);
}

/* An interrupt keeps the fault busy between its lookup and its lock. */
static void interrupt_fault(struct task *t, struct mmfix *x)
{
	static struct irq_request r;

	r = (struct irq_request){ .cost_ns = 30000, .cls = COST_ASSUMED };
	settle(t);
	irq_send(t, &r, &x->f.m.cpus[1]);
}

/*
 * One task unmaps, another faults a little earlier or later: over all offsets
 * the lookup succeeds, finds the area write-locked (abort), and finds it
 * locked, unlocked and gone (miss, then a second look finds nothing: abort).
 */
static void t_races(void **state)
{
	uint64_t success = 0, abort = 0, miss = 0, outside = 0;

	(void)state;
	for (int64_t at = 985000; at < 1015000; at += 25) {
		struct mmfix x;

		mmfix_config(&x, 3);
		fixture_cost(&x.f, COST_XFER_LLC, 4000);	/* slow lines */
		x.check_every = 1;
		mmfix_open(&x, 1);
		mmfix_task(&x, 0, setup_then_unmap)->task.affinity = 1;
		mmfix_task(&x, at, late_fault)->task.affinity = 2;
		mmfix_task(&x, at + 4000, interrupt_fault)->task.affinity = 3;
		mmfix_run(&x);
		success += mmfix_counter(&x, COUNT_VMA_LOCK_SUCCESS);
		abort += mmfix_counter(&x, COUNT_VMA_LOCK_ABORT);
		miss += mmfix_counter(&x, COUNT_VMA_LOCK_MISS);
		outside += mmfix_counter(&x, COUNT_FAULT_OUTSIDE);
		mmfix_close(&x);
	}
	assert_true(success >= 1000);	/* the first touch of each run */
	assert_true(abort > 0 && miss > 0 && outside > 0);
}

/* 6.10: the anon_vma trylock fails behind a writer, the fault is repeated. */
static void hold_write(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 1, false);
	map(t, x, 10, 1, false);
	task_sleep_until(t, 1000000);
	mmfix_op(t, 3);
	mmap_write_lock(t, x->mm, WHOLE_MM, false);
	work_ns(t, 500000, COST_ASSUMED);
	mmap_write_unlock(t, x->mm, WHOLE_MM);
	kop_effect(t);
}

static void fault_behind(struct task *t, struct mmfix *x)
{
	touch(t, x, 10, true, true);
	assert_true(task_now(t) > 1500000);
	assert_int_equal(script_of(t)->op.path, KOP_PATH_RETRY);
	assert_int_equal(mmfix_counter(x, COUNT_VMA_LOCK_RETRY), 1);
	assert_int_equal(mmfix_counter(x, COUNT_VMA_LOCK_SUCCESS), 0);
}

static void fault_beside(struct task *t, struct mmfix *x)
{
	touch(t, x, 10, false, true);	/* a read needs no anon_vma */
	assert_true(task_now(t) < 1200000);
	assert_int_equal(script_of(t)->op.path, KOP_PATH_VMA);
}

static void run_pair(void (*b)(struct task *t, struct mmfix *x))
{
	struct mmfix x;

	mmfix_config(&x, 2);
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, hold_write);
	mmfix_task(&x, 1100000, b);
	mmfix_run(&x);
	mmfix_close(&x);
}

static void t_first_anon_retry(void **state)
{
	(void)state;
	run_pair(fault_behind);
}

static void t_fault_beside_writer(void **state)
{
	(void)state;
	run_pair(fault_beside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_scopes),
		cmocka_unit_test(t_kinds),
		cmocka_unit_test(t_huge),
		cmocka_unit_test(t_races),
		cmocka_unit_test(t_first_anon_retry),
		cmocka_unit_test(t_fault_beside_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
