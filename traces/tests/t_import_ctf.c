/*
 * CTF text (LTTng by babeltrace, perf data convert --to-ctf) and sysdig text.
 * The lines were written by hand after real ones and the tools' sources; no
 * capture of either is in the project. Not pinned: versions of the tools.
 */
#include "traces/tests/import_help.h"

static void t_lttng(void **state)
{
	struct imported *im = import_data("ctf-lttng-handwritten.txt");
	const struct op *op;

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_string_equal(im->acct.format, "ctf");
	assert_int_equal(im->acct.lines, 19);
	assert_int_equal(im->acct.op_lines, 14);
	assert_int_equal(im->acct.lost_events, 12);
	assert_int_equal(lost(im, "unparsed"), 1);
	assert_int_equal(lost(im, "event of an unknown thread (no context "
			      "tid, no sched_switch before)"), 1);
	op = nth(im, OP_MMAP, 0);	/* thread known from sched_switch */
	assert_int_equal(im->r ? mmt_header(im->r)->tasks[op->task].tid : 0,
			 2656);
	assert_int_equal(op->arg[3], 34);
	assert_int_equal(op->arg[4], 0xffffffff);
	assert_int_equal(op->result, 140571783315456);
	assert_int_equal(op->duration_ns, 10750);
	op = nth(im, OP_FAULT, 0);
	assert_int_equal(op->arg[0], 0x7fd956a71000);
	assert_int_equal(op->arg[2], 6);
	op = nth(im, OP_MUNMAP, 0);	/* thread known from its context */
	assert_int_equal(mmt_header(im->r)->tasks[op->task].tid, 2660);
	assert_int_equal(op->result, -22);
	assert_int_equal(op->mm, nth(im, OP_MMAP, 0)->mm);
	assert_int_equal(nth(im, OP_CLONE_THREAD, 0)->result, 2673);
	assert_int_equal(nth(im, OP_WAKING, 0)->arg[1], 2);
	assert_int_equal(nth(im, OP_SCHED_OUT, 0)->arg[0], 'S');
	op = nth(im, OP_MMAP, 1);	/* mmap2: its offset counts pages */
	assert_int_equal(op->arg[5], 4096);
	assert_int_equal(op->result, 140571783311360);
	assert_int_equal(op->duration_ns, 2100);
	assert_true(op->start_ns > 20000000000000);	/* the next day */
	imported_free(im);
}

static void t_perf(void **state)
{
	struct imported *im = import_data("ctf-perf-handwritten.txt");

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_int_equal(im->acct.lines,
			 im->acct.op_lines + im->acct.measurement_lines);
	assert_int_equal(nth(im, OP_LOCK_START, 0)->arg[1], 1);
	assert_int_equal(nth(im, OP_LOCK_ACQUIRED, 0)->arg[2], 1);
	assert_int_equal(nth(im, OP_MUNMAP, 0)->arg[0], 0x7f87cf48a000);
	assert_int_equal(nth(im, OP_MUNMAP, 0)->arg[1], 0x2000);
	assert_int_equal(nth(im, OP_MUNMAP, 0)->duration_ns, 1000);
	imported_free(im);
}

static void t_sysdig(void **state)
{
	struct imported *im = import_data("sysdig-handwritten.txt");
	const struct op *op;

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_string_equal(im->acct.format, "sysdig");
	assert_int_equal(im->acct.lines, 18);
	assert_int_equal(im->acct.op_lines, 12);
	assert_int_equal(lost(im, "call not modelled: read"), 2);
	op = nth(im, OP_MMAP, 0);
	assert_int_equal(op->arg[2], 3);
	assert_int_equal(op->arg[3], 0x22);
	assert_int_equal(op->arg[4], 0xffffffff);
	assert_int_equal(op->result, 0x7fa69774d000);
	assert_int_equal(op->duration_ns, 1365);
	assert_int_equal(nth(im, OP_FAULT, 0)->arg[2], 6);
	op = nth(im, OP_MPROTECT, 0);
	assert_int_equal(op->result, -12);
	assert_string_equal(mmt_header(im->r)->tasks[op->task].comm,
			    "a (b) c");
	op = nth(im, OP_CLONE_THREAD, 0);
	assert_int_equal(op->result, 17499);
	assert_int_equal(op->duration_ns, 15000);
	op = nth(im, OP_MUNMAP, 0);	/* a return that tells the arguments */
	assert_int_equal(op->arg[1], 4096);
	assert_int_equal(op->duration_ns, TRACE_UNKNOWN_NS);
	assert_int_equal(op->mm, nth(im, OP_MMAP, 0)->mm);
	assert_int_equal(im->acct.ops[OP_EXIT], 1);
	assert_int_equal(im->acct.ops[OP_LOST], 1);
	imported_free(im);
}

static void t_every_prefix(void **state)
{
	static const char *const texts[] = {
		"[17:46:22.8] (+0.1) box syscall_entry_mmap: { cpu_id = 2 }, "
		"{ procname = \"a\\\" }\", tid = 7 }, { addr = 0x0, x = [ [0] "
		"= ( \"A\" : container = 3 ), { y = 1 } ], len = 4096 }\n",
		"1 17:35:48.5 0 c (7) > mmap addr=0 length=9 prot=3(PROT_READ"
		"|X) flags=1<<3()\n2 17:35:48.6 0 c (7) < mmap res=7F\n",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		for (size_t n = 0; n <= strlen(texts[i]); n++)
			imported_free(import_bytes(texts[i], n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_lttng),
		cmocka_unit_test(t_perf),
		cmocka_unit_test(t_sysdig),
		cmocka_unit_test(t_every_prefix),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
