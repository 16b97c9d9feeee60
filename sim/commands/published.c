/* See published.h. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/commands/published.h"

enum { FILES_MAX = 1000, LIST_BYTES_MAX = 1 << 20 };
static const char reach_file[] = "out-of-reach.yaml";

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **published_files(const char *dir, uint32_t *count, struct arena *a,
			     struct errbuf *e)
{
	const char **list = arena_alloc(a, (FILES_MAX + 1) * sizeof(*list));
	DIR *d = opendir(dir);
	const struct dirent *entry;

	*count = 0;
	if (!d) {
		err_sys(e, dir, "open");
		return NULL;
	}
	while ((entry = readdir(d)) && *count < FILES_MAX) {
		const char *dot = strrchr(entry->d_name, '.');
		char *path;

		if (!dot || strcmp(dot, ".yaml") || entry->d_name[0] == '.' ||
		    !strcmp(entry->d_name, reach_file))
			continue;
		path = xasprintf("%s/%s", dir, entry->d_name);
		list[(*count)++] = arena_strdup(a, path);
		free(path);
	}
	closedir(d);
	qsort(list, *count, sizeof(*list), by_name);
	return list;
}

json_t *published_json(const struct published *p)
{
	json_t *o = json_object(), *points = json_array();

	json_object_set_new(o, "kind", json_string("published"));
	json_object_set_new(o, "result", json_text(p->result));
	json_object_set_new(o, "family", json_text(p->family));
	json_object_set_new(o, "class",
			    json_string(published_class_names[p->class]));
	json_object_set_new(o, "source", json_text(p->source));
	json_object_set_new(o, "machine", json_text(p->machine ? p->machine : ""));
	json_object_set_new(o, "quantity", json_text(p->quantity));
	json_object_set_new(o, "x", json_text(p->x ? p->x : ""));
	json_object_set_new(o, "why", json_text(p->why ? p->why : ""));
	json_object_set_new(o, "off", json_text(p->off ? p->off : ""));
	json_object_set_new(o, "noise_pct", json_integer(p->noise_pct));
	json_object_set_new(o, "same_unit", json_boolean(p->same_unit));
	for (uint32_t i = 0; i < p->point_count; i++) {
		json_t *point = json_object();

		json_object_set_new(point, "x", json_real(p->points[i].x));
		json_object_set_new(point, "before",
				    json_real(p->points[i].before));
		json_object_set_new(point, "after", json_real(p->points[i].after));
		json_array_append_new(points, point);
	}
	json_object_set_new(o, "points", points);
	return o;
}

int published_save(const struct vresult *r, const char *dir, struct errbuf *e)
{
	json_t *o = json_deep_copy(r->json);
	char *path = xasprintf("%s/reference.json", dir);
	int status;

	if (r->count) {
		json_object_set_new(o, "points", validation_points_json(r));
		json_object_set_new(o, "rows", validation_rows_json(r));
	}
	status = json_save(path, o, e);
	json_decref(o);
	free(path);
	return status;
}

int published_beside(const struct scenario *s, const char *dir,
		     struct errbuf *e)
{
	const char *const dirs[] = { dir };
	struct result_set *set = results_load(dirs, 1, e);
	json_t *published = published_json(s->published);
	struct validation v = { 0 };
	struct errbuf other = { 0 };
	int r = -1;

	validation_reserve(&v, 1);
	if (set) {
		if (validation_add(&v, set, published, false, &other))
			v.results[0].count = 0;
		r = published_save(&v.results[0], dir, e);
	}
	validation_release(&v);
	json_decref(published);
	results_free(set);
	return r;
}

/* ---- out of reach ---- */

static int add_unreached(const struct ynode *n, json_t *list, struct errbuf *e)
{
	static const char *const keys[] = { "result", "source", "reason" };
	json_t *o = json_object();

	for (size_t i = 0; i < 3; i++) {
		const struct ynode *v = n->kind == YNODE_MAP ?
					ynode_get(n, keys[i]) : NULL;

		if (!v || v->kind != YNODE_SCALAR || n->count != 3) {
			json_decref(o);
			return err_at(e, -EINVAL, n->at,
				      "expected {result: .., source: .., reason: ..}");
		}
		json_object_set_new(o, keys[i], json_text(v->scalar));
	}
	json_array_append_new(list, o);
	return 0;
}

json_t *published_out_of_reach(const char *dir, struct errbuf *e)
{
	char *path = xasprintf("%s/%s", dir, reach_file);
	struct arena a = { 0 };
	const struct ynode *root = yaml_load(path, &a, e), *seq;
	json_t *list = root ? json_array() : NULL;
	int r = root ? 0 : -EINVAL;

	seq = root && root->kind == YNODE_MAP ? ynode_get(root, "out-of-reach") :
						NULL;
	if (root && (!seq || seq->kind != YNODE_SEQ))
		r = err_at(e, -EINVAL, root->at,
			   "expected out-of-reach: and a list");
	for (size_t i = 0; !r && i < seq->count; i++)
		r = add_unreached(seq->items[i], list, e);
	if (r && list) {
		json_decref(list);
		list = NULL;
	}
	arena_release(&a);
	free(path);
	return list;
}

/* ---- what profiles were fitted to ---- */

/* Digests of @name in the text of fits.txt; false if it has no such line. */
static bool find_line(const char *text, const char *name,
		      char numbers[DIGEST_TEXT_BYTES],
		      char fits[DIGEST_TEXT_BYTES])
{
	size_t length = strlen(name);

	while (text) {
		if (!strncmp(text, name, length) && text[length] == ' ')
			return sscanf(text + length, " %32s %32s", numbers,
				      fits) == 2;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return false;
}

static void check_profile(const struct profile *p, const char *list,
			  json_t *complaints)
{
	char numbers[DIGEST_TEXT_BYTES], fits[DIGEST_TEXT_BYTES];
	char old_numbers[DIGEST_TEXT_BYTES] = "", old_fits[DIGEST_TEXT_BYTES] = "";
	const char *what = "is not listed";
	char *text;

	profile_digests(p, numbers, fits);
	if (find_line(list, p->name, old_numbers, old_fits)) {
		if (!strcmp(numbers, old_numbers) && !strcmp(fits, old_fits))
			return;
		what = strcmp(fits, old_fits) ?
		       "changed, and so did fitted_to; once the rows are checked" :
		       "has other numbers than when its fitted_to was checked; name there what they were fitted to, or that it was nothing";
	}
	text = xasprintf("machine %s %s; fits.txt expects the line\n%s %s %s",
			 p->name, what, p->name, numbers, fits);
	json_array_append_new(complaints, json_text(text));
	free(text);
}

json_t *published_check_fits(const char *dir, struct errbuf *e)
{
	char *path = xasprintf("%s/fits.txt", dir), *list = NULL;
	struct arena a = { 0 };
	const char **names = profile_names(&a);
	json_t *complaints = json_array();
	size_t bytes;
	int r = file_read(path, LIST_BYTES_MAX, &list, &bytes, e);

	for (size_t i = 0; !r && names[i]; i++) {
		struct profile *p = arena_alloc(&a, sizeof(*p));

		r = profile_load(names[i], p, &a, e);
		if (!r)
			check_profile(p, list, complaints);
	}
	free(list);
	free(path);
	arena_release(&a);
	if (!r)
		return complaints;
	json_decref(complaints);
	return NULL;
}

int published_check_class(const struct scenario *s, struct errbuf *e)
{
	const struct profile *m = &s->cells[0].profile;
	size_t length = strlen(s->published->result);
	bool fitted = s->published->class == PUBLISHED_FITTED, named = false;

	for (size_t i = 0; m->fitted_to[i]; i++)
		if (!strncmp(m->fitted_to[i], s->published->result, length) &&
		    m->fitted_to[i][length] == ':')
			named = true;
	if (fitted == named)
		return 0;
	return err_set(e, -EINVAL,
		       fitted ? "%s: class fitted, but fitted_to of machine %s has no row '%s: ..'" :
		       "%s: not of class fitted, but machine %s was fitted to it: fitted_to has '%s: ..'",
		       s->path, m->name, s->published->result);
}
