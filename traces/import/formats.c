/*
 * The registry of foreign formats: one line each in formats.def.
 *
 * Invariant: detection looks at content only, never at a file's name; ties
 * go to the earlier line of the registry.
 */
#include <errno.h>
#include <string.h>
#include "traces/import/event.h"

static const struct import_format *const formats[] = {
#define FORMAT(id, name, describes, source) &format_##id,
#include "traces/import/formats.def"
#undef FORMAT
};

enum { FORMATS = sizeof(formats) / sizeof(*formats) };

static const struct import_format_info infos[FORMATS] = {
#define FORMAT(id, name, describes, source) { name, describes, source },
#include "traces/import/formats.def"
#undef FORMAT
};

const struct import_format_info *import_formats(unsigned *count)
{
	*count = FORMATS;
	return infos;
}

static int refuse(const struct import_format *f, const char *path,
		  struct errbuf *e)
{
	return err_set(e, -EINVAL, "%s: %s (%s)", path, f->refuse,
		       f->name);
}

/* the start of the first line, printable, for the message */
static void excerpt(const char *text, size_t bytes, char out[48])
{
	size_t n = 0;

	while (n < 47 && n < bytes && text[n] != '\n') {
		unsigned char c = (unsigned char)text[n];

		out[n++] = c >= ' ' && c < 127 ? (char)c : '?';
	}
	out[n] = 0;
}

const struct import_format *format_detect(const char *path, const char *text,
					  size_t bytes, struct errbuf *e)
{
	const struct import_format *best = NULL;
	int best_score = 0;
	char seen[48];

	for (unsigned i = 0; i < FORMATS; i++) {
		int score = formats[i]->detect(text, bytes);

		if (score > best_score) {
			best = formats[i];
			best_score = score;
		}
	}
	if (best && best->refuse) {
		refuse(best, path, e);
		return NULL;
	}
	if (!best && bytes >= 8 && !memcmp(text, "MMREPLAY", 8)) {
		err_set(e, -EINVAL, "%s: is a native trace already, nothing "
			"to import", path);
	} else if (!best) {
		excerpt(text, bytes, seen);
		err_set(e, -EINVAL, "%s:1: not a capture that this program "
			"knows; it begins with '%s' (known: mmreplay formats)",
			path, seen);
	}
	return best;
}

const struct import_format *format_find(const char *name, struct errbuf *e)
{
	const char *names[FORMATS];

	for (unsigned i = 0; i < FORMATS; i++) {
		names[i] = formats[i]->name;
		if (strcmp(formats[i]->name, name))
			continue;
		if (!formats[i]->refuse)
			return formats[i];
		err_usage(e, "format %s cannot be imported: %s", name,
			  formats[i]->refuse);
		return NULL;
	}
	err_unknown(e, (struct loc){ 0 }, "format", name, names, FORMATS);
	return NULL;
}
