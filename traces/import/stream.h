#ifndef MMREPLAY_TRACES_IMPORT_STREAM_H
#define MMREPLAY_TRACES_IMPORT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include "sim/base/errbuf.h"

/*
 * Lines of a text capture: plain, .zst or .gz by content, a file or stdin.
 * Memory is one fixed buffer; a line longer than LINE_BYTES_MAX comes out
 * cut, marked, once.
 */

struct line_stream;

enum { LINE_BYTES_MAX = 64 << 10, STREAM_PEEK_BYTES = 4 << 20 };

/** stream_open() - @path "-" is stdin; NULL and @e if it cannot be read */
struct line_stream *stream_open(const char *path, struct errbuf *e);
void stream_close(struct line_stream *s);

/**
 * convert_fn - file @path as lines into @out; runs in a process of its own
 * Return: 0, or not 0 if it ends early.
 */
typedef int (*convert_fn)(const char *path, FILE *out);

/**
 * stream_convert() - go on with the text that @convert makes of the bytes
 * Before the first line. Errors: nothing could be made of them.
 */
int stream_convert(struct line_stream *s, convert_fn convert,
		   struct errbuf *e);

/* convert.c and stream.c among themselves: all bytes into @fd; the child */
int stream_spool(struct line_stream *s, int fd, struct errbuf *e);
int convert_start(struct line_stream *s, convert_fn convert, pid_t *child,
		  struct errbuf *e);
bool convert_end(pid_t child);

/** stream_peek() - the first bytes, at most STREAM_PEEK_BYTES; before the first line */
const char *stream_peek(struct line_stream *s, size_t *bytes);

struct text_line {
	const char *text;	/* no newline; valid until the next call */
	size_t bytes;
	uint64_t number;	/* from 1 */
	bool cut;		/* was longer than LINE_BYTES_MAX */
};

/** stream_line() - 1 and @line, 0 at the end, -errno and @e if reading failed */
int stream_line(struct line_stream *s, struct text_line *line,
		struct errbuf *e);

/** stream_damage() - why the input ended early (damaged compression), or NULL */
const char *stream_damage(const struct line_stream *s);
const char *stream_path(const struct line_stream *s);
/** stream_bytes() - bytes taken from the file, and its size (0: unknown) */
uint64_t stream_bytes(const struct line_stream *s, uint64_t *total);

#endif
