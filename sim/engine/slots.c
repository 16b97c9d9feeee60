/*
 * Slots: sources that have one event pending at most.
 *
 * What is near lies on a dial (dial.h), what is far in a tree of winners. Node 0
 * of that is the root, nodes 8i + 1 to 8i + 8 are the children of i, the leaves
 * are the last level, in order of their numbers:
 *
 *   0:  the first of all
 *   1 .. 8:  the first of eight leaves each
 *   9 .. 72:  leaves 0 .. 63
 *
 * Invariant: an inner node is the earliest of its children, at one time the one
 * of the lowest number. A slot is where its distance was near or far as it was
 * armed, and stays there. Events of slots and of the queue are one order:
 * e->next_ns is the first of both (MODEL.md 1).
 *
 * Cost: near, O(1). Far, a comparison a level until somebody is earlier, and to
 * take one looks at groups of eight, which lie in one line of the cache, without
 * a branch on who wins. Levels: log8(slots).
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/engine/dial.h"
#include "sim/engine/engine.h"

enum { GROUP = 8, LINE_BYTES = 64 };

/* Nobody has an event: the lowest numbers are first. */
static void fill(struct far_slots *f, uint32_t nodes)
{
	while (nodes--) {
		f->at_ns[nodes] = INT64_MAX;
		f->number[nodes] = nodes < f->leaf ? f->number[nodes * GROUP + 1] :
						     nodes - f->leaf;
	}
}

static void far_init(struct far_slots *f, uint32_t count)
{
	uint32_t width = 1, inner = 0;
	size_t bytes;

	for (; width < count; width *= GROUP)
		inner += width;
	f->leaf = inner;
	/* node 1 begins a line */
	bytes = (sizeof(sim_ns) * (inner + width - 1) + LINE_BYTES - 1) /
		LINE_BYTES * LINE_BYTES + LINE_BYTES;
	f->memory = aligned_alloc(LINE_BYTES, bytes);
	if (!f->memory)
		no_memory(1, bytes);
	f->at_ns = f->memory + LINE_BYTES / sizeof(sim_ns) - 1;
	f->number = xcalloc(inner + width, sizeof(*f->number));
	fill(f, inner + width);
}

static void slots_release(struct slots *s)
{
	if (s->near)
		free(s->near->word);
	free(s->near);
	free(s->far.memory);
	free(s->far.number);
	free(s->at_ns);
	*s = (struct slots){ 0 };
}

void engine_slots(struct engine *e, enum slot_set set, uint32_t count,
		  uint64_t order, void (*fire)(struct engine *e, uint32_t number))
{
	struct slots *s = &e->slots[set];

	slots_release(s);
	s->first_ns = INT64_MAX;
	s->order = order;
	s->fire = fire;
	s->at_ns = xcalloc((size_t)count + 1, sizeof(*s->at_ns));
	for (uint32_t i = 0; i < count; i++)
		s->at_ns[i] = INT64_MAX;
	far_init(&s->far, count);
	s->near = xcalloc(1, sizeof(*s->near));
	s->near->words = (count + 63) / 64;
	s->near->word = xcalloc((size_t)DIAL_NS * s->near->words + 1, sizeof(uint64_t));
}

void engine_slots_release(struct engine *e)
{
	for (int i = 0; i < SLOT_SETS; i++)
		slots_release(&e->slots[i]);
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
static inline void play(struct far_slots *f, uint32_t up)
{
	const sim_ns *at_ns = &f->at_ns[up * GROUP + 1];
	struct player first = duel(duel(pair(at_ns, 0), pair(at_ns, 2)),
				   duel(pair(at_ns, 4), pair(at_ns, 6)));

	f->at_ns[up] = first.at_ns;
	f->number[up] = f->number[up * GROUP + 1 + first.child];
}

static void far_set(struct far_slots *f, uint32_t number, sim_ns at_ns)
{
	uint32_t i = f->leaf + number, up;

	f->at_ns[i] = at_ns;
	for (; i; i = up) {
		up = (i - 1) / GROUP;
		if (f->number[up] == number) {
			play(f, up);
			continue;
		}
		if (f->at_ns[i] > f->at_ns[up] ||
		    (f->at_ns[i] == f->at_ns[up] && f->number[i] > f->number[up]))
			return;
		f->at_ns[up] = f->at_ns[i];
		f->number[up] = f->number[i];
	}
}

static inline void leave(struct slots *s, uint32_t number, sim_ns at_ns)
{
	if (__builtin_expect(s->far.at_ns[s->far.leaf + number] != INT64_MAX, 0))
		far_set(&s->far, number, INT64_MAX);
	else
		dial_drop(s->near, at_ns, number);
}

static inline void find_first(struct slots *s, sim_ns now_ns)
{
	sim_ns far_ns = s->far.at_ns[0];

	s->first_ns = dial_first(s->near, now_ns, &s->first);
	if (far_ns < s->first_ns ||
	    (far_ns == s->first_ns && s->far.number[0] < s->first)) {
		s->first_ns = far_ns;
		s->first = s->far.number[0];
	}
}

void engine_slot_at(struct engine *e, enum slot_set set, uint32_t number,
		    sim_ns at_ns)
{
	struct slots *s = &e->slots[set];
	sim_ns before_ns = s->at_ns[number];

	if (__builtin_expect(at_ns < e->now_ns, 0))
		BUG("slot %u at %lld ns, but it is %lld ns already", number,
		    (long long)at_ns, (long long)e->now_ns);
	if (before_ns != INT64_MAX)
		leave(s, number, before_ns);
	s->at_ns[number] = at_ns;
	if (at_ns - e->now_ns < DIAL_NS)
		dial_put(s->near, at_ns, number);
	else if (at_ns != INT64_MAX)
		far_set(&s->far, number, at_ns);
	if (at_ns < s->first_ns || (at_ns == s->first_ns && number < s->first)) {
		s->first_ns = at_ns;
		s->first = number;
	} else if (s->first == number) {
		find_first(s, e->now_ns);
	} else {
		return;
	}
	engine_note_next(e);
}

uint32_t engine_slot_take(struct engine *e)
{
	struct slots *s = e->next_slots;
	uint32_t number = s->first;
	sim_ns now = s->first_ns;

	e->now_ns = now;
	e->events++;
	s->at_ns[number] = INT64_MAX;
	leave(s, number, now);
	find_first(s, now);
	engine_note_next(e);
	return number;
}
