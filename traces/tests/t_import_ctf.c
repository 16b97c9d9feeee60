/*
 * CTF text (LTTng by babeltrace, perf data convert --to-ctf) and sysdig text.
 * same-run.*: one perf.data of perf 6.1 on kernel 6.18, by perf script and by
 * babeltrace2 2.0.4, names of foreign tasks replaced. ctf-lttng-ust: LTTng
 * 2.13's user-space tracer, real in its line form, without memory events. The
 * other lines were written by hand after real ones and the tools' sources: no
 * capture of LTTng's kernel tracer or of sysdig is in the project.
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

/* two ways out of one perf.data: the same records, whatever their kind */
static void t_same_run(void **state)
{
	struct imported *ctf = import_data("same-run.ctf.txt.zst");
	struct imported *perf = import_data("same-run.perf.txt.zst");

	(void)state;
	assert_string_equal(ctf->acct.format, "ctf");
	assert_string_equal(perf->acct.format, "perf");
	assert_int_equal(ctf->acct.lines, perf->acct.lines);
	assert_int_equal(ctf->acct.op_lines, perf->acct.op_lines);
	assert_int_equal(ctf->acct.have, perf->acct.have);
	assert_int_equal(ctf->count, perf->count);
	assert_true(ctf->count > 300 && ctf->count < IMPORTED_MAX);
	for (unsigned i = 0; i < ctf->count; i++) {
		struct op a = ctf->op[i], b = perf->op[i];

		a.seg = b.seg = NULL;
		if (a.kind == OP_FAULT)	/* a symbol, and its number */
			a.arg[1] = b.arg[1] = 0;
		assert_memory_equal(&a, &b, sizeof(a));
		assert_memory_equal(ctf->seg[i], perf->seg[i],
				    a.segs * sizeof(ctf->seg[i][0]));
	}
	for (uint32_t t = 0; t < mmt_header(perf->r)->task_count; t++)
		assert_string_equal(mmt_header(ctf->r)->tasks[t].comm,
				    mmt_header(perf->r)->tasks[t].comm);
	imported_free(ctf);
	imported_free(perf);
}

/*
 * LTTng's own line form: a host, a middle block of contexts, empty fields.
 * Events of programs only: all lines are read, and there is nothing to replay.
 */
static void t_lttng_ust(void **state)
{
	struct imported *im = import_data("ctf-lttng-ust.txt");

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_string_equal(im->acct.format, "ctf");
	assert_int_equal(im->acct.lines, 14);
	assert_int_equal(lost(im, "unparsed"), 0);
	assert_int_equal(lost(im, "event not used: bin_info"), 4);
	imported_free(im);
}

/* perf keeps the kernel's flags: 8 is an interrupt */
static void t_perf_flags(void **state)
{
	struct imported *im = import_text(
		"[1.000000001] (+?.????????" "?) syscalls:sys_enter_brk: { cpu_id = 1 }, "
		"{ perf_tid = 7, perf_pid = 7, common_flags = 0, _syscall_nr = 12, "
		"brk = 4096 }\n"
		"[1.000000001] (+0.000000000) syscalls:sys_enter_brk: { cpu_id = 0 }, "
		"{ perf_tid = 8, perf_pid = 8, common_flags = 0, _syscall_nr = 12, "
		"brk = 8192 }\n"
		"[1.000000002] (+0.000000001) sched:sched_waking: { cpu_id = 0 }, "
		"{ perf_tid = 8, perf_pid = 8, common_flags = 9, comm = \"a\", "
		"pid = 7, prio = 120 }\n"
		"[1.000000003] (+0.000000001) sched:sched_waking: { cpu_id = 0 }, "
		"{ perf_tid = 8, perf_pid = 8, common_flags = 1, comm = \"a\", "
		"pid = 7, prio = 120 }\n");

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_int_equal(nth(im, OP_WAKING, 0)->arg[1], 1);
	assert_int_equal(nth(im, OP_WAKING, 1)->arg[1], 0);
	assert_int_equal(nth(im, OP_BRK, 0)->arg[0], 4096);
	assert_false(im->acct.wakers_unsure);
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
		cmocka_unit_test(t_same_run),
		cmocka_unit_test(t_perf_flags),
		cmocka_unit_test(t_lttng_ust),
		cmocka_unit_test(t_sysdig),
		cmocka_unit_test(t_every_prefix),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
