#ifndef MMREPLAY_ANALYSIS_REPORT_H
#define MMREPLAY_ANALYSIS_REPORT_H

#include "analysis/table.h"

/* The parts of the HTML page; report_write() in analysis.h puts them together. */

extern const char *const report_style;	/* CSS */
extern const char *const report_script;	/* sorting, without which all still reads */

/** report_html() - foreign text into an element or a quoted attribute */
void report_html(FILE *out, const char *s);

/** report_policies() - a row a policy, the measures that matter, sortable */
void report_policies(FILE *out, const struct table *t);

/** report_measures() - the side-by-side table, a block each, sortable by section */
void report_measures(FILE *out, const struct table *t);

/** report_axes() - which policy each column has on each axis */
void report_axes(FILE *out, const struct table *t);

#endif
