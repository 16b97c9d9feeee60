#ifndef MMREPLAY_TRACES_IMPORT_TWINS_H
#define MMREPLAY_TRACES_IMPORT_TWINS_H

#include "traces/import/event.h"

/*
 * vmalloc events that are there twice: in the main input and in the system-
 * wide file, or in two buffers of one trace.dat. Memory is fixed.
 */

enum {
	TWINS = 256,
	/* us text rounds: a line of it may stand before its own ns twin */
	ROUNDING_NS = 1000,
};

struct twin {
	uint64_t va;
	int64_t ts;
	uint32_t tid;
	uint8_t type;
};

struct twins {
	struct twin row[TWINS];
	unsigned at;
};

bool is_vmalloc(const struct raw_event *ev);

/**
 * twins_has() - was @ev noted already, within twice the rounding of stamps?
 * @other: it comes from another file than those noted
 */
bool twins_has(const struct twins *t, const struct raw_event *ev, bool other);
/** twins_note() - remember @ev, if it is of vmalloc */
void twins_note(struct twins *t, const struct raw_event *ev);

#endif
