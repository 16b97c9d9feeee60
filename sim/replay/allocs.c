/*
 * Live vmalloc areas of the capture, by recorded address: who allocated them.
 * Open addressing with linear probing; a removal moves later entries of the
 * run back, so there are no tombstones. Never walked, so the order of the
 * slots is of no consequence. O(1); memory by live areas.
 */
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/base/rng.h"
#include "sim/replay/order_build.h"

struct alloc_slot {
	uint64_t addr, ref;	/* addr 0: free */
};

static uint32_t home(const struct order_build *b, uint64_t addr)
{
	return (uint32_t)draw(0, addr, 0, 0) & (b->alloc_size - 1);
}

static uint32_t find(const struct order_build *b, uint64_t addr)
{
	uint32_t i = home(b, addr);

	while (b->allocs[i].addr && b->allocs[i].addr != addr)
		i = (i + 1) & (b->alloc_size - 1);
	return i;
}

static void grow(struct order_build *b)
{
	struct alloc_slot *old = b->allocs;
	uint32_t size = b->alloc_size;

	b->alloc_size = size ? size * 2 : 64;
	b->allocs = xcalloc(b->alloc_size, sizeof(*b->allocs));
	for (uint32_t i = 0; i < size; i++)
		if (old[i].addr)
			b->allocs[find(b, old[i].addr)] = old[i];
	free(old);
}

void alloc_put(struct order_build *b, uint64_t addr, uint64_t ref)
{
	uint32_t i;

	if (!addr)
		return;
	if (b->alloc_used >= b->alloc_size / 2)
		grow(b);
	i = find(b, addr);
	b->alloc_used += !b->allocs[i].addr;
	b->allocs[i] = (struct alloc_slot){ addr, ref };
}

uint64_t alloc_take(struct order_build *b, uint64_t addr)
{
	uint32_t mask = b->alloc_size - 1, hole, i;
	uint64_t ref;

	if (!addr || !b->alloc_size)
		return NO_REF;
	hole = find(b, addr);
	if (!b->allocs[hole].addr)
		return NO_REF;
	ref = b->allocs[hole].ref;
	for (i = (hole + 1) & mask; b->allocs[i].addr; i = (i + 1) & mask) {
		uint32_t from = home(b, b->allocs[i].addr);

		if (((i - from) & mask) < ((i - hole) & mask))
			continue;	/* it would stand before its home */
		b->allocs[hole] = b->allocs[i];
		hole = i;
	}
	b->allocs[hole].addr = 0;
	b->alloc_used--;
	return ref;
}
