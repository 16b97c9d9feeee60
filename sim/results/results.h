#ifndef MMREPLAY_RESULTS_RESULTS_H
#define MMREPLAY_RESULTS_RESULTS_H

#include "sim/scenario/scenario.h"

/*
 * Cells in parallel worker processes; writer and index of the result folder
 * (DESIGN.md 8). A finished cell is a whole file cells/ID.json; one that is
 * there and whole is not run again. host.json alone may differ between runs.
 */

struct run_options {
	const char *out_dir;
	uint32_t jobs;			/* 0 = one per online CPU */
	bool eager;
	bool quiet;
	bool events;			/* cells/ID.events of this window */
	int64_t events_start_ns, events_end_ns;
	const char *export_dir;		/* the simulated runs as traces; or NULL */
	uint32_t cell_seconds;		/* of the host, for one cell; 0 = no limit */
	uint64_t cell_bytes;		/* of memory, for one cell; 0 = no limit */
	uint64_t decode_cache_bytes;	/* for traces that several cells share; 0 = none */
	const char *const *only;	/* ids: these cells, no results.json */
	uint32_t only_count;
	const char *missing_because;	/* run nothing: what is missing failed, and why */
};

struct run_summary {
	uint32_t cells, reused, ran, failed;
	uint32_t damaged;	/* run again: its file, series, events or trace were changed */
	uint32_t remade;	/* generated traces that were not what was made */
};

/** results_run() - run what is missing, write the folder, rebuild results.json */
int results_run(const struct scenario *s, const struct run_options *o,
		struct run_summary *sum, struct errbuf *e);

/**
 * results_missing() - which cells results_run() would run
 * @prepare: also make the folder and the traces of workloads; else nothing is
 *           written
 * @todo: room for all cells; filled with indices of @s
 * @sum: none ran; what was damaged, and what @prepare made anew
 */
int results_missing(const struct scenario *s, const struct run_options *o,
		    bool prepare, uint32_t *todo, uint32_t *count,
		    struct run_summary *sum, struct errbuf *e);

/** cell_json() - one cell of DESIGN.md 8, with "hist"; caller decrefs */
struct json_t *cell_json(const struct scenario *s, const struct cell *c,
			 const struct trace_header *h,
			 const struct digest *trace,
			 const struct replay_result *r);

#endif
