/*
 * 128-bit FNV-1a (Fowler, Noll, Vo): xor a byte, multiply by 2^88 + 0x13b.
 * Constants: the published FNV parameters. One pass, a byte at a time, about
 * 5 cycles each: for configurations and metadata, not for bulk data.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "sim/base/digest.h"
#include "sim/base/file.h"

void digest_init(struct digest *d)
{
	d->hi = 0x6c62272e07bb0142ULL;
	d->lo = 0x62b821756295c58dULL;
}

void digest_add(struct digest *d, const void *data, size_t bytes)
{
	const unsigned char *p = data;
	unsigned __int128 h = (unsigned __int128)d->hi << 64 | d->lo;

	for (size_t i = 0; i < bytes; i++) {
		h ^= p[i];
		h = (h << 88) + h * 0x13b;
	}
	d->hi = (uint64_t)(h >> 64);
	d->lo = (uint64_t)h;
}

void digest_add_str(struct digest *d, const char *s)
{
	digest_add(d, s, strlen(s) + 1);
}

uint64_t digest_stream(struct digest *d, FILE *f, uint64_t most)
{
	uint64_t done = 0;
	char block[4096];
	size_t n = 1;

	while (n && done < most) {
		n = most - done < sizeof(block) ? (size_t)(most - done) :
						  sizeof(block);
		n = fread(block, 1, n, f);
		digest_add(d, block, n);
		done += n;
	}
	return done;
}

int digest_file(struct digest *d, const char *path, uint64_t *bytes,
		struct errbuf *e)
{
	FILE *f = file_stream(path, e);
	bool bad;

	if (!f)
		return e->code;
	digest_init(d);
	*bytes = digest_stream(d, f, UINT64_MAX);
	bad = ferror(f);
	fclose(f);
	return bad ? err_set(e, -EIO, "%s: cannot be read", path) : 0;
}

void digest_text(const struct digest *d, char out[DIGEST_TEXT_BYTES])
{
	snprintf(out, DIGEST_TEXT_BYTES, "%016llx%016llx",
		 (unsigned long long)d->hi, (unsigned long long)d->lo);
}
