#ifndef MMREPLAY_RESULTS_CELL_H
#define MMREPLAY_RESULTS_CELL_H

#include <jansson.h>
#include "sim/results/results.h"

/* Parts of a cell file that several steps of a run need. */

/** cell_failed_json() - what stands for a cell that could not be run */
json_t *cell_failed_json(const struct cell *c, const struct digest *trace,
			 const char *why);

/** cell_params() - swept and set numbers; text where it is no whole number */
json_t *cell_params(const struct cell *c);

/** cell_op_name() - of an op kind; of none: the kernel's own tasks, drains and RCU */
const char *cell_op_name(unsigned op);

/** cell_hold_json() - `hold`, or `hold_va`; classes that held nothing are absent */
json_t *cell_hold_json(const struct replay_result *r, bool address_space);

/** cell_vmap_json() - `vmap`; NULL where nobody used the vmalloc space */
json_t *cell_vmap_json(const struct replay_result *r);

#endif
