/*
 * blame: who waited behind whom, a matrix a policy, all locks together. The
 * shade is logarithmic and shared by all panels; the number is in the field.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "sim/base/mem.h"

enum { SIDE_MOST = 8, PANELS_MOST = 6 };

/** struct axis - op names of one side, heaviest first */
struct axis {
	struct { char *name; double ns; } at[64];
	uint32_t count;
};

static void axis_add(struct axis *a, const char *name, double ns)
{
	uint32_t i = 0;

	while (i < a->count && strcmp(a->at[i].name, name))
		i++;
	if (i == 64)
		return;
	if (i == a->count) {
		a->at[a->count].name = xstrdup(name);
		a->at[a->count++].ns = 0;
	}
	a->at[i].ns += ns;
	for (; i > 0 && a->at[i - 1].ns < a->at[i].ns; i--) {
		char *swap = a->at[i].name;
		double swap_ns = a->at[i].ns;

		a->at[i] = a->at[i - 1];
		a->at[i - 1].name = swap;
		a->at[i - 1].ns = swap_ns;
	}
}

static void axis_release(struct axis *a)
{
	for (uint32_t i = 0; i < a->count; i++)
		free(a->at[i].name);
}

static const char *word(const json_t *entry, const char *key)
{
	const char *s = json_string_value(json_object_get(entry, key));

	return s ? s : "?";
}

static void find_axes(const struct plot_job *job, const uint32_t *groups,
		      uint32_t n, struct axis *waiters, struct axis *holders)
{
	for (uint32_t k = 0; k < n; k++) {
		const struct result_group *g = &job->set->groups[groups[k]];

		for (uint32_t i = 0; i < g->cell_count; i++) {
			const json_t *entry, *list = json_object_get(
				job->set->cells[g->cells[i]].json, "blame");
			size_t at;

			json_array_foreach(list, at, entry) {
				double ns = json_number_value(
					json_object_get(entry, "wait_ns"));

				axis_add(waiters, word(entry, "waiter"), ns);
				axis_add(holders, word(entry, "holder"), ns);
			}
		}
	}
}

/* Mean over replicates of what @waiter waited behind @holder, on any lock. */
static double pair_mean(const struct plot_job *job, uint32_t group,
			const char *waiter, const char *holder)
{
	const struct result_group *g = &job->set->groups[group];
	double sum = 0;

	for (uint32_t i = 0; i < g->cell_count; i++) {
		const json_t *entry, *list = json_object_get(
			job->set->cells[g->cells[i]].json, "blame");
		size_t at;

		json_array_foreach(list, at, entry)
			if (!strcmp(word(entry, "waiter"), waiter) &&
			    !strcmp(word(entry, "holder"), holder))
				sum += json_number_value(
					json_object_get(entry, "wait_ns"));
	}
	return g->cell_count ? sum / g->cell_count : 0;
}

/* From nearly white to dark blue, by decades below the largest. */
static unsigned shade(double v, double most)
{
	static const double light[3] = { 232, 241, 250 }, dark[3] = { 8, 69, 140 };
	double f = v <= 0 ? 0 : 1 - log10(most / v) / 4;
	unsigned rgb = 0;

	f = f < 0 ? 0 : f;
	for (int i = 0; i < 3; i++)
		rgb = rgb << 8 | (unsigned)(light[i] + (dark[i] - light[i]) * f);
	return rgb;
}

static void panel_data(struct plot_job *job, uint32_t group, double most,
		       const struct axis *waiters, const struct axis *holders,
		       uint32_t rows, uint32_t columns)
{
	text_put(&job->dat, "# ");
	plot_label(&job->dat, job, group, 200);
	text_put(&job->dat, "\n# column\trow\twait_ns\tshade\tink\ttext\twaiter\tholder\n");
	for (uint32_t y = 0; y < rows; y++) {
		for (uint32_t x = 0; x < columns; x++) {
			double v = pair_mean(job, group, waiters->at[y].name,
					     holders->at[x].name);
			bool light = v > 0 && log10(most / v) < 2;

			text_add(&job->dat, "%u\t%u\t", x + 1, rows - y);
			text_exact(&job->dat, v);
			text_add(&job->dat, "\t%u\t%u\t\"",
				 v > 0 ? shade(v, most) : 0xf7f7f7u,
				 light ? 0xffffffu : 0x222222u);
			if (v > 0)
				text_value(&job->dat, v, UNIT_NS);
			text_put(&job->dat, "\"\t\"");
			text_clean(&job->dat, waiters->at[y].name, TEXT_GNUPLOT);
			text_put(&job->dat, "\"\t\"");
			text_clean(&job->dat, holders->at[x].name, TEXT_GNUPLOT);
			text_put(&job->dat, "\"\n");
		}
	}
	text_put(&job->dat, "\n\n");
}

static double largest(const struct plot_job *job, const uint32_t *groups,
		      uint32_t n, const struct axis *waiters,
		      const struct axis *holders)
{
	double most = 0;

	for (uint32_t k = 0; k < n; k++)
		for (uint32_t y = 0; y < waiters->count && y < SIDE_MOST; y++)
			for (uint32_t x = 0; x < holders->count && x < SIDE_MOST; x++) {
				double v = pair_mean(job, groups[k],
						     waiters->at[y].name,
						     holders->at[x].name);

				most = v > most ? v : most;
			}
	return most;
}

static void panels(struct plot_job *job, const uint32_t *groups, uint32_t n,
		   const struct axis *waiters, const struct axis *holders)
{
	uint32_t rows = waiters->count < SIDE_MOST ? waiters->count : SIDE_MOST;
	uint32_t columns = holders->count < SIDE_MOST ? holders->count : SIDE_MOST;
	double most = largest(job, groups, n, waiters, holders);
	unsigned room = (columns > 6 ? 820 : 395) / (columns ? columns : 1) / 8;
	bool slant = false;

	for (uint32_t x = 0; x < columns; x++)
		slant = slant || text_width(holders->at[x].name) > room;

	plot_panels(job, n, columns > 6 ? 1 : 2, 110 + 30 * rows,
		    &(struct plot_frame){ .left = 150, .gap = 30, .low = slant ? 34 : 6 });
	text_add(&job->gp,
		 "set xrange [0.5:%u.5]\nset yrange [0.5:%u.5]\nunset grid\nset border 0\n"
		 "set tics scale 0\nset xlabel 'behind'\nunset key\n"
		 "set xtics %s\nset style fill solid 1 border rgb 'white'\n",
		 columns, rows, slant ? "rotate by -20 left" : "norotate center");
	for (uint32_t k = 0; k < n; k++) {
		bool right = k % 2 && columns <= 6;

		panel_data(job, groups[k], most, waiters, holders, rows, columns);
		text_put(&job->gp, "set title '");
		plot_label(&job->gp, job, groups[k], 60);
		text_add(&job->gp,
			 "'\nset ylabel '%s'\n"
			 "plot '%s.dat' index %u using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):4:xtic(8):ytic(%s) with boxxyerror fc rgb variable lw 1, \\\n"
			 "  '' index %u using 1:2:6:5 with labels font ',9' tc rgb variable\n",
			 right ? "" : "waited", job->name, k,
			 right ? "''" : "7", k);
	}
}

static void build(struct plot_job *job)
{
	uint32_t groups[PLOT_GROUPS_MOST];
	uint32_t n = plot_shown(job, groups, PANELS_MOST);
	struct axis *axes = xcalloc(2, sizeof(*axes));

	find_axes(job, groups, n, &axes[0], &axes[1]);
	if (axes[0].count && axes[0].at[0].ns > 0)
		panels(job, groups, n, &axes[0], &axes[1]);
	else
		text_put(&job->why, "nobody waited behind anybody");
	axis_release(&axes[0]);
	axis_release(&axes[1]);
	free(axes);
}

const struct plot plot_blame = {
	{ "blame", "Who waited behind whom, on any lock", "blame[]" }, build
};
