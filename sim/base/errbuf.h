#ifndef MMREPLAY_BASE_ERRBUF_H
#define MMREPLAY_BASE_ERRBUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Errors are text for people, carried back to main, which prints them.
 * Library code never prints and never exits: it fills an errbuf and returns
 * a negative errno. The first error wins; later ones are dropped, because
 * they are usually consequences.
 */

enum { ERRBUF_BYTES = 2048 };

/** struct errbuf - one error, ready to print; zero-initialise it */
struct errbuf {
	char text[ERRBUF_BYTES];
	int code;		/* 0, or the negative errno that was returned */
	int exit_status;	/* 1 input or run failed, 2 wrong command line */
};

/** struct loc - a place in a text file; line and column count from 1, 0 = none */
struct loc {
	const char *path;
	uint32_t line, col;
};

/**
 * err_set() - record an error without a place; exit status 1
 * Return: @code, so that `return err_set(e, -EINVAL, ...)` reads well.
 */
int err_set(struct errbuf *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** err_usage() - as err_set(), for a wrong command line: exit status 2 */
int err_usage(struct errbuf *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** err_at() - as err_set(), prefixed `path:line:col: ` as far as known */
int err_at(struct errbuf *e, int code, struct loc at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** err_sys() - "PATH: verb: strerror(errno)"; returns -errno */
int err_sys(struct errbuf *e, const char *path, const char *verb);

/**
 * nearest_name() - the entry of @names closest to @name by edit distance
 * @count: number of entries in @names
 *
 * Return: the entry, or NULL if none is within a third of its length.
 */
const char *nearest_name(const char *name, const char *const *names,
			 size_t count);

/**
 * err_unknown() - "PLACE: unknown WHAT 'name'; did you mean 'x'? known: a, b, c"
 * Return: -EINVAL. Exit status 1 if @at.path is set, else 2.
 */
int err_unknown(struct errbuf *e, struct loc at, const char *what,
		const char *name, const char *const *names, size_t count);

/** BUG() - our own mistake: print file, line, text to stderr and abort */
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void bug_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define BUG_ON(cond) do { if (cond) BUG("%s", #cond); } while (0)

#endif
