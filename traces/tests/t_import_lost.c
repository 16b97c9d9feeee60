/*
 * What a capture lost by itself: marks with their span, what was under way,
 * and --strict. Pins no counts of whole captures (t_corpus.sh does).
 */
#include "traces/tests/import_help.h"

static const char lossy[] = "# tracer: nop\n"
	"  churn-100   (    100) [000] .....     1.000010: "
	"mmap_lock_start_locking: mm=00000000ab3872d5 memcg_id=5 write=true\n"
	"  churn-100   (    100) [000] .....     1.000011: sys_mmap(addr: 0, "
	"len: 0x1000, prot: 0, flags: 0x20022, fd: 0xffffffff, off: 0)\n"
	"  churn-101   (    100) [001] .....     1.000900: page_fault_user: "
	"address=0x7f2015951260 ip=0x7f2015cfb5c9 error_code=0x7\n"
	"CPU:0 [LOST 500 EVENTS]\n"
	"  churn-100   (    100) [000] .....     1.500011: "
	"sys_mmap -> 0x7f1111111000\n"
	"  churn-100   (    100) [000] .....     1.500012: page_fault_user: "
	"address=0x7f2015951260 ip=0x7f2015cfb5c9 error_code=0x7\n"
	"CPU:1 [LOST 3 EVENTS]\n"
	"CPU:0 [LOST 7 EVENTS]\n"
	"  churn-100   (    100) [000] .....     1.600012: page_fault_user: "
	"address=0x7f2015952260 ip=0x7f2015cfb5c9 error_code=0x7\n"
	"  churn-100   (    100) [000] .....     1.600015: page_fault_user: "
	"address=0x7f2015953260 ip=0x7f2015cfb5c9 error_code=0x7\n";

/* from the last event of that CPU to the next one */
static void t_span(void **state)
{
	struct imported *im = import_text(lossy);
	const struct op *op = nth(im, OP_LOST, 0);

	(void)state;
	assert_int_equal(im->ret, 0);
	assert_int_equal(im->acct.ops[OP_LOST], 3);
	assert_int_equal(im->acct.lost_events, 510);
	assert_int_equal(op->arg[0], 500);
	assert_int_equal(op->start_ns, 1000);
	assert_int_equal(op->duration_ns, 500000000);
	op = nth(im, OP_LOST, 1);
	assert_int_equal(op->arg[0], 3);
	assert_int_equal(op->cpu, 1);
	assert_int_equal(op->start_ns, 890000);
	op = nth(im, OP_LOST, 2);
	assert_int_equal(op->arg[0], 7);
	assert_int_equal(op->start_ns, 500002000);
	assert_int_equal(op->duration_ns, 100000000);
	imported_free(im);
}

/* a return behind the gap may be that of another call */
static void t_no_pair_across(void **state)
{
	struct imported *im = import_text(lossy);
	const struct op *op = nth(im, OP_MMAP, 0);

	(void)state;
	assert_int_equal(im->acct.ops[OP_MMAP], 1);
	assert_false(op->flags & OPF_RESULT_KNOWN);
	assert_int_equal(op->duration_ns, TRACE_UNKNOWN_NS);
	assert_int_equal(im->acct.unpaired_enters, 1);
	assert_int_equal(lost(im, "return without entry"), 1);
	imported_free(im);
}

/* no lock event is a sign of the VMA lock only if the next event was seen */
static void t_path_unknown(void **state)
{
	struct imported *im = import_text(lossy);

	(void)state;
	assert_int_equal(nth(im, OP_FAULT, 0)->path, FAULT_PATH_UNKNOWN);
	assert_int_equal(nth(im, OP_FAULT, 1)->path, FAULT_PATH_UNKNOWN);
	assert_int_equal(nth(im, OP_FAULT, 2)->path, FAULT_PATH_VMA);
	assert_int_equal(nth(im, OP_FAULT, 3)->path, FAULT_PATH_UNKNOWN);
	imported_free(im);
}

/* a kernel that is not named, and one fault whose lock events are missing */
static void t_kernel_unknown(void **state)
{
	struct imported *im = import_data("tracefs-6.1.txt");
	unsigned unknown = 0;

	(void)state;
	for (unsigned i = 0; i < im->acct.ops[OP_FAULT]; i++) {
		unsigned path = nth(im, OP_FAULT, i)->path;

		unknown += path == FAULT_PATH_UNKNOWN;
		assert_true(path == FAULT_PATH_UNKNOWN ||
			    path == FAULT_PATH_MMAP);
	}
	assert_int_equal(unknown, 1);
	imported_free(im);
	/* without a lock-free fault before it, a fault is taken for what the
	 * rest of the text says */
	im = import_data("trace-cmd-ns.txt");
	for (unsigned i = 0; i < im->acct.ops[OP_FAULT]; i++)
		assert_true(nth(im, OP_FAULT, i)->path != FAULT_PATH_MMAP ||
			    nth(im, OP_FAULT, i)->flags & OPF_KERNEL_MODE);
	imported_free(im);
}

static void fails(const char *text, const char *what)
{
	struct import_options o = { .strict = true };
	struct imported *im = import_bytes_as(&o, text, strlen(text));

	assert_int_not_equal(im->ret, 0);
	if (!strstr(im->e.text, what))
		fail_msg("%s, not: %s", im->e.text, what);
	imported_free(im);
}

/* --strict: events that were lost before there was a line */
static void t_strict(void **state)
{
	static const char fault[] = "  churn-100   (    100) [000] .....     "
		"1.000001: page_fault_user: address=0x1000 ip=0x2000 "
		"error_code=0x7\n";
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), "# tracer: nop\n%sCPU:0 [LOST 5 EVENTS]\n",
		 fault);
	fails(text, "the capture itself lost 5 events (--strict)");
	snprintf(text, sizeof(text), "cpus=1\n%sCPU:0 [EVENTS DROPPED]\n",
		 fault);
	fails(text, "it does not say how many (--strict)");
	snprintf(text, sizeof(text), "# tracer: nop\n#\n# entries-in-buffer/"
		 "entries-written: 1/8   #P:2\n%s", fault);
	fails(text, "the capture itself lost 7 events (--strict)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_span),
		cmocka_unit_test(t_no_pair_across),
		cmocka_unit_test(t_path_unknown),
		cmocka_unit_test(t_kernel_unknown),
		cmocka_unit_test(t_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
