/*
 * op-time: where the time of the ops that matter goes, by policy: work, cache
 * lines, spinning, sleeping, run queue, interrupts. A bar an op and policy.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { OPS_MOST = 6, PARTS = 6 };

static const struct { const char *name, *colour, *title; } parts[PARTS] = {
	{ "work", "#0072B2", "work" },
	{ "line", "#56B4E9", "cache lines" },
	{ "spin", "#D55E00", "spinning" },
	{ "sleep", "#f0bd98", "sleeping" },
	{ "runqueue", "#b0b0b0", "run queue" },
	{ "irq", "#CC79A7", "interrupts" },
};

/* One op: its bars share an axis of their own. */
static void panel_data(struct plot_job *job, const char *op,
		       const uint32_t *groups, uint32_t n, double *most)
{
	double *at = xcalloc(n + 1, sizeof(*at));

	for (uint32_t i = 0; i < PARTS; i++) {
		char *path = xasprintf("op_time_ns.%s.%s", op, parts[i].name);

		text_put(&job->dat, "# ");
		text_clean(&job->dat, path, TEXT_GNUPLOT);
		text_put(&job->dat, "\n# row\tfrom\tto\tvalue\tpolicy\n");
		for (uint32_t k = 0; k < n; k++) {
			double v = 0;
			bool have = group_mean(job->set, groups[k], path, &v);

			text_add(&job->dat, "%u\t", n - k);
			text_exact(&job->dat, at[k]);
			text_put(&job->dat, "\t");
			text_exact(&job->dat, at[k] + v);
			text_put(&job->dat, "\t");
			if (have)
				text_exact(&job->dat, v);
			else
				text_put(&job->dat, "NaN");
			text_put(&job->dat, "\t");
			plot_tic_label(&job->dat, job, groups[k]);
			text_put(&job->dat, "\n");
			at[k] += v;
			*most = at[k] > *most ? at[k] : *most;
		}
		text_put(&job->dat, "\n\n");
		free(path);
	}
	free(at);
}

static void panel(struct plot_job *job, const char *op, uint32_t index,
		  const uint32_t *groups, uint32_t n)
{
	double most = 0;

	panel_data(job, op, groups, n, &most);
	text_put(&job->gp, "set title ");
	plot_quoted(&job->gp, op);
	text_add(&job->gp, "\nset xrange [0:%.9g]\n", most > 0 ? most * 1.03 : 1);
	plot_tics(job, "x", most, UNIT_NS);
	plot_key(job, index == 0, 1);
	text_put(&job->gp, index % 2 ? "set format y ''\n" : "set format y\n");
	text_put(&job->gp, "plot \\\n");
	for (uint32_t i = 0; i < PARTS; i++)
		text_add(&job->gp,
			 "  '%s.dat' index %u using 2:1:2:3:($1-0.34):($1+0.34):ytic(%s) with boxxyerror lw 0.6 fc rgb '%s' title '%s'%s\n",
			 job->name, index * PARTS + i, index % 2 ? "''" : "5",
			 parts[i].colour, parts[i].title,
			 i + 1 < PARTS ? ", \\" : "");
}

static bool have_any(const struct plot_job *job, char *const *ops, uint32_t count)
{
	double v;

	for (uint32_t i = 0; i < count; i++) {
		char *path = xasprintf("op_time_ns.%s.work", ops[i]);
		bool have = false;

		for (uint32_t g = 0; g < job->set->group_count && !have; g++)
			have = group_mean(job->set, g, path, &v);
		free(path);
		if (have)
			return true;
	}
	return false;
}

static void build(struct plot_job *job)
{
	uint32_t groups[PLOT_GROUPS_MOST], n = plot_shown(job, groups, 16), count;
	char **ops = plot_top_ops(job->set, OPS_MOST, &count);

	if (have_any(job, ops, count)) {
		plot_panels(job, count, 2, 86 + 28 * n,
			    &(struct plot_frame){ .gap = 36, .key_rows = 1,
				.left = plot_label_pixels(job, groups, n) });
		text_add(&job->gp,
			 "set yrange [0.4:%u.6]\nset ytics scale 0\nset xlabel 'time, all ops of the kind together'\n"
			 "set style fill solid 1 border rgb 'white'\n", n);
		for (uint32_t i = 0; i < count; i++)
			panel(job, ops[i], i, groups, n);
	} else {
		text_put(&job->why, "no cell has op_time_ns");
	}
	plot_names_free(ops, count);
}

const struct plot plot_op_time = {
	{ "op-time", "Where the time of an op goes", "op_time_ns.*" }, build
};
