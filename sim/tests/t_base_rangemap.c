/*
 * Pins: what each byte maps to, after every step of long random sequences,
 * against a plain array; that runs are disjoint, ordered and merged; and that
 * depth stays logarithmic for ascending, descending and alternating inserts
 * (else MAX_DEPTH would overflow, which the sanitizers see). Does not pin the
 * shape of the tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sim/base/rangemap.h"
#include "sim/base/rng.h"

/* A map as text, one letter a byte from 0: "..AAB" */
static void picture(const struct rangemap *m, char *out, uint64_t bytes)
{
	struct range_run run;

	memset(out, '.', bytes);
	out[bytes] = '\0';
	for (uint64_t at = 0; rangemap_next(m, at, &run); at = run.r.end)
		memset(out + run.r.start, (int)run.value, range_bytes(run.r));
}

static void put(struct rangemap *m, uint64_t start, uint64_t end, int value)
{
	rangemap_set(m, (struct range){ start, end }, (uint64_t)value);
}

static void expect(const struct rangemap *m, const char *want, size_t runs)
{
	char got[64];

	picture(m, got, strlen(want));
	assert_string_equal(got, want);
	assert_int_equal(m->count, runs);
}

static void t_pictures(void **state)
{
	struct rangemap m = { 0 };

	(void)state;
	put(&m, 0, 8, 'A');
	expect(&m, "AAAAAAAA..", 1);
	put(&m, 2, 6, 'B');
	expect(&m, "AABBBBAA..", 3);
	put(&m, 2, 6, 'A');			/* back: three become one */
	expect(&m, "AAAAAAAA..", 1);
	put(&m, 8, 10, 'A');			/* touching: grows */
	expect(&m, "AAAAAAAAAA", 1);
	rangemap_clear(&m, (struct range){ 3, 5 });
	expect(&m, "AAA..AAAAA", 2);
	put(&m, 1, 9, 'C');
	expect(&m, "ACCCCCCCCA", 3);
	put(&m, 4, 4, 'D');			/* empty: nothing */
	put(&m, 5, 4, 'D');			/* inverted: nothing */
	expect(&m, "ACCCCCCCCA", 3);
	put(&m, 0, 1, 'C');			/* same value to the right */
	expect(&m, "CCCCCCCCCA", 2);
	put(&m, 9, 10, 'C');			/* same value to the left */
	expect(&m, "CCCCCCCCCC", 1);
	rangemap_release(&m);
	expect(&m, "....", 0);
}

static void t_queries(void **state)
{
	struct rangemap m = { 0 };
	struct range_run run;

	(void)state;
	assert_false(rangemap_next(&m, 0, &run));
	put(&m, 10, 20, 1);
	put(&m, 30, 40, 2);
	assert_false(rangemap_find(&m, 9, &run));
	assert_true(rangemap_find(&m, 10, &run));
	assert_true(rangemap_find(&m, 19, &run));
	assert_false(rangemap_find(&m, 20, &run));
	assert_true(rangemap_next(&m, 20, &run));
	assert_int_equal(run.r.start, 30);
	assert_int_equal(rangemap_bytes(&m, (struct range){ 15, 35 }), 10);
	assert_int_equal(rangemap_bytes(&m, (struct range){ 0, UINT64_MAX }), 20);
	assert_int_equal(rangemap_bytes(&m, (struct range){ 20, 30 }), 0);
	put(&m, UINT64_MAX - 5, UINT64_MAX, 3);
	assert_true(rangemap_find(&m, UINT64_MAX - 1, &run));
	rangemap_release(&m);
}

enum { BYTES = 300 };

/* Everything that can be asked of @m, against the letters of @plain. */
static void check(const struct rangemap *m, const char *plain, uint64_t from,
		  uint64_t to)
{
	static uint32_t near;	/* of any map, at any time: it may be stale */
	struct range_run run, last = { .value = 0 };
	char got[BYTES + 1];
	size_t runs = 0;
	uint64_t covered = 0;

	picture(m, got, BYTES);
	assert_memory_equal(got, plain, BYTES);
	for (uint64_t at = 0; rangemap_next(m, at, &run); at = run.r.end) {
		assert_true(run.r.start < run.r.end);
		assert_true(run.r.start >= last.r.end);
		if (runs && run.r.start == last.r.end)
			assert_int_not_equal(run.value, last.value);
		last = run;
		runs++;
	}
	assert_int_equal(m->count, runs);
	for (uint64_t i = from; i < to; i++)
		covered += plain[i] != '.';
	assert_int_equal(rangemap_bytes(m, (struct range){ from, to }), covered);
	assert_int_equal(rangemap_find(m, from, &run), plain[from] != '.');
	assert_int_equal(rangemap_find_near(m, from, &run, &near),
			 plain[from] != '.');
	if (plain[from] != '.')
		assert_int_equal(run.value, plain[from]);
}

/* One byte lies in one run or in none: what rangemap_touch() is for. Where it was
 * last is noted by letter, and stays noted from one map to the next. */
static void touch(struct rangemap *m, const char *plain, uint64_t at, int letter)
{
	static uint32_t near['C' + 1];
	uint64_t old = '.';
	bool had = rangemap_touch(m, (struct range){ at, at + 1 },
				  (uint64_t)letter, &old, &near[letter]);

	assert_int_equal(old, plain[at]);
	assert_int_equal(had, plain[at] != '.');
}

static void t_random(void **state)
{
	enum { STEPS = 6000, SEEDS = 4 };

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct rangemap m = { 0 };
		char plain[BYTES];

		print_message("# seed %d\n", (int)seed);
		memset(plain, '.', BYTES);
		for (uint64_t i = 0; i < STEPS; i++) {
			uint64_t d = draw(seed, i, DRAW_TEST, 0);
			uint64_t start = draw_below(d, BYTES);
			/* short ranges make many runs, long ones sweep them */
			uint64_t max = d & 7 ? 8 : BYTES - start;
			uint64_t len = draw_below(draw(seed, i, DRAW_TEST, 1),
						  max + 1);
			uint64_t end = start + len < BYTES ? start + len : BYTES;
			int letter = (int)("AB.C"[d >> 8 & 3]);

			if (letter == '.')
				rangemap_clear(&m, (struct range){ start, end });
			else if (d >> 10 & 1 || end == start + 1)
				for (uint64_t at = start; at < end; at++)
					touch(&m, plain, at, letter);
			else
				put(&m, start, end, letter);
			memset(plain + start, letter, end - start);
			check(&m, plain, start, end);
		}
		rangemap_release(&m);
	}
}

static void t_depth(void **state)
{
	enum { RUNS = 50000 };

	(void)state;
	for (int order = 0; order < 3; order++) {
		struct rangemap m = { 0 };
		struct range_run run;

		for (uint64_t i = 0; i < RUNS; i++) {
			uint64_t k = order == 0 ? i : order == 1 ? RUNS - i :
				     i & 1 ? RUNS + i : RUNS - i;

			put(&m, 4 * k, 4 * k + 2, 1);
		}
		assert_int_equal(m.count, RUNS);
		assert_int_equal(rangemap_bytes(&m, (struct range){ 0, UINT64_MAX }),
				 2 * RUNS);
		while (rangemap_next(&m, 0, &run))	/* always the leftmost */
			rangemap_clear(&m, run.r);
		assert_int_equal(m.count, 0);
		rangemap_release(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pictures),
		cmocka_unit_test(t_queries),
		cmocka_unit_test(t_random),
		cmocka_unit_test(t_depth),
	};

	return cmocka_run_group_tests_name("base/rangemap", tests, NULL, NULL);
}
