#ifndef MMREPLAY_BASE_SEAL_H
#define MMREPLAY_BASE_SEAL_H

#include <stdbool.h>
#include "sim/base/digest.h"

/*
 * Seals: how long a file was as it was written, and its digest, by which a
 * reader sees what has happened to it since. Against disks, cut copies and
 * stray edits, not against malice. Where the seal of a file stands:
 *
 *   beside it   {"bytes", "digest"} in NAME.json, or in a file that names it
 *   a log       its last line, {"e":"whole","bytes":N,"digest":D} of what is above
 *   JSON        its first key, "seal": the digest of what is below that line
 */
struct seal {
	uint64_t bytes;
	struct digest digest;
};

struct json_t;

void seal_init(struct seal *s);
/** seal_add() - @bytes more were written. Cost: 2 ns a byte */
void seal_add(struct seal *s, const void *data, size_t bytes);

/** seal_json() - {"bytes", "digest"}; caller decrefs */
struct json_t *seal_json(const struct seal *s);

/** seal_of_file() - {"bytes", "digest"} of what is in it now; NULL if it cannot
 *  be read. Cost: one reading of it. Caller decrefs */
struct json_t *seal_of_file(const char *path);

/** seal_beside() - write the seal of @path as it is to the file @seal */
int seal_beside(const char *path, const char *seal, struct errbuf *e);

/** seal_is() - is @path what @said, {"bytes", "digest"}, says of it? false if either
 *  is missing. A file of another size is not read, however large */
bool seal_is(const char *path, const struct json_t *said);

/** seal_holds() - the same, of what is said in the file @seal */
bool seal_holds(const char *path, const char *seal);

enum { SEAL_LINE_BYTES = 128 };

/** seal_line() - the last line of a log of which @s is all so far */
void seal_line(const struct seal *s, char out[SEAL_LINE_BYTES]);

/** seal_ends() - is @line that line? Also without a digest, as it once was */
bool seal_ends(const struct seal *s, const char *line);

/** seal_ends_at() - does that line end a log of @bytes above it, as it says? */
bool seal_ends_at(const char *line, uint64_t bytes);

/** enum seal_state - of a JSON file */
enum seal_state {
	SEAL_NONE,	/* it has none: an older program wrote it */
	SEAL_HOLDS,
	SEAL_BROKEN	/* changed since */
};

/** json_save_sealed() - json_save() with a seal; one that @root has is replaced */
int json_save_sealed(const char *path, struct json_t *root, struct errbuf *e);

/**
 * json_read_sealed() - json_read(), and does the seal hold?
 * @without: a member of the whole that is left out, or NULL; it costs no more than
 *           the search for its end
 * @state: also set where NULL is returned: text that is JSON no more is broken, what
 *         cannot be read has none
 * The seal is no key of what is returned.
 */
struct json_t *json_read_sealed(const char *path, const char *without,
				enum seal_state *state, struct errbuf *e);

#endif
