/*
 * Error text. Invariant: the first error that is recorded stays. Text from
 * input is stripped of control characters, so that a hostile file cannot
 * send escape sequences to a terminal.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/errbuf.h"

enum { NAME_MAX_COMPARED = 64 };

static void clean(char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text) && *text != '\n')
			*text = '?';
}

/* Appends to e->text; a text that does not fit ends in "...". */
static void vappend(struct errbuf *e, const char *fmt, va_list ap)
{
	size_t used = strlen(e->text);
	size_t room = sizeof(e->text) - used;
	int n = vsnprintf(e->text + used, room, fmt, ap);

	if (n >= 0 && (size_t)n >= room)
		memcpy(e->text + sizeof(e->text) - 4, "...", 4);
	clean(e->text + used);
}

static void append(struct errbuf *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void append(struct errbuf *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vappend(e, fmt, ap);
	va_end(ap);
}

/* False if @e already holds an error, or nobody wants to know. */
static int begin(struct errbuf *e, int code, int exit_status)
{
	if (!e || e->code)
		return 0;
	e->code = code;
	e->exit_status = exit_status;
	e->text[0] = '\0';
	return 1;
}

static void place(struct errbuf *e, struct loc at)
{
	if (!at.path)
		return;
	append(e, "%s:", at.path);
	if (at.line)
		append(e, "%u:", at.line);
	if (at.line && at.col)
		append(e, "%u:", at.col);
	append(e, " ");
}

int err_set(struct errbuf *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (begin(e, code, 1)) {
		va_start(ap, fmt);
		vappend(e, fmt, ap);
		va_end(ap);
	}
	return code;
}

int err_usage(struct errbuf *e, const char *fmt, ...)
{
	va_list ap;

	if (begin(e, -EINVAL, 2)) {
		va_start(ap, fmt);
		vappend(e, fmt, ap);
		va_end(ap);
	}
	return -EINVAL;
}

int err_at(struct errbuf *e, int code, struct loc at, const char *fmt, ...)
{
	va_list ap;

	if (begin(e, code, 1)) {
		place(e, at);
		va_start(ap, fmt);
		vappend(e, fmt, ap);
		va_end(ap);
	}
	return code;
}

int err_sys(struct errbuf *e, const char *path, const char *verb)
{
	int code = errno ? errno : EIO;

	return err_set(e, -code, "%s: %s: %s", path, verb, strerror(code));
}

/*
 * Edits (insert, delete, replace, swap of neighbours) from @a to @b, case
 * ignored. Both at most NAME_MAX_COMPARED long. O(|a| |b|), three rows.
 */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int row[3][NAME_MAX_COMPARED + 1];
	unsigned int *prev2 = row[0], *prev = row[1], *cur = row[2], *t;
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		prev[j] = (unsigned int)j;
	for (size_t i = 1; a[i - 1]; i++) {
		cur[0] = (unsigned int)i;
		for (size_t j = 1; j <= n; j++) {
			int ca = tolower((unsigned char)a[i - 1]);
			int cb = tolower((unsigned char)b[j - 1]);
			unsigned int best = prev[j - 1] + (ca != cb);

			if (prev[j] + 1 < best)
				best = prev[j] + 1;
			if (cur[j - 1] + 1 < best)
				best = cur[j - 1] + 1;
			if (i > 1 && j > 1 && prev2[j - 2] + 1 < best &&
			    ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]))
				best = prev2[j - 2] + 1;
			cur[j] = best;
		}
		t = prev2;
		prev2 = prev;
		prev = cur;
		cur = t;
	}
	return prev[n];
}

const char *nearest_name(const char *name, const char *const *names,
			 size_t count)
{
	const char *nearest = NULL;
	unsigned int least = UINT32_MAX;

	if (strlen(name) > NAME_MAX_COMPARED)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]);
		unsigned int d;

		if (len > NAME_MAX_COMPARED)
			continue;
		d = edit_distance(name, names[i]);
		if (d < least && d * 3 <= len) {
			least = d;
			nearest = names[i];
		}
	}
	return nearest;
}

int err_unknown(struct errbuf *e, struct loc at, const char *what,
		const char *name, const char *const *names, size_t count)
{
	const char *nearest;

	if (!begin(e, -EINVAL, at.path ? 1 : 2))
		return -EINVAL;
	nearest = nearest_name(name, names, count);
	place(e, at);
	append(e, "unknown %s '%.100s'", what, name);
	if (nearest)
		append(e, "; did you mean '%s'?", nearest);
	for (size_t i = 0; i < count; i++)
		append(e, "%s%s", i ? ", " : nearest ? " known: " : "; known: ",
		       names[i]);
	return -EINVAL;
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: bug: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
