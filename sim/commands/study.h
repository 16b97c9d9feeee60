#ifndef MMREPLAY_COMMANDS_STUDY_H
#define MMREPLAY_COMMANDS_STUDY_H

#include <stdbool.h>
#include "analysis/results.h"
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
 * @label: only the cell of this label, and the baseline; NULL: all cells
 * @ran: what the base runs left
 */
struct study {
	const char *input, *dir, *metric;
	const char **set, **policy, **only, **locks;
	uint32_t set_count, policy_count, only_count, lock_count, joint, jobs;
	bool json, speedup;
	const char *label;
	const struct scenario *base;	/* for the costs and their ranges */
	const struct result_set *ran;
	struct progress progress;
	uint64_t done;
};

/** study_load() - the scenario with @extra settings more; NULL on error */
struct scenario *study_load(const struct study *s, uint32_t extra,
			    struct errbuf *e);

/** study_choose() - leave only the cells that the study is about */
void study_choose(const struct study *s, struct scenario *sc);

/** study_run() - all cells of @sc into @dir; a failed cell is an error */
int study_run(const struct study *s, const struct scenario *sc,
	      const char *dir, struct errbuf *e);

/** study_vary() - all cells with set[set_count..] added, into study/NAME.
 *  Return: the folder, caller's; NULL on error */
char *study_vary(struct study *s, uint32_t extra, const char *name,
		 struct errbuf *e);

/**
 * study_ahead() - @one(@arg, i) for i below @n, several processes at a time
 * For what it leaves in folders: the caller calls @one again for each and finds
 * the cells there. What a process cannot do is left to that second call.
 */
void study_ahead(struct study *s, uint32_t n,
		 void (*one)(void *arg, uint32_t i), void *arg);

/** study_share() - what cost @i comes to, as a share of the makespan: the largest
 *  of any cell. More cannot be gained, but for what a shift of others brings */
double study_share(const struct study *s, uint32_t i);

/** study_asks() - can cost @i have an effect on any cell that was run? */
bool study_asks(const struct study *s, uint32_t i);

/** study_wants() - is cost @i one of --cost, or is there no --cost */
bool study_wants(const struct study *s, uint32_t i);

/** speedup_run() - `sensitivity --speedup`: the whole study, printed */
int speedup_run(struct study *s, struct errbuf *e);

#endif
