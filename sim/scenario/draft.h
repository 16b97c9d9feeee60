#ifndef MMREPLAY_SCENARIO_DRAFT_H
#define MMREPLAY_SCENARIO_DRAFT_H

#include "sim/base/option.h"
#include "sim/scenario/scenario.h"

/*
 * A cell under construction, and the settings that make it: a setting is a
 * dotted key and a YAML value, wherever it stood (a section of the scenario,
 * a cell of the matrix, --set).
 */

struct setting {
	const char *key;
	const struct ynode *value;
	struct loc at;			/* of the key */
	const char *option;		/* "--set", "--policy"; NULL: in the file */
};

struct settings {
	struct setting *v;
	size_t count, room;
};

enum { DRAFT_PARAMS_MAX = PROFILE_COSTS_MAX + 32, DRAFT_NOTES_MAX = 8, WORKLOAD_PARAMS_MAX = 32 };

struct draft {
	struct cell cell;
	const char *stands[AXIS_COUNT];	/* warning, while the preset's value holds */
	uint32_t preset_hz;
	const char *nocbs;		/* of the capture: every preset gets it */
	bool hz_pinned, thp_pinned;
	struct param params[DRAFT_PARAMS_MAX];
	uint32_t param_count;
	struct workload_param work[WORKLOAD_PARAMS_MAX];
	uint32_t work_count;
	const char *notes[DRAFT_NOTES_MAX];	/* warnings of the whole scenario */
	uint32_t note_count;
};

/** struct build - what all steps of one load share */
struct build {
	struct scenario *s;
	struct arena *a;
	char *dir;			/* of the scenario file, to resolve paths */
	const struct trace_header *header;	/* of the trace, while it is open */
	const char *workload;		/* of `generate:`, or NULL */
	struct loc workload_at;
	struct draft base;		/* defaults, machine, replay, report */
	struct settings baseline;	/* entries of the baseline */
	struct settings pins;		/* --set of numbers: win over all */
	const struct ynode *compare, *matrix, *sweep;
	const char *const *policy;
	uint32_t policy_count;
};

void settings_add(struct settings *l, struct setting s);

/** settings_put() - as settings_add(), in place of an entry of the same key */
void settings_put(struct settings *l, struct setting s);
void settings_release(struct settings *l);

/** settings_from_map() - entries of @map, keys prefixed; -EINVAL if it is no map */
int settings_from_map(struct settings *l, const struct ynode *map,
		      const char *prefix, struct arena *a, struct errbuf *e);

/** settings_from_text() - "key=value" of an option on the command line */
int settings_from_text(struct settings *l, const char *option,
		       const char *text, struct arena *a, struct errbuf *e);

/** setting_failed() - add the option's name to an error; exit status 2 */
int setting_failed(const struct setting *s, int code, struct errbuf *e);

/** scalar_node() - a YAML scalar made of @text */
struct ynode *scalar_node(struct arena *a, const char *text, struct loc at);

/** node_text() - the scalar's text, or NULL and "@what: expected ..." */
const char *node_text(const struct ynode *n, const char *what,
		      struct errbuf *e);

/**
 * draft_apply() - apply settings: kernel first, then machine, then the rest
 * @as_params: numbers among them are listed in the cell's params
 */
int draft_apply(struct draft *d, const struct settings *l, bool as_params,
		struct build *b, struct errbuf *e);

/** draft_finish() - what follows from the settings; profile checked again */
int draft_finish(struct draft *d, struct loc at, struct arena *a,
		 struct errbuf *e);

/** draft_nocbs() - these CPUs are offloaded, under every preset that has such */
void draft_nocbs(struct draft *d, const char *list);

/** draft_kernel() - all axes from preset @name */
int draft_kernel(struct draft *d, const char *name, struct loc at,
		 struct arena *a, struct errbuf *e);

/** version_set() - a release like 6.4.3, which decides what no axis names */
int version_set(uint32_t *version, const struct ynode *value, struct errbuf *e);

/** draft_note() - a warning that every cell carries */
void draft_note(struct draft *d, const char *text);

/** profile_set() - one key of `machine.KEY`: an option, topology.X, costs.X */
int profile_set(struct profile *p, const char *key, const struct ynode *value,
		struct loc at, struct arena *a, struct errbuf *e);

/** profile_check_cost() - refuse what is no key of a cost */
int profile_check_cost(const char *key, struct loc at, struct errbuf *e);

/** profile_check() - what must hold between the fields; @n: the map that gave some
 *  of them, or NULL; @at for the message where it did not */
int profile_check(const struct profile *p, const struct ynode *n, struct loc at,
		  struct errbuf *e);

/** profile_from_node() - `machine:` as a name, a path or inline */
int profile_from_node(const struct ynode *n, const char *dir,
		      struct profile *out, struct arena *a, struct errbuf *e);

extern const struct option profile_options[], topology_options[];

/** struct kernel_group - numbers of a kernel under one key (kernel_fields.c) */
struct kernel_group {
	const char *name;
	const struct option *options;
	size_t offset;			/* in struct kernel_config */
};

enum { KERNEL_GROUPS = 3, KERNEL_LAYOUTS = 2 };	/* layouts come first */
extern const struct kernel_group kernel_groups[KERNEL_GROUPS];

static inline void *kernel_group_of(const struct kernel_config *k,
				    const struct kernel_group *g)
{
	return (char *)(uintptr_t)k + g->offset;
}

/** kernel_group_find() - NULL if there is none of this name */
const struct kernel_group *kernel_group_find(const char *name);
void kernel_fields_default(struct kernel_config *k, struct arena *a);
/** kernel_field_set() - GROUP.KEY; @key_at: for an unknown key */
int kernel_field_set(struct kernel_config *k, const struct kernel_group *g,
		     const char *key, const struct ynode *value,
		     struct loc key_at, struct arena *a, struct errbuf *e);
/** kernel_group_set() - GROUP: {KEY: VALUE ..} */
int kernel_group_set(struct kernel_config *k, const struct kernel_group *g,
		     const struct ynode *value, struct arena *a,
		     struct errbuf *e);
/** kernel_fields_check() - what must hold between them; @at for the message */
int kernel_fields_check(const struct kernel_config *k, struct loc at,
			struct errbuf *e);

/* source.c: where a cell's ops come from */

/** source_of_file() - the scenario's trace; ops and kernel noted */
int source_of_file(struct build *b, struct mmt_reader *trace);

/** source_read_generate() - `generate:` into b->workload and b->base */
int source_read_generate(struct build *b, const struct ynode *n,
			 struct errbuf *e);

/** source_set() - generate.KEY of a cell, a sweep or --set */
int source_set(struct draft *d, const struct setting *s, const char *key,
	       struct build *b, struct errbuf *e);

/** source_choose() - d->cell.source, once all settings are in */
int source_choose(struct build *b, struct draft *d, struct errbuf *e);

/** published_read() - the section `published:`, or the file (from @dir) of a
 *  scenario whose section it is */
int published_read(const struct ynode *n, const char *dir,
		   const struct published **out,
		   struct arena *a, struct errbuf *e);

/** expand() - baseline, compare, matrix, sweep and replicates into s->cells */
int expand(struct build *b, struct errbuf *e);

/** resolve_write() - s->resolved_yaml and the ids of the cells */
void resolve_write(struct scenario *s);

/** names_of_folder() - stems of the .yaml files of a data folder, sorted */
const char **names_of_folder(const char *folder, struct arena *a,
			     size_t *count);

#endif
