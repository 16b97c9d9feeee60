#ifndef MMREPLAY_RESULTS_LIMITS_H
#define MMREPLAY_RESULTS_LIMITS_H

#include <stdint.h>
#include "sim/base/errbuf.h"

/**
 * limit_memory() - this process gets at most @bytes more than it has
 * Counts what it maps for itself to write to, used or not (RLIMIT_DATA): every
 * simulated task inside an op takes a stack of FIBER_STACK_BYTES. The kernel
 * keeps the limit: an allocation that passes it fails (xcalloc: OUT_OF_MEMORY).
 */
int limit_memory(uint64_t bytes, struct errbuf *e);

/**
 * first_victim() - where the machine has no memory left, this process goes
 * first: its cell is failed then, and its parent runs the others
 */
void first_victim(void);

#endif
