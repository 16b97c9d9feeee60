/* See fixture_machine.h. Costs are round and assumed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "sim/tests/fixture_machine.h"

static const int64_t plausible[MACHINE_COST_COUNT] = {
	[COST_ATOMIC] = 5, [COST_LINE_READ] = 1, [COST_LINE_WRITE] = 1,
	[COST_XFER_SMT] = 10, [COST_XFER_LLC] = 45, [COST_XFER_SOCKET] = 80,
	[COST_XFER_REMOTE] = 130, [COST_LINE_MEMORY] = 90,
	[COST_LINE_SNOOP] = 20,
	[COST_CONTEXT_SWITCH] = 1200, [COST_WAKE_LOCAL] = 300,
	[COST_WAKE_LATENCY] = 900, [COST_IDLE_EXIT] = 2000,
	[COST_IPI_SEND] = 120, [COST_IPI_LATENCY] = 500,
	[COST_IPI_LATENCY_REMOTE] = 900, [COST_IRQ_ENTRY] = 150,
	[COST_TICK] = 1000, [COST_SYSCALL] = 100, [COST_SPIN_POLL] = 20,
};

const struct rwsem_ops *const rwsem_flavours[RWSEM_FLAVOURS] = {
	[RWSEM_4_14] = &rwsem_4_14, [RWSEM_5_3] = &rwsem_5_3,
	[RWSEM_5_11] = &rwsem_5_11, [RWSEM_NO_SPIN] = &rwsem_no_spin,
	[RWSEM_BRAVO] = &rwsem_bravo,
};

void fixture_cost(struct fixture *f, unsigned cost, int64_t ns)
{
	f->profile.cost[cost] = (struct cost_value){ ns, ns, ns, COST_ASSUMED,
						     "test" };
}

void fixture_zero_costs(struct fixture *f)
{
	for (unsigned i = 0; i < PROFILE_COSTS_MAX; i++)
		fixture_cost(f, i, 0);
}

void fixture_profile(struct fixture *f, uint32_t sockets, uint32_t llcs,
		     uint32_t cores, uint32_t threads)
{
	memset(f, 0, sizeof(*f));
	f->profile.name = "test";
	f->profile.topology = (struct topology){ sockets, llcs, cores, threads };
	f->profile.cpus = sockets * llcs * cores * threads;
	f->profile.cpus_possible = f->profile.cpus;
	f->profile.line_bytes = 64;
	f->profile.hz = 250;
	f->profile.time_slice_ns = 3 * NSEC_PER_MSEC;
	f->profile.cost_count = MACHINE_COST_COUNT;
	for (unsigned i = 0; i < MACHINE_COST_COUNT; i++)
		fixture_cost(f, i, plausible[i]);
}

void fixture_open(struct fixture *f, uint64_t seed)
{
	f->metrics = metrics_new();
	machine_init(&f->m, &f->profile, seed, f->metrics);
}

void fixture_close(struct fixture *f)
{
	machine_release(&f->m);
	metrics_free(f->metrics);
	f->metrics = NULL;
}

void fixture_conserved(const struct fixture *f)
{
	__int128 sum = 0;

	for (uint32_t i = 0; i < f->m.cpu_count; i++)
		for (int k = 0; k < MODE_COUNT; k++)
			sum += f->m.cpus[i].mode_ns[k];
	assert_true(sum == (__int128)f->m.cpu_count * f->m.end_ns);
}

/* ---- a task a CPU ---- */

struct player {
	struct task t;
	void (*body)(struct task *t, const void *arg);
	const void *arg;
	bool started;
};

static void play(void *arg)
{
	struct task *t = arg;
	struct player *p = t->owner;

	p->body(t, p->arg);
}

static void play_step(struct task *t)
{
	struct player *p = t->owner;

	if (p->started) {
		task_exit(t);
		return;
	}
	p->started = true;
	task_start_fiber(t, play, "a CPU's part");
}

void fixture_on_cpus(struct fixture *f, uint32_t count, const uint32_t *cpu,
		     void (*body)(struct task *t, const void *arg),
		     const void *arg)
{
	struct player *p = xcalloc(count, sizeof(*p));

	for (uint32_t i = 0; i < count; i++) {
		p[i].body = body;
		p[i].arg = arg;
		task_init(&f->m, &p[i].t, i, play_step, &p[i]);
		p[i].t.affinity = (cpu ? cpu[i] : i) + 1;
		task_launch(NULL, &p[i].t, 0);
	}
	machine_run(&f->m);
	free(p);
}
