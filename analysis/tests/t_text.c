/*
 * Pins how foreign text is made inert in every form, and how numbers are
 * rounded and given units. Does not pin where each form is used (t_hostile.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/text.h"
#include "sim/base/rng.h"

static void expect(const char *in, enum text_form form, const char *want)
{
	struct text t = { 0 };

	text_clean(&t, in, form);
	assert_string_equal(text_str(&t), want);
	text_release(&t);
}

static void t_forms(void **state)
{
	(void)state;
	expect("a\nb\t\033[1m\x7f", TEXT_PLAIN, "a\\nb\\t\\x1b[1m\\x7f");
	expect("\xe2\x80\xae" "evil", TEXT_PLAIN, "\\u{202e}evil");
	expect("\xc2\x9b" "31m", TEXT_PLAIN, "\\x9b31m");	/* C1 CSI */
	expect("caf\xc3\xa9 \xff", TEXT_PLAIN, "caf\xc3\xa9 \\xff");
	expect("\xc0\xaf\xed\xa0\x80", TEXT_PLAIN,
	       "\\xc0\\xaf\\xed\\xa0\\x80");	/* overlong, surrogate */
	expect("a,b", TEXT_CSV, "\"a,b\"");
	expect("say \"x\"", TEXT_CSV, "\"say \"\"x\"\"\"");
	expect("=1+1", TEXT_CSV, "\"'=1+1\"");
	expect("plain", TEXT_CSV, "plain");
	expect("a|b`<i>", TEXT_MARKDOWN, "a\\|b\\`&lt;i&gt;");
	expect("it's \"x\"", TEXT_GNUPLOT, "it\u2019s \u201dx\u201d");
	expect("<a href=\"x\">&'", TEXT_HTML,
	       "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
	expect("a b;c", TEXT_FOLDED, "a_b,c");
	expect("", TEXT_CSV, "");
}

/* Whatever goes in, no control byte and no way out of the form comes out. */
static void t_random(void **state)
{
	static const char *const forbidden[] = {
		[TEXT_PLAIN] = "", [TEXT_CSV] = "", [TEXT_MARKDOWN] = "<>",
		[TEXT_GNUPLOT] = "'\"", [TEXT_HTML] = "<>\"'", [TEXT_FOLDED] = "; ",
	};

	(void)state;
	for (uint64_t round = 0; round < 20000; round++) {
		enum text_form form = (enum text_form)(round % 6);
		char in[40];
		size_t n = (size_t)draw_below(draw(1, round, DRAW_TEST, 99), 39);
		struct text t = { 0 };

		for (size_t i = 0; i < n; i++)
			in[i] = (char)(1 + draw_below(draw(1, round, DRAW_TEST, i), 255));
		in[n] = '\0';
		text_clean(&t, in, form);
		for (size_t i = 0; i < t.len; i++)
			assert_true((unsigned char)t.s[i] >= 0x20 && t.s[i] != 0x7f);
		assert_null(strpbrk(text_str(&t), forbidden[form]) &&
			    *forbidden[form] ? text_str(&t) : NULL);
		text_release(&t);
	}
}

static void value(double v, enum unit unit, const char *want)
{
	struct text t = { 0 };

	text_value(&t, v, unit);
	assert_string_equal(text_str(&t), want);
	text_release(&t);
}

static void t_values(void **state)
{
	(void)state;
	value(0, UNIT_NS, "0 ns");
	value(999, UNIT_NS, "999 ns");
	value(999.6, UNIT_NS, "1.00 \u00b5s");	/* not "1000 ns" */
	value(1234, UNIT_NS, "1.23 \u00b5s");
	value(12345678, UNIT_NS, "12.3 ms");
	value(999499999, UNIT_NS, "999 ms");
	value(2.31e9, UNIT_NS, "2.31 s");
	value(5e12, UNIT_NS, "5000 s");
	value(1024, UNIT_BYTES, "1.00 KiB");
	value(1048575, UNIT_BYTES, "1.00 MiB");
	value(184, UNIT_BYTES, "184 B");
	value(1.5 * 1048576, UNIT_BYTE_SECONDS, "1.5 MiB\u00b7s");
	value(12345, UNIT_COUNT, "12,345");
	value(999999, UNIT_COUNT, "999,999");
	value(1234567, UNIT_COUNT, "1.23 M");
	value(12.5, UNIT_COUNT, "12.5");
	value(-1234, UNIT_COUNT, "-1,234");
	value(0.1234, UNIT_SHARE, "12.3 %");
	value(0, UNIT_SHARE, "0 %");
	value(2271.4, UNIT_PER_SECOND, "2.27 k/s");
}

static void t_exact(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 2000; i++) {
		double v = (double)(int64_t)draw(2, i, DRAW_TEST, 0) /
			   (double)(1 + draw_below(draw(2, i, DRAW_TEST, 1), 1000));
		struct text t = { 0 };

		text_exact(&t, v);
		assert_true(strtod(text_str(&t), NULL) == v);
		text_release(&t);
	}
}

static void t_units(void **state)
{
	(void)state;
	assert_int_equal(unit_of_path("latency_ns.fault.p99"), UNIT_NS);
	assert_int_equal(unit_of_path("latency_ns.fault.count"), UNIT_COUNT);
	assert_int_equal(unit_of_path("hold.vma.peak_bytes"), UNIT_BYTES);
	assert_int_equal(unit_of_path("hold.vma.byte_seconds"), UNIT_BYTE_SECONDS);
	assert_int_equal(unit_of_path("hold.vma.peak_objects"), UNIT_COUNT);
	assert_int_equal(unit_of_path("cost_share.assumed"), UNIT_SHARE);
	assert_int_equal(unit_of_path("distortion.moved_share"), UNIT_SHARE);
	assert_int_equal(unit_of_path("run.sim_ops_per_s"), UNIT_PER_SECOND);
	assert_int_equal(unit_of_path("locks.l.read.spin_ns+locks.l.read.sleep_ns"),
			 UNIT_NS);
	assert_int_equal(unit_of_path("cpu_ns.user"), UNIT_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_forms), cmocka_unit_test(t_random),
		cmocka_unit_test(t_values), cmocka_unit_test(t_exact),
		cmocka_unit_test(t_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
