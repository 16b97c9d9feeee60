/*
 * Live vmalloc areas of a run, by the record that allocated them: the policy
 * picks its own addresses, and a free finds its area through the trace.
 * Open addressing as in allocs.c; never walked. O(1); memory by live areas.
 */
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/replay/run.h"

static uint32_t home(const struct replay *r, uint64_t key)
{
	return (uint32_t)draw(0, key, 0, 0) & (r->alloc_size - 1);
}

static uint32_t find(const struct replay *r, uint64_t key)
{
	uint32_t i = home(r, key);

	while (r->allocs[i].key && r->allocs[i].key != key)
		i = (i + 1) & (r->alloc_size - 1);
	return i;
}

static void grow(struct replay *r)
{
	struct live_alloc *old = r->allocs;
	uint32_t size = r->alloc_size;

	r->alloc_size = size ? size * 2 : 64;
	r->allocs = xcalloc(r->alloc_size, sizeof(*r->allocs));
	for (uint32_t i = 0; i < size; i++)
		if (old[i].key)
			r->allocs[find(r, old[i].key)] = old[i];
	free(old);
}

void live_alloc_put(struct replay *r, uint64_t key, uint8_t kind,
		    const struct vmap_mapping *map)
{
	if (r->alloc_used >= r->alloc_size / 2)
		grow(r);
	r->allocs[find(r, key)] = (struct live_alloc){ key, kind, *map };
	r->alloc_used++;
}

bool live_alloc_take(struct replay *r, uint64_t key, struct live_alloc *out)
{
	uint32_t mask = r->alloc_size - 1, hole, i;

	if (!r->alloc_size)
		return false;
	hole = find(r, key);
	if (!r->allocs[hole].key)
		return false;
	*out = r->allocs[hole];
	for (i = (hole + 1) & mask; r->allocs[i].key; i = (i + 1) & mask) {
		uint32_t from = home(r, r->allocs[i].key);

		if (((i - from) & mask) < ((i - hole) & mask))
			continue;
		r->allocs[hole] = r->allocs[i];
		hole = i;
	}
	r->allocs[hole].key = 0;
	r->alloc_used--;
	return true;
}
