#ifndef MMREPLAY_COMMANDS_WORKLOAD_SOURCE_H
#define MMREPLAY_COMMANDS_WORKLOAD_SOURCE_H

#include "sim/scenario/scenario.h"

/*
 * What a scenario needs of traces/generate/, which it may not see: for
 * scenario_overrides.workloads of every command that loads scenarios.
 */
extern const struct workload_source workload_source;

#endif
