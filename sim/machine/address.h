#ifndef MMREPLAY_MACHINE_ADDRESS_H
#define MMREPLAY_MACHINE_ADDRESS_H

#include "sim/machine/line.h"

/*
 * Simulated addresses: caches of equal objects, cut from 4 KiB .. 32 KiB
 * slabs, with per-CPU free lists (LIFO), so that neighbours, false sharing
 * and recycling follow from object size and alignment. Layout only: what an
 * allocation costs is charged by the room that owns the objects.
 */

struct address_cache;

/** struct place - where a simulated object is; its lines live as long as it */
struct place {
	uint64_t addr;			/* simulated; 0 = none */
	struct line *lines;		/* first line that the object touches */
	uint32_t slab;			/* opaque */
};

/** address_cache_new() - freed with the machine
 *  @align_bytes: 8, 16, ... 128; a line's size = cache-line aligned */
struct address_cache *address_cache_new(struct machine *m, const char *name,
					uint32_t object_bytes,
					uint32_t align_bytes);

/** address_get() - an object for @cpu: its free list, else a new or partial slab
 *  Return: true if it came from the CPU's own list (fast path). */
bool address_get(struct address_cache *c, uint32_t cpu, struct place *out);

/** address_put() - give it back on @cpu
 *  Return: true if it went to the CPU's own list, false: remote free. */
bool address_put(struct address_cache *c, uint32_t cpu, struct place *p);

/** place_line() - the line under byte @offset of the object */
struct line *place_line(const struct machine *m, const struct place *p,
			uint32_t offset);

/** addresses_release() - all caches of the machine; machine_release() calls it */
void addresses_release(struct machine *m);

/** address_number() - number of the object among all that its cache can have;
 *  those of one slab lie between two multiples of address_per_slab() */
uint64_t address_number(const struct address_cache *c, const struct place *p);
uint32_t address_per_slab(const struct address_cache *c);

/** address_cache_bytes() - slab memory now held by the cache */
uint64_t address_cache_bytes(const struct address_cache *c);

#endif
