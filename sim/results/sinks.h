#ifndef MMREPLAY_RESULTS_SINKS_H
#define MMREPLAY_RESULTS_SINKS_H

#include <jansson.h>
#include "sim/base/file.h"
#include "sim/results/results.h"

/* What a cell writes beside its cell file: time series, event log, trace. */

/** struct sinks - the files of one cell, while it runs */
struct sinks {
	struct atomic_file series, events;
	char *export_path, *export_seal;
	struct seal series_seal;	/* once it is closed */
};

/** sinks_open() - open what is wanted and point @c at it */
int sinks_open(struct sinks *k, const struct scenario *s,
	       const struct run_options *o, const struct cell *cell,
	       struct replay_config *c, struct errbuf *e);

/** sinks_close() - the files appear if @keep; before the cell file does. Cost: one
 *  reading of an exported trace */
int sinks_close(struct sinks *k, bool keep, struct errbuf *e);

/** enum side - what is beside a finished cell, the gravest last */
enum side {
	SIDE_THERE,	/* whole, all that is wanted now */
	SIDE_OTHER,	/* never written, or with another window */
	SIDE_DAMAGED	/* cut short, changed or removed since */
};

/**
 * sinks_there() - has the finished @cell the files that are wanted now?
 * @sealed: "series" of its cell file; may be NULL
 * A log that was removed, or a trace, is as one that was not asked for.
 */
enum side sinks_there(const struct scenario *s, const struct run_options *o,
		      const struct cell *cell, const json_t *sealed);

/** sinks_prepare() - the folders of series and traces */
int sinks_prepare(const struct scenario *s, const struct run_options *o,
		  struct errbuf *e);

#endif
