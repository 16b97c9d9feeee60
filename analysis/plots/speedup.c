/*
 * speedup: what shortening one lock's critical sections, or one cost, would
 * gain, one row of panels a policy: throughput left, p99 right, against how
 * much shorter it is. The things that gain most by half; a cost that no line
 * shows gains less than these.
 */
#include <stdlib.h>
#include "analysis/plots/plot.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

enum { ROWS_MOST = 5, LINES_MOST = 7, PANEL = 230 };

static const char *thing(const json_t *speedup)
{
	const char *lock = json_string_value(json_object_get(speedup, "lock"));
	const char *cost = json_string_value(json_object_get(speedup, "cost"));

	return lock ? lock : cost ? cost : "";
}

/* One block of the data file for each line of a row of panels. */
static uint32_t put_lines(struct plot_job *job, const json_t *cell)
{
	const json_t *list = json_object_get(cell, "speedups"), *u, *step;
	uint32_t n = 0;
	size_t i, k;

	json_array_foreach(list, i, u) {
		const json_t *steps = json_object_get(u, "steps");

		if (n == LINES_MOST || json_array_size(steps) < 2)
			continue;
		n++;
		text_put(&job->dat, "# ");
		text_clean(&job->dat, thing(u), TEXT_GNUPLOT);
		text_put(&job->dat, "\n# shorter %\tthroughput %\tp99 %\n0\t0\t0\n");
		json_array_foreach(steps, k, step) {
			text_exact(&job->dat, json_number_value(json_object_get(step, "shorter_pct")));
			text_put(&job->dat, "\t");
			text_exact(&job->dat, 100 * json_number_value(json_object_get(step, "throughput")));
			text_put(&job->dat, "\t");
			text_exact(&job->dat, 100 * json_number_value(json_object_get(step, "p99")));
			text_put(&job->dat, "\n");
		}
		text_put(&job->dat, "\n\n");
	}
	return n;
}

static void put_panel(struct plot_job *job, const json_t *cell, uint32_t first,
		      uint32_t lines, bool p99)
{
	const json_t *list = json_object_get(cell, "speedups"), *u;
	const char *label = json_string_value(json_object_get(cell, "label"));
	const char *op = json_string_value(json_object_get(cell, "op"));
	uint32_t n = 0;
	size_t i;

	text_put(&job->gp, "set title '");
	text_clean(&job->gp, label ? label : "", TEXT_GNUPLOT);
	text_put(&job->gp, p99 ? ": p99 of " : ": throughput");
	if (p99)
		text_clean(&job->gp, op ? op : "", TEXT_GNUPLOT);
	text_put(&job->gp, "'\n");
	text_put(&job->gp, p99 ? "unset key\n" :
		 "set key outside left top Left reverse samplen 1.5 font ',9'\n");
	text_put(&job->gp, "plot ");
	json_array_foreach(list, i, u) {
		if (n == lines ||
		    json_array_size(json_object_get(u, "steps")) < 2)
			continue;
		text_add(&job->gp, "%s'%s.dat' index %u using 1:%d with linespoints pt 7 ps 0.5 lw 2 lc rgb '%s' title ",
			 n ? ", \\\n  " : "", job->name, first + n, p99 ? 3 : 2,
			 plot_colour(n));
		plot_quoted(&job->gp, thing(u));
		n++;
	}
	text_put(&job->gp, n ? "\n" : "0 notitle\n");
}

static void build(struct plot_job *job)
{
	char *path = xasprintf("%s/speedup.json", job->set->dirs[0]);
	struct errbuf e = { 0 };
	json_t *root = json_read(path, &e);
	const json_t *cells = json_object_get(root, "cells"), *c;
	uint32_t rows = (uint32_t)json_array_size(cells), first = 0;
	size_t i;

	free(path);
	rows = rows < ROWS_MOST ? rows : ROWS_MOST;
	if (!rows) {
		text_put(&job->why, "no speedup.json in this folder");
		json_decref(root);
		return;
	}
	plot_panels(job, 2 * rows, 2, PANEL,
		    &(struct plot_frame){ .gap = 80, .left = 230 });
	text_put(&job->gp, "set xrange [0:100]\nset xlabel 'shorter by %'\nset ylabel '%' offset 1,0\nset xzeroaxis\n");
	json_array_foreach(cells, i, c) {
		uint32_t lines;

		if (i == rows)
			break;
		lines = put_lines(job, c);
		put_panel(job, c, first, lines, false);
		put_panel(job, c, first, lines, true);
		first += lines;
	}
	json_decref(root);
}

const struct plot plot_speedup = {
	{ "speedup", "What a shorter lock or cost would gain",
	  "`mmreplay sensitivity --speedup` into this folder" },
	build
};
