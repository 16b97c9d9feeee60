/*
 * The event loop: takes the earliest event, moves the clock there, delivers.
 *
 * Invariant: now_ns never goes backward, and no event is delivered before one
 * that sorts earlier. engine_advance_to() keeps both without a queue: it moves
 * the clock only if the caller's event sorts before everything pending, of
 * which the earliest is always known here.
 *
 * The heap is faster while few events are pending, the wheel beyond that; both
 * pop in the same order, so the change in the middle of a run shows nowhere.
 * Of that size the wheel is 0.8 times as fast at 10 pending, 1.2 to 1.4 times
 * at 100, 2 at 1000, 4 at 10^5 (make bench T=queue).
 *
 * Cost: one queue operation pair an event; the advance is two comparisons.
 */
#include <string.h>
#include "sim/base/errbuf.h"
#include "sim/engine/engine.h"

#ifdef MMREPLAY_TEST
enum { HEAP_UNTIL = 8 };	/* so that small tests change over, too */
#else
enum { HEAP_UNTIL = 40 };
#endif

void engine_init(struct engine *e, const struct queue_ops *queue)
{
	memset(e, 0, sizeof(*e));
	e->next_ns = e->queue_ns = INT64_MAX;
	e->heap_until = queue ? UINT64_MAX : HEAP_UNTIL;
	e->queue_ops = queue ? queue : &queue_heap;
	e->queue = e->queue_ops->new();
	engine_slots(e, SLOTS_WAKE, 0, event_order(EVENT_WAKE, 0, 0), NULL);
	engine_slots(e, SLOTS_RESUME, 0, event_order(EVENT_RESUME, 0, 0), NULL);
	fiber_pool_init(&e->fibers);
}

void engine_release(struct engine *e)
{
	fiber_pool_release(&e->fibers);
	e->queue_ops->free(e->queue);
	e->queue = NULL;
	engine_slots_release(e);
}

/* Too many for the heap: they move, and it stays so. */
static __attribute__((noinline)) void change_over(struct engine *e)
{
	const struct queue_ops *from = e->queue_ops;
	void *wheel = queue_wheel.new();
	struct event ev;

	while (from->peek(e->queue)) {
		from->pop(e->queue, &ev);
		queue_wheel.push(wheel, &ev);
	}
	from->free(e->queue);
	e->queue = wheel;
	e->queue_ops = &queue_wheel;
	e->heap_until = UINT64_MAX;
}

void engine_at(struct engine *e, sim_ns at_ns, uint64_t order,
	       struct sink *sink, uint64_t data)
{
	struct event ev = { at_ns, order, sink, data };

	if (__builtin_expect(at_ns < e->now_ns, 0))
		BUG("event at %lld ns, but it is %lld ns already",
		    (long long)at_ns, (long long)e->now_ns);
	if (at_ns < e->queue_ns ||
	    (at_ns == e->queue_ns && order < e->queue_order)) {
		e->queue_ns = at_ns;
		e->queue_order = order;
		engine_note_next(e);
	}
	if (__builtin_expect(e->pending++ == e->heap_until, 0))
		change_over(e);
	e->queue_ops->push(e->queue, &ev);
}

/* Take the queue's earliest event and deliver it. */
static inline void deliver(struct engine *e)
{
	struct event ev;
	const struct event *head = e->queue_ops->pop(e->queue, &ev);

	e->pending--;
	e->queue_ns = head ? head->at_ns : INT64_MAX;
	e->queue_order = head ? head->order : 0;
	engine_note_next(e);
	BUG_ON(ev.at_ns < e->now_ns);
	e->now_ns = ev.at_ns;
	e->events++;
	ev.sink->fire(e, ev.sink, ev.data);
}

void engine_run(struct engine *e)
{
	BUG_ON(e->fibers.running);
	while (!e->stop && e->next_ns != INT64_MAX) {
		const struct slots *s = e->next_slots;

		if (s)
			s->fire(e, engine_slot_take(e));
		else
			deliver(e);
		if (e->check)
			e->check(e, e->check_arg);
	}
}
