#ifndef MMREPLAY_BASE_RANGEMAP_TREE_H
#define MMREPLAY_BASE_RANGEMAP_TREE_H

#include "sim/base/rangemap.h"

/*
 * The B+ tree behind a range map; nobody but its two files includes this.
 *
 *   inner     key 1 .. n: where the runs of child 1 .. n begin
 *   leaf      runs, side by side; each leaf knows the one before and behind
 *
 * Invariants: all leaves are at one depth, and none is empty but an only one; a key
 * is the start of the first run under its child, to the byte, so moving the start
 * of a run inside the gap in front of it, or inside itself, leaves all others where
 * they are.
 */
enum {
#ifdef MMREPLAY_TEST
	RUNS = 4, KIDS = 4,	/* so that short maps have several levels */
#else
	RUNS = 16, KIDS = 16,
#endif
	PLACE_BITS = 5,		/* of a place in a leaf, in `near` */
	MAX_LEVELS = 32,	/* KIDS / 2 to the power of that */
};
#define NONE UINT32_MAX

_Static_assert(RUNS <= 1 << PLACE_BITS, "a place in a leaf fits");

struct range_leaf {
	struct range_run run[RUNS];	/* behind the last: ends at UINT64_MAX */
	uint32_t count;
	uint32_t prev, next;	/* next: also of the free list */
};

struct range_inner {
	uint64_t key[KIDS];	/* [0] is not used; behind the last: UINT64_MAX */
	uint32_t child[KIDS];
	uint32_t count;
};

/* A run; NULL leaf: none. Valid until a run is put in or taken out. */
struct at {
	struct range_leaf *l;
	uint32_t i;
};

static inline struct range_run *run_of(struct at a)
{
	return &a.l->run[a.i];
}

/*
 * How many of the sorted keys behind the first are at most @addr. Those that are not
 * there are UINT64_MAX, so all are counted: no branch to guess, no load that waits
 * for the one before.
 */
static inline uint32_t keys_until(const struct range_inner *in, uint64_t addr)
{
	uint32_t n = 0;

#pragma GCC unroll 16
	for (uint32_t i = 1; i < KIDS; i++)
		n += in->key[i] <= addr;
	return n < in->count ? n : in->count - 1;
}

/* How many runs of a leaf end at @addr or before; likewise. */
static inline uint32_t runs_until(const struct range_leaf *l, uint64_t addr)
{
	uint32_t n = 0;

#pragma GCC unroll 16
	for (uint32_t i = 0; i < RUNS; i++)
		n += l->run[i].r.end <= addr;
	return n < l->count ? n : l->count;
}

/* The leaf whose runs begin at or before @addr and the next one's do not. */
static inline uint32_t descend(const struct rangemap *m, uint64_t addr)
{
	uint32_t n = m->root;

	for (uint32_t level = m->levels; level; level--) {
		const struct range_inner *in = &m->inner[n];

		n = in->child[keys_until(in, addr)];
	}
	return n;
}

static inline struct at next_of(const struct rangemap *m, struct at a)
{
	if (a.i + 1 < a.l->count)
		return (struct at){ a.l, a.i + 1 };
	return (struct at){ a.l->next == NONE ? NULL : &m->leaf[a.l->next], 0 };
}

static inline struct at prev_of(const struct rangemap *m, struct at a)
{
	if (a.i)
		return (struct at){ a.l, a.i - 1 };
	if (a.l->prev == NONE)
		return (struct at){ 0 };
	a.l = &m->leaf[a.l->prev];
	return (struct at){ a.l, a.l->count - 1 };
}

static inline struct at last_run(const struct rangemap *m)
{
	if (!m->count)
		return (struct at){ 0 };
	return (struct at){ &m->leaf[m->last], m->leaf[m->last].count - 1 };
}

/* First run that ends after @addr. */
static inline struct at first_after(const struct rangemap *m, uint64_t addr)
{
	struct range_leaf *l;
	uint32_t i;

	if (!m->count)
		return (struct at){ 0 };
	l = &m->leaf[descend(m, addr)];
	i = runs_until(l, addr);
	if (i < l->count)
		return (struct at){ l, i };
	return (struct at){ l->next == NONE ? NULL : &m->leaf[l->next], 0 };
}

/** tree_insert() - a run of @r, which overlaps none */
void tree_insert(struct rangemap *m, struct range r, uint64_t value);
void tree_erase(struct rangemap *m, struct at a);
/** tree_set_start() - inside the run, or the gap in front of it */
void tree_set_start(struct rangemap *m, struct at a, uint64_t start);

#endif
