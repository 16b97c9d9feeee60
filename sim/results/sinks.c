/*
 * Files that a cell writes while it runs: series/ID.csv where the scenario
 * asks for series, cells/ID.events where the command line asks for events,
 * ID.mmt in the folder that the command line asks for simulated traces in.
 *
 * They appear whole or not at all, and before the cell file: a cell that is
 * there has them. The window of the events is no part of the id, so a log of
 * another window is no log: its first line tells.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
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

int sinks_close(struct sinks *k, bool keep, struct errbuf *e)
{
	int r = close_one(&k->series, keep, e);
	int last = close_one(&k->events, keep && !r, e);

	free(k->export_path);
	k->export_path = NULL;
	return r ? r : last;
}

static bool events_there(const char *path, const struct event_window *w,
			 uint32_t cpus)
{
	char *head = events_head(w, cpus), *line = NULL;
	FILE *f = fopen(path, "r");
	size_t room = 0;
	bool same = f && getline(&line, &room, f) > 0 && !strcmp(line, head);

	if (f)
		fclose(f);
	free(line);
	free(head);
	return same;
}

bool sinks_there(const struct scenario *s, const struct run_options *o,
		 const struct cell *cell)
{
	char *series = series_path(o->out_dir, cell);
	char *events = events_path(o->out_dir, cell);
	char *export = export_path(o, cell);
	struct event_window w = window_of(o, cell);
	bool there = (!s->series_ns || !access(series, R_OK)) &&
		     (!export || !access(export, R_OK)) &&
		     (!o->events || events_there(events, &w, cell->profile.cpus));

	free(series);
	free(events);
	free(export);
	return there;
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
