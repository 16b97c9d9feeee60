/*
 * lock-hold: how long locks are held, by policy: median, 99th percentile and
 * longest hold, replicates averaged. A panel a lock side, on a logarithmic axis.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { PANELS_MOST = 4 };

struct span {
	double low, high;
};

static void row(struct plot_job *job, uint32_t group, const char *at,
		uint32_t y, struct span *span)
{
	static const char *const keys[] = { "p50", "p99", "max" };

	text_add(&job->dat, "%u", y);
	for (int q = 0; q < 3; q++) {
		char *path = xasprintf("%s.%s", at, keys[q]);
		double v;

		text_put(&job->dat, "\t");
		if (group_mean(job->set, group, path, &v) && v > 0) {
			text_exact(&job->dat, v);
			span->low = v < span->low ? v : span->low;
			span->high = v > span->high ? v : span->high;
		} else {
			text_put(&job->dat, "NaN");
		}
		free(path);
	}
	text_put(&job->dat, "\t");
	plot_tic_label(&job->dat, job, group);
	text_put(&job->dat, "\n");
}

static void panel(struct plot_job *job, const struct measure *m, uint32_t index,
		  const uint32_t *groups, uint32_t n)
{
	size_t len = strcspn(m->path, "+") - strlen("spin_ns");
	char *at = xasprintf("%.*shold_ns", (int)len, m->path);
	struct span span = { 1e18, 1 };

	text_put(&job->dat, "# ");
	text_clean(&job->dat, m->name, TEXT_GNUPLOT);
	text_put(&job->dat, "\n# row\tp50_ns\tp99_ns\tmax_ns\tpolicy\n");
	for (uint32_t i = 0; i < n; i++)
		row(job, groups[i], at, n - i, &span);
	text_put(&job->dat, "\n\n");
	if (span.low > span.high)
		span = (struct span){ 1, 1000 };
	text_put(&job->gp, "set title ");
	plot_quoted(&job->gp, m->name);
	text_add(&job->gp, "\nset xrange [%.9g:%.9g]\n", span.low / 1.6,
		 span.high * 1.6);
	plot_log_tics(job, "x", span.low / 1.6, span.high * 1.6, UNIT_NS);
	plot_key(job, index == 0, 1);
	text_put(&job->gp, index % 2 ? "set format y ''\n" : "set format y\n");
	text_add(&job->gp,
		 "plot '%s.dat' index %u using 2:1:($4-$2):(0)%s with vectors nohead lc rgb '#bdbdbd' lw 4 notitle, \\\n"
		 "  '' index %u using 2:1 with points pt 7 ps 1.1 lc rgb '#0072B2' title 'median', \\\n"
		 "  '' index %u using 3:1 with points pt 13 ps 1.4 lc rgb '#D55E00' title '99th percentile', \\\n"
		 "  '' index %u using 4:1 with points pt 5 ps 0.9 lc rgb '#222222' title 'longest'\n",
		 job->name, index, index % 2 ? ":ytic('')" : ":ytic(5)", index,
		 index, index);
	free(at);
}

static void build(struct plot_job *job)
{
	uint32_t groups[PLOT_GROUPS_MOST], n = plot_shown(job, groups, 16);
	struct measure_list l = { 0 };
	uint32_t sides = 0;

	measures_usual(job->set, &l);
	for (uint32_t i = 0; i < l.count; i++)
		sides += l.m[i].section == SECTION_LOCKS && !l.m[i].indent;
	sides = sides < PANELS_MOST ? sides : PANELS_MOST;
	plot_panels(job, sides, 2, 86 + 26 * n,
		    &(struct plot_frame){ .left = plot_label_pixels(job, groups, n),
					  .gap = 30, .key_rows = 1 });
	text_add(&job->gp,
		 "set logscale x\nset yrange [0.4:%u.6]\nset ytics scale 0\n"
		 "set xlabel 'time held'\n", n);
	sides = 0;
	for (uint32_t i = 0; i < l.count && sides < PANELS_MOST; i++)
		if (l.m[i].section == SECTION_LOCKS && !l.m[i].indent)
			panel(job, &l.m[i], sides++, groups, n);
	if (!sides)
		text_put(&job->why, "no task waited for a lock");
	measures_release(&l);
}

const struct plot plot_lock_hold = {
	{ "lock-hold", "Lock holds by policy", "locks.*.hold_ns of contended locks" },
	build
};
