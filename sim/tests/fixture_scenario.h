#ifndef MMREPLAY_TESTS_FIXTURE_SCENARIO_H
#define MMREPLAY_TESTS_FIXTURE_SCENARIO_H

#include "sim/scenario/scenario.h"

/*
 * A folder of its own with a small trace for tests of scenarios and results:
 * two threads that map, touch and unmap, 300 ops.
 */

/** fixture_folder() - make one below $TMPDIR; caller frees, fixture_clean() removes */
char *fixture_folder(void);
void fixture_clean(char *folder);

/** fixture_trace() - FOLDER/NAME of @kernel ("" = not said) on @cpus CPUs */
void fixture_trace(const char *folder, const char *name, const char *kernel,
		   uint32_t cpus, uint32_t have);

/** fixture_file() - write @text to FOLDER/NAME; path in a static buffer */
const char *fixture_file(const char *folder, const char *name,
			 const char *text);

#endif
