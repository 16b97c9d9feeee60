/*
 * `perf trace` text. The lines were written by hand after its manual page and
 * real ones; no capture of it is in the project.
 */
#include "traces/tests/import_help.h"

static void t_lines(void **state)
{
	struct imported *im = import_data("perf-trace-handwritten.txt");
	const struct op *op;

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_string_equal(im->acct.format, "perf-trace");
	assert_int_equal(im->acct.lines, 10);
	assert_int_equal(im->acct.op_lines, 8);
	assert_int_equal(lost(im, "call that began before the trace"), 1);
	op = nth(im, OP_MMAP, 0);
	assert_int_equal(op->arg[0], 0);
	assert_int_equal(op->arg[1], 65536);
	assert_int_equal(op->arg[2], 3);
	assert_int_equal(op->arg[3], 0x22);
	assert_int_equal(op->arg[4], 0xffffffff);
	assert_int_equal(op->duration_ns, 14000);
	assert_int_equal(op->result, 0x7f3c45f49000);
	op = nth(im, OP_MMAP, 1);
	assert_int_equal(op->result, -12);
	assert_int_equal(op->arg[3], 0x32);
	assert_int_equal(nth(im, OP_MADVISE, 0)->arg[2], 4);
	op = nth(im, OP_FAULT, 0);
	assert_int_equal(op->arg[0], 0x7f7f4ac5a6f4);
	assert_int_equal(op->arg[2], 7);
	assert_int_equal(op->task, 1);
	assert_int_equal(im->acct.ops[OP_EXIT], 1);
	imported_free(im);
}

static void t_every_prefix(void **state)
{
	static const char text[] = "1.1 ( 0.2 ms): a/b/7 mmap(len: 1, flags: "
		"PRIVATE|X) = 0x7f0000001000\n2.2 a/7 e:page_fault_user("
		"address=0x1, ip: 1)\n 2.3 (       ): a/7 exit() = ?\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		imported_free(import_bytes(text, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_lines),
		cmocka_unit_test(t_every_prefix),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
