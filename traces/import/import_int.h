#ifndef MMREPLAY_TRACES_IMPORT_IMPORT_INT_H
#define MMREPLAY_TRACES_IMPORT_IMPORT_INT_H

#include "traces/import/assemble.h"
#include "traces/import/stream.h"
#include "traces/import/twins.h"

/* Inside the driver of an import: import.c and calibrate.c. */

enum { INPUTS_MAX = 64 };

/**
 * struct source - one input file, with the event that is next in it
 * @mark: an event loss that waits for the event behind it, to know its span
 * @behind: the event that waits while that loss is handed out
 */
struct source {
	struct line_stream *s;
	struct lexer *lx;
	const struct import_format *f;
	struct raw_event ev;
	struct text_line line;
	struct raw_event mark, behind;
	uint64_t mark_line, behind_line;
	bool marked, waits;
	bool vmalloc, have;	/* have: ev is valid and not handed out */
	int64_t last_ts;
};

struct import {
	const struct import_options *o;
	struct import_account *acct;
	struct source src[INPUTS_MAX + 1];
	unsigned sources;
	struct source flags;
	struct assembler *a;
	struct trace_header h;
	struct assemble_setup setup;
	struct twins twins;		/* vmalloc events of the main inputs */
	int64_t now_ts;
	uint64_t events;
};

/** import_scale_ticks() - --clock-hz: ticks to ns */
void import_scale_ticks(struct import *im, const struct lexer *lx,
			struct raw_event *ev);
/** import_calibrate() - what the first megabytes say of the whole */
int import_calibrate(struct import *im, struct errbuf *e);

#endif
