#ifndef MMREPLAY_TRACES_GENERATE_GENERATE_H
#define MMREPLAY_TRACES_GENERATE_GENERATE_H

#include "sim/base/digest.h"
#include "sim/base/errbuf.h"
#include "sim/base/option.h"

/*
 * Generated workloads: traces for questions that no capture answers. A
 * workload is one file in this folder and one line in workloads.def.
 *
 * What a generated trace means, so that a replay reads it as intended:
 *   - header.synthetic is set, kernel is empty: nothing was recorded;
 *   - every op has a known duration, 0 but for what must overlap with others
 *     (gen_nominal() in gen.h); it is no cost. From its end to the next start
 *     of the task, at least 1 ns, is think time: CPU work of the program,
 *     unless sched-out and sched-in stand between them;
 *   - sched-out with state 'S' to sched-in is sleep: with a `waking` for it
 *     in another task it ends by that waking, without one it is a timer;
 *   - a record's cpu is only a label; nothing is pinned.
 * The same workload, parameters and seed give the same bytes anywhere.
 */

/** struct gen_param - one key=value; @at for messages, zero from a command line */
struct gen_param {
	const char *key, *value;
	struct loc at;
};

/** struct workload_info - what `mmreplay workloads` prints */
struct workload_info {
	const char *name, *summary;
	const char *after;		/* the benchmark or program it is after */
	const struct option *options;
};

/** workload_get() - the @index-th of workloads.def; NULL behind the last */
const struct workload_info *workload_get(unsigned index);

/** workload_find() - by name; NULL and @e (nearest name) if there is none */
const struct workload_info *workload_find(const char *name, struct loc at,
					  struct errbuf *e);

/** struct generate_request - which workload, with what, where to */
struct generate_request {
	const char *workload;
	struct loc at;			/* where the name stands; for messages */
	const struct gen_param *params;
	unsigned param_count;
	const char *output;		/* .mmt; "-" is stdout */
	/* called now and then with records written and expected (0: not known) */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
};

/** struct generate_result - what was written */
struct generate_result {
	uint64_t records;		/* replayed ops and schedule records */
	uint32_t tasks, mms;
	int64_t span_ns;
	struct digest digest;		/* mmt_digest(); zero if to stdout */
};

/**
 * generate_run() - write the trace; it appears whole or not at all
 * @out: may be NULL
 * Memory follows tasks and live objects, never the number of records.
 * Errors: unknown workload or key (nearest named), value out of range,
 *	parameters that contradict each other; place as in the parameters.
 */
int generate_run(const struct generate_request *q, struct generate_result *out,
		 struct errbuf *e);

/**
 * generate_key() - digest of the workload and of every parameter, defaults
 * written out: equal keys (of one program) mean equal bytes. For naming a
 * cached trace before it exists.
 */
int generate_key(const struct generate_request *q, struct digest *key,
		 struct errbuf *e);

/**
 * generate_resolved() - every parameter with its default written out
 * Calls @fn for each key in table order; for the resolved scenario.
 */
int generate_resolved(const struct generate_request *q,
		      void (*fn)(void *arg, const char *key, const char *value),
		      void *arg, struct errbuf *e);

/* ---- a workload fitted to a trace ---- */

extern const struct option fit_option_table[];

/**
 * generate_fit() - a trace with the op mix, sizes and inter-op times of @trace
 * @q: params from fit_option_table; @q->workload is ignored
 * @notes: lines for people: what was fitted and what was left out; the caller
 *	frees. May be NULL.
 * The result is labelled synthetic: an extrapolation, not a recording.
 */
int generate_fit(const char *trace, const struct generate_request *q,
		 struct generate_result *out, char **notes, struct errbuf *e);

#endif
