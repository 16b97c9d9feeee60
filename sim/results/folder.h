#ifndef MMREPLAY_RESULTS_FOLDER_H
#define MMREPLAY_RESULTS_FOLDER_H

#include <jansson.h>
#include "sim/results/results.h"

/* The files of a result folder. */

/** struct host_cost - what a cell took on this host; host.json only */
struct host_cost {
	int64_t host_ns;
	uint64_t ops, contacts, events;
	uint64_t chunks_decoded, chunk_hits, bytes_decoded;
	bool known;
};

/** cell_path() - DIR/cells/ID.json; caller frees */
char *cell_path(const char *dir, const char *id);

/** cell_save() - write the file of a cell, sealed */
int cell_save(const char *dir, const char *id, json_t *cell, struct errbuf *e);

/**
 * cell_reuse() - is the finished file of @c there?
 * As it was written, of this id and not failed. If @update, its label, baseline
 * mark and params are brought up to date: they are no part of the id.
 * @series: what it says of its series, to be decref'd; NULL if nothing
 * @changed: one is there that was changed or cut short since it was written
 * Return: 1 it is, 0 it must be run, negative errno if it cannot be updated.
 */
int cell_reuse(const char *dir, const struct cell *c, bool update,
	       json_t **series, bool *changed, struct errbuf *e);

/** folder_prepare() - make the folders, sweep them, write scenario.yaml */
int folder_prepare(const struct scenario *s, const struct run_options *o,
		   struct errbuf *e);

/** folder_sweep() - remove what killed writers have left, in the folder of
 *  exported traces as well; errors: none, what cannot be removed stays */
void folder_sweep(const struct run_options *o);

/** folder_host() - host.json; cells that were not run keep their old entry */
int folder_host(const struct scenario *s, const char *dir,
		const struct host_cost *cost, uint32_t jobs, int64_t wall_ns,
		struct errbuf *e);

#endif
