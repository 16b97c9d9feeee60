#ifndef MMREPLAY_ANALYSIS_RESULTS_H
#define MMREPLAY_ANALYSIS_RESULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "sim/base/errbuf.h"

/*
 * Reading result folders (DESIGN.md 8), and nothing else of the simulator:
 * analysis is pure functions from result files to text and pictures.
 */

#define RESULT_NONE UINT32_MAX

/** struct result_cell - one cell file; strings are owned by @json */
struct result_cell {
	json_t *json;		/* the cell file, without its histograms */
	const char *id, *label, *dir;
	const char *failure;	/* why it failed, or NULL */
	bool baseline;
	bool failed;
	uint32_t group;		/* cells that differ only in seed/replicate */
	uint64_t replicate;	/* pairs are formed over equal numbers, if there are any */
};

/**
 * struct result_group - a column of every table: one configuration
 * @label: for people; made unique with the folder where two folders clash
 * @name: the label without the params, where the block is named beside it; the
 *        same at every point of a sweep
 * @cells: indices into result_set.cells, ascending by replicate
 * @block: groups that share trace and params can be compared with each other
 * @base: group that this one is measured against (itself for a baseline)
 */
struct result_group {
	char *label, *name;
	uint32_t *cells;
	uint32_t cell_count;	/* failed ones are not in @cells */
	uint32_t failed_count;
	uint32_t example;	/* a cell of it, failed or not */
	uint32_t block, base;
	bool baseline;
};

/** struct result_block - one trace under one set of params */
struct result_block {
	uint32_t first;		/* group */
	uint32_t base;		/* group, or RESULT_NONE */
	const json_t *params;	/* of a cell; may be NULL */
};

struct result_set {
	struct result_cell *cells;
	struct result_group *groups;
	struct result_block *blocks;
	uint32_t cell_count, group_count, block_count;
	char **dirs;
	json_t **heads;		/* results.json of each folder, without cells */
	uint32_t dir_count;
	json_t *reference;	/* reference.json or NULL */
	json_t *study;		/* sensitivity.json of this program, or NULL */
	const char *scenario;
};

/** results_load() - one or several result folders; checks format and ids */
struct result_set *results_load(const char *const *dirs, uint32_t count,
				struct errbuf *e);
void results_free(struct result_set *s);

/**
 * result_hists() - "hist" of a cell: by name, lists of [lower edge, count]
 * Read when first asked for: they are most of a cell file, and few need them.
 * Return: borrowed; NULL if there are none, or the file was changed meanwhile.
 */
const json_t *result_hists(struct result_cell *c);

/** group_title() - label of a group with what was swept, unique in its folder:
 *  "per-vma, machine.cpus=8"; caller frees */
char *group_title(const struct result_set *s, uint32_t group);

/**
 * study_conclusion() - what `sensitivity` found for the change of @path of @group
 * The study is in the folder or in its sensitivity/; it was made by the same
 * program, against the same baseline. Ops per time are judged by the makespan.
 * Return: borrowed, an entry of `conclusions` (RESULTS.md); NULL: not asked.
 */
const json_t *study_conclusion(const struct result_set *s, uint32_t group,
			       const char *path);

/**
 * results_baseline() - measure every group against another one
 * @name: label, cell id, or number of a column (1 is the first)
 */
int results_baseline(struct result_set *s, const char *name, struct errbuf *e);

/**
 * result_at() - value under a dotted path ("locks.mmap_lock.read.wait_ns.p50")
 * A key may itself have dots ("params.machine.cpus"); the longest key wins.
 * Return: borrowed; NULL if absent.
 */
const json_t *result_at(const json_t *cell, const char *path);

/**
 * result_number() - a path as a number; false if absent
 * Paths may be joined with '+' (their sum); `blame[lock,waiter,holder].wait_ns`
 * is what fits of the blame list, and `hold.vma.owners[mm,op].byte_seconds` of
 * one by address space and op, * being any; an array counts its entries.
 * @integral tells whether every part was an integer.
 */
bool result_number(const json_t *cell, const char *path, double *value,
		   bool *integral);

/** result_entry_path() - path of @entry of the list at @list, for
 *  result_number(); NULL: its entries have no names. Caller frees */
char *result_entry_path(const char *list, const json_t *entry);

#endif
