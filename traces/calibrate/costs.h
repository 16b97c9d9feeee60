#ifndef MMREPLAY_TRACES_CALIBRATE_COSTS_H
#define MMREPLAY_TRACES_CALIBRATE_COSTS_H

#include "traces/calibrate/probe.h"

/** cal_costs() - fill @cal->cost from its readings and pairs */
void cal_costs(struct calibration *cal, const struct calibrate_options *o);

#endif
