/*
 * The order pass: which record waits for which. Each litmus trace has a few
 * records; the test names every note that must be there, and that there are
 * no others. Not pinned: what a replay makes of them (t_replay_order.c).
 */
#include "sim/replay/order.h"
#include "sim/tests/t_replay_trace.h"

#define A 0x100000000ULL
#define B 0x200000000ULL
#define PAGE 0x1000ULL

struct litmus {
	struct tb b;
	uint32_t mm, t0, t1;
	struct order *o;
};

/* Two tasks in one address space, there from the start. */
static void two_tasks(struct litmus *l, uint32_t have)
{
	memset(l, 0, sizeof(*l));
	tb_init(&l->b, have);
	l->mm = tb_mm(&l->b, MM_INITIAL, TRACE_NO_MM);
	l->t0 = tb_task(&l->b, TRACE_NO_TASK, l->mm);
	l->t1 = tb_task(&l->b, TRACE_NO_TASK, l->mm);
}

static void pass(struct litmus *l)
{
	struct errbuf e = { 0 };

	l->o = order_build(tb_open(&l->b), &e);
	if (!l->o)
		fail_msg("%s", e.text);
}

static void done(struct litmus *l)
{
	order_free(l->o);
	tb_release(&l->b);
}

static uint32_t notes(const struct litmus *l)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->o->task_count; i++)
		n += l->o->tasks[i].note_count;
	return n;
}

static bool has(const struct litmus *l, uint32_t task, uint32_t seq,
		enum note_kind kind, uint32_t other, uint32_t value)
{
	const struct task_order *t = &l->o->tasks[task];

	for (uint32_t i = 0; i < t->note_count; i++) {
		const struct note *n = &t->notes[i];

		if (n->seq == seq && n->kind == kind && n->task == other &&
		    n->value == value)
			return true;
	}
	return false;
}

/* t0: mmap A                   t1: fault A+0, fault A+1     only the first waits */
static void t_use_after_creator(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, 0);
	tb_mmap(&l.b, l.t0, 100, 50, A, 2 * PAGE);
	tb_fault(&l.b, l.t1, 200, A);
	tb_fault(&l.b, l.t1, 300, A + PAGE);
	pass(&l);
	assert_true(has(&l, l.t1, 0, NOTE_ORDER, l.t0, 0));
	assert_int_equal(notes(&l), 1);
	done(&l);
}

/* t0: mmap A, munmap A         t1: fault A                  munmap waits for it */
static void t_change_after_uses(void **state)
{
	static const enum op_kind kinds[] = { OP_MUNMAP, OP_MPROTECT,
					      OP_MADVISE };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct litmus l;

		two_tasks(&l, 0);
		tb_mmap(&l.b, l.t0, 100, 50, A, 4 * PAGE);
		tb_fault(&l.b, l.t1, 200, A + PAGE);
		tb_range(&l.b, l.t0, kinds[i], 300, 50, A, 2 * PAGE);
		pass(&l);
		assert_true(has(&l, l.t0, 1, NOTE_ORDER, l.t1, 0));
		assert_int_equal(notes(&l), 2);
		done(&l);
	}
}

/* The same page range, but the use lies beside what is changed. */
static void t_disjoint_pages(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, 0);
	tb_mmap(&l.b, l.t0, 100, 50, A, 4 * PAGE);
	tb_fault(&l.b, l.t1, 200, A + 3 * PAGE);
	tb_range(&l.b, l.t0, OP_MADVISE, 300, 50, A, 2 * PAGE);
	tb_range(&l.b, l.t0, OP_MUNMAP, 400, 50, A, 2 * PAGE);
	pass(&l);
	assert_int_equal(notes(&l), 1);		/* fault after mmap, no more */
	done(&l);
}

/* Two tasks, each with a range of its own: free against each other, even if
 * the lock was handed from one to the other in the capture. */
static void t_disjoint_tasks(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, 0);
	for (int i = 0; i < 3; i++) {
		tb_mmap(&l.b, l.t0, 1000 * i + 100, 50, A, PAGE);
		tb_mmap(&l.b, l.t1, 1000 * i + 160, 50, B, PAGE);
		tb_fault(&l.b, l.t0, 1000 * i + 220, A);
		tb_fault(&l.b, l.t1, 1000 * i + 230, B);
		tb_range(&l.b, l.t0, OP_MUNMAP, 1000 * i + 300, 50, A, PAGE);
		tb_range(&l.b, l.t1, OP_MUNMAP, 1000 * i + 360, 50, B, PAGE);
	}
	pass(&l);
	assert_int_equal(notes(&l), 0);
	done(&l);
}

/* t0: mmap A, munmap A         t1: mmap A                   reuse waits */
static void t_reuse_after_remover(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, 0);
	tb_mmap(&l.b, l.t0, 100, 50, A, PAGE);
	tb_range(&l.b, l.t0, OP_MUNMAP, 200, 50, A, PAGE);
	tb_mmap(&l.b, l.t1, 300, 50, A, PAGE);
	pass(&l);
	assert_true(has(&l, l.t1, 0, NOTE_ORDER, l.t0, 1));
	assert_int_equal(notes(&l), 1);
	done(&l);
}

/* The calls overlap, whichever began first: the kernel gave out the address
 * after it was removed. */
static void t_reuse_overlapping(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct litmus l;

		two_tasks(&l, 0);
		tb_mmap(&l.b, l.t0, 100, 50, A, PAGE);
		tb_range(&l.b, l.t0, OP_MUNMAP, 200, 80, A, PAGE);
		tb_mmap(&l.b, l.t1, late ? 190 : 210, 100, A, PAGE);
		tb_fault(&l.b, l.t1, 400, A);
		pass(&l);
		assert_true(has(&l, l.t1, 0, NOTE_ORDER, l.t0, 1));
		assert_int_equal(notes(&l), 1);
		done(&l);
	}
}

/* A fault that overlaps a DONTNEED of its page has no order to it. */
static void t_overlap_is_free(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, 0);
	tb_range(&l.b, l.t0, OP_MADVISE, 100, 100, A, PAGE);
	tb_fault(&l.b, l.t1, 150, A);
	pass(&l);
	assert_int_equal(notes(&l), 0);
	done(&l);
}

/* brk calls of one mm are in order among themselves, whatever they touch. */
static void t_brk_order(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, 0);
	tb_op(&l.b, l.t0, OP_BRK, 100, 10, 0x1000000);
	tb_op(&l.b, l.t1, OP_BRK, 200, 10, 0x1100000);
	tb_op(&l.b, l.t0, OP_BRK, 300, 10, 0x1200000);
	pass(&l);
	assert_true(has(&l, l.t1, 0, NOTE_ORDER, l.t0, 0));
	assert_true(has(&l, l.t0, 1, NOTE_ORDER, l.t1, 0));
	assert_int_equal(notes(&l), 2);
	done(&l);
}

/* t0: mremap A -> B            t1: fault A before, fault B after */
static void t_mremap_both_sides(void **state)
{
	struct litmus l;
	struct op *op;

	(void)state;
	two_tasks(&l, 0);
	tb_mmap(&l.b, l.t0, 100, 10, A, PAGE);
	tb_fault(&l.b, l.t1, 200, A);
	op = tb_op(&l.b, l.t0, OP_MREMAP, 300, 10, (int64_t)B);
	op->arg[0] = A;
	op->arg[1] = PAGE;
	op->arg[2] = 2 * PAGE;
	tb_fault(&l.b, l.t1, 400, B + PAGE);
	pass(&l);
	assert_true(has(&l, l.t1, 0, NOTE_ORDER, l.t0, 0));
	assert_true(has(&l, l.t0, 1, NOTE_ORDER, l.t1, 0));
	assert_true(has(&l, l.t1, 1, NOTE_ORDER, l.t0, 1));
	assert_int_equal(notes(&l), 3);
	done(&l);
}

/* fork: after what others did before, before what they do later. */
static void t_fork_barrier(void **state)
{
	struct litmus l;
	uint32_t mm, child;

	(void)state;
	two_tasks(&l, 0);
	mm = tb_mm(&l.b, MM_FORK, l.mm);
	child = tb_task(&l.b, l.t0, mm);
	tb_fault(&l.b, l.t1, 100, A);
	tb_child(&l.b, l.t0, OP_FORK, 200, 100, child);
	tb_fault(&l.b, child, 250, A);	/* before the call returned */
	tb_fault(&l.b, l.t1, 400, A);
	pass(&l);
	assert_true(has(&l, l.t0, 0, NOTE_ORDER, l.t1, 0));
	assert_true(has(&l, l.t1, 1, NOTE_ORDER, l.t0, 0));
	assert_int_equal(notes(&l), 2);
	assert_int_equal(l.o->tasks[child].creator, l.t0);
	done(&l);
}

/* The last exit waits for the others'. */
static void t_last_exit(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, 0);
	tb_fault(&l.b, l.t1, 100, A);
	tb_exit(&l.b, l.t1, 200, false);
	tb_exit(&l.b, l.t0, 300, true);
	pass(&l);
	assert_true(has(&l, l.t0, 0, NOTE_ORDER, l.t1, 1));
	assert_int_equal(notes(&l), 1);
	assert_true(l.o->tasks[l.t0].exit_mm);
	assert_false(l.o->tasks[l.t1].exit_mm);
	done(&l);
}

/* A vfork parent goes on with the child's exec. */
static void t_vfork_waits_for_exec(void **state)
{
	struct litmus l;
	uint32_t mm, child;
	struct op *op;

	(void)state;
	memset(&l, 0, sizeof(l));
	tb_init(&l.b, 0);
	l.mm = tb_mm(&l.b, MM_INITIAL, TRACE_NO_MM);
	l.t0 = tb_task(&l.b, TRACE_NO_TASK, l.mm);
	mm = tb_mm(&l.b, MM_EXEC, TRACE_NO_MM);
	child = tb_task(&l.b, l.t0, l.mm);
	tb_child(&l.b, l.t0, OP_VFORK, 100, 500, child);
	tb_fault(&l.b, child, 200, A);
	op = tb_op(&l.b, child, OP_EXEC, 300, 250, 0);
	op->arg[0] = mm;
	tb_fault(&l.b, l.t0, 700, A);
	pass(&l);
	assert_true(has(&l, l.t0, 1, NOTE_WAKER, child, 1));
	assert_int_equal(notes(&l), 1);
	done(&l);
}

/* A free finds its alloc by recorded address, reused or not. */
static void t_vfree_after_alloc(void **state)
{
	struct litmus l;
	uint64_t va = 0xffffc90000000000ULL;

	(void)state;
	two_tasks(&l, 0);
	tb_op(&l.b, l.t0, OP_VMALLOC, 100, 0, 0)->arg[0] = va;
	tb_op(&l.b, l.t1, OP_VFREE, 200, 0, 0)->arg[0] = va;
	tb_op(&l.b, l.t0, OP_VMALLOC, 300, 0, 0)->arg[0] = va;
	tb_op(&l.b, l.t0, OP_VFREE, 400, 0, 0)->arg[0] = va;
	tb_op(&l.b, l.t0, OP_VFREE, 500, 0, 0)->arg[0] = va + PAGE;
	pass(&l);
	assert_true(has(&l, l.t1, 0, NOTE_ALLOC, l.t0, 0));
	assert_true(has(&l, l.t1, 0, NOTE_ORDER, l.t0, 0));
	assert_true(has(&l, l.t0, 2, NOTE_ALLOC, l.t0, 1));
	assert_int_equal(notes(&l), 3);
	done(&l);
}

/* Wakers: by a task, early or not; in an interrupt; none. */
static void t_wakers(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, HAVE_SCHED | HAVE_WAKING);
	tb_in(&l.b, l.t1, 10);
	tb_out(&l.b, l.t1, 100, 'S');
	tb_wake(&l.b, l.t0, 200, l.t1, false);
	tb_in(&l.b, l.t1, 210);				/* seq 2 */
	tb_wake(&l.b, l.t0, 299, l.t1, false);		/* before it is out */
	tb_out(&l.b, l.t1, 300, 'S');
	tb_in(&l.b, l.t1, 310);				/* seq 4 */
	tb_out(&l.b, l.t1, 400, 'S');
	tb_wake(&l.b, l.t0, 450, l.t1, true);
	tb_in(&l.b, l.t1, 470);				/* seq 6 */
	tb_out(&l.b, l.t1, 500, 'S');
	tb_in(&l.b, l.t1, 600);				/* seq 8: timer */
	pass(&l);
	assert_true(has(&l, l.t1, 2, NOTE_WAKER, l.t0, 0));
	assert_true(has(&l, l.t1, 4, NOTE_WAKER, l.t0, 1));
	assert_true(has(&l, l.t1, 6, NOTE_SLEEP, 0, 50));
	assert_int_equal(notes(&l), 3);
	done(&l);
}

/* A sleep inside an op is a lock wait or part of it: no waker. */
static void t_sleep_in_op(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, HAVE_SCHED | HAVE_WAKING);
	tb_mmap(&l.b, l.t1, 100, 100, A, PAGE);
	tb_out(&l.b, l.t1, 120, 'D');
	tb_wake(&l.b, l.t0, 150, l.t1, false);
	tb_in(&l.b, l.t1, 160);
	pass(&l);
	assert_int_equal(notes(&l), 0);
	done(&l);
}

/* Preempted for 100 ns, 60 of them for a task of the trace. */
static void t_ghost(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, HAVE_SCHED);
	for (uint32_t i = 0; i < 2; i++)
		l.b.h.tasks[i].tid = 100 + i;
	tb_in(&l.b, l.t0, 10);
	tb_out(&l.b, l.t0, 100, 'R');
	tb_in(&l.b, l.t1, 120);
	tb_out(&l.b, l.t1, 180, 'S');
	tb_in(&l.b, l.t0, 200);
	for (uint32_t i = 0; i < l.b.count; i++)
		l.b.ops[i].cpu = 0;
	pass(&l);
	assert_true(has(&l, l.t0, 2, NOTE_GHOST, 0, 40));
	assert_int_equal(notes(&l), 1);
	done(&l);
}

/* Edges that earlier ones imply are dropped: n uses, one wait. */
static void t_reduction(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, 0);
	tb_mmap(&l.b, l.t0, 100, 50, A, 1000 * PAGE);
	for (int i = 0; i < 1000; i++)
		tb_fault(&l.b, l.t1, 1000 + i, A + (unsigned)i * PAGE);
	tb_range(&l.b, l.t0, OP_MUNMAP, 5000, 50, A, 1000 * PAGE);
	pass(&l);
	assert_true(has(&l, l.t0, 1, NOTE_ORDER, l.t1, 999));
	assert_true(notes(&l) <= 3);
	assert_true(l.o->implied >= 999);
	done(&l);
}

/* A large populate by one task, a change of a part of it by another. */
static void t_large_use(void **state)
{
	struct litmus l;

	(void)state;
	two_tasks(&l, 0);
	tb_mmap(&l.b, l.t0, 100, 50, A, 64 * PMD_BYTES);
	tb_op(&l.b, l.t1, OP_MADVISE, 200, 50, 0)->arg[0] = A;
	l.b.ops[1].arg[1] = 64 * PMD_BYTES;
	l.b.ops[1].arg[2] = 23;				/* POPULATE_WRITE */
	tb_range(&l.b, l.t0, OP_MADVISE, 300, 50, A + 3 * PMD_BYTES, PAGE);
	tb_range(&l.b, l.t0, OP_MADVISE, 400, 50, A + 9 * PMD_BYTES, PMD_BYTES);
	pass(&l);
	assert_true(has(&l, l.t1, 0, NOTE_ORDER, l.t0, 0));
	assert_true(has(&l, l.t0, 1, NOTE_ORDER, l.t1, 0));
	assert_int_equal(notes(&l), 2);
	done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_use_after_creator),
		cmocka_unit_test(t_change_after_uses),
		cmocka_unit_test(t_disjoint_pages),
		cmocka_unit_test(t_disjoint_tasks),
		cmocka_unit_test(t_reuse_after_remover),
		cmocka_unit_test(t_reuse_overlapping),
		cmocka_unit_test(t_overlap_is_free),
		cmocka_unit_test(t_brk_order),
		cmocka_unit_test(t_mremap_both_sides),
		cmocka_unit_test(t_fork_barrier),
		cmocka_unit_test(t_last_exit),
		cmocka_unit_test(t_vfork_waits_for_exec),
		cmocka_unit_test(t_vfree_after_alloc),
		cmocka_unit_test(t_wakers),
		cmocka_unit_test(t_sleep_in_op),
		cmocka_unit_test(t_ghost),
		cmocka_unit_test(t_reduction),
		cmocka_unit_test(t_large_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
