/*
 * The layout of a process at the start, from a snapshot of /proc/PID/maps and
 * what the events around it say. Times are ns.
 * Not pinned here: layouts without a snapshot (t_import.c), nor how one is taken
 * (t_capture.c).
 */
#include "traces/tests/import_help.h"

#define L(tid, cpu, ns, event) "a-" #tid " [00" #cpu "] 1." #ns ": " event "\n"

static struct imported *import_with_maps(const char *text, const char *layout)
{
	char maps[] = "/tmp/t_import.XXXXXX";
	struct import_options o = { .maps = maps };
	FILE *f = fdopen(mkstemp(maps), "w");
	struct imported *im;

	assert_non_null(f);
	fputs(layout, f);
	fclose(f);
	im = import_bytes_as(&o, text, strlen(text));
	unlink(maps);
	assert_int_equal(im->ret, 0);
	return im;
}

/*
 * Read before anything of the process was traced, and a thread of it is seen
 * first: the layout is that process's all the same, with its resident pages.
 */
static void t_maps_of_a_running_process(void **state)
{
	static const char text[] =
		"             x-3       (      3) [000] .....     1.000001000: "
		"sys_brk(brk: 0)\n"
		"             a-8       (      7) [000] .....     1.000002000: "
		"sys_munmap(addr: 0x407000, len: 0x1000)\n"
		"             a-8       (      7) [000] .....     1.000003000: "
		"sys_munmap -> 0x0\n"
		"             a-7       (      7) [000] .....     1.000004000: "
		"page_fault_user: address=0x600010 ip=0x1 error_code=0x6\n";
	const struct trace_mm *m = NULL;
	struct imported *im;

	(void)state;
	im = import_with_maps(text, "# pid 7 comm a mono 0.900000000\n"
	      "400000-402000 r--p 00000000 fe:00 1 /bin/a\n"
	      "# resident 1\n"
	      "407000-409000 rw-p 00006000 fe:00 1 /bin/a\n"
	      "# resident 2\n"
	      "600000-700000 rw-p 00000000 00:00 0 \n");
	assert_true(mmt_header(im->r)->have & HAVE_LAYOUT);
	for (uint32_t i = 0; i < mmt_header(im->r)->mm_count; i++)
		if (mmt_header(im->r)->mms[i].area_count)
			m = &mmt_header(im->r)->mms[i];
	assert_non_null(m);
	assert_int_equal(m->areas[0].start, 0x400000);
	assert_int_equal(m->areas[0].resident_pages, 1);
	assert_int_equal(m->area_count, 3);
	assert_int_equal(m->areas[1].resident_pages, 2);
	assert_int_equal(m->areas[2].end, 0x700000);
	assert_int_equal(m->areas[2].resident_pages, UINT64_MAX);
	imported_free(im);
}

/*
 * A lock let go of before anything tells whose it is makes a row of its own, and
 * the snapshot goes to the process's. When the two prove to be one mm, what the
 * snapshot shows is not lost.
 */
static void t_maps_of_an_mm_known_twice(void **state)
{
	struct imported *im = import_with_maps(
		L(7, 0, 000001000, "mmap_lock_released: mm=ffff0640 memcg_id=1 "
		  "write=true")
		L(7, 0, 000002000, "page_fault_user: address=0x600010 ip=0x1 "
		  "error_code=0x6")
		L(7, 0, 000003000, "page_fault_user: address=0x407010 ip=0x1 "
		  "error_code=0x6")
		L(7, 0, 000004000, "sys_enter_munmap: addr: 0x700000, len: 0x1000")
		L(7, 0, 000004100, "mmap_lock_start_locking: mm=ffff0640 "
		  "memcg_id=1 write=true")
		L(7, 0, 000004200, "mmap_lock_acquire_returned: mm=ffff0640 "
		  "memcg_id=1 write=true success=true")
		L(7, 0, 000004300, "mmap_lock_released: mm=ffff0640 memcg_id=1 "
		  "write=true")
		L(7, 0, 000004400, "sys_exit_munmap: 0x0"),
		"# pid 7 comm a mono 1.000002500\n"
		"400000-402000 r--p 00000000 fe:00 1 /bin/a\n"
		"# resident 1\n"
		"407000-409000 rw-p 00006000 fe:00 1 /bin/a\n"
		"# resident 2\n");
	const struct trace_mm *m = &mmt_header(im->r)->mms[0];

	(void)state;
	assert_int_equal(mmt_header(im->r)->mm_count, 1);
	assert_int_equal(m->areas[0].start, 0x400000);
	assert_int_equal(m->areas[0].resident_pages, 1);
	assert_string_equal(m->areas[0].name, "a");
	assert_int_equal(m->areas[1].start, 0x407000);
	assert_int_equal(m->areas[1].end, 0x409000);
	assert_int_equal(m->areas[1].resident_pages, 2);
	imported_free(im);
}

/*
 * A part of the program that the loader wrote to and protected before maps was
 * read was writable at the start; what lies beside it was not, however near the
 * write was, and a hole between two areas is a hole.
 */
static void t_maps_of_a_started_program(void **state)
{
	static const struct trace_area want[] = {
		{ .start = 0x400000, .end = 0x402000, .flags = AREA_READ },
		{ .start = 0x403000, .end = 0x406000, .flags = AREA_READ },
		{ .start = 0x406000, .end = 0x407000,
		  .flags = AREA_READ | AREA_WRITE },
		{ .start = 0x407000, .end = 0x409000,
		  .flags = AREA_READ | AREA_WRITE },
	};
	static const char text[] =
		L(7, 0, 000001000, "page_fault_user: address=0x400010 ip=0x1 "
		  "error_code=0x4")
		L(7, 0, 000002000, "page_fault_user: address=0x406010 ip=0x1 "
		  "error_code=0x6")
		L(7, 0, 000003000, "sys_enter_mprotect: start: 0x406000, "
		  "len: 0x1000, prot: 0x1")
		L(7, 0, 000004000, "sys_exit_mprotect: 0x0")
		L(7, 0, 000006000, "page_fault_user: address=0x407010 ip=0x1 "
		  "error_code=0x6");
	enum { FLAGS = AREA_READ | AREA_WRITE | AREA_EXEC | AREA_ASSUMED };
	struct imported *im;
	const struct trace_mm *m;

	(void)state;
	im = import_with_maps(text, "# pid 7 comm a mono 1.000005000\n"
	      "400000-402000 r--p 00000000 fe:00 1 /bin/a\n"
	      "403000-406000 r--p 00003000 fe:00 1 /bin/a\n"
	      "406000-407000 r--p 00005000 fe:00 1 /bin/a\n"
	      "407000-409000 rw-p 00006000 fe:00 1 /bin/a\n");
	m = &mmt_header(im->r)->mms[0];
	assert_int_equal(m->area_count, sizeof(want) / sizeof(want[0]));
	for (uint32_t i = 0; i < m->area_count; i++) {
		assert_int_equal(m->areas[i].start, want[i].start);
		assert_int_equal(m->areas[i].end, want[i].end);
		assert_int_equal(m->areas[i].flags & FLAGS, want[i].flags);
	}
	imported_free(im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_maps_of_a_running_process),
		cmocka_unit_test(t_maps_of_an_mm_known_twice),
		cmocka_unit_test(t_maps_of_a_started_program),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
