/*
 * Pins the rules of vmap: nodes -- node count, vn_id, both decays, helpers --
 * and what the pools do: filled by a drain only, LIFO, a head that is not
 * aligned is a miss and goes to the tail, emptied by a full purge and by the
 * shrinker; what of them is there for whom, by node; and that helpers end before
 * the drain does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sim/policy/vmap/nodes.h"
#include "sim/tests/fixture_mm.h"

static void t_rules(void **state)
{
	(void)state;
	assert_int_equal(vmap_node_count(0), 1);
	assert_int_equal(vmap_node_count(64), 64);
	assert_int_equal(vmap_node_count(512), 128);
	assert_int_equal(addr_to_node_id(VMALLOC_START, 4), 0);
	assert_int_equal(addr_to_node_id(VMALLOC_START + 65535, 4), 0);
	assert_int_equal(addr_to_node_id(VMALLOC_START + 5 * 65536, 4), 1);
	assert_int_equal(encode_vn_id(0, 4), 0x100);
	assert_int_equal(encode_vn_id(3, 4), 0x400);
	assert_int_equal(encode_vn_id(4, 4), 0);
	assert_int_equal(decode_vn_id(0x400), 3);
	assert_true(decode_vn_id(0) >= 128);	/* no node is not valid */
	assert_int_equal(vmap_lazy_max_pages(2), 16384);
	assert_int_equal(vmap_lazy_max_pages(64), 57344);
	assert_int_equal(vmap_lazy_max_pages(128), 65536);
}

/*	len      1  2  3  4  7  8 100
 *	posted   1  2  3  1  1  2  25
 *	fixed    0  0  0  1  1  2  25	*/
static void t_decay(void **state)
{
	static const uint64_t len[] = { 0, 1, 2, 3, 4, 7, 8, 100 };
	static const uint64_t posted[] = { 0, 1, 2, 3, 1, 1, 2, 25 };
	static const uint64_t fixed[] = { 0, 0, 0, 0, 1, 1, 2, 25 };

	(void)state;
	for (unsigned i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		assert_int_equal(vmap_decay_count(DECAY_POSTED, len[i], false),
				 posted[i]);
		assert_int_equal(vmap_decay_count(DECAY_FIXED, len[i], false),
				 fixed[i]);
		assert_int_equal(vmap_decay_count(DECAY_POSTED, len[i], true),
				 len[i]);
		assert_int_equal(vmap_decay_count(DECAY_FIXED, len[i], true),
				 len[i]);
	}
}

static void t_helpers(void **state)
{
	(void)state;
	assert_int_equal(vmap_helper_count(HELPERS_BACKLOG, 99, 100, 8), 0);
	assert_int_equal(vmap_helper_count(HELPERS_BACKLOG, 199, 100, 8), 0);
	assert_int_equal(vmap_helper_count(HELPERS_BACKLOG, 300, 100, 8), 2);
	assert_int_equal(vmap_helper_count(HELPERS_BACKLOG, 9900, 100, 8), 7);
	assert_int_equal(vmap_helper_count(HELPERS_BACKLOG, 9900, 100, 1), 0);
	assert_int_equal(vmap_helper_count(HELPERS_NONE, 9900, 100, 8), 0);
	assert_int_equal(vmap_helper_count(HELPERS_ALL, 1, 100, 8), 7);
	assert_int_equal(vmap_helper_count(HELPERS_ALL, 1, 100, 0), 0);
}

/* ---- the pools ---- */

static void open_nodes(struct mmfix *x, uint32_t cpus, struct nodes_options *o)
{
	if (!o->pool_classes)
		o->pool_classes = MAX_VA_SIZE_PAGES;
	mmfix_config(x, cpus);
	mmfix_policy(x, AXIS_VMAP, "nodes");
	x->cfg.policies.options[AXIS_VMAP] = o;
	x->check_every = 1;
	mmfix_open(x, 1);
}

static struct vmap_area *get(struct task *t, uint64_t pages, uint64_t align)
{
	struct vmap_request rq = { .size = pages * PAGE, .align = align };
	struct vmap_area *va;

	mmfix_op(t, 13);
	assert_int_equal(do_vmalloc(t, &rq, &va), 0);
	return va;
}

static void put(struct task *t, struct vmap_area *va)
{
	mmfix_op(t, 14);
	do_vfree(t, va);
}

static void pool_life(struct task *t, struct mmfix *x)
{
	struct vmap_area *a = get(t, 3, PAGE), *b = get(t, 3, PAGE), *c;
	uint64_t low = a->r.start;

	put(t, b);
	put(t, a);
	c = get(t, 3, PAGE);		/* lazy is not yet in the pool */
	assert_int_equal(c->r.start, low + 6 * PAGE);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_MISS), 3);
	x->k->vmap->purge(t, PURGE_DRAIN);
	/* purged in order of addresses, so the highest is on top */
	b = get(t, 3, PAGE);
	assert_int_equal(b->r.start, low + 3 * PAGE);
	a = get(t, 3, PAGE);
	assert_int_equal(a->r.start, low);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_HIT), 2);
	put(t, a);
	put(t, b);
	put(t, c);
	x->k->vmap->purge(t, PURGE_FULL);	/* fully: nothing goes to a pool */
	c = get(t, 3, PAGE);
	assert_int_equal(c->r.start, low);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_HIT), 2);
	put(t, c);
}

static void t_pool_life(void **state)
{
	struct nodes_options o = { .decay = DECAY_FIXED };
	struct mmfix x;

	(void)state;
	open_nodes(&x, 2, &o);
	mmfix_task(&x, 0, pool_life);
	mmfix_run(&x);
	mmfix_close(&x);
}

/*	pool of 2 pages, top first:  [12 13] [10 11] [8 9]	aligned to 4?
 *	take 2, align 4   hit 12
 *	take 2, align 4   10 is not: miss, [8 9] [10 11]
 *	take 2, align 4   hit 8						*/
static void pool_align(struct task *t, struct mmfix *x)
{
	struct vmap_area *v[8];
	uint64_t low;

	for (unsigned i = 0; i < 7; i++)
		v[i] = get(t, 2, PAGE);
	low = v[0]->r.start;
	for (unsigned i = 4; i < 7; i++)
		put(t, v[i]);
	x->k->vmap->purge(t, PURGE_DRAIN);
	assert_int_equal(get(t, 2, 4 * PAGE)->r.start, low + 12 * PAGE);
	get(t, 2, 4 * PAGE);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_MISALIGNED), 1);
	assert_int_equal(get(t, 2, 4 * PAGE)->r.start, low + 8 * PAGE);
	assert_int_equal(get(t, 2, PAGE)->r.start, low + 10 * PAGE);
}

static void t_pool_align(void **state)
{
	struct nodes_options o = { .decay = DECAY_FIXED };
	struct mmfix x;

	(void)state;
	open_nodes(&x, 2, &o);
	mmfix_task(&x, 0, pool_align);
	mmfix_run(&x);
	mmfix_close(&x);
}

/* Three areas in a pool, then a drain that finds nothing lazy. */
static void small_pool(struct task *t, struct mmfix *x)
{
	struct vmap_area *v[3];

	for (unsigned i = 0; i < 3; i++)
		v[i] = get(t, 2, PAGE);
	for (unsigned i = 0; i < 3; i++)
		put(t, v[i]);
	x->k->vmap->purge(t, PURGE_DRAIN);
	x->k->vmap->purge(t, PURGE_DRAIN);
	x->events = (uint32_t)mmfix_counter(x, COUNT_VMAP_POOL_DECAYED);
	if (x->k->vmap->shrink)
		x->k->vmap->shrink(t);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_DECAYED), 3);
}

static void t_small_pools(void **state)
{
	struct nodes_options o = { 0 };
	struct vmap_stat s = { 0 };

	(void)state;
	for (o.decay = DECAY_POSTED; o.decay <= DECAY_FIXED; o.decay++) {
		struct mmfix x;

		open_nodes(&x, 2, &o);
		x.f.m.engine.check = NULL;
		mmfix_task(&x, 0, small_pool);
		mmfix_run(&x);
		assert_int_equal(x.events, o.decay == DECAY_POSTED ? 3 : 0);
		x.k->vmap->stat(x.k, &s);
		assert_int_equal(s.pooled_pages, 0);
		assert_int_equal(x.f.metrics->holds[x.k->hold[HOLD_VMAP]].bytes,
				 0);
		mmfix_close(&x);
	}
}

/* ---- for whom ---- */

/*
 * 64 areas of 2 pages, 8 a zone, so 16 on each of 4 nodes by address; who asks
 * is on one CPU. By CPU all 64 are its own; by address 16 are, and of the other
 * 48 nobody on their nodes has ever asked.
 */
static void for_whom(struct task *t, struct mmfix *x)
{
	const struct nodes_options *o = x->cfg.policies.options[AXIS_VMAP];
	uint64_t own = o->vn_id == TAG_BY_CPU ? 64 : 16;
	struct vmap_area *v[65];

	for (unsigned i = 0; i < 64; i++)
		v[i] = get(t, 2, PAGE);
	for (unsigned i = 0; i < 64; i++)
		put(t, v[i]);
	x->k->vmap->purge(t, PURGE_DRAIN);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_HIT_BEFORE), 0);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_MISS_BEFORE), 64);
	for (unsigned i = 0; i < own + 1; i++)
		v[i] = get(t, 2, PAGE);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_HIT), own);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_MISS), 65);
	/* the miss: 48 of that size stand in other nodes' pools, or none */
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_MISS_ELSEWHERE),
			 o->vn_id == TAG_BY_ADDRESS);
	assert_int_equal(mmfix_counter(x, COUNT_VMAP_POOL_MISS_BEFORE), 64);
	*(uint32_t *)x->arg = t->cpu->id;
}

static void check_report(const struct mmfix *x, enum vmap_tag tag)
{
	const struct hold_class *h = &x->f.metrics->holds[x->k->hold[HOLD_VMAP]];
	struct vmap_report r;

	kernel_vmap_report(x->k, &r);
	assert_int_equal(r.nodes, 4);
	assert_int_equal(r.count, tag == TAG_BY_ADDRESS ? 3 : 0);
	for (uint32_t i = 0; i < r.count; i++) {
		const struct hold_part *p = hold_part_at(h, r.pool[i].node,
			x->k->stage[STAGE_VMAP_POOL]);

		assert_int_not_equal(r.pool[i].node, *(uint32_t *)x->arg);
		assert_int_equal(r.pool[i].pages, 2);
		assert_int_equal(r.pool[i].areas, 16);
		assert_false(r.pool[i].asked);
		assert_int_equal(p->bytes, 32 * PAGE);
		assert_int_equal(p->peak_bytes, 32 * PAGE);
	}
	free(r.pool);
}

static void t_for_whom(void **state)
{
	(void)state;
	for (enum vmap_tag tag = TAG_BY_CPU; tag <= TAG_BY_ADDRESS; tag++) {
		struct nodes_options o = { .decay = DECAY_FIXED, .vn_id = tag };
		const struct hold_class *h;
		uint32_t cpu = 0;
		struct mmfix x;

		open_nodes(&x, 4, &o);
		x.arg = &cpu;
		mmfix_task(&x, 0, for_whom);
		mmfix_run(&x);
		check_report(&x, tag);
		/* objects of what is pooled; 64 pairs of pages in one table */
		h = &x.f.metrics->holds[x.k->hold[HOLD_VMAP_AREA]];
		assert_int_equal(h->peak_bytes, 64 * VMAP_AREA_BYTES);
		assert_int_equal(h->bytes, tag == TAG_BY_ADDRESS ?
				 48 * VMAP_AREA_BYTES : 0);
		h = &x.f.metrics->holds[x.k->hold[HOLD_VMAP_TABLE]];
		assert_int_equal(h->peak_bytes, PAGE);
		assert_int_equal(h->bytes, 0);	/* mapped again */
		mmfix_close(&x);
	}
}

/* ---- helpers ---- */

static void burst(struct task *t, struct mmfix *x)
{
	struct vmap_area *v[64];

	(void)x;
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < 64; i++)
			v[i] = get(t, 1 + i % 5, PAGE);
		for (unsigned i = 0; i < 64; i++)
			put(t, v[i]);
	}
}

static void t_helpers_end(void **state)
{
	struct nodes_options o = { .lazy_max_pages = 40 };

	(void)state;
	for (o.helpers = HELPERS_BACKLOG; o.helpers <= HELPERS_ALL; o.helpers++) {
		struct mmfix x;
		uint64_t helpers;

		open_nodes(&x, 4, &o);
		for (unsigned i = 0; i < 6; i++)
			mmfix_task(&x, 0, burst);
		mmfix_run(&x);
		helpers = mmfix_counter(&x, COUNT_VMAP_PURGE_HELPERS);
		assert_int_equal(helpers > 0, o.helpers != HELPERS_NONE);
		assert_int_equal(x.f.m.tasks_alive, 0);
		mmfix_close(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_rules),
		cmocka_unit_test(t_decay),
		cmocka_unit_test(t_helpers),
		cmocka_unit_test(t_pool_life),
		cmocka_unit_test(t_pool_align),
		cmocka_unit_test(t_small_pools),
		cmocka_unit_test(t_for_whom),
		cmocka_unit_test(t_helpers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
