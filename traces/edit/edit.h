#ifndef MMREPLAY_TRACES_EDIT_H
#define MMREPLAY_TRACES_EDIT_H

#include "sim/base/errbuf.h"
#include "sim/base/progress.h"
#include "traces/trace.h"

/*
 * Native traces to a new one: a part of one, several as one, one without
 * names. Each reads in order of starts with a bounded cache, and writes a
 * file that appears whole or not at all; "-" is stdin or stdout. Memory goes
 * with tasks, address spaces and live areas, never with records.
 */

/**
 * struct cut_options - which records stay: those that pass every filter
 * @from_ns, @to_ns: by their start, half-open; the new trace starts at @from_ns
 * @tasks, @mms: numbers in the trace; none given: all
 * @kinds: bit per kind; 0: all
 */
struct cut_options {
	const char *input, *output;
	int64_t from_ns, to_ns;
	const uint32_t *tasks, *mms;
	unsigned task_count, mm_count;
	uint64_t kinds;
	struct progress *progress;	/* started by the caller, or NULL */
};

/**
 * struct cut_account - records = kept + before + after + filtered
 * @straddling: calls under way at the start of the window; dropped, their
 *	effects are in the new layout
 * @rebuilt_areas: areas of the new layout that are not of the old one
 * @assumed_areas: of them, made inside the window by records that were dropped
 * @outside: uses of memory that only a dropped record made, after a kept one
 *	had removed what was there: no layout can have both
 */
struct cut_account {
	uint64_t records, kept, before, after, filtered, straddling;
	uint64_t rebuilt_areas, assumed_areas, outside;
	uint32_t tasks, mms;
	int64_t span_ns;
};

/** cut_run() - exit status 2 for numbers that the trace does not have */
int cut_run(const struct cut_options *o, struct cut_account *acct,
	    struct errbuf *e);

enum merge_mode {
	MERGE_AUTO,	/* one run if host, kernel and clock are the same */
	MERGE_ONE_RUN,	/* parts of one capture: tasks are told by tid */
	MERGE_HOSTS,	/* machines of their own: tasks, mms and CPUs apart */
};

enum { MERGE_INPUTS_MAX = 256 };

/**
 * struct merge_options
 * @offset_ns: added to the times of each input; in MERGE_ONE_RUN to what its
 *	clock says, in MERGE_HOSTS to its start; UINT64_MAX inputs is refused
 */
struct merge_options {
	const char *const *inputs;
	unsigned input_count;
	const int64_t *offset_ns;
	const char *output;
	enum merge_mode mode;
	struct progress *progress;
};

/** struct merge_account - records = written + duplicates */
struct merge_account {
	uint64_t records, written, duplicates;
	enum merge_mode mode;		/* the one that was taken */
	uint32_t tasks, mms, joined_tasks, joined_mms, cpus;
	uint64_t rebuilt_areas;
	uint32_t have_some, have_all;	/* HAVE_* of any, of every input */
	bool kernels_differ;
	int64_t span_ns;
};

int merge_run(const struct merge_options *o, struct merge_account *acct,
	      struct errbuf *e);

/** struct anonymize_options - @key: 16 bytes; the same key, the same names */
struct anonymize_options {
	const char *input, *output;
	uint8_t key[16];
	struct progress *progress;
};

struct anonymize_account {
	uint64_t records;
	uint32_t names, areas, regions;
};

int anonymize_run(const struct anonymize_options *o,
		  struct anonymize_account *acct, struct errbuf *e);

#endif
