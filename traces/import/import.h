#ifndef MMREPLAY_TRACES_IMPORT_H
#define MMREPLAY_TRACES_IMPORT_H

#include <stdio.h>
#include "sim/base/errbuf.h"
#include "sim/base/progress.h"
#include "traces/trace.h"

/*
 * Import: foreign capture -> native trace, with an account of every line.
 *
 *   bytes --stream.c--> lines --FORMAT.c--> raw events --assemble.c--> ops
 *
 * A format is one file that turns a line into a raw event, and one registry
 * line; what events mean (pairing, segments, mm identity) is common to all.
 */

/**
 * struct import_account - where every line went
 * lines = op_lines + measurement_lines + header_lines + blank_lines +
 *	sum of losses, exactly.
 */
struct import_loss {
	char *name;	/* e.g. "unparsed", "foreign task", "unpaired exit" */
	uint64_t lines;
	char example[96];	/* PATH:LINE of the first */
};

enum { IMPORT_LOSSES_MAX = 128 };

struct import_account {
	uint64_t lines, op_lines, measurement_lines, header_lines, blank_lines;
	struct import_loss loss[IMPORT_LOSSES_MAX];
	unsigned losses;
	uint64_t ops[OP_KIND_COUNT];	/* records written, by kind */
	uint64_t unpaired_enters;	/* ops open at the end: written, result unknown */
	uint64_t lost_events;
	uint64_t clock_steps;		/* stamps that went backward */
	uint64_t lock_outside;		/* lock events outside any traced op */
	uint64_t tids_again;		/* numbers of tasks that had ended */
	uint64_t faults_outside;	/* where a traced call had unmapped */
	int64_t span_ns;
	uint32_t tasks, mms;
	uint32_t have;			/* HAVE_* of the trace */
	bool ticks;			/* stamps have no unit: order only */
	bool wakers_unsure;		/* no flags column: interrupt or task? */
	char format[32];
	char early_end[160];		/* why the input broke off; "" if not */
};

struct import_options {
	const char *const *inputs;	/* paths; "-" is stdin */
	unsigned input_count;
	const char *output;
	const char *flags_from;		/* us text with the flags column, or NULL */
	const char *vmalloc;		/* system-wide vmalloc file, or NULL */
	const char *maps;		/* /proc/PID/maps of the traced tree, or NULL */
	const char *header;		/* capture.json with header facts, or NULL */
	const char *format;		/* force a format by name, or NULL */
	uint64_t clock_hz;		/* ticks a second of a clock without
					 * unit (x86-tsc, uptime), or 0 */
	bool strict;
	struct progress *progress;	/* started by the caller, or NULL */
};

/**
 * import_run() - import @o->inputs to @o->output
 * @acct is filled even on error; import_account_release() frees its names.
 */
int import_run(const struct import_options *o, struct import_account *acct,
	       struct errbuf *e);

void import_account_release(struct import_account *acct);

/** import_account_print() - the account as text for people */
void import_account_print(const struct import_account *acct, FILE *out);
/** import_account_json() - the same as an object; caller drops the reference */
struct json_t *import_account_json(const struct import_account *acct);
/** import_balanced() - lines = ops + measurements + headers + blanks + losses */
bool import_balanced(const struct import_account *acct);

struct import_format_info {
	const char *name, *describes, *source;
};

/** import_formats() - the registry, for `mmreplay formats` */
const struct import_format_info *import_formats(unsigned *count);

#endif
