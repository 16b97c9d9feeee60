#ifndef MMREPLAY_TRACES_EDIT_MERGE_INT_H
#define MMREPLAY_TRACES_EDIT_MERGE_INT_H

#include "traces/edit/edit.h"
#include "traces/edit/renumber.h"
#include "traces/edit/seen.h"

/* What merge.c (records) and merge_header.c (facts and tables) share. */

struct input {
	unsigned number;
	const char *path;
	struct mmt_reader *r;
	struct mmt_cursor *cursor;
	const struct trace_header *h;
	struct renumber n;
	int64_t shift_ns;	/* its times plus this are the new trace's */
	uint32_t cpu_base;
	struct op op;		/* the next record */
	bool done;
};

/* a record written at the task's latest start, to tell duplicates */
struct recent {
	unsigned input;
	struct op op;
};

/* a row of the new trace's tasks: who it is, and where it is now */
struct known_task {
	uint64_t key;
	uint32_t next, mm;
	unsigned last_input;
	bool exited;
	int64_t last_ns, at_ns;
	struct recent *recent;
	unsigned recent_count, recent_size;
};

/* where a process was last; mm is none where the slot is empty */
struct group {
	uint32_t tgid, mm;
};

struct merge {
	const struct merge_options *o;
	struct merge_account *acct;
	struct input *input;
	unsigned input_count;
	bool one_run;
	struct new_tables to;
	struct known_task *known;
	uint32_t known_count, known_size;
	uint32_t *bucket;	/* first row by hash of tid and tgid */
	struct group *group;	/* by hash of tgid, open addressing */
	uint64_t bucket_count;	/* of both; above all tasks of the inputs */
	struct seen *seen;	/* by new mm */
	uint32_t seen_count;
};

/** merge_headers() - mode, clocks, facts; error if the inputs cannot be one */
int merge_headers(struct merge *m, struct errbuf *e);

/** merge_tables() - references between rows, layouts in order */
void merge_tables(struct merge *m);

#endif
