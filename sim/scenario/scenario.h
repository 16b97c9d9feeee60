#ifndef MMREPLAY_SCENARIO_SCENARIO_H
#define MMREPLAY_SCENARIO_SCENARIO_H

#include <stdio.h>
#include "sim/base/mem.h"
#include "sim/base/yaml.h"
#include "sim/replay/replay.h"

/*
 * YAML to structs: load, check, expand. Wrong input is refused before
 * anything runs, with file, line, column, what was expected and the nearest
 * known name. Everything is owned by the scenario's arena.
 *
 *   defaults < machine, replay, report < baseline < compare | matrix < sweep < --set
 *
 * A cell starts as a copy of the baseline. A cell that names a `kernel` takes
 * all axes from that preset; the baseline's own axis values do not follow it.
 */

struct param {
	const char *key, *value;	/* dotted: machine.cpus = 64 */
};

/** struct workload_param - one parameter of `generate:`, and where it stood */
struct workload_param {
	const char *key, *value;
	struct loc key_at, at;		/* zero from the command line */
};

/** struct workload - what `generate:` names */
struct workload {
	const char *name;
	struct loc at;
	const struct workload_param *params;
	uint32_t param_count;
};

/**
 * struct workload_source - who knows and writes workloads
 * A scenario may not see them: the command hands them in.
 * @resolve: calls @fn for every parameter, defaults written out, in table
 *	order; refuses wrong ones with their place
 * @write: the trace of @w at @path, whole or not at all; the same bytes for
 *	the same parameters
 */
struct workload_source {
	int (*resolve)(const struct workload *w,
		       void (*fn)(void *arg, const char *key,
				  const char *value),
		       void *arg, struct errbuf *e);
	int (*write)(const struct workload *w, const char *path,
		     struct errbuf *e);
};

/**
 * struct source - where the ops of cells come from: a file, or a workload
 * @path: the file; NULL: a workload, written when a cell needs it
 * @digest: of the file's trace; of a workload, its parameters and the program
 */
struct source {
	const char *path;
	struct digest digest;
	struct workload workload;
	const struct param *resolved;	/* all parameters of the workload */
	uint32_t resolved_count;
	const char *text;		/* "munmap-large gib=80": those set */
	uint32_t index;			/* in struct scenario */
};

/** struct cell - one configuration to run; replicates are cells of their own */
struct cell {
	char id[DIGEST_TEXT_BYTES];
	const char *label;
	bool baseline;
	uint64_t seed;
	uint32_t replicate;
	const struct source *source;
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

/** struct merged - a cell that equals another one but for inert axes */
struct merged {
	const char *label, *into;
};

enum published_class {
	PUBLISHED_PREDICTION, PUBLISHED_FITTED, PUBLISHED_SIGN_ONLY
};
extern const char *const published_class_names[];

struct published_point {
	double x, before, after;	/* before, after: in the source's own unit */
};

/**
 * struct published - what somebody measured, to put beside the cells
 * Before is the baseline, after the one other cell of the same x; the effect,
 * ln(after / before), is what is compared (MODEL.md 12).
 * @x: key of params; NULL: the scenario has one point
 */
struct published {
	const char *result, *family, *source, *machine, *quantity, *x, *why,
		*off;
	uint32_t class, noise_pct;
	bool same_unit;			/* the quantity's is the points' */
	const struct published_point *points;
	uint32_t point_count;
};

struct scenario {
	struct arena arena;
	const char *name, *path;
	const char *description;	/* or NULL */
	const char *trace_path;		/* resolved to open; NULL: generated */
	const char *trace_text;		/* as the user wrote it, or the workload */
	const char *trace_kernel;	/* release, "" if the trace has none */
	const struct source **sources;	/* the traces of the cells */
	uint32_t source_count;
	const struct workload_source *workloads;	/* NULL: no `generate:` */
	struct kernel_config captured;
	struct cell *cells;
	uint32_t cell_count;
	struct refused *refused;
	uint32_t refused_count;
	struct merged *merged;
	uint32_t merged_count;
	uint64_t seed;
	int64_t series_ns;		/* report.series_ms */
	const struct published *published;	/* or NULL */
	const char *model_id;		/* from the overrides; "" if none */
	const char *resolved_yaml;	/* every default written out */
};

/** struct scenario_overrides - from the command line */
struct scenario_overrides {
	const char *const *set;		/* key=value, dotted */
	uint32_t set_count;
	const char *const *policy;	/* `run TRACE --policy a=b,c=d`: one cell each */
	uint32_t policy_count;
	const char *model_id;		/* program_model_id(): part of every cell id */
	const struct workload_source *workloads;
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

/**
 * cell_config_write() - the configuration of a cell, one `key=value` a line
 * What a cell's id is a digest of, besides trace, model and plug-ins: labels,
 * sources and the count of replicates are left out.
 */
void cell_config_write(const struct cell *c, FILE *out);

/** profile_load() - a machine by name (scenarios/machines/) or path, complete and checked */
int profile_load(const char *name_or_path, struct profile *out,
		 struct arena *a, struct errbuf *e);

/**
 * profile_digests() - of all numbers of a profile, and of the rows it names as
 * what it was fitted to; names, descriptions and sources are in neither
 */
void profile_digests(const struct profile *p, char numbers[DIGEST_TEXT_BYTES],
		     char fits[DIGEST_TEXT_BYTES]);

/** profile_cost() - name of cost @i of a profile, machine's and mm's */
const struct cost_decl *profile_cost(uint32_t i);

/** preset_load() - a kernel by name (scenarios/kernels/): every axis, stands_in noted */
int preset_load(const char *name, struct kernel_config *out, struct arena *a,
		const char ***stands_in, struct errbuf *e);

/**
 * struct preset - a kernel preset with where its facts come from
 * @truth: the value that this kernel has on each axis
 * @stand: the value that runs instead where @truth is not built yet, or NULL
 * @source: where the field is written
 */
struct preset {
	const char *name, *description;
	struct kernel_config config;
	uint32_t hz;			/* 0: the machine's */
	const char *truth[AXIS_COUNT], *stand[AXIS_COUNT], *source[AXIS_COUNT];
	const char *group_source[3];	/* of mm_struct, vm_area_struct, bottlenecks */
};

/** preset_groups_print() - mm_struct with its values, and where they are
 *  written */
void preset_groups_print(const struct preset *p, FILE *out);

/** preset_info() - as preset_load(), with sources; @at: who asks, for messages */
int preset_info(const char *name, struct loc at, struct preset *out,
		struct arena *a, struct errbuf *e);

/**
 * preset_for_release() - nearest preset not newer than a captured release
 * @exact: the preset is of the same major and minor release
 * Return: name, in @a; the oldest preset if all are newer; NULL if the
 *	release cannot be read or there is no preset.
 */
const char *preset_for_release(const char *release, struct arena *a,
			       bool *exact);

/** names of what is there, sorted (kernels by version); NULL-terminated, in @a */
const char **profile_names(struct arena *a);
const char **preset_names(struct arena *a);

#endif
