/*
 * Slots: a tree of winners over sources that have one event pending at most.
 *
 * Node 0 is the root, nodes 8i + 1 to 8i + 8 are the children of i, the leaves
 * are the last level, in order of their numbers:
 *
 *   0:  the first of all
 *   1 .. 8:  the first of eight leaves each
 *   9 .. 72:  leaves 0 .. 63
 *
 * Invariant: an inner node is the earliest of its children, at one time the one
 * of the lowest number. Events of slots and of the queue are one order:
 * e->next_ns is the first of both (MODEL.md 1).
 *
 * Cost: arming is a comparison a level until somebody is earlier; taking, or
 * moving the first of a group back, looks at that group's eight, which lie in
 * one line of the cache, without a branch on who wins. Levels: log8(slots).
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/engine/engine.h"

enum { GROUP = 8, LINE_BYTES = 64 };

/* Nobody has an event: the lowest numbers are first. */
static void fill(struct slots *s, uint32_t nodes)
{
	while (nodes--) {
		s->at_ns[nodes] = INT64_MAX;
		s->number[nodes] = nodes < s->leaf ? s->number[nodes * GROUP + 1] :
						     nodes - s->leaf;
	}
}

void engine_slots(struct engine *e, uint32_t count, enum event_class cls,
		  void (*fire)(struct engine *e, uint32_t number))
{
	struct slots *s = &e->slots;
	uint32_t width = 1, inner = 0;
	size_t bytes;

	engine_slots_release(e);
	for (; width < count; width *= GROUP)
		inner += width;
	s->leaf = inner;
	/* node 1 begins a line */
	bytes = (sizeof(sim_ns) * (inner + width - 1) + LINE_BYTES - 1) /
		LINE_BYTES * LINE_BYTES + LINE_BYTES;
	s->memory = aligned_alloc(LINE_BYTES, bytes);
	if (!s->memory)
		no_memory(1, bytes);
	s->at_ns = s->memory + LINE_BYTES / sizeof(sim_ns) - 1;
	s->number = xcalloc(inner + width, sizeof(*s->number));
	fill(s, inner + width);
	s->order = event_order(cls, 0, 0);
	s->fire = fire;
}

void engine_slots_release(struct engine *e)
{
	free(e->slots.memory);
	free(e->slots.number);
	e->slots = (struct slots){ 0 };
}

struct player {
	sim_ns at_ns;
	uint32_t child;
};

/* Who wins is a coin's throw: selected, not branched on. */
static inline struct player duel(struct player a, struct player b)
{
	uint32_t lost = -(uint32_t)(b.at_ns < a.at_ns);

	a.at_ns = b.at_ns < a.at_ns ? b.at_ns : a.at_ns;
	a.child ^= (a.child ^ b.child) & lost;
	return a;
}

static inline struct player pair(const sim_ns *at_ns, uint32_t child)
{
	return duel((struct player){ at_ns[child], child },
		    (struct player){ at_ns[child + 1], child + 1 });
}

/* The first of a group wins @up. */
static inline void play(struct slots *s, uint32_t up)
{
	const sim_ns *at_ns = &s->at_ns[up * GROUP + 1];
	struct player first = duel(duel(pair(at_ns, 0), pair(at_ns, 2)),
				   duel(pair(at_ns, 4), pair(at_ns, 6)));

	s->at_ns[up] = first.at_ns;
	s->number[up] = s->number[up * GROUP + 1 + first.child];
}

static inline void set(struct slots *s, uint32_t number, sim_ns at_ns)
{
	uint32_t i = s->leaf + number, up;

	s->at_ns[i] = at_ns;
	for (; i; i = up) {
		up = (i - 1) / GROUP;
		if (s->number[up] == number) {
			play(s, up);
			continue;
		}
		if (s->at_ns[i] > s->at_ns[up] ||
		    (s->at_ns[i] == s->at_ns[up] && s->number[i] > s->number[up]))
			return;
		s->at_ns[up] = s->at_ns[i];
		s->number[up] = s->number[i];
	}
}

void engine_slot_at(struct engine *e, uint32_t number, sim_ns at_ns)
{
	if (__builtin_expect(at_ns < e->now_ns, 0))
		BUG("slot %u at %lld ns, but it is %lld ns already", number,
		    (long long)at_ns, (long long)e->now_ns);
	set(&e->slots, number, at_ns);
	engine_note_next(e);
}

uint32_t engine_slot_take(struct engine *e)
{
	uint32_t number = e->slots.number[0];

	e->now_ns = e->slots.at_ns[0];
	e->events++;
	set(&e->slots, number, INT64_MAX);
	engine_note_next(e);
	return number;
}
