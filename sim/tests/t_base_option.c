/*
 * Pins: defaults, every type there and back, ranges, and the whole text of
 * each message. Does not pin the layout of option_help() beyond its content.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/base/mem.h"
#include "sim/base/option.h"

struct config {
	bool fast;
	uint32_t cpus, order;
	int64_t skew_ns;
	uint64_t limit_bytes;
	const char *label;
};

static const char *const orders[] = { "closed", "open", NULL };

static const struct option table[] = {
	{ "fast", OPT_BOOL, offsetof(struct config, fast), "true", 0, 0, NULL,
	  "", "Go fast." },
	{ "cpus", OPT_U32, offsetof(struct config, cpus), "8", 1, 4096, NULL,
	  "count", "Processors." },
	{ "pacing", OPT_ENUM, offsetof(struct config, order), "open", 0, 0,
	  orders, "", "Who sets the pace." },
	{ "skew_ns", OPT_I64, offsetof(struct config, skew_ns), "-5", 0, 0,
	  NULL, "ns", "Clock skew." },
	{ "limit_bytes", OPT_U64, offsetof(struct config, limit_bytes), NULL, 0,
	  0, NULL, "bytes", "Limit." },
	{ "label", OPT_STR, offsetof(struct config, label), NULL, 0, 0, NULL,
	  "", "Name." },
	OPTION_END
};

static struct arena arena;
static struct config c;

static int setup(void **state)
{
	(void)state;
	memset(&c, 0xff, sizeof(c));
	option_defaults(table, &c, &arena);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void set(const char *key, const char *value)
{
	struct errbuf e = { 0 };

	if (option_set(table, &c, &arena, key, value, (struct loc){ 0 }, &e))
		fail_msg("%s", e.text);
}

static void refuse(const char *key, const char *value, const char *message)
{
	struct errbuf e = { 0 }, f = { 0 };
	struct loc at = { "d.yaml", 12, 7 };
	struct config before = c;
	char *placed = xasprintf("d.yaml:12:7: %s", message);

	assert_int_equal(option_set(table, &c, &arena, key, value,
				    (struct loc){ 0 }, &e), -EINVAL);
	assert_string_equal(e.text, message);
	assert_int_equal(e.exit_status, 2);
	assert_int_equal(option_set(table, &c, &arena, key, value, at, &f),
			 -EINVAL);
	assert_string_equal(f.text, placed);
	assert_int_equal(f.exit_status, 1);
	assert_memory_equal(&before, &c, sizeof(c));
	free(placed);
}

static void t_defaults(void **state)
{
	(void)state;
	assert_true(c.fast);
	assert_int_equal(c.cpus, 8);
	assert_int_equal(c.order, 1);
	assert_int_equal(c.skew_ns, -5);
	assert_int_equal(c.limit_bytes, 0);
	assert_null(c.label);
}

static void t_there_and_back(void **state)
{
	static const char *const values[][2] = {
		{ "fast", "false" }, { "cpus", "4096" }, { "pacing", "closed" },
		{ "skew_ns", "-9223372036854775808" },
		{ "skew_ns", "9223372036854775807" },
		{ "limit_bytes", "18446744073709551615" },
		{ "label", "a b: c" }, { "label", "" }, { "label", "~" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char text[64];

		set(values[i][0], values[i][1]);
		option_format(option_find(table, values[i][0]), &c, text,
			      sizeof(text));
		assert_string_equal(text, values[i][1]);
	}
	set("limit_bytes", "0x1F");
	assert_int_equal(c.limit_bytes, 31);
	set("fast", "on");
	assert_true(c.fast);
}

static void t_messages(void **state)
{
	(void)state;
	refuse("cpu", "4", "unknown key 'cpu'; did you mean 'cpus'? known: fast, "
	       "cpus, pacing, skew_ns, limit_bytes, label");
	refuse("pacing", "opne", "unknown pacing 'opne'; did you mean 'open'? "
	       "known: closed, open");
	refuse("fast", "maybe", "fast: expected true or false, got 'maybe'");
	refuse("cpus", "0", "cpus: expected a whole number of count from 1 to "
	       "4096, got '0'");
	refuse("skew_ns", "9223372036854775808", "skew_ns: expected a whole number "
	       "of ns from -9223372036854775808 to 9223372036854775807, got "
	       "'9223372036854775808'");
}

static void t_not_numbers(void **state)
{
	static const char *const bad[] = {
		"", " 1", "1 ", "1.5", "1e3", "+-1", "--1", "0x", "0x-1", "-1",
		"4097", "one", "99999999999999999999999", "1_000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct errbuf e = { 0 };

		assert_int_equal(option_set(table, &c, &arena, "cpus", bad[i],
					    (struct loc){ 0 }, &e), -EINVAL);
		assert_int_equal(c.cpus, 8);
	}
}

static void t_help(void **state)
{
	char *help = option_help(table);

	(void)state;
	assert_non_null(strstr(help, "1..4096 count, default 8. Processors.\n"));
	assert_non_null(strstr(help, "closed|open, default open. Who"));
	assert_non_null(strstr(help, "limit_bytes"));
	free(help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(t_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(t_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(t_not_numbers, setup, teardown),
		cmocka_unit_test(t_help),
	};

	return cmocka_run_group_tests_name("base/option", tests, NULL, NULL);
}
