/*
 * Binary heap of events by value, behind queue_ops.
 *
 * Invariant: slot[1] is the earliest event unless @hole is set; with a hole,
 * slot[1] is empty and the earliest is the smaller of slots 2 and 3. A pop
 * only makes the hole, and the push that usually follows it fills the hole in
 * one pass: most handlers take one event and leave one.
 *
 * Cost: peek O(1), push and pop O(log n). Memory grows by doubling and is
 * kept; limit 2^32 events.
 */
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/engine/engine.h"

struct heap {
	struct event *slot;	/* 1-based */
	size_t count;		/* slots in use, the hole included */
	size_t room;
	bool hole;
};

static void *heap_new(void)
{
	struct heap *h = xcalloc(1, sizeof(*h));

	h->room = 64;
	h->slot = xcalloc(h->room, sizeof(*h->slot));
	return h;
}

static void heap_free(void *q)
{
	struct heap *h = q;

	if (!h)
		return;
	free(h->slot);
	free(h);
}

/*
 * Put @ev into the empty root and let it sink to its place, below its equals:
 * the event that peek showed past the hole must be the one that pop removes.
 */
static void sift_down(struct heap *h, const struct event *ev)
{
	struct event *s = h->slot;
	size_t n = h->count, i = 1, child;

	while ((child = 2 * i) <= n) {
		if (child < n && event_before(&s[child + 1], &s[child]))
			child++;
		if (event_before(ev, &s[child]))
			break;
		s[i] = s[child];
		i = child;
	}
	s[i] = *ev;
}

static void sift_up(struct heap *h, size_t i, const struct event *ev)
{
	struct event *s = h->slot;

	while (i > 1 && event_before(ev, &s[i / 2])) {
		s[i] = s[i / 2];
		i /= 2;
	}
	s[i] = *ev;
}

static void fill_hole(struct heap *h)
{
	struct event last = h->slot[h->count--];

	h->hole = false;
	if (h->count)
		sift_down(h, &last);
}

static void heap_push(void *q, const struct event *ev)
{
	struct heap *h = q;

	if (h->hole) {
		h->hole = false;
		sift_down(h, ev);
		return;
	}
	if (h->count + 1 == h->room) {
		h->room *= 2;
		h->slot = xrealloc(h->slot, h->room, sizeof(*h->slot));
	}
	sift_up(h, ++h->count, ev);
}

static const struct event *heap_peek(void *q)
{
	const struct heap *h = q;
	const struct event *s = h->slot;

	if (!h->hole)
		return h->count ? &s[1] : NULL;
	if (h->count < 2)
		return NULL;
	return h->count > 2 && event_before(&s[3], &s[2]) ? &s[3] : &s[2];
}

static const struct event *heap_pop(void *q, struct event *out)
{
	struct heap *h = q;

	if (h->hole)
		fill_hole(h);
	if (!h->count)
		return NULL;
	*out = h->slot[1];
	if (h->count == 1)
		h->count = 0;
	else
		h->hole = true;
	return heap_peek(h);
}

static uint64_t heap_pending(const void *q)
{
	const struct heap *h = q;

	return h->count - h->hole;
}

const struct queue_ops queue_heap = {
	.name = "heap",
	.new = heap_new,
	.free = heap_free,
	.push = heap_push,
	.peek = heap_peek,
	.pop = heap_pop,
	.pending = heap_pending,
};
