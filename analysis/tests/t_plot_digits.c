/*
 * Pins that the data of the plots change, reference, effect, tornado and
 * speedup and the peaks of hold are those of the files, recomputed here from
 * the text of cells/ on disk. Does not pin what the pictures look like; the
 * other plots are in t_plot.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/tests/fixture_plot.h"
#include "sim/base/mem.h"

static const struct fixture usual = {
	.scenario = "four policies", .policies = 4, .replicates = 3, .ops = 60,
	.series_points = 40, .seed = 33, .jitter = true,
};

static const char base_label[] = "linux-6.12, munmap exclusive";

static bool close_to(double a, double b)
{
	return fabs(a - b) <= fabs(b) * 1e-12;
}

/* Change over the baseline's mean and half its 95 % interval: 3 replicates. */
static void change_of_files(struct room *r, const char *label,
			    const char *path, double *relative, double *half)
{
	double a[3], b[3], d = 0, base = 0, squares = 0;

	assert_int_equal(fixture_values(r, label, path, a, 3), 3);
	assert_int_equal(fixture_values(r, base_label, path, b, 3), 3);
	for (int i = 0; i < 3; i++) {
		d += (a[i] - b[i]) / 3;
		base += b[i] / 3;
	}
	for (int i = 0; i < 3; i++)
		squares += (a[i] - b[i] - d) * (a[i] - b[i] - d);
	*relative = d / base;
	*half = 4.303 * sqrt(squares / 2) / sqrt(3) / base;
}

static double within(double ratio)
{
	return ratio < 1e-3 ? 1e-3 : ratio > 1e3 ? 1e3 : ratio;
}

/* "+12±3%*", "x11.7±0.2*": what stands at the mark is its own change. */
static void check_words(const char *words, double relative)
{
	if (*words == 'x')
		assert_true(fabs(strtod(words + 1, NULL) - 1 - relative) < 0.51);
	else
		assert_true(fabs(strtod(words, NULL) - 100 * relative) < 0.51);
}

static void t_change(void **state)
{
	struct room r = room_open(&usual);
	struct plot_job job = fixture_plot(&r, &plot_change);
	char *save = NULL, path[120] = "", label[64], words[40];
	uint32_t checked = 0, marks = 0;

	(void)state;
	for (char *line = strtok_r(job.dat.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		double at, low, high, relative, half;
		int marked;

		if (*line == '#') {
			if (strncmp(line, "# row", 5))
				snprintf(path, sizeof(path), "%s", line + 2);
			continue;
		}
		assert_int_equal(sscanf(line, "%*u %lf %lf %lf %d \"%39[^\"]\" \"%63[^\"]\"",
					&at, &low, &high, &marked, words, label), 6);
		change_of_files(&r, label, path, &relative, &half);
		assert_true(close_to(at, within(1 + relative)));
		assert_true(fabs(low - within(1 + relative - half)) < 1e-9);
		assert_true(fabs(high - within(1 + relative + half)) < 1e-9);
		assert_int_equal(marked, fabs(relative) > half);
		check_words(words, relative);
		marks += (uint32_t)marked;
		checked++;
	}
	assert_true(checked >= 12 && marks > 0 && marks < checked);
	fixture_plot_release(&job);
	room_close(&r);
}

static double mean_of_files(struct room *r, const char *label,
			    const char *path)
{
	double v[3];

	assert_int_equal(fixture_values(r, label, path, v, 3), 3);
	return (v[0] + v[1] + v[2]) / 3;
}

/* Grey bands are reference.json's rows, marks the mean of the cells' own. */
static void t_reference(void **state)
{
	static const char *const path[] = { "run.makespan_ns",
					    "latency_ns.fault.p99" };
	static const double value[] = { 1234567.25, 0x1.123456789abcdp+12 };
	struct room r = room_open(&usual);
	struct plot_job job;
	char *save = NULL, label[64] = "", name[64];
	uint32_t bands = 0, points = 0;

	(void)state;
	json_decref(r.s->reference);
	r.s->reference = json_pack("{s:s,s:[{s:s,s:f,s:f},{s:s,s:f}]}", "kind",
		"recorded", "rows", "quantity", path[0], "value", value[0],
		"spread", 4321.5, "quantity", path[1], "value", value[1]);
	job = fixture_plot(&r, &plot_reference);
	for (char *line = strtok_r(job.dat.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		double a, b;
		uint32_t row;

		if (*line == '#') {
			if (strncmp(line, "# row", 5))
				snprintf(label, sizeof(label), "%s", line + 2);
		} else if (sscanf(line, "%u %lf %lf \"%63[^\"]\"", &row, &a, &b,
				  name) == 4) {
			assert_string_equal(name, path[2 - row]);
			assert_true(a == value[2 - row]);
			assert_true(b == (row == 2 ? 4321.5 : 0));
			bands++;
		} else {
			assert_int_equal(sscanf(line, "%u %lf %lf", &row, &a, &b), 3);
			assert_true(close_to(a, mean_of_files(&r, label, path[2 - row])));
			assert_true(b == value[2 - row]);
			points++;
		}
	}
	assert_int_equal(bands, 2);
	assert_int_equal(points, 8);
	fixture_plot_release(&job);
	room_close(&r);
}

/* A family a block; a point without a prediction is not drawn as zero. */
static void t_effect(void **state)
{
	struct room r = room_open(&usual);
	struct plot_job job;

	(void)state;
	json_decref(r.s->reference);
	r.s->reference = json_pack(
		"{s:[{s:s,s:f,s:f},{s:s,s:f,s:f},{s:s,s:f,s:n},{s:s,s:f,s:f}]}",
		"points", "family", "rows", "effect_published", -0.75,
		"effect_predicted", 0.1, "family", "lines", "effect_published",
		0.5, "effect_predicted", -1.25, "family", "rows",
		"effect_published", 3.0, "effect_predicted", "family", "rows",
		"effect_published", 0.0625, "effect_predicted", 2.5);
	job = fixture_plot(&r, &plot_effect);
	assert_string_equal(text_str(&job.dat),
		"# rows\n# published\tpredicted\n-0.75\t0.1\n0.0625\t2.5\n\n\n"
		"# lines\n# published\tpredicted\n0.5\t-1.25\n\n\n");
	fixture_plot_release(&job);
	room_close(&r);
}

static void put_file(const struct room *r, const char *name, json_t *o)
{
	char *path = xasprintf("%s/%s", r->dir, name);

	assert_int_equal(json_dump_file(o, path, 0), 0);
	json_decref(o);
	free(path);
}

/* Percent of what sensitivity.json has; widest first as it is there. */
static void t_tornado(void **state)
{
	struct room r = room_open(&usual);
	struct plot_job job;

	(void)state;
	put_file(&r, "sensitivity.json", json_pack(
		"{s:[{s:s,s:f,s:[{s:s,s:f,s:f},{s:s,s:f,s:f}]},{s:s,s:f,s:[{s:s,s:f,s:f}]}]}",
		"conclusions", "label", "one", "change", -0.125, "costs",
		"cost", "a_ns", "change_at_low", -0.5, "change_at_high", 0.25,
		"cost", "b_ns", "change_at_low", -0.0625, "change_at_high", -0.375,
		"label", "two", "change", 0.5, "costs",
		"cost", "a_ns", "change_at_low", 0.75, "change_at_high", 1.5));
	job = fixture_plot(&r, &plot_tornado);
	assert_string_equal(text_str(&job.dat),
		"# row\tat low %\tat high %\tcost\n2\t-50\t25\ta_ns\n1\t-6.25\t-37.5\tb_ns\n\n\n"
		"# row\tat low %\tat high %\tcost\n1\t75\t150\ta_ns\n\n\n");
	/* the dashed line: the change as it is now */
	assert_non_null(strstr(job.gp.s, "\nnow = -12.5\n"));
	assert_non_null(strstr(job.gp.s, "\nnow = 50\n"));
	fixture_plot_release(&job);
	room_close(&r);
}

static void t_speedup(void **state)
{
	struct room r = room_open(&usual);
	struct plot_job job;

	(void)state;
	put_file(&r, "speedup.json", json_pack(
		"{s:[{s:s,s:s,s:[{s:s,s:[{s:i,s:f,s:f},{s:i,s:f,s:f}]},{s:s,s:[{s:i,s:f,s:f},{s:i,s:f,s:f}]}]}]}",
		"cells", "label", "one", "op", "fault", "speedups",
		"lock", "mmap_lock", "steps",
		"shorter_pct", 10, "throughput", 0.03125, "p99", -0.25,
		"shorter_pct", 50, "throughput", 0.125, "p99", -0.5,
		"cost", "a_ns", "steps",
		"shorter_pct", 25, "throughput", 0.5, "p99", 0.0,
		"shorter_pct", 100, "throughput", 1.75, "p99", -0.75));
	job = fixture_plot(&r, &plot_speedup);
	assert_string_equal(text_str(&job.dat),
		"# mmap_lock\n# shorter %\tthroughput %\tp99 %\n0\t0\t0\n10\t3.125\t-25\n50\t12.5\t-50\n\n\n"
		"# a_ns\n# shorter %\tthroughput %\tp99 %\n0\t0\t0\n25\t50\t0\n100\t175\t-75\n\n\n");
	fixture_plot_release(&job);
	room_close(&r);
}

/* The triangles of hold: peak_bytes of each policy's first replicate. */
static void t_hold_peaks(void **state)
{
	struct room r = room_open(&usual);
	struct plot_job job = fixture_plot(&r, &plot_hold);
	char *save = NULL, metric[40] = "", label[4][64];
	uint32_t row = 4, policies = 0, checked = 0;

	(void)state;
	for (char *line = strtok_r(job.dat.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		double at, peak, want[3];
		char *path;

		if (!strcmp(line, "# end_ns\tpeak_bytes")) {
			assert_int_equal(policies, 4);
			row = 0;
		} else if (*line == '#' && strcmp(line, "# t_ns\tbytes")) {
			policies = row == 4 && policies < 4 ? policies : 0;
			assert_int_equal(sscanf(line, "# %39[^,], %63[^\n]", metric,
						label[policies++]), 2);
		} else if (row < policies && *line != '#') {
			assert_int_equal(sscanf(line, "%lf %lf", &at, &peak), 2);
			path = xasprintf("%s.peak_bytes", metric);
			assert_int_equal(fixture_values(&r, label[row], path, want, 3), 3);
			assert_true(at == 39e7 && peak == want[0]);
			free(path);
			checked++;
			row++;
		}
	}
	assert_int_equal(checked, 8);	/* memory and address space */
	fixture_plot_release(&job);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_change),  cmocka_unit_test(t_reference),
		cmocka_unit_test(t_effect),  cmocka_unit_test(t_tornado),
		cmocka_unit_test(t_speedup), cmocka_unit_test(t_hold_peaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
