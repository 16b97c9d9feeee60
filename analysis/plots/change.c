/*
 * change: what each policy changes against the baseline, with the 95 %
 * interval of the replay spread, one panel a measure: the verdict as a picture.
 * The axis is the ratio to the baseline, logarithmic, so that half and double
 * are equally far from "same". A filled mark exceeds the replay spread; an
 * interval that reaches the left edge includes values near zero.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { PANELS_MOST = 6 };

static const double ratio_least = 1e-3, ratio_most = 1e3;

static double bounded(double r)
{
	return r < ratio_least ? ratio_least : r > ratio_most ? ratio_most : r;
}

static bool has_change(const struct table *t, uint32_t row)
{
	for (uint32_t g = 0; g < t->set->group_count; g++) {
		const struct entry *e = table_entry(t, row, g);

		if (e->compared && e->has_relative && e->change.mean != 0)
			return true;
	}
	return false;
}

/* Makespan, then p99 of ops, then the locks' total waits: as they come. */
static uint32_t choose(const struct table *t, uint32_t *rows)
{
	uint32_t n = 0, ops = 0, locks = 0;

	for (uint32_t i = 0; i < t->measures.count && n < PANELS_MOST; i++) {
		const struct measure *m = &t->measures.m[i];
		size_t len = strlen(m->path);
		bool p99 = m->section == SECTION_LATENCY && len > 4 &&
			   !strcmp(m->path + len - 4, ".p99") && ops < 3;
		bool lock = m->section == SECTION_LOCKS && !m->indent && locks < 2;

		if (!has_change(t, i) ||
		    !(p99 || lock || !strcmp(m->path, "run.makespan_ns")))
			continue;
		ops += p99;
		locks += lock;
		rows[n++] = i;
	}
	return n;
}

static void put_title(struct text *out, const struct measure *m)
{
	size_t len = strlen(m->path);

	text_put(out, "'");
	if (m->section == SECTION_LATENCY) {
		char *op = xasprintf("%.*s", (int)len - 15, m->path + 11);

		text_clean(out, op, TEXT_GNUPLOT);
		text_put(out, ", 99th percentile");
		free(op);
	} else {
		text_clean(out, m->name, TEXT_GNUPLOT);
		if (m->section == SECTION_LOCKS)
			text_put(out, ", waiting");
	}
	text_put(out, "'");
}

static void panel_data(struct plot_job *job, const struct table *t, uint32_t row,
		       const uint32_t *groups, uint32_t n, double span[2])
{
	text_put(&job->dat, "# ");
	text_clean(&job->dat, t->measures.m[row].path, TEXT_GNUPLOT);
	text_put(&job->dat, "\n# row\tratio\tlow\thigh\tmarked\tchange\tpolicy\n");
	for (uint32_t k = 0; k < n; k++) {
		const struct entry *e = table_entry(t, row, groups[k]);
		double at = bounded(1 + e->relative);
		double low = bounded(1 + e->relative - e->half_relative);
		double high = bounded(1 + e->relative + e->half_relative);
		bool have = e->compared && e->has_relative;

		text_add(&job->dat, "%u\t", n - k);
		if (have) {
			text_exact(&job->dat, at);
			text_put(&job->dat, "\t");
			text_exact(&job->dat, low);
			text_put(&job->dat, "\t");
			text_exact(&job->dat, high);
			span[0] = at < span[0] ? at : span[0];
			span[1] = high > span[1] ? high : span[1];
		} else {
			text_put(&job->dat, "NaN\tNaN\tNaN");
		}
		text_add(&job->dat, "\t%d\t\"", e->change.marked);
		if (have) {
			struct text s = { 0 };

			entry_change(&s, e);
			text_clean(&job->dat, text_str(&s), TEXT_GNUPLOT);
			text_release(&s);
		}
		text_put(&job->dat, "\"\t");
		plot_tic_label(&job->dat, job, groups[k]);
		text_put(&job->dat, "\n");
	}
	text_put(&job->dat, "\n\n");
}

static void panel(struct plot_job *job, const struct table *t, uint32_t row,
		  uint32_t index, const uint32_t *groups, uint32_t n)
{
	double span[2] = { 0.8, 1.25 }, low, high;

	panel_data(job, t, row, groups, n, span);
	low = span[0] / 1.5;
	high = span[1] * pow(span[1] / span[0], 0.35) * 1.2;
	text_put(&job->gp, "set title ");
	put_title(&job->gp, &t->measures.m[row]);
	text_add(&job->gp, "\nset xrange [%.9g:%.9g]\n", low, high);
	plot_ratio_tics(job, "x", low, high, "(");
	text_put(&job->gp, index % 2 ? "set format y ''\n" : "set format y\n");
	text_add(&job->gp,
		 "plot '%s.dat' index %u using 2:1:3:4%s with xerrorbars pt 6 ps 1.1 lw 1.6 lc rgb '#0072B2' notitle, \\\n"
		 "  '' index %u using ($5==1?$2:1/0):1 with points pt 7 ps 1.1 lc rgb '#0072B2' notitle, \\\n"
		 "  '' index %u using (%.9g):1:6 with labels right offset 0,0.55 font ',9' tc rgb '#444444' notitle\n",
		 job->name, index, index % 2 ? ":ytic('')" : ":ytic(7)", index,
		 index, high);
}

static void draw(struct plot_job *job, const struct table *t,
		 const uint32_t *rows, uint32_t count)
{
	uint32_t all[PLOT_GROUPS_MOST], groups[PLOT_GROUPS_MOST], n = 0;
	uint32_t shown = plot_shown(job, all, 16);

	for (uint32_t i = 0; i < shown; i++)
		if (job->set->groups[all[i]].base != all[i])
			groups[n++] = all[i];
	plot_panels(job, count, 2, 96 + 30 * n,
		    &(struct plot_frame){ .gap = 30,
			.left = plot_label_pixels(job, groups, n) });
	text_add(&job->gp,
		 "set logscale x\nset yrange [0.4:%u.6]\nset ytics scale 0\n"
		 "set arrow 1 from first 1, graph 0 to first 1, graph 1 nohead lc rgb '#222222' lw 1.2\n"
		 "set xlabel 'ratio to the baseline'\nunset key\n", n);
	for (uint32_t i = 0; i < count; i++)
		panel(job, t, rows[i], i, groups, n);
}

static void build(struct plot_job *job)
{
	struct compare_options o = { 0 };
	struct errbuf e = { 0 };
	uint32_t rows[PANELS_MOST], n;
	struct table t;

	if (table_build(&t, job->set, &o, &e)) {
		text_put(&job->why, e.text);
		return;
	}
	n = choose(&t, rows);
	if (n)
		draw(job, &t, rows, n);
	else
		text_put(&job->why, "nothing differs from the baseline");
	table_release(&t);
}

const struct plot plot_change = {
	{ "change", "Change against the baseline",
	  "a baseline and at least one other policy" },
	build
};
