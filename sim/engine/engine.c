/*
 * The event loop: takes the earliest event, moves the clock there, delivers.
 *
 * Invariant: now_ns never goes backward, and no event is delivered before one
 * that sorts earlier. engine_advance_to() keeps both without a queue: it moves
 * the clock only if the caller's event sorts before everything pending.
 *
 * Cost: one queue operation pair an event; the advance is one peek.
 */
#include <string.h>
#include "sim/base/errbuf.h"
#include "sim/engine/engine.h"

void engine_init(struct engine *e, const struct queue_ops *queue)
{
	memset(e, 0, sizeof(*e));
	e->queue_ops = queue ? queue : &queue_heap;
	e->queue = e->queue_ops->new();
	fiber_pool_init(&e->fibers);
}

void engine_release(struct engine *e)
{
	fiber_pool_release(&e->fibers);
	e->queue_ops->free(e->queue);
	e->queue = NULL;
}

void engine_at(struct engine *e, sim_ns at_ns, uint64_t order,
	       struct sink *sink, uint64_t data)
{
	struct event ev = { at_ns, order, sink, data };

	if (__builtin_expect(at_ns < e->now_ns, 0))
		BUG("event at %lld ns, but it is %lld ns already",
		    (long long)at_ns, (long long)e->now_ns);
	e->queue_ops->push(e->queue, &ev);
}

bool engine_advance_to(struct engine *e, sim_ns at_ns, uint64_t order)
{
	const struct event *head;

	if (e->eager || e->stop)
		return false;
	head = e->queue_ops->peek(e->queue);
	if (head && (head->at_ns < at_ns ||
		     (head->at_ns == at_ns && head->order < order)))
		return false;
	e->now_ns = at_ns;
	return true;
}

void engine_run(struct engine *e)
{
	const struct event *head;
	struct event ev;

	BUG_ON(e->current);
	while (!e->stop && (head = e->queue_ops->peek(e->queue))) {
		ev = *head;
		e->queue_ops->pop(e->queue);
		BUG_ON(ev.at_ns < e->now_ns);
		e->now_ns = ev.at_ns;
		e->events++;
		ev.sink->fire(e, ev.sink, ev.data);
		if (e->check)
			e->check(e, e->check_arg);
	}
}
