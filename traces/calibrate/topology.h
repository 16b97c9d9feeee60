#ifndef MMREPLAY_TRACES_CALIBRATE_TOPOLOGY_H
#define MMREPLAY_TRACES_CALIBRATE_TOPOLOGY_H

#include "traces/calibrate/calibrate.h"

void cal_machine_read(struct cal_machine *m);

/** cal_distance() - how far CPU @a is from CPU @b, by sysfs */
enum cal_distance cal_distance(unsigned a, unsigned b);

#endif
