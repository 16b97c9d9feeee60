/*
 * Seals of files, see seal.h. Limit: a seal that is itself damaged reads as a
 * change of what it seals, or as none where its key is gone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/base/seal.h"

#define SEAL_HEAD "{\n \"seal\": \""
#define SEAL_TAIL "\",\n"

enum { HEAD_BYTES = sizeof(SEAL_HEAD) - 1, HEX_BYTES = DIGEST_TEXT_BYTES - 1,
       BODY_AT = HEAD_BYTES + HEX_BYTES + sizeof(SEAL_TAIL) - 1 };

void seal_init(struct seal *s)
{
	s->bytes = 0;
	digest_init(&s->digest);
}

void seal_add(struct seal *s, const void *data, size_t bytes)
{
	s->bytes += bytes;
	digest_add(&s->digest, data, bytes);
}

json_t *seal_json(const struct seal *s)
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(&s->digest, text);
	return json_pack("{s:I,s:s}", "bytes", (json_int_t)s->bytes, "digest",
			 text);
}

json_t *seal_of_file(const char *path)
{
	struct errbuf ignored = { 0 };
	struct seal s;

	if (digest_file(&s.digest, path, &s.bytes, &ignored))
		return NULL;
	return seal_json(&s);
}

int seal_beside(const char *path, const char *seal, struct errbuf *e)
{
	json_t *now = seal_of_file(path);
	int r = now ? json_save(seal, now, e) : err_sys(e, path, "cannot read");

	json_decref(now);
	return r;
}

bool seal_is(const char *path, const json_t *said)
{
	json_int_t bytes = json_integer_value(json_object_get(said, "bytes"));
	struct stat st;
	bool asked = said && !stat(path, &st) && st.st_size == bytes;
	json_t *now = asked ? seal_of_file(path) : NULL;
	bool same = now && json_equal(now, said);

	json_decref(now);
	return same;
}

bool seal_holds(const char *path, const char *seal)
{
	struct errbuf ignored = { 0 };
	json_t *said = access(seal, R_OK) ? NULL : json_read(seal, &ignored);
	bool same = seal_is(path, said);

	json_decref(said);
	return same;
}

void seal_line(const struct seal *s, char out[SEAL_LINE_BYTES])
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(&s->digest, text);
	snprintf(out, SEAL_LINE_BYTES,
		 "{\"e\":\"whole\",\"bytes\":%" PRIu64 ",\"digest\":\"%s\"}\n",
		 s->bytes, text);
}

bool seal_ends(const struct seal *s, const char *line)
{
	char now[SEAL_LINE_BYTES], once[SEAL_LINE_BYTES];

	seal_line(s, now);
	snprintf(once, sizeof(once), "{\"e\":\"whole\",\"bytes\":%" PRIu64 "}\n",
		 s->bytes);
	return !strcmp(line, now) || !strcmp(line, once);
}

bool seal_ends_at(const char *line, uint64_t bytes)
{
	uint64_t said;

	return sscanf(line, "{\"e\":\"whole\",\"bytes\":%" SCNu64, &said) == 1 &&
	       said == bytes;
}

/* What the first line says of @body, as it has to be. */
static void head_of(const char *body, size_t bytes, char out[BODY_AT + 1])
{
	char text[DIGEST_TEXT_BYTES];
	struct digest d;

	digest_init(&d);
	digest_add(&d, body, bytes);
	digest_text(&d, text);
	snprintf(out, BODY_AT + 1, SEAL_HEAD "%s" SEAL_TAIL, text);
}

int json_save_sealed(const char *path, json_t *root, struct errbuf *e)
{
	char head[BODY_AT + 1], *text;
	struct atomic_file a;
	int r;

	json_object_del(root, "seal");
	text = json_print(root);
	if (!text || strncmp(text, "{\n", 2))
		BUG("%s: no object to seal", path);
	r = atomic_open(&a, path, e);
	if (!r) {
		head_of(text + 2, strlen(text + 2), head);
		fputs(head, a.f);
		fputs(text + 2, a.f);
		r = atomic_commit(&a, e);
	}
	free(text);
	return r;
}

static enum seal_state state_of(const char *text, size_t bytes)
{
	char head[BODY_AT + 1];

	if (bytes < BODY_AT || strncmp(text, SEAL_HEAD, HEAD_BYTES))
		return SEAL_NONE;
	head_of(text + BODY_AT, bytes - BODY_AT, head);
	return strncmp(text, head, BODY_AT) ? SEAL_BROKEN : SEAL_HOLDS;
}

/* Without the member @key, of what json_save_sealed() has written: the first one
 * behind a line that one blank begins. Return: the bytes left. */
static size_t cut_member(char *text, size_t bytes, const char *key)
{
	char *line = xasprintf("\n \"%s\": ", key);
	char *from = strstr(text, line), *to;

	free(line);
	if (!from)
		return bytes;
	to = strstr(from + 1, "\n \"");
	if (!to) {
		from--;		/* the last one: with the comma before it */
		to = strstr(from + 2, "\n}");
	}
	if (!to)
		return bytes;
	memmove(from, to, bytes - (size_t)(to - text) + 1);
	return bytes - (size_t)(to - from);
}

json_t *json_read_sealed(const char *path, const char *without,
			 enum seal_state *state, struct errbuf *e)
{
	json_t *root = NULL;
	size_t bytes;
	char *text;

	*state = SEAL_NONE;
	if (file_read(path, JSON_LIMIT_BYTES, &text, &bytes, e))
		return NULL;
	*state = state_of(text, bytes);
	if (*state == SEAL_HOLDS && without)
		bytes = cut_member(text, bytes, without);
	root = json_parse(path, text, bytes, e);
	if (!root)
		*state = SEAL_BROKEN;
	free(text);
	json_object_del(root, "seal");
	if (without)
		json_object_del(root, without);
	return root;
}
