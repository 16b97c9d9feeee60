/*
 * fork while another thread faults, under recorded costs: every work() an
 * event, or none that nobody sees, gives the same bytes. Not pinned: what a
 * fork costs (t_mm_fork.c).
 */
#include "sim/tests/t_replay_run.h"

#define A 0x100000000ULL
#define PAGE 0x1000ULL

enum { PAGES = 64, FORK_NS = 400000 };

/*
 *   t0   faults all | fork c1 | ........ | fork c2 (400 us, nearly all in W)
 *   c1                          exits
 *   t1                                     faults on pages that c1 shared
 *
 * c1 is gone, so a write of t1 finds its page shared or not by whether c2
 * has joined the family yet.
 */
static void forker(struct tb *b)
{
	static struct op_segment seg[3] = {
		{ .kind = SEG_PRE, .work_ns = 3000 },
		{ .kind = SEG_W, .work_ns = FORK_NS - 5000 },
		{ .kind = SEG_POST, .work_ns = 2000 } };
	uint32_t mm, t[2], child[2];
	struct op *op;

	tb_init(b, HAVE_SCHED | HAVE_MMAP_LOCK);
	mm = tb_mm(b, MM_INITIAL, TRACE_NO_MM);
	t[0] = tb_task(b, TRACE_NO_TASK, mm);
	t[1] = tb_task(b, TRACE_NO_TASK, mm);
	for (int i = 0; i < 2; i++)
		child[i] = tb_task(b, t[0], tb_mm(b, MM_FORK, mm));
	tb_mmap(b, t[0], 1000, 5000, A, PAGES * PAGE);
	for (int i = 0; i < PAGES; i++)
		tb_fault(b, t[0], 10000 + i * 3000, A + (unsigned)i * PAGE);
	for (int i = 0; i < 2; i++) {
		tb_child(b, t[0], OP_FORK, 1000000 * (i + 1), FORK_NS,
			 child[i]);
		op = &b->ops[b->count - 1];
		seg[0].mm = seg[1].mm = seg[2].mm = mm;
		op->segs = 3;
		op->seg = seg;
		tb_exit(b, child[i], 1000000 * (i + 1) + FORK_NS + 50000, true);
	}
	for (int i = 0; i < PAGES; i++)
		tb_fault(b, t[1], 1980000 + i * 6000, A + (unsigned)i * PAGE);
	tb_exit(b, t[0], 4000000, false);
	tb_exit(b, t[1], 4000100, true);
	tb_open(b);
}

static void t_fork_eager(void **state)
{
	static const char *const kernels[] = { "linux-6.1", "linux-6.12",
					       "linux-6.18" };
	struct tb b;

	(void)state;
	forker(&b);
	for (int i = 0; i < 6; i++) {
		char *text[2];

		for (int eager = 0; eager < 2; eager++) {
			struct rig g;

			rig_init(&g, kernels[i / 2], "linux-6.12");
			g.c.eager = eager;
			g.c.options.costs = i % 2 ? COSTS_RECORDED :
						    COSTS_MODEL;
			rig_run(&g, &b);
			text[eager] = rig_dump(&g);
			rig_release(&g);
		}
		assert_string_equal(text[0], text[1]);
		free(text[0]);
		free(text[1]);
	}
	tb_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(t_fork_eager) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
