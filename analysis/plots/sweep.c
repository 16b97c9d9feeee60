/*
 * sweep: throughput and latency against a swept number, one line a policy.
 * The number is the param with the most distinct values; where other params
 * vary too, the lines are told apart by them. Where reference.json has published
 * points over that number, they stand beside the lines, as marks, in a panel
 * of their quantity.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/stats.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { LINES_MOST = 24 };

struct line {
	char *name;
	uint32_t *groups, count;
	bool baseline;
};

struct swept {
	char *param;
	struct line line[LINES_MOST];
	uint32_t lines;
	json_t *beyond;		/* names of lines past LINES_MOST */
	double low, high;
};

static bool param_of(const struct result_set *s, uint32_t group,
		     const char *param, double *v)
{
	const json_t *params = json_object_get(
		s->cells[s->groups[group].example].json, "params");
	const json_t *p = json_object_get(params, param);
	char *end;

	if (json_is_number(p)) {
		*v = json_number_value(p);
		return true;
	}
	if (!json_is_string(p))
		return false;
	*v = strtod(json_string_value(p), &end);
	return end != json_string_value(p) && !*end;
}

static uint32_t distinct(const struct result_set *s, const char *param)
{
	double *seen = xcalloc(s->group_count + 1, sizeof(*seen)), v;
	uint32_t n = 0;

	for (uint32_t g = 0; g < s->group_count; g++) {
		uint32_t i = 0;

		if (!param_of(s, g, param, &v))
			continue;
		while (i < n && seen[i] != v)
			i++;
		if (i == n)
			seen[n++] = v;
	}
	free(seen);
	return n;
}

static char *swept_param(const struct result_set *s)
{
	uint32_t most = 1;
	char *best = NULL;

	for (uint32_t b = 0; b < s->block_count; b++) {
		const char *key;
		json_t *v;

		json_object_foreach((json_t *)s->blocks[b].params, key, v) {
			uint32_t n = distinct(s, key);

			if (n <= most)
				continue;
			most = n;
			free(best);
			best = xstrdup(key);
		}
	}
	return best;
}

/* Name and the other params: what a line keeps while the number moves. */
static char *line_name(const struct result_set *s, uint32_t group,
		       const char *param)
{
	struct text t = { 0 };
	const json_t *cell = s->cells[s->groups[group].example].json;
	const char *key;
	json_t *v;

	text_put(&t, s->groups[group].name);
	json_object_foreach(json_object_get(cell, "params"), key, v) {
		if (!strcmp(key, param))
			continue;
		text_add(&t, ", %s = ", key);
		if (json_is_number(v))
			text_exact(&t, json_number_value(v));
		else
			text_put(&t, json_is_string(v) ? json_string_value(v) : "?");
	}
	return t.s;
}

static void line_add(struct swept *w, const struct result_set *s,
		     uint32_t group, char *name)
{
	struct line *l = NULL;
	uint32_t at;
	double mine = 0, v = 0;

	for (uint32_t i = 0; i < w->lines && !l; i++)
		if (!strcmp(w->line[i].name, name))
			l = &w->line[i];
	if (!l && w->lines == LINES_MOST) {
		json_object_set_new_nocheck(w->beyond, name, json_true());
		free(name);
		return;
	}
	if (!l) {
		l = &w->line[w->lines++];
		l->name = name;
	} else {
		free(name);
	}
	param_of(s, group, w->param, &mine);
	l->groups = xrealloc(l->groups, l->count + 1, sizeof(*l->groups));
	for (at = l->count++; at > 0; at--) {
		param_of(s, l->groups[at - 1], w->param, &v);
		if (v <= mine)
			break;
		l->groups[at] = l->groups[at - 1];
	}
	l->groups[at] = group;
	l->baseline |= s->groups[group].baseline;
}

static void find_lines(struct swept *w, const struct result_set *s)
{
	double v;

	w->low = 1e300;
	w->high = -1e300;
	for (uint32_t g = 0; g < s->group_count; g++) {
		if (!s->groups[g].cell_count || !param_of(s, g, w->param, &v))
			continue;
		w->low = v < w->low ? v : w->low;
		w->high = v > w->high ? v : w->high;
		line_add(w, s, g, line_name(s, g, w->param));
	}
}

static void point(struct plot_job *job, const struct swept *w, uint32_t group,
		  const char *path, double *most)
{
	const struct result_group *g = &job->set->groups[group];
	double *v = xcalloc(g->cell_count + 1, sizeof(*v)), x = 0;
	struct sample sample;
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->cell_count; i++)
		if (result_number(job->set->cells[g->cells[i]].json, path,
				  &v[n], NULL))
			n++;
	sample = sample_of(v, n);
	free(v);
	if (!n)
		return;
	param_of(job->set, group, w->param, &x);
	text_exact(&job->dat, x);
	text_put(&job->dat, "\t");
	text_exact(&job->dat, sample.mean);
	text_put(&job->dat, "\t");
	text_exact(&job->dat, sample.sd);
	text_add(&job->dat, "\t%u\n", n);
	if (sample.mean + sample.sd > *most)
		*most = sample.mean + sample.sd;
}

static void put_line_style(struct text *out, const struct swept *w, uint32_t i)
{
	uint32_t nth = 0;

	for (uint32_t k = 0; k < i; k++)
		nth += w->line[k].baseline == w->line[i].baseline;
	if (w->line[i].baseline)
		text_add(out, "lc rgb '#222222' dt %u lw 2.4 pt 7 ps 0.8", nth + 1);
	else
		text_add(out, "lc rgb '%s' dt %u lw 2 pt 7 ps 0.8",
			 plot_colour(nth), nth / 8 + 1);
}

/* Published points over the swept number, if their unit is the cells'. */
static const json_t *published_points(const struct plot_job *job,
				      const struct swept *w)
{
	const json_t *r = job->set->reference;
	const char *x = json_string_value(json_object_get(r, "x"));

	return x && !strcmp(x, w->param) &&
	       json_is_true(json_object_get(r, "same_unit")) ?
	       json_object_get(r, "points") : NULL;
}

/* As published, whether or not a prediction stands beside it. */
static double published_value(const json_t *point, const char *scored,
			      const char *plain)
{
	const json_t *v = json_object_get(point, scored);

	return json_number_value(v ? v : json_object_get(point, plain));
}

/* x, before, after: those within the sweep. */
static void put_published(struct plot_job *job, const struct swept *w,
			  double *most)
{
	const json_t *p;
	size_t i;

	text_put(&job->dat, "# published\n# x\tbefore\tafter\n");
	json_array_foreach(published_points(job, w), i, p) {
		double v[3] = { json_number_value(json_object_get(p, "x")),
			published_value(p, "published_before", "before"),
			published_value(p, "published", "after") };

		if (v[0] < w->low || v[0] > w->high)
			continue;
		for (int k = 0; k < 3; k++) {
			text_exact(&job->dat, v[k]);
			text_put(&job->dat, k < 2 ? "\t" : "\n");
			if (k && v[k] > *most)
				*most = v[k];
		}
	}
	text_put(&job->dat, "\n\n");
}

static void plot_published(struct plot_job *job, uint32_t index)
{
	static const char *const marks[] = {
		"lc rgb '#222222' dt 3 lw 1 pt 6 ps 1.3", "lc rgb '#d55e00' dt 3 lw 1 pt 4 ps 1.3"
	};

	for (int k = 0; k < 2; k++)
		text_add(&job->gp, ", \\\n  '%s.dat' index %u using 1:%d with linespoints %s title 'published, %s'",
			 job->name, index, k + 2, marks[k],
			 k ? "after" : "before");
}

/* A name for the key: of dotted params their last part. */
static void put_title(struct text *out, const char *name)
{
	while (*name) {
		size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.");
		size_t from = n;

		if (name[n] == '=' || !strncmp(name + n, " = ", 3))
			while (from && name[from - 1] != '.')
				from--;
		else
			from = 0;
		n += !n;
		text_putn(out, name + from, n - from);
		name += n;
	}
}

static uint32_t key_rows(const struct plot_job *job, const struct swept *w)
{
	size_t most = 1;

	for (uint32_t i = 0; i < w->lines; i++) {
		struct text t = { 0 };
		size_t n;

		put_title(&t, w->line[i].name);
		n = text_width(text_str(&t));
		most = n > most ? n : most;
		text_release(&t);
	}
	return plot_rows_of(most, w->lines + (published_points(job, w) ? 2 : 0));
}

static void panel(struct plot_job *job, const struct swept *w, const char *path,
		  const char *title, enum unit unit, uint32_t first, bool key)
{
	bool published = title == NULL;
	struct text name = { 0 };
	double most = 0;

	title = published ? path : title;
	for (uint32_t i = 0; i < w->lines; i++) {
		text_put(&job->dat, "# ");
		text_clean(&job->dat, w->line[i].name, TEXT_GNUPLOT);
		text_put(&job->dat, "\n# x\tmean\tsd\tn of ");
		text_clean(&job->dat, path, TEXT_GNUPLOT);
		text_put(&job->dat, "\n");
		for (uint32_t k = 0; k < w->line[i].count; k++)
			point(job, w, w->line[i].groups[k], path, &most);
		text_put(&job->dat, "\n\n");
	}
	if (published)
		put_published(job, w, &most);
	text_put(&job->gp, "set title ");
	plot_quoted(&job->gp, title);
	text_add(&job->gp, "\nset yrange [0:%.9g]\n", most > 0 ? most * 1.12 : 1);
	plot_tics(job, "y", most, unit);
	plot_key(job, key, key_rows(job, w));
	text_put(&job->gp, "plot \\\n");
	for (uint32_t i = 0; i < w->lines; i++) {
		text_add(&job->gp,
			 "  '%s.dat' index %u using 1:2:3 with yerrorlines ",
			 job->name, first + i);
		put_line_style(&job->gp, w, i);
		put_title(&name, w->line[i].name);
		text_put(&job->gp, " title ");
		plot_quoted(&job->gp, text_str(&name));
		text_put(&job->gp, i + 1 < w->lines ? ", \\\n" : "");
		text_clear(&name);
	}
	text_release(&name);
	if (published)
		plot_published(job, first + w->lines);
	text_put(&job->gp, "\n");
}

static void draw(struct plot_job *job, const struct swept *w)
{
	const char *quantity = published_points(job, w) ? json_string_value(
		json_object_get(job->set->reference, "quantity")) : NULL;
	uint32_t count, n = 0;
	char **ops = plot_top_ops(job->set, 1, &count);

	plot_panels(job, 1u + (count ? 2 : 0) + (quantity != NULL), 2, 280,
		    &(struct plot_frame){ .left = 90, .gap = 110,
					  .key_rows = key_rows(job, w) });
	if (w->low > 0 && w->high / w->low >= 8)
		text_put(&job->gp, "set logscale x 2\n");
	text_add(&job->gp, "set xrange [%.9g:%.9g]\nset xlabel ",
		 w->low > 0 ? w->low * 0.9 : w->low, w->high * 1.1);
	plot_quoted(&job->gp, w->param);
	text_put(&job->gp, "\n");
	panel(job, w, "run.sim_ops_per_s", "throughput, ops", UNIT_PER_SECOND,
	      n++ * w->lines, !quantity);
	for (uint32_t i = 0; i < 2 && count; i++) {
		char *path = xasprintf("latency_ns.%s.%s", ops[0],
				       i ? "p99" : "p50");
		char *title = xasprintf("%s, %s", ops[0], i ?
					"99th percentile" : "median latency");

		panel(job, w, path, title, UNIT_NS, n++ * w->lines, false);
		free(title);
		free(path);
	}
	if (quantity)
		panel(job, w, quantity, NULL, unit_of_path(quantity),
		      n * w->lines, true);
	plot_names_free(ops, count);
}

static void build(struct plot_job *job)
{
	struct swept *w = xcalloc(1, sizeof(*w));

	w->param = swept_param(job->set);
	if (w->param) {
		w->beyond = json_object();
		find_lines(w, job->set);
		job->left_out = (uint32_t)json_object_size(w->beyond);
		json_decref(w->beyond);
		draw(job, w);
	} else {
		text_put(&job->why, "no param has two values in these cells");
	}
	for (uint32_t i = 0; i < w->lines; i++) {
		free(w->line[i].name);
		free(w->line[i].groups);
	}
	free(w->param);
	free(w);
}

const struct plot plot_sweep = {
	{ "sweep", "Throughput and latency against a swept number",
	  "a sweep: params with two or more values" },
	build
};
