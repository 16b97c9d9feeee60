/*
 * Dialects of the text: real excerpts of tracefs and trace-cmd, kernels 5.10
 * to 6.18, every option that changes lines; damaged, endless and foreign
 * input. Counts were taken from the excerpts with grep.
 * Not pinned here: what events mean (t_import.c), whole captures (t_corpus.sh).
 */
#include <zlib.h>
#include <zstd.h>
#include "traces/tests/import_help.h"

static void expect(struct imported *im, const char *format, uint64_t lines,
		   uint64_t faults)
{
	assert_string_equal(im->e.text, "");
	assert_int_equal(im->ret, 0);
	assert_string_equal(im->acct.format, format);
	assert_int_equal(im->acct.lines, lines);
	assert_int_equal(im->acct.ops[OP_FAULT], faults);
	assert_int_equal(lost(im, "unparsed"), 0);
}

static void t_tracefs_us(void **state)
{
	struct imported *im = import_data("tracefs-us.txt");

	(void)state;
	expect(im, "tracefs", 232, 18);
	assert_int_equal(im->acct.header_lines, 12);
	assert_int_equal(im->acct.ops[OP_CLONE_THREAD], 2);
	assert_int_equal(im->acct.ops[OP_LOCK_START], 35);
	assert_int_equal(im->acct.ops[OP_LOCK_ACQUIRED], 45);
	assert_int_equal(mmt_header(im->r)->lock_event_tax_ns, 0);
	assert_false(im->acct.have & HAVE_NS_CLOCK);
	assert_int_equal(mmt_header(im->r)->tasks[1].tgid, 9845);
	assert_int_equal(nth(im, OP_WAKING, 0)->arg[1], 0);
	imported_free(im);
}

static void t_trace_cmd_ns(void **state)
{
	struct imported *im = import_data("trace-cmd-ns.txt");

	(void)state;
	expect(im, "trace-cmd", 221, 18);
	assert_int_equal(im->acct.ops[OP_LOCK_START], 35);
	assert_int_equal(im->acct.ops[OP_LOCK_ACQUIRED], 45);
	assert_true(im->acct.have & HAVE_NS_CLOCK);
	assert_int_equal(mmt_header(im->r)->cpus_online, 2);
	assert_int_equal(nth(im, OP_WAKING, 0)->arg[1], 2);
	imported_free(im);
}

/* hex without 0x, four flag letters, no lock events at all */
static void t_kernel_5_10(void **state)
{
	struct imported *im = import_data("tracefs-5.10.txt");
	const struct op *op = nth(im, OP_MMAP, 0);

	(void)state;
	expect(im, "tracefs", 90, 33);
	assert_int_equal(op->arg[1], 0x801000);
	assert_int_equal(op->arg[3], 0x20022);
	assert_int_equal(op->arg[4], 0xffffffff);
	assert_int_equal(op->segs, 0);
	assert_int_equal(nth(im, OP_FAULT, 0)->path, FAULT_PATH_UNKNOWN);
	assert_false(im->acct.have & HAVE_MMAP_LOCK);
	imported_free(im);
}

/* memcg_path, a blank line behind exit_mmap, every fault takes mmap_lock */
static void t_kernel_6_1(void **state)
{
	struct imported *im = import_data("tracefs-6.1.txt");

	(void)state;
	assert_int_equal(im->ret, 0);
	assert_int_equal(im->acct.ops[OP_FORK], 2);
	assert_true(im->acct.ops[OP_EXIT_MM] >= 1);
	assert_int_equal(nth(im, OP_FAULT, 0)->path, FAULT_PATH_MMAP);
	imported_free(im);
}

/*
 * By hand after FORMATS.md, no capture being at hand: 4.4 (header without
 * tgid, four letters, success=, no lock events) and 7.2 (strings behind
 * pointers, contended_release).
 */
static void t_kernels_by_hand(void **state)
{
	struct imported *im = import_data("tracefs-4.4-handwritten.txt");

	(void)state;
	expect(im, "tracefs", 33, 3);
	assert_int_equal(im->acct.ops[OP_FORK], 1);
	assert_int_equal(nth(im, OP_FORK, 0)->result, 901);
	assert_int_equal(im->acct.ops[OP_EXEC], 1);
	assert_int_equal(nth(im, OP_MMAP, 0)->arg[1], 0x1000);
	assert_int_equal(nth(im, OP_MMAP, 0)->arg[4], 0xffffffff);
	assert_int_equal(nth(im, OP_MUNMAP, 0)->arg[0], 0x7f0a1c2d3000);
	assert_int_equal(im->acct.tasks, 2);
	assert_int_equal(im->acct.mms, 3);
	assert_int_equal(im->acct.unpaired_enters, 0);
	imported_free(im);
	im = import_data("tracefs-7.2-handwritten.txt");
	expect(im, "tracefs", 32, 1);
	assert_int_equal(im->acct.ops[OP_EXEC], 1);
	assert_int_equal(im->acct.ops[OP_EXIT_MM], 1);
	assert_int_equal(nth(im, OP_MUNMAP, 0)->segs, 4);
	assert_true(nth(im, OP_MUNMAP, 0)->seg[2].downgraded);
	assert_int_equal(lost(im, "event not used: contended_release"), 1);
	assert_int_equal(im->acct.unpaired_enters, 0);
	imported_free(im);
}

/* stamps without a unit: order is kept, no duration is claimed */
static void t_clocks_without_unit(void **state)
{
	static const char *const files[] = { "tracefs-counter.txt",
					     "tracefs-x86-tsc.txt" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct imported *im = import_data(files[i]);

		expect(im, "tracefs", 40, 21);
		assert_false(im->acct.have & HAVE_DURATIONS);
		for (unsigned k = 0; k < im->count; k++) {
			assert_int_equal(im->op[k].duration_ns,
					 TRACE_UNKNOWN_NS);
			assert_int_equal(im->op[k].segs, 0);
		}
		imported_free(im);
	}
}

static void t_options(void **state)
{
	struct imported *im = import_data("tracefs-noirq-info.txt");

	(void)state;
	expect(im, "tracefs", 40, 21);
	imported_free(im);
	im = import_data("tracefs-norecord-tgid.txt");
	expect(im, "tracefs", 40, 16);
	imported_free(im);
	/* option fields: other names, other order, values in both bases */
	im = import_data("tracefs-fields.txt");
	expect(im, "tracefs", 40, 16);
	assert_int_equal(im->acct.ops[OP_LOCK_ACQUIRED], 2);
	assert_int_equal(nth(im, OP_LOCK_ACQUIRED, 0)->arg[1], 0);
	assert_int_equal(nth(im, OP_LOCK_ACQUIRED, 0)->arg[2], 1);
	assert_int_equal(nth(im, OP_TLB_FLUSH, 0)->arg[1], 3);
	assert_int_equal(nth(im, OP_TLB_FLUSH, 0)->arg[0], 1);
	imported_free(im);
}

static const char plain[] =
	"a-1 [000] 1.000000100: sys_enter_brk: brk: 0x0\n"
	"a-1 [000] 1.000000200: sys_exit_brk: 0x5000000\n";

static void refused(struct imported *im, const char *what, const char *format)
{
	assert_int_not_equal(im->ret, 0);
	assert_non_null(strstr(im->e.text, what));
	assert_non_null(strstr(im->e.text, format));
	imported_free(im);
}

/* options that leave out names, arguments or stamps: one real line each */
static void t_refused_options(void **state)
{
	static const char bin[] = "# tracer: nop\n#\n"
		"\x1d\x10\0\0\x01\0\0\0\x0f\x4c\x77\xcatype: 190\n";

	(void)state;
	refused(import_data("tracefs-raw.txt"), "option `raw`",
		"(tracefs-raw)");
	refused(import_text("# tracer: nop\n#\n0000101d 00000001 "
			    "000015c7ca774c0f type: 190\n\n"),
		"`hex`", "(tracefs-raw)");
	refused(import_bytes(bin, sizeof(bin) - 1), "nobin", "(tracefs-bin)");
	refused(import_text("# tracer: nop\n#\npage_fault_user: address="
			    "0x55d5a2268008 ip=0x7f80496c1109 error_code=0x6"
			    "\nsys_brk(brk: 0)\nfoo: x\n"),
		"context-info", "(tracefs-bare)");
}

/* real lines of option latency-format; trace-cmd report -l: seconds, no us */
static void t_latency_format(void **state)
{
	struct imported *im = import_text("# tracer: nop\n#\n"
		"# nop latency trace v1.1.5 on 6.18.44-fc\n"
		"# latency: 0 us, #3/5, CPU#0 | (M:PREEMPT(none) VP:0, KP:0, "
		"SP:0 HP:0 #P:2)\n"
		"    true-4125      1d.... 328199us+: page_fault_user: "
		"address=0x55d5a2268008 ip=0x7f80496c1109 error_code=0x6\n"
		"    true-4125      1dNs2. 331876us!: sched_waking: comm=x "
		"pid=4125 prio=120 target_cpu=001\n"
		" a - b-4126    128..... 331877us : page_fault_user: "
		"address=0x55d5a2269008 ip=0x7f80496c1109 error_code=0x6\n"
		"    true-4125      1..... 7615.724276: page_fault_user: "
		"address=0x55d5a226a008 ip=0x7f80496c1109 error_code=0x6\n");
	const struct trace_header *h = mmt_header(im->r);

	(void)state;
	expect(im, "tracefs", 8, 3);
	assert_string_equal(h->kernel, "6.18.44-fc");
	assert_int_equal(h->cpus_online, 2);
	assert_int_equal(im->acct.lost_events, 2);
	assert_int_equal(nth(im, OP_WAKING, 0)->arg[1], 1);
	assert_int_equal(nth(im, OP_WAKING, 0)->start_ns, 3677000);
	assert_int_equal(nth(im, OP_FAULT, 1)->cpu, 128);
	assert_string_equal(h->tasks[1].comm, "a - b");
	imported_free(im);
}

/* what option stacktrace and trace-cmd record -T put below events */
static void t_call_chains(void **state)
{
	struct imported *im = import_text("# tracer: nop\n"
		"  a-7     [000] d.... 23978.863636: page_fault_user: "
		"address=0x1000 ip=0x1 error_code=0x6\n"
		"  a-7     [000] d.... 23978.863733: <stack trace>\n"
		" => exc_page_fault\n"
		"  a-7     [000] d.... 23978.863734: <user stack trace>\n"
		" =>  <00007f38bee70109>\n"
		"=> asm_exc_page_fault (ffffffff82001234)\n");

	(void)state;
	expect(im, "tracefs", 7, 1);
	assert_int_equal(lost(im, "call-chain lines"), 5);
	imported_free(im);
}

/* --clock-hz: a 2.5 GHz TSC; not taken where stamps are seconds */
static void t_clock_hz(void **state)
{
	struct import_options o = { .clock_hz = 2500000000 };
	static const char text[] = "# tracer: nop\n"
		"  a-7     [000] d.... 1440305615000000: sys_brk(brk: 0)\n"
		"  a-7     [000] d.... 1440305615005000: sys_brk -> 0x5000\n";
	struct imported *im = import_bytes_as(&o, text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(nth(im, OP_BRK, 0)->duration_ns, 2000);
	assert_false(im->acct.ticks);
	imported_free(im);
	im = import_text(text);
	assert_true(im->acct.ticks);
	assert_int_equal(nth(im, OP_BRK, 0)->duration_ns, TRACE_UNKNOWN_NS);
	imported_free(im);
	im = import_bytes_as(&o, plain, sizeof(plain) - 1);
	assert_int_not_equal(im->ret, 0);
	assert_non_null(strstr(im->e.text, "are seconds already"));
	imported_free(im);
}

/* trace.dat with the top buffer and an instance, `extract -B`'s names */
static void t_two_buffers(void **state)
{
	struct imported *im = import_text("cpus=1\n"
		"mm:  <idle>-0 [000] 1.000001000: free_vmap_area_noflush: "
		"va_start=0xffffc90001060000 nr_lazy=5 nr_lazy_max=16384\n"
		"     <idle>-0 [000] 1.000001400: free_vmap_area_noflush: "
		"va_start=0xffffc90001060000 nr_lazy=5 nr_lazy_max=16384\n"
		"mm:            a: b-7 [000] 1.000003000: page_fault_user: "
		"address=0x1000 ip=0x1 error_code=0x6\n");

	(void)state;
	expect(im, "trace-cmd", 4, 1);
	assert_int_equal(im->acct.ops[OP_VFREE], 1);
	assert_int_equal(lost(im, "vmalloc event that is there twice"), 1);
	assert_string_equal(mmt_header(im->r)->tasks[1].comm, "a: b");
	imported_free(im);
}

/* a text that is read, and has nothing: no empty trace, but the reason */
static void t_nothing_in_it(void **state)
{
	struct imported *im = import_text("# tracer: nop\nx\nCPU\n");

	(void)state;
	assert_int_not_equal(im->ret, 0);
	assert_non_null(strstr(im->e.text, "no event to import in 3 lines; "
			       "most are lost: unparsed"));
	imported_free(im);
}

/* the text of a buffer to which nothing came: an empty trace, not an error */
static void t_nothing_happened(void **state)
{
	struct imported *im = import_text("# tracer: nop\n#\n# entries-in-buffer"
					  "/entries-written: 0/0   #P:2\n#\n");

	(void)state;
	assert_int_equal(im->ret, 0);
	assert_int_equal(im->acct.header_lines, 4);
	assert_int_equal(im->acct.tasks, 0);
	imported_free(im);
}

static void t_lost_events(void **state)
{
	struct imported *im = import_data("trace-pipe-lost.txt");

	(void)state;
	assert_int_equal(im->ret, 0);
	assert_int_equal(im->acct.ops[OP_LOST], 1);
	assert_int_equal(nth(im, OP_LOST, 0)->arg[0], 982);
	assert_int_equal(im->acct.lost_events, 982);
	imported_free(im);
	im = import_data("tracefs-overwritten.txt");
	assert_int_equal(im->acct.lost_events, 10244 - 2238);
	imported_free(im);
}

/* names with spaces, dashes, brackets and colons; flags of 7 letters */
static void t_odd_names(void **state)
{
	struct imported *im = import_text("# tracer: nop\n"
		"   C2 CompilerThre-123   (    120) [001] d....     1.000001: "
		"page_fault_user: address=0x1000 ip=0x2000 error_code=0x6\n"
		"      GC Thread#0-124   (    120) [001] .......     1.000002: "
		"page_fault_user: address=0x2000 ip=0x2000 error_code=0x6\n"
		"   a-1 [002] 3: x-125   (-------) [001] d..4     1.000003: "
		"page_fault_user: address=0x3000 ip=0x2000 error_code=0x6\n"
		"            <...>-126   (    120) [001] d....     1.000004: "
		"page_fault_user: address=0x4000 ip=0x2000 error_code=0x6\n"
		"         \xff\xfe\x80-127   (    120) [001] d....     1.000005: "
		"page_fault_user: address=0x5000 ip=0x2000 error_code=0x6\n");
	const struct trace_header *h = mmt_header(im->r);

	(void)state;
	expect(im, "tracefs", 6, 5);
	assert_string_equal(h->tasks[0].comm, "C2 CompilerThre");
	assert_int_equal(h->tasks[0].tgid, 120);
	assert_string_equal(h->tasks[1].comm, "GC Thread#0");
	assert_int_equal(h->tasks[2].tid, 125);
	assert_string_equal(h->tasks[3].comm, "");
	assert_int_equal(h->tasks[4].tid, 127);
	imported_free(im);
}

/* what is not read is named, whole, in the account */
static void t_named_losses(void **state)
{
	struct imported *im = import_text(
		"a-1 [000] 1.000000100: sys_enter_futex: uaddr: 0x1\n"
		"a-1 [000] 1.000000200: sys_exit_futex: 0x0\n"
		"a-1 [000] 1.000000300: hmf: (handle_mm_fault+0x4/0x2e0)\n"
		"nonsense\n"
		"a-1 [000] 1.000000400: page_fault_user: addr\n"
		"a-1 [000] 9999999999999.0: page_fault_user: address=0x1 "
		"error_code=0x1\n"
		"a-1 [000] 1.000000500: page_fault_user: address=0x1000 "
		"ip=0x1 error_code=0x6\n");

	(void)state;
	assert_int_equal(im->ret, 0);
	assert_int_equal(lost(im, "call not modelled: futex"), 2);
	assert_int_equal(lost(im, "event not used: hmf"), 1);
	assert_int_equal(lost(im, "unparsed"), 3);
	assert_int_equal(im->acct.ops[OP_FAULT], 1);
	assert_non_null(strstr(im->acct.loss[0].example, ":1"));
	imported_free(im);
}

static void t_endless_line(void **state)
{
	static const char event[] = "a-1 [000] 1.000000100: page_fault_user: "
		"address=0x1000 ip=0x1 error_code=0x6\n";
	size_t bytes = 9 << 20, at = sizeof(event) - 1;
	char *text = malloc(bytes + 2 * sizeof(event));
	struct imported *im;

	(void)state;
	memcpy(text, event, at);
	memset(text + at, 'x', bytes);
	text[at + bytes] = '\n';
	memcpy(text + at + bytes + 1, event, sizeof(event) - 1);
	im = import_bytes(text, at + bytes + sizeof(event));
	assert_int_equal(im->ret, 0);
	assert_int_equal(lost(im, "line too long"), 1);
	assert_int_equal(im->acct.ops[OP_FAULT], 2);
	assert_int_equal(im->acct.lines, 3);
	imported_free(im);
	free(text);
}

static void t_compressed(void **state)
{
	unsigned char zip[512];
	z_stream z = { 0 };
	size_t n;
	struct imported *im;

	(void)state;
	n = ZSTD_compress(zip, sizeof(zip), plain, sizeof(plain) - 1, 3);
	/* two frames, as `cat a.zst b.zst` makes them */
	memcpy(zip + n, zip, n);
	im = import_bytes((char *)zip, 2 * n);
	assert_int_equal(im->acct.lines, 4);
	assert_string_equal(im->acct.early_end, "");
	imported_free(im);
	/* cut short: the good part, and the reason */
	im = import_bytes((char *)zip, 2 * n - 7);
	assert_int_equal(im->ret, 0);
	assert_true(im->acct.lines >= 2);
	assert_string_not_equal(im->acct.early_end, "");
	imported_free(im);
	deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	z.next_in = (Bytef *)(uintptr_t)plain;
	z.avail_in = sizeof(plain) - 1;
	z.next_out = zip;
	z.avail_out = sizeof(zip);
	deflate(&z, Z_FINISH);
	n = sizeof(zip) - z.avail_out;
	deflateEnd(&z);
	im = import_bytes((char *)zip, n);
	assert_int_equal(im->acct.lines, 2);
	assert_int_equal(im->acct.ops[OP_BRK], 1);
	assert_string_equal(im->acct.early_end, "");
	imported_free(im);
}

/* every prefix of a real text imports, with an account that adds up */
static void t_truncated_text(void **state)
{
	static const char text[] = "# tracer: nop\n#\n"
		"# entries-in-buffer/entries-written: 3/3   #P:2\n"
		"  a b-7     (      7) [000] d..1.     1.000001: "
		"sched_switch: prev_comm=a b prev_pid=7 prev_prio=120 "
		"prev_state=S ==> next_comm=x next_pid=8 next_prio=120\n"
		"  a b-7     (      7) [001] .....     1.000002: sys_mmap("
		"addr: 0, len: 0x1000, prot: 3, flags: 22, fd: 1, off: 0)\n"
		"  a b-7     (      7) [001] .....     1.000003: sys_mmap "
		"-> 0x7f0000001000\nCPU:1 [LOST 12 EVENTS]\n"
		"  a b-7     (      7) [001] .....     1.000004: "
		"alloc_vmap_area: va_start: 18446683601288937472 size=20480\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n += 3)
		imported_free(import_bytes(text, n));
}

static void t_not_a_capture(void **state)
{
	struct imported *im = import_text("hello world\nthis is prose\n");

	(void)state;
	assert_int_not_equal(im->ret, 0);
	assert_non_null(strstr(im->e.text, ":1: not a capture that this "
			       "program knows; it begins with 'hello world'"));
	imported_free(im);
	im = import_file("/nonexistent/trace.txt");
	assert_non_null(strstr(im->e.text, "/nonexistent/trace.txt"));
	assert_non_null(strstr(im->e.text, "No such file"));
	imported_free(im);
}

static void t_strict(void **state)
{
	char path[] = "/tmp/t_strict.XXXXXX";
	const char *inputs[] = { path };
	struct import_options o = { .inputs = inputs, .input_count = 1,
				    .strict = true };
	int fd = mkstemp(path);
	struct imported *im;
	char want[128];

	(void)state;
	dprintf(fd, "%snonsense\n", plain);
	close(fd);
	im = import_options(&o);
	assert_int_not_equal(im->ret, 0);
	snprintf(want, sizeof(want), "%s:3: line is lost: unparsed (--strict)",
		 path);
	assert_string_equal(im->e.text, want);
	imported_free(im);
	unlink(path);
}

/*
 * A child that grows the stack it inherited, reading before it writes: its
 * parent had nothing down there. Not pinned: growth beyond 8 MiB.
 */
static void t_stack_growth(void **state)
{
	struct imported *im = import_text(
		"cpus=1\n"
		" a-7 [000] 1.000001000: page_fault_user: address=0x7ffd2467a008 ip=0x1 error_code=0x6\n"
		" a-7 [000] 1.000002000: sys_enter_fork: \n"
		" a-7 [000] 1.000003000: task_newtask: pid=8 comm=a clone_flags=1200000 oom_score_adj=0\n"
		" a-7 [000] 1.000004000: sys_exit_fork: 0x8\n"
		" a-8 [000] 1.000005000: page_fault_user: address=0x7ffd24640a38 ip=0x1 error_code=0x4\n"
		" a-8 [000] 1.000006000: page_fault_user: address=0x7ffd2461a928 ip=0x1 error_code=0x4\n"
		" a-8 [000] 1.000007000: page_fault_user: address=0x7ffd2461a928 ip=0x1 error_code=0x7\n");
	const struct trace_header *h;

	(void)state;
	assert_string_equal(im->e.text, "");
	h = mmt_header(im->r);
	assert_int_equal(h->mm_count, 2);
	assert_int_equal(h->mms[0].area_count, 1);
	assert_int_equal(h->mms[0].areas[0].start, 0x7ffd2467a000);
	assert_true(h->mms[0].areas[0].flags & AREA_STACK);
	assert_int_equal(h->mms[1].area_count, 0);
	imported_free(im);
}

/*
 * The vdso: read by the loader, run later without a fault, fetched by the
 * child. Its parent must have had it as code.
 */
static void t_code_that_was_read(void **state)
{
	struct imported *im = import_text(
		"cpus=1\n"
		" a-7 [000] 1.000001000: page_fault_user: address=0x7ff248f38020 ip=0x7ff248f56e18 error_code=0x4\n"
		" a-7 [000] 1.000001500: page_fault_user: address=0x7ff248f32000 ip=0x7ff248f3882c error_code=0x4\n"
		" a-7 [000] 1.000002000: sys_enter_fork: \n"
		" a-7 [000] 1.000003000: task_newtask: pid=8 comm=a clone_flags=1200000 oom_score_adj=0\n"
		" a-7 [000] 1.000004000: sys_exit_fork: 0x8\n"
		" a-8 [000] 1.000006000: page_fault_user: address=0x7ff248f38810 ip=0x7ff248f38810 error_code=0x14\n");
	const struct trace_header *h;

	(void)state;
	assert_string_equal(im->e.text, "");
	h = mmt_header(im->r);
	assert_int_equal(h->mms[0].area_count, 1);
	assert_true(h->mms[0].areas[0].flags & AREA_EXEC);
	assert_true(h->mms[0].areas[0].end >= 0x7ff248f39000);
	assert_int_equal(h->mms[1].area_count, 0);
	imported_free(im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_tracefs_us),
		cmocka_unit_test(t_trace_cmd_ns),
		cmocka_unit_test(t_kernel_5_10),
		cmocka_unit_test(t_kernel_6_1),
		cmocka_unit_test(t_kernels_by_hand),
		cmocka_unit_test(t_clocks_without_unit),
		cmocka_unit_test(t_options),
		cmocka_unit_test(t_refused_options),
		cmocka_unit_test(t_latency_format),
		cmocka_unit_test(t_call_chains),
		cmocka_unit_test(t_clock_hz),
		cmocka_unit_test(t_two_buffers),
		cmocka_unit_test(t_nothing_in_it),
		cmocka_unit_test(t_nothing_happened),
		cmocka_unit_test(t_lost_events),
		cmocka_unit_test(t_odd_names),
		cmocka_unit_test(t_named_losses),
		cmocka_unit_test(t_endless_line),
		cmocka_unit_test(t_compressed),
		cmocka_unit_test(t_truncated_text),
		cmocka_unit_test(t_not_a_capture),
		cmocka_unit_test(t_strict),
		cmocka_unit_test(t_stack_growth),
		cmocka_unit_test(t_code_that_was_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
