/*
 * Counters, lock statistics, blame shares and the hold ledger.
 *
 * Pinned: the ledger against a hand-drawn staircase, conservation over random
 * moves, exact splitting of odd times, what `off` drops. Not pinned: names.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "sim/base/rng.h"
#include "sim/metrics/metrics.h"

static void t_names(void **state)
{
	struct metrics *m = metrics_new();
	uint32_t id = metrics_counter(m, "pgfault");

	(void)state;
	assert_int_equal(metrics_counter(m, "pgfault"), id);
	assert_int_not_equal(metrics_counter(m, "pswpin"), id);
	metrics_count(m, id, 3);
	metrics_count(m, id, 4);
	assert_int_equal(m->counters[id], 7);
	assert_ptr_equal(metrics_lock(m, "mmap_lock", true),
			 metrics_lock(m, "mmap_lock", true));
	assert_int_equal(metrics_hold(m, "vma", false),
			 metrics_hold(m, "vma", false));
	metrics_free(m);
}

static const struct hold_tag nobody = { .mm = HOLD_NO_MM };

static void move(struct metrics *m, uint32_t hold, uint32_t from, uint32_t to,
		 uint64_t objects, uint64_t bytes, sim_ns now)
{
	hold_move(m, hold, &nobody, from, to, objects, bytes, 0, now);
}

/*
 *  bytes  0   [10) 200  [30) 300 (100 in the next stage)  [50) 100  [60) 0
 */
static void t_ledger(void **state)
{
	struct metrics *m = metrics_new();
	uint32_t vma = metrics_hold(m, "vma", false);
	uint32_t gp = metrics_stage(m, "grace-period");
	uint32_t cb = metrics_stage(m, "callback");
	const struct hold_class *h = &m->holds[vma];

	(void)state;
	move(m, vma, STAGE_NONE, gp, 2, 200, 10);
	move(m, vma, STAGE_NONE, gp, 1, 100, 30);
	move(m, vma, gp, cb, 1, 100, 30);
	move(m, vma, gp, STAGE_NONE, 2, 200, 50);
	move(m, vma, cb, STAGE_NONE, 1, 100, 60);
	metrics_close(m, 100);
	assert_int_equal((int64_t)h->byte_ns, 200 * 20 + 300 * 20 + 100 * 10);
	assert_int_equal((int64_t)h->stage[gp].byte_ns, 200 * 40);
	assert_int_equal((int64_t)h->stage[cb].byte_ns, 100 * 30);
	assert_int_equal(h->peak_bytes, 300);
	assert_int_equal(h->peak_objects, 3);
	assert_int_equal(h->stage[gp].moved, 3);
	assert_int_equal(h->objects, 0);
	metrics_free(m);
}

/* What only its own cache can have is a stage, and no part of the total. */
static void t_reusable(void **state)
{
	struct metrics *m = metrics_new();
	uint32_t vma = metrics_hold(m, "vma", false);
	uint32_t gp = metrics_stage(m, "grace-period");
	uint32_t slab = metrics_stage(m, "slab-partial");
	const struct hold_class *h = &m->holds[vma];
	const struct hold_tag tag = { 4, 1, 2 };
	const struct hold_account *a;

	(void)state;
	hold_reusable_stage(m, slab);
	hold_move(m, vma, &tag, STAGE_NONE, gp, 5, 500, 5 * 4, 4);
	hold_move(m, vma, &tag, gp, slab, 5, 500, 5 * 4, 10);
	hold_move(m, vma, &tag, slab, STAGE_NONE, 2, 200, 2 * 4, 20);
	metrics_close(m, 30);
	assert_int_equal((int64_t)h->reusable_byte_ns, 500 * 10 + 300 * 10);
	assert_int_equal((int64_t)h->byte_ns, 500 * 6);
	assert_int_equal((int64_t)h->stage[slab].byte_ns,
			 (int64_t)h->reusable_byte_ns);
	assert_int_equal(h->objects, 0);
	assert_int_equal(h->stage[slab].objects, 3);
	assert_int_equal(h->peak_bytes, 500);
	assert_int_equal(hold_accounts(m, vma, &a), 1);
	assert_int_equal((int64_t)hold_account_byte_ns(m, a), 500 * 6);
	assert_int_equal(a->freed, 5);
	metrics_free(m);
}

static void t_ledger_random(void **state)
{
	struct metrics *m = metrics_new();
	uint32_t h = metrics_hold(m, "page", false), stages = 5;
	__int128 sum = 0;

	(void)state;
	for (uint32_t i = 0; i < stages; i++)
		metrics_stage(m, (const char *[]){ "a", "b", "c", "d", "e" }[i]);
	for (uint64_t i = 0; i < 20000; i++) {
		uint64_t bits = draw(7, i, DRAW_TEST, 0), objects = 0, bytes = 0;
		uint32_t from = (uint32_t)(bits % 6), to = (uint32_t)(bits >> 8) % 6;
		uint64_t n = 1;

		if (from < stages && !m->holds[h].stage[from].objects)
			continue;
		move(m, h, from < stages ? from : STAGE_NONE,
		     to < stages ? to : STAGE_NONE, n, n * 64, (sim_ns)i * 3);
		for (uint32_t s = 0; s < stages; s++) {
			objects += m->holds[h].stage[s].objects;
			bytes += m->holds[h].stage[s].bytes;
		}
		assert_int_equal(objects, m->holds[h].objects);
		assert_int_equal(bytes, m->holds[h].bytes);
	}
	metrics_close(m, 70000);
	for (uint32_t s = 0; s < stages; s++)
		sum += m->holds[h].stage[s].byte_ns;
	assert_true(sum == m->holds[h].byte_ns);
	metrics_free(m);
}

/*
 * Accounts by mm and op: 100 address spaces free one object of 64 bytes each,
 * for 100 ns; mm 99 keeps its, 200 ns old at the end. The 16 largest of those that
 * are gone keep their account, the rest is summed by op, nothing is lost.
 */
static void t_accounts(void **state)
{
	struct metrics *m = metrics_new();
	uint32_t h = metrics_hold(m, "vma", false);
	uint32_t s = metrics_stage(m, "grace-period"), n;
	const struct hold_account *list[64];
	__int128 sum = 0, freed = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct hold_tag tag = { 1000 + i, i, (uint8_t)(i & 1) };

		hold_move(m, h, &tag, STAGE_NONE, s, 1, 64, tag.asked_ns,
			  tag.asked_ns);
	}
	for (uint32_t i = 0; i < 99; i++) {
		struct hold_tag tag = { 1000 + i, i, (uint8_t)(i & 1) };

		if (i % 3)
			hold_forget(m, i);	/* before it is empty */
		hold_move(m, h, &tag, s, STAGE_NONE, 1, 64, tag.asked_ns,
			  1100 + i);
		hold_forget(m, i);
	}
	metrics_close(m, 1299);
	assert_true(hold_account_count(m) <= 64);
	n = hold_accounts(m, h, list);
	assert_int_equal(n, 16 + 1 + 2);
	for (uint32_t i = 0; i < n; i++) {
		sum += hold_account_byte_ns(m, list[i]);
		freed += list[i]->freed;
		assert_true(i == 0 || hold_account_byte_ns(m, list[i - 1]) >=
				      hold_account_byte_ns(m, list[i]));
		if (list[i]->mm != 99)
			continue;
		assert_int_equal(list[i]->objects, 1);
		assert_int_equal(1299 - (int64_t)list[i]->stage[s].asked_sum_ns,
				 200);
	}
	assert_true(sum == m->holds[h].byte_ns);
	assert_int_equal((int64_t)freed, 100);
	assert_int_equal((int64_t)m->holds[h].stage[s].asked_sum_ns, 1099);
	metrics_free(m);
}

/* 100 ns among 2 holders of op 3 and 1 of op 7: 66 + 33, the odd one to op 7. */
static void t_blame_shares(void **state)
{
	struct metrics *m = metrics_new();
	struct lock_class *c = metrics_lock(m, "sem", true);
	uint16_t count[METRIC_OPS_MAX] = { [3] = 2, [7] = 1 };
	struct blame *b = blame_get(c, 1000, 5);
	struct blame_mark mark;

	(void)state;
	blame_one(b, -1, 1010);			/* nobody: the last one, op 5 */
	blame_start(b, &mark);
	blame_many(b, count, 3, 1110);
	blame_one(b, 9, 1115);
	blame_end(m, c, b, &mark, 1);
	assert_int_equal(c->blame_ns[METRIC_OPS_MAX + 3], 66);
	assert_int_equal(c->blame_ns[METRIC_OPS_MAX + 7], 34);
	assert_int_equal(c->blame_ns[METRIC_OPS_MAX + 9], 5);
	assert_int_equal(c->blame_ns[METRIC_OPS_MAX + 5], 0);
	blame_put(c, b);
	metrics_free(m);
}

static void t_off(void **state)
{
	struct metrics *m = metrics_new();
	struct lock_class *c = metrics_lock(m, "sem", true);

	(void)state;
	m->off = true;
	lock_acquired(m, c, SIDE_READ, true, 10, 4, 6, 1);
	lock_released(m, c, SIDE_READ, 10);
	assert_int_equal(c->side[SIDE_READ].acquired, 0);
	m->off = false;
	lock_acquired(m, c, SIDE_READ, true, 10, 4, 6, 1);
	lock_acquired(m, c, SIDE_READ, false, 0, 0, 0, 0);
	lock_released(m, c, SIDE_READ, 12);
	assert_int_equal(c->side[SIDE_READ].acquired, 2);
	assert_int_equal(c->side[SIDE_READ].contended, 1);
	assert_int_equal(c->side[SIDE_READ].wait_ns.count, 1);
	assert_int_equal(c->side[SIDE_READ].hold_ns.max, 12);
	metrics_free(m);
}

/* Samples every 10: the value just before, changed values only, in order. */
static void t_series(void **state)
{
	struct metrics *m = metrics_new();
	uint32_t vma = metrics_hold(m, "vma", false), stage;
	uint32_t vmap = metrics_hold(m, "vmap", true);
	uint64_t queued = 0;
	size_t bytes;
	char *text;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	stage = metrics_stage(m, "batch");
	metrics_watch(m, "queue", &queued);
	metrics_series(m, out, 10);
	move(m, vma, STAGE_NONE, stage, 1, 100, 5);
	move(m, vma, STAGE_NONE, stage, 1, 100, 10);
	move(m, vma, stage, STAGE_NONE, 1, 100, 12);
	metrics_sample(m, 35);
	queued = 3;
	move(m, vmap, STAGE_NONE, stage, 1, 4096, 41);
	move(m, vma, stage, STAGE_NONE, 1, 100, 47);
	metrics_close(m, 60);
	fclose(out);
	assert_string_equal(text,
			    "t_ns,metric,value\n"
			    "10,hold.vma,100\n"
			    "40,queue,3\n"
			    "50,hold.vma,0\n"
			    "50,hold_va.vmap,4096\n");
	free(text);
	metrics_free(m);
}

/*
 * Two places of a class: the same bytes as its stages, peak and integral by hand.
 *
 *	time     0    10    30    40
 *	place 0  .    100   40    40
 *	place 1  .    .     60    .
 */
static void t_parts(void **state)
{
	struct metrics *m = metrics_new();
	uint32_t vmap = metrics_hold(m, "vmap", true);
	uint32_t lazy = metrics_stage(m, "vmap-lazy");
	const struct hold_class *h = &m->holds[vmap];
	size_t bytes;
	char *text;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	hold_parts(m, vmap, 2);
	metrics_series(m, out, 20);
	move(m, vmap, STAGE_NONE, lazy, 1, 100, 10);
	hold_part_move(m, vmap, 0, STAGE_NONE, lazy, 100, 10);
	move(m, vmap, lazy, STAGE_NONE, 1, 60, 30);
	hold_part_move(m, vmap, 0, lazy, STAGE_NONE, 60, 30);
	move(m, vmap, STAGE_NONE, lazy, 1, 60, 30);
	hold_part_move(m, vmap, 1, STAGE_NONE, lazy, 60, 30);
	move(m, vmap, lazy, STAGE_NONE, 1, 60, 40);
	hold_part_move(m, vmap, 1, lazy, STAGE_NONE, 60, 40);
	metrics_close(m, 50);
	fclose(out);
	assert_int_equal(hold_part_at(h, 0, lazy)->byte_ns, 20 * 100 + 20 * 40);
	assert_int_equal(hold_part_at(h, 1, lazy)->byte_ns, 10 * 60);
	assert_int_equal(hold_part_at(h, 2, lazy)->byte_ns,
			 h->stage[lazy].byte_ns);
	assert_int_equal(hold_part_at(h, 0, lazy)->peak_bytes, 100);
	assert_int_equal(hold_part_at(h, 1, lazy)->peak_bytes, 60);
	assert_string_equal(text,
			    "t_ns,metric,value\n"
			    "20,hold_va.vmap,100\n"
			    "20,vmap.vmap-lazy,100\n"
			    "20,vmap.vmap-lazy.0,100\n"
			    "40,vmap.vmap-lazy.0,40\n"
			    "40,vmap.vmap-lazy.1,60\n"
			    "50,hold_va.vmap,40\n"
			    "50,vmap.vmap-lazy,40\n"
			    "50,vmap.vmap-lazy.1,0\n");
	free(text);
	metrics_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_names),
		cmocka_unit_test(t_ledger),
		cmocka_unit_test(t_reusable),
		cmocka_unit_test(t_ledger_random),
		cmocka_unit_test(t_accounts),
		cmocka_unit_test(t_blame_shares),
		cmocka_unit_test(t_off),
		cmocka_unit_test(t_series),
		cmocka_unit_test(t_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
