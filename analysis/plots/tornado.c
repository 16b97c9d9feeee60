/*
 * tornado: what each cost that is not measured does to a conclusion, one panel
 * a policy, widest swing on top. From the change as it is now, which is the
 * dashed line, one bar runs to that at the low end of the cost's range and one
 * to that at the high end; both may lie on the same side. A bar that crosses
 * zero is a cost that flips the conclusion.
 */
#include <stdlib.h>
#include "analysis/plots/plot.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

enum { PANELS_MOST = 6, BARS_MOST = 10 };

static json_t *conclusions(struct plot_job *job)
{
	char *path = xasprintf("%s/sensitivity.json", job->set->dirs[0]);
	struct errbuf e = { 0 };
	json_t *root = json_read(path, &e), *list = NULL;

	if (root)
		list = json_incref(json_object_get(root, "conclusions"));
	json_decref(root);
	free(path);
	return list;
}

static double number_at(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static uint32_t panel_data(struct plot_job *job, const json_t *conclusion)
{
	const json_t *costs = json_object_get(conclusion, "costs"), *c;
	uint32_t n = (uint32_t)json_array_size(costs);
	size_t i;

	n = n < BARS_MOST ? n : BARS_MOST;
	text_put(&job->dat, "# row\tat low %\tat high %\tcost\n");
	json_array_foreach(costs, i, c) {
		const char *name = json_string_value(json_object_get(c, "cost"));

		if (i == n)
			break;
		text_add(&job->dat, "%u\t", n - (uint32_t)i);
		text_exact(&job->dat, 100 * number_at(c, "change_at_low"));
		text_put(&job->dat, "\t");
		text_exact(&job->dat, 100 * number_at(c, "change_at_high"));
		text_put(&job->dat, "\t");
		text_clean(&job->dat, name ? name : "", TEXT_GNUPLOT);
		text_put(&job->dat, "\n");
	}
	text_put(&job->dat, "\n\n");
	return n;
}

static void panel(struct plot_job *job, const json_t *conclusion, uint32_t index)
{
	const char *label = json_string_value(json_object_get(conclusion, "label"));
	double now = 100 * number_at(conclusion, "change");
	uint32_t n = panel_data(job, conclusion);

	text_put(&job->gp, "set title '");
	text_clean(&job->gp, label ? label : "", TEXT_GNUPLOT);
	text_add(&job->gp, "'\nset yrange [0.4:%u.6]\nunset arrow\nnow = %.9g\n"
		 "set arrow from first 0, graph 0 to first 0, graph 1 nohead lc rgb '#222222' lw 1.2\n"
		 "set arrow from first now, graph 0 to first now, graph 1 nohead front dt 2 lc rgb '#444444'\n",
		 n ? n : 1, now);
	plot_key(job, !index, 1);
	text_add(&job->gp,
		 "plot '%s.dat' index %u using 2:1:(now<$2?now:$2):(now<$2?$2:now):($1+0.02):($1+0.36):ytic(4) with boxxyerror fc rgb '#56B4E9' title 'the cost at its low end', \\\n"
		 "  '' index %u using 3:1:(now<$3?now:$3):(now<$3?$3:now):($1-0.36):($1-0.02) with boxxyerror fc rgb '#D55E00' title 'the cost at its high end'\n",
		 job->name, index, index);
}

static void build(struct plot_job *job)
{
	json_t *list = conclusions(job);
	uint32_t n = (uint32_t)json_array_size(list), index = 0;
	const json_t *c;
	size_t i;

	n = n < PANELS_MOST ? n : PANELS_MOST;
	if (n) {
		plot_panels(job, n, 1, 96 + 20 * BARS_MOST,
			    &(struct plot_frame){ .gap = 30, .left = 220,
				.key_rows = 1 });
		text_put(&job->gp, "set ytics scale 0\nset xrange [*<0:0<*]\nset style fill solid 1 noborder\n"
			 "set xlabel 'change against the baseline, % (dashed: as the costs are now)'\n");
	} else {
		text_put(&job->why, "no sensitivity.json in this folder");
	}
	json_array_foreach(list, i, c)
		if (i < n && json_array_size(json_object_get(c, "costs")))
			panel(job, c, index++);
	json_decref(list);
}

const struct plot plot_tornado = {
	{ "tornado", "Which cost could undo it",
	  "`mmreplay sensitivity` into this folder" },
	build
};
