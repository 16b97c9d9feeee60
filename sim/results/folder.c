/*
 * The files of a result folder: scenario.yaml, cells/, results.json and
 * host.json. Every one appears whole or not at all, so a folder may be used
 * by an interrupted run, or two at once, at any time.
 *
 * cells/ may hold files of earlier configurations; results.json says which
 * ones belong to this scenario.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/results/cell.h"
#include "sim/results/folder.h"
#include "sim/results/program.h"

char *cell_path(const char *dir, const char *id)
{
	return xasprintf("%s/cells/%s.json", dir, id);
}

static bool is_of(const json_t *cell, const struct cell *c)
{
	const char *id = json_string_value(json_object_get(cell, "id"));

	return id && !strcmp(id, c->id);
}

/* True if something had to be changed. */
static bool refresh(json_t *cell, const struct cell *c)
{
	json_t *now = json_object();
	const char *key;
	bool changed = false;
	json_t *v;

	json_object_set_new(now, "label", json_text(c->label));
	json_object_set_new(now, "baseline", json_boolean(c->baseline));
	json_object_set_new(now, "params", cell_params(c));
	json_object_foreach(now, key, v) {
		if (json_equal(v, json_object_get(cell, key)))
			continue;
		json_object_set(cell, key, v);
		changed = true;
	}
	json_decref(now);
	return changed;
}

int cell_save(const char *dir, const char *id, json_t *cell, struct errbuf *e)
{
	char *path = cell_path(dir, id);
	int r = json_save_sealed(path, cell, e);

	free(path);
	return r;
}

int cell_reuse(const char *dir, const struct cell *c, bool update,
	       json_t **series, bool *changed, struct errbuf *e)
{
	char *path = cell_path(dir, c->id);
	struct errbuf why = { 0 };
	bool there = !access(path, R_OK);
	enum seal_state seal = SEAL_NONE;
	json_t *cell = there ? json_read_sealed(path, NULL, &seal, &why) : NULL;
	int r = seal == SEAL_HOLDS && is_of(cell, c) &&
		json_is_null(json_object_get(cell, "failed"));

	*changed = there && (seal != SEAL_HOLDS || !is_of(cell, c));
	if (r && update && refresh(cell, c)) {
		r = cell_save(dir, c->id, cell, e);
		r = r ? r : 1;
	}
	*series = json_incref(json_object_get(cell, "series"));
	json_decref(cell);
	free(path);
	return r;
}

static int write_text(const char *dir, const char *name, const char *text,
		      struct errbuf *e)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct atomic_file f;
	int r = atomic_open(&f, path, e);

	if (!r) {
		fputs(text, f.f);
		r = atomic_commit(&f, e);
	}
	free(path);
	return r;
}

static const char *const below[] = { "cells", "series", "traces", "slurm" };

void folder_sweep(const struct run_options *o)
{
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		char *path = xasprintf("%s/%s", o->out_dir, below[i]);

		file_sweep(path);
		free(path);
	}
	if (o->export_dir)
		file_sweep(o->export_dir);
}

/* A pipe, socket or device, also behind a link: to open one may take for ever. */
static int check_entry(const char *dir, const char *name, struct errbuf *e)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct stat st;
	int r = 0;

	if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		r = err_set(e, -EINVAL, "%s: is a pipe, socket or device; expected a file of this run, or nothing",
			    path);
	free(path);
	return r;
}

static int check_entries(const char *dir, struct errbuf *e)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int r = 0;

	while (d && !r && (entry = readdir(d)))
		if (entry->d_type != DT_REG && entry->d_type != DT_DIR)
			r = check_entry(dir, entry->d_name, e);
	if (d)
		closedir(d);
	return r;
}

/* @o->out_dir itself may be any folder of the user's, with other things in it. */
static int check_folder(const struct run_options *o, struct errbuf *e)
{
	static const char *const files[] = { "scenario.yaml", "results.json", "host.json" };
	int r = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !r; i++)
		r = check_entry(o->out_dir, files[i], e);
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]) && !r; i++) {
		char *path = xasprintf("%s/%s", o->out_dir, below[i]);

		r = check_entries(path, e);
		free(path);
	}
	return r;
}

static int check_exports(const struct scenario *s, const struct run_options *o,
			 struct errbuf *e)
{
	int r = 0;

	for (uint32_t i = 0; o->export_dir && i < s->cell_count && !r; i++) {
		char *trace = xasprintf("%s.mmt", s->cells[i].id);
		char *facts = xasprintf("%s.json", trace);

		r = check_entry(o->export_dir, trace, e);
		if (!r)
			r = check_entry(o->export_dir, facts, e);
		free(trace);
		free(facts);
	}
	return r;
}

int folder_prepare(const struct scenario *s, const struct run_options *o,
		   struct errbuf *e)
{
	char *cells = xasprintf("%s/cells", o->out_dir);
	int r = *o->out_dir ? make_dirs(cells, e) :
		err_usage(e, "-o '': expected the name of a result folder");

	free(cells);
	if (r)
		return r;
	folder_sweep(o);
	r = check_folder(o, e);
	if (!r)
		r = check_exports(s, o, e);
	return r ? r : write_text(o->out_dir, "scenario.yaml", s->resolved_yaml, e);
}

static json_t *host_entry(const struct host_cost *c)
{
	json_t *o = json_object(), *decode = json_object();
	__int128 rate = c->host_ns > 0 ?
			(__int128)c->ops * NSEC_PER_SEC / c->host_ns : 0;

	json_object_set_new(o, "host_ns", json_integer(c->host_ns));
	json_object_set_new(o, "ops_per_s", json_integer((json_int_t)rate));
	json_object_set_new(o, "contacts",
			    json_integer((json_int_t)c->contacts));
	json_object_set_new(o, "events", json_integer((json_int_t)c->events));
	json_object_set_new(decode, "chunks",
			    json_integer((json_int_t)c->chunks_decoded));
	json_object_set_new(decode, "hits",
			    json_integer((json_int_t)c->chunk_hits));
	json_object_set_new(decode, "bytes",
			    json_integer((json_int_t)c->bytes_decoded));
	json_object_set_new(o, "decode", decode);
	return o;
}

static json_t *host_part(uint32_t jobs)
{
	json_t *o = json_object();
	struct utsname u;

	json_object_set_new(o, "cpus",
			    json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(o, "jobs", json_integer(jobs));
	if (!uname(&u)) {
		json_object_set_new(o, "system", json_text(u.sysname));
		json_object_set_new(o, "release", json_text(u.release));
		json_object_set_new(o, "machine", json_text(u.machine));
	}
	return o;
}

int folder_host(const struct scenario *s, const char *dir,
		const struct host_cost *cost, uint32_t jobs, int64_t wall_ns,
		struct errbuf *e)
{
	char *path = xasprintf("%s/host.json", dir);
	struct errbuf why = { 0 };
	json_t *old = access(path, R_OK) ? NULL : json_read(path, &why);
	json_t *root = json_object(), *cells = json_object();
	int r;

	json_object_set_new(root, "format", json_integer(1));
	json_object_set_new(root, "host", host_part(jobs));
	json_object_set_new(root, "wall_ns", json_integer(wall_ns));
	for (uint32_t i = 0; i < s->cell_count; i++) {
		const char *id = s->cells[i].id;
		json_t *was = json_object_get(json_object_get(old, "cells"), id);

		if (cost[i].known)
			json_object_set_new(cells, id, host_entry(&cost[i]));
		else if (was)
			json_object_set(cells, id, was);
	}
	json_object_set_new(root, "cells", cells);
	r = json_save(path, root, e);
	json_decref(root);
	json_decref(old);
	free(path);
	return r;
}
