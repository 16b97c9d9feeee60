/*
 * The dry run of an import: the first megabytes through lexer and assembler,
 * nothing written, to learn what tracing costs, which event classes there are
 * and whether faults do without mmap_lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "traces/import/import_int.h"

void import_scale_ticks(struct import *im, const struct lexer *lx,
			struct raw_event *ev)
{
	if (im->o->clock_hz && lexer_facts(lx)->ticks)
		ev->ts = (int64_t)((__int128)ev->ts * 1000000000 /
				   (int64_t)im->o->clock_hz);
}

/* stamps that are none, and a rate for a clock that needs none */
static int check_clock(struct import *im, uint64_t events, uint64_t steps,
		       bool ticks, struct errbuf *e)
{
	enum { FEW = 64 };

	if (events > FEW && steps > events / 4)
		return err_set(e, -EINVAL, "%s: stamps go backward at %" PRIu64
			       " of %" PRIu64 " events, as `perf script "
			       "--deltatime` prints them; print it again with "
			       "absolute stamps, in order", im->o->inputs[0],
			       steps, events);
	if (im->o->clock_hz && events && !ticks)
		return err_usage(e, "--clock-hz: the stamps of %s are seconds "
				 "already", im->o->inputs[0]);
	return 0;
}

/* the events in what is buffered of the first input */
static uint64_t dry_run(struct import *im, struct lexer *lx,
			struct assembler *a)
{
	struct errbuf ignored = { 0 };
	const char *text, *end;
	uint64_t events = 0;
	size_t bytes;

	text = stream_peek(im->src[0].s, &bytes);
	end = text + bytes;
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		struct raw_event ev = { 0 };

		if (!eol)
			break;
		if (eol - text < LINE_BYTES_MAX &&
		    im->src[0].f->line(lx, text, (size_t)(eol - text), &ev) ==
		    LINE_EVENT) {
			import_scale_ticks(im, lx, &ev);
			assemble_event(a, &ev, &ignored);
			events++;
		}
		text = eol + 1;
	}
	return events;
}

/* what the dry run says of the whole: units, floor, event classes */
static void set_up(struct import *im, const struct lexer_facts *facts,
		   const struct assembler *a)
{
	bool scaled = facts->ticks && im->o->clock_hz;

	im->setup.units = facts->fraction_digits || !facts->stamped || scaled;
	/* fine enough: a tick of less than 100 ns */
	im->setup.tax = facts->fraction_digits > 6 ||
			(scaled && im->o->clock_hz > 10000000);
	im->setup.floor = assemble_floor(a);
	if (!im->setup.tax)
		im->setup.floor.tax_ns = 0;
	if (!im->setup.units)
		im->setup.floor = (struct timing_floor){ 0 };
	im->setup.have = assemble_have(a) | im->h.have;
	im->setup.faults = assemble_faults(a);
	if (!im->h.kernel[0])
		snprintf(im->h.kernel, sizeof(im->h.kernel), "%s",
			 facts->kernel);
	if (im->setup.tax)
		im->h.have |= HAVE_NS_CLOCK;
	im->acct->ticks = !im->setup.units;
}

int import_calibrate(struct import *im, struct errbuf *e)
{
	struct errbuf ignored = { 0 };
	struct trace_header scratch = { 0 };
	struct assemble_setup setup = im->setup;
	struct lexer *lx = lexer_new();
	struct assembler *a;
	struct assemble_counts counts;
	uint64_t events;
	bool ticks;

	lexer_path(lx, im->o->inputs[0]);
	memcpy(scratch.kernel, im->h.kernel, sizeof(scratch.kernel));
	im->setup.calls_tell_tasks = im->src[0].f->calls_tell_tasks;
	setup.writer = NULL;
	setup.header = &scratch;
	setup.maps = NULL;
	setup.units = setup.tax = true;
	a = assemble_new(&setup, &ignored);
	events = dry_run(im, lx, a);
	set_up(im, lexer_facts(lx), a);
	ticks = lexer_facts(lx)->ticks;
	assemble_finish(a, &counts, &ignored);
	assemble_free(a);
	trace_header_release(&scratch);
	lexer_free(lx);
	return check_clock(im, events, counts.clock_steps, ticks, e);
}
