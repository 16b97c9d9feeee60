#ifndef MMREPLAY_ANALYSIS_RESULTS_H
#define MMREPLAY_ANALYSIS_RESULTS_H

#include <jansson.h>
#include <stdint.h>
#include "sim/base/errbuf.h"

/*
 * Reading result folders (DESIGN.md 8), and nothing else of the simulator:
 * analysis is pure functions from result files to text and pictures.
 */

struct result_cell {
	json_t *json;		/* the whole cell file, hist included */
	const char *id, *label, *dir;
	bool baseline;
	bool failed;
	uint32_t group;		/* cells that differ only in seed/replicate */
};

struct result_set {
	struct result_cell *cells;
	uint32_t cell_count, group_count;
	json_t *reference;	/* reference.json or NULL */
	const char *scenario;
};

/** results_load() - one or several result folders; checks format and ids */
struct result_set *results_load(const char *const *dirs, uint32_t count,
				struct errbuf *e);
void results_free(struct result_set *s);

/** result_at() - value under a dotted path ("locks.mmap_lock.read.wait_ns.p50"); NULL if absent */
const json_t *result_at(const json_t *cell, const char *path);

#endif
