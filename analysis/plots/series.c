/*
 * Reads series/ID.csv. One pass, bounded by the file; lines that are not
 * t_ns,metric,value are an error with their place, since we wrote the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/plots/series.h"
#include "sim/base/digest.h"
#include "sim/base/file.h"
#include "sim/base/mem.h"

enum { METRICS_MOST = 512 };

static const size_t bytes_most = (size_t)1 << 30;

static struct series *find(struct series_file *f, const char *name, size_t len)
{
	struct series *s;

	for (uint32_t i = 0; i < f->count; i++)
		if (strlen(f->s[i].metric) == len &&
		    !memcmp(f->s[i].metric, name, len))
			return &f->s[i];
	if (f->count == METRICS_MOST)
		return NULL;
	f->s = xrealloc(f->s, f->count + 1, sizeof(*f->s));
	s = &f->s[f->count++];
	*s = (struct series){ .metric = xasprintf("%.*s", (int)len, name) };
	return s;
}

static void append(struct series *s, int64_t t_ns, double value)
{
	if ((s->count & (s->count + 1)) == 0)	/* 0, 1, 3, 7, ... */
		s->p = xrealloc(s->p, 2 * (size_t)s->count + 1, sizeof(*s->p));
	s->p[s->count++] = (struct series_point){ t_ns, value };
	if (value > s->high)
		s->high = value;
}

/* t_ns,metric,value of one line; false if it is not that. */
static bool parse_line(struct series_file *f, const char *line,
		       const char *prefix)
{
	char *end, *value_end;
	long long t = strtoll(line, &end, 10);
	const char *name = end + 1, *comma;
	struct series *s;
	double value;

	if (end == line || *end != ',')
		return false;
	comma = name + strcspn(name, ",\n");
	if (*comma != ',')
		return false;
	value = strtod(comma + 1, &value_end);
	if (value_end == comma + 1 || (*value_end != '\n' && *value_end))
		return false;
	f->end_ns = t > f->end_ns ? t : f->end_ns;
	if (strncmp(name, prefix, strlen(prefix)))
		return true;
	s = find(f, name, (size_t)(comma - name));
	if (s)
		append(s, t, value);
	return true;
}

/* Keep the highest and the last value of each of @most / 2 equal bins. */
static void thin(struct series *s, int64_t end_ns, uint32_t most)
{
	uint32_t kept = 0, i = 0, bins = most / 2;

	if (s->count <= most)
		return;
	while (i < s->count) {
		int64_t bin = (int64_t)((__int128)s->p[i].t_ns * bins /
					(end_ns + 1));
		uint32_t high = i, last = i;

		for (; i < s->count && (__int128)s->p[i].t_ns * bins /
					       (end_ns + 1) == bin; i++) {
			if (s->p[i].value > s->p[high].value)
				high = i;
			last = i;
		}
		s->p[kept++] = s->p[high];
		if (last != high)
			s->p[kept++] = s->p[last];
	}
	s->count = kept;
}

/* Is it what the cell @c says that it wrote, as far as it says? */
static int check_seal(const struct result_cell *c, const char *path,
		      const char *text, size_t bytes, struct errbuf *e)
{
	const json_t *seal = json_object_get(c->json, "series");
	const char *digest = json_string_value(json_object_get(seal, "digest"));
	char now[DIGEST_TEXT_BYTES];
	struct digest d;

	if (!digest)
		return 0;
	digest_init(&d);
	digest_add(&d, text, bytes);
	digest_text(&d, now);
	if (!strcmp(digest, now))
		return 0;
	return err_set(e, -EINVAL,
		       "%s: %zu bytes, not the %lld that its cell wrote: cut short or changed; run the scenario again",
		       path, bytes, (long long)json_integer_value(
					json_object_get(seal, "bytes")));
}

int series_read(const struct result_cell *c, const char *prefix, uint32_t most,
		struct series_file *out, struct errbuf *e)
{
	char *path = xasprintf("%s/series/%s.csv", c->dir, c->id), *text = NULL;
	size_t bytes = 0;
	uint32_t line = 1;
	int err = 0;

	*out = (struct series_file){ 0 };
	if (access(path, R_OK) && !json_object_get(c->json, "series"))
		err = -ENOENT;
	else
		err = file_read(path, bytes_most, &text, &bytes, e);
	if (!err)
		err = check_seal(c, path, text, bytes, e);
	for (char *p = text; !err && p && *p; line++) {
		char *next = strchr(p, '\n');

		if (line > 1 && !parse_line(out, p, prefix))
			err = err_at(e, -EINVAL, (struct loc){ path, line, 0 },
				     "expected t_ns,metric,value");
		p = next ? next + 1 : NULL;
	}
	for (uint32_t i = 0; i < out->count && !err; i++)
		thin(&out->s[i], out->end_ns, most);
	if (err)
		series_release(out);
	free(text);
	free(path);
	return err;
}

void series_release(struct series_file *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		free(f->s[i].metric);
		free(f->s[i].p);
	}
	free(f->s);
	*f = (struct series_file){ 0 };
}
