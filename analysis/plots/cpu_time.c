/* cpu-time: what the CPUs did, by policy, in the order of cpu_ns. */
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { MODES_MOST = 8 };

struct modes {
	const struct plot_job *job;
	char *path[MODES_MOST];
};

static bool value(void *arg, uint32_t group, uint32_t i, double *v)
{
	const struct modes *m = arg;

	return group_mean(m->job->set, group, m->path[i], v);
}

/* Fixed colours for the known modes, so that pictures can be compared. */
static const char *colour_of(const char *mode, uint32_t n)
{
	static const struct { const char *mode, *colour; } known[] = {
		{ "user", "#009E73" }, { "system", "#0072B2" },
		{ "spin", "#D55E00" }, { "irq", "#CC79A7" },
		{ "idle", "#e4e4e4" }, { "ghost", "#b0b0b0" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].mode, mode))
			return known[i].colour;
	return plot_colour(n);
}

static void build(struct plot_job *job)
{
	struct modes m = { .job = job };
	struct plot_part parts[MODES_MOST];
	uint32_t groups[PLOT_GROUPS_MOST], n = plot_shown(job, groups, 16);
	struct measure_list l = { 0 };
	uint32_t count = 0;

	measures_usual(job->set, &l);
	for (uint32_t i = 0; i < l.count && count < MODES_MOST; i++) {
		if (strncmp(l.m[i].path, "cpu_ns.", 7))
			continue;
		m.path[count] = l.m[i].path;
		parts[count].name = l.m[i].name;
		parts[count].colour = colour_of(l.m[i].name, count);
		count++;
	}
	if (count)
		plot_bars(job, groups, n, parts, count, value, &m, UNIT_NS,
			  "CPU time, all CPUs together");
	else
		text_put(&job->why, "no cell has cpu_ns");
	measures_release(&l);
}

const struct plot plot_cpu_time = {
	{ "cpu-time", "CPU time by policy", "cpu_ns.*" }, build
};
