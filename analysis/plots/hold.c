/*
 * hold: bytes that are freed and not yet reusable, over simulated time. A panel
 * a class (memory and address space never together), a line a policy: its
 * first replicate, because a mean over time hides the peaks that matter. What
 * it held at most between two samples is a mark where its line ends.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/plots/series.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { PANELS_MOST = 4, POINTS_MOST = 2000 };

struct held {
	struct series_file file[PLOT_GROUPS_MOST];
	uint32_t groups[PLOT_GROUPS_MOST], n;
	struct { const char *metric; double high; } panel[64];
	uint32_t panels;
	int64_t end_ns;
};

static void panel_add(struct held *h, const struct series *s)
{
	uint32_t i = 0;

	while (i < h->panels && strcmp(h->panel[i].metric, s->metric))
		i++;
	if (i == 64 || s->high <= 0)
		return;
	if (i == h->panels)
		h->panel[h->panels++].metric = s->metric;
	if (s->high > h->panel[i].high)
		h->panel[i].high = s->high;
}

/* Largest first, so that what is left out is small. */
static void sort_panels(struct held *h)
{
	for (uint32_t i = 1; i < h->panels; i++) {
		for (uint32_t k = i; k > 0; k--) {
			const char *metric = h->panel[k].metric;
			double high = h->panel[k].high;

			if (h->panel[k - 1].high >= high)
				break;
			h->panel[k] = h->panel[k - 1];
			h->panel[k - 1].metric = metric;
			h->panel[k - 1].high = high;
		}
	}
}

static void read_all(struct plot_job *job, struct held *h)
{
	const struct result_set *s = job->set;

	for (uint32_t i = 0; i < h->n; i++) {
		const struct result_group *g = &s->groups[h->groups[i]];
		const struct result_cell *c = &s->cells[g->cells[0]];

		series_read(c, "hold", POINTS_MOST, &h->file[i], &job->bad);
		if (h->file[i].end_ns > h->end_ns)
			h->end_ns = h->file[i].end_ns;
		for (uint32_t k = 0; k < h->file[i].count; k++)
			panel_add(h, &h->file[i].s[k]);
	}
	sort_panels(h);
}

static void line_data(struct plot_job *job, const struct series_file *f,
		      const char *metric)
{
	const struct series *s = NULL;

	for (uint32_t i = 0; i < f->count && !s; i++)
		if (!strcmp(f->s[i].metric, metric))
			s = &f->s[i];
	text_put(&job->dat, "# t_ns\tbytes\n");
	for (uint32_t i = 0; s && i < s->count; i++) {
		text_add(&job->dat, "%lld\t", (long long)s->p[i].t_ns);
		text_exact(&job->dat, s->p[i].value);
		text_put(&job->dat, "\n");
	}
	if (!s)
		text_put(&job->dat, "NaN\tNaN\n");
	else if (s->count && s->p[s->count - 1].t_ns < f->end_ns) {
		text_add(&job->dat, "%lld\t", (long long)f->end_ns);
		text_exact(&job->dat, s->p[s->count - 1].value);
		text_put(&job->dat, "\n");
	}
	text_put(&job->dat, "\n\n");
}

/* The cell's own peak, of the replicate that is drawn. */
static double peak_of(const struct plot_job *job, uint32_t group,
		      const char *metric)
{
	const struct result_set *s = job->set;
	char *path = xasprintf("%s.peak_bytes", metric);
	double v = 0;

	if (!result_number(s->cells[s->groups[group].cells[0]].json, path, &v, NULL))
		v = 0;
	free(path);
	return v;
}

/* A mark a policy that held any, after all lines of the panel. */
static void put_peaks(struct plot_job *job, const struct held *h, uint32_t i)
{
	text_put(&job->dat, "# end_ns\tpeak_bytes\n");
	for (uint32_t k = 0; k < h->n; k++) {
		double v = peak_of(job, h->groups[k], h->panel[i].metric);

		text_add(&job->dat, "%lld\t", (long long)h->file[k].end_ns);
		if (v > 0)
			text_exact(&job->dat, v);
		else
			text_put(&job->dat, "NaN");
		text_put(&job->dat, "\n");
	}
	text_put(&job->dat, "\n\n");
}

static void panel(struct plot_job *job, const struct held *h, uint32_t i)
{
	const char *metric = h->panel[i].metric;
	bool space = !strncmp(metric, "hold_va", 7);
	uint32_t first = i * (h->n + 1);
	double high = h->panel[i].high;

	for (uint32_t k = 0; k < h->n; k++) {
		double v = peak_of(job, h->groups[k], metric);

		high = v > high ? v : high;
	}
	text_put(&job->gp, "set title '");
	text_clean(&job->gp, metric, TEXT_GNUPLOT);
	text_add(&job->gp, "%s'\nset xrange [0:%lld]\nset yrange [0:%.9g]\n",
		 space ? " (address space)" : "",
		 (long long)(h->end_ns > 0 ? h->end_ns : 1),
		 high * 1.08);
	plot_tics(job, "x", (double)h->end_ns, UNIT_NS);
	plot_tics(job, "y", high, UNIT_BYTES);
	plot_key(job, i == 0,
		 plot_key_rows(job, h->groups, h->n));
	text_put(&job->gp, "plot \\\n");
	for (uint32_t k = 0; k < h->n; k++) {
		text_put(&job->dat, "# ");
		text_clean(&job->dat, metric, TEXT_GNUPLOT);
		text_put(&job->dat, ", ");
		plot_label(&job->dat, job, h->groups[k], 200);
		text_put(&job->dat, "\n");
		line_data(job, &h->file[k], metric);
		text_add(&job->gp, "  '%s.dat' index %u using 1:2 with steps ",
			 job->name, first + k);
		plot_line(&job->gp, job, h->groups[k]);
		text_put(&job->gp, " title '");
		plot_label(&job->gp, job, h->groups[k], 60);
		text_put(&job->gp, "', \\\n");
	}
	put_peaks(job, h, i);
	for (uint32_t k = 0; k < h->n; k++) {
		text_add(&job->gp, "  '' index %u every ::%u::%u using 1:2 with points ",
			 first + h->n, k, k);
		plot_line(&job->gp, job, h->groups[k]);
		text_add(&job->gp, " pt 9 ps 1.2 notitle%s\n", k + 1 < h->n ? ", \\" : "");
	}
}

static void build(struct plot_job *job)
{
	struct held *h = xcalloc(1, sizeof(*h));
	uint32_t panels;

	h->n = plot_shown(job, h->groups, 12);
	read_all(job, h);
	panels = h->panels < PANELS_MOST ? h->panels : PANELS_MOST;
	if (panels) {
		plot_panels(job, panels, panels > 2 ? 2 : 1, 250,
			    &(struct plot_frame){ .left = 90, .gap = 100,
				.key_rows = plot_key_rows(job, h->groups, h->n) });
		text_put(&job->gp, "set xlabel 'simulated time (triangle: the peak, between samples too)'\n");
	} else {
		text_put(&job->why, "no series/*.csv with a hold metric");
	}
	for (uint32_t i = 0; i < panels; i++)
		panel(job, h, i);
	for (uint32_t i = 0; i < h->n; i++)
		series_release(&h->file[i]);
	free(h);
}

const struct plot plot_hold = {
	{ "hold", "Freed and not yet reusable, over time",
	  "series/*.csv with hold metrics" },
	build
};
