#ifndef MMREPLAY_COMMANDS_STUDY_H
#define MMREPLAY_COMMANDS_STUDY_H

#include <stdbool.h>
#include "sim/base/progress.h"
#include "sim/results/results.h"

/*
 * What `sensitivity` and its --speedup share: one scenario, run again and
 * again with something set. Each variation is an ordinary result folder below
 * the study's; finished ones are not run again. Replicate 0 only.
 */

/**
 * struct study - of one call
 * @set: has room for PROFILE_COSTS_MAX more behind set_count
 * @only: costs named with --cost; @locks: with --lock
 */
struct study {
	const char *input, *dir, *metric;
	const char **set, **policy, **only, **locks;
	uint32_t set_count, policy_count, only_count, lock_count, joint, jobs;
	bool json, speedup;
	const struct scenario *base;	/* for the costs and their ranges */
	struct progress progress;
	uint64_t done;
};

/** study_load() - the scenario with @extra settings more; NULL on error */
struct scenario *study_load(const struct study *s, uint32_t extra,
			    struct errbuf *e);

/** study_run() - all cells of @sc into @dir; a failed cell is an error */
int study_run(const struct study *s, const struct scenario *sc,
	      const char *dir, struct errbuf *e);

/** study_vary() - all cells with set[set_count..] added, into study/NAME.
 *  Return: the folder, caller's; NULL on error */
char *study_vary(struct study *s, uint32_t extra, const char *name,
		 struct errbuf *e);

/** study_wants() - is cost @i one of --cost, or is there no --cost */
bool study_wants(const struct study *s, uint32_t i);

/** speedup_run() - `sensitivity --speedup`: the whole study, printed */
int speedup_run(struct study *s, struct errbuf *e);

#endif
