#ifndef MMREPLAY_RESULTS_LIMITS_H
#define MMREPLAY_RESULTS_LIMITS_H

#include <sys/types.h>
#include "sim/results/results.h"

enum { LIMIT_BYTES = 128 };

/**
 * limit_passed() - has the worker @pid, @ran_ns old, more than its cell may use?
 * Memory is what the process has for itself: pages that are resident and not
 * shared with a file or another worker.
 * @why: what to say of the cell, LIMIT_BYTES; only if it has
 */
bool limit_passed(const struct run_options *o, pid_t pid, int64_t ran_ns,
		  char *why);

#endif
