/*
 * Pins: alignment, zeroing and stability of arena and pool objects, the pool's
 * counters and reuse. Does not pin block sizes or the order of reuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/base/mem.h"
#include "sim/base/rng.h"

static int all_zero(const unsigned char *p, size_t n)
{
	while (n--)
		if (*p++)
			return 0;
	return 1;
}

static void t_arena(void **state)
{
	enum { COUNT = 2000 };
	static unsigned char *at[COUNT];
	static size_t len[COUNT];
	struct arena a = { 0 };
	size_t total = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		len[i] = draw_below(draw(1, i, DRAW_TEST, 0), i % 50 ? 300 : 200000);
		at[i] = arena_alloc(&a, len[i]);
		assert_int_equal((uintptr_t)at[i] % 16, 0);
		assert_true(all_zero(at[i], len[i]));
		memset(at[i], (int)(i & 255), len[i]);
		total += len[i];
	}
	for (size_t i = 0; i < COUNT; i++)
		for (size_t k = 0; k < len[i]; k++)
			assert_int_equal(at[i][k], i & 255);
	assert_true(a.used_bytes >= total);
	arena_release(&a);
	assert_int_equal(a.used_bytes, 0);
	assert_string_equal(arena_strdup(&a, "again"), "again");
	arena_release(&a);
}

static void t_pool(void **state)
{
	struct pool p;
	void *first[100], *one;

	(void)state;
	pool_init(&p, 40);
	for (int i = 0; i < 100; i++) {
		first[i] = pool_get(&p);
		memset(first[i], 0xff, 40);
	}
	assert_int_equal(p.live, 100);
	for (int i = 0; i < 100; i++)
		pool_put(&p, first[i]);
	assert_int_equal(p.live, 0);
	assert_int_equal(p.peak, 100);
	one = pool_get(&p);
	assert_true(all_zero(one, 40));
	size_t used = p.arena.used_bytes;
	for (int i = 1; i < 100; i++)
		pool_get(&p);
	assert_int_equal(p.arena.used_bytes, used);	/* warm: nothing new */
	pool_release(&p);
	assert_int_equal(p.live, 0);
	assert_non_null(pool_get(&p));
	pool_release(&p);
}

/* Pins that all of what is printed is there, in pieces and at once, with its end. */
static void t_memtext(void **state)
{
	struct memtext t;
	FILE *f = memtext_open(&t);
	char big[5000], *text;

	(void)state;
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 1000; i++) {
		fprintf(f, "%03d", i);
		if (i % 7 == 0)
			fflush(f);
	}
	fwrite(big, 1, sizeof(big), f);
	text = memtext_close(&t);
	assert_int_equal(strlen(text), 3000 + sizeof(big));
	assert_memory_equal(text, "000001002", 9);
	assert_memory_equal(text + 2994, "998999xx", 8);
	free(text);
	memtext_open(&t);
	text = memtext_close(&t);
	assert_string_equal(text, "");
	free(text);
}

static void t_helpers(void **state)
{
	char *s = xasprintf("%d-%s", 7, "x");
	int *p = xrealloc(NULL, 3, sizeof(*p));

	(void)state;
	assert_string_equal(s, "7-x");
	free(s);
	p = xrealloc(p, 0, sizeof(*p));
	assert_non_null(p);
	free(p);
	p = xcalloc(0, 0);
	assert_non_null(p);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_arena),
		cmocka_unit_test(t_pool),
		cmocka_unit_test(t_memtext),
		cmocka_unit_test(t_helpers),
	};

	return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
