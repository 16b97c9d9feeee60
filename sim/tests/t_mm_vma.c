/*
 * Pins how areas merge and split, drawn as pictures: a letter is an area,
 * upper case a resident page. Pins no costs.
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

static void merge_new(struct task *t, struct mmfix *x)
{
	map(t, x, 2, 2, RW, 0);
	draw_is(x, "..aa......");
	map(t, x, 6, 2, RW, 0);
	draw_is(x, "..aa..bb..");
	map(t, x, 4, 1, RW, 0);			/* with the one before */
	draw_is(x, "..aaa.bb..");
	map(t, x, 5, 1, RW, 0);			/* closes the gap: three in one */
	draw_is(x, "..aaaaaa..");
	map(t, x, 0, 2, RW, 0);			/* with the one behind */
	draw_is(x, "aaaaaaaa..");
	map(t, x, 8, 1, ABI_PROT_READ, 0);	/* other flags: no merge */
	draw_is(x, "aaaaaaaab.");
	assert_int_equal(mm_vma_count(x->mm), 2);
}

static void t_merge_new(void **state)
{
	(void)state;
	run_one(merge_new);
}

static void anon_vma_rules(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 2, RW, 0);
	touch(t, x, 0, true);
	map(t, x, 3, 2, RW, 0);
	touch(t, x, 3, true);
	draw_is(x, "Aa.Bb");
	/* both have an anon_vma of their own: the new one joins the first */
	map(t, x, 2, 1, RW, 0);
	draw_is(x, "AaaBb");
	/* a fault beside a compatible area reuses its anon_vma ... */
	map(t, x, 6, 1, ABI_PROT_READ, 0);
	map(t, x, 7, 1, RW, 0);
	touch(t, x, 7, true);
	protect(t, x, 6, 1, RW);
	/* ... and an untouched one takes the neighbour's on merging */
	draw_is(x, "AaaBb.cC");
	/* a read maps the zero page and makes no anon_vma */
	map(t, x, 9, 1, RW, 0);
	touch(t, x, 9, false);
	assert_int_equal(vma_containing(x->mm, BASE + 9 * PAGE)->anon_vma, 0);
}

static void t_anon_vma_rules(void **state)
{
	(void)state;
	run_one(anon_vma_rules);
}

static void split_middle(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 8, RW, 0);
	touch(t, x, 1, true);
	touch(t, x, 3, true);
	touch(t, x, 5, true);
	protect(t, x, 2, 3, ABI_PROT_READ);
	draw_is(x, "aAbBbCcc");
	protect(t, x, 2, 1, RW);		/* back: joins the first */
	draw_is(x, "aAaBbCcc");
	protect(t, x, 3, 2, RW);		/* all one again */
	draw_is(x, "aAaAaAaa");
	unmap(t, x, 3, 2);			/* a hole */
	draw_is(x, "aAa..Bbb");
	assert_int_equal(mm_vma_count(x->mm), 2);
}

static void t_split_middle(void **state)
{
	(void)state;
	run_one(split_middle);
}

static void unmap_shapes(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 3, RW, 0);
	map(t, x, 3, 3, ABI_PROT_READ, 0);
	map(t, x, 6, 3, RW, 0);
	draw_is(x, "aaabbbccc.");
	unmap(t, x, 2, 5);			/* tail, whole, head */
	draw_is(x, "aa.....bb.");
	unmap(t, x, 4, 1);			/* nothing there: success */
	draw_is(x, "aa.....bb.");
	assert_int_equal(unmap(t, x, 0, 0), -EINVAL);
	unmap(t, x, 0, 10);
	draw_is(x, "..........");
	assert_int_equal(x->mm->rss_pages, 0);
}

static void t_unmap_shapes(void **state)
{
	(void)state;
	run_one(unmap_shapes);
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

static void map_count_limit(struct task *t, struct mmfix *x)
{
	for (unsigned i = 0; i < 8; i++)
		assert_true(map(t, x, 2 * i, 1, RW, 0) > 0);
	assert_int_equal(mm_vma_count(x->mm), 8);
	map(t, x, 20, 3, RW, 0);
	assert_int_equal(map(t, x, 30, 1, RW, 0), -ENOMEM);
	assert_int_equal(unmap(t, x, 21, 1), -ENOMEM);	/* would split */
	assert_int_equal(protect(t, x, 21, 1, 0), -ENOMEM);
	assert_int_equal(unmap(t, x, 20, 3), 0);
}

static void t_map_count_limit(void **state)
{
	struct mmfix x;

	(void)state;
	mmfix_config(&x, 2);
	x.cfg.max_map_count = 8;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, map_count_limit);
	mmfix_run(&x);
	mmfix_close(&x);
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

static void stack_grows(struct task *t, struct mmfix *x)
{
	mm_start_area(x->mm, (struct range){ BASE + 8 * PAGE, BASE + 10 * PAGE },
		      1 << 0 | 1 << 1 | 1 << 5, 1);
	draw_is(x, "........aA");
	assert_int_equal(touch(t, x, 5, true), 0);
	draw_is(x, ".....AaaaA");
	assert_int_equal(mmfix_counter(x, COUNT_STACK_GROWTH), 1);
	assert_int_equal(touch(t, x, 12, true), -EFAULT);
}

static void t_stack_grows(void **state)
{
	(void)state;
	run_one(stack_grows);
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
		cmocka_unit_test(t_merge_new),
		cmocka_unit_test(t_anon_vma_rules),
		cmocka_unit_test(t_split_middle),
		cmocka_unit_test(t_unmap_shapes),
		cmocka_unit_test(t_fixed_replaces),
		cmocka_unit_test(t_map_count_limit),
		cmocka_unit_test(t_brk),
		cmocka_unit_test(t_mremap),
		cmocka_unit_test(t_stack_grows),
		cmocka_unit_test(t_madvise),
		cmocka_unit_test(t_object_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
