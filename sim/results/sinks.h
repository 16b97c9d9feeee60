#ifndef MMREPLAY_RESULTS_SINKS_H
#define MMREPLAY_RESULTS_SINKS_H

#include "sim/base/file.h"
#include "sim/results/results.h"

/* What a cell writes beside its cell file: time series, event log, trace. */

/** struct sinks - the files of one cell, while it runs */
struct sinks {
	struct atomic_file series, events;
	char *export_path;
};

/** sinks_open() - open what is wanted and point @c at it */
int sinks_open(struct sinks *k, const struct scenario *s,
	       const struct run_options *o, const struct cell *cell,
	       struct replay_config *c, struct errbuf *e);

/** sinks_close() - the files appear if @keep; before the cell file does */
int sinks_close(struct sinks *k, bool keep, struct errbuf *e);

/** sinks_there() - has the finished @cell the files that are wanted now? */
bool sinks_there(const struct scenario *s, const struct run_options *o,
		 const struct cell *cell);

/** sinks_prepare() - the folders of series and traces */
int sinks_prepare(const struct scenario *s, const struct run_options *o,
		  struct errbuf *e);

#endif
