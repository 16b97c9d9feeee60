#ifndef MMREPLAY_BASE_DIGEST_H
#define MMREPLAY_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "sim/base/errbuf.h"

/*
 * Content addresses (cells, traces, sources): 128-bit FNV-1a, the same on
 * every machine. Not cryptographic: it guards against mistakes, not malice.
 */
struct digest {
	uint64_t hi, lo;
};

enum { DIGEST_TEXT_BYTES = 33 };

void digest_init(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t bytes);
void digest_add_str(struct digest *d, const char *s);	/* with its NUL */
/** digest_stream() - add what @f has left, at most @most bytes; returns how many */
uint64_t digest_stream(struct digest *d, FILE *f, uint64_t most);
/** digest_file() - of what is in a file; @bytes: how much that is. Return: 0 or
 *  negative errno. Cost: one reading of it. */
int digest_file(struct digest *d, const char *path, uint64_t *bytes,
		struct errbuf *e);
void digest_text(const struct digest *d, char out[DIGEST_TEXT_BYTES]);

#endif
