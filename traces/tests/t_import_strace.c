/*
 * strace text: two real runs (strace 6.1; 28 mmap, 11 munmap, 9 mremap, 17
 * mprotect, 11 madvise, 4 brk, 2 threads, a fork that execs), and lines by
 * hand in the shapes of other versions and options.
 */
#include "traces/tests/import_help.h"

static void expect_run(struct imported *im)
{
	assert_string_equal(im->e.text, "");
	assert_string_equal(im->acct.format, "strace");
	assert_int_equal(im->acct.ops[OP_MMAP], 28);
	assert_int_equal(im->acct.ops[OP_MUNMAP], 11);
	assert_int_equal(im->acct.ops[OP_MREMAP], 9);
	assert_int_equal(im->acct.ops[OP_MPROTECT], 17);
	assert_int_equal(im->acct.ops[OP_MADVISE], 11);
	assert_int_equal(im->acct.ops[OP_BRK], 4);
	assert_int_equal(im->acct.ops[OP_CLONE_THREAD], 2);
	assert_int_equal(im->acct.ops[OP_FORK], 1);
	assert_int_equal(im->acct.ops[OP_EXEC], 2);
	assert_int_equal(im->acct.ops[OP_EXIT], 4);
	assert_int_equal(im->acct.tasks, 4);
	assert_int_equal(im->acct.unpaired_enters, 0);
	assert_int_equal(im->acct.clock_steps, 0);
	assert_int_equal(lost(im, "unparsed"), 0);
	assert_false(im->acct.have & (HAVE_FAULTS | HAVE_MMAP_LOCK));
}

static void t_to_a_file(void **state)
{
	struct imported *im = import_data("strace-f-ttt-T.txt");
	const struct trace_header *h = mmt_header(im->r);
	const struct op *op;

	(void)state;
	expect_run(im);
	assert_int_equal(im->acct.lines, 188);
	assert_int_equal(h->tasks[0].tid, 8247);
	assert_int_equal(h->tasks[1].mm, h->tasks[2].mm);
	assert_int_equal(nth(im, OP_FORK, 0)->arg[0], 3);
	assert_int_not_equal(h->tasks[3].mm, h->tasks[2].mm);
	op = nth(im, OP_MMAP, 0);
	assert_int_equal(op->arg[1], 8192);
	assert_int_equal(op->arg[2], 3);
	assert_int_equal(op->arg[3], 0x22);
	assert_int_equal(op->arg[4], 0xffffffff);
	assert_int_equal(op->result, 0x7fb5580aa000);
	assert_int_equal(op->duration_ns, 7000);
	assert_int_equal(op->start_ns, 335000 - 115000);
	imported_free(im);
}

/* on stderr: no pid at first, calls torn by "Process N attached" */
static void t_torn(void **state)
{
	struct imported *im = import_data("strace-torn.txt");

	(void)state;
	expect_run(im);
	imported_free(im);
}

static void t_stamps(void **state)
{
	static const char *const heads[] = { "", "10:11:12 ",
		"10:11:12.000345 ", "1795216378 ", "1795216378.888579 ",
		"     0.000012 ", "10:11:12.000345 (+     0.000009) ",
		"7     ", "7<a b>  1795216378.888579321 ", "[pid     7] ",
		"[pid 7<x>] 10:11:12 ", "[   9] ",
		"7     10:11:12 [00007f6825788ad7] " };

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		char text[512];
		struct imported *im;

		snprintf(text, sizeof(text), "%smprotect(0x7f0000001000, 4096, "
			 "PROT_READ|PROT_EXEC) = 0\n%smmap(NULL, 0x2000, 0x3, "
			 "MAP_PRIVATE|MAP_ANONYMOUS|21<<MAP_HUGE_SHIFT, "
			 "3</a (deleted)>, 0) = -1 ENOMEM (Cannot allocate "
			 "memory)\n", heads[i], heads[i]);
		im = import_text(text);
		assert_string_equal(im->e.text, "");
		assert_string_equal(im->acct.format, "strace");
		assert_int_equal(im->acct.op_lines, 2);
		assert_int_equal(nth(im, OP_MPROTECT, 0)->arg[2], 5);
		assert_int_equal(nth(im, OP_MMAP, 0)->arg[3],
				 0x22 | 21 << 26);
		assert_int_equal(nth(im, OP_MMAP, 0)->arg[4], 3);
		assert_int_equal(nth(im, OP_MMAP, 0)->result, -12);
		assert_true(nth(im, OP_MMAP, 0)->flags & OPF_FAILED);
		imported_free(im);
	}
}

/* stamps of ms under calls of us; whole seconds beside -r or -T */
static void t_coarse_stamps(void **state)
{
	struct imported *im = import_text(
		"7 10:11:12.001 brk(NULL) = 0x1000 <0.000400>\n"
		"7 10:11:12.001 brk(NULL) = 0x1000 <0.000300>\n"
		"7 10:11:12.001 brk(NULL) = 0x1000 <0.000500>\n");

	(void)state;
	assert_int_equal(im->acct.clock_steps, 0);
	assert_int_equal(nth(im, OP_BRK, 1)->start_ns, 0);
	assert_int_equal(nth(im, OP_BRK, 2)->start_ns, 300000);
	assert_int_equal(nth(im, OP_BRK, 2)->duration_ns, 500000);
	imported_free(im);
	im = import_text("7 10:11:12 (+     0.000000) brk(NULL) = 0x1000\n"
		"7 10:11:12 (+     0.000012) brk(NULL) = 0x1000\n"
		"7 10:11:13 (+     0.700000) brk(NULL) = 0x1000\n");
	assert_int_equal(nth(im, OP_BRK, 1)->start_ns, 12000);
	assert_int_equal(nth(im, OP_BRK, 2)->start_ns, 700012000);
	assert_false(im->acct.ticks);
	imported_free(im);
	im = import_text("7 10:11:12 brk(NULL) = 0x1000 <0.000400>\n"
		"7 10:11:14 brk(NULL) = 0x1000 <0.000300>\n");
	assert_int_equal(nth(im, OP_BRK, 1)->duration_ns, 300000);
	assert_true(nth(im, OP_BRK, 1)->start_ns > 1900000000);
	assert_false(im->acct.ticks);
	imported_free(im);
	im = import_text("     0.000 brk(NULL) = 0x1000 <0.000900>\n"
		"     0.000 brk(NULL) = 0x1000 <0.000900>\n"
		"     0.001 brk(NULL) = 0x1000 <0.000100>\n");
	assert_int_equal(im->acct.clock_steps, 0);
	assert_int_equal(nth(im, OP_BRK, 2)->duration_ns, 100000);
	imported_free(im);
	im = import_text("brk(NULL) = 0x1000\nbrk(NULL) = 0x1000\n");
	assert_true(im->acct.ticks);
	imported_free(im);
}

static void t_odd_lines(void **state)
{
	struct imported *im = import_text(
		"strace: Process 7 attached\n"
		"7 23:59:59.999998 brk(NULL <unfinished ...>\n"
		"8 23:59:59.999999 read(3, \"\\\")) = 1 <unfinished ...>\", "
		"832) = 832\n"
		"7 00:00:00.000001 <... brk resumed> ) = 0x55f3d8eac000\n"
		"7 00:00:00.000002 --- SIGCHLD {si_signo=SIGCHLD} ---\n"
		"8 00:00:00.000003 <... futex resumed>) = 0\n"
		"7 00:00:00.000004 munmap(0x7f0000001000, 4096) = ?\n"
		"7 00:00:00.000005 +++ killed by SIGSEGV (core dumped) +++\n"
		"8 00:00:00.000006 execve(\"/bin/x\", [\"x, = y\"], 0x7f1 "
		"/* 16 vars */ <unfinished ...>\n"
		"6 00:00:00.000007 +++ superseded by execve in pid 8 +++\n"
		"6 00:00:00.000009 <... execve resumed>) = 0\n"
		"6 00:00:00.000010 exit_group(0)  = ?\n"
		"6 00:00:00.000011 +++ exited with 0 +++\n");

	(void)state;
	assert_int_equal(im->ret, 0);
	assert_int_equal(im->acct.lines, 13);
	assert_int_equal(im->acct.header_lines, 2);
	assert_int_equal(lost(im, "call not modelled: read"), 1);
	assert_int_equal(lost(im, "call not modelled: futex"), 1);
	assert_int_equal(nth(im, OP_BRK, 0)->result, 0x55f3d8eac000);
	assert_int_equal(nth(im, OP_BRK, 0)->duration_ns, 3000);
	assert_int_equal(im->acct.clock_steps, 0);
	assert_int_equal(im->acct.ops[OP_EXEC], 1);
	assert_int_equal(nth(im, OP_EXEC, 0)->duration_ns, 3000);
	assert_int_equal(im->acct.ops[OP_EXIT], 2);
	assert_int_equal(im->acct.unpaired_enters, 1);
	imported_free(im);
}

/* a child runs before the clone that made it has returned */
static void t_child_first(void **state)
{
	struct imported *im = import_text(
		"7 1.000001 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, "
		"stack=0x7f9785500000} <unfinished ...>\n"
		"9 1.900002 brk(NULL)  = 0x55f3d8eac000\n"
		"7 1.900003 <... clone3 resumed> => {parent_tid=[9<t>]}, 88) "
		"= 9<t>\n"
		"7 1.900004 vfork() = 10\n"
		"10 1.900005 brk(NULL)  = 0x55f3d8eac000\n");
	const struct trace_header *h = mmt_header(im->r);

	(void)state;
	assert_int_equal(im->acct.tasks, 3);
	assert_int_equal(nth(im, OP_CLONE_THREAD, 0)->arg[0], 1);
	assert_int_equal(nth(im, OP_CLONE_THREAD, 0)->result, 9);
	assert_int_equal(nth(im, OP_VFORK, 0)->arg[0], 2);
	assert_int_equal(h->tasks[1].mm, h->tasks[0].mm);
	assert_int_equal(h->tasks[1].tgid, 7);
	assert_int_equal(h->tasks[2].tgid, 10);
	assert_int_equal(im->acct.mms, 1);
	imported_free(im);
}

/* two runs in one file: time goes back, numbers come again */
static void t_tids_reused(void **state)
{
	struct imported *im = import_text(
		"7 1795216375.000001 brk(NULL) = 0x1000 <0.000004>\n"
		"7 1795216375.000011 exit_group(0) = ?\n"
		"7 1795216375.000021 +++ exited with 0 +++\n"
		"7 1795216372.000001 brk(NULL) = 0x2000 <0.000004>\n"
		"7 1795216371.000001 brk(NULL) = 0x2000 <0.900000>\n");

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_int_equal(im->ret, 0);
	assert_int_equal(im->acct.tasks, 2);
	assert_int_equal(im->acct.ops[OP_BRK], 3);
	assert_true(im->acct.clock_steps > 0);
	imported_free(im);
}

static void t_every_prefix(void **state)
{
	static const char text[] = "[pid  7] 1.000001 mmap(NULL, 8392704, "
		"PROT_NONE, MAP_PRIVATE, -1, 0strace: Process 8 attached\n"
		") = 0x7f9d486f7000 <0.000030>\n[pid  8] 1.000002 <... "
		"mmap resumed>) = 3</x> <0.1>\n8<a 1.1 clone(child_stack="
		"NULL, flags=CLONE_VM|SIGCHLD) = 9\n7 +++ exited with 0 +++\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		imported_free(import_bytes(text, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_to_a_file),
		cmocka_unit_test(t_torn),
		cmocka_unit_test(t_stamps),
		cmocka_unit_test(t_coarse_stamps),
		cmocka_unit_test(t_odd_lines),
		cmocka_unit_test(t_child_first),
		cmocka_unit_test(t_tids_reused),
		cmocka_unit_test(t_every_prefix),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
