/*
 * Pins that every number of the table is the cells' own: JSON and CSV digit by
 * digit, text by parsing it back and allowing half a unit of its last digit.
 * Also widths and colour. Does not pin the layout, which t_golden.sh does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "analysis/tests/fixture.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

static const struct fixture usual = {
	.scenario = "four policies", .policies = 4, .replicates = 5, .ops = 200,
	.seed = 11, .jitter = true,
};

/* The number at a plain dotted path, by another way than the code under test. */
static const json_t *walk(const json_t *cell, const char *path)
{
	char *copy = xstrdup(path), *save = NULL;
	const json_t *at = cell;

	for (char *key = strtok_r(copy, ".", &save); key && at;
	     key = strtok_r(NULL, ".", &save))
		at = json_object_get(at, key);
	free(copy);
	return at;
}

static json_t *cell_file(const struct room *r, const char *id)
{
	char *path = xasprintf("%s/cells/%s.json", r->dir, id);
	struct errbuf e = { 0 };
	json_t *o = json_read(path, &e);

	assert_non_null(o);
	free(path);
	return o;
}

/* Every value in the JSON is the cell's; every mean and interval recomputed. */
static void check_column(const struct room *r, const json_t *columns,
			 const char *metric, const json_t *entry)
{
	size_t column = (size_t)json_integer_value(json_object_get(entry, "column"));
	const json_t *ids = json_object_get(json_array_get(columns, column - 1),
					    "cells");
	const json_t *values = json_object_get(entry, "values");
	long double sum = 0;

	assert_int_equal(json_array_size(values), json_array_size(ids));
	for (size_t i = 0; i < json_array_size(ids); i++) {
		json_t *cell = cell_file(r, json_string_value(json_array_get(ids, i)));
		const json_t *v = json_object_get(json_array_get(values, i), "value");
		const json_t *want = walk(cell, metric);

		assert_true(json_number_value(v) == json_number_value(want));
		sum += (long double)json_number_value(want);
		json_decref(cell);
	}
	sum /= (long double)json_array_size(ids);
	assert_true(fabsl(sum - (long double)json_number_value(
		json_object_get(entry, "mean"))) <= fabsl(sum) * 1e-15L);
}

static void t_json_digits(void **state)
{
	struct compare_options o = { 0 };
	struct room r = room_open(&usual);
	json_t *root = room_compare_json(&r, o), *row, *entry;
	const json_t *columns = json_object_get(root, "columns");
	size_t i, k, checked = 0;

	(void)state;
	assert_int_equal(json_array_size(columns), 4);
	json_array_foreach(json_object_get(root, "rows"), i, row) {
		const char *metric = json_string_value(json_object_get(row, "metric"));

		if (strpbrk(metric, "+[") || !strcmp(metric, "hung_tasks"))
			continue;
		json_array_foreach(json_object_get(row, "columns"), k, entry) {
			check_column(&r, columns, metric, entry);
			checked++;
		}
	}
	assert_true(checked > 100);
	json_decref(root);
	room_close(&r);
}

/* Paired differences and their interval, recomputed from the JSON's values. */
static void check_change(const json_t *base, const json_t *entry)
{
	const json_t *change = json_object_get(entry, "change");
	const json_t *a = json_object_get(entry, "values");
	const json_t *b = json_object_get(base, "values");
	size_t n = json_array_size(a);
	long double mean = 0, squares = 0, half;

	for (size_t i = 0; i < n; i++)
		mean += (long double)json_number_value(json_object_get(json_array_get(a, i), "value")) -
			(long double)json_number_value(json_object_get(json_array_get(b, i), "value"));
	mean /= (long double)n;
	for (size_t i = 0; i < n; i++) {
		long double d = (long double)json_number_value(json_object_get(json_array_get(a, i), "value")) -
			(long double)json_number_value(json_object_get(json_array_get(b, i), "value")) - mean;

		squares += d * d;
	}
	half = 2.776L * sqrtl(squares / (long double)(n - 1)) / sqrtl((long double)n);
	assert_int_equal(json_integer_value(json_object_get(change, "pairs")), n);
	assert_true(fabsl(mean - (long double)json_number_value(json_object_get(change, "mean"))) <=
		    fabsl(mean) * 1e-12L + 1e-6L);
	assert_true(fabsl(half - (long double)json_number_value(json_object_get(change, "half_width_95"))) <=
		    half * 1e-9L + 1e-6L);
	assert_int_equal(json_is_true(json_object_get(change, "marked")),
			 fabsl(mean) > half);
}

static void t_json_changes(void **state)
{
	struct compare_options o = { 0 };
	struct room r = room_open(&usual);
	json_t *root = room_compare_json(&r, o), *row, *entry;
	size_t i, k, checked = 0;

	(void)state;
	json_array_foreach(json_object_get(root, "rows"), i, row) {
		const json_t *list = json_object_get(row, "columns");
		const json_t *base = json_array_get(list, 0);

		json_array_foreach(list, k, entry) {
			if (!json_object_get(entry, "change"))
				continue;
			check_change(base, entry);
			checked++;
		}
	}
	assert_true(checked > 80);
	json_decref(root);
	room_close(&r);
}

/* Cut a CSV line into its fields, in place; returns how many. */
static uint32_t csv_fields(char *line, char **field, uint32_t most)
{
	uint32_t n = 0;

	for (char *p = line; n < most; p++) {
		char *to = p;

		field[n++] = p;
		if (*p == '"') {
			for (p++; *p && !(p[0] == '"' && p[1] != '"'); p++) {
				p += *p == '"';
				*to++ = *p;
			}
			p++;
		} else {
			p += strcspn(p, ",");
			to = p;
		}
		if (*p != ',') {
			*to = '\0';
			break;
		}
		*to = '\0';
	}
	return n;
}

/* CSV says what the table holds, to the digit, and gives every replicate. */
static void check_csv_line(const struct table *t, uint32_t at, char *line)
{
	const struct entry *x = table_entry(t, at / 4, t->order[at % 4]);
	char *field[20];
	double sum = 0;
	uint32_t n = 0;

	assert_int_equal(csv_fields(line, field, 20), 18);
	assert_string_equal(field[0], t->measures.m[at / 4].path);
	assert_string_equal(field[3], t->set->groups[t->order[at % 4]].label);
	assert_int_equal(atoi(field[6]), x->value.n);
	if (!x->present)
		return;
	assert_true(strtod(field[7], NULL) == x->value.mean);
	assert_true(strtod(field[8], NULL) == x->value.sd);
	if (x->compared) {
		assert_true(strtod(field[10], NULL) == x->change.mean);
		assert_true(strtod(field[11], NULL) == x->change.half_width);
		assert_int_equal(atoi(field[15]), x->change.marked);
	}
	for (const char *v = field[17]; (v = strchr(v, '=')); n++)
		sum += strtod(++v, NULL);
	assert_int_equal(n, x->value.n);
	assert_true(fabs(sum / n - x->value.mean) <= fabs(x->value.mean) * 1e-12);
}

static void t_csv_digits(void **state)
{
	struct compare_options o = { .format = COMPARE_CSV };
	struct room r = room_open(&usual);
	char *text = fixture_compare(r.s, &o), *save = NULL;
	struct errbuf e = { 0 };
	uint32_t lines = 0;
	struct table t;

	(void)state;
	assert_int_equal(table_build(&t, r.s, &o, &e), 0);
	strtok_r(text, "\n", &save);
	for (char *line = strtok_r(NULL, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		check_csv_line(&t, lines++, line);
	assert_int_equal(lines, t.measures.count * 4);
	table_release(&t);
	free(text);
	room_close(&r);
}

/* "12.3 ms" back to nanoseconds; @unit_at: half a unit of the last digit. */
static bool parse_value(const char **p, double *v, double *half)
{
	static const struct { const char *unit; double by; } units[] = {
		{ " \u00b5s", 1e3 }, { " ms", 1e6 }, { " ns", 1 }, { " s", 1e9 },
		{ " KiB\u00b7s", 1024 }, { " MiB\u00b7s", 1048576 },
		{ " GiB\u00b7s", 1073741824 }, { " B\u00b7s", 1 },
		{ " KiB", 1024 }, { " MiB", 1048576 }, { " GiB", 1073741824 },
		{ " B", 1 }, { " k/s", 1e3 }, { " M/s", 1e6 }, { " /s", 1 },
		{ " %", 0.01 }, { " M", 1e6 }, { " G", 1e9 }, { "", 1 },
	};
	char digits[40];
	size_t n = 0, decimals = 0;
	bool dot = false;

	*p += strspn(*p, " ");
	for (; strchr("0123456789.,", **p) && **p; (*p)++) {
		if (**p == ',')
			continue;
		decimals += dot;
		dot |= **p == '.';
		digits[n++] = **p;
	}
	digits[n] = '\0';
	if (!n)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].unit);

		if (strncmp(*p, units[i].unit, len))
			continue;
		*p += len;
		*v = strtod(digits, NULL) * units[i].by;
		*half = 0.500001 * units[i].by / pow(10, (double)decimals);
		return true;
	}
	return false;
}

/* One row of a one-metric table, wide enough for all columns. */
static void check_row(const struct table *t, uint32_t row, const char *line)
{
	const char *p = line + 1 + strlen(t->measures.m[row].path);

	for (uint32_t k = 0; k < t->set->group_count; k++) {
		const struct entry *x = table_entry(t, row, t->order[k]);
		double v = 0, half = 0;

		p += strspn(p, " ");
		if (!x->present) {
			assert_true(*p++ == '-');
			continue;
		}
		if (!parse_value(&p, &v, &half))
			fail_msg("no value in: %s", line);
		if (fabs(v - x->value.mean) > half)
			fail_msg("%s: %.17g is not %.17g", line, v, x->value.mean);
		p += strspn(p, " ");
		if (!x->compared)
			continue;
		if (x->has_relative && x->relative < 9 && x->change.mean != 0) {
			double pct = strtod(p, NULL), d;

			bool spread = x->change.claimed && !x->change.exact;

			d = spread ? fabs(pct) >= 99 || x->half_relative >= 0.0095 ? 0.51 : 0.051 :
				     fabs(pct) >= 9.9 ? 0.51 : 0.051;
			if (fabs(pct - x->relative * 100) > d)
				fail_msg("%s: %g%% is not %g%%", line, pct,
					 x->relative * 100);
		}
		p += strcspn(p, " ");
		if (!strncmp(p, " exact", 6))
			p += 6 + strcspn(p + 6, " ");
	}
}

static void t_text_digits(void **state)
{
	static const char *const all[] = { "latency_ns", "locks", "hold",
					   "hold_va", "run", "cpu_ns", "vmstat" };
	struct compare_options o = { .metrics = all, .metric_count = 7,
				     .columns = 1000 };
	struct room r = room_open(&usual);
	char *text = fixture_compare(r.s, &o), *save = NULL;
	struct errbuf e = { 0 };
	struct table t;
	uint32_t row = 0;

	(void)state;
	assert_int_equal(table_build(&t, r.s, &o, &e), 0);
	for (char *line = strtok_r(text, "\n", &save);
	     line && row < t.measures.count; line = strtok_r(NULL, "\n", &save)) {
		const char *path = t.measures.m[row].path;

		if (strncmp(line + 1, path, strlen(path)))
			continue;
		if (strlen(path) > 60)	/* values stand on the next line */
			line = strtok_r(NULL, "\n", &save);
		check_row(&t, row++, line);
	}
	assert_int_equal(row, t.measures.count);
	table_release(&t);
	free(text);
	room_close(&r);
}

/* Per lock: the blame list sums to what was waited, exactly. */
static void t_blame_sums(void **state)
{
	struct room r = room_open(&usual);

	(void)state;
	for (uint32_t i = 0; i < r.s->cell_count; i++) {
		const json_t *cell = r.s->cells[i].json, *lock, *side, *entry;
		const char *name, *which;
		size_t k;

		json_object_foreach(json_object_get(cell, "locks"), name, lock) {
			json_int_t waited = 0, blamed = 0;

			json_object_foreach((json_t *)lock, which, side)
				waited += json_integer_value(json_object_get(side, "spin_ns")) +
					  json_integer_value(json_object_get(side, "sleep_ns"));
			json_array_foreach(json_object_get(cell, "blame"), k, entry)
				if (!strcmp(json_string_value(json_object_get(entry, "lock")), name))
					blamed += json_integer_value(json_object_get(entry, "wait_ns"));
			assert_true(waited == blamed);
		}
	}
	room_close(&r);
}

static size_t widest_line(const char *text)
{
	size_t most = 0;

	while (*text) {
		size_t n = strcspn(text, "\n");
		char *line = xasprintf("%.*s", (int)n, text);

		most = text_width(line) > most ? text_width(line) : most;
		free(line);
		text += n + (text[n] == '\n');
	}
	return most;
}

static void t_width(void **state)
{
	(void)state;
	for (uint32_t columns = 80; columns <= 140; columns += 20) {
		for (uint32_t policies = 1; policies <= 9; policies += 4) {
			struct fixture f = usual;
			struct compare_options o = { .columns = columns };
			struct room r;
			char *text;

			f.policies = policies;
			r = room_open(&f);
			text = fixture_compare(r.s, &o);
			if (widest_line(text) > columns)
				fail_msg("%zu columns of %u:\n%s",
					 widest_line(text), columns, text);
			free(text);
			room_close(&r);
		}
	}
}

static void t_colour(void **state)
{
	struct compare_options plain = { 0 }, colour = { .colour = true };
	struct room r = room_open(&usual);
	char *a = fixture_compare(r.s, &plain);
	char *b = fixture_compare(r.s, &colour), *to = b;

	(void)state;
	assert_null(strchr(a, '\033'));
	assert_non_null(strchr(b, '\033'));
	for (const char *from = b; *from;) {
		if (*from == '\033')
			from += strcspn(from, "m") + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	assert_string_equal(a, b);
	free(a);
	free(b);
	room_close(&r);
}

/* 200 ns at 10, which may be 5 or 30, of 1000 ns: a tenth less, or 0.4 more. */
static void t_assumed(void **state)
{
	json_t *cell = json_pack(
		"{s:{s:f},s:{s:i,s:i},s:{s:{s:s,s:i,s:i,s:i,s:i},s:{s:s,s:i,s:i,s:i,s:i}}}",
		"cost_share", "assumed", 0.25, "cpu_ns", "system", 1000, "idle", 500,
		"costs", "a_ns", "class", "assumed", "total_ns", 200, "value", 10,
		"low", 5, "high", 30, "b_ns", "class", "measured", "total_ns", 800,
		"value", 10, "low", 1, "high", 90);
	struct text t = { 0 };

	(void)state;
	assumed_report(&t, cell, "x.yaml");
	assert_string_equal(text_str(&t),
		"assumed costs, 25.0 % of the time: a_ns 200 ns (now 10, may be 5 to 30); all of them at the low or high ends of their ranges: -10 to +40 % of the CPU time, without queueing; flip points: mmreplay sensitivity x.yaml");
	text_clear(&t);
	json_object_del(cell, "cost_share");
	assumed_report(&t, cell, "x.yaml");
	assert_int_equal(t.len, 0);
	text_release(&t);
	json_decref(cell);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_assumed),
		cmocka_unit_test(t_json_digits), cmocka_unit_test(t_json_changes),
		cmocka_unit_test(t_csv_digits),	 cmocka_unit_test(t_text_digits),
		cmocka_unit_test(t_blame_sums),	 cmocka_unit_test(t_width),
		cmocka_unit_test(t_colour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
