/*
 * The driver of an import: opens the inputs, finds their format, learns from
 * the first megabytes what tracing costs, then takes lines of all inputs in
 * order of their stamps and hands their events to the assembler.
 *
 * Invariant: every line of every input is booked exactly once. Memory is one
 * buffer per input and what the assembler and the writer hold.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/import/facts.h"
#include "traces/import/import_int.h"

enum { PROGRESS_LINES = 1 << 15 };

static int book_loss(struct import *im, const struct source *s,
		     const char *prefix, const char *name, size_t bytes,
		     struct errbuf *e)
{
	struct import_account *acct = im->acct;
	size_t p = prefix ? strlen(prefix) : 0;
	struct import_loss *l;
	unsigned i;

	if (bytes == 0)
		bytes = strlen(name);
	bytes = strnlen(name, bytes);	/* a name may have a NUL in it */
	for (i = 0; i < acct->losses; i++) {
		l = &acct->loss[i];
		if (!strncmp(l->name, prefix ? prefix : "", p) &&
		    !strncmp(l->name + p, name, bytes) && !l->name[p + bytes])
			break;
	}
	if (i == IMPORT_LOSSES_MAX - 1 && i == acct->losses) {
		prefix = NULL;		/* the table's last row takes the rest */
		name = "other losses";
		bytes = strlen(name);
	} else if (i == IMPORT_LOSSES_MAX) {
		i--;
	}
	l = &acct->loss[i];
	if (i == acct->losses) {
		acct->losses++;
		l->name = xasprintf("%s%.*s", prefix ? prefix : "", (int)bytes,
				    name);
		snprintf(l->example, sizeof(l->example), "%s:%" PRIu64,
			 stream_path(s->s), s->line.number);
	}
	l->lines++;
	if (im->o->strict)
		return err_at(e, -EINVAL, (struct loc){ stream_path(s->s),
			      (uint32_t)s->line.number, 0 },
			      "line is lost: %s (--strict)", l->name);
	return 0;
}

/* s->ev is the loss that waited; it lasts until @until_ts, 0: unknown */
static void hand_out_mark(struct source *s, int64_t until_ts)
{
	s->ev = s->mark;
	s->ev.v[1] = (uint64_t)until_ts;
	s->line.number = s->mark_line;
	s->marked = false;
	s->have = true;
}

/* an event was read into s->ev; is there one to hand out now? */
static bool source_event(struct import *im, struct source *s)
{
	struct raw_event read = s->ev;
	uint64_t number = s->line.number;
	bool marked = s->marked;

	if (read.type == RAW_LOST) {
		if (marked)
			hand_out_mark(s, 0);
		s->mark = read;
		s->mark.ts = s->last_ts;
		s->mark_line = number;
		s->marked = true;
		return marked;
	}
	import_scale_ticks(im, s->lx, &s->ev);
	s->last_ts = s->ev.ts;
	s->have = true;
	if (marked) {
		s->behind = s->ev;
		s->behind_line = number;
		s->waits = true;
		hand_out_mark(s, s->behind.ts);
	}
	return true;
}

/* the next event of @s into s->ev; books the lines that are none */
static int source_step(struct import *im, struct source *s, struct errbuf *e)
{
	int ret;

	s->have = s->waits;
	if (s->waits) {
		s->ev = s->behind;
		s->line.number = s->behind_line;
		s->waits = false;
		return 0;
	}
	while ((ret = stream_line(s->s, &s->line, e)) > 0) {
		enum line_class c;

		im->acct->lines++;
		if (s->line.cut) {
			ret = book_loss(im, s, NULL, "line too long", 0, e);
			if (ret)
				return ret;
			continue;
		}
		c = s->f->line(s->lx, s->line.text, s->line.bytes, &s->ev);
		if (c == LINE_EVENT) {
			if (source_event(im, s))
				return 0;
			continue;
		}
		if (c == LINE_HEADER) {
			im->acct->header_lines++;
		} else if (c == LINE_BLANK) {
			im->acct->blank_lines++;
		} else if (c == LINE_NAMED) {
			ret = book_loss(im, s, NULL, s->ev.name,
					s->ev.name_bytes, e);
			if (ret)
				return ret;
		} else {
			ret = book_loss(im, s, NULL, "unparsed", 0, e);
			if (ret)
				return ret;
		}
	}
	if (!ret && s->marked)
		hand_out_mark(s, 0);
	if (!ret && stream_damage(s->s) && !im->acct->early_end[0])
		snprintf(im->acct->early_end, sizeof(im->acct->early_end),
			 "%.80s: %.70s", stream_path(s->s),
			 stream_damage(s->s));
	return ret;
}

static int source_open(struct source *s, const char *path, const char *format,
		       struct errbuf *e)
{
	const char *text;
	size_t bytes;

	s->s = stream_open(path, e);
	if (!s->s)
		return -EIO;
	s->lx = lexer_new();
	lexer_path(s->lx, path);
	text = stream_peek(s->s, &bytes);
	s->f = format ? format_find(format, e) :
			format_detect(stream_path(s->s), text, bytes, e);
	if (!s->f)
		return -EINVAL;
	return s->f->convert ? stream_convert(s->s, s->f->convert, e) : 0;
}

static void source_close(struct source *s)
{
	stream_close(s->s);
	lexer_free(s->lx);
}

/* on to the next event of the --flags-from text; 0 at its end */
static int next_flags(struct source *f, struct errbuf *e)
{
	int ret;

	while ((ret = stream_line(f->s, &f->line, e)) > 0) {
		if (f->f->line(f->lx, f->line.text, f->line.bytes, &f->ev) ==
		    LINE_EVENT && f->ev.type != RAW_LOST)
			break;
	}
	return ret;
}

static int check_flags_end(struct source *f, struct errbuf *e)
{
	int ret = f->s ? next_flags(f, e) : 0;

	return ret <= 0 ? ret : err_at(e, -EINVAL, (struct loc){
		stream_path(f->s), (uint32_t)f->line.number, 0 }, "--flags-from "
		"goes on behind the last event: the two texts are not of one "
		"buffer");
}

/*
 * The us text of the same buffer: the same events in the same order. It has
 * the interrupt flag and the process id that the ns text lacks.
 */
static int join_flags(struct import *im, const struct source *s,
		      struct raw_event *ev, struct errbuf *e)
{
	struct source *f = &im->flags;
	struct raw_event *with = &f->ev;
	int ret = next_flags(f, e);

	if (ret < 0)
		return ret;
	if (ret && with->tid == ev->tid && with->cpu == ev->cpu &&
	    with->type == ev->type && with->call == ev->call &&
	    with->ts - ev->ts <= ROUNDING_NS &&
	    ev->ts - with->ts <= ROUNDING_NS) {
		ev->irq_known = with->irq_known;
		ev->in_irq = with->in_irq;
		if (ev->tgid == TGID_UNKNOWN)
			ev->tgid = with->tgid;
		return 0;
	}
	return err_at(e, -EINVAL, (struct loc){ stream_path(s->s),
		      (uint32_t)s->line.number, 0 }, "%s:%" PRIu64 " (--flags-"
		      "from) is not the same event: the two texts are not of "
		      "one buffer", stream_path(f->s), f->line.number);
}

static int book_event(struct import *im, struct source *s, struct errbuf *e)
{
	struct raw_event *ev = &s->ev;
	struct fate f;

	if (im->flags.s && !s->vmalloc && ev->type != RAW_LOST) {
		int ret = join_flags(im, s, ev, e);

		if (ret)
			return ret;
	}
	if (s->vmalloc && !is_vmalloc(ev) && ev->type != RAW_LOST)
		return book_loss(im, s, NULL, "no vmalloc event (in the "
				 "--vmalloc file)", 0, e);
	if (twins_has(&im->twins, ev, s->vmalloc))
		return book_loss(im, s, NULL, s->vmalloc ? "vmalloc event "
				 "that the main input has as well" :
				 "vmalloc event that is there twice", 0, e);
	if (s->vmalloc && ev->ts < im->now_ts)
		ev->ts = im->now_ts;	/* by less than ROUNDING_NS */
	if (!s->vmalloc)
		twins_note(&im->twins, ev);
	im->now_ts = ev->ts;
	im->events++;
	f = assemble_event(im->a, ev, e);
	switch (f.kind) {
	case FATE_OP:
		im->acct->op_lines++;
		return 0;
	case FATE_MEASURE:
		im->acct->measurement_lines++;
		return 0;
	case FATE_LOSS:
		return book_loss(im, s, f.loss_prefix, f.loss, f.loss_bytes,
				 e);
	default:
		return -EIO;
	}
}

/* which input has the earliest event; vmalloc lines wait for their twins */
static struct source *earliest(struct import *im)
{
	struct source *best = NULL;
	int64_t best_ts = 0;

	for (unsigned i = 0; i < im->sources; i++) {
		struct source *s = &im->src[i];
		int64_t ts = s->ev.ts + (s->vmalloc ? 2 * ROUNDING_NS : 0);

		if (s->have && (!best || ts < best_ts)) {
			best = s;
			best_ts = ts;
		}
	}
	return best;
}

static void show_progress(struct import *im)
{
	uint64_t done = 0, total;

	if (!im->o->progress)
		return;
	for (unsigned i = 0; i < im->sources; i++)
		done += stream_bytes(im->src[i].s, &total);
	progress_set(im->o->progress, done);
}

static int take_all(struct import *im, struct errbuf *e)
{
	struct source *s;
	uint64_t n = 0;
	int ret = 0;

	for (unsigned i = 0; i < im->sources && !ret; i++)
		ret = source_step(im, &im->src[i], e);
	while (!ret) {
		s = im->sources == 1 ? &im->src[0] : earliest(im);
		if (!s || !s->have)
			break;
		ret = book_event(im, s, e);
		if (!ret)
			ret = source_step(im, s, e);
		if (!(++n % PROGRESS_LINES))
			show_progress(im);
	}
	return ret;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int read_facts(struct import *im, struct errbuf *e)
{
	const struct import_options *o = im->o;
	size_t used = 0;
	char *beside;
	int ret = 0;

	if (o->header) {
		ret = facts_read(o->header, &im->h, e);
	} else {
		beside = facts_beside(o->inputs[0]);
		if (beside)
			ret = facts_read(beside, &im->h, e);
		free(beside);
	}
	for (unsigned i = 0; i < o->input_count; i++) {
		if (used < sizeof(im->h.origin))
			used += (size_t)snprintf(im->h.origin + used,
				sizeof(im->h.origin) - used, "%s%s",
				used ? " " : "", base_name(o->inputs[i]));
	}
	return ret;
}

static int open_sources(struct import *im, struct errbuf *e)
{
	const struct import_options *o = im->o;
	int ret = 0;

	if (!o->input_count || o->input_count > INPUTS_MAX)
		return err_usage(e, "import takes 1 to %d inputs", INPUTS_MAX);
	for (unsigned i = 0; i < o->input_count && !ret; i++) {
		im->sources++;
		ret = source_open(&im->src[i], o->inputs[i], o->format, e);
	}
	if (!ret && o->vmalloc) {
		im->src[im->sources].vmalloc = true;
		ret = source_open(&im->src[im->sources++], o->vmalloc, NULL, e);
		im->h.have |= HAVE_VMALLOC_SYSTEMWIDE | HAVE_VMALLOC;
	}
	if (!ret && o->flags_from)
		ret = source_open(&im->flags, o->flags_from, NULL, e);
	if (!ret)
		snprintf(im->acct->format, sizeof(im->acct->format), "%s",
			 im->src[0].f->name);
	return ret;
}

static void fill_header(struct import *im)
{
	const struct lexer_facts *facts = lexer_facts(im->src[0].lx);
	uint64_t overwritten = 0;

	for (unsigned i = 0; i < im->sources; i++)
		overwritten += lexer_facts(im->src[i].lx)->overwritten;
	/* the capture's own count, where it has one, includes these */
	if (im->h.lost_events < overwritten)
		im->h.lost_events = overwritten;
	if (!im->h.cpus_online)
		im->h.cpus_online = facts->cpus;
	snprintf(im->h.tool, sizeof(im->h.tool), "%s", im->src[0].f->name);
}

static void fill_account(struct import *im, const struct assemble_counts *c)
{
	struct import_account *acct = im->acct;
	const struct lexer_facts *facts =
		lexer_facts(im->flags.lx ? im->flags.lx : im->src[0].lx);

	memcpy(acct->ops, c->ops, sizeof(acct->ops));
	acct->unpaired_enters = c->open_at_end;
	acct->clock_steps = c->clock_steps;
	acct->lock_outside = c->lock_outside;
	acct->faults_outside = c->faults_outside;
	acct->tids_again = c->tids_again;
	acct->lost_events = im->h.lost_events;
	acct->span_ns = im->h.span_ns;
	acct->tasks = im->h.task_count;
	acct->mms = im->h.mm_count;
	acct->have = im->h.have;
	acct->wakers_unsure = acct->have & HAVE_WAKING && !facts->has_flags;
}

/* not one event: an error, with the reason of most lines; but a capture may be
 * whole and empty, as that of a quiet vmalloc instance is */
static int check_any(const struct import *im, struct errbuf *e)
{
	const struct import_account *acct = im->acct;
	const struct import_loss *most = &acct->loss[0];

	if (im->events || (acct->header_lines &&
			   acct->header_lines + acct->blank_lines == acct->lines))
		return 0;
	for (unsigned i = 1; i < acct->losses; i++) {
		if (acct->loss[i].lines > most->lines)
			most = &acct->loss[i];
	}
	return err_set(e, -EINVAL, "%s: no event to import in %" PRIu64
		       " lines%s%s", im->o->inputs[0], acct->lines,
		       acct->losses ? "; most are lost: " : "",
		       acct->losses ? most->name : "");
}

/* what is lost without a line of it being lost */
static int check_strict(const struct import *im, struct errbuf *e)
{
	const struct import_account *acct = im->acct;
	const char *path = im->o->inputs[0];

	if (acct->unpaired_enters)
		return err_set(e, -EINVAL, "%s: %" PRIu64 " calls have no end "
			       "(--strict)", path, acct->unpaired_enters);
	if (acct->lost_events)
		return err_set(e, -EINVAL, "%s: the capture itself lost %"
			       PRIu64 " events (--strict)", path,
			       acct->lost_events);
	if (acct->ops[OP_LOST])
		return err_set(e, -EINVAL, "%s: the capture itself lost events, "
			       "it does not say how many (--strict)", path);
	if (acct->early_end[0])
		return err_set(e, -EINVAL, "the input ends early: %s (--strict)",
			       acct->early_end);
	return 0;
}

/* everything but opening and closing the inputs */
static int import_open(struct import *im, struct errbuf *e)
{
	struct assemble_counts counts = { 0 };
	int ret = read_facts(im, e), finish;

	if (ret)
		return ret;
	im->setup.header = &im->h;
	ret = import_calibrate(im, e);
	if (ret)
		return ret;
	im->setup.maps = im->o->maps;
	im->setup.writer = mmt_create(im->o->output, e);
	if (!im->setup.writer)
		return -EIO;
	im->a = assemble_new(&im->setup, e);
	ret = im->a ? take_all(im, e) : -EINVAL;
	if (!ret)
		ret = check_flags_end(&im->flags, e);
	if (im->a) {
		finish = assemble_finish(im->a, &counts, e);
		if (!ret)
			ret = finish;
		fill_header(im);
		fill_account(im, &counts);
	}
	if (!ret)
		ret = check_any(im, e);
	if (!ret && im->o->strict)
		ret = check_strict(im, e);
	if (ret)
		mmt_abort(im->setup.writer);
	else
		ret = mmt_finish(im->setup.writer, &im->h, e);
	return ret;
}

int import_run(const struct import_options *o, struct import_account *acct,
	       struct errbuf *e)
{
	struct import *im = xcalloc(1, sizeof(*im));
	int ret;

	memset(acct, 0, sizeof(*acct));
	im->o = o;
	im->acct = acct;
	ret = open_sources(im, e);
	if (!ret)
		ret = import_open(im, e);
	if (!ret && !import_balanced(acct))
		BUG("lines do not add up in the account");
	assemble_free(im->a);
	for (unsigned i = 0; i < im->sources; i++)
		source_close(&im->src[i]);
	source_close(&im->flags);
	trace_header_release(&im->h);
	free(im);
	return ret;
}
