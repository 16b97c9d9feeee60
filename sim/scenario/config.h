#ifndef MMREPLAY_SCENARIO_CONFIG_H
#define MMREPLAY_SCENARIO_CONFIG_H

#include "sim/scenario/scenario.h"

/*
 * The configuration of a cell as text: what is hashed into its id, and what
 * two cells are compared by.
 */

/** config_write() - as cell_config_write(), without the axes in @skip */
void config_write(const struct cell *c, uint64_t skip, FILE *out);

/** config_digest() - of that text */
struct digest config_digest(const struct cell *c, uint64_t skip);

/** config_identify() - fill the ids of all cells of @s */
void config_identify(struct scenario *s);

#endif
