/*
 * Monotone radix wheel of events, behind queue_ops: pops in exactly the order
 * of the heap.
 *
 * Three places, in order of time:
 *
 *   front    sorted array: every event before limit_ns; head is the earliest
 *   heap     instead of the front while that does not hold them (a tick of
 *            4096 CPUs at one time); empty otherwise
 *   buckets  every event at limit_ns and later, unsorted
 *
 * A time is a number of 6-bit digits. A bucket (level, slot) has the events
 * whose highest digit that differs from base_ns is number `level`, and is
 * `slot` there. So the lowest level has the earliest events, in it the lowest
 * slot, and a bitmap finds both. An empty front is refilled from the first
 * buckets: a bucket of few events is sorted into it, a bucket of many falls to
 * lower levels after base_ns has moved to where it begins. No other bucket has
 * to change then: the digits above stay the same. An event falls at most once
 * a level.
 *
 * Invariant: base_ns < limit_ns; an event before limit_ns is never in a
 * bucket. What is pushed may lie before what has been seen by a peek: it is
 * sorted into the front, so the clock may run ahead of the queue and back to
 * it. A bucket is a chain of blocks, only the first of which has room: events
 * of one bucket lie side by side, and falling reads memory in order.
 *
 * Cost: peek, push and pop O(1) amortised over the levels in use (11 cover 63
 * bits); in a crowd of n at one time, O(log n). 33 bytes an event and one
 * block a bucket in use, kept for reuse. Limit: memory.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/engine/engine.h"

enum {
	DIGIT_BITS = 6, SLOTS = 1 << DIGIT_BITS, LEVELS = 11,
#ifdef MMREPLAY_TEST
	/* small, so that few events reach every path */
	BLOCK = 3, ENOUGH = 2, FRONT = 6,
#else
	BLOCK = 15,	/* also the most that is sorted and not spread */
	ENOUGH = 3,	/* a refill stops here: finding a bucket has a price */
	FRONT = 64,
#endif
};

_Static_assert(ENOUGH + BLOCK <= FRONT, "a refill fits the front");

struct block {
	struct block *next;
	struct event ev[BLOCK];
};

/** struct bucket - events top->ev[room..BLOCK), then all of the next blocks */
struct bucket {
	struct block *top;
	size_t room;
};

struct wheel {
	uint64_t limit_ns, base_ns;
	unsigned int head, tail;	/* front[head..tail) is in use */
	uint64_t crowd;			/* events in @heap */
	void *heap;
	struct event front[FRONT];
	uint64_t levels;		/* bit set: a slot of the level is */
	uint64_t used[LEVELS];		/* bit set: the bucket has events */
	struct bucket bucket[LEVELS * SLOTS];
	uint64_t count;			/* events in buckets */
	struct block *free_list;
	struct arena arena;
};

static void *wheel_new(void)
{
	struct wheel *w = xcalloc(1, sizeof(*w));

	w->limit_ns = 1;
	w->heap = queue_heap.new();
	return w;
}

static void wheel_free(void *q)
{
	struct wheel *w = q;

	if (!w)
		return;
	queue_heap.free(w->heap);
	arena_release(&w->arena);
	free(w);
}

static __attribute__((noinline)) void grow(struct wheel *w, struct bucket *b)
{
	struct block *k = w->free_list;

	if (k)
		w->free_list = k->next;
	else
		k = arena_alloc(&w->arena, sizeof(*k));
	k->next = b->top;
	b->top = k;
	b->room = BLOCK;
}

static inline void block_put(struct wheel *w, struct block *k)
{
	k->next = w->free_list;
	w->free_list = k;
}

/* Where an event at @at_ns, not before limit_ns, is to be written. */
static inline struct event *place(struct wheel *w, uint64_t at_ns)
{
	uint64_t differs = at_ns ^ w->base_ns;
	unsigned int bit = 63u - (unsigned int)__builtin_clzll(differs | 1);
	unsigned int level = bit * 43 >> 8;	/* bit / 6 */
	unsigned int slot = at_ns >> level * DIGIT_BITS & (SLOTS - 1);
	struct bucket *b = &w->bucket[level * SLOTS + slot];

	if (__builtin_expect(!b->room, 0))
		grow(w, b);
	w->used[level] |= 1ULL << slot;
	w->levels |= 1ULL << level;
	return &b->top->ev[--b->room];
}

static inline void sort_in(struct wheel *w, const struct event *ev)
{
	struct event *f = w->front;
	unsigned int i = w->tail++;

	for (; i > w->head && event_before(ev, &f[i - 1]); i--)
		f[i] = f[i - 1];
	f[i] = *ev;
}

/* An event before limit_ns: make room in the front, or give it up for now. */
static void push_front(struct wheel *w, const struct event *ev)
{
	unsigned int live = w->tail - w->head;

	if (!w->crowd && w->tail == FRONT && live <= FRONT / 2) {
		memmove(w->front, w->front + w->head, live * sizeof(*ev));
		w->head = 0;
		w->tail = live;
	} else if (!w->crowd && w->tail == FRONT) {
		for (; w->head < FRONT; w->head++, w->crowd++)
			queue_heap.push(w->heap, &w->front[w->head]);
	}
	if (!w->crowd) {
		sort_in(w, ev);
		return;
	}
	queue_heap.push(w->heap, ev);
	w->crowd++;
}

static void wheel_push(void *q, const struct event *ev)
{
	struct wheel *w = q;
	uint64_t at_ns = (uint64_t)ev->at_ns, order = ev->order;
	struct event *to;

	if (at_ns < w->limit_ns) {
		push_front(w, ev);
		return;
	}
	to = place(w, at_ns);
	/* word by word: the caller has just stored them so, and a wider load
	 * would wait until those stores have left the store buffer */
	to->at_ns = (sim_ns)at_ns;
	to->order = order;
	to->sink = ev->sink;
	to->data = ev->data;
	w->count++;
}

/* A bucket of many: one level down at least, relative to the new base. */
static void spread(struct wheel *w, struct bucket b)
{
	struct block *next;
	size_t i = b.room;

	for (; b.top; b.top = next, i = 0) {
		next = b.top->next;
		for (; i < BLOCK; i++) {
			const struct event *ev = &b.top->ev[i];

			*place(w, (uint64_t)ev->at_ns) = *ev;
		}
		block_put(w, b.top);
	}
}

/* A bucket of few: sort it into the front. */
static void take(struct wheel *w, struct bucket b)
{
	for (size_t i = b.room; i < BLOCK; i++)
		sort_in(w, &b.top->ev[i]);
	w->count -= BLOCK - b.room;
	w->limit_ns = (uint64_t)w->front[w->tail - 1].at_ns + 1;
	block_put(w, b.top);
}

/* A bucket of many at one time: they differ in order only. */
static void take_crowd(struct wheel *w, struct bucket b)
{
	struct block *next;
	size_t i = b.room;

	w->limit_ns = (uint64_t)b.top->ev[i].at_ns + 1;
	for (; b.top; b.top = next, i = 0) {
		next = b.top->next;
		w->crowd += BLOCK - i;
		for (; i < BLOCK; i++)
			queue_heap.push(w->heap, &b.top->ev[i]);
		block_put(w, b.top);
	}
	w->count -= w->crowd;
}

/* Front and heap are empty: the next events, if there are any. */
static __attribute__((noinline)) void refill(struct wheel *w)
{
	w->head = w->tail = 0;
	while (w->levels && w->tail < ENOUGH && !w->crowd) {
		unsigned int level = (unsigned int)__builtin_ctzll(w->levels);
		unsigned int slot = (unsigned int)__builtin_ctzll(w->used[level]);
		unsigned int shift = level * DIGIT_BITS;
		struct bucket *p = &w->bucket[level * SLOTS + slot], b = *p;

		if (b.top->next && w->tail)
			return;
		*p = (struct bucket){ 0 };
		w->used[level] &= w->used[level] - 1;
		if (!w->used[level])
			w->levels &= w->levels - 1;
		/* not for later buckets of one refill: base_ns may be behind */
		if (!w->tail)
			w->base_ns = (uint64_t)b.top->ev[b.room].at_ns >>
				     shift << shift;
		if (!b.top->next)
			take(w, b);
		else if (level)
			spread(w, b);
		else
			take_crowd(w, b);
	}
}

static const struct event *wheel_peek(void *q)
{
	struct wheel *w = q;

	if (w->head == w->tail && !w->crowd)
		refill(w);
	if (w->crowd)
		return queue_heap.peek(w->heap);
	return w->head < w->tail ? &w->front[w->head] : NULL;
}

static const struct event *wheel_pop(void *q, struct event *out)
{
	struct wheel *w = q;

	if (w->head == w->tail && !w->crowd)
		refill(w);
	if (w->crowd) {
		queue_heap.pop(w->heap, out);
		w->crowd--;
	} else if (w->head < w->tail) {
		*out = w->front[w->head++];
	}
	return wheel_peek(w);
}

static uint64_t wheel_pending(const void *q)
{
	const struct wheel *w = q;

	return w->count + w->crowd + w->tail - w->head;
}

const struct queue_ops queue_wheel = {
	.name = "wheel",
	.new = wheel_new,
	.free = wheel_free,
	.push = wheel_push,
	.peek = wheel_peek,
	.pop = wheel_pop,
	.pending = wheel_pending,
};
