#ifndef MMREPLAY_ENGINE_ENGINE_H
#define MMREPLAY_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/base/units.h"
#include "sim/engine/fiber.h"

/*
 * Discrete events in integer nanoseconds. The engine knows a clock, a queue
 * and fibers; it knows no CPU and no kernel.
 *
 * Events are ordered by (time, class, owner, n), all of it model state: owner
 * is the dense id of the CPU, task or timer that the event belongs to, n that
 * owner's own count of externally visible events. There is no push counter:
 * it would number events in host order, and leaving out one event that
 * nobody can see would change the results (MODEL.md 1).
 */

enum event_class {
	EVENT_INTERRUPT,
	EVENT_TIMER,
	EVENT_WAKE,	/* wake-ups and lock releases reaching a waiter */
	EVENT_RESUME,	/* a CPU has worked off its task's debt */
};

struct engine;

/** struct sink - what an event is delivered to; embedded in its object */
struct sink {
	void (*fire)(struct engine *e, struct sink *s, uint64_t data);
};

/** struct event - 32 bytes, copied by value into the queue */
struct event {
	sim_ns at_ns;
	uint64_t order;		/* class:2 owner:24 n:38, see event_order() */
	struct sink *sink;
	uint64_t data;		/* usually a generation: stale events do nothing */
};

static inline uint64_t event_order(enum event_class cls, uint32_t owner,
				   uint64_t n)
{
	return (uint64_t)cls << 62 | (uint64_t)(owner & 0xffffff) << 38 |
	       (n & 0x3fffffffffULL);
}

static inline bool event_before(const struct event *a, const struct event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

/** struct queue_ops - one small interface, several structures, same bytes */
struct queue_ops {
	const char *name;
	void *(*new)(void);
	void (*free)(void *q);
	void (*push)(void *q, const struct event *ev);
	/** peek: earliest event, or NULL; valid until the next push or pop */
	const struct event *(*peek)(void *q);
	/** pop: take it out into @out; the earliest that is left, or NULL.
	 *  Of an empty queue: NULL, and @out is as before. */
	const struct event *(*pop)(void *q, struct event *out);
	uint64_t (*pending)(const void *q);
};

extern const struct queue_ops queue_heap, queue_wheel;

/** struct far_slots - tree of winners: event times by node, and whose they are */
struct far_slots {
	sim_ns *at_ns;
	uint32_t *number;
	uint32_t leaf;		/* node of slot 0 */
	sim_ns *memory;		/* that at_ns[] is in */
};

/**
 * struct slots - sources of events with one pending at most, such as the next
 * resume of a CPU: it can be moved and taken back, and costs no queue (slots.c)
 * @first_ns, @first: the earliest event and whose it is; INT64_MAX: there is none
 * @at_ns: of each slot's event; INT64_MAX: it has none
 * @order: that slot 0's events have; their owner is the slot's number
 */
struct slots {
	sim_ns first_ns;
	uint32_t first;
	uint64_t order;
	sim_ns *at_ns;
	struct dial *near;
	struct far_slots far;
	void (*fire)(struct engine *e, uint32_t number);
};

/* what ends a wait, and what ends a piece of work */
enum slot_set { SLOTS_WAKE, SLOTS_RESUME, SLOT_SETS };

/**
 * struct engine - clock, queue, slots, fibers
 * @next_ns, @next_order: of the earliest event; INT64_MAX: there is none
 * @next_slots: the slots it is one of; NULL: it is in the queue
 * @queue_ns, @queue_order: of the earliest in the queue
 * @heap_until: pending events up to which the heap is used (engine.c)
 */
struct engine {
	sim_ns now_ns, next_ns;
	uint64_t next_order;
	struct slots *next_slots;
	bool eager;			/* every piece of work is an event */
	bool stop;			/* leave engine_run() after this event */
	struct slots slots[SLOT_SETS];
	sim_ns queue_ns;
	uint64_t queue_order;
	uint64_t pending, heap_until;
	const struct queue_ops *queue_ops;
	void *queue;
	struct fiber_pool fibers;
	uint64_t events;		/* host statistics: not part of results */
	/* test build: called after every event; NULL otherwise */
	void (*check)(struct engine *e, void *arg);
	void *check_arg;
};

/** engine_init() - @queue NULL: heap while few events are pending, then wheel */
void engine_init(struct engine *e, const struct queue_ops *queue);
void engine_release(struct engine *e);

/** engine_at() - deliver (@sink, @data) at @at_ns; @at_ns < now is a BUG */
void engine_at(struct engine *e, sim_ns at_ns, uint64_t order,
	       struct sink *sink, uint64_t data);

/**
 * engine_slots() - @count slots instead of none; @fire runs a slot's event, which is taken
 * @order: of slot 0's, see event_order(); all of SLOTS_WAKE come before those of
 *	SLOTS_RESUME. At one time the lower number is first.
 * The engine's own release releases them.
 */
void engine_slots(struct engine *e, enum slot_set set, uint32_t count,
		  uint64_t order, void (*fire)(struct engine *e, uint32_t number));
void engine_slots_release(struct engine *e);

/** engine_slot_at() - slot @number's event is at @at_ns from now on; INT64_MAX:
 *  it has none. Cost: O(1) if it is near, else O(log slots). */
void engine_slot_at(struct engine *e, enum slot_set set, uint32_t number,
		    sim_ns at_ns);

/** engine_note_next() - the first of queue and slots; for the engine's own files */
static inline void engine_note_next(struct engine *e)
{
	struct slots *s = &e->slots[SLOTS_RESUME];
	sim_ns at_ns;
	uint64_t order;

	if (e->slots[SLOTS_WAKE].first_ns <= s->first_ns)
		s = &e->slots[SLOTS_WAKE];
	at_ns = s->first_ns;
	order = s->order + event_order(0, s->first, 0);
	if (at_ns < e->queue_ns ||
	    (at_ns == e->queue_ns && order < e->queue_order)) {
		e->next_slots = s;
		e->next_ns = at_ns;
		e->next_order = order;
	} else {
		e->next_slots = NULL;
		e->next_ns = e->queue_ns;
		e->next_order = e->queue_order;
	}
}

/** engine_slot_armed() - does it have one */
static inline bool engine_slot_armed(const struct engine *e, enum slot_set set,
				     uint32_t number)
{
	return e->slots[set].at_ns[number] != INT64_MAX;
}

/** engine_slot_next() - if next_slots: whose event comes next */
static inline uint32_t engine_slot_next(const struct engine *e)
{
	return e->next_slots->first;
}

/** engine_passes() - may a fiber take the next event itself, because it is a
 *  slot's and nobody looks in between */
static inline bool engine_passes(const struct engine *e)
{
	return e->next_slots && !e->stop && !e->check && e->fibers.passes;
}

/** engine_slot_take() - the next event, which is a slot's: the clock moves there,
 *  it is taken. Return: the slot's number. */
uint32_t engine_slot_take(struct engine *e);

/**
 * engine_advance_to() - may the caller's own event at (@at_ns, @order) be next?
 * If nothing pending comes before it, the clock moves there and true is
 * returned: the event need not be queued. Never true when eager.
 */
static inline bool engine_advance_to(struct engine *e, sim_ns at_ns,
				     uint64_t order)
{
	if (e->next_ns < at_ns || e->eager || e->stop ||
	    (e->next_ns == at_ns && e->next_order < order))
		return false;
	e->now_ns = at_ns;
	return true;
}

/** engine_run() - until the queue is empty or e->stop; never from a fiber */
void engine_run(struct engine *e);

#endif
