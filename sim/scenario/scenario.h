#ifndef MMREPLAY_SCENARIO_SCENARIO_H
#define MMREPLAY_SCENARIO_SCENARIO_H

#include "sim/base/mem.h"
#include "sim/base/yaml.h"
#include "sim/replay/replay.h"

/*
 * YAML to structs: load, check, expand. Wrong input is refused before
 * anything runs, with file, line, column, what was expected and the nearest
 * known name. Everything is owned by the scenario's arena.
 */

struct param {
	const char *key, *value;	/* dotted: machine.cpus = 64 */
};

/** struct cell - one configuration to run; replicates are cells of their own */
struct cell {
	char id[DIGEST_TEXT_BYTES];
	const char *label;
	bool baseline;
	uint64_t seed;
	uint32_t replicate;
	struct kernel_config kernel;
	struct profile profile;
	struct replay_options replay;
	const struct param *params;	/* swept or set numbers */
	uint32_t param_count;
	const char *const *inert;	/* axis names; NULL-terminated */
	const char *const *warnings;	/* stands_in, nearest kernel, ... */
};

/** struct refused - a combination of the matrix that may not run */
struct refused {
	const char *label, *reason;
};

struct scenario {
	struct arena arena;
	const char *name, *path;
	const char *trace_path;		/* resolved to open */
	const char *trace_text;		/* as the user wrote it */
	struct kernel_config captured;
	struct cell *cells;
	uint32_t cell_count;
	struct refused *refused;
	uint32_t refused_count;
	int64_t series_ns;		/* report.series_ms */
	const char *resolved_yaml;	/* every default written out */
};

/** struct scenario_overrides - from the command line */
struct scenario_overrides {
	const char *const *set;		/* key=value, dotted */
	uint32_t set_count;
	const char *const *policy;	/* `run TRACE --policy a=b,c=d`: one cell each */
	uint32_t policy_count;
};

/** scenario_load() - from a YAML file */
struct scenario *scenario_load(const char *path,
			       const struct scenario_overrides *o,
			       struct errbuf *e);

/** scenario_for_trace() - the captured kernel against the given cells, no file */
struct scenario *scenario_for_trace(const char *trace_path,
				    const struct scenario_overrides *o,
				    struct errbuf *e);
void scenario_free(struct scenario *s);

/** profile_load() - a machine by name (scenarios/machines/) or path, complete and checked */
int profile_load(const char *name_or_path, struct profile *out,
		 struct arena *a, struct errbuf *e);

/** preset_load() - a kernel by name (scenarios/kernels/): every axis, stands_in noted */
int preset_load(const char *name, struct kernel_config *out, struct arena *a,
		const char ***stands_in, struct errbuf *e);

/** preset_for_release() - nearest preset not newer than a captured release */
const char *preset_for_release(const char *release, bool *exact);

/** names of what is there, sorted; NULL-terminated, in @a */
const char **profile_names(struct arena *a);
const char **preset_names(struct arena *a);

#endif
