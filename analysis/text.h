#ifndef MMREPLAY_ANALYSIS_TEXT_H
#define MMREPLAY_ANALYSIS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Text for people. Whatever came from a result file passes text_clean()
 * before it reaches a terminal, a table, a plot or a page: names of tasks
 * and cells are hostile until then.
 */

/** struct text - a growing string; zero-initialised is empty and valid */
struct text {
	char *s;		/* NULL while empty; text_str() never is */
	size_t len, room;
};

void text_add(struct text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull));
void text_put(struct text *t, const char *s);
void text_putn(struct text *t, const char *s, size_t n);
void text_clear(struct text *t);
void text_release(struct text *t);
const char *text_str(const struct text *t);

/**
 * enum text_form - where the text will stand
 * TEXT_CSV is one whole field, quoted where needed; TEXT_GNUPLOT is safe
 * between single quotes of a script and in a tab-separated data file;
 * TEXT_HTML in an element or between double quotes of an attribute.
 */
enum text_form { TEXT_PLAIN, TEXT_CSV, TEXT_MARKDOWN, TEXT_GNUPLOT, TEXT_HTML,
		 TEXT_FOLDED };

/** text_clean() - append @s, controls and direction marks made visible */
void text_clean(struct text *t, const char *s, enum text_form form);

/** text_json() - append @s as a JSON string, cleaned first */
void text_json(struct text *t, const char *s);

/** text_width() - columns on a terminal: one a code point */
size_t text_width(const char *s);

/** text_bytes() - bytes of the first @columns code points of @s */
size_t text_bytes(const char *s, size_t columns);

enum unit { UNIT_COUNT, UNIT_NS, UNIT_BYTES, UNIT_BYTE_SECONDS, UNIT_SHARE,
	    UNIT_PER_SECOND };

/** text_value() - three digits and a unit that suits: "1.23 ms", "12.0 KiB" */
void text_value(struct text *t, double v, enum unit unit);

/** text_exact() - the shortest decimal that reads back as @v */
void text_exact(struct text *t, double v);

extern const char *const unit_names[];	/* as in CSV: "ns", "bytes", ... */

/**
 * unit_of_path() - unit of a value by its key, as DESIGN.md 8 names them
 */
enum unit unit_of_path(const char *path);

#endif
