/*
 * Hash map with linear probing. Removal shifts later entries of the same run
 * back, so there are no tombstones and a long trace does not slow it down.
 *
 * Invariant: no empty slot lies between an entry's home and its slot.
 */
#include <stdlib.h>
#include "sim/base/mem.h"
#include "traces/import/idmap.h"

static uint32_t home(const struct idmap *m, uint64_t key)
{
	key *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(key >> 32) & (m->size - 1);
}

static uint32_t slot_for(const struct idmap *m, uint64_t key)
{
	uint32_t i = home(m, key);

	while (m->slots[i].used && m->slots[i].key != key)
		i = (i + 1) & (m->size - 1);
	return i;
}

uint64_t idmap_find(const struct idmap *m, uint64_t key, uint64_t absent)
{
	uint32_t i;

	if (!m->size)
		return absent;
	i = slot_for(m, key);
	return m->slots[i].used ? m->slots[i].value : absent;
}

static void grow(struct idmap *m)
{
	struct idmap old = *m;

	m->size = old.size ? old.size * 2 : 64;
	m->slots = xcalloc(m->size, sizeof(*m->slots));
	for (uint32_t i = 0; i < old.size; i++) {
		if (old.slots[i].used)
			m->slots[slot_for(m, old.slots[i].key)] = old.slots[i];
	}
	free(old.slots);
}

void idmap_set(struct idmap *m, uint64_t key, uint64_t value)
{
	uint32_t i;

	if (m->count * 2 >= m->size)
		grow(m);
	i = slot_for(m, key);
	if (!m->slots[i].used)
		m->count++;
	m->slots[i] = (struct idmap_slot){ key, value, true };
}

void idmap_remove(struct idmap *m, uint64_t key)
{
	uint32_t mask = m->size - 1, i, next;

	if (!m->size)
		return;
	i = slot_for(m, key);
	if (!m->slots[i].used)
		return;
	m->count--;
	for (next = (i + 1) & mask; m->slots[next].used;
	     next = (next + 1) & mask) {
		uint32_t want = home(m, m->slots[next].key);

		/* an entry may move back only to or behind its home */
		if (((next - want) & mask) < ((next - i) & mask))
			continue;
		m->slots[i] = m->slots[next];
		i = next;
	}
	m->slots[i].used = false;
}

void idmap_release(struct idmap *m)
{
	free(m->slots);
	*m = (struct idmap){ 0 };
}
