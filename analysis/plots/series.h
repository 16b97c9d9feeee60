#ifndef MMREPLAY_ANALYSIS_PLOTS_SERIES_H
#define MMREPLAY_ANALYSIS_PLOTS_SERIES_H

#include <stdbool.h>
#include <stdint.h>
#include "analysis/results.h"
#include "sim/base/errbuf.h"

/** struct series_point - a value that holds from t_ns on */
struct series_point {
	int64_t t_ns;
	double value;
};

/** struct series - one metric of one cell, thinned for drawing */
struct series {
	char *metric;
	struct series_point *p;
	uint32_t count;
	double high;
};

struct series_file {
	struct series *s;
	uint32_t count;
	int64_t end_ns;		/* last time of any metric */
};

/**
 * series_read() - series/ID.csv of a cell: t_ns,metric,value, changed values only
 * @prefix: only metrics that begin so
 * @most: points kept a metric; what is left out lies between kept neighbours
 *	of the same bin, whose highest and last value stay
 * Return: 0; -ENOENT without an error if there is no such file and the cell
 *	says of none. A file that is not what the cell says it wrote is an error.
 */
int series_read(const struct result_cell *c, const char *prefix, uint32_t most,
		struct series_file *out, struct errbuf *e);
void series_release(struct series_file *f);

#endif
