/*
 * Pins: which spellings of a time are read, to the nanosecond, and which are
 * refused. Does not pin the messages of the commands that use it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sim/base/duration.h"

static void t_reads(void **state)
{
	static const struct { const char *text; int64_t ns; } rows[] = {
		{ "0", 0 }, { "250", 250 }, { "7ns", 7 }, { "3us", 3000 },
		{ "1.5ms", 1500000 }, { "2s", 2000000000 },
		{ "0.000000001s", 1 }, { "1.10", 0 },
		{ "9223372036s", 9223372036000000000 },
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool ok = duration_parse(rows[i].text, strlen(rows[i].text),
					 &ns);

		/* a tenth of a nanosecond is no time here */
		assert_int_equal(ok, strcmp(rows[i].text, "1.10") != 0);
		if (ok)
			assert_int_equal(ns, rows[i].ns);
	}
}

static void t_refuses(void **state)
{
	static const char *const rows[] = { "", "-1", "ms", "1.5", "1x", "1 s",
		"0.0000000001s", "9223372037s", "9223372036.9s",
		"1000000000000000000000" };
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_false(duration_parse(rows[i], strlen(rows[i]), &ns));
}

static void t_windows(void **state)
{
	int64_t start, end;

	(void)state;
	assert_true(window_parse("0..5ms", &start, &end));
	assert_int_equal(start, 0);
	assert_int_equal(end, 5000000);
	assert_true(window_parse("1.5s..2s", &start, &end));
	assert_int_equal(start, 1500000000);
	assert_false(window_parse("2s..1s", &start, &end));
	assert_false(window_parse("1s", &start, &end));
	assert_false(window_parse("..1s", &start, &end));
	assert_false(window_parse("1s..", &start, &end));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_reads), cmocka_unit_test(t_refuses),
		cmocka_unit_test(t_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
