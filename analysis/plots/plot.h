#ifndef MMREPLAY_ANALYSIS_PLOTS_PLOT_H
#define MMREPLAY_ANALYSIS_PLOTS_PLOT_H

#include "analysis/analysis.h"
#include "analysis/text.h"

/*
 * A plot is one file here and one line in plots.def. It writes data (tab
 * separated, exact numbers, comments with #) and the body of a gnuplot
 * script; plot.c adds the common head and runs gnuplot, once for both forms.
 */

/**
 * struct plot_job - one picture being made
 * @dat: content of NAME.dat; left empty, there is nothing to draw
 * @gp: commands between head and end, run once per output form
 * @why: what was missing, where @dat is empty
 * @bad: a file that is not what it should be; then nothing is drawn
 * @left_out: policies or lines that the picture has no room for; its heading says so
 * @width, @height: of the picture in pixels; the plot sets them
 */
struct plot_job {
	const struct result_set *set;
	const char *name, *title;
	struct text dat, gp, why;
	struct errbuf bad;
	unsigned width, height;
	uint32_t left_out;
};

struct plot {
	struct plot_info info;
	void (*build)(struct plot_job *job);
};

#define PLOT(id) extern const struct plot plot_##id;
#include "analysis/plots/plots.def"
#undef PLOT

enum { PLOT_GROUPS_MOST = 24 };

/** plot_label() - a group's label for a key or an axis, at most @columns
 *  wide, cut in the middle */
void plot_label(struct text *out, const struct plot_job *job, uint32_t group,
		size_t columns);

/** plot_tic_label() - as plot_label(), quoted for ytic() from a data file */
void plot_tic_label(struct text *out, const struct plot_job *job, uint32_t group);

/** plot_line() - `lc rgb '..' dt N lw 2` of a group; the baseline is dark */
void plot_line(struct text *out, const struct plot_job *job, uint32_t group);

/** plot_colour() - of the n-th category: Okabe-Ito, without its yellow */
const char *plot_colour(uint32_t n);

/** plot_shown() - groups to draw in order, blocks' baselines first; returns how many
 *  @most: at most so many, and never above PLOT_GROUPS_MOST; the rest is counted in left_out */
uint32_t plot_shown(struct plot_job *job, uint32_t *groups, uint32_t most);

/** struct plot_frame - pixels around panels: left of them, between columns,
 *  more below each (for slanted tics); lines of key at the foot */
struct plot_frame {
	unsigned left, gap, low;
	uint32_t key_rows;
};

/** plot_panels() - open a multiplot of @count panels, each @panel_height high;
 *  sets the size of the picture */
void plot_panels(struct plot_job *job, uint32_t count, uint32_t columns,
		 unsigned panel_height, const struct plot_frame *f);

/** plot_label_pixels() - room that the longest of these labels needs */
unsigned plot_label_pixels(const struct plot_job *job, const uint32_t *groups,
			   uint32_t n);

/** plot_key() - key of this panel at the foot of the picture, or none */
void plot_key(struct plot_job *job, bool here, uint32_t rows);
uint32_t plot_key_rows(const struct plot_job *job, const uint32_t *groups,
		       uint32_t n);
/** plot_rows_of() - the same for @n labels of at most @letters columns */
uint32_t plot_rows_of(size_t letters, uint32_t n);

/** plot_log_tics() - `set xtics` by decades from @low to @high, in @unit */
void plot_log_tics(struct plot_job *job, const char *axis, double low,
		   double high, enum unit unit);

/** plot_ratio_tics() - `same`, x2, /2, ..; @expression: "(" or "log(" */
void plot_ratio_tics(struct plot_job *job, const char *axis, double low,
		     double high, const char *expression);

/** plot_tics() - `set xtics` from 0 to @high in round steps, in @unit */
void plot_tics(struct plot_job *job, const char *axis, double high,
	       enum unit unit);

/** plot_quoted() - foreign text between single quotes */
void plot_quoted(struct text *out, const char *s);

/** struct plot_bar - one horizontal bar: stacked parts of one group */
struct plot_part {
	const char *name;	/* in the key */
	const char *colour;
};

/**
 * plot_bars() - horizontal stacked bars, one a group
 * @value: mean of part @i of @group; false if absent
 * Writes data and commands; @axis_title names the axis of values.
 */
void plot_bars(struct plot_job *job, const uint32_t *groups, uint32_t n,
	       const struct plot_part *parts, uint32_t part_count,
	       bool (*value)(void *arg, uint32_t group, uint32_t i, double *v),
	       void *arg, enum unit unit, const char *axis_title);

/** plot_top() - the @most heaviest names below an object of the cells
 *  (latency_ns by total time); strings are freed with plot_top_free() */
char **plot_top_ops(const struct result_set *s, uint32_t most, uint32_t *count);
void plot_names_free(char **names, uint32_t count);

#endif
