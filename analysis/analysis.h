#ifndef MMREPLAY_ANALYSIS_ANALYSIS_H
#define MMREPLAY_ANALYSIS_ANALYSIS_H

#include <stdio.h>
#include "analysis/results.h"

/** struct compare_options - the side-by-side table */
enum compare_format { COMPARE_TEXT, COMPARE_CSV, COMPARE_JSON, COMPARE_MARKDOWN };

struct compare_options {
	enum compare_format format;
	const char *baseline;		/* label or id; NULL: the marked one */
	const char *const *metrics;	/* only these dotted paths; NULL: the usual */
	uint32_t metric_count;
	const char *sort;		/* metric to sort cells by, or NULL */
	uint32_t columns;		/* width of the terminal; 0 = 100 */
	bool colour;
};

/** compare_write() - one column a policy, one row a measure, change against the baseline */
int compare_write(const struct result_set *s, const struct compare_options *o,
		  FILE *out, struct errbuf *e);

struct plot_options {
	const char *dir;		/* RESULTS: pictures go to dir/plots/ */
	const char *const *names;	/* only these plots; NULL: all with data */
	uint32_t name_count;
	FILE *words;			/* for "not drawn: why"; may be NULL */
};

/** plot_write() - NAME.{gp,dat,png,svg} through gnuplot; paths of what was
 *  written go to @out, one a line; a plot with no data says so */
int plot_write(const struct result_set *s, const struct plot_options *o,
	       FILE *out, struct errbuf *e);

struct plot_info {
	const char *name, *title, *needs;
};
/** plot_at() - the n-th plot there is; NULL past the last */
const struct plot_info *plot_at(unsigned n);

/** report_write() - one self-contained HTML page, with the pictures of @dir/plots/ */
int report_write(const struct result_set *s, const char *dir, FILE *out,
		 struct errbuf *e);

/** flame_write() - folded stacks of simulated waiting: policy;op;lock;holder ns */
int flame_write(const struct result_set *s, FILE *out, struct errbuf *e);

#endif
