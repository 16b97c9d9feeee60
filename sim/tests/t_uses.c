/*
 * Pins who used which page (sim/replay/uses.h) against one array of the last use
 * by page and task, under random uses, runs of touches and clears around the edges
 * of leaves and parts; that what was cleared takes no memory, whatever the
 * addresses; and that runs of touches take none but their leaf.
 * Does not pin speed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sim/base/rng.h"
#include "sim/replay/uses.h"

enum { PAGES = 3 * PMD_PAGES, TASKS = 3, SEEDS = 20, STEPS = 200 };
#define BASE (7 * PMD_BYTES)

struct seen {
	uint64_t ref[TASKS];	/* + 1: the largest of each task */
};

static void see(void *arg, uint64_t ref)
{
	struct seen *s = arg;

	if (s->ref[ref >> 32] < ref + 1)
		s->ref[ref >> 32] = ref + 1;
}

static uint64_t pick(uint64_t seed, uint64_t step, uint64_t what, uint64_t below)
{
	return draw(seed, step, DRAW_TEST, what) % below;
}

/* Whole leaves, whole parts, single pages, and what lies across. */
static struct range some_range(uint64_t seed, uint64_t step)
{
	static const uint64_t align[] = { 1, 1, 16, PMD_PAGES };
	uint64_t unit = align[pick(seed, step, 0, 4)];
	uint64_t first = pick(seed, step, 1, PAGES / unit) * unit;
	uint64_t most = unit == 1 ? 40 : PAGES;
	uint64_t n = (1 + pick(seed, step, 2, most) / unit) * unit;

	if (first + n > PAGES)
		n = PAGES - first;
	return (struct range){ BASE + first * PAGE_BYTES,
			       BASE + (first + n) * PAGE_BYTES };
}

static void page_is(const struct use_store *s, const struct use_map *m,
		    uint64_t page, const uint64_t *want)
{
	struct range r = { BASE + page * PAGE_BYTES,
			   BASE + (page + 1) * PAGE_BYTES };
	struct seen seen = { { 0 } };

	uses_each(s, m, r, see, &seen);
	assert_memory_equal(seen.ref, want, sizeof(seen.ref));
}

/* @run: page after page, by records one after the other. */
static void use(struct use_store *s, struct use_map *m, struct range r,
		uint64_t ref, bool run)
{
	static uint32_t near;	/* of any map, at any time: it may be stale */

	if (!run)
		uses_add(s, m, r, ref);
	for (uint64_t a = r.start; run && a < r.end; a += PAGE_BYTES)
		uses_add_page(s, m, a, ref++, &near);
}

static void one_seed(uint64_t seed)
{
	static uint64_t last[PAGES][TASKS];
	struct use_map m = { 0 };
	struct use_store s;

	memset(last, 0, sizeof(last));
	use_store_init(&s);
	for (uint64_t step = 0; step < STEPS; step++) {
		struct range r = some_range(seed, step);
		uint64_t task = pick(seed, step, 3, TASKS + 2);
		uint64_t ref = task << 32 | step * PAGES;
		bool run = pick(seed, step, 4, 2);

		if (task < TASKS)
			use(&s, &m, r, ref, run);
		else
			uses_clear(&s, &m, r);
		for (uint64_t p = (r.start - BASE) / PAGE_BYTES;
		     p < (r.end - BASE) / PAGE_BYTES; p++) {
			if (task < TASKS)
				last[p][task] = run ? ++ref : ref + 1;
			else
				memset(last[p], 0, sizeof(last[p]));
		}
		if (step % 20 == 19)
			for (uint64_t p = 0; p < PAGES; p++)
				page_is(&s, &m, p, last[p]);
	}
	uses_release(&s, &m);
	assert_int_equal(s.leaves.live, 0);
	assert_int_equal(s.parts.live, 0);
	use_store_release(&s);
}

static void t_random(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		one_seed(seed);
}

/* One page in each 2 MiB, cleared page by page as small areas are unmapped. */
static void t_memory(void **state)
{
	struct use_map m = { 0 };
	struct use_store s;

	(void)state;
	use_store_init(&s);
	for (int clear = 0; clear < 2; clear++)
		for (uint64_t i = 0; i < 1000; i++) {
			uint64_t at = BASE + i * PMD_BYTES + 5 * PAGE_BYTES;
			struct range r = { at, at + PAGE_BYTES };

			if (clear)
				uses_clear(&s, &m, r);
			else
				uses_add(&s, &m, r, i);
		}
	assert_int_equal(s.leaves.peak, 1000);
	assert_true(s.leaves.object_bytes < 400);
	assert_int_equal(s.leaves.live, 0);
	assert_int_equal(s.parts.peak, 0);
	uses_release(&s, &m);
	use_store_release(&s);
}

/* What one task touches in a run takes no part, until another uses one of it. */
static void t_runs(void **state)
{
	struct range r = { BASE, BASE + PMD_BYTES - PAGE_BYTES };
	struct use_map m = { 0 };
	struct use_store s;

	(void)state;
	use_store_init(&s);
	use(&s, &m, r, 5, true);
	assert_int_equal(s.parts.live, 0);
	use(&s, &m, (struct range){ BASE + 20 * PAGE_BYTES,
				    BASE + 21 * PAGE_BYTES }, 1ULL << 32, true);
	assert_int_equal(s.parts.live, 1);
	uses_clear(&s, &m, (struct range){ BASE + 16 * PAGE_BYTES,
					   BASE + 32 * PAGE_BYTES });
	assert_int_equal(s.parts.live, 0);
	uses_release(&s, &m);
	use_store_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_random),
		cmocka_unit_test(t_memory),
		cmocka_unit_test(t_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
