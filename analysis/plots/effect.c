/*
 * effect: what a policy changes, predicted against published, a point a
 * published figure: e = ln(after / before). On the diagonal the prediction is
 * right; on the horizontal line it says "nothing changes".
 */
#include <math.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "sim/base/mem.h"

enum { FAMILIES_MOST = 16 };

static const char *family_of(const json_t *point)
{
	const char *s = json_string_value(json_object_get(point, "family"));

	return s ? s : "";
}

static bool effects(const json_t *point, double *published, double *predicted)
{
	const json_t *a = json_object_get(point, "effect_published");
	const json_t *b = json_object_get(point, "effect_predicted");

	*published = json_number_value(a);
	*predicted = json_number_value(b);
	return json_is_number(a) && json_is_number(b) && isfinite(*published) &&
	       isfinite(*predicted);
}

static uint32_t find_families(const json_t *points, const char **names)
{
	const json_t *point;
	uint32_t n = 0;
	size_t i;

	json_array_foreach(points, i, point) {
		double a, b;
		uint32_t k = 0;

		if (!effects(point, &a, &b))
			continue;
		while (k < n && strcmp(names[k], family_of(point)))
			k++;
		if (k == n && n < FAMILIES_MOST)
			names[n++] = family_of(point);
	}
	return n;
}

static void family_data(struct plot_job *job, const json_t *points,
			const char *name, double *most)
{
	const json_t *point;
	size_t i;

	text_put(&job->dat, "# ");
	text_clean(&job->dat, name, TEXT_GNUPLOT);
	text_put(&job->dat, "\n# published\tpredicted\n");
	json_array_foreach(points, i, point) {
		double a, b;

		if (!effects(point, &a, &b) || strcmp(family_of(point), name))
			continue;
		text_exact(&job->dat, a);
		text_put(&job->dat, "\t");
		text_exact(&job->dat, b);
		text_put(&job->dat, "\n");
		*most = fabs(a) > *most ? fabs(a) : *most;
		*most = fabs(b) > *most ? fabs(b) : *most;
	}
	text_put(&job->dat, "\n\n");
}

static void commands(struct plot_job *job, const char *const *names, uint32_t n,
		     double most)
{
	size_t widest = strlen("nothing changes");
	uint32_t rows, columns;

	for (uint32_t i = 0; i < n; i++)
		if (text_width(names[i]) > widest)
			widest = text_width(names[i]);
	columns = (uint32_t)(1000 / (widest * 15 / 2 + 70));
	columns = columns ? columns : 1;
	rows = (n + 2 + columns - 1) / columns;
	plot_panels(job, 1, 1, 640,
		    &(struct plot_frame){ .left = 110, .key_rows = rows });
	plot_key(job, true, rows);
	text_add(&job->gp,
		 "r = %.9g\nset xrange [-r:r]\nset yrange [-r:r]\n"
		 "set xlabel 'published effect of the policy'\nset ylabel 'predicted effect'\n",
		 most * 1.15);
	plot_ratio_tics(job, "x", exp(-most * 1.15), exp(most * 1.15), "log(");
	plot_ratio_tics(job, "y", exp(-most * 1.15), exp(most * 1.15), "log(");
	text_put(&job->gp,
		 "plot x with lines lc rgb '#222222' lw 1.4 title 'as published', \\\n"
		 "  0 with lines dt 2 lc rgb '#888888' lw 1.4 title 'nothing changes'");
	for (uint32_t i = 0; i < n; i++) {
		text_add(&job->gp,
			 ", \\\n  '%s.dat' index %u using 1:2 with points pt 7 ps 1.1 lc rgb '%s' title ",
			 job->name, i, plot_colour(i));
		plot_quoted(&job->gp, names[i]);
	}
	text_put(&job->gp, "\n");
}

static void build(struct plot_job *job)
{
	const json_t *points = json_object_get(job->set->reference, "points");
	const char *names[FAMILIES_MOST];
	uint32_t n = find_families(points, names);
	double most = 0.25;

	if (!n) {
		text_put(&job->why,
			 "reference.json has no points with effect_published and effect_predicted");
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		family_data(job, points, names[i], &most);
	commands(job, names, n, most);
}

const struct plot plot_effect = {
	{ "effect", "Effect of policies, predicted against published",
	  "reference.json with the points of `mmreplay validate --json`" },
	build
};
