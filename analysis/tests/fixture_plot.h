#ifndef MMREPLAY_ANALYSIS_TESTS_FIXTURE_PLOT_H
#define MMREPLAY_ANALYSIS_TESTS_FIXTURE_PLOT_H

#include "analysis/plots/plot.h"
#include "analysis/tests/fixture.h"

/** fixture_plot() - what @p writes for the folder of @r; fixture_plot_release() */
struct plot_job fixture_plot(const struct room *r, const struct plot *p);
void fixture_plot_release(struct plot_job *job);

#endif
