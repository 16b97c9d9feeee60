/*
 * Pins: what each kind of call does to the layout that a cut trace starts
 * with, and when it does it: areas, flags, resident pages, fork, exec, death.
 * Does not pin the commands around it (t_edit.sh).
 *
 *   page        0    4    8    12
 *   start       RRRRRRRRRRRRRRRR      16 pages from BASE, 3 resident
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "traces/edit/space.h"

#define BASE 0x10000000ULL
#define PAGE 4096ULL
#define AT(page) (BASE + (page) * PAGE)

static struct trace_area start_area;
static struct trace_mm mms[3];
static struct trace_task tasks[2];
static struct trace_header h;
static struct space *s;
static struct trace_mm row;
static int64_t now_ns;

static int setup(void **state)
{
	(void)state;
	start_area = (struct trace_area){ AT(0), AT(16), AREA_READ, 3, "x" };
	mms[0] = (struct trace_mm){ .origin = MM_INITIAL, .parent = TRACE_NO_MM,
		.areas = &start_area, .area_count = 1 };
	mms[1] = (struct trace_mm){ .origin = MM_FORK, .parent = 0 };
	mms[2] = (struct trace_mm){ .origin = MM_EXEC, .parent = TRACE_NO_MM };
	tasks[0] = (struct trace_task){ .mm = 0, .parent = TRACE_NO_TASK };
	tasks[1] = (struct trace_task){ .mm = 1, .parent = 0 };
	h = (struct trace_header){ .tasks = tasks, .task_count = 2, .mms = mms,
				   .mm_count = 3 };
	s = space_new(&h);
	memset(&row, 0, sizeof(row));
	now_ns = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(row.areas);
	space_free(s);
	return 0;
}

static struct op op_of(uint8_t kind, uint64_t a, uint64_t b, uint64_t c,
		       uint64_t d, uint64_t result)
{
	struct op op = { .kind = kind, .start_ns = now_ns, .duration_ns = 10,
		.flags = OPF_RESULT_KNOWN, .result = (int64_t)result,
		.arg = { a, b, c, d } };

	return op;
}

static void apply(uint8_t kind, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
		  uint64_t result)
{
	struct op op = op_of(kind, a, b, c, d, result);

	space_apply(s, &op);
	now_ns += 100;
}

/* the layout as "start-end:flags:resident", pages counted from BASE */
static void expect(uint32_t mm, const char *want)
{
	char text[512] = "";

	space_settle(s);
	space_areas(s, mm, &row);
	for (uint32_t i = 0; i < row.area_count; i++) {
		const struct trace_area *a = &row.areas[i];
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%d-%d:%x:%lld",
			 i ? " " : "", (int)((a->start - BASE) / PAGE),
			 (int)((a->end - BASE) / PAGE), a->flags,
			 (long long)a->resident_pages);
	}
	assert_string_equal(text, want);
}

enum { R = AREA_READ, W = AREA_WRITE };

static void t_start(void **state)
{
	(void)state;
	expect(0, "0-16:1:3");
	assert_string_equal(row.areas[0].name, "x");
}

static void t_map_and_touch(void **state)
{
	(void)state;
	apply(OP_MMAP, 0, 4 * PAGE, 3, 0x22, AT(20));
	apply(OP_FAULT, AT(21), 0, 6, 0, 0);
	apply(OP_FAULT, AT(22) + 5, 0, 6, 0, 0);
	expect(0, "0-16:1:3 20-24:3:2");
	apply(OP_MADVISE, AT(20), 2 * PAGE, 4, 0, 0);
	expect(0, "0-16:1:3 20-24:3:1");
	/* MAP_POPULATE, MAP_FIXED over the middle, shared file */
	apply(OP_MMAP, AT(21), PAGE, 1, 0x8011, AT(21));
	expect(0, "0-16:1:3 20-21:3:0 21-22:19:1 22-24:3:1");
}

static void t_unmap_splits(void **state)
{
	(void)state;
	apply(OP_MUNMAP, AT(1), 2 * PAGE, 0, 0, 0);
	expect(0, "0-1:1:1 3-16:1:0");
}

static void t_mprotect_splits(void **state)
{
	(void)state;
	apply(OP_MPROTECT, AT(2), 2 * PAGE, 3, 0, 0);
	expect(0, "0-2:1:2 2-4:3:1 4-16:1:0");
	apply(OP_MPROTECT, AT(2), 2 * PAGE, 1, 0, 0);
	expect(0, "0-16:1:3");
}

static void t_mremap_takes_pages(void **state)
{
	(void)state;
	apply(OP_MREMAP, AT(0), 2 * PAGE, 4 * PAGE, 1, AT(40));
	expect(0, "2-16:1:1 40-44:1:2");
	apply(OP_MREMAP, AT(40), 4 * PAGE, PAGE, 1, AT(40));
	expect(0, "2-16:1:1 40-41:1:1");
}

static void t_brk(void **state)
{
	(void)state;
	apply(OP_BRK, 0, 0, 0, 0, AT(50));
	apply(OP_BRK, AT(53), 0, 0, 0, AT(53));
	expect(0, "0-16:1:3 50-53:43:0");
	apply(OP_BRK, AT(51), 0, 0, 0, AT(51));
	expect(0, "0-16:1:3 50-51:43:0");
}

static void t_failed_and_open_calls(void **state)
{
	struct op op = op_of(OP_MUNMAP, AT(0), 16 * PAGE, 0, 0, 0);

	(void)state;
	op.flags |= OPF_FAILED;
	space_apply(s, &op);
	op.flags = 0;
	space_apply(s, &op);
	expect(0, "0-16:1:3");
}

/*
 * mmap starts first, waits for the munmap of another task, and takes the
 * address that it freed: by starts the area would be gone, by locks it is
 * there.
 *   mmap    |---wait---|W|
 *   munmap     |-W-|--R--|
 */
static void t_order_of_locks(void **state)
{
	struct op_segment wait = { .kind = SEG_W, .wait_ns = 50, .work_ns = 5 };
	struct op map = op_of(OP_MMAP, 0, 16 * PAGE, 3, 0x22, AT(0));
	struct op unmap = op_of(OP_MUNMAP, AT(0), 16 * PAGE, 0, 0, 0);

	(void)state;
	map.seg = &wait;
	map.segs = 1;
	unmap.start_ns = 20;
	space_apply(s, &map);
	space_apply(s, &unmap);
	expect(0, "0-16:3:0");
}

static void t_fork_copies(void **state)
{
	(void)state;
	apply(OP_FAULT, AT(9), 0, 6, 0, 0);
	apply(OP_FORK, 1, 0, 0, 0, 2);
	apply(OP_MUNMAP, AT(0), 16 * PAGE, 0, 0, 0);
	expect(0, "");
	expect(1, "0-16:1:4");
}

static void t_exec_and_death(void **state)
{
	struct op op;

	(void)state;
	apply(OP_EXEC, 2, 0, 0, 0, 0);
	space_settle(s);
	assert_int_equal(space_mm(s, 0), 2);
	expect(0, "");	/* its last task has left: freed */
	op = op_of(OP_EXIT_MM, 0, 0, 0, 0, 0);
	op.mm = 2;
	space_apply(s, &op);
	assert_int_equal(space_mm(s, 0), TRACE_NO_MM);
}

/*
 * exec builds the new space under its lock, tears down the old one, goes on:
 * what ends is the old one, the new one has its layout.
 *   exec     |-W of mm 2-|---------|
 *   exit-mm               |-mm 0-|
 */
static void t_exec_ends_the_old_one(void **state)
{
	struct trace_area made = { AT(60), AT(64), AREA_READ, 1, "y" };
	struct op_segment build[] = { { .kind = SEG_W, .mm = 2, .work_ns = 3 },
				      { .kind = SEG_POST, .work_ns = 7 } };
	struct op exec = op_of(OP_EXEC, 2, 0, 0, 0, 0);
	struct op end = op_of(OP_EXIT_MM, 0, 0, 0, 0, 0);

	(void)state;
	mms[2].areas = &made;
	mms[2].area_count = 1;
	exec.seg = build;
	exec.segs = 2;
	space_apply(s, &exec);
	end.start_ns = 5;
	space_apply(s, &end);
	now_ns = 20;
	expect(2, "60-64:1:1");
	assert_int_equal(space_mm(s, 0), 2);
	expect(0, "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(t_start), T(t_map_and_touch), T(t_unmap_splits),
		T(t_mprotect_splits), T(t_mremap_takes_pages), T(t_brk),
		T(t_failed_and_open_calls), T(t_order_of_locks),
		T(t_fork_copies), T(t_exec_and_death),
		T(t_exec_ends_the_old_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
