/*
 * Pins what the calls make of areas and pages, drawn as pictures (a letter is
 * an area, upper case a resident page), and where they refuse. How areas merge
 * and split is t_mm_merge's. Pins no costs.
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

static char buf[256];

static void draw_is(struct mmfix *x, const char *want)
{
	assert_string_equal(picture(x->mm, BASE, (unsigned)strlen(want), buf),
			    want);
}

static int64_t map(struct task *t, struct mmfix *x, unsigned page, unsigned n,
		   uint64_t prot, uint64_t flags)
{
	mmfix_op(t, 0);
	return sys_mmap(t, x->mm, BASE + page * (uint64_t)PAGE,
			n * (uint64_t)PAGE, prot, ANON | flags, false);
}

static int64_t unmap(struct task *t, struct mmfix *x, unsigned page, unsigned n)
{
	mmfix_op(t, 1);
	return sys_munmap(t, x->mm, BASE + page * (uint64_t)PAGE,
			  n * (uint64_t)PAGE);
}

static int64_t protect(struct task *t, struct mmfix *x, unsigned page,
		       unsigned n, uint64_t prot)
{
	mmfix_op(t, 3);
	return sys_mprotect(t, x->mm, BASE + page * (uint64_t)PAGE,
			    n * (uint64_t)PAGE, prot);
}

static int64_t touch(struct task *t, struct mmfix *x, unsigned page, bool write)
{
	struct fault f = { .addr = BASE + page * (uint64_t)PAGE + 8,
			   .write = write, .user = true };

	mmfix_op(t, 7);
	return do_fault(t, x->mm, &f);
}

static void run_one(void (*fn)(struct task *t, struct mmfix *x))
{
	struct mmfix x;

	mmfix_config(&x, 2);
	x.check_every = 1;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, fn);
	mmfix_run(&x);
	mmfix_close(&x);
}

static void unmap_edges(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 3, RW, ABI_MAP_POPULATE);
	assert_int_equal(unmap(t, x, 4, 2), 0);	/* nothing there: success */
	assert_int_equal(unmap(t, x, 0, 0), -EINVAL);
	assert_int_equal(sys_munmap(t, x->mm, BASE + 1, PAGE), -EINVAL);
	draw_is(x, "AAA...");
	unmap(t, x, 0, 10);
	draw_is(x, "......");
	assert_int_equal(x->mm->rss_pages, 0);
}

static void t_unmap_edges(void **state)
{
	(void)state;
	run_one(unmap_edges);
}

static void fixed_replaces(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 6, RW, ABI_MAP_POPULATE);
	draw_is(x, "AAAAAA");
	map(t, x, 2, 2, ABI_PROT_READ, ABI_MAP_FIXED);
	draw_is(x, "AAbbCC");
	assert_int_equal(x->mm->rss_pages, 4);
	assert_int_equal(mmfix_counter(x, COUNT_MMAP_ADDRESS_CONFLICT), 0);
	map(t, x, 1, 1, RW, 0);
	assert_int_equal(mmfix_counter(x, COUNT_MMAP_ADDRESS_CONFLICT), 1);
}

static void t_fixed_replaces(void **state)
{
	(void)state;
	run_one(fixed_replaces);
}

/* As in the kernel: a map may exceed the limit by one, what needs an area more
 * inside of a call may not reach it. */
static void map_count_limit(struct task *t, struct mmfix *x)
{
	unsigned limit = x->cfg.max_map_count;
	uint64_t last = 2 * (uint64_t)limit;

	for (uint64_t i = 0; i + 3 < limit; i++)
		mm_start_area(x->mm, (struct range){ BASE + 2 * i * PAGE,
						     BASE + (2 * i + 1) * PAGE },
			      VM_READ | VM_WRITE | VM_ACCOUNT, 0);
	assert_int_equal(mm_vma_count(x->mm), limit - 3);
	/* mremap would need three at worst */
	assert_int_equal(sys_mremap(t, x->mm, BASE, PAGE, PAGE,
				    ABI_MREMAP_MAYMOVE, BASE + last * PAGE),
			 -ENOMEM);
	for (unsigned i = 0; i < 3; i++)
		assert_true(map(t, x, (unsigned)last + 10 * i, 3, RW, 0) > 0);
	assert_int_equal(mm_vma_count(x->mm), limit);
	assert_int_equal(unmap(t, x, (unsigned)last + 1, 1), -ENOMEM);
	assert_int_equal(protect(t, x, (unsigned)last + 1, 1, 0), -ENOMEM);
	assert_int_equal(sys_madvise(t, x->mm, BASE + (last + 1) * PAGE, PAGE,
				     ABI_MADV_DONTFORK), -ENOMEM);
	assert_true(map(t, x, (unsigned)last + 40, 3, RW, 0) > 0);
	assert_int_equal(map(t, x, (unsigned)last + 50, 1, RW, 0), -ENOMEM);
	assert_int_equal(sys_brk(t, x->mm, BASE + (last + 60) * PAGE,
				 BASE + (last + 61) * PAGE),
			 (int64_t)(BASE + (last + 60) * PAGE));
	/* growing and whole areas need none */
	assert_int_equal(unmap(t, x, (unsigned)last, 3), 0);
	assert_int_equal(unmap(t, x, (unsigned)last + 12, 1), -ENOMEM);
	assert_int_equal(unmap(t, x, (unsigned)last + 40, 3), 0);
	assert_int_equal(unmap(t, x, (unsigned)last + 12, 1), 0);
	assert_int_equal(mm_vma_count(x->mm), limit - 1);
}

static void t_map_count_limit(void **state)
{
	static const unsigned limits[] = { 8, 65530 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mmfix x;

		mmfix_config(&x, 2);
		x.cfg.max_map_count = limits[i];
		mmfix_open(&x, 1);
		mmfix_task(&x, 0, map_count_limit);
		mmfix_run(&x);
		mmfix_close(&x);
	}
}

static void brk_moves(struct task *t, struct mmfix *x)
{
	mmfix_op(t, 5);
	assert_true(sys_brk(t, x->mm, BASE, BASE + 3 * PAGE) > 0);
	draw_is(x, "aaa...");
	touch(t, x, 2, true);
	sys_brk(t, x->mm, BASE + 3 * PAGE, BASE + 5 * PAGE);
	draw_is(x, "aaAaa.");
	sys_brk(t, x->mm, BASE + 5 * PAGE, BASE + PAGE + 100);
	draw_is(x, "aa....");
	assert_int_equal(x->mm->rss_pages, 0);
	/* one page stays free in front of what is mapped there: the old break */
	map(t, x, 6, 1, ABI_PROT_READ, 0);
	assert_true(sys_brk(t, x->mm, BASE + 2 * PAGE, BASE + 5 * PAGE) ==
		    (int64_t)(BASE + 5 * PAGE));
	draw_is(x, "aaaaa.b");
	assert_true(sys_brk(t, x->mm, BASE + 5 * PAGE, BASE + 6 * PAGE) ==
		    (int64_t)(BASE + 5 * PAGE));
	draw_is(x, "aaaaa.b");
}

static void t_brk(void **state)
{
	(void)state;
	run_one(brk_moves);
}

static void remap(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 4, RW, 0);
	touch(t, x, 1, true);
	touch(t, x, 3, true);
	sys_mremap(t, x->mm, BASE, 4 * PAGE, 2 * PAGE, 0, BASE);
	draw_is(x, "aA..........");
	sys_mremap(t, x->mm, BASE, 2 * PAGE, 3 * PAGE, 0, BASE);
	draw_is(x, "aAa.........");
	sys_mremap(t, x->mm, BASE, 3 * PAGE, 5 * PAGE, ABI_MREMAP_MAYMOVE,
		   BASE + 6 * PAGE);
	draw_is(x, "......aAaaa.");
	assert_int_equal(x->mm->rss_pages, 1);
	map(t, x, 0, 2, RW, ABI_MAP_POPULATE);
	sys_mremap(t, x->mm, BASE + 7 * PAGE, 2 * PAGE, 2 * PAGE,
		   ABI_MREMAP_MAYMOVE | ABI_MREMAP_FIXED, BASE);
	draw_is(x, "Aa....b..cc.");
}

static void t_mremap(void **state)
{
	(void)state;
	run_one(remap);
}

static void stack_at(struct mmfix *x, unsigned page)
{
	mm_start_area(x->mm, (struct range){ BASE + page * (uint64_t)PAGE,
					     BASE + (page + 2) * (uint64_t)PAGE },
		      VM_READ | VM_WRITE | VM_GROWSDOWN, 1);
}

static void stack_grows(struct task *t, struct mmfix *x)
{
	stack_at(x, 8);
	draw_is(x, "........aA");
	assert_int_equal(touch(t, x, 5, true), 0);
	draw_is(x, ".....AaaaA");
	assert_int_equal(mmfix_counter(x, COUNT_STACK_GROWTH), 1);
	assert_int_equal(touch(t, x, 12, true), -EFAULT);
	/* 8 MiB and no further */
	stack_at(x, 4000);
	assert_int_equal(touch(t, x, 4002 - 2048 - 1, true), -EFAULT);
	assert_int_equal(touch(t, x, 4002 - 2048, true), 0);
	assert_int_equal(mmfix_counter(x, COUNT_STACK_GROWTH), 2);
}

/* 256 pages stay free above what can be accessed and is no stack itself. */
static void guard_gap(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 10, RW, 0);
	stack_at(x, 300);
	assert_int_equal(touch(t, x, 265, true), -EFAULT);
	assert_int_equal(touch(t, x, 266, true), 0);
	assert_int_equal(mmfix_counter(x, COUNT_STACK_GROWTH), 1);
	protect(t, x, 0, 10, 0);		/* a guard of the program's own */
	assert_int_equal(touch(t, x, 200, true), 0);
	stack_at(x, 600);
	assert_int_equal(touch(t, x, 303, true), 0);	/* towards a stack */
	assert_int_equal(mmfix_counter(x, COUNT_STACK_GROWTH), 3);
	/* nor does the heap grow into the gap */
	stack_at(x, 2000);
	assert_true(sys_brk(t, x->mm, BASE + 1000 * (uint64_t)PAGE,
			    BASE + 1743 * (uint64_t)PAGE) ==
		    (int64_t)(BASE + 1743 * (uint64_t)PAGE));
	assert_true(sys_brk(t, x->mm, BASE + 1743 * (uint64_t)PAGE,
			    BASE + 1744 * (uint64_t)PAGE) ==
		    (int64_t)(BASE + 1743 * (uint64_t)PAGE));
}

static void t_stack_grows(void **state)
{
	(void)state;
	run_one(stack_grows);
	run_one(guard_gap);
}

static void madvise_pages(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 6, RW, ABI_MAP_POPULATE);
	mmfix_op(t, 4);
	sys_madvise(t, x->mm, BASE + PAGE, 2 * PAGE, ABI_MADV_DONTNEED);
	draw_is(x, "AaaAAA");
	sys_madvise(t, x->mm, BASE, 2 * PAGE, ABI_MADV_POPULATE_WRITE);
	draw_is(x, "AAaAAA");
	sys_madvise(t, x->mm, BASE + 4 * PAGE, PAGE, ABI_MADV_DONTFORK);
	draw_is(x, "AAaABC");
	sys_madvise(t, x->mm, BASE + 4 * PAGE, PAGE, ABI_MADV_DOFORK);
	draw_is(x, "AAaAAA");
	sys_mlock(t, x->mm, BASE + 2 * PAGE, PAGE, true);
	draw_is(x, "AABCCC");
	/* locked pages stay, also for a call that only reaches in */
	assert_int_equal(sys_madvise(t, x->mm, BASE + 2 * PAGE, PAGE,
				     ABI_MADV_DONTNEED), -EINVAL);
	assert_int_equal(sys_madvise(t, x->mm, BASE + 2 * PAGE, PAGE,
				     ABI_MADV_COLD), -EINVAL);
	draw_is(x, "AABCCC");
	sys_mlock(t, x->mm, BASE + 2 * PAGE, PAGE, false);
	draw_is(x, "AAAAAA");
	sys_madvise(t, x->mm, BASE + 2 * PAGE, PAGE, ABI_MADV_FREE);
	draw_is(x, "AAAAAA");
}

static void t_madvise(void **state)
{
	(void)state;
	run_one(madvise_pages);
}

/* get_user_pages() faults in what is missing, and makes a shared page its own. */
static void gets_pages(struct task *t, struct mmfix *x)
{
	struct mm *child;

	map(t, x, 0, 4, RW, 0);
	touch(t, x, 1, true);
	mmfix_op(t, 8);
	do_fork(t, x->mm, 2, &child);
	mmfix_op(t, 19);
	assert_int_equal(do_gup(t, x->mm, BASE + PAGE, 2), 2);
	draw_is(x, "aAAa");
	assert_int_equal(resident_at(x->mm, BASE + PAGE), RES_4K);
	assert_int_equal(resident_at(child, BASE + PAGE), RES_4K | RES_COW);
	assert_int_equal(do_gup(t, x->mm, BASE + 3 * PAGE, 2), -EFAULT);
	mmput(t, child);
	settle(t);
	mm_forget(child);
}

static void t_gup(void **state)
{
	(void)state;
	run_one(gets_pages);
}

/* ---- the objects ---- */

/*
 * What the slabs are asked for follows from the sizes of the preset and from
 * where the lock lies; published are 160 + 40 bytes, 256 with the lock inside.
 */
static void t_object_sizes(void **state)
{
	static const struct {
		const char *place;
		uint32_t area, lock;
		struct vma_object want;
	} row[] = {
		{ NULL, 176, 40, { 176, 16, 0, 0, 0, 0 } },
		{ "separate", 160, 40, { 160, 16, 40, 8, 0, 0 } },
		{ "separate", 176, 40, { 176, 16, 40, 8, 0, 0 } },
		{ "separate-aligned", 176, 40, { 192, 64, 64, 64, 0, 0 } },
		{ "embedded", 176, 40, { 216, 8, 0, 0, 176, 0 } },
		{ "embedded", 160, 104, { 264, 8, 0, 0, 160, 0 } },
		{ "embedded-aligned", 160, 40, { 256, 64, 0, 0, 192, 0 } },
		{ "embedded-aligned", 208, 40, { 320, 64, 0, 0, 256, 0 } },
	};
	struct vma_layout l = { .align = 16, .refcnt_bytes = 192,
				.refcnt = 128 };
	struct vma_object o;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		l.bytes = row[i].area;
		l.lock_bytes = row[i].lock;
		o = vma_object_of(&l, row[i].place ?
				  (const void *)policy_find(AXIS_VMA_LOCK_PLACE,
							    row[i].place) :
				  NULL, false);
		assert_memory_equal(&o, &row[i].want, sizeof(o));
	}
	o = vma_object_of(&l, NULL, true);
	assert_int_equal(o.bytes, 192);
	assert_int_equal(o.lock_offset, 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_unmap_edges),
		cmocka_unit_test(t_fixed_replaces),
		cmocka_unit_test(t_map_count_limit),
		cmocka_unit_test(t_brk),
		cmocka_unit_test(t_mremap),
		cmocka_unit_test(t_stack_grows),
		cmocka_unit_test(t_madvise),
		cmocka_unit_test(t_gup),
		cmocka_unit_test(t_object_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
