/* lock-wait: total time waited for locks by policy, split in spin and sleep. */
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { SIDES_MOST = 4 };

struct sides {
	const struct plot_job *job;
	char *path[SIDES_MOST * 2];
};

static bool value(void *arg, uint32_t group, uint32_t i, double *v)
{
	const struct sides *s = arg;

	return group_mean(s->job->set, group, s->path[i], v);
}

/* The sides that wait, as the table ranks them. */
static uint32_t find_sides(const struct plot_job *job, struct sides *s,
			   struct plot_part *parts)
{
	struct measure_list l = { 0 };
	uint32_t n = 0;

	measures_usual(job->set, &l);
	for (uint32_t i = 0; i < l.count && n < SIDES_MOST; i++) {
		const struct measure *m = &l.m[i];

		if (m->section != SECTION_LOCKS || m->indent)
			continue;
		for (int part = 0; part < 2; part++) {
			size_t len = strcspn(m->path, "+");
			const char *p = part ? m->path + len + 1 : m->path;
			uint32_t at = n * 2 + (uint32_t)part;

			if (!part)
				s->path[at] = xasprintf("%.*s", (int)len, p);
			else
				s->path[at] = xstrdup(p);
			parts[at].name = xasprintf("%s, %s", m->name,
				part ? "sleeping" : "spinning");
			parts[at].colour = part ? NULL : plot_colour(n);
		}
		n++;
	}
	measures_release(&l);
	return n;
}

static void build(struct plot_job *job)
{
	static const char *const light[SIDES_MOST] = {
		"#9fc8e0", "#f0bd98", "#99d8c4", "#ebc9dc"
	};
	struct sides s = { .job = job };
	struct plot_part parts[SIDES_MOST * 2] = { 0 };
	uint32_t groups[PLOT_GROUPS_MOST], n = plot_shown(job, groups, 16);
	uint32_t sides = find_sides(job, &s, parts);

	for (uint32_t i = 0; i < sides; i++)
		parts[i * 2 + 1].colour = light[i];
	if (sides)
		plot_bars(job, groups, n, parts, sides * 2, value, &s, UNIT_NS,
			  "time waited, all tasks together");
	else
		text_put(&job->why, "no task waited for a lock");
	for (uint32_t i = 0; i < sides * 2; i++) {
		free((char *)parts[i].name);
		free(s.path[i]);
	}
}

const struct plot plot_lock_wait = {
	{ "lock-wait", "Lock waits by policy", "locks.*.spin_ns and sleep_ns" },
	build
};
