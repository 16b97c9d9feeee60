/*
 * `perf script` text: excerpts of real runs (perf 6.1, kernel 6.18), counted
 * with grep, and by hand what those do not hold. The whole capture is counted
 * in t_corpus.sh's way: t_whole_capture, where the captures are present.
 */
#include "traces/tests/import_help.h"

static void t_recipe(void **state)
{
	struct imported *im = import_data("perf-ns.txt");

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_string_equal(im->acct.format, "perf");
	assert_int_equal(im->acct.lines, 220);
	assert_int_equal(im->acct.ops[OP_FAULT], 56);
	assert_int_equal(im->acct.ops[OP_MMAP], 12);
	assert_int_equal(im->acct.ops[OP_MUNMAP], 4);
	assert_int_equal(im->acct.ops[OP_LOCK_START], 36);
	assert_int_equal(im->acct.ops[OP_LOCK_ACQUIRED], 39);
	assert_int_equal(im->acct.ops[OP_LOCK_RELEASED], 35);
	assert_int_equal(im->acct.ops[OP_CLONE_THREAD], 1);
	assert_int_equal(lost(im, "unparsed"), 0);
	assert_true(im->acct.have & HAVE_NS_CLOCK);
	assert_int_equal(mmt_header(im->r)->tasks[0].tgid, 22804);
	assert_string_equal(mmt_header(im->r)->tasks[0].comm, "churn");
	imported_free(im);
}

/* task and mmap side records alone make tasks, spaces and their areas */
static void t_side_records(void **state)
{
	struct imported *im = import_data("perf-side-records.txt");
	const struct trace_header *h = mmt_header(im->r);
	unsigned read_only = 0;

	(void)state;
	assert_int_equal(im->acct.lines, 237);
	assert_int_equal(im->acct.ops[OP_FAULT], 157);
	assert_int_equal(im->acct.ops[OP_CLONE_THREAD], 2);
	assert_int_equal(im->acct.ops[OP_FORK], 1);
	assert_int_equal(im->acct.ops[OP_EXEC], 2);
	assert_int_equal(im->acct.ops[OP_EXIT], 4);
	assert_int_equal(im->acct.losses, 0);
	assert_int_equal(h->task_count, 4);
	assert_int_equal(h->tasks[1].mm, h->tasks[2].mm);
	for (uint32_t m = 0; m < h->mm_count; m++) {
		for (uint32_t i = 0; i < h->mms[m].area_count; i++)
			read_only += h->mms[m].areas[i].flags ==
				     (AREA_READ | AREA_FILE);
	}
	assert_true(read_only > 3);
	imported_free(im);
}

/* default fields: no process id, us, a number that is the thread */
static void t_default_fields(void **state)
{
	struct imported *im = import_text(
		"# os release : 6.1.0-13-amd64\n# nrcpus online : 4\n#\n"
		"     C2 Compiler  2018 [001]  2330.011125:              "
		"syscalls:sys_enter_mmap: addr: 0x00000000, len: 0x00002000, "
		"prot: 0x00000003, flags: 0x00000022, fd: 0xffffffff, off: "
		"0x00000000\n"
		"     C2 Compiler  2018 [001]  2330.011139:               "
		"syscalls:sys_exit_mmap: 0xfffffffffffffff4\n"
		"\t    7f599de257bf mmap+0xf (/usr/lib/libc.so.6)\n\n"
		"     C2 Compiler  2018 [001]  2330.012139:          4 "
		"page-faults:  7f599de256f4 [unknown] (//anon)     "
		"7f599de257bf _dl_fini+0xef (/usr/lib/ld.so)\n"
		"     C2 Compiler  2018 [001]  2330.012140:   "
		"raw_syscalls:sys_enter: NR 12 (0, 7ffdcb8bfd8c, 0, 37f)\n"
		"     C2 Compiler  2018 [001]  2330.012141:   "
		"raw_syscalls:sys_exit: NR 12 = 94127\n"
		"     C2 Compiler  2018 [001]  2330.012150: "
		"PERF_RECORD_LOST lost 1090\n");
	const struct op *op = nth(im, OP_MMAP, 0);

	(void)state;
	assert_int_equal(im->acct.lines, 11);
	assert_int_equal(im->acct.header_lines, 3);
	assert_int_equal(im->acct.blank_lines, 1);
	assert_int_equal(lost(im, "call-chain lines"), 1);
	assert_string_equal(mmt_header(im->r)->kernel, "6.1.0-13-amd64");
	assert_int_equal(mmt_header(im->r)->cpus_online, 4);
	assert_string_equal(mmt_header(im->r)->tasks[0].comm, "C2 Compiler");
	assert_int_equal(mmt_header(im->r)->tasks[0].tid, 2018);
	assert_int_equal(op->result, -12);
	assert_int_equal(op->cpu, 1);
	assert_true(op->flags & OPF_FAILED);
	op = nth(im, OP_FAULT, 0);
	assert_true(op->flags & OPF_SAMPLED);
	assert_int_equal(op->arg[0], 0x7f599de256f4);
	assert_int_equal(op->arg[1], 0x7f599de257bf);
	assert_int_equal(nth(im, OP_BRK, 0)->result, 94127);
	assert_int_equal(im->acct.lost_events, 1090);
	imported_free(im);
}

/*
 * -F +misc; a task that is gone prints its last switch as -1 (both real);
 * a fork record comes before the flags say that it was a vfork.
 */
static void t_odd_heads(void **state)
{
	struct imported *im = import_text(
		"   churn   835/836   [000] K    23846.906890111: "
		"exceptions:page_fault_user: address=0x1000 ip=0x1 "
		"error_code=0x6\n"
		"      :-1    -1/-1   [000] 23846.906892255: "
		"sched:sched_switch: prev_comm=churn prev_pid=836 "
		"prev_prio=130 prev_state=X ==> next_comm=churn next_pid=835 "
		"next_prio=130\n"
		"      :-1    -1 [000] 23846.906892256: "
		"exceptions:page_fault_user: address=0x1000 ip=0x1 "
		"error_code=0x6\n"
		"   churn   835/835   [000] 23846.906893000: "
		"PERF_RECORD_FORK(837:837):(835:835)\n"
		"   churn   835/835   [000] 23846.906893100: "
		"task:task_newtask: pid=837 comm=churn clone_flags=4100 "
		"oom_score_adj=0\n");

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_int_equal(im->acct.ops[OP_FAULT], 1);
	assert_int_equal(im->acct.ops[OP_SCHED_OUT], 1);
	assert_int_equal(lost(im, "event of a task that is gone already"), 1);
	assert_int_equal(im->acct.tasks, 3);
	assert_int_equal(im->acct.mms, 2);
	imported_free(im);
}

/* stamps of --deltatime are no time: refused, not replayed */
static void t_deltatime(void **state)
{
	char text[100 * 128], *p = text;
	struct imported *im;

	(void)state;
	for (int i = 0; i < 100; i++)
		p += sprintf(p, "t  5208 [000]     0.00000%d: "
			     "exceptions:page_fault_user: address=0x1000 "
			     "ip=0x1 error_code=0x6\n", i * 7 % 10);
	im = import_text(text);
	assert_int_not_equal(im->ret, 0);
	assert_non_null(strstr(im->e.text, "--deltatime"));
	imported_free(im);
}

static void t_faults_without_address(void **state)
{
	struct imported *im = import_text(
		"t  5208  2486.344327:          1 page-faults:      "
		"7f599de257bf _dl_fini+0xef (/usr/lib/ld-linux-x86-64.so.2)\n"
		"t  5208  2486.344328:          1 page-faults:  7f599de25000\n");

	(void)state;
	assert_int_equal(im->ret, 0);
	assert_int_equal(lost(im, "page-faults without address: perf record "
			      "-d, perf script -F +addr"), 1);
	assert_int_equal(im->acct.ops[OP_FAULT], 1);
	imported_free(im);
}

static void t_whole_capture(void **state)
{
	const char *captures = getenv("MMREPLAY_CAPTURES");
	char path[512];
	struct imported *im;

	(void)state;
	snprintf(path, sizeof(path),
		 "%s/native-perf/churn2/perf.script.txt.zst",
		 captures ? captures : "../shared/captures");
	if (access(path, R_OK))
		skip();
	im = import_file(path);
	/* its groundtruth.json */
	assert_int_equal(im->acct.lines, 204767);
	assert_int_equal(im->acct.ops[OP_FAULT], 45788 + 3);
	assert_int_equal(im->acct.ops[OP_LOCK_ACQUIRED], 39303);
	assert_int_equal(im->acct.ops[OP_LOCK_START], 27300);
	assert_int_equal(im->acct.ops[OP_LOCK_RELEASED], 26846);
	assert_int_equal(im->acct.ops[OP_TLB_FLUSH], 14123);
	assert_int_equal(im->acct.ops[OP_MMAP], 12004);
	assert_int_equal(im->acct.ops[OP_MUNMAP], 12003);
	assert_int_equal(im->acct.ops[OP_MREMAP], 773);
	assert_int_equal(im->acct.ops[OP_MPROTECT], 749);
	assert_int_equal(im->acct.ops[OP_CLONE_THREAD], 2);
	assert_int_equal(lost(im, "return without entry"), 1);	/* execve */
	assert_int_equal(im->acct.losses, 1);
	imported_free(im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_recipe),
		cmocka_unit_test(t_side_records),
		cmocka_unit_test(t_default_fields),
		cmocka_unit_test(t_odd_heads),
		cmocka_unit_test(t_deltatime),
		cmocka_unit_test(t_faults_without_address),
		cmocka_unit_test(t_whole_capture),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
