#ifndef MMREPLAY_TRACES_IMPORT_ASSEMBLE_H
#define MMREPLAY_TRACES_IMPORT_ASSEMBLE_H

#include "sim/base/hist.h"
#include "traces/format/mmt.h"
#include "traces/import/event.h"

/*
 * From raw events to ops: what events mean, common to all formats.
 * Events come in capture order; ops go to the writer as they complete.
 */

struct assembler;

enum fate_kind { FATE_OP, FATE_MEASURE, FATE_LOSS, FATE_ERROR };

/** struct fate - where the line of an event went; exactly one per event */
struct fate {
	enum fate_kind kind;
	const char *loss;	/* FATE_LOSS: its name, static or in the event */
	uint8_t loss_bytes;	/* of a name in the event's line; 0: a string */
	const char *loss_prefix;
};

/** struct timing_floor - what tracing itself costs, from uncontended waits */
struct timing_floor {
	int64_t tax_ns;		/* one event */
	int64_t floor_ns;	/* start to acquired, nobody in the way */
	int64_t spread_ns;	/* median absolute deviation of that */
	bool known;
};

/** struct fault_locks - user faults: did each do without mmap_lock? */
struct fault_locks {
	uint64_t without, with;
};

/** struct assemble_setup - what is known before the first event */
struct assemble_setup {
	struct mmt_writer *writer;	/* NULL: only calibrate */
	struct trace_header *header;	/* facts in, tables and counts out */
	struct timing_floor floor;
	uint32_t have;			/* event classes seen by calibration */
	bool units;			/* stamps are time, not ticks */
	bool tax;			/* stamps are fine enough to derive it */
	bool calls_tell_tasks;		/* struct import_format */
	struct fault_locks faults;	/* as calibration counted them */
	const char *maps;		/* /proc/PID/maps file, or NULL */
};

struct assembler *assemble_new(const struct assemble_setup *s,
			       struct errbuf *e);
struct fate assemble_event(struct assembler *a, const struct raw_event *ev,
			   struct errbuf *e);

/** struct assemble_counts - what the account needs beside the lines */
struct assemble_counts {
	uint64_t ops[OP_KIND_COUNT];
	uint64_t open_at_end, clock_steps, lock_outside, faults_outside;
	uint64_t tids_again;
};

/**
 * assemble_finish() - write what is open, fill the header's tables
 * @c: filled in any case
 */
int assemble_finish(struct assembler *a, struct assemble_counts *c,
		    struct errbuf *e);
/** assemble_floor() - what the events so far say about the tracer's cost */
struct timing_floor assemble_floor(const struct assembler *a);
struct fault_locks assemble_faults(const struct assembler *a);
uint32_t assemble_have(const struct assembler *a);
void assemble_free(struct assembler *a);

#endif
