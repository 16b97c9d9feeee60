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
	struct imported *im;
	uint32_t with = 0;

	(void)state;
	im = import_with_maps(text, "# pid 7 comm a mono 0.900000000\n"
	      "400000-402000 r--p 00000000 fe:00 1 /bin/a\n"
	      "# resident 1\n"
	      "407000-409000 rw-p 00006000 fe:00 1 /bin/a\n"
	      "# resident 2\n"
	      "600000-700000 rw-p 00000000 00:00 0 \n");
	assert_true(mmt_header(im->r)->have & HAVE_LAYOUT);
	while (!mmt_header(im->r)->mms[with].area_count)
		assert_true(++with < mmt_header(im->r)->mm_count);
	expect_layout(im, with, "400000-402000 r-- 1\n407000-409000 rw- 2\n"
		      "600000-700000 rw-\n");
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

	(void)state;
	assert_int_equal(mmt_header(im->r)->mm_count, 1);
	assert_string_equal(mmt_header(im->r)->mms[0].areas[0].name, "a");
	expect_layout(im, 0, "400000-402000 r-- 1\n407000-409000 rw- 2\n"
		      "600000-601000 rw-a\n700000-701000 rw-a\n");
	imported_free(im);
}

/*
 * A part of the program that the loader wrote to and protected before maps was
 * read was writable at the start; what lies beside it was not, however near the
 * write was, and a hole between two areas is a hole.
 */
static void t_maps_of_a_started_program(void **state)
{
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
	struct imported *im;

	(void)state;
	im = import_with_maps(text, "# pid 7 comm a mono 1.000005000\n"
	      "400000-402000 r--p 00000000 fe:00 1 /bin/a\n"
	      "403000-406000 r--p 00003000 fe:00 1 /bin/a\n"
	      "406000-407000 r--p 00005000 fe:00 1 /bin/a\n"
	      "407000-409000 rw-p 00006000 fe:00 1 /bin/a\n");
	expect_layout(im, 0, "400000-402000 r--\n403000-406000 r--\n"
		      "406000-407000 rw-\n407000-409000 rw-\n");
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
