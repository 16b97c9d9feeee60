#ifndef MMREPLAY_TRACES_IMPORT_H
#define MMREPLAY_TRACES_IMPORT_H

#include <stdio.h>
#include "sim/base/errbuf.h"
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
	const char *name;	/* e.g. "unparsed", "foreign task", "unpaired exit" */
	uint64_t lines;
	char example[96];	/* PATH:LINE of the first */
};

enum { IMPORT_LOSSES_MAX = 32 };

struct import_account {
	uint64_t lines, op_lines, measurement_lines, header_lines, blank_lines;
	struct import_loss loss[IMPORT_LOSSES_MAX];
	unsigned losses;
	uint64_t ops[OP_KIND_COUNT];	/* records written, by kind */
	uint64_t unpaired_enters;	/* ops open at the end: written, result unknown */
	uint64_t lost_events;
	int64_t span_ns;
	uint32_t tasks, mms;
	char format[32];
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
	bool strict;
};

/** import_run() - import @o->inputs to @o->output; @acct is filled even on error */
int import_run(const struct import_options *o, struct import_account *acct,
	       struct errbuf *e);

/** import_account_print() - the account as text for people, or JSON */
void import_account_print(const struct import_account *acct, FILE *out);

struct import_format_info {
	const char *name, *describes, *source;
};

/** import_formats() - the registry, for `mmreplay formats` */
const struct import_format_info *import_formats(unsigned *count);

#endif
