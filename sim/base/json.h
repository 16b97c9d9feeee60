#ifndef MMREPLAY_BASE_JSON_H
#define MMREPLAY_BASE_JSON_H

#include <jansson.h>
#include "sim/base/errbuf.h"
#include "sim/base/hist.h"

/* Thin help over jansson: key order is insertion order, files are atomic. */

/** json_text() - string of @s; bytes that are not UTF-8 become U+FFFD */
json_t *json_text(const char *s);

/** json_save() - write @root to @path, whole or not at all; 1-space indent */
int json_save(const char *path, const json_t *root, struct errbuf *e);

/** json_print() - the text of such a file; caller frees. NULL: no JSON */
char *json_print(const json_t *root);

/** json_need_memory() - once, at the start: where there is none no_memory() says so,
 *  and no value is left out of what is written */
void json_need_memory(void);

/** JSON_LIMIT_BYTES - larger files are refused */
#define JSON_LIMIT_BYTES ((size_t)1 << 30)

/** json_parse() - the text of the file @path; as json_read() */
json_t *json_parse(const char *path, const char *text, size_t bytes,
		   struct errbuf *e);

/** json_read() - parse a file; message has file:line:col. Caller decrefs. */
json_t *json_read(const char *path, struct errbuf *e);

/** json_quantiles() - {"count","mean","p50","p90","p99","p999","max"} of @h */
json_t *json_quantiles(const struct hist *h);

/** json_buckets() - [[lower, count], ...] of the non-empty buckets */
json_t *json_buckets(const struct hist *h);

/**
 * json_hist() - read json_buckets() back into an empty @h
 * Checks order and edges. Samples stand at the upper edge of their bucket, so
 * counts and quantiles are those of the original, save that max and mean are
 * rounded up to an edge.
 */
int json_hist(const json_t *buckets, struct hist *h, struct errbuf *e);

#endif
