/*
 * What all plots share: colours, labels, tics, panels and bars. Colours are
 * Okabe and Ito's, without the yellow that no one can read on white; the
 * baseline is always the dark line, so that a reader knows it in any picture.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { WIDTH = 1000, TITLE_HEIGHT = 70, KEY_ROW_HEIGHT = 20, BAR_LABEL = 44,
       LETTERS = 17 };	/* half pixels a letter, about, at 10 points */

const char *plot_colour(uint32_t n)
{
	static const char *const colours[] = {
		"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
		"#56B4E9", "#7F3C8D", "#8C6D31"
	};

	return colours[n % 8];
}

void plot_quoted(struct text *out, const char *s)
{
	text_put(out, "'");
	text_clean(out, s, TEXT_GNUPLOT);
	text_put(out, "'");
}

static void full_label(struct text *out, const struct result_set *s,
		       uint32_t group)
{
	const struct result_group *g = &s->groups[group];
	const char *key;
	json_t *v;

	text_clean(out, s->block_count < 2 ? g->label : g->name, TEXT_GNUPLOT);
	if (s->block_count < 2)
		return;
	json_object_foreach((json_t *)s->blocks[g->block].params, key, v) {
		const char *dot = strrchr(key, '.');

		text_put(out, ", ");
		text_clean(out, dot ? dot + 1 : key, TEXT_GNUPLOT);
		text_put(out, " = ");
		if (json_is_number(v))
			text_exact(out, json_number_value(v));
		else if (json_is_string(v))
			text_clean(out, json_string_value(v), TEXT_GNUPLOT);
	}
}

void plot_label(struct text *out, const struct plot_job *job, uint32_t group,
		size_t columns)
{
	struct text s = { 0 };

	full_label(&s, job->set, group);
	if (text_width(text_str(&s)) <= columns) {
		text_put(out, text_str(&s));
	} else {
		/* policies differ at the start, what is swept at the end */
		size_t tail = columns / 2;

		text_putn(out, s.s, text_bytes(s.s, columns - 1 - tail));
		text_put(out, "\u2026");
		text_put(out, s.s + text_bytes(s.s, text_width(s.s) - tail));
	}
	text_release(&s);
}

/* gnuplot takes a label of a tic for a format, even one from a data file. */
void plot_tic_label(struct text *out, const struct plot_job *job, uint32_t group)
{
	struct text s = { 0 };

	plot_label(&s, job, group, BAR_LABEL);
	text_put(out, "\"");
	for (const char *p = text_str(&s); *p; p++) {
		text_putn(out, p, 1);
		if (*p == '%')
			text_put(out, "%");
	}
	text_put(out, "\"");
	text_release(&s);
}

void plot_line(struct text *out, const struct plot_job *job, uint32_t group)
{
	const struct result_set *s = job->set;
	uint32_t nth = 0;

	if (s->groups[group].base == group && s->block_count == 1) {
		text_put(out, "lc rgb '#222222' dt 1 lw 2.4");
		return;
	}
	for (uint32_t g = 0; g < group; g++)
		nth += s->groups[g].base != g || s->block_count > 1;
	text_add(out, "lc rgb '%s' dt %u lw 2", plot_colour(nth), nth / 8 + 1);
}

uint32_t plot_shown(struct plot_job *job, uint32_t *groups, uint32_t most)
{
	const struct result_set *s = job->set;
	uint32_t n = 0, left = 0;

	if (most > PLOT_GROUPS_MOST)
		most = PLOT_GROUPS_MOST;
	for (uint32_t b = 0; b < s->block_count; b++) {
		for (int base = 1; base >= 0; base--) {
			for (uint32_t g = 0; g < s->group_count; g++) {
				if (s->groups[g].block != b ||
				    !s->groups[g].cell_count ||
				    (s->groups[g].base == g) != base)
					continue;
				if (n < most)
					groups[n++] = g;
				else
					left++;
			}
		}
	}
	job->left_out = left;
	return n;
}

static size_t widest(const struct plot_job *job, const uint32_t *groups,
		     uint32_t n, size_t cap)
{
	size_t most = 1;

	for (uint32_t i = 0; i < n; i++) {
		struct text s = { 0 };
		size_t w;

		plot_label(&s, job, groups[i], cap);
		w = text_width(text_str(&s));
		most = w > most ? w : most;
		text_release(&s);
	}
	return most;
}

uint32_t plot_rows_of(size_t letters, uint32_t n)
{
	uint32_t columns = (uint32_t)(WIDTH / (letters * LETTERS / 2 + 60));

	columns = columns ? columns : 1;
	return (n + columns - 1) / columns;
}

uint32_t plot_key_rows(const struct plot_job *job, const uint32_t *groups,
		       uint32_t n)
{
	return plot_rows_of(widest(job, groups, n, 60), n);
}

unsigned plot_label_pixels(const struct plot_job *job, const uint32_t *groups,
			   uint32_t n)
{
	return (unsigned)widest(job, groups, n, BAR_LABEL) * LETTERS / 2 + 22;
}

void plot_panels(struct plot_job *job, uint32_t count, uint32_t columns,
		 unsigned panel_height, const struct plot_frame *f)
{
	uint32_t rows;
	double height, foot = f->key_rows * KEY_ROW_HEIGHT + 10;

	if (count < columns)
		columns = count ? count : 1;
	rows = count ? (count + columns - 1) / columns : 1;
	job->width = WIDTH;
	job->height = TITLE_HEIGHT + rows * (panel_height + 12) + (unsigned)foot;
	height = job->height;
	text_put(&job->gp, "set multiplot title heading font ',13' offset 0,-0.3 \\\n");
	text_add(&job->gp, "  layout %u,%u margins screen %.4f,0.97,%.4f,%.4f spacing screen %.4f,%.4f\n",
		 rows, columns, (double)f->left / WIDTH,
		 (foot + 50 + f->low) / height,
		 1 - (TITLE_HEIGHT + 8) / height, (double)f->gap / WIDTH,
		 (96 + f->low) / height);
}

void plot_key(struct plot_job *job, bool here, uint32_t rows)
{
	if (here && rows)
		text_add(&job->gp,
			 "set key at screen 0.535,%.4f center bottom vertical maxrows %u Left reverse noautotitle samplen 2 width 1 spacing 1.2 font ',10'\n",
			 8.0 / job->height, rows);
	else
		text_put(&job->gp, "unset key\n");
}

/* "10.0 ms" on a round tic says no more than "10 ms". */
static void put_tic(struct text *out, double v, enum unit unit)
{
	struct text s = { 0 };
	size_t digits, end;

	text_value(&s, v, unit);
	digits = strspn(s.s, "0123456789.,");
	end = digits;
	if (memchr(s.s, '.', digits)) {
		while (end > 0 && s.s[end - 1] == '0')
			end--;
		end -= end > 0 && s.s[end - 1] == '.';
	}
	text_putn(out, s.s, end);
	for (const char *p = s.s + digits; *p; p++)
		text_add(out, *p == '%' ? "%%%%" : "%c", *p);
	text_release(&s);
}

void plot_log_tics(struct plot_job *job, const char *axis, double low,
		   double high, enum unit unit)
{
	static const unsigned char steps[] = { 1, 2, 5 };
	double decades = log10(high / low), at = 1;
	unsigned every = decades > 6 ? 2 : 1, n = 0;
	const char *sep = "";

	while (at * 10 <= low * 1.0001)
		at *= 10;
	text_add(&job->gp, "set %stics (", axis);
	for (; at <= high * 1.0001; at *= 10, n++) {
		for (int i = 0; i < (decades < 1.8 ? 3 : 1); i++) {
			double v = at * steps[i];

			if (n % every || v < low * 0.9999 || v > high * 1.0001)
				continue;
			text_add(&job->gp, "%s'", sep);
			put_tic(&job->gp, v, unit);
			text_add(&job->gp, "' %.0f", v);
			sep = ", ";
		}
	}
	text_put(&job->gp, ")\n");
}

/* About five steps: powers of two for bytes, else 1, 2 or 5 of a power of ten. */
static double round_step(double high, enum unit unit)
{
	double raw = high / 5, power = 1;

	if (unit == UNIT_BYTES || unit == UNIT_BYTE_SECONDS) {
		while (power < raw)
			power *= 2;
		return power;
	}
	power = pow(10, floor(log10(raw)));
	raw /= power;
	return power * (raw <= 1 ? 1 : raw <= 2 ? 2 : raw <= 5 ? 5 : 10);
}

void plot_tics(struct plot_job *job, const char *axis, double high,
	       enum unit unit)
{
	double step = round_step(high > 0 ? high : 1, unit);

	text_add(&job->gp, "set %stics ('0' 0", axis);
	for (double at = step; at <= high * 1.05; at += step) {
		text_put(&job->gp, ", '");
		put_tic(&job->gp, at, unit);
		text_add(&job->gp, "' %.9g", at);
	}
	text_put(&job->gp, ")\n");
}

/* Data of stacked bars: a line a bar, from and to on the axis, and the value. */
static double bars_data(struct plot_job *job, const uint32_t *groups,
			uint32_t n, const struct plot_part *parts,
			uint32_t part_count,
			bool (*value)(void *, uint32_t, uint32_t, double *),
			void *arg, double *at)
{
	double most = 0;

	for (uint32_t i = 0; i < part_count; i++) {
		text_put(&job->dat, "# ");
		text_clean(&job->dat, parts[i].name, TEXT_GNUPLOT);
		text_put(&job->dat, "\n# row\tfrom\tto\tvalue\tpolicy\n");
		for (uint32_t k = 0; k < n; k++) {
			double v = 0;
			bool have = value(arg, groups[k], i, &v);

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
			most = at[k] > most ? at[k] : most;
		}
		text_put(&job->dat, "\n\n");
	}
	return most;
}

/* The whole of a bar in words at its end: one more block of data. */
static void bars_totals(struct plot_job *job, uint32_t n, enum unit unit,
			const double *total)
{
	text_put(&job->dat, "# row\ttotal\ttext\n");
	for (uint32_t k = 0; k < n; k++) {
		text_add(&job->dat, "%u\t", n - k);
		text_exact(&job->dat, total[k]);
		text_put(&job->dat, "\t\"");
		text_value(&job->dat, total[k], unit);
		text_put(&job->dat, "\"\n");
	}
	text_put(&job->dat, "\n\n");
}

static void bars_frame(struct plot_job *job, const uint32_t *groups, uint32_t n,
		       uint32_t rows, double most)
{
	double left = (double)plot_label_pixels(job, groups, n) / WIDTH;

	job->width = WIDTH;
	job->height = TITLE_HEIGHT + 58 + n * 36 + rows * KEY_ROW_HEIGHT + 2;
	text_add(&job->gp,
		 "set lmargin at screen %.4f\nset rmargin at screen 0.97\n"
		 "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
		 "set label 1 heading at screen 0.5,%.4f center font ',13' tc rgb '#111111'\n",
		 left, 1 - 44.0 / job->height,
		 (56 + rows * KEY_ROW_HEIGHT + 12.0) / job->height,
		 1 - 20.0 / job->height);
	text_add(&job->gp,
		 "set key at screen 0.5,%.4f center bottom vertical maxrows %u Left reverse samplen 1.2 spacing 1.2 width 1 font ',10'\n"
		 "set yrange [0.4:%u.6]\nset xrange [0:%.9g]\nunset ytics\n"
		 "set ytics scale 0 font ',10'\nset grid noytics\nset style fill solid 1 border rgb 'white'\n",
		 8.0 / job->height, rows, n,
		 most > 0 ? most * 1.1 : 1);
}

void plot_bars(struct plot_job *job, const uint32_t *groups, uint32_t n,
	       const struct plot_part *parts, uint32_t part_count,
	       bool (*value)(void *arg, uint32_t group, uint32_t i, double *v),
	       void *arg, enum unit unit, const char *axis_title)
{
	double *total = xcalloc(n + 1, sizeof(*total));
	double most = bars_data(job, groups, n, parts, part_count, value, arg,
				total);
	size_t letters = 1;

	for (uint32_t i = 0; i < part_count; i++)
		if (text_width(parts[i].name) > letters)
			letters = text_width(parts[i].name);
	bars_totals(job, n, unit, total);
	bars_frame(job, groups, n, plot_rows_of(letters, part_count), most);
	text_add(&job->gp, "set xlabel '%s'\n", axis_title);
	plot_tics(job, "x", most, unit);
	text_put(&job->gp, "plot \\\n");
	for (uint32_t i = 0; i < part_count; i++) {
		text_add(&job->gp,
			 "  '%s.dat' index %u using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '%s' title ",
			 job->name, i, parts[i].colour);
		plot_quoted(&job->gp, parts[i].name);
		text_put(&job->gp, ", \\\n");
	}
	text_add(&job->gp,
		 "  '%s.dat' index %u using 2:1:3 with labels left offset 0.6,0 font ',9' tc rgb '#444444' notitle\n",
		 job->name, part_count);
	free(total);
}

/*
 * Tics of a ratio axis: "same", then round factors, those that keep their
 * distance (an eighth of the axis) from what is already there.
 */
void plot_ratio_tics(struct plot_job *job, const char *axis, double low,
		     double high, const char *expression)
{
	static const double factors[] = { 1, 10, 100, 1000, 2, 5, 50, 1.25, 1.1 };
	double taken[24], room = log(high / low) / 8;
	uint32_t n = 0;

	text_add(&job->gp, "set %stics (", axis);
	for (size_t i = 0; i < 2 * sizeof(factors) / sizeof(factors[0]); i++) {
		double f = factors[i / 2], at = i % 2 ? 1 / f : f;
		bool near = at < low || at > high || (i == 1);

		for (uint32_t k = 0; k < n; k++)
			near = near || fabs(log(at / taken[k])) < room;
		if (near)
			continue;
		text_put(&job->gp, n ? ", '" : "'");
		if (i == 0)
			text_put(&job->gp, "same");
		else
			text_add(&job->gp, "%s%g", i % 2 ? "/" : "x", f);
		text_add(&job->gp, "' %s%.9g)", expression, at);
		taken[n++] = at;
	}
	text_put(&job->gp, ")\n");
}

char **plot_top_ops(const struct result_set *s, uint32_t most, uint32_t *count)
{
	struct measure_list l = { 0 };
	char **names = xcalloc(most + 1, sizeof(*names));

	*count = 0;
	measures_usual(s, &l);
	for (uint32_t i = 0; i < l.count && *count < most; i++)
		if (l.m[i].section == SECTION_LATENCY && !l.m[i].indent)
			names[(*count)++] = xstrdup(l.m[i].name);
	measures_release(&l);
	return names;
}

void plot_names_free(char **names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}
