#ifndef MMREPLAY_SCENARIO_DEFAULTS_H
#define MMREPLAY_SCENARIO_DEFAULTS_H

#include "sim/scenario/draft.h"

/* What the trace decides where the scenario says nothing; into b->base. */

/** defaults_kernel() - captured kernel's preset, HZ and huge pages */
int defaults_kernel(struct build *b, struct errbuf *e);

/** defaults_machine() - the profile of the captured host, or vm-2cpu */
int defaults_machine(struct build *b, struct errbuf *e);

/** defaults_replay() - option defaults; costs by what was recorded */
int defaults_replay(struct build *b, struct errbuf *e);

/** defaults_why_not_recorded() - why `costs: recorded` is impossible, or NULL */
const char *defaults_why_not_recorded(const struct trace_header *h);

#endif
