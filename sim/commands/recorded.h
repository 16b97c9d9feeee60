#ifndef MMREPLAY_COMMANDS_RECORDED_H
#define MMREPLAY_COMMANDS_RECORDED_H

#include <jansson.h>
#include "sim/base/hist.h"
#include "traces/format/mmt.h"

/*
 * What a capture measured, as the reference of a result folder
 * (reference.json, kind "recorded"): rows named by the keys of a cell.
 *
 * Spread: half of a 95 % interval, by block bootstrap: the capture is cut into
 * RECORDED_BLOCKS pieces of equal time, and every row is computed from
 * RECORDED_DRAWS samples of as many pieces. Rows that a replay takes from the
 * trace as they are (counts of ops) have none.
 */

enum { RECORDED_BLOCKS = 20, RECORDED_DRAWS = 200 };

/* One thread alone waits up to 0.6 us above the floor (pin-churn1, p99). */
enum { CONTENDED_NS = 1000 };

/**
 * recorded_json() - {"kind": "recorded", "source", "rows": [...]}; caller decrefs
 * @trace: opened with MMT_MEASUREMENTS
 * A row is {"quantity", "value", "spread", "unit"}, with "wait_share", the
 * share of waiting in the op's time, where it is a time of an op, and with
 * "at_least_ns" where shorter waits do not count on either side; "value" is
 * null for what the capture has no events for.
 * Return: NULL with @e set if the trace is damaged.
 */
json_t *recorded_json(struct mmt_reader *trace, const char *source,
		      struct errbuf *e);

/**
 * recorded_ratios() - as recorded_json(), of counts only: per fault, per call,
 * and which sections of the mmap_lock calls take, for another kernel's replay
 * to be compared with. A quantity "a+b/c" is a ratio of sums of a cell's keys;
 * "sections.KIND.WD" is found in recorded_sections() of the exported run.
 */
json_t *recorded_ratios(struct mmt_reader *trace, const char *source,
			struct errbuf *e);

/** recorded_of() - @what, one of the two above, of the trace at @path */
json_t *recorded_of(const char *path,
		    json_t *(*what)(struct mmt_reader *trace,
				    const char *source, struct errbuf *e),
		    struct errbuf *e);

/** recorded_sections() - {"munmap": {"WD": 0.99, ...}, ...}, shares by kind */
json_t *recorded_sections(struct mmt_reader *trace, struct errbuf *e);

/**
 * recorded_run() - {"acquired": {"munmap": {"write": 9, "read": 9}, ..},
 * "process_ns": {PID: wall time, ..}, "work_ns": when 99 of 100 calls and
 * faults had begun} of a capture or an exported run
 */
json_t *recorded_run(struct mmt_reader *trace, struct errbuf *e);
/** recorded_run_rows() - its rows behind @rows; @locks: with acquisitions */
void recorded_run_rows(const json_t *run, bool locks, json_t *rows);

/**
 * untraced_json() - the untraced runs of @path (capture.json), as a reference;
 * without any rows if it has none. Return: NULL with @e set if unreadable.
 */
json_t *untraced_json(const char *path, struct errbuf *e);

/* ---- inside (recorded.c collects, recorded_rows.c prints) ---- */

struct recorded_side {
	uint64_t acquired, contended;
	int64_t spin_ns, sleep_ns;
	struct hist wait_ns, hold_ns;
};

/** struct recorded - of a piece of the capture, or of several */
struct recorded {
	struct hist latency_ns[OP_KIND_COUNT], gap_ns;
	struct recorded_side side[2];		/* [write] */
	struct {
		int64_t work_ns, spin_ns, sleep_ns;
	} time[OP_KIND_COUNT];
	uint64_t path[FAULT_PATH_COUNT];
	uint64_t ipis, purged, purges;
	struct hist nr_lazy_pages;		/* at each free */
	uint64_t lazy_max_pages;
};

void recorded_merge(struct recorded *into, const struct recorded *from);
void recorded_release(struct recorded *r);

/** recorded_rows() - the rows of reference.json */
json_t *recorded_rows(const struct trace_header *h,
		      const struct recorded blocks[RECORDED_BLOCKS],
		      int64_t makespan_ns);

#endif
