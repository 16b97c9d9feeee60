#ifndef MMREPLAY_TESTS_T_REPLAY_RANDOM_H
#define MMREPLAY_TESTS_T_REPLAY_RANDOM_H

/*
 * Traces of a program that is correct on every kernel, with calls of several
 * tasks that overlap. A region is used after its mmap returned and before its
 * munmap began; an address is handed out again once its remover took effect,
 * at 60 % of the call, even while both calls are under way.
 */

#include "sim/base/rng.h"
#include "sim/tests/t_replay_trace.h"

enum { RANDOM_TASKS = 4, RANDOM_REGIONS = 12, RANDOM_PAGES = 4 };

#define RANDOM_BASE 0x10000000000ULL

struct random_region {
	int64_t usable_ns, last_use_ns, free_ns;	/* free from here on */
	bool mapped;
};

struct random_program {
	struct tb b;
	uint32_t task[RANDOM_TASKS];
	int64_t clock_ns[RANDOM_TASKS];
	struct random_region region[RANDOM_REGIONS];
	uint64_t seed, n;
};

static uint64_t random_below(struct random_program *p, uint64_t bound)
{
	return draw_below(draw(p->seed, 1, DRAW_TEST, p->n++), bound);
}

static uint64_t random_addr(uint32_t region)
{
	return RANDOM_BASE + (uint64_t)region * RANDOM_PAGES * PAGE_BYTES;
}

static void random_map(struct random_program *p, uint32_t t, uint32_t i)
{
	struct random_region *r = &p->region[i];
	int64_t ns = 1000 + (int64_t)random_below(p, 20000);

	/* it takes effect at 60 %, after the remover of the address did */
	if (p->clock_ns[t] + ns * 6 / 10 <= r->free_ns)
		ns = (r->free_ns - p->clock_ns[t] + 1) * 10 / 6 + 1;
	tb_mmap(&p->b, p->task[t], p->clock_ns[t], ns, random_addr(i),
		RANDOM_PAGES * PAGE_BYTES);
	p->clock_ns[t] += ns;
	r->mapped = true;
	r->usable_ns = r->last_use_ns = p->clock_ns[t];
}

static void random_use(struct random_program *p, uint32_t t, uint32_t i)
{
	struct random_region *r = &p->region[i];
	uint64_t what = random_below(p, 10), page = random_below(p, RANDOM_PAGES);
	int64_t ns = 1000 + (int64_t)random_below(p, 20000);
	uint64_t addr = random_addr(i);

	if (p->clock_ns[t] < r->usable_ns)
		p->clock_ns[t] = r->usable_ns;
	if (what < 7) {
		tb_fault(&p->b, p->task[t], p->clock_ns[t],
			 addr + page * PAGE_BYTES);
		p->clock_ns[t] += 2000;
	} else if (what < 9) {
		/* alone: who comes first decides what is resident after */
		if (p->clock_ns[t] < r->last_use_ns)
			p->clock_ns[t] = r->last_use_ns;
		tb_range(&p->b, p->task[t], OP_MADVISE, p->clock_ns[t], ns,
			 addr, RANDOM_PAGES * PAGE_BYTES);
		p->clock_ns[t] += ns;
		r->usable_ns = p->clock_ns[t];
	}
	if (r->last_use_ns < p->clock_ns[t])
		r->last_use_ns = p->clock_ns[t];
	if (what < 9)
		return;
	/* nobody uses it any more: the munmap begins after all uses */
	if (p->clock_ns[t] < r->last_use_ns)
		p->clock_ns[t] = r->last_use_ns;
	tb_range(&p->b, p->task[t], OP_MUNMAP, p->clock_ns[t], ns, addr,
		 RANDOM_PAGES * PAGE_BYTES);
	r->mapped = false;
	r->free_ns = p->clock_ns[t] + ns * 6 / 10;
	p->clock_ns[t] += ns;
}

static void random_step(struct random_program *p)
{
	uint32_t t = 0, i = (uint32_t)random_below(p, RANDOM_REGIONS);

	for (uint32_t k = 1; k < RANDOM_TASKS; k++)
		if (p->clock_ns[k] < p->clock_ns[t])
			t = k;
	if (p->region[i].mapped)
		random_use(p, t, i);
	else
		random_map(p, t, i);
	p->clock_ns[t] += 1 + (int64_t)random_below(p, 3000);
}

static UNUSED void random_trace(struct random_program *p, uint64_t seed,
				unsigned steps)
{
	uint32_t mm;

	memset(p, 0, sizeof(*p));
	p->seed = seed;
	tb_init(&p->b, HAVE_SYSCALLS | HAVE_FAULTS);
	mm = tb_mm(&p->b, MM_INITIAL, TRACE_NO_MM);
	for (uint32_t i = 0; i < RANDOM_TASKS; i++) {
		p->task[i] = tb_task(&p->b, TRACE_NO_TASK, mm);
		p->clock_ns[i] = 100 + i;
	}
	for (unsigned i = 0; i < steps; i++)
		random_step(p);
	tb_open(&p->b);
}

#endif
