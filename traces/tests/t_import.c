/*
 * What captured events mean: pairing, segments, downgrade, trylocks, faults
 * and their gaps, clone, fork, vfork, exec, exit, mm identity, layout. Times
 * are ns, in lines as `trace-cmd report -t` prints them, some by hand.
 * Not pinned here: spellings of other tools and kernels (t_import_text.c).
 */
#include "traces/tests/import_help.h"

#define L(tid, cpu, ns, event) "a-" #tid " [00" #cpu "] 1." #ns ": " event "\n"
#define MM(p) "mm=0xffff8881000" #p "000 memcg_id=1 "
#define START(p, w) "mmap_lock_start_locking: " MM(p) "write=" #w
#define GOT(p, w, s) "mmap_lock_acquire_returned: " MM(p) "write=" #w \
	" success=" #s
#define DONE(p, w) "mmap_lock_released: " MM(p) "write=" #w
#define MMAP_ENTER(len) "sys_enter_mmap: addr: 0x0, len: " #len \
	", prot: 0x3, flags: 0x22, fd: 0xffffffff, off: 0x0"

/* pre | wait | W | R downgraded | post adds up to the duration */
static void t_munmap_segments(void **state)
{
	struct imported *im = import_text("cpus=2\n"
		L(7, 0, 000001000, "sys_enter_munmap: addr: 0x7f0000001000, "
		  "len: 0x00002000")
		L(7, 0, 000001300, START(1, true))
		L(7, 0, 000002300, GOT(1, true, true))
		L(7, 0, 000004300, GOT(1, false, true))
		L(7, 0, 000005000, "tlb_flush: pages=2 reason= (4)")
		L(7, 0, 000005100, "tlb_flush: pages=2 reason=local mm "
		  "shootdown (3)")
		L(7, 0, 000009300, DONE(1, false))
		L(7, 0, 000009800, "sys_exit_munmap: 0x0"));
	const struct op *op;
	const struct op_segment *s;

	(void)state;
	assert_int_equal(im->ret, 0);
	op = nth(im, OP_MUNMAP, 0);
	s = op->seg;
	assert_int_equal(op->start_ns, 0);
	assert_int_equal(op->duration_ns, 8800);
	assert_int_equal(op->arg[0], 0x7f0000001000);
	assert_int_equal(op->arg[1], 0x2000);
	assert_int_equal(op->result, 0);
	assert_true(op->flags & OPF_RESULT_KNOWN);
	assert_int_equal(op->segs, 4);
	assert_int_equal(s[0].kind, SEG_PRE);
	assert_int_equal(s[0].work_ns, 300);
	assert_int_equal(s[1].kind, SEG_W);
	assert_int_equal(s[1].wait_ns, 1000);
	assert_int_equal(s[1].spin_ns, TRACE_UNKNOWN_NS);
	assert_int_equal(s[1].work_ns, 2000);
	assert_false(s[1].downgraded);
	assert_int_equal(s[2].kind, SEG_R);
	assert_true(s[2].downgraded);
	assert_int_equal(s[2].work_ns, 5000);
	assert_int_equal(s[2].tlb_local, 1);
	assert_int_equal(s[2].tlb_ipi, 1);
	assert_int_equal(s[3].kind, SEG_POST);
	assert_int_equal(s[3].work_ns, 500);
	assert_int_equal(im->acct.ops[OP_LOCK_ACQUIRED], 2);
	assert_int_equal(nth(im, OP_LOCK_ACQUIRED, 1)->arg[3], 1);
	assert_int_equal(im->acct.op_lines, 2);
	assert_int_equal(im->acct.measurement_lines, 6);
	assert_int_equal(im->acct.header_lines, 1);
	/* it unmapped what no traced call had made: it was there */
	expect_layout(im, 0, "7f0000001000-7f0000003000 rw-a\n");
	imported_free(im);
}

/* contention_begin parts spinning from sleeping; runnable time is dropped */
static void t_wait_and_sleep(void **state)
{
	struct imported *im = import_text(
		L(7, 0, 000001000, MMAP_ENTER(0x1000))
		L(7, 0, 000001200, START(1, true))
		L(7, 0, 000003200, "contention_begin: 0xffff8881000010b8 "
		  "(flags=WRITE)")
		L(7, 0, 000003500, "sched_switch: a:7 [120] D ==> b:9 [120]")
		L(9, 0, 000008000, "sched_switch: b:9 [120] S ==> a:7 [120]")
		L(7, 0, 000008100, "contention_end: 0xffff8881000010b8 (ret=0)")
		L(7, 0, 000008200, GOT(1, true, true))
		L(7, 0, 000008300, "sched_switch: a:7 [120] R ==> b:9 [120]")
		L(9, 0, 000008800, "sched_switch: b:9 [120] S ==> a:7 [120]")
		L(7, 0, 000009000, "sched_switch: a:7 [120] S ==> b:9 [120]")
		L(9, 0, 000009700, "sched_switch: b:9 [120] S ==> a:7 [120]")
		L(7, 0, 000010200, DONE(1, true))
		L(7, 0, 000010300, "sys_exit_mmap: 0x7f0000001000"));
	const struct op *op = nth(im, OP_MMAP, 0);
	const struct op_segment *s = op->seg;

	(void)state;
	assert_int_equal(op->duration_ns, 9300);
	assert_true(op->flags & OPF_SLEPT);
	assert_int_equal(op->segs, 3);
	assert_int_equal(s[1].wait_ns, 7000);
	assert_int_equal(s[1].spin_ns, 2000);
	assert_true(s[1].contended);
	assert_int_equal(s[1].sleep_ns, 700);
	assert_int_equal(s[1].work_ns, 2000 - 700 - 500);
	assert_int_equal(im->acct.ops[OP_SCHED_OUT], 3);
	assert_int_equal(im->acct.ops[OP_SCHED_IN], 3);
	assert_int_equal(nth(im, OP_SCHED_OUT, 0)->arg[0], 'D');
	assert_true(nth(im, OP_SCHED_OUT, 0)->flags & OPF_IN_CALL);
	imported_free(im);
}

/* a switch-in that the kernel did not log is inferred from the next line */
static void t_inferred_switch_in(void **state)
{
	struct imported *im = import_text(
		L(7, 1, 000001000, "page_fault_user: address=0x1000 ip=0x2000 "
		  "error_code=0x6")
		L(7, 1, 000002000, "sched_switch: a:7 [120] S ==> "
		  "swapper/1:0 [120]")
		L(7, 1, 000002100, "tlb_flush: pages=-1 reason=flush on task "
		  "switch (0)")
		L(7, 1, 000007000, "page_fault_user: address=0x3000 ip=0x2000 "
		  "error_code=0x4"));
	const struct op *in = nth(im, OP_SCHED_IN, 0);

	(void)state;
	assert_int_equal(im->acct.ops[OP_SCHED_IN], 1);
	assert_int_equal(in->start_ns, 6000);
	assert_int_equal(in->arg[0], 1);
	assert_int_equal(nth(im, OP_SCHED_OUT, 0)->arg[1], TRACE_NO_TASK);
	/* the gap ends where the task left its CPU */
	assert_int_equal(nth(im, OP_FAULT, 0)->arg[3], 1000);
	assert_true(nth(im, OP_FAULT, 0)->flags & OPF_SLEPT);
	assert_true(nth(im, OP_FAULT, 1)->arg[3] == UINT64_MAX);
	imported_free(im);
}

static void t_faults(void **state)
{
	struct imported *im = import_text(
		/* no lock event: the VMA lock */
		L(7, 0, 000001000, "page_fault_user: address=0x5000 ip=0x2000 "
		  "error_code=0x6")
		/* one short read section: trylock or mmap_lock, unknown */
		L(7, 0, 000002000, "page_fault_user: address=0x6000 ip=0x2000 "
		  "error_code=0x6")
		L(7, 0, 000002300, START(1, false))
		L(7, 0, 000002500, GOT(1, false, true))
		L(7, 0, 000003000, DONE(1, false))
		/* a failed trylock, then again */
		L(7, 0, 000004000, "page_fault_user: address=0x7000 "
		  "ip=__put_user_4 error_code=0x14")
		L(7, 0, 000004100, START(1, false))
		L(7, 0, 000004200, GOT(1, false, false))
		L(7, 0, 000004300, START(1, false))
		L(7, 0, 000004900, GOT(1, false, true))
		L(7, 0, 000005900, DONE(1, false))
		/* inside a call, in kernel mode: always mmap_lock */
		L(7, 0, 000006000, "sys_enter_madvise: start: 0x5000, len_in: "
		  "0x1000, behavior: 0x17")
		L(7, 0, 000006200, "page_fault_kernel: address=0x8000 "
		  "ip=__get_user_8 error_code=0x2")
		L(7, 0, 000006300, START(1, false))
		L(7, 0, 000006400, GOT(1, false, true))
		L(7, 0, 000006900, DONE(1, false))
		L(7, 0, 000007000, "sys_exit_madvise: 0xfffffffffffffff4"));
	const struct op *f[4], *call = nth(im, OP_MADVISE, 0);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		f[i] = nth(im, OP_FAULT, i);
	assert_int_equal(f[0]->path, FAULT_PATH_VMA);
	assert_int_equal(f[0]->arg[3], 1000);
	assert_int_equal(f[0]->duration_ns, TRACE_UNKNOWN_NS);
	assert_int_equal(f[0]->segs, 0);
	assert_int_equal(f[1]->path, FAULT_PATH_TRYLOCK_OR_MMAP);
	assert_int_equal(f[1]->arg[3], 2000);
	assert_int_equal(f[1]->segs, 2);
	assert_int_equal(f[1]->seg[1].kind, SEG_R);
	assert_int_equal(f[1]->seg[1].work_ns, 500);
	assert_int_equal(f[2]->path, FAULT_PATH_RETRY);
	assert_true(f[2]->seg[1].trylock_failed);
	assert_int_equal(f[2]->seg[1].wait_ns, 600);
	assert_int_equal(f[2]->arg[1], 0);	/* a symbol */
	assert_int_equal(f[3]->path, FAULT_PATH_MMAP);
	assert_true(f[3]->flags & OPF_IN_CALL);
	assert_true(f[3]->flags & OPF_KERNEL_MODE);
	assert_true(call->flags & OPF_FAILED);
	assert_int_equal(call->result, -12);
	/* 1000 long, 700 of it the fault inside */
	assert_int_equal(call->segs, 1);
	assert_int_equal(call->seg[0].work_ns, 300);
	imported_free(im);
}

static void t_clone(void **state)
{
	struct imported *im = import_text(
		L(7, 0, 000001000, "sys_enter_clone3: uargs: 0x1, size: 0x58")
		L(7, 0, 000001100, "alloc_vmap_area: va_start: "
		  "18446683601288937472 size=20480 align=16384 vstart=0xffffc9"
		  "0000000000 vend=0xffffe8ffffffffff failed=0")
		L(7, 0, 000001200, "task_newtask: pid=8 comm=a "
		  "clone_flags=3d0f00 oom_score_adj=0")
		L(7, 0, 000001300, "sched_process_fork: comm=a pid=7 "
		  "child_comm=a child_pid=8")
		L(7, 0, 000001400, "sys_exit_clone3: 0x8")
		L(8, 1, 000001500, "sys_exit_clone3: 0x0")
		L(8, 1, 000001600, "page_fault_user: address=0x5000 ip=0x2000 "
		  "error_code=0x6")
		L(0, 0, 000002000, "free_vmap_area_noflush: va_start="
		  "0xffffc9002ad9c000 nr_lazy=5 nr_lazy_max=16384"));
	const struct trace_header *h = mmt_header(im->r);
	const struct op *op = nth(im, OP_CLONE_THREAD, 0);

	(void)state;
	assert_int_equal(im->acct.op_lines, 8);	/* the second return too */
	assert_int_equal(op->arg[0], 1);
	assert_int_equal(op->arg[1], 0x3d0f00);
	assert_int_equal(op->result, 8);
	assert_int_equal(h->tasks[1].tid, 8);
	assert_int_equal(h->tasks[1].parent, 0);
	assert_int_equal(h->tasks[1].mm, h->tasks[0].mm);
	assert_int_equal(nth(im, OP_FAULT, 0)->mm, h->tasks[0].mm);
	assert_true(nth(im, OP_VMALLOC, 0)->flags & OPF_IN_CALL);
	assert_int_equal(nth(im, OP_VFREE, 0)->arg[0],
			 nth(im, OP_VMALLOC, 0)->arg[0]);
	assert_int_equal(nth(im, OP_VFREE, 0)->arg[1], 20480);
	imported_free(im);
}

/* fork locks the child's mm inside the parent's; its pointer is the child's */
static void t_fork(void **state)
{
	struct imported *im = import_text(
		L(7, 0, 000001000, "page_fault_user: address=0x5000 ip=0x2000 "
		  "error_code=0x6")
		L(7, 0, 000001500, "sys_enter_clone: clone_flags: 0x1200011, "
		  "newsp: 0x0")
		L(7, 0, 000002000, START(1, true))
		L(7, 0, 000002100, GOT(1, true, true))
		L(7, 0, 000002200, START(2, true))
		L(7, 0, 000002300, GOT(2, true, true))
		L(7, 0, 000008000, DONE(2, true))
		L(7, 0, 000008100, DONE(1, true))
		L(7, 0, 000009000, "task_newtask: pid=8 comm=a "
		  "clone_flags=1200000 oom_score_adj=0")
		L(7, 0, 000009500, "sys_exit_clone: 0x8")
		L(8, 1, 000009900, "page_fault_user: address=0x5000 ip=0x2000 "
		  "error_code=0x7")
		L(8, 1, 000010000, START(2, false))
		L(8, 1, 000010100, GOT(2, false, true))
		L(8, 1, 000010200, DONE(2, false)));
	const struct trace_header *h = mmt_header(im->r);
	const struct op *op = nth(im, OP_FORK, 0);

	(void)state;
	assert_int_equal(h->mm_count, 2);
	assert_int_equal(h->mms[1].origin, MM_FORK);
	assert_int_equal(h->mms[1].parent, 0);
	assert_int_equal(h->mms[1].area_count, 0);	/* all is inherited */
	assert_int_equal(h->tasks[1].mm, 1);
	assert_int_equal(op->mm, 0);
	assert_int_equal(nth(im, OP_FAULT, 1)->mm, 1);
	/* the inner lock is a part of the outer section */
	assert_int_equal(op->segs, 3);
	assert_int_equal(op->seg[1].kind, SEG_W);
	assert_int_equal(op->seg[1].mm, 0);
	assert_int_equal(op->seg[1].work_ns, 6000);
	assert_int_equal(nth(im, OP_LOCK_START, 1)->arg[0], 1);
	imported_free(im);
}

/* posix_spawn shares the mm until exec; a recycled pointer is a new mm */
static void t_vfork_exec(void **state)
{
	struct imported *im = import_text(
		L(7, 0, 000000500, "sys_enter_brk: brk: 0x0")
		L(7, 0, 000000600, START(1, true))
		L(7, 0, 000000700, GOT(1, true, true))
		L(7, 0, 000000800, DONE(1, true))
		L(7, 0, 000000900, "sys_exit_brk: 0x5000000")
		L(7, 0, 000001000, "sys_enter_vfork: ")
		L(7, 0, 000001200, "task_newtask: pid=8 comm=a "
		  "clone_flags=4100 oom_score_adj=0")
		L(8, 0, 000001500, "sys_enter_execve: filename: 0x1, argv: 0x2")
		L(8, 0, 000001600, START(2, true))
		L(8, 0, 000001700, GOT(2, true, true))
		L(8, 0, 000001800, DONE(2, true))
		L(8, 0, 000001900, START(1, false))
		L(8, 0, 000002000, GOT(1, false, true))
		L(8, 0, 000002100, DONE(1, false))
		L(8, 0, 000002200, "sched_process_exec: filename=/bin/b pid=8 "
		  "old_pid=8")
		L(8, 0, 000002300, "sys_exit_execve: 0x0")
		L(8, 0, 000002400, "page_fault_user: address=0x400000 "
		  "ip=0x400000 error_code=0x14")
		L(8, 0, 000002500, "sys_enter_exit_group: error_code: 0x0")
		L(8, 0, 000002600, "sched_process_exit: comm=b pid=8 prio=120 "
		  "group_dead=true")
		L(8, 0, 000002700, START(2, false))
		L(8, 0, 000002800, GOT(2, false, true))
		L(8, 0, 000003000, DONE(2, false))
		L(8, 0, 000003100, START(2, true))
		L(8, 0, 000003200, GOT(2, true, true))
		L(8, 0, 000003500, "exit_mmap: mt_mod 0xffff888100002040, "
		  "DESTROY")
		L(8, 0, 000003600, DONE(2, true))
		L(8, 0, 000003700, "sched_switch: b:8 [120] X ==> a:7 [120]")
		L(7, 0, 000003800, "sys_exit_vfork: 0x8")
		L(7, 0, 000004000, "sys_enter_execve: filename: 0x1, argv: 0x2")
		L(7, 0, 000004100, START(2, true))
		L(7, 0, 000004200, GOT(2, true, true))
		L(7, 0, 000004300, DONE(2, true))
		L(7, 0, 000004400, "sys_exit_execve: 0x0"));
	const struct trace_header *h = mmt_header(im->r);
	const struct op *exit_mm = nth(im, OP_EXIT_MM, 0);

	(void)state;
	assert_int_equal(im->acct.losses, 0);
	assert_int_equal(nth(im, OP_VFORK, 0)->arg[0], 1);
	assert_int_equal(h->tasks[1].mm, 0);
	assert_int_equal(h->mm_count, 3);
	assert_int_equal(h->mms[1].origin, MM_EXEC);
	assert_int_equal(nth(im, OP_EXEC, 0)->mm, 0);
	assert_int_equal(nth(im, OP_EXEC, 0)->arg[0], 1);
	assert_int_equal(nth(im, OP_FAULT, 0)->mm, 1);
	assert_int_equal(h->mms[1].areas[0].start, 0x400000);
	assert_true(h->mms[1].areas[0].flags & AREA_EXEC);
	/* what exit_mmap did is an op of its own, inside exit */
	assert_int_equal(exit_mm->mm, 1);
	assert_int_equal(exit_mm->segs, 3);
	assert_int_equal(exit_mm->seg[0].kind, SEG_R);
	assert_int_equal(exit_mm->seg[2].kind, SEG_W);
	assert_int_equal(nth(im, OP_EXIT, 0)->arg[0], 1);
	assert_int_equal(nth(im, OP_EXIT, 0)->duration_ns, 1200);
	assert_true(h->tasks[1].exited);
	/* the same pointer, after exit_mmap: another mm */
	assert_int_equal(nth(im, OP_EXEC, 1)->arg[0], 2);
	imported_free(im);
}

/* two threads of a process that ran before the trace: one mm, seen late */
static void t_late_identity(void **state)
{
	struct imported *im = import_text(
		L(7, 0, 000001000, "page_fault_user: address=0x5000 ip=0x2000 "
		  "error_code=0x6")
		L(8, 1, 000001100, "page_fault_user: address=0x9000 ip=0x2000 "
		  "error_code=0x6")
		L(7, 0, 000002000, MMAP_ENTER(0x1000))
		L(7, 0, 000002100, START(1, true))
		L(7, 0, 000002200, GOT(1, true, true))
		L(7, 0, 000002300, DONE(1, true))
		L(7, 0, 000002400, "sys_exit_mmap: 0x7f0000001000")
		L(8, 1, 000003000, MMAP_ENTER(0x1000))
		L(8, 1, 000003100, START(1, true))
		L(8, 1, 000003200, GOT(1, true, true))
		L(8, 1, 000003300, DONE(1, true))
		L(8, 1, 000003400, "sys_exit_mmap: 0x7f0000000000"));
	const struct trace_header *h = mmt_header(im->r);

	(void)state;
	assert_int_equal(h->mm_count, 1);
	assert_int_equal(h->tasks[1].mm, 0);
	for (unsigned i = 0; i < im->count; i++)
		assert_int_equal(im->op[i].mm, 0);
	expect_layout(im, 0, "5000-a000 rw-a\n");	/* near each other */
	imported_free(im);
}

/* no lock events: the column of process ids alone, the leader seen last */
static void t_process_column(void **state)
{
	struct imported *im = import_text(
		"  a-8  (  7) [000] d.... 1.000001: page_fault_user: address=0x1000 ip=0x1 error_code=0x6\n"
		"  a-9  (  7) [001] d.... 1.000002: page_fault_user: address=0x1000 ip=0x1 error_code=0x6\n"
		"  a-7  (  7) [000] d.... 1.000003: page_fault_user: address=0x2000 ip=0x1 error_code=0x6\n"
		"  b-6  (  6) [000] d.... 1.000004: page_fault_user: address=0x2000 ip=0x1 error_code=0x6\n");
	const struct trace_header *h = mmt_header(im->r);

	(void)state;
	assert_int_equal(im->acct.mms, 2);
	assert_int_equal(h->tasks[1].mm, h->tasks[0].mm);
	assert_int_equal(h->tasks[2].mm, h->tasks[0].mm);
	imported_free(im);
}

/*
 * A number that comes again without a birth: a call behind the exit is of
 * another task, a lock of exit_mm is not. Without an exit it stays one task.
 */
static void t_number_again(void **state)
{
	struct imported *im = import_text(
		L(7, 0, 000001000, "sys_enter_exit_group: error_code: 0x0")
		L(7, 0, 000002000, "sched_process_exit: comm=a pid=7 prio=120 group_dead=true")
		L(7, 0, 000003000, START(1, true))
		L(7, 0, 000003100, GOT(1, true, true))
		L(7, 0, 000003200, DONE(1, true))
		L(7, 0, 000004000, "exit_mmap: mt_mod 0000000000000001, DESTROY")
		L(7, 0, 000009000, "sys_enter_brk: brk: 0x0")
		L(7, 0, 000009100, "sys_exit_brk: 0x5000")
		L(8, 0, 000009200, "sys_enter_brk: brk: 0x0")
		L(8, 0, 000009300, "sys_exit_brk: 0x6000")
		L(8, 0, 000009400, "page_fault_user: address=0x1000 ip=0x1 error_code=0x6"));

	(void)state;
	assert_string_equal(im->e.text, "");
	assert_int_equal(im->acct.tasks, 3);
	assert_int_equal(im->acct.tids_again, 1);
	assert_int_equal(im->acct.ops[OP_EXIT_MM], 1);
	assert_int_equal(nth(im, OP_EXIT_MM, 0)->task, 0);
	assert_int_equal(nth(im, OP_BRK, 0)->task, 1);
	assert_int_not_equal(nth(im, OP_BRK, 0)->mm,
			     nth(im, OP_EXIT_MM, 0)->mm);
	assert_true(mmt_header(im->r)->tasks[0].exited);
	assert_false(mmt_header(im->r)->tasks[1].exited);
	imported_free(im);
}

/* a second entry without a return, open calls at the end, backward stamps */
static void t_partial(void **state)
{
	struct imported *im = import_text(
		L(7, 0, 000001000, "sys_exit_mmap: 0x7f0000001000")
		L(7, 0, 000002000, MMAP_ENTER(0x1000))
		L(7, 0, 000003000, MMAP_ENTER(0x2000))
		L(7, 0, 000002500, "sys_exit_mmap: 0x7f0000001000")
		L(7, 0, 000004000, "sys_enter_brk: brk: 0x0"));

	(void)state;
	assert_int_equal(im->ret, 0);
	assert_int_equal(lost(im, "return without entry"), 1);
	assert_int_equal(im->acct.unpaired_enters, 2);
	assert_int_equal(im->acct.clock_steps, 1);
	assert_false(nth(im, OP_MMAP, 0)->flags & OPF_RESULT_KNOWN);
	assert_int_equal(nth(im, OP_MMAP, 0)->duration_ns, TRACE_UNKNOWN_NS);
	assert_int_equal(nth(im, OP_MMAP, 1)->duration_ns, 0);
	assert_false(nth(im, OP_BRK, 0)->flags & OPF_RESULT_KNOWN);
	imported_free(im);
}

/* wakers only from sched_waking, and only tasks of the trace */
static void t_waking(void **state)
{
	struct imported *im = import_text(
		L(7, 0, 000001000, "page_fault_user: address=0x5000 ip=0x2000 "
		  "error_code=0x6")
		L(8, 1, 000001100, "page_fault_user: address=0x9000 ip=0x2000 "
		  "error_code=0x6")
		L(8, 1, 000002000, "sched_waking: comm=a pid=7 prio=120 "
		  "target_cpu=000")
		L(8, 1, 000002100, "sched_wakeup: a:7 [120] CPU:000")
		L(9, 1, 000002200, "sched_waking: comm=a pid=7 prio=120 "
		  "target_cpu=000")
		L(8, 1, 000002300, "sched_waking: comm=x pid=99 prio=120 "
		  "target_cpu=000"));

	(void)state;
	assert_int_equal(im->acct.ops[OP_WAKING], 1);
	assert_int_equal(nth(im, OP_WAKING, 0)->task, 1);
	assert_int_equal(nth(im, OP_WAKING, 0)->arg[0], 0);
	assert_int_equal(nth(im, OP_WAKING, 0)->arg[1], 2);	/* no flags */
	assert_int_equal(lost(im, "sched_waking by a task outside the trace"),
			 1);
	assert_int_equal(lost(im, "sched_waking of a task outside the trace"),
			 1);
	assert_true(im->acct.wakers_unsure);
	imported_free(im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_munmap_segments),
		cmocka_unit_test(t_wait_and_sleep),
		cmocka_unit_test(t_inferred_switch_in),
		cmocka_unit_test(t_faults), cmocka_unit_test(t_clone),
		cmocka_unit_test(t_fork), cmocka_unit_test(t_vfork_exec),
		cmocka_unit_test(t_late_identity),
		cmocka_unit_test(t_process_column),
		cmocka_unit_test(t_number_again),
		cmocka_unit_test(t_partial), cmocka_unit_test(t_waking),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
