#ifndef MMREPLAY_COMMANDS_INPUT_H
#define MMREPLAY_COMMANDS_INPUT_H

#include "sim/results/results.h"

/* What commands that take SCENARIO.yaml or a trace have in common. */

/** scenario_open() - by its suffix: a scenario file, or a trace against policies */
struct scenario *scenario_open(const char *input,
			       const struct scenario_overrides *o,
			       struct errbuf *e);

/** default_output() - results/NAME, NAME being the input without folder and
 *  suffix; caller frees */
char *default_output(const char *input);

/** parse_window() - `--events A..B` into @o */
int parse_window(const char *text, struct run_options *o, struct errbuf *e);

/** say_mended() - on stderr, why cells of @dir ran that had a result, and that
 *  generated traces were made anew; nothing if there were none */
void say_mended(const struct run_summary *sum, const char *dir);

#endif
