/*
 * The event queue and the loop.
 *
 * Pinned: order by (time, class, owner, n); the heap against a sorted array
 * over random pushes and pops; equal (stale) events are neither lost nor
 * doubled; when the clock may advance without an event; slots against a scan of
 * all, with events of the queue between them. Random seeds printed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/rng.h"
#include "sim/engine/engine.h"

struct seen {
	struct sink sink;
	uint64_t data[16];
	sim_ns at[16];
	int count;
};

static void see(struct engine *e, struct sink *s, uint64_t data)
{
	struct seen *seen = (struct seen *)(void *)s;

	seen->at[seen->count] = e->now_ns;
	seen->data[seen->count++] = data;
}

/*
 *  time  5: interrupt of CPU 9 | timer of 3 | wake of 1 | resume of 0, of 2
 *  time  6: resume of 7, n = 1, then n = 2
 */
static void t_order(void **state)
{
	struct seen s = { .sink.fire = see };
	struct engine e;

	(void)state;
	engine_init(&e, NULL);
	engine_at(&e, 6, event_order(EVENT_RESUME, 7, 2), &s.sink, 6);
	engine_at(&e, 5, event_order(EVENT_RESUME, 2, 0), &s.sink, 4);
	engine_at(&e, 5, event_order(EVENT_RESUME, 0, 9), &s.sink, 3);
	engine_at(&e, 5, event_order(EVENT_WAKE, 1, 0), &s.sink, 2);
	engine_at(&e, 6, event_order(EVENT_RESUME, 7, 1), &s.sink, 5);
	engine_at(&e, 5, event_order(EVENT_TIMER, 3, 0), &s.sink, 1);
	engine_at(&e, 5, event_order(EVENT_INTERRUPT, 9, 7), &s.sink, 0);
	engine_run(&e);
	assert_int_equal(s.count, 7);
	for (uint64_t i = 0; i < 7; i++) {
		assert_int_equal(s.data[i], i);
		assert_int_equal(s.at[i], i < 5 ? 5 : 6);
	}
	engine_release(&e);
}

static void t_advance(void **state)
{
	struct seen s = { .sink.fire = see };
	uint64_t mine = event_order(EVENT_RESUME, 4, 0);
	struct engine e;

	(void)state;
	engine_init(&e, NULL);
	assert_true(engine_advance_to(&e, 100, mine));
	assert_int_equal(e.now_ns, 100);
	engine_at(&e, 200, event_order(EVENT_RESUME, 5, 0), &s.sink, 0);
	assert_true(engine_advance_to(&e, 200, mine));	/* CPU 4 before 5 */
	assert_false(engine_advance_to(&e, 201, mine));
	engine_at(&e, 200, event_order(EVENT_RESUME, 3, 0), &s.sink, 0);
	assert_false(engine_advance_to(&e, 200, mine));
	e.eager = true;
	assert_false(engine_advance_to(&e, 200, event_order(0, 0, 0)));
	e.eager = false;
	engine_run(&e);
	assert_int_equal(s.count, 2);
	engine_release(&e);
}

/* ---- heap against a sorted array ---- */

static int compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return event_before(x, y) ? -1 : event_before(y, x) ? 1 : 0;
}

enum { PENDING_MAX = 512 };

static void push_random(void *q, struct event *ref, size_t *n, uint64_t bits)
{
	struct event ev = { (sim_ns)(bits % 40), bits >> 32 & 7, NULL, bits };

	queue_heap.push(q, &ev);
	ref[(*n)++] = ev;
	qsort(ref, *n, sizeof(*ref), compare);
}

/* Equal keys may come in any order, but each exactly once. */
static void pop_check(void *q, struct event *ref, size_t *n)
{
	const struct event *head = queue_heap.peek(q), *after;
	struct event shown, got;
	size_t i = 0;

	assert_non_null(head);
	shown = *head;
	after = queue_heap.pop(q, &got);
	assert_memory_equal(&shown, &got, sizeof(got));
	assert_ptr_equal(after, queue_heap.peek(q));
	assert_int_equal(compare(&got, &ref[0]), 0);
	while (i < *n && ref[i].data != got.data)
		i++;
	assert_true(i < *n);
	assert_int_equal(compare(&got, &ref[i]), 0);
	memmove(&ref[i], &ref[i + 1], (--*n - i) * sizeof(*ref));
}

static void t_heap_random(void **state)
{
	struct event ref[PENDING_MAX];
	uint64_t seeds = getenv("MMREPLAY_LONG") ? 2000 : 40;

	(void)state;
	print_message("# seeds 1 to %llu\n", (unsigned long long)seeds);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		void *q = queue_heap.new();
		size_t n = 0;

		for (uint64_t i = 0; i < 600; i++) {
			uint64_t bits = draw(seed, i, DRAW_TEST, 0);
			bool grow = bits >> 60 < (i < 300 ? 10 : 6);

			if (n && (n == PENDING_MAX || !grow))
				pop_check(q, ref, &n);
			else
				push_random(q, ref, &n, bits);
			assert_int_equal(queue_heap.pending(q), n);
		}
		while (n)
			pop_check(q, ref, &n);
		assert_null(queue_heap.peek(q));
		queue_heap.free(q);
	}
}

/* ---- slots against a scan ---- */

enum { SLOTS = 75, TIMES = 600 };	/* two words of a dial, three levels of a tree */

static struct scan {
	struct engine e;
	struct sink sink;
	sim_ns slot_ns[SLOT_SETS][SLOTS], queue_ns[SLOTS];
	uint64_t seed, draws;
	int fired;
} scan;

static uint64_t slot_order(int set, uint32_t i)
{
	return set == SLOTS_WAKE ? event_order(EVENT_WAKE, i, 1) :
				   event_order(EVENT_RESUME, i, 0);
}

static uint64_t scan_draw(uint64_t bound)
{
	return draw_below(draw(scan.seed, 0, DRAW_TEST, scan.draws++), bound);
}

/* Now or soon, where many meet; or as far as a dial goes, and further. */
static sim_ns scan_distance(void)
{
	return (sim_ns)scan_draw(scan_draw(3) ? 6 : 3000);
}

static void scan_after(sim_ns at_ns, uint64_t order, uint64_t fired)
{
	assert_true(at_ns > scan.e.now_ns || (at_ns == scan.e.now_ns && order > fired));
}

/* What has just fired comes before all that is left, the queue's before a slot's. */
static void scan_check(uint64_t fired)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		for (int set = 0; set < SLOT_SETS; set++) {
			scan_after(scan.slot_ns[set][i], slot_order(set, i), fired);
			assert_int_equal(engine_slot_armed(&scan.e, set, i),
					 scan.slot_ns[set][i] != INT64_MAX);
		}
		scan_after(scan.queue_ns[i], event_order(EVENT_WAKE, i, 0), fired);
	}
}

/* Arm, move and take back slots, and queue an event, now and then at this time. */
static void scan_change(void)
{
	uint32_t k = (uint32_t)scan_draw(SLOTS);

	if (++scan.fired > TIMES)
		return;
	for (int turns = 0; turns < 3; turns++) {
		uint32_t i = (uint32_t)scan_draw(SLOTS), set = (uint32_t)scan_draw(SLOT_SETS);
		sim_ns at_ns = scan_draw(4) ? scan.e.now_ns + scan_distance() : INT64_MAX;

		scan.slot_ns[set][i] = at_ns;
		engine_slot_at(&scan.e, set, i, at_ns);
	}
	if (scan.queue_ns[k] != INT64_MAX)
		return;
	scan.queue_ns[k] = scan.e.now_ns + scan_distance();
	engine_at(&scan.e, scan.queue_ns[k], event_order(EVENT_WAKE, k, 0), &scan.sink, k);
}

static void slot_fired(int set, uint32_t number)
{
	assert_int_equal(scan.slot_ns[set][number], scan.e.now_ns);
	scan.slot_ns[set][number] = INT64_MAX;
	scan_check(slot_order(set, number));
	scan_change();
}

static void wake_fired(struct engine *e, uint32_t number)
{
	(void)e;
	slot_fired(SLOTS_WAKE, number);
}

static void resume_fired(struct engine *e, uint32_t number)
{
	(void)e;
	slot_fired(SLOTS_RESUME, number);
}

static void queue_fired(struct engine *e, struct sink *s, uint64_t data)
{
	(void)s;
	assert_int_equal(scan.queue_ns[data], e->now_ns);
	scan.queue_ns[data] = INT64_MAX;
	scan_check(event_order(EVENT_WAKE, (uint32_t)data, 0));
	scan_change();
}

static void scan_start(uint64_t seed)
{
	scan = (struct scan){ .sink.fire = queue_fired, .seed = seed };
	engine_init(&scan.e, NULL);
	engine_slots(&scan.e, SLOTS_WAKE, SLOTS, slot_order(SLOTS_WAKE, 0), wake_fired);
	engine_slots(&scan.e, SLOTS_RESUME, SLOTS, slot_order(SLOTS_RESUME, 0),
		     resume_fired);
	for (uint32_t i = 0; i < SLOTS; i++)
		scan.slot_ns[SLOTS_WAKE][i] = scan.slot_ns[SLOTS_RESUME][i] =
			scan.queue_ns[i] = INT64_MAX;
	scan.slot_ns[SLOTS_RESUME][7] = 1;
	engine_slot_at(&scan.e, SLOTS_RESUME, 7, 1);
}

static void t_slots_random(void **state)
{
	(void)state;
	print_message("# seeds 1 to 50\n");
	for (uint64_t seed = 1; seed <= 50; seed++) {
		scan_start(seed);
		engine_run(&scan.e);
		assert_true(scan.fired > TIMES / 4);
		for (uint32_t i = 0; i < SLOTS; i++)
			for (int set = 0; set < SLOT_SETS; set++)
				assert_false(engine_slot_armed(&scan.e, set, i));
		engine_release(&scan.e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_order),
		cmocka_unit_test(t_advance),
		cmocka_unit_test(t_heap_random),
		cmocka_unit_test(t_slots_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
