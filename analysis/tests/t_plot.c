/*
 * Pins that the data files of plots hold the cells' own numbers, digit by
 * digit, that scripts name no path, and that a plot without data says why.
 * Does not pin what the pictures look like.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/plots/series.h"
#include "analysis/table.h"
#include "analysis/tests/fixture_plot.h"
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

static const struct fixture usual = {
	.scenario = "four policies", .policies = 4, .replicates = 3, .ops = 120,
	.series_points = 400, .seed = 21, .jitter = true,
};

/* Every line of latency-cdf: buckets of the replicates, added up. */
static void t_cdf_data(void **state)
{
	struct room r = room_open(&usual);
	struct plot_job job = fixture_plot(&r, &plot_latency_cdf);
	char *save = NULL, op[40] = "";
	uint64_t below = 0, checked = 0;
	uint32_t group = 0;

	(void)state;
	for (char *line = strtok_r(job.dat.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		long long lower, upper;
		unsigned long long count, b, total;
		uint64_t want = 0;

		if (!strncmp(line, "# lower", 7))
			continue;
		if (*line == '#') {
			char *label = strstr(line, ", ");

			snprintf(op, sizeof(op), "%.*s", (int)(label - line - 2),
				 line + 2);
			for (group = 0; strcmp(r.s->groups[group].label, label + 2);)
				group++;
			below = 0;
			continue;
		}
		assert_int_equal(sscanf(line, "%lld %lld %llu %llu %llu", &lower,
					&upper, &count, &b, &total), 5);
		assert_int_equal(b, below);
		below += count;
		for (uint32_t i = 0; i < 3; i++) {
			const json_t *cell = r.s->cells[r.s->groups[group].cells[i]].json;
			char *key = xasprintf("latency_ns.%s", op);
			const json_t *pair, *list = json_object_get(
				json_object_get(cell, "hist"), key);
			size_t k;

			json_array_foreach(list, k, pair)
				if (json_integer_value(json_array_get(pair, 0)) == lower)
					want += (uint64_t)json_integer_value(json_array_get(pair, 1));
			free(key);
		}
		assert_int_equal(count, want);
		checked++;
	}
	assert_true(checked > 500);
	fixture_plot_release(&job);
	room_close(&r);
}

/* Stacked bars: each value is the mean over replicates, each bar their sum. */
static void check_bars(const struct room *r, const struct plot *p,
		       const char *const *paths, uint32_t n)
{
	struct plot_job job = fixture_plot(r, p);
	char *save = NULL;
	uint32_t part = 0, row = 0;
	double at[4] = { 0 };

	strtok_r(job.dat.s, "\n", &save);
	for (char *line = strtok_r(NULL, "\n", &save); line && part < n;
	     line = strtok_r(NULL, "\n", &save)) {
		double y, from, to, v, mean;

		if (*line == '#')
			continue;
		assert_int_equal(sscanf(line, "%lf %lf %lf %lf", &y, &from, &to, &v), 4);
		if (group_mean(r->s, row, paths[part], &mean)) {
			assert_true(v == mean);
			assert_true(from == at[row] && to == from + v);
			at[row] = to;
		} else {
			assert_true(isnan(v) && from == to);
		}
		if (++row == 4) {
			row = 0;
			part++;
		}
	}
	assert_int_equal(part, n);
	fixture_plot_release(&job);
}

static void t_bars_data(void **state)
{
	static const char *const cpu[] = { "cpu_ns.user", "cpu_ns.system",
		"cpu_ns.spin", "cpu_ns.irq", "cpu_ns.idle" };
	struct room r = room_open(&usual);

	(void)state;
	check_bars(&r, &plot_cpu_time, cpu, 5);
	room_close(&r);
}

static void t_blame_data(void **state)
{
	struct room r = room_open(&usual);
	struct plot_job job = fixture_plot(&r, &plot_blame);
	char *save = NULL;
	double sum = 0, want = 0;

	(void)state;
	for (char *line = strtok_r(job.dat.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		double x, y, v;

		if (*line != '#' && sscanf(line, "%lf %lf %lf", &x, &y, &v) == 3)
			sum += v;
	}
	for (uint32_t i = 0; i < r.s->cell_count; i++) {
		const json_t *entry;
		size_t k;

		json_array_foreach(json_object_get(r.s->cells[i].json, "blame"), k, entry)
			want += json_number_value(json_object_get(entry, "wait_ns")) / 3;
	}
	assert_true(fabs(sum - want) < 1);	/* all waiting is in the matrix */
	fixture_plot_release(&job);
	room_close(&r);
}

/* Points that are drawn are points of the file; peaks are never lost. */
static void t_series(void **state)
{
	struct room r = room_open(&usual);
	struct series_file whole, thin;
	struct errbuf e = { 0 };
	struct result_cell cell = { .dir = r.dir, .id = r.s->cells[0].id };
	struct result_cell none = { .dir = r.dir, .id = "none" };

	(void)state;
	assert_int_equal(series_read(&cell, "hold", 100000, &whole, &e), 0);
	assert_int_equal(series_read(&cell, "hold", 50, &thin, &e), 0);
	assert_int_equal(whole.count, 2);
	assert_int_equal(thin.count, 2);
	for (uint32_t m = 0; m < 2; m++) {
		const struct series *a = &whole.s[m], *b = &thin.s[m];
		uint32_t k = 0;

		assert_int_equal(a->count, 400);
		assert_true(b->count <= 50 && b->count >= 25);
		assert_true(a->high == b->high);
		for (uint32_t i = 0; i < b->count; i++, k++) {
			while (k < a->count && a->p[k].t_ns < b->p[i].t_ns)
				k++;
			assert_true(k < a->count && a->p[k].t_ns == b->p[i].t_ns);
			assert_true(a->p[k].value == b->p[i].value);
		}
	}
	series_release(&whole);
	series_release(&thin);
	assert_int_equal(series_read(&none, "", 10, &thin, &e), -ENOENT);
	assert_int_equal(e.code, 0);
	room_close(&r);
}

static void t_series_damaged(void **state)
{
	char *dir = fixture_dir(), *path = xasprintf("%s/series", dir), *file;
	struct result_cell x = { .dir = dir, .id = "x" };
	struct series_file f;
	struct errbuf e = { 0 };
	FILE *out;

	(void)state;
	assert_int_equal(make_dirs(path, &e), 0);
	file = xasprintf("%s/x.csv", path);
	out = fopen(file, "w");
	fputs("t_ns,metric,value\n1,a,2\n2,a,\n", out);
	fclose(out);
	assert_true(series_read(&x, "", 10, &f, &e) < 0);
	assert_non_null(strstr(e.text, "x.csv:3: expected t_ns,metric,value"));
	fixture_remove(dir);
	free(file);
	free(path);
	free(dir);
}

static void t_sweep_data(void **state)
{
	struct fixture f = usual;
	struct plot_job job;
	struct room r;
	char *save = NULL;
	uint32_t checked = 0;

	(void)state;
	f.points = 4;
	f.series_points = 0;
	r = room_open(&f);
	job = fixture_plot(&r, &plot_sweep);
	assert_non_null(strstr(job.gp.s, "machine.cpus"));
	/* a line keeps its name from point to point: one a policy */
	assert_non_null(strstr(job.gp.s, "title 'munmap=downgrade'"));
	assert_null(strstr(job.gp.s, "machine.cpus="));
	for (char *line = strtok_r(job.dat.s, "\n", &save); line && checked < 16;
	     line = strtok_r(NULL, "\n", &save)) {
		double x, mean, sd, want;
		bool found = false;

		if (*line == '#')
			continue;
		assert_int_equal(sscanf(line, "%lf %lf %lf", &x, &mean, &sd), 3);
		for (uint32_t g = 0; g < r.s->group_count; g++) {
			double cpus;

			assert_true(result_number(r.s->cells[r.s->groups[g].example].json,
						  "params.machine.cpus", &cpus, NULL));
			group_mean(r.s, g, "run.sim_ops_per_s", &want);
			found |= cpus == x && want == mean;
		}
		assert_true(found);
		checked++;
	}
	assert_int_equal(checked, 16);
	fixture_plot_release(&job);
	room_close(&r);
}

/* Nothing to draw: no data, and a reason. Never a crash, whatever is missing. */
static void t_no_data(void **state)
{
	struct fixture f = { .scenario = "bare", .policies = 1, .replicates = 1,
			     .seed = 1, .lean = true };
	struct room r = room_open(&f);
	static const struct plot *const all[] = {
#define PLOT(id) &plot_##id,
#include "analysis/plots/plots.def"
#undef PLOT
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct plot_job job = fixture_plot(&r, all[i]);

		if (!job.dat.len && !job.why.len)
			fail_msg("%s: no data and no reason", job.name);
		fixture_plot_release(&job);
	}
	room_close(&r);
}

/* Scripts can be moved and run again beside their data. */
static void t_files(void **state)
{
	struct room r = room_open(&usual);
	static const char *const names[] = { "cpu-time" };
	struct plot_options o = { .dir = r.dir, .names = names, .name_count = 1 };
	char *list = NULL, *gp, *text, *again;
	struct errbuf e = { 0 };
	size_t bytes;
	FILE *f = open_memstream(&list, &bytes);

	(void)state;
	if (plot_write(r.s, &o, f, &e))
		fail_msg("%s", e.text);
	fclose(f);
	assert_non_null(strstr(list, "/plots/cpu-time.png\n"));
	assert_non_null(strstr(list, "/plots/cpu-time.svg\n"));
	gp = xasprintf("%s/plots/cpu-time.gp", r.dir);
	assert_int_equal(file_read(gp, 1 << 20, &text, &bytes, &e), 0);
	assert_null(strstr(text, r.dir));
	assert_null(strstr(text, "'/"));
	again = xasprintf("cd '%s/plots' && rm cpu-time.png && gnuplot -d cpu-time.gp && test -s cpu-time.png",
			  r.dir);
	assert_int_equal(system(again), 0);
	o.names = (const char *const[]){ "cpu-tim" };
	assert_true(plot_write(r.s, &o, stderr, &e) < 0);
	assert_non_null(strstr(e.text, "cpu-time"));
	free(again);
	free(text);
	free(gp);
	free(list);
	room_close(&r);
}

/* A point a policy, at what it holds and how long it takes; all different. */
static void t_trade_data(void **state)
{
	struct fixture f = usual;
	struct plot_job job;
	struct room r;
	char *save = NULL, op[32], class[32], *x, *y;
	uint32_t checked = 0;

	(void)state;
	f.series_points = 0;
	r = room_open(&f);
	job = fixture_plot(&r, &plot_trade);
	assert_int_equal(sscanf(strstr(job.gp.s, "set title '") + 11,
				"%31[^,], mean latency against %31s held", op,
				class), 2);
	x = xasprintf("hold.%s.byte_seconds", class);
	y = xasprintf("latency_ns.%s.mean", op);
	for (char *line = strtok_r(job.dat.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		double held, ns, want_held, want_ns;
		char name[64];

		if (*line == '#' || *line == 'N')
			continue;
		assert_int_equal(sscanf(line, "%lf %lf \"%63[^\"]\"", &held,
					&ns, name), 3);
		for (uint32_t g = 0; g < r.s->group_count; g++) {
			if (strcmp(r.s->groups[g].name, name))
				continue;
			assert_true(group_mean(r.s, g, x, &want_held));
			assert_true(group_mean(r.s, g, y, &want_ns));
			assert_true(held == want_held && ns == want_ns);
			checked++;
		}
	}
	assert_int_equal(checked, r.s->group_count);
	free(x);
	free(y);
	fixture_plot_release(&job);
	room_close(&r);
}

static void write_series(const struct room *r, uint32_t cell, const char *rows)
{
	char *path = xasprintf("%s/series/%s.csv", r->s->cells[cell].dir,
			       r->s->cells[cell].id);
	FILE *out = fopen(path, "w");

	fputs("t_ns,metric,value\n", out);
	fputs(rows, out);
	fclose(out);
	free(path);
}

/* Lazy and pooled bytes of a cell's series, and its pools by node, beside a run
 * in which all of it is less than a pixel; node 1 is empty for one. */
static void t_vmap_data(void **state)
{
	struct fixture f = usual;
	struct plot_job job;
	struct room r;

	(void)state;
	f.replicates = 1;
	f.series_points = 1;
	r = room_open(&f);
	write_series(&r, 0, "1000000000,vmap.vmap-lazy,4096\n2000000000,vmap.vmap-pool,12288\n"
		     "2000000000,vmap.vmap-pool.3,8192\n2000000000,vmap.vmap-pool.1,4096\n"
		     "2001000000,vmap.vmap-pool.1,0\n2002000000,vmap.vmap-pool.1,4096\n"
		     "5000000000,vmap.vmap-pool.3,0\n9000000000,vmap.vmap-lazy,0\n");
	write_series(&r, 1, "1000000000,vmap.vmap-lazy,4096\n90000000000000,vmap.vmap-lazy,0\n");
	job = fixture_plot(&r, &plot_vmap);
	assert_non_null(strstr(job.dat.s, "1000000000\t4096\n9000000000\t0\n"));
	assert_non_null(strstr(job.dat.s, "2000000000\t12288\n9000000000\t12288\n"));
	/* from, to, node, bytes */
	assert_non_null(strstr(job.dat.s, "2000000000\t5000000000\t3\t8192\n"));
	assert_non_null(strstr(job.dat.s, "2000000000\t2002000000\t1\t2048\n"
				       "2002000000\t9000000000\t1\t4096\n"));
	assert_non_null(strstr(job.gp.s, "set yrange [-0.5:3.5]"));
	fixture_plot_release(&job);
	room_close(&r);
}

/* Published points stand beside a sweep of the same number, as they are. */
static void t_sweep_published(void **state)
{
	struct fixture f = usual;
	struct plot_job job;
	struct room r;

	(void)state;
	f.points = 4;
	f.series_points = 0;
	r = room_open(&f);
	json_decref(r.s->reference);
	r.s->reference = json_pack(
		"{s:s,s:s,s:s,s:b,s:[{s:f,s:f,s:f},{s:f,s:f,s:f}]}", "kind",
		"published", "x", "machine.cpus", "quantity", "run.makespan_ns",
		"same_unit", 1, "points", "x", 8.0, "before", 70.0, "after", 50.0,
		"x", 4096.0, "before", 7.0, "after", 5.0);
	job = fixture_plot(&r, &plot_sweep);
	assert_non_null(strstr(job.dat.s, "# published\n# x\tbefore\tafter\n8\t70\t50\n\n"));
	assert_non_null(strstr(job.gp.s, "title 'published, before'"));
	assert_non_null(strstr(job.gp.s, "run.makespan"));
	fixture_plot_release(&job);
	room_close(&r);
}

/* The mean of @path over the cells of @label, read anew from the cells. */
static double mean_of(const struct room *r, const char *label, const char *path)
{
	double sum = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->s->cell_count; i++) {
		double v;

		if (strcmp(r->s->cells[i].label, label) ||
		    !result_number(r->s->cells[i].json, path, &v, NULL))
			continue;
		sum += v;
		n++;
	}
	return n ? sum / n : 0;
}

/* "# LOCK SIDE" over rows of p50, p99 and max of its holds, a policy each. */
static void t_lock_hold_data(void **state)
{
	static const char *const keys[] = { "p50", "p99", "max" };
	struct room r = room_open(&usual);
	struct plot_job job = fixture_plot(&r, &plot_lock_hold);
	char *save = NULL, lock[40] = "", side[8] = "", label[64];
	uint32_t checked = 0;

	(void)state;
	for (char *line = strtok_r(job.dat.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		double v[3];

		if (!strncmp(line, "# row", 5) ||
		    sscanf(line, "# %39s %7s", lock, side) == 2 ||
		    sscanf(line, "%*u %lf %lf %lf \"%63[^\"]\"", &v[0], &v[1],
			   &v[2], label) != 4)
			continue;
		for (int k = 0; k < 3; k++, checked++) {
			char *path = xasprintf("locks.%s.%s.hold_ns.%s", lock, side,
					       keys[k]);
			double want = mean_of(&r, label, path);

			assert_true(want > 0 && fabs(v[k] - want) <= want * 1e-12);
			free(path);
		}
	}
	assert_true(checked >= 3 * r.s->group_count);
	fixture_plot_release(&job);
	room_close(&r);
}

/* "# op_time_ns.OP.PART" over stacked bars: the value of each is the cells'. */
static void t_op_time_data(void **state)
{
	struct room r = room_open(&usual);
	struct plot_job job = fixture_plot(&r, &plot_op_time);
	char *save = NULL, path[80] = "", label[64];
	uint32_t checked = 0;

	(void)state;
	for (char *line = strtok_r(job.dat.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		double from, to, value;

		if (sscanf(line, "# op_time_ns.%60s", path) == 1)
			snprintf(path, sizeof(path), "%.79s", line + 2);
		if (sscanf(line, "%*u %lf %lf %lf \"%63[^\"]\"", &from, &to, &value,
			   label) != 4)
			continue;
		assert_true(fabs(value - mean_of(&r, label, path)) <= value * 1e-12);
		assert_true(fabs(to - from - value) <= to * 1e-12);
		checked++;
	}
	assert_true(checked >= 4 * r.s->group_count);
	fixture_plot_release(&job);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_cdf_data),	  cmocka_unit_test(t_bars_data),
		cmocka_unit_test(t_blame_data),	  cmocka_unit_test(t_series),
		cmocka_unit_test(t_series_damaged), cmocka_unit_test(t_sweep_data),
		cmocka_unit_test(t_trade_data), cmocka_unit_test(t_lock_hold_data),
		cmocka_unit_test(t_op_time_data),	  cmocka_unit_test(t_sweep_published),
		cmocka_unit_test(t_vmap_data),
		cmocka_unit_test(t_no_data),	  cmocka_unit_test(t_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
