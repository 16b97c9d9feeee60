#ifndef MMREPLAY_TRACES_EDIT_DISGUISE_H
#define MMREPLAY_TRACES_EDIT_DISGUISE_H

#include "sim/base/rangemap.h"
#include "sim/base/siphash.h"
#include "traces/trace.h"

/*
 * New addresses, thread numbers and names for old ones, by a key. Private to
 * traces/edit/. First every address is noted, then disguise_settle() places
 * them, then each can be asked for.
 *
 * User addresses: used spans, in whole GiB, keep their order and stay apart;
 * each moves as one by a multiple of 2 MiB, so that neighbours, alignment to
 * huge pages and lengths are what they were. The span at 0 stays. Kernel
 * addresses move by two amounts, one for code and modules, one for the rest.
 */
struct disguise {
	uint8_t key[SIPHASH_KEY_BYTES];
	struct rangemap used;	/* GiB numbers; settled: value = move, in 2 MiB */
	uint32_t *tids;		/* sorted, each once */
	uint32_t tid_count;
};

void disguise_note(struct disguise *d, uint64_t addr, uint64_t len_bytes);
void disguise_settle(struct disguise *d, const struct trace_header *h);
void disguise_release(struct disguise *d);

/** disguise_addr() - 0 and UINT64_MAX stay; O(log spans) */
uint64_t disguise_addr(const struct disguise *d, uint64_t addr);

/** disguise_id() - another number for a pointer or id; equal stays equal */
uint64_t disguise_id(const struct disguise *d, uint64_t id);

/** disguise_tid() - its rank among the trace's, from 1000; 0 if not of it */
uint32_t disguise_tid(const struct disguise *d, uint32_t tid);

/**
 * disguise_name() - "PREFIX-" and 8 hex digits of the keyed hash of @name
 * An empty name stays empty. @name is overwritten, up to @bytes with its NUL.
 */
void disguise_name(const struct disguise *d, const char *prefix, char *name,
		   size_t bytes);

#endif
