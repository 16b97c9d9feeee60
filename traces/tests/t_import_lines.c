/*
 * Our own line format: every letter, names that hold anything, damage. The
 * lines are those of LINES.md and some more, written by hand.
 */
#include "traces/tests/import_help.h"

static const char text[] =
	"Attaching 31 probes...\n"
	"# mmreplay-lines 1\n# kernel 6.18.2\n# cpus 4\n"
	"1000 0 7 7 E mmap 0 2000 3 22 ffffffff 0 ; a name; really\n"
	"1900 0 7 7 S ffff888100001000 1 ; a name; really\n"
	"2100 0 7 7 A ffff888100001000 1 1\n"
	"3000 0 7 7 R ffff888100001000 1\n"
	"3200 0 7 7 X mmap 140000000000000\n"
	"3300 0 7 7 E munmap 0x1000 0x2000\n"
	"3310 0 7 7 X munmap -22\n"
	"3400 0 7 7 N 9 3d0f00\n"
	"3500 1 7 9 F 7f0000001000 401000 6 ; b\n"
	"3600 1 7 9 T page_fault_user: address=0x7f0000002000 ip=0x1 "
	"error_code=0x6\n"
	"3650 0 7 7 L 12\n"
	"3700 1 7 9 D 0\n"
	"3800 0 7 7 K 7f0000003000 0 2\n"
	"3900 0 7 7 P ; new\n";

static void t_letters(void **state)
{
	struct imported *im = import_text(text);
	const struct trace_header *h = mmt_header(im->r);
	const struct op *op = nth(im, OP_MMAP, 0);

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_string_equal(im->acct.format, "lines");
	assert_int_equal(im->acct.header_lines, 4);
	assert_int_equal(im->acct.losses, 0);
	assert_string_equal(h->kernel, "6.18.2");
	assert_string_equal(h->tasks[0].comm, "a name; really");
	assert_int_equal(h->tasks[1].tgid, 7);
	assert_int_equal(op->arg[1], 0x2000);
	assert_int_equal(op->duration_ns, 2200);
	assert_int_equal(op->result, 140000000000000);
	assert_int_equal(op->segs, 3);
	assert_int_equal(nth(im, OP_MUNMAP, 0)->result, -22);
	assert_int_equal(im->acct.ops[OP_FAULT], 3);
	assert_int_equal(im->acct.ops[OP_CLONE_THREAD], 1);
	assert_int_equal(im->acct.ops[OP_EXIT], 1);
	assert_int_equal(im->acct.ops[OP_EXEC], 1);
	assert_int_equal(im->acct.lost_events, 12);
	imported_free(im);
}

static void t_wrong_lines(void **state)
{
	struct imported *im = import_text("# mmreplay-lines 1\n"
		"1000 0 7 7\n1000 0 7 7 Q 1\n1000 0 7 7 S 1\n"
		"1000 0 7 7 A 1 1 x\n1000 0 7 7 X mmap\n1000 0 7 7 E\n"
		"99999999999999999999999 0 7 7 F\n-1 0 7 7 F 1\n"
		"1000 0 7 7 T mm\n1000 99999 7 7 F 1\n1001 0 7 7 F 1000\n");

	(void)state;
	assert_int_equal(im->ret, 0);
	assert_int_equal(lost(im, "unparsed"), 10);
	imported_free(im);
}

/* Cut off at every fourth byte; MMREPLAY_LONG: at every one. */
static void t_prefixes(void **state)
{
	size_t step = getenv("MMREPLAY_LONG") ? 1 : 4;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n += step)
		imported_free(import_bytes(text, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_letters),
		cmocka_unit_test(t_wrong_lines),
		cmocka_unit_test(t_prefixes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
