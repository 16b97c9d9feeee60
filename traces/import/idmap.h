#ifndef MMREPLAY_TRACES_IMPORT_IDMAP_H
#define MMREPLAY_TRACES_IMPORT_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Hash map from a 64-bit number (tid, kernel pointer, address) to another.
 * Open addressing, at most half full; memory by live entries.
 */
struct idmap {
	struct idmap_slot *slots;
	uint32_t size, count;
};

struct idmap_slot {
	uint64_t key, value;
	bool used;
};

/** idmap_find() - the value, or @absent */
uint64_t idmap_find(const struct idmap *m, uint64_t key, uint64_t absent);
void idmap_set(struct idmap *m, uint64_t key, uint64_t value);
void idmap_remove(struct idmap *m, uint64_t key);
void idmap_release(struct idmap *m);

#endif
