#ifndef MMREPLAY_BASE_SIPHASH_H
#define MMREPLAY_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_BYTES = 16 };

/**
 * siphash() - SipHash-2-4 of @bytes bytes: a keyed hash that cannot be turned
 * back, nor guessed from other results, without the key
 * Cost: a few ns and a cycle a byte. The same on every machine.
 * Source: Aumasson and Bernstein, 2012; checked against their test vectors.
 */
uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *data,
		 size_t bytes);

#endif
