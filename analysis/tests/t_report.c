/*
 * Pins that the numbers of the HTML report are the cells' own: every value of
 * both tables, the exact one and the one that is shown, and every change or
 * spread under it, recomputed from the text of cells/ on disk. Does not pin its
 * looks, nor the sentences above the tables.
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
#include "sim/base/mem.h"

enum { POLICIES = 4, REPLICATES = 3 };

static const struct fixture usual = {
	.scenario = "four policies", .policies = POLICIES,
	.replicates = REPLICATES, .ops = 60, .seed = 41, .jitter = true,
};

static const char *const labels[POLICIES] = {
	"linux-6.12, munmap exclusive", "munmap=downgrade",
	"mm_lock=per-vma, vma_free=rcu", "linux-4.19",
};

static char *page_of(const struct room *r)
{
	struct errbuf e = { 0 };
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	if (report_write(r->s, r->dir, f, &e))
		fail_msg("%s", e.text);
	fclose(f);
	return text;
}

/* "12.3 ms": within half a unit of the last digit that is shown. */
static void check_shown(const char *shown, double want)
{
	static const struct { const char *unit; double by; } units[] = {
		{ " ns", 1 }, { " \u00b5s", 1e3 }, { " ms", 1e6 }, { " s", 1e9 },
		{ " B\u00b7s", 1 }, { " KiB\u00b7s", 1024 },
		{ " MiB\u00b7s", 1048576 }, { " B", 1 }, { " KiB", 1024 },
		{ " MiB", 1048576 }, { " /s", 1 }, { " k/s", 1e3 },
		{ " M/s", 1e6 }, { " %", 0.01 }, { " M", 1e6 }, { "", 1 },
	};
	char digits[32];
	size_t n = 0, after = 0;
	bool dot = false;

	for (; strchr("0123456789.,", *shown) && *shown && n < 31; shown++) {
		if (*shown == ',')
			continue;
		after += dot;
		dot |= *shown == '.';
		digits[n++] = *shown;
	}
	digits[n] = '\0';
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].unit);

		if (strncmp(shown, units[i].unit, len) || shown[len] != '<')
			continue;
		assert_true(fabs(strtod(digits, NULL) * units[i].by - want) <=
			    0.500001 * units[i].by / pow(10, (double)after));
		return;
	}
	fail_msg("no unit in %.30s", shown);
}

/* "-9.0\u00b10.4%*", "+1.4% exact*", "x11.7\u00b10.2*": the change and its mark. */
static void check_change(const char *shown, const double *v, const double *b)
{
	double d = 0, base = 0, squares = 0, half;

	for (int i = 0; i < REPLICATES; i++) {
		d += (v[i] - b[i]) / REPLICATES;
		base += b[i] / REPLICATES;
	}
	for (int i = 0; i < REPLICATES; i++)
		squares += (v[i] - b[i] - d) * (v[i] - b[i] - d);
	half = 4.303 * sqrt(squares / 2) / sqrt(REPLICATES);
	if (!strncmp(shown, "same", 4)) {
		assert_true(d == 0 && half == 0);
		return;
	}
	assert_int_equal(strchr(shown, '*') < strchr(shown, '<') &&
			 strchr(shown, '*'), fabs(d) > half);
	if (*shown == 'x')
		assert_true(fabs(strtod(shown + 1, NULL) - 1 - d / base) < 0.51);
	else if (base > 0)
		assert_true(fabs(strtod(shown, NULL) - 100 * d / base) < 0.51);
}

/* "\u00b10.4%", under a value of the baseline: standard deviation over replicates. */
static void check_spread(const char *shown, const double *v, double mean)
{
	double squares = 0, pct;
	const char *dot;

	for (int i = 0; i < REPLICATES; i++)
		squares += (v[i] - mean) * (v[i] - mean);
	if (*shown == '<')
		return assert_true(mean == 0);
	if (!strncmp(shown, "exact<", 6))
		return assert_true(squares == 0);
	assert_int_equal(strncmp(shown, "\u00b1", 2), 0);
	pct = 100 * sqrt(squares / (REPLICATES - 1)) / fabs(mean);
	dot = strchr(shown, '.');
	dot = dot && dot < strchr(shown, '%') ? dot : strchr(shown, '%') - 1;
	assert_true(fabs(strtod(shown + 2, NULL) - pct) <= 0.500001 /
		    pow(10, (double)(strchr(shown, '%') - dot - 1)));
}

/* One <td>; returns where the next one may start. */
static char *check_cell(struct room *r, char *td, const char *path,
			const char *label)
{
	static const char change[] = "<span class=\"chg\">";
	double v[REPLICATES], b[REPLICATES], mean = 0, exact;
	uint32_t n = fixture_values(r, label, path, v, REPLICATES);
	char *end = strstr(td, "</td>"), *at = strstr(td, "data-v=\"");

	assert_non_null(end);
	if (!at || at > end) {
		assert_int_equal(n, 0);
		return end;
	}
	assert_int_equal(n, REPLICATES);
	for (uint32_t i = 0; i < n; i++)
		mean += v[i] / n;
	exact = strtod(at + 8, NULL);
	assert_true(fabs(exact - mean) <= fabs(mean) * 1e-12);
	at = strstr(at, "title=\"") + 7;
	assert_true(strtod(at, NULL) == exact);
	check_shown(strchr(at, '>') + 1, mean);
	at = strstr(at, change);
	if (at && at < end && !strcmp(label, labels[0]))
		check_spread(at + strlen(change), v, mean);
	else if (at && at < end &&
	    fixture_values(r, labels[0], path, b, REPLICATES) == REPLICATES)
		check_change(at + strlen(change), v, b);
	return end;
}

/* The large table: a row a measure, in the order of the table on a terminal. */
static void t_measures(void **state)
{
	struct room r = room_open(&usual);
	char *page = page_of(&r), *at = strstr(page, "<h2 id=\"measures\">");
	struct measure_list l = { 0 };

	(void)state;
	measures_usual(r.s, &l);
	assert_true(l.count > 40);
	for (uint32_t i = 0; i < l.count; i++) {
		do {
			at = strstr(at, "<tr") + 3;
		} while (!strncmp(at, " class=\"section", 15) ||
			 strncmp(strchr(at, '>') + 1, "<th scope=\"row\"", 15));
		at = strstr(at, "</th>");
		for (uint32_t k = 0; k < POLICIES; k++)
			at = check_cell(&r, strstr(at, "<td"), l.m[i].path,
					labels[k]);
	}
	assert_null(strstr(at, "data-v"));	/* no number without a check */
	measures_release(&l);
	free(page);
	room_close(&r);
}

/* The first table: a row a policy; its headings say which measures. */
static void t_policies(void **state)
{
	static const struct { const char *head, *path; } known[] = {
		{ "makespan", "run.makespan_ns" },
		{ "throughput", "run.sim_ops_per_s" },
		{ "fault p99", "latency_ns.fault.p99" },
		{ "munmap p99", "latency_ns.munmap.p99" },
		{ "mmap p99", "latency_ns.mmap.p99" },
		{ "proc-read-cmdline p99", "latency_ns.proc-read-cmdline.p99" },
		{ "mmap_lock read, waited", "locks.mmap_lock.read.spin_ns+locks.mmap_lock.read.sleep_ns" },
		{ "mmap_lock write, waited", "locks.mmap_lock.write.spin_ns+locks.mmap_lock.write.sleep_ns" },
		{ "page, peak", "hold.page.peak_bytes" },
		{ "vma, peak", "hold.vma.peak_bytes" },
	};
	struct room r = room_open(&usual);
	char *page = page_of(&r), *at = strstr(page, "<h2 id=\"policies\">");
	const char *path[16];
	uint32_t n = 0;

	(void)state;
	at = strstr(at, "policy</button>");
	for (char *end = strstr(at, "</thead>"), *h; (h = strstr(at + 1,
	     "type=\"button\">")) && h < end; at = h) {
		size_t i = 0, count = sizeof(known) / sizeof(known[0]);

		h += strlen("type=\"button\">");
		while (i < count && (strncmp(h, known[i].head, strlen(known[i].head)) ||
				     h[strlen(known[i].head)] != '<'))
			i++;
		if (i == count)
			fail_msg("which measure is %.40s?", h);
		path[n++] = known[i].path;
	}
	assert_true(n >= 8);
	for (uint32_t k = 0; k < POLICIES; k++) {
		at = strstr(strstr(at, "<th scope=\"row\""), "</th>");
		for (uint32_t i = 0; i < n; i++)
			at = check_cell(&r, strstr(at, "<td"), path[i], labels[k]);
	}
	assert_true(strstr(at, "</tbody>") < strstr(at, "<td"));
	free(page);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_measures), cmocka_unit_test(t_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
