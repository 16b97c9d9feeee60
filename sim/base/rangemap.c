/*
 * Range map: disjoint runs in the order of their start, in a B+ tree
 * (rangemap_tree.h).
 * Invariants: runs do not overlap and are not empty; neighbours that touch
 * have different values.
 *
 * Many runs a node instead of one: a descent among 10^5 runs is four nodes,
 * where a binary tree is 17, each a miss of the cache.
 *
 * Where somebody was last (`near`) is a leaf and a place in it; what is there is
 * checked, so it may be stale.
 */
#include <stdlib.h>
#include "sim/base/rangemap_tree.h"

void rangemap_clear(struct rangemap *m, struct range r)
{
	struct at a;

	if (r.start >= r.end)
		return;
	while ((a = first_after(m, r.start)).l && run_of(a)->r.start < r.end) {
		struct range_run *n = run_of(a);
		uint64_t end = n->r.end, value = n->value;

		if (n->r.start < r.start) {
			n->r.end = r.start;
			if (end > r.end)
				tree_insert(m, (struct range){ r.end, end }, value);
		} else if (end > r.end) {
			tree_set_start(m, a, r.end);
		} else {
			tree_erase(m, a);
		}
		if (end >= r.end)
			return;
	}
}

static bool follows(struct at left, struct range r, uint64_t value)
{
	return left.l && run_of(left)->r.end == r.start && run_of(left)->value == value;
}

static bool precedes(struct range r, uint64_t value, struct at right)
{
	return right.l && run_of(right)->r.start == r.end && run_of(right)->value == value;
}

/* @r lies between @prev and @next and in neither. */
static void fill_gap(struct rangemap *m, struct range r, uint64_t value,
		     struct at prev, struct at next)
{
	bool left = follows(prev, r, value), right = precedes(r, value, next);

	if (left && right) {
		run_of(prev)->r.end = run_of(next)->r.end;
		tree_erase(m, next);
	} else if (left) {
		run_of(prev)->r.end = r.end;
	} else if (right) {
		tree_set_start(m, next, r.start);
	} else {
		tree_insert(m, r, value);
	}
}

/* Usual: the edge between two runs moves, or a run as a whole changes. */
static bool move_edge(struct rangemap *m, struct range r, uint64_t value, struct at a)
{
	struct range_run *n = run_of(a);
	struct at prev = prev_of(m, a), next = next_of(m, a);
	bool left = follows(prev, r, value), right = precedes(r, value, next);

	if (n->r.start == r.start && n->r.end == r.end && !left && !right) {
		n->value = value;
	} else if (n->r.start == r.start && n->r.end > r.end && left) {
		tree_set_start(m, a, r.end);
		run_of(prev)->r.end = r.end;
	} else if (n->r.end == r.end && n->r.start < r.start && right) {
		n->r.end = r.start;
		tree_set_start(m, next, r.start);
	} else {
		return false;
	}
	return true;
}

void rangemap_set(struct rangemap *m, struct range r, uint64_t value)
{
	struct at a;

	if (r.start >= r.end)
		return;
	a = first_after(m, r.start);
	if (a.l && run_of(a)->r.start <= r.start && run_of(a)->value == value) {
		if (run_of(a)->r.end >= r.end)
			return;
		r.start = run_of(a)->r.end;
		a = next_of(m, a);
	}
	if (a.l && run_of(a)->r.start < r.end) {
		if (move_edge(m, r, value, a))
			return;
		rangemap_clear(m, r);
		a = first_after(m, r.start);
	}
	fill_gap(m, r, value, a.l ? prev_of(m, a) : last_run(m), a);
}

/* ---- where somebody was last ---- */

static inline struct at near_run(const struct rangemap *m, uint32_t near)
{
	uint32_t leaf = near >> PLACE_BITS, i = near & ((1u << PLACE_BITS) - 1);

	if (leaf >= m->leaves || i >= m->leaf[leaf].count)
		return (struct at){ 0 };
	return (struct at){ &m->leaf[leaf], i };
}

static inline uint32_t near_of(const struct rangemap *m, struct at a)
{
	return (uint32_t)(a.l - m->leaf) << PLACE_BITS | a.i;
}

static inline bool covers(struct at a, uint64_t addr)
{
	return run_of(a)->r.start <= addr && addr < run_of(a)->r.end;
}

/* Usual: the run in front of @r grows. */
static inline bool grow(struct rangemap *m, struct at a, struct range r, uint64_t value)
{
	struct at next;

	if (!follows(a, r, value))
		return false;
	next = next_of(m, a);
	if (next.l && run_of(next)->r.start <= r.end)
		return false;
	run_of(a)->r.end = r.end;
	return true;
}

/* @r, which lies in a run, has @value from now on. */
static inline bool replace(struct rangemap *m, struct at a, struct range r,
			   uint64_t value, uint64_t *old)
{
	*old = run_of(a)->value;
	if (*old != value)
		rangemap_set(m, r, value);
	return true;
}

/* Where @near does not say. */
static __attribute__((noinline)) bool touch(struct rangemap *m, struct range r,
					    uint64_t value, uint64_t *old,
					    uint32_t *near)
{
	struct at a = first_after(m, r.start), prev;

	if (a.l && run_of(a)->r.start <= r.start) {
		*near = near_of(m, a);
		return replace(m, a, r, value, old);
	}
	prev = a.l ? prev_of(m, a) : last_run(m);
	if (prev.l) {
		*near = near_of(m, prev);
		if (grow(m, prev, r, value))
			return false;
	}
	rangemap_set(m, r, value);
	return false;
}

bool rangemap_touch(struct rangemap *m, struct range r, uint64_t value,
		    uint64_t *old, uint32_t *near)
{
	struct at a = near_run(m, *near);

	if (!a.l)
		return touch(m, r, value, old, near);
	if (grow(m, a, r, value))
		return false;
	if (!covers(a, r.start))
		return touch(m, r, value, old, near);
	return replace(m, a, r, value, old);
}

bool rangemap_find_near(const struct rangemap *m, uint64_t addr,
			struct range_run *out, uint32_t *near)
{
	struct at a = near_run(m, *near);

	if (!a.l || !covers(a, addr)) {
		a = first_after(m, addr);
		if (!a.l || run_of(a)->r.start > addr)
			return false;
		*near = near_of(m, a);
	}
	*out = *run_of(a);
	return true;
}

/* ---- asking ---- */

bool rangemap_next(const struct rangemap *m, uint64_t addr, struct range_run *out)
{
	struct at a = first_after(m, addr);

	if (a.l)
		*out = *run_of(a);
	return a.l;
}

bool rangemap_find(const struct rangemap *m, uint64_t addr, struct range_run *out)
{
	struct at a = first_after(m, addr);

	if (!a.l || run_of(a)->r.start > addr)
		return false;
	*out = *run_of(a);
	return true;
}

uint64_t rangemap_bytes(const struct rangemap *m, struct range r)
{
	uint64_t bytes = 0;

	for (struct at a = first_after(m, r.start);
	     a.l && run_of(a)->r.start < r.end; a = next_of(m, a)) {
		struct range run = run_of(a)->r;

		bytes += (run.end < r.end ? run.end : r.end) -
			 (run.start > r.start ? run.start : r.start);
	}
	return bytes;
}

void rangemap_release(struct rangemap *m)
{
	free(m->leaf);
	free(m->inner);
	*m = (struct rangemap){ 0 };
}
