/*
 * Reads result folders into cells, and cells into groups and blocks.
 *
 * A group is one configuration: its cells differ only in their replicate. A
 * block is what may be compared: one trace under one set of params. Cells
 * keep the order of results.json, which is the order of the scenario; the
 * same cell met in two folders under one name counts once. Everything that a cell says comes
 * from cells/ID.json; results.json gives order and origin only.
 *
 * Cost: cells squared in string comparisons, for thousands of cells.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/results.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/base/seal.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* Ids name files, and results.json may come from anywhere. */
static bool id_is_safe(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n <= 128 && id[0] != '.' &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			  "0123456789._-") == n;
}

/* The same cell under the same name, as in a folder that is given twice. Under
 * another name it is a column of its own, whose changes are exactly 0. */
static bool have_cell(const struct result_set *s, const struct result_cell *c)
{
	for (uint32_t i = 0; i < s->cell_count; i++)
		if (!strcmp(s->cells[i].id, c->id) &&
		    !strcmp(s->cells[i].label, c->label))
			return true;
	return false;
}

static uint64_t replicate_of(const json_t *cell)
{
	const json_t *r = json_object_get(cell, "replicate");

	if (!json_is_integer(r))
		r = json_object_get(cell, "seed");
	return (uint64_t)json_integer_value(r);
}

static int fill_cell(struct result_cell *c, json_t *json, const char *dir,
		     const char *path, const char *id, struct errbuf *e)
{
	const json_t *failed = json_object_get(json, "failed");

	if (!json_is_object(json) || strcmp(text_of(json, "id"), id) ||
	    !json_is_string(json_object_get(json, "label")))
		return err_set(e, -EINVAL, "%s: not the cell file of %s", path,
			       id);
	*c = (struct result_cell){
		.json = json, .dir = dir,
		.id = text_of(json, "id"), .label = text_of(json, "label"),
		.baseline = json_is_true(json_object_get(json, "baseline")),
		.failed = failed && !json_is_null(failed),
		.failure = json_string_value(failed),
		.replicate = replicate_of(json),
	};
	return 0;
}

static int load_cell(struct result_set *s, const char *dir, const char *id,
		     struct errbuf *e)
{
	char *path = xasprintf("%s/cells/%s.json", dir, id);
	struct errbuf why = { 0 };
	enum seal_state seal;
	json_t *json = NULL;
	int err = 0;

	if (access(path, R_OK)) {
		err = err_set(e, -ENOENT,
			      "%s: missing; run the scenario again to finish it",
			      path);
		goto out;
	}
	json = json_read_sealed(path, "hist", &seal, &why);
	if (seal == SEAL_BROKEN) {
		err = err_set(e, -EINVAL,
			      "%s: changed since it was written; run the scenario again",
			      path);
		json_decref(json);
		goto out;
	}
	if (!json) {
		err = err_set(e, why.code, "%s", why.text);
		goto out;
	}
	err = fill_cell(&s->cells[s->cell_count], json, dir, path, id, e);
	if (err || have_cell(s, &s->cells[s->cell_count]))
		json_decref(json);
	else
		s->cell_count++;
out:
	free(path);
	return err;
}

/* The ids of results.json: the rest of it would take the memory of all cells. */
static json_t *ids_of(const json_t *cells)
{
	json_t *ids = json_array(), *entry;
	size_t i;

	json_array_foreach((json_t *)cells, i, entry)
		json_array_append_new(ids, json_string_nocheck(text_of(entry, "id")));
	return ids;
}

static int load_cells(struct result_set *s, const char *dir,
		      const json_t *ids, struct errbuf *e)
{
	const json_t *entry;
	size_t i;

	s->cells = xrealloc(s->cells, s->cell_count + json_array_size(ids) + 1,
			    sizeof(*s->cells));
	json_array_foreach(ids, i, entry) {
		const char *id = json_string_value(entry);
		int err;

		if (!id_is_safe(id))
			return err_set(e, -EINVAL,
				       "%s/results.json: cell %zu has no usable id",
				       dir, i + 1);
		err = load_cell(s, dir, id, e);
		if (err)
			return err;
	}
	return 0;
}

static int load_head(struct result_set *s, uint32_t n, struct errbuf *e)
{
	const char *dir = s->dirs[n];
	char *path = xasprintf("%s/results.json", dir);
	json_t *head = NULL, *ids = NULL;
	int err = 0;

	if (access(path, R_OK)) {
		err = err_set(e, -ENOENT,
			      "%s: not there, so %s is no result folder", path,
			      dir);
		goto out;
	}
	head = json_read(path, e);
	s->heads[n] = head;
	if (!head) {
		err = -EINVAL;
		goto out;
	}
	if (json_integer_value(json_object_get(head, "format")) != 1 ||
	    !json_is_array(json_object_get(head, "cells"))) {
		err = err_set(e, -EINVAL,
			      "%s: expected results of format 1 with \"cells\"",
			      path);
		goto out;
	}
	ids = ids_of(json_object_get(head, "cells"));
	json_object_del(head, "cells");
	err = load_cells(s, dir, ids, e);
out:
	json_decref(ids);
	free(path);
	return err;
}

static int load_reference(struct result_set *s, const char *dir,
			  struct errbuf *e)
{
	char *path = xasprintf("%s/reference.json", dir);
	int err = 0;

	if (!s->reference && !access(path, R_OK)) {
		s->reference = json_read(path, e);
		if (!s->reference)
			err = -EINVAL;
	}
	free(path);
	return err;
}

/* Of the folder, or of the study of its scenario below it; one that another
 * program made says nothing about these cells. */
static int load_study(struct result_set *s, uint32_t folder, struct errbuf *e)
{
	static const char *const below[] = { "", "sensitivity/" };
	int err = 0;

	for (int i = 0; i < 2 && !s->study && !err; i++) {
		char *path = xasprintf("%s/%ssensitivity.json", s->dirs[folder],
				       below[i]);

		if (!access(path, R_OK)) {
			s->study = json_read(path, e);
			err = s->study ? 0 : -EINVAL;
		}
		free(path);
	}
	if (s->study && !json_equal(json_object_get(s->study, "model_id"),
				    json_object_get(s->heads[folder], "model_id"))) {
		json_decref(s->study);
		s->study = NULL;
	}
	return err;
}

/* What makes two cells replicates of each other, as one string. */
static char *group_key(const struct result_set *s, const struct result_cell *c)
{
	static const char *const same[] = { "label", "kernel", "machine",
					    "policies", "params" };
	json_t *key = json_array();
	const char *model = "";
	char *text;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		json_t *v = json_object_get(c->json, same[i]);

		json_array_append(key, v ? v : json_null());
	}
	for (uint32_t i = 0; i < s->dir_count; i++)
		if (c->dir == s->dirs[i])
			model = text_of(s->heads[i], "model_id");
	json_array_append_new(key, json_string_nocheck(model));
	json_array_append_new(key, json_string_nocheck(
		text_of(json_object_get(c->json, "trace"), "digest")));
	text = json_dumps(key, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	json_decref(key);
	return text ? text : xstrdup("");
}

/* What makes two groups comparable. */
static char *block_key(const struct result_cell *c)
{
	const json_t *params = json_object_get(c->json, "params");
	char *p = params ? json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS) :
			   NULL;
	char *text;

	if (p && !strcmp(p, "{}")) {
		free(p);
		p = NULL;
	}
	text = xasprintf("%s|%s",
			 text_of(json_object_get(c->json, "trace"), "digest"),
			 p ? p : "");
	free(p);
	return text;
}

static uint32_t find_key(char *const *keys, uint32_t count, const char *key)
{
	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(keys[i], key))
			return i;
	return RESULT_NONE;
}

static void free_keys(char **keys, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		free(keys[i]);
	free(keys);
}

/* Into its group, ascending by replicate; equal numbers keep their order. */
static void group_add(struct result_set *s, uint32_t cell)
{
	struct result_cell *c = &s->cells[cell];
	struct result_group *g = &s->groups[c->group];
	uint32_t at;

	g->baseline |= c->baseline;
	if (c->failed) {
		g->failed_count++;
		return;
	}
	g->cells = xrealloc(g->cells, g->cell_count + 1, sizeof(*g->cells));
	for (at = g->cell_count; at > 0; at--) {
		if (s->cells[g->cells[at - 1]].replicate <= c->replicate)
			break;
		g->cells[at] = g->cells[at - 1];
	}
	g->cells[at] = cell;
	g->cell_count++;
}

static void make_groups(struct result_set *s)
{
	char **keys = xcalloc(s->cell_count + 1, sizeof(*keys));

	s->groups = xcalloc(s->cell_count + 1, sizeof(*s->groups));
	for (uint32_t i = 0; i < s->cell_count; i++) {
		struct result_cell *c = &s->cells[i];
		char *key = group_key(s, c);

		c->group = find_key(keys, s->group_count, key);
		if (c->group == RESULT_NONE) {
			c->group = s->group_count++;
			keys[c->group] = key;
			s->groups[c->group].example = i;
		} else {
			free(key);
		}
		group_add(s, i);
	}
	free_keys(keys, s->group_count);
}

static void make_blocks(struct result_set *s)
{
	char **keys = xcalloc(s->group_count + 1, sizeof(*keys));

	s->blocks = xcalloc(s->group_count + 1, sizeof(*s->blocks));
	for (uint32_t i = 0; i < s->group_count; i++) {
		struct result_group *g = &s->groups[i];
		const struct result_cell *c = &s->cells[g->example];
		char *key = block_key(c);
		struct result_block *b;

		g->block = find_key(keys, s->block_count, key);
		if (g->block == RESULT_NONE) {
			g->block = s->block_count++;
			keys[g->block] = key;
			b = &s->blocks[g->block];
			*b = (struct result_block){
				.first = i, .base = RESULT_NONE,
				.params = json_object_get(c->json, "params"),
			};
		} else {
			free(key);
		}
		b = &s->blocks[g->block];
		if (g->baseline && b->base == RESULT_NONE)
			b->base = i;
	}
	free_keys(keys, s->block_count);
}

/* Without a baseline of its own a block is measured against the first one
 * anywhere; without any, against its first group. */
static void set_bases(struct result_set *s)
{
	uint32_t any = RESULT_NONE;

	for (uint32_t i = 0; i < s->block_count && any == RESULT_NONE; i++)
		any = s->blocks[i].base;
	for (uint32_t i = 0; i < s->group_count; i++) {
		const struct result_block *b = &s->blocks[s->groups[i].block];

		if (b->base != RESULT_NONE)
			s->groups[i].base = b->base;
		else
			s->groups[i].base = any != RESULT_NONE ? any : b->first;
	}
}

/* Is the word at @word, as a sweep appends it, KEY=VALUE of a param? */
static bool is_param(const json_t *params, const char *word, size_t bytes)
{
	const char *equals = memchr(word, '=', bytes);
	bool found = false;
	char *key;

	if (!equals)
		return false;
	key = xasprintf("%.*s", (int)(equals - word), word);
	found = json_object_get(params, key) != NULL;
	free(key);
	return found;
}

/* A label without the words that name a param. */
static char *without_params(const char *label, const json_t *params)
{
	char *name = xcalloc(1, strlen(label) + 1), *to = name;

	while (*label) {
		size_t bytes = strcspn(label, " ");

		if (!is_param(params, label, bytes)) {
			if (to != name)
				*to++ = ' ';
			memcpy(to, label, bytes);
			to += bytes;
		}
		label += bytes;
		label += *label == ' ';
	}
	return name;
}

static void make_name(struct result_group *g, const json_t *params)
{
	g->name = without_params(g->label, params);
	if (*g->name)
		return;
	free(g->name);
	g->name = xstrdup(g->label);
}

/* Labels are what a reader tells columns apart by. */
static void make_labels(struct result_set *s)
{
	for (uint32_t i = 0; i < s->group_count; i++) {
		const struct result_cell *c = &s->cells[s->groups[i].example];
		bool clash = false;

		for (uint32_t j = 0; j < s->group_count; j++) {
			const struct result_cell *d =
				&s->cells[s->groups[j].example];

			clash |= d->dir != c->dir && !strcmp(d->label, c->label);
		}
		s->groups[i].label = clash ?
			xasprintf("%s @ %s", c->label, c->dir) :
			xstrdup(c->label);
		make_name(&s->groups[i], json_object_get(c->json, "params"));
	}
}

struct result_set *results_load(const char *const *dirs, uint32_t count,
				struct errbuf *e)
{
	struct result_set *s = xcalloc(1, sizeof(*s));

	s->dirs = xcalloc(count + 1, sizeof(*s->dirs));
	s->heads = xcalloc(count + 1, sizeof(*s->heads));
	for (uint32_t i = 0; i < count; i++) {
		size_t n = strlen(dirs[i]);

		while (n > 1 && dirs[i][n - 1] == '/')
			n--;
		s->dirs[i] = xasprintf("%.*s", (int)n, dirs[i]);
		s->dir_count++;
		if (load_head(s, i, e) || load_reference(s, s->dirs[i], e) ||
		    load_study(s, i, e))
			goto fail;
	}
	if (!s->cell_count) {
		err_set(e, -EINVAL, "%s/results.json: no cells",
			count ? s->dirs[0] : "");
		goto fail;
	}
	s->scenario = text_of(s->heads[0], "scenario");
	make_groups(s);
	make_blocks(s);
	set_bases(s);
	make_labels(s);
	return s;
fail:
	results_free(s);
	return NULL;
}

void results_free(struct result_set *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->cell_count; i++)
		json_decref(s->cells[i].json);
	for (uint32_t i = 0; i < s->group_count; i++) {
		free(s->groups[i].label);
		free(s->groups[i].name);
		free(s->groups[i].cells);
	}
	for (uint32_t i = 0; i < s->dir_count; i++) {
		json_decref(s->heads[i]);
		free(s->dirs[i]);
	}
	json_decref(s->reference);
	json_decref(s->study);
	free(s->cells);
	free(s->groups);
	free(s->blocks);
	free(s->dirs);
	free(s->heads);
	free(s);
}

/* Does the number tell blocks apart, or is it the same in all of them? */
static bool is_swept(const struct result_set *s, const char *key, const json_t *v)
{
	for (uint32_t b = 0; b < s->block_count; b++)
		if (!json_equal(json_object_get(s->blocks[b].params, key), v))
			return true;
	return false;
}

char *group_title(const struct result_set *s, uint32_t group)
{
	const struct result_group *g = &s->groups[group];
	const json_t *params = s->blocks[g->block].params;
	char *title = xstrdup(s->cells[g->example].label);
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)params, key, v) {
		char *number, *longer;

		if (!is_swept(s, key, v))
			continue;
		number = json_dumps(v, JSON_ENCODE_ANY);
		longer = xasprintf("%s, %s=%s", title, key, number);
		free(number);
		free(title);
		title = longer;
	}
	return title;
}

static bool names_group(const json_t *conclusion, const char *key,
			const struct result_set *s, uint32_t group)
{
	const char *said = json_string_value(json_object_get(conclusion, key));
	char *title = group_title(s, group);
	bool same = said && !strcmp(said, title);

	free(title);
	return same;
}

const json_t *study_conclusion(const struct result_set *s, uint32_t group,
			       const char *path)
{
	const char *metric = json_string_value(json_object_get(s->study, "metric"));
	const json_t *c;
	size_t i;

	if (!strcmp(path, "run.sim_ops_per_s"))
		path = "run.makespan_ns";
	if (!metric || strcmp(metric, path))
		return NULL;
	json_array_foreach(json_object_get(s->study, "conclusions"), i, c)
		if (names_group(c, "label", s, group) &&
		    names_group(c, "baseline", s, s->groups[group].base))
			return c;
	return NULL;
}

static bool group_is(const struct result_set *s, uint32_t i, const char *name)
{
	const struct result_group *g = &s->groups[i];
	char *end;
	unsigned long n = strtoul(name, &end, 10);

	if (!strcmp(g->label, name) || !strcmp(s->cells[g->example].label, name))
		return true;
	for (uint32_t k = 0; k < g->cell_count; k++)
		if (!strcmp(s->cells[g->cells[k]].id, name))
			return true;
	return *name && !*end && n == i + 1;
}

int results_baseline(struct result_set *s, const char *name, struct errbuf *e)
{
	const char **labels = xcalloc(s->group_count + 1, sizeof(*labels));
	bool found = false;
	int err = 0;

	for (uint32_t i = 0; i < s->block_count; i++)
		s->blocks[i].base = RESULT_NONE;
	for (uint32_t i = 0; i < s->group_count; i++) {
		struct result_block *b = &s->blocks[s->groups[i].block];

		labels[i] = s->groups[i].label;
		if (b->base == RESULT_NONE && group_is(s, i, name)) {
			b->base = i;
			found = true;
		}
	}
	if (found)
		set_bases(s);
	else
		err = err_unknown(e, (struct loc){ 0 }, "baseline cell", name,
				  labels, s->group_count);
	free(labels);
	return err;
}
