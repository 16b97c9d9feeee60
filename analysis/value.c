/*
 * Values of a cell by path. One grammar serves tables, plots and --metric:
 *
 *   run.makespan_ns                        dotted, keys may have dots
 *   locks.l.read.spin_ns+locks.l.read.sleep_ns      a sum of present parts
 *   blame[mmap_lock,fault,munmap].wait_ns  entries of the blame list; * is any
 *   hung_tasks                             an array counts its entries
 *
 * A path that leads nowhere is absent, which is not zero.
 */
#include <math.h>
#include <string.h>
#include "analysis/results.h"

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

static bool field_is(const json_t *entry, const char *key, const char *want,
		     size_t len)
{
	const json_t *v = json_object_get(entry, key);

	if (len == 1 && *want == '*')
		return true;
	return json_is_string(v) && json_string_length(v) == len &&
	       !memcmp(json_string_value(v), want, len);
}

/* blame[lock,waiter,holder].key, in @path of @len bytes: the sum of what fits */
static bool blame_number(const json_t *cell, const char *path, size_t len,
			 double *value, bool *integral)
{
	static const char *const part[] = { "lock", "waiter", "holder" };
	const char *from[3], *end = path + len, *p = path + strlen("blame[");
	const json_t *entry, *list = json_object_get(cell, "blame");
	bool found = false;
	size_t bytes[3], i;

	for (i = 0; i < 3; i++) {
		const char *stop = memchr(p, i < 2 ? ',' : ']',
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

		for (int k = 0; k < 3; k++)
			hit = hit && field_is(entry, part[k], from[k], bytes[k]);
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

	if (len > 6 && !strncmp(path, "blame[", 6))
		return blame_number(cell, path, len, value, integral);
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
