/*
 * Files that a cell writes while it runs: series/ID.csv where the scenario
 * asks for series, cells/ID.events where the command line asks for events,
 * ID.mmt in the folder that the command line asks for simulated traces in.
 *
 * They appear whole or not at all, and before the cell file: a cell that is
 * there has them. What happened to them since is seen: the cell file says size
 * and digest of the series; the last line of a log says where it is; a trace
 * ends in its index. The window of the events is no part of the id, so a log of
 * another window is no log: its first line tells.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/base/json.h"
#include "sim/results/sinks.h"

enum { MARK_BYTES = 64 };

static char *series_path(const char *dir, const struct cell *c)
{
	return xasprintf("%s/series/%s.csv", dir, c->id);
}

static char *events_path(const char *dir, const struct cell *c)
{
	return xasprintf("%s/cells/%s.events", dir, c->id);
}

static char *export_path(const struct run_options *o, const struct cell *c)
{
	return o->export_dir ? xasprintf("%s/%s.mmt", o->export_dir, c->id) :
			       NULL;
}

static struct event_window window_of(const struct run_options *o,
				     const struct cell *c)
{
	return (struct event_window){ .start_ns = o->events_start_ns,
				      .end_ns = o->events_end_ns,
				      .cell = c->id, .label = c->label };
}

static int open_one(struct atomic_file *f, char *path, struct errbuf *e)
{
	int r = atomic_open(f, path, e);

	free(path);
	return r;
}

int sinks_open(struct sinks *k, const struct scenario *s,
	       const struct run_options *o, const struct cell *cell,
	       struct replay_config *c, struct errbuf *e)
{
	int r = 0;

	*k = (struct sinks){ 0 };
	if (s->series_ns) {
		r = open_one(&k->series, series_path(o->out_dir, cell), e);
		c->series = k->series.f;
		c->series_ns = s->series_ns;
	}
	if (!r && o->events) {
		r = open_one(&k->events, events_path(o->out_dir, cell), e);
		c->events = k->events.f;
		c->window = window_of(o, cell);
	}
	c->export_path = k->export_path = export_path(o, cell);
	if (r)
		sinks_close(k, false, e);
	return r;
}

static int close_one(struct atomic_file *f, bool keep, struct errbuf *e)
{
	if (!f->f)
		return 0;
	if (keep)
		return atomic_commit(f, e);
	atomic_abort(f);
	return 0;
}

/* What the last line of a log is, if @bytes are before it. */
static void mark_text(char out[MARK_BYTES], int64_t bytes)
{
	snprintf(out, MARK_BYTES, "{\"e\":\"whole\",\"bytes\":%" PRId64 "}\n", bytes);
}

int sinks_close(struct sinks *k, bool keep, struct errbuf *e)
{
	char mark[MARK_BYTES];
	int r, last;

	if (k->events.f) {
		mark_text(mark, ftello(k->events.f));
		fputs(mark, k->events.f);
	}
	r = close_one(&k->series, keep, e);
	last = close_one(&k->events, keep && !r, e);
	free(k->export_path);
	k->export_path = NULL;
	return r ? r : last;
}

json_t *file_seal(const char *path)
{
	struct errbuf ignored = { 0 };
	char text[DIGEST_TEXT_BYTES];
	struct digest d;
	uint64_t bytes;

	if (digest_file(&d, path, &bytes, &ignored))
		return NULL;
	digest_text(&d, text);
	return json_pack("{s:I,s:s}", "bytes", (json_int_t)bytes, "digest", text);
}

json_t *sinks_seal(const struct scenario *s, const char *dir,
		   const struct cell *c)
{
	char *path = s->series_ns ? series_path(dir, c) : NULL;
	json_t *seal = path ? file_seal(path) : NULL;

	free(path);
	return seal;
}

static enum side series_side(const struct scenario *s,
			     const struct run_options *o,
			     const struct cell *c, const json_t *sealed)
{
	json_t *now = s->series_ns ? sinks_seal(s, o->out_dir, c) : NULL;
	enum side side = !s->series_ns || (now && json_equal(now, sealed)) ?
			 SIDE_THERE : SIDE_DAMAGED;

	json_decref(now);
	return side;
}

/* Does @f end in the mark that stands where it says? */
static bool is_marked(FILE *f)
{
	char tail[MARK_BYTES] = "", mark[MARK_BYTES], *line;
	int64_t bytes, before;
	size_t n;

	if (fseeko(f, 0, SEEK_END))
		return false;
	bytes = ftello(f);
	before = bytes < MARK_BYTES - 1 ? 0 : bytes - (MARK_BYTES - 1);
	if (fseeko(f, before, SEEK_SET))
		return false;
	n = fread(tail, 1, MARK_BYTES - 1, f);
	if (!n || tail[n - 1] != '\n')
		return false;
	tail[n - 1] = '\0';
	line = strrchr(tail, '\n');
	if (!line)
		return false;
	tail[n - 1] = '\n';
	mark_text(mark, before + (++line - tail));
	return !strcmp(line, mark);
}

static enum side events_side(const struct run_options *o, const struct cell *c)
{
	struct event_window w = window_of(o, c);
	char *path = events_path(o->out_dir, c), *line = NULL;
	char *head = events_head(&w, c->profile.cpus);
	FILE *f = o->events ? fopen(path, "r") : NULL;
	enum side side = o->events ? SIDE_OTHER : SIDE_THERE;
	size_t room = 0;

	if (f && getline(&line, &room, f) > 0 && !strcmp(line, head))
		side = is_marked(f) ? SIDE_THERE : SIDE_DAMAGED;
	else if (f && ftello(f) == 0)
		side = SIDE_DAMAGED;
	if (f)
		fclose(f);
	free(line);
	free(head);
	free(path);
	return side;
}

static enum side export_side(const struct run_options *o, const struct cell *c)
{
	char *path = export_path(o, c);
	enum side side = path && access(path, R_OK) ? SIDE_OTHER : SIDE_THERE;
	struct errbuf ignored = { 0 };
	struct mmt_reader *trace = NULL;

	if (path && side == SIDE_THERE) {
		trace = mmt_open(path, 0, 0, &ignored);
		side = trace ? SIDE_THERE : SIDE_DAMAGED;
	}
	mmt_close(trace);
	free(path);
	return side;
}

enum side sinks_there(const struct scenario *s, const struct run_options *o,
		      const struct cell *cell, const json_t *sealed)
{
	enum side side = series_side(s, o, cell, sealed);
	enum side events = events_side(o, cell), export = export_side(o, cell);

	side = events > side ? events : side;
	return export > side ? export : side;
}

int sinks_prepare(const struct scenario *s, const struct run_options *o,
		  struct errbuf *e)
{
	char *path = xasprintf("%s/series", o->out_dir);
	int r = s->series_ns ? make_dirs(path, e) : 0;

	free(path);
	if (!r && o->export_dir) {
		r = make_dirs(o->export_dir, e);
		file_sweep(o->export_dir);
	}
	return r;
}
