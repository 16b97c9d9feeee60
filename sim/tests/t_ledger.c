/*
 * The ledger of costs: how often each was charged and what it came to is exactly
 * the CPU time that tasks, kernel threads and handlers were charged by class.
 * The costs that are no CPU time of their own (latencies, transfers of lines,
 * bandwidth, waits) get a class apart here, all others share one, and that
 * one must agree to the ns under every tlb_flush and with all bottlenecks on.
 * Not pinned: what is charged where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "sim/mm/abi.h"
#include "sim/tests/fixture_mm.h"

#define BASE 0x700000000000ULL
#define ANON (ABI_MAP_FIXED | 0x2 | ABI_MAP_ANONYMOUS)

enum { PAGES = 200, ROUNDS = 4 };

/* No CPU time, or charged by how long it was waited for. */
static const unsigned elsewhere[] = {
	COST_XFER_SMT, COST_XFER_LLC, COST_XFER_SOCKET, COST_XFER_REMOTE,
	COST_LINE_MEMORY, COST_LINE_SNOOP, COST_MEMORY_4K, COST_WAKE_LATENCY,
	COST_IDLE_EXIT, COST_IDLE_EXIT_SHORT, COST_IDLE_SHORT, COST_SPIN_POLL,
	COST_IPI_LATENCY, COST_IPI_LATENCY_REMOTE, COST_RCU_GP,
};

static void all_kinds(struct task *t, struct mmfix *x)
{
	uint64_t base = BASE + (uint64_t)script_of(t)->n * PAGES * PAGE;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct vmap_request rq = { .size = 5 * PAGE };
		struct vmap_area *va;

		mmfix_op(t, (uint8_t)(i % 4));
		sys_mmap(t, x->mm, base, PAGES * PAGE, 3, ANON |
			 (i % 2 ? ABI_MAP_POPULATE : 0), false);
		for (unsigned p = 0; p < PAGES / 2; p++) {
			struct fault f = { .addr = base + p * PAGE,
					   .write = true, .user = true };

			do_fault(t, x->mm, &f);
		}
		if (i == 1) {
			struct mm *child;

			do_fork(t, x->mm, 100 + script_of(t)->n, &child);
			task_set_mode(t, MODE_SYSTEM);
			mmput(t, child);
			task_set_mode(t, MODE_USER);
			mm_forget(child);
		}
		do_vmalloc(t, &rq, &va);
		do_vfree(t, va);
		do_proc_read(t, x->mm, PROC_FILE_MAPS);
		sys_munmap(t, x->mm, base, PAGES * PAGE);
	}
	do_exit_mm(t, x->mm);
}

static void run(const char *tlb_flush, const char *rcu)
{
	int64_t charged[COST_CLASS_COUNT] = { 0 }, ledger = 0, less = 0;
	struct mmfix x;

	mmfix_config(&x, 4);
	mmfix_bottlenecks(&x);
	mmfix_policy(&x, AXIS_TLB_FLUSH, tlb_flush);
	mmfix_policy(&x, AXIS_RCU, rcu);
	for (unsigned i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		x.f.profile.cost[elsewhere[i]].cls = COST_PUBLISHED;
	mmfix_open(&x, 1);
	for (int i = 0; i < 5; i++)
		mmfix_task(&x, 1000 * i, all_kinds);
	mmfix_run(&x);
	for (int c = 0; c < COST_CLASS_COUNT; c++) {
		for (unsigned i = 0; i < x.scripts; i++)
			charged[c] += x.script[i].task.class_ns[c];
		for (uint32_t i = 0; i < x.f.m.cpu_count; i++)
			charged[c] += x.f.m.cpus[i].class_ns[c];
	}
	kernel_thread_class_ns(x.k, charged);
	for (uint32_t i = 0; i < x.f.profile.cost_count; i++) {
		const struct cost_value *v = &x.f.profile.cost[i];

		less += x.f.m.cost_less_ns[i];
		if (v->cls == COST_ASSUMED)
			ledger += (int64_t)x.f.m.cost_times[i] * v->value -
				  x.f.m.cost_less_ns[i];
	}
	print_message("# %s, %s: ledger %lld ns, charged %lld ns, of it in part %lld ns\n",
		      tlb_flush, rcu, (long long)ledger,
		      (long long)charged[COST_ASSUMED], (long long)less);
	assert_int_equal(ledger, charged[COST_ASSUMED]);
	assert_true(less > 0 && mmfix_counter(&x, COUNT_TLB_IPI) > 0);
	mmfix_close(&x);
}

static void t_ledger_is_exact(void **state)
{
	(void)state;
	run("serial", "fixed");
	run("concurrent", "tree");
	run("broadcast", "tree");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_ledger_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
