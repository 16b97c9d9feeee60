/* See fixture_plot.h. */
#include "analysis/tests/fixture_plot.h"

struct plot_job fixture_plot(const struct room *r, const struct plot *p)
{
	struct plot_job job = { .set = r->s, .name = p->info.name,
				.title = p->info.title };

	p->build(&job);
	return job;
}

void fixture_plot_release(struct plot_job *job)
{
	text_release(&job->dat);
	text_release(&job->gp);
	text_release(&job->why);
}
