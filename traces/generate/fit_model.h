#ifndef MMREPLAY_TRACES_GENERATE_FIT_MODEL_H
#define MMREPLAY_TRACES_GENERATE_FIT_MODEL_H

#include "traces/generate/generate.h"
#include "traces/trace.h"

/*
 * What a fitted workload keeps of a trace: which op follows which, how long
 * after it, how large mappings are. Distributions are tables of equally
 * likely values, so a draw is one index.
 */

enum { FIT_POINTS = 1024 };

/* the kinds that a fitted workload makes; everything else is left out */
enum fit_kind {
	FIT_MMAP, FIT_MUNMAP, FIT_MREMAP, FIT_MPROTECT, FIT_MADVISE, FIT_BRK,
	FIT_FAULT, FIT_KINDS
};

extern const enum op_kind fit_op_kind[FIT_KINDS];

struct fit_model {
	uint64_t count[FIT_KINDS];
	uint64_t follows[FIT_KINDS][FIT_KINDS];	/* [previous][next] */
	uint64_t started[FIT_KINDS];		/* first op of a task */
	int64_t think_ns[FIT_KINDS][FIT_POINTS];	/* before an op of the kind */
	uint64_t slept[FIT_KINDS];		/* gaps with a sleep inside */
	int64_t sleep_ns[FIT_POINTS];
	uint64_t mmap_pages[FIT_POINTS], brk_pages[FIT_POINTS],
		 mprotect_pages[FIT_POINTS];
	uint64_t discards;		/* madvise DONTNEED or FREE */
	uint64_t other_behavior;	/* the most common of the others */
	int64_t fault_floor_ns;		/* taken off every gap after a fault */
	uint64_t tasks;			/* that did any of it */
	uint64_t live_max;		/* mappings of one task at a time */
	uint64_t left_out[OP_KIND_COUNT];
	uint64_t failed;		/* calls that failed: left out as well */
	uint32_t cpus;
	bool sleeps_known;
	char origin[256];
};

/** fit_model_read() - one pass over @path; memory by tasks, not by length */
int fit_model_read(const char *path, struct fit_model *m, struct errbuf *e);

#endif
