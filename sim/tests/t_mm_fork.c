/*
 * Pins what fork copies and what it leaves out, where its flush happens, what
 * exec and exit leave behind, and that a /proc reader may be the one who runs
 * exit_mmap(). Of costs only the order of the four fork_copy policies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sim/mm/abi.h"
#include "sim/tests/fixture_mm.h"

#define BASE 0x700000000000ULL
#define RW (ABI_PROT_READ | ABI_PROT_WRITE)
#define ANON (0x2 | ABI_MAP_ANONYMOUS)

static char buf[128];

static void touch(struct task *t, struct mm *mm, uint64_t page)
{
	struct fault f = { .addr = BASE + page * PAGE, .write = true,
			   .user = true };

	mmfix_op(t, 7);
	assert_int_equal(do_fault(t, mm, &f), 0);
}

static struct mm *fork_of(struct task *t, struct mm *mm, uint32_t id)
{
	struct mm *child;

	mmfix_op(t, 8);
	assert_int_equal(do_fork(t, mm, id, &child), 0);
	return child;
}

static void drop(struct task *t, struct mm *mm)
{
	mmfix_op(t, 11);
	mmput(t, mm);
	settle(t);
	mm_forget(mm);
}

static void copies(struct task *t, struct mmfix *x)
{
	struct mm *child;

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, 4 * PAGE, RW, ANON, false);
	sys_mmap(t, x->mm, BASE + 5 * PAGE, 2 * PAGE, RW, ANON, false);
	sys_mmap(t, x->mm, BASE + 8 * PAGE, 2 * PAGE, RW, ANON, false);
	sys_mmap(t, x->mm, BASE + 11 * PAGE, 2 * PAGE, 1, 0x2, true);
	for (unsigned p = 1; p < 10; p += 4)
		touch(t, x->mm, p);
	sys_madvise(t, x->mm, BASE + 5 * PAGE, 2 * PAGE, ABI_MADV_DONTFORK);
	sys_madvise(t, x->mm, BASE + 8 * PAGE, 2 * PAGE, ABI_MADV_WIPEONFORK);
	assert_string_equal(picture(x->mm, BASE, 14, buf), "aAaa.Bb.cC.dd.");
	child = fork_of(t, x->mm, 2);
	assert_string_equal(picture(child, BASE, 14, buf), "aAaa....bb.cc.");
	assert_int_equal(child->rss_pages, 1);
	assert_int_equal(resident_at(child, BASE + PAGE), RES_4K | RES_COW);
	assert_int_equal(resident_at(x->mm, BASE + PAGE), RES_4K | RES_COW);

	touch(t, x->mm, 1);			/* the parent copies */
	assert_int_equal(mmfix_counter(x, COUNT_FAULT_COW), 1);
	assert_int_equal(resident_at(x->mm, BASE + PAGE), RES_4K);
	drop(t, child);
	child = fork_of(t, x->mm, 3);
	drop(t, child);
	touch(t, x->mm, 1);			/* alone again: no copy */
	assert_int_equal(mmfix_counter(x, COUNT_FAULT_COW), 1);
	/* inherited areas do not merge with fresh neighbours */
	child = fork_of(t, x->mm, 4);
	sys_mmap(t, child, BASE + 4 * PAGE, PAGE, RW, ANON, false);
	assert_string_equal(picture(child, BASE, 6, buf), "aAaab.");
	drop(t, child);
}

static void run_one(void (*fn)(struct task *t, struct mmfix *x),
		    const char *fork_copy)
{
	bool tree_first = !strcmp(fork_copy, "maple-bulk") ||
			  !strcmp(fork_copy, "mt-dup");
	struct mmfix x;

	mmfix_config(&x, 2);
	if (!strcmp(fork_copy, "rbtree")) {
		mmfix_policy(&x, AXIS_MM_LOCK, "mm-wide");
		mmfix_policy(&x, AXIS_VMA_INDEX, "rbtree");
	}
	mmfix_policy(&x, AXIS_FORK_COPY, fork_copy);
	x.check_every = 1;
	x.arg = &tree_first;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, fn);
	mmfix_run(&x);
	mmfix_close(&x);
}

static void t_copies(void **state)
{
	(void)state;
	run_one(copies, "rbtree");
	run_one(copies, "maple-store");
	run_one(copies, "maple-bulk");
	run_one(copies, "mt-dup");
}

/* Memory ends at the n-th allocation, of the tree's nodes or of an area: the
 * half-made child goes through exit_mmap(), the parent is as it was but for its
 * write-protected pages, and no reserved node is left. */
static void fails(struct task *t, struct mmfix *x)
{
	const struct hold_class *nodes =
		&x->f.metrics->holds[x->k->hold[HOLD_MAPLE_NODE]];
	unsigned first = *(bool *)x->arg ? 1 : 0;
	struct mm *child;

	mmfix_op(t, 0);
	for (unsigned i = 0; i < 5; i++) {
		sys_mmap(t, x->mm, BASE + 2 * i * PAGE, PAGE, RW, ANON, false);
		touch(t, x->mm, 2 * i);
	}
	for (unsigned n = 1; n <= first + 5; n++) {
		x->k->fail_dup = n;
		mmfix_op(t, 8);
		assert_int_equal(do_fork(t, x->mm, 10 + n, &child), -ENOMEM);
		assert_int_equal(x->k->fail_dup, 0);
		assert_null(child);
		assert_int_equal(nodes->stage[x->k->stage[STAGE_RESERVED]].objects, 0);
		if (n <= first)		/* before any area was copied */
			assert_int_equal(resident_at(x->mm, BASE), RES_4K);
		assert_string_equal(picture(x->mm, BASE, 10, buf), "A.B.C.D.E.");
	}
	x->k->fail_dup = first + 6;	/* one more than there are */
	child = fork_of(t, x->mm, 20);
	assert_int_equal(x->k->fail_dup, 1);
	x->k->fail_dup = 0;
	assert_string_equal(picture(child, BASE, 10, buf), "A.B.C.D.E.");
	drop(t, child);
	for (unsigned i = 0; i < 5; i++)
		touch(t, x->mm, 2 * i);		/* nobody shares them now */
	assert_int_equal(mmfix_counter(x, COUNT_FAULT_COW), 0);
}

static void t_out_of_memory(void **state)
{
	(void)state;
	run_one(fails, "rbtree");
	run_one(fails, "maple-store");
	run_one(fails, "maple-bulk");
	run_one(fails, "mt-dup");
}

/* A child's exit unmaps pages that stay its parent's: cheaper than freeing. */
static void shared_exit(struct task *t, struct mmfix *x)
{
	struct mm *child;
	int64_t start;

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, 1000 * PAGE, RW, ANON | ABI_MAP_POPULATE,
		 false);
	child = fork_of(t, x->mm, 2);
	start = task_now(t);
	drop(t, child);
	*(int64_t *)x->arg = task_now(t) - start;
}

static void t_shared_pages(void **state)
{
	struct mmfix x;
	int64_t ns;

	(void)state;
	mmfix_config(&x, 1);
	x.arg = &ns;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, shared_exit);
	mmfix_run(&x);
	assert_in_range(ns, 1000 * 50, 1000 * 50 + 10000);
	mmfix_close(&x);
}

/* ---- the four ways, by areas ---- */

static void fork_many(struct task *t, struct mmfix *x)
{
	unsigned n = *(unsigned *)x->arg;
	struct mm *child;
	int64_t start;

	for (unsigned i = 0; i < n; i++)
		mm_start_area(x->mm, (struct range){
			BASE + 2 * i * PAGE, BASE + (2 * i + 1) * PAGE }, 3, 0);
	start = task_now(t);
	child = fork_of(t, x->mm, 2);
	*(unsigned *)x->arg = (unsigned)(task_now(t) - start);
	drop(t, child);
}

static unsigned fork_ns(const char *fork_copy, unsigned areas)
{
	struct mmfix x;

	mmfix_config(&x, 1);
	mmfix_policy(&x, AXIS_MM_LOCK, "mm-wide");
	mmfix_policy(&x, AXIS_FORK_COPY, fork_copy);
	x.arg = &areas;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, fork_many);
	mmfix_run(&x);
	mmfix_close(&x);
	return areas;
}

static void t_fork_order(void **state)
{
	unsigned store = fork_ns("maple-store", 2000);
	unsigned bulk = fork_ns("maple-bulk", 2000);
	unsigned dup = fork_ns("mt-dup", 2000);

	(void)state;
	assert_true(dup < bulk && bulk < store);
	/* O(n): ten times the areas, at most eleven times the slope */
	assert_true(fork_ns("mt-dup", 20000) - dup < 11 * dup);
}

static void bulk_reserves(struct task *t, struct mmfix *x)
{
	const struct hold_class *c;

	for (unsigned i = 0; i < 1000; i++)
		mm_start_area(x->mm, (struct range){
			BASE + 2 * i * PAGE, BASE + (2 * i + 1) * PAGE }, 3, 0);
	drop(t, fork_of(t, x->mm, 2));
	c = &x->f.metrics->holds[x->k->hold[HOLD_MAPLE_NODE]];
	/* (2 * 1000 + 1) / 14 leaves, an eighth of it above, three to work */
	assert_int_equal(c->stage[x->k->stage[STAGE_RESERVED]].moved > 0, 1);
	assert_true(c->peak_objects >= 143 + 18 + 3);
}

static void t_bulk_reserves(void **state)
{
	(void)state;
	run_one(bulk_reserves, "maple-bulk");
}

/* Seed 3: while an mm has one user, a store changes nodes in place; from its
 * second user on, for ever, it leaves the old node to RCU. Since 6.4 always. */
static void stores(struct task *t, struct mmfix *x)
{
	const struct hold_stage *waits =
		&x->f.metrics->holds[x->k->hold[HOLD_MAPLE_NODE]]
		.stage[x->k->stage[STAGE_GRACE_PERIOD]];
	bool always = x->cfg.version >= 6004000;

	mmfix_op(t, 0);
	for (unsigned i = 0; i < 4; i++)
		sys_mmap(t, x->mm, BASE + 2 * i * PAGE, PAGE, RW, ANON, false);
	assert_int_equal(waits->moved > 0, always);
	mmget(t, x->mm);
	mmput(t, x->mm);
	for (unsigned i = 4; i < 8; i++) {
		uint64_t before = waits->moved;

		sys_mmap(t, x->mm, BASE + 2 * i * PAGE, PAGE, RW, ANON, false);
		assert_true(waits->moved > before);
	}
}

static void t_second_user(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mmfix x;

		mmfix_config(&x, 1);
		mmfix_policy(&x, AXIS_MM_LOCK, "mm-wide");
		x.cfg.version = i ? 6004000 : 6001000;
		mmfix_open(&x, 1);
		mmfix_task(&x, 0, stores);
		mmfix_run(&x);
		mmfix_close(&x);
	}
}

/* ---- exec and exit ---- */

static void execs(struct task *t, struct mmfix *x)
{
	struct mm *fresh;

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, 10 * PAGE, RW, ANON | ABI_MAP_POPULATE, false);
	mmfix_op(t, 10);
	assert_int_equal(do_exec(t, x->mm, 9, &fresh), 0);
	assert_ptr_equal(t->address_space, fresh);
	assert_int_equal(mm_vma_count(x->mm), 0);
	assert_int_equal(x->mm->rss_pages, 0);
	mm_start_area(fresh, (struct range){ BASE, BASE + PAGE }, 5, 1);
	assert_string_equal(picture(fresh, BASE, 2, buf), "A.");
	mmfix_op(t, 12);
	do_exit_mm(t, fresh);
	do_exit(t);
	mm_forget(fresh);
}

static void t_exec(void **state)
{
	(void)state;
	run_one(execs, "mt-dup");
}

static void leaves(struct task *t, struct mmfix *x)
{
	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, 2000 * PAGE, RW, ANON | ABI_MAP_POPULATE,
		 false);
	task_sleep_until(t, 5000000);
	mmfix_op(t, 12);
	do_exit_mm(t, x->mm);
	x->arg = (void *)(uintptr_t)task_now(t);
}

static void slow_reader(struct task *t, struct mmfix *x)
{
	mmfix_op(t, 16);
	do_proc_read(t, x->mm, PROC_FILE_SMAPS);
	assert_int_equal(mm_vma_count(x->mm), 0);
	/* 2000 pages of zapping were ours, not the owner's */
	assert_true(task_now(t) > (int64_t)(uintptr_t)x->arg + 2000 * 100);
}

static void t_reader_runs_exit_mmap(void **state)
{
	struct mmfix x;

	(void)state;
	mmfix_config(&x, 2);
	fixture_cost(&x.f, COST_PROC_SMAPS_PAGE, 500);
	x.check_every = 1;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, leaves);
	mmfix_task(&x, 4800000, slow_reader);
	/* a reader is no thread of the mm */
	x.mm->users = 1;
	task_attach_mm(&x.script[1].task, NULL);
	mmfix_run(&x);
	mmfix_close(&x);
}

/* ---- TLB ---- */

static void spin_in_user(struct task *t, struct mmfix *x)
{
	(void)x;
	task_set_mode(t, MODE_USER);
	work_ns(t, 3000000, COST_ASSUMED);
	settle(t);
}

static void forks_beside(struct task *t, struct mmfix *x)
{
	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, 4 * PAGE, RW, ANON | ABI_MAP_POPULATE, false);
	task_sleep_until(t, 1000000);
	drop(t, fork_of(t, x->mm, 2));
}

/* The flush reaches every CPU that runs a thread, and only those. */
static void t_fork_flush(void **state)
{
	struct mmfix x;

	(void)state;
	mmfix_config(&x, 8);
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, forks_beside);
	for (int i = 0; i < 3; i++)
		mmfix_task(&x, 10000, spin_in_user);
	mmfix_run(&x);
	assert_int_equal(mmfix_counter(&x, COUNT_TLB_IPI), 3);
	mmfix_close(&x);
}

static void protects(struct task *t, struct mmfix *x)
{
	int64_t *took_ns = x->arg;

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, 20 * PAGE, RW, ANON | ABI_MAP_POPULATE, false);
	task_sleep_until(t, 1000000);
	*took_ns = -task_now(t);
	sys_mprotect(t, x->mm, BASE, 20 * PAGE, ABI_PROT_READ);
	*took_ns += task_now(t);
}

static int64_t protect_ns(const char *tlb_flush)
{
	struct mmfix x;
	int64_t took_ns;

	mmfix_config(&x, 2);
	mmfix_policy(&x, AXIS_TLB_FLUSH, tlb_flush);
	x.arg = &took_ns;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, protects);
	mmfix_task(&x, 10000, spin_in_user);
	mmfix_run(&x);
	assert_int_equal(mmfix_counter(&x, COUNT_TLB_IPI), 1);
	mmfix_close(&x);
	return took_ns;
}

/*
 * serial      |local|send|--- remote ---|
 * concurrent  |send|local|
 *                  |--- remote ---|
 */
static void t_concurrent_flush(void **state)
{
	(void)state;
	assert_true(protect_ns("concurrent") < protect_ns("serial"));
}

enum { PAGES = 100, AT_NS = 1000000 };

/** struct race - the parent unmaps while its child leaves */
struct race {
	struct mm *child;
	int64_t leaves_ns, unmapped_ns;
};

/* Pages that a child shares, and then AT_NS. */
static void forks_and_sleeps(struct task *t, struct mmfix *x)
{
	struct race *r = x->arg;

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, PAGES * PAGE, RW, ANON | ABI_MAP_POPULATE,
		 false);
	r->child = fork_of(t, x->mm, 2);
	BUG_ON(task_now(t) > AT_NS / 2);
	task_sleep_until(t, AT_NS);
}

static void unmaps(struct task *t, struct mmfix *x)
{
	struct race *r = x->arg;

	forks_and_sleeps(t, x);
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, BASE, PAGES * PAGE);
	r->unmapped_ns = task_now(t);
}

static void last_relative(struct task *t, struct mmfix *x)
{
	struct race *r = x->arg;

	drop(t, r->child);
}

static int64_t unmapped_ns(int64_t leaves_ns, bool eager)
{
	struct race r = { 0 };
	struct mmfix x;

	mmfix_config(&x, 2);
	x.arg = &r;
	mmfix_open(&x, 1);
	x.f.m.engine.eager = eager;
	mmfix_task(&x, 0, unmaps);
	mmfix_task(&x, leaves_ns, last_relative);
	/* a process of its own */
	x.mm->users = 1;
	task_attach_mm(&x.script[1].task, NULL);
	mmfix_run(&x);
	mmfix_close(&x);
	return r.unmapped_ns;
}

/* Whether a page is freed or stays a relative's is decided in one instant: work
 * as debt and work as events give the same time. */
static void t_last_relative_leaves(void **state)
{
	int64_t first_ns = unmapped_ns(AT_NS / 2, false);
	unsigned others = 0;

	(void)state;
	for (int64_t at_ns = AT_NS - 20000; at_ns < AT_NS + 40000;
	     at_ns += 3001) {
		int64_t fast_ns = unmapped_ns(at_ns, false);

		assert_int_equal(fast_ns, unmapped_ns(at_ns, true));
		others += fast_ns != first_ns;
	}
	assert_true(others > 2);	/* it did leave meanwhile */
}

/* ---- relatives that exit at the same time ---- */

static void parent_exits(struct task *t, struct mmfix *x)
{
	forks_and_sleeps(t, x);
	mmfix_op(t, 12);
	do_exit_mm(t, x->mm);
}

static uint64_t freed_pages(int64_t leaves_ns)
{
	struct race r = { 0 };
	const struct hold_class *c;
	struct mmfix x;
	uint64_t freed;

	mmfix_config(&x, 2);
	x.arg = &r;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, parent_exits);
	mmfix_task(&x, leaves_ns, last_relative);
	x.mm->users = 1;
	task_attach_mm(&x.script[1].task, NULL);
	mmfix_run(&x);
	c = &x.f.metrics->holds[x.k->hold[HOLD_PAGE]];
	freed = c->stage[x.k->stage[STAGE_TLB]].moved;
	mmfix_close(&x);
	return freed;
}

/* Shared pages are freed once, by the last one: also if both are in exit_mmap()
 * together, whoever came first and whoever is done first. */
static void t_relatives_exit_together(void **state)
{
	(void)state;
	for (int64_t at_ns = AT_NS - 30000; at_ns < AT_NS + 30000;
	     at_ns += 1499)
		assert_int_equal(freed_pages(at_ns), PAGES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_copies),
		cmocka_unit_test(t_out_of_memory),
		cmocka_unit_test(t_shared_pages),
		cmocka_unit_test(t_fork_order),
		cmocka_unit_test(t_bulk_reserves),
		cmocka_unit_test(t_second_user),
		cmocka_unit_test(t_exec),
		cmocka_unit_test(t_reader_runs_exit_mmap),
		cmocka_unit_test(t_fork_flush),
		cmocka_unit_test(t_concurrent_flush),
		cmocka_unit_test(t_last_relative_leaves),
		cmocka_unit_test(t_relatives_exit_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
