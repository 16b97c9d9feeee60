/*
 * Values of a cell by path. One grammar serves tables, plots and --metric:
 *
 *   run.makespan_ns                        dotted, keys may have dots
 *   locks.l.read.spin_ns+locks.l.read.sleep_ns      a sum of present parts
 *   blame[mmap_lock,fault,munmap].wait_ns  entries of the blame list; * is any
 *   hold.vma.owners[5,munmap].byte_seconds  of a list by address space and op
 *   hung_tasks                             an array counts its entries
 *
 * A path that leads nowhere is absent, which is not zero.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/results.h"
#include "sim/base/mem.h"
#include "sim/base/seal.h"

static const json_t *descend(const json_t *at, const char *path, size_t len)
{
	size_t n = len;

	if (!json_is_object(at))
		return NULL;
	for (;;) {
		const json_t *child = json_object_getn(at, path, n);

		if (child && n == len)
			return child;
		if (child) {
			child = descend(child, path + n + 1, len - n - 1);
			if (child)
				return child;
		}
		do {
			if (n-- == 0)
				return NULL;
		} while (path[n] != '.');
	}
}

const json_t *result_at(const json_t *cell, const char *path)
{
	return descend(cell, path, strlen(path));
}

enum { PARTS_MAX = 3 };

/** struct keyed_list - a list whose entries have names: which fields make one,
 *  and the number that it is about */
struct keyed_list {
	const char *name, *part[PARTS_MAX + 1], *number;
};

static const struct keyed_list keyed_lists[] = {
	{ "blame", { "lock", "waiter", "holder" }, "wait_ns" },
	{ "owners", { "mm", "op" }, "byte_seconds" },
};

/* Of the list at @path, by the last word. */
static const struct keyed_list *keyed_list(const char *path, size_t len)
{
	for (unsigned i = 0; i < sizeof(keyed_lists) / sizeof(keyed_lists[0]); i++) {
		size_t n = strlen(keyed_lists[i].name);

		if (len >= n && !memcmp(path + len - n, keyed_lists[i].name, n) &&
		    (len == n || path[len - n - 1] == '.'))
			return &keyed_lists[i];
	}
	return NULL;
}

/* What @entry has in a field, a word or a whole number; "*": nothing. */
static void field_text(const json_t *entry, const char *key, char text[64])
{
	const json_t *v = json_object_get(entry, key);

	if (json_is_integer(v))
		snprintf(text, 64, "%lld", (long long)json_integer_value(v));
	else
		snprintf(text, 64, "%s", json_is_string(v) ?
			 json_string_value(v) : "*");
}

static bool field_is(const json_t *entry, const char *key, const char *want,
		     size_t len)
{
	char text[64];

	field_text(entry, key, text);
	return (len == 1 && *want == '*') ||
	       (strlen(text) == len && !memcmp(text, want, len));
}

char *result_entry_path(const char *list, const json_t *entry)
{
	const struct keyed_list *l = keyed_list(list, strlen(list));
	char text[PARTS_MAX][64] = { "" };

	if (!l || !json_is_number(json_object_get(entry, l->number)))
		return NULL;
	for (int k = 0; l->part[k]; k++)
		field_text(entry, l->part[k], text[k]);
	return xasprintf("%s[%s,%s%s%s].%s", list, text[0], text[1],
			 l->part[2] ? "," : "", text[2], l->number);
}

/* LIST[part,..].key, in @path of @len bytes: the sum of what fits */
static bool entry_number(const json_t *cell, const char *path, size_t len,
			 double *value, bool *integral)
{
	const char *end = path + len, *p = memchr(path, '[', len);
	const struct keyed_list *l = keyed_list(path, (size_t)(p - path));
	const char *from[PARTS_MAX];
	size_t bytes[PARTS_MAX], i;
	const json_t *entry, *list;
	bool found = false;

	if (!l)
		return false;
	list = descend(cell, path, (size_t)(p - path));
	p++;
	for (i = 0; l->part[i]; i++) {
		const char *stop = memchr(p, l->part[i + 1] ? ',' : ']',
					  (size_t)(end - p));

		if (!stop)
			return false;
		from[i] = p;
		bytes[i] = (size_t)(stop - p);
		p = stop + 1;
	}
	if (p >= end || *p++ != '.')
		return false;
	*value = 0;
	json_array_foreach(list, i, entry) {
		const json_t *v = json_object_getn(entry, p, (size_t)(end - p));
		bool hit = json_is_number(v);

		for (int k = 0; l->part[k]; k++)
			hit = hit && field_is(entry, l->part[k], from[k], bytes[k]);
		if (!hit)
			continue;
		*value += json_number_value(v);
		*integral = *integral && json_is_integer(v);
		found = true;
	}
	return found;
}

static bool one_number(const json_t *cell, const char *path, size_t len,
		       double *value, bool *integral)
{
	const json_t *v;

	if (memchr(path, '[', len))
		return entry_number(cell, path, len, value, integral);
	v = descend(cell, path, len);
	if (json_is_array(v)) {
		*value = (double)json_array_size(v);
		return true;
	}
	if (!json_is_number(v))
		return false;
	*value = json_number_value(v);
	*integral = *integral && json_is_integer(v);
	return isfinite(*value);
}

bool result_number(const json_t *cell, const char *path, double *value,
		   bool *integral)
{
	bool found = false, whole = true;

	*value = 0;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "+");
		double part = 0;

		if (one_number(cell, p, n, &part, &whole)) {
			*value += part;
			found = true;
		}
		p += n + (p[n] == '+');
	}
	if (integral)
		*integral = whole;
	return found;
}

const json_t *result_hists(struct result_cell *c)
{
	char *path = xasprintf("%s/cells/%s.json", c->dir, c->id);
	json_t *whole = NULL, *hists = json_object_get(c->json, "hist");
	struct errbuf ignored = { 0 };
	enum seal_state seal;

	if (!hists) {
		whole = json_read_sealed(path, NULL, &seal, &ignored);
		hists = json_object_get(whole, "hist");
		if (hists && seal != SEAL_BROKEN)
			json_object_set(c->json, "hist", hists);
	}
	json_decref(whole);
	free(path);
	return json_object_get(c->json, "hist");
}
