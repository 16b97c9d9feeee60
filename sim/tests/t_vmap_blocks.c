/*
 * vm_map_ram(): pieces of blocks, what is dirty and when it comes back, which
 * blocks a purge gives up, and what is too large for a block. Under all three
 * vmap policies, on four CPUs with checks after every event. Not pinned: times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "sim/mm/vmap.h"
#include "sim/policy/registry.h"
#include "sim/tests/fixture_mm.h"

static uint64_t held(const struct mmfix *x)
{
	return x->f.metrics->holds[x->k->hold[HOLD_VMAP]].bytes;
}

static struct vmap_mapping map(struct task *t, uint64_t pages)
{
	struct vmap_mapping m;

	mmfix_op(t, 13);
	assert_int_equal(do_vm_map_ram(t, pages * PAGE, &m), 0);
	assert_int_equal(m.pages, pages);
	return m;
}

static void unmap(struct task *t, struct vmap_mapping m)
{
	mmfix_op(t, 14);
	do_vm_unmap_ram(t, &m);
}

static void run_each(void (*fn)(struct task *t, struct mmfix *x),
		     unsigned tasks, uint64_t blocks, uint64_t purged)
{
	static const char *const policies[] = { "linear", "global", "nodes" };

	for (int i = 0; i < 3; i++) {
		struct mmfix x;

		mmfix_config(&x, 4);
		x.cfg.policies.on[AXIS_VMAP] = policy_find(AXIS_VMAP,
							   policies[i]);
		x.cfg.policies.options[AXIS_VMAP] = NULL;
		x.check_every = 1;
		mmfix_open(&x, tasks);
		for (unsigned j = 0; j < tasks; j++)
			mmfix_task(&x, j, fn);
		mmfix_run(&x);
		assert_int_equal(mmfix_counter(&x, COUNT_VMAP_BLOCKS), blocks);
		assert_int_equal(mmfix_counter(&x, COUNT_VMAP_BLOCKS_PURGED),
				 purged);
		mmfix_close(&x);
	}
}

static void pieces(struct task *t, struct mmfix *x)
{
	struct vmap_mapping a = map(t, 1), b = map(t, 3), c = map(t, 64);
	struct vmap_mapping large = map(t, 65), d;

	(void)x;
	/* rounded up to a power of two, one behind the other */
	assert_int_equal(a.addr % VMAP_BLOCK_SIZE, 0);
	assert_int_equal(b.addr, a.addr + PAGE);
	assert_int_equal(c.addr, b.addr + 4 * PAGE);
	assert_ptr_equal(a.area, c.area);
	assert_int_equal(large.area->kind, VMAP_RAM);
	assert_int_equal(range_pages(large.area->r), 65);	/* no guard page */
	unmap(t, a);
	d = map(t, 1);			/* what is dirty does not come back */
	assert_int_equal(d.addr, c.addr + 64 * PAGE);
	unmap(t, b);
	unmap(t, c);
	unmap(t, d);
	unmap(t, large);
}

static void t_pieces(void **state)
{
	(void)state;
	run_each(pieces, 1, 1, 0);
}

/* 16 times 64 pages: the block is dirty as a whole, and lazy as one area */
static void whole(struct task *t, struct mmfix *x)
{
	uint64_t lazy = x->k->stage[STAGE_VMAP_LAZY];
	uint64_t dirty = x->k->stage[STAGE_VMAP_DIRTY];
	const struct hold_class *h =
		&x->f.metrics->holds[x->k->hold[HOLD_VMAP]];

	for (int i = 0; i < 16; i++) {
		assert_int_equal(h->stage[dirty].bytes, i * 64 * PAGE);
		unmap(t, map(t, 64));
	}
	assert_int_equal(h->stage[dirty].bytes, 0);
	assert_int_equal(h->stage[lazy].bytes, VMAP_BLOCK_SIZE);
	assert_int_equal(h->stage[lazy].objects, 16);
	x->k->vmap->purge(t, PURGE_FULL);
	settle(t);
	assert_int_equal(held(x), 0);
}

static void t_whole_block(void **state)
{
	(void)state;
	run_each(whole, 1, 1, 0);
}

/* A failed allocation gives up a block of which less than a quarter is free. */
static void threshold(struct task *t, struct mmfix *x)
{
	struct vmap_mapping keep = map(t, 64);

	for (int i = 0; i < 11; i++)
		unmap(t, map(t, 64));
	unmap(t, keep);			/* 768 dirty, 256 free: stays */
	x->k->vmap->purge(t, PURGE_FULL);
	settle(t);
	assert_int_equal(held(x), 768 * PAGE);
	keep = map(t, 1);
	x->k->vmap->purge(t, PURGE_FULL);	/* 255 free, but one is mapped */
	settle(t);
	assert_int_equal(held(x), 768 * PAGE);
	unmap(t, keep);
	x->k->vmap->purge(t, PURGE_DRAIN);	/* the worker looks at none */
	settle(t);
	assert_int_equal(held(x), 769 * PAGE);
	x->k->vmap->purge(t, PURGE_FULL);
	settle(t);
	assert_int_equal(held(x), 0);
}

static void t_threshold(void **state)
{
	(void)state;
	run_each(threshold, 1, 1, 1);
}

static void aliases(struct task *t, struct mmfix *x)
{
	struct vmap_mapping a = map(t, 8), b = map(t, 8);
	uint64_t ipis = mmfix_counter(x, COUNT_TLB_IPI_KERNEL);

	do_vm_unmap_aliases(t);		/* nothing is dirty */
	settle(t);
	assert_int_equal(mmfix_counter(x, COUNT_TLB_IPI_KERNEL), ipis);
	unmap(t, a);
	do_vm_unmap_aliases(t);		/* flushed, but the block is in use */
	settle(t);
	assert_true(mmfix_counter(x, COUNT_TLB_IPI_KERNEL) > ipis);
	assert_int_equal(held(x), 8 * PAGE);
	ipis = mmfix_counter(x, COUNT_TLB_IPI_KERNEL);
	do_vm_unmap_aliases(t);		/* what was flushed is not flushed again */
	settle(t);
	assert_int_equal(mmfix_counter(x, COUNT_TLB_IPI_KERNEL), ipis);
	unmap(t, b);
	do_vm_unmap_aliases(t);
	settle(t);
	assert_int_equal(held(x), 0);
}

static void t_aliases(void **state)
{
	(void)state;
	run_each(aliases, 1, 1, 1);
}

/* Four tasks that map, purge and unmap each other's blocks' neighbours. */
static void many(struct task *t, struct mmfix *x)
{
	struct vmap_mapping m[4] = { 0 };

	(void)x;
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t bits = draw(11, t->id, DRAW_TEST, i);

		if (m[i % 4].area)
			unmap(t, m[i % 4]);
		m[i % 4] = map(t, 1 + bits % 80);
		if (bits >> 32 & 15)
			continue;
		mmfix_op(t, 15);
		do_vm_unmap_aliases(t);
	}
	for (int i = 0; i < 4; i++)
		unmap(t, m[i]);
}

static void t_many(void **state)
{
	static const char *const policies[] = { "linear", "global", "nodes" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct mmfix x;

		mmfix_config(&x, 4);
		x.cfg.policies.on[AXIS_VMAP] = policy_find(AXIS_VMAP,
							   policies[i]);
		x.cfg.policies.options[AXIS_VMAP] = NULL;
		x.check_every = 1;
		mmfix_open(&x, 4);
		for (unsigned j = 0; j < 4; j++)
			mmfix_task(&x, j, many);
		mmfix_run(&x);
		assert_true(mmfix_counter(&x, COUNT_VMAP_BLOCKS_PURGED) > 0);
		mmfix_close(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pieces),
		cmocka_unit_test(t_whole_block),
		cmocka_unit_test(t_threshold),
		cmocka_unit_test(t_aliases),
		cmocka_unit_test(t_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
