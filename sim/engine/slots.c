/*
 * Slots: a winner tree over sources that have one event pending at most.
 *
 * Invariant: each inner node is the earlier of its two children, the left one
 * at one time, so the root is the earliest of all and of the lowest number.
 * Events of slots and of the queue are one order: e->next_ns is the first of
 * both (MODEL.md 1).
 *
 * Cost: moving an event is one pass from its leaf to where nothing changes any
 * more, at most to the root: log2(slots) comparisons without a branch on their
 * outcome. 32 bytes a slot.
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/engine/engine.h"

void engine_slots(struct engine *e, uint32_t count, enum event_class cls,
		  void (*fire)(struct engine *e, uint32_t number))
{
	struct slots *s = &e->slots;

	free(s->node);
	for (s->room = 1; s->room < count; s->room *= 2)
		;
	s->node = xcalloc((size_t)s->room * 2, sizeof(*s->node));
	for (uint32_t i = 0; i < s->room * 2; i++)
		s->node[i].at_ns = INT64_MAX;
	for (uint32_t i = 0; i < s->room; i++)
		s->node[s->room + i].number = i;
	s->order = event_order(cls, 0, 0);
	s->fire = fire;
}

/* Who wins is a coin's throw: selected, not branched on. */
static inline void set(struct slots *s, uint32_t number, sim_ns at_ns)
{
	struct slot_node *node = s->node;
	uint32_t i = s->room + number;

	node[i].at_ns = at_ns;
	for (; i > 1; i /= 2) {
		sim_ns other_ns = node[i ^ 1].at_ns;
		uint32_t other = node[i ^ 1].number;
		sim_ns lost = -(sim_ns)(other_ns - (i & 1) < at_ns);

		at_ns ^= (at_ns ^ other_ns) & lost;
		number ^= (number ^ other) & (uint32_t)lost;
		node[i / 2].at_ns = at_ns;
		node[i / 2].number = number;
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
	uint32_t number = e->slots.node[1].number;

	e->now_ns = e->slots.node[1].at_ns;
	e->events++;
	set(&e->slots, number, INT64_MAX);
	engine_note_next(e);
	return number;
}
