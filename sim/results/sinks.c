/*
 * Files that a cell writes while it runs: series/ID.csv where the scenario
 * asks for series, cells/ID.events where the command line asks for events,
 * ID.mmt in the folder that the command line asks for simulated traces in.
 *
 * They appear whole or not at all, and before the cell file: a cell that is
 * there has them. What happened to them since is seen by their seals (seal.h),
 * which the cell file has of the series; the last line of a log of what is
 * above it, and ID.mmt.json beside a trace, a name that no cell file has:
 * whether there are logs or traces is no matter of the cell. Nor is the window
 * of the events, so a log of another window is no log: its first line tells.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/base/json.h"
#include "sim/results/sinks.h"

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

static char *export_seal_path(const struct run_options *o, const struct cell *c)
{
	return xasprintf("%s/%s.mmt.json", o->export_dir, c->id);
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
	int r = atomic_open_sealed(f, path, e);

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
	k->export_seal = o->export_dir ? export_seal_path(o, cell) : NULL;
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

static void end_log(struct atomic_file *log)
{
	char line[SEAL_LINE_BYTES];

	seal_line(atomic_seal(log), line);
	fputs(line, log->f);
}

int sinks_close(struct sinks *k, bool keep, struct errbuf *e)
{
	int r, last;

	if (k->events.f)
		end_log(&k->events);
	if (k->series.f)
		k->series_seal = *atomic_seal(&k->series);
	r = close_one(&k->series, keep, e);
	last = close_one(&k->events, keep && !r, e);
	r = r ? r : last;
	if (!r && keep && k->export_path)
		r = seal_beside(k->export_path, k->export_seal, e);
	free(k->export_path);
	free(k->export_seal);
	k->export_path = k->export_seal = NULL;
	return r;
}

static enum side series_side(const struct scenario *s,
			     const struct run_options *o,
			     const struct cell *c, const json_t *sealed)
{
	char *path = s->series_ns ? series_path(o->out_dir, c) : NULL;
	enum side side = !path || seal_is(path, sealed) ? SIDE_THERE :
							  SIDE_DAMAGED;

	free(path);
	return side;
}

/* Where the last line of @f begins; a negative number if it is no line. */
static int64_t last_line(FILE *f, char out[SEAL_LINE_BYTES])
{
	int64_t bytes, from;
	char *line;
	size_t n;

	if (fseeko(f, 0, SEEK_END))
		return -1;
	bytes = ftello(f);
	from = bytes < SEAL_LINE_BYTES ? 0 : bytes - (SEAL_LINE_BYTES - 1);
	if (fseeko(f, from, SEEK_SET))
		return -1;
	n = fread(out, 1, SEAL_LINE_BYTES - 1, f);
	if (!n || out[n - 1] != '\n')
		return -1;
	out[n - 1] = '\0';
	line = strrchr(out, '\n');
	out[n - 1] = '\n';
	out[n] = '\0';
	if (!line)
		return -1;
	from += ++line - out;
	memmove(out, line, strlen(line) + 1);
	return from;
}

/* Is the last line of @f the seal of all that is above it? */
static bool is_sealed(FILE *f)
{
	char line[SEAL_LINE_BYTES];
	int64_t at = last_line(f, line);
	struct seal s;

	if (at < 0 || !seal_ends_at(line, (uint64_t)at) ||
	    fseeko(f, 0, SEEK_SET))
		return false;
	seal_init(&s);
	s.bytes = digest_stream(&s.digest, f, (uint64_t)at);
	return seal_ends(&s, line);
}

static enum side events_side(const struct run_options *o, const struct cell *c)
{
	struct event_window w = window_of(o, c);
	char *path = events_path(o->out_dir, c), *line = NULL;
	char *head = events_head(&w, c->profile.cpus);
	struct errbuf why = { 0 };
	FILE *f = o->events ? file_stream(path, &why) : NULL;
	enum side side = !o->events ? SIDE_THERE :
			 why.code && why.code != -ENOENT ? SIDE_DAMAGED :
							   SIDE_OTHER;
	size_t room = 0;

	if (f && !is_sealed(f)) {
		side = SIDE_DAMAGED;
	} else if (f) {
		rewind(f);
		if (getline(&line, &room, f) <= 0 || !strstr(line, c->id))
			side = SIDE_DAMAGED;	/* another cell's */
		else if (!strcmp(line, head))
			side = SIDE_THERE;
	}
	if (f)
		fclose(f);
	free(line);
	free(head);
	free(path);
	return side;
}

static enum side export_side(const struct run_options *o, const struct cell *c)
{
	char *path = export_path(o, c), *seal;
	enum side side = SIDE_THERE;

	if (path && access(path, F_OK)) {
		side = SIDE_OTHER;
	} else if (path) {
		seal = export_seal_path(o, c);
		side = seal_holds(path, seal) ? SIDE_THERE : SIDE_DAMAGED;
		free(seal);
	}
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
	if (!r && o->export_dir)
		r = make_dirs(o->export_dir, e);
	return r;
}
