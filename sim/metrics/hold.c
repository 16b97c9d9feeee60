/*
 * The hold ledger, see hold.h.
 *
 * Invariants: the stages of a class, but for the reusable one, sum to the class,
 * objects and bytes; the accounts of a class sum to it, stage by stage; an
 * integral is exact: it is brought up to date before each change.
 *
 * Cost: O(1) a move, one lookup by mm; memory O(address spaces alive).
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/metrics/events.h"
#include "sim/metrics/metrics.h"

struct hold_bucket {
	struct hold_account *first;
};

/* buckets by mm: those of one address space are in one, a few classes and ops */
struct hold_books {
	struct hold_bucket *bucket;
	uint32_t bucket_count, count;
};

struct hold_books *hold_books_new(void)
{
	struct hold_books *b = xcalloc(1, sizeof(*b));

	b->bucket_count = 64;
	b->bucket = xcalloc(b->bucket_count, sizeof(*b->bucket));
	return b;
}

void hold_books_free(struct metrics *m)
{
	struct hold_books *b = m->books;
	struct hold_account *a;

	for (uint32_t i = 0; i < b->bucket_count; i++) {
		while ((a = b->bucket[i].first)) {
			b->bucket[i].first = a->next;
			free(a);
		}
	}
	for (uint32_t h = 0; h < m->hold_count; h++)
		for (uint32_t i = 0; i < m->holds[h].ended_count; i++)
			free(m->holds[h].ended[i]);
	free(b->bucket);
	free(b);
}

/* ---- accounts ---- */

static struct hold_account **bucket_of(const struct hold_books *b, uint32_t mm)
{
	return &b->bucket[(mm * 0x9e3779b1u) & (b->bucket_count - 1)].first;
}

static void books_grow(struct hold_books *b)
{
	struct hold_books old = *b;
	struct hold_account *a;

	b->bucket_count *= 2;
	b->bucket = xcalloc(b->bucket_count, sizeof(*b->bucket));
	for (uint32_t i = 0; i < old.bucket_count; i++) {
		while ((a = old.bucket[i].first)) {
			struct hold_account **to = bucket_of(b, a->mm);

			old.bucket[i].first = a->next;
			a->next = *to;
			*to = a;
		}
	}
	free(old.bucket);
}

static struct hold_account *account(struct hold_books *b, uint32_t hold,
				    uint32_t mm, uint8_t op)
{
	struct hold_account *a, **head = bucket_of(b, mm);

	for (a = *head; a; a = a->next)
		if (a->mm == mm && a->hold == hold && a->op == op)
			return a;
	if (b->count >= b->bucket_count) {
		books_grow(b);
		head = bucket_of(b, mm);
	}
	a = xcalloc(1, sizeof(*a));
	*a = (struct hold_account){ .hold = hold, .mm = mm, .op = op,
				    .next = *head };
	*head = a;
	b->count++;
	return a;
}

__int128 hold_account_byte_ns(const struct metrics *m,
			      const struct hold_account *a)
{
	__int128 sum = 0;

	for (uint32_t s = 0; s < METRIC_STAGES_MAX; s++)
		if (s != m->reusable_stage)
			sum += a->stage[s].byte_ns;
	return sum;
}

static void account_add(struct hold_account *to, const struct hold_account *from)
{
	to->freed += from->freed;
	for (uint32_t s = 0; s < METRIC_STAGES_MAX; s++) {
		to->stage[s].byte_ns += from->stage[s].byte_ns;
		to->stage[s].moved += from->stage[s].moved;
	}
}

/* Most first; equal ones by name, so that the order is total. */
static int by_weight(const struct metrics *m, const struct hold_account *x,
		     const struct hold_account *y)
{
	__int128 a = hold_account_byte_ns(m, x), b = hold_account_byte_ns(m, y);

	if (a != b)
		return a > b ? -1 : 1;
	if (x->mm != y->mm)
		return x->mm < y->mm ? -1 : 1;
	return x->op < y->op ? -1 : x->op > y->op;
}

/* Empty, its mm gone: one of the largest, else into the rest. Takes @a. */
static void account_end(struct metrics *m, struct hold_account *a)
{
	struct hold_class *c = &m->holds[a->hold];
	uint32_t least = 0;

	if (c->ended_count < HOLD_ENDED_MAX) {
		c->ended[c->ended_count++] = a;
		return;
	}
	for (uint32_t i = 1; i < HOLD_ENDED_MAX; i++)
		if (by_weight(m, c->ended[i], c->ended[least]) > 0)
			least = i;
	if (by_weight(m, a, c->ended[least]) < 0) {
		struct hold_account *swap = c->ended[least];

		c->ended[least] = a;
		a = swap;
	}
	account_add(account(m->books, a->hold, HOLD_REST, a->op), a);
	free(a);
}

/* Accounts with something in it stay: what waits for RCU outlives its mm. */
void hold_forget(struct metrics *m, uint32_t mm)
{
	struct hold_account *a, *done = NULL, **at = bucket_of(m->books, mm);

	while ((a = *at)) {
		if (a->mm != mm) {
			at = &a->next;
			continue;
		}
		if (a->objects) {
			a->forgotten = true;
			at = &a->next;
			continue;
		}
		*at = a->next;
		a->next = done;
		done = a;
		m->books->count--;
	}
	while ((a = done)) {
		done = a->next;
		account_end(m, a);
	}
}

/* ---- moves ---- */

static void stage_update(struct hold_stage *s, sim_ns now)
{
	s->byte_ns += (__int128)s->bytes * (now - s->since_ns);
	s->since_ns = now;
}

static void class_update(struct hold_class *h, sim_ns now)
{
	h->byte_ns += (__int128)h->bytes * (now - h->since_ns);
	h->reusable_byte_ns += (__int128)h->reusable_bytes * (now - h->since_ns);
	h->since_ns = now;
}

static void stage_take(struct hold_stage *s, uint64_t objects, uint64_t bytes,
		       __int128 asked_sum_ns, sim_ns now)
{
	if (s->objects < objects || s->bytes < bytes)
		BUG("%llu objects (%llu bytes) leave a stage that holds %llu (%llu)",
		    (unsigned long long)objects, (unsigned long long)bytes,
		    (unsigned long long)s->objects,
		    (unsigned long long)s->bytes);
	stage_update(s, now);
	s->objects -= objects;
	s->bytes -= bytes;
	s->asked_sum_ns -= asked_sum_ns;
}

static void stage_put(struct hold_stage *s, uint64_t objects, uint64_t bytes,
		      __int128 asked_sum_ns, sim_ns now)
{
	stage_update(s, now);
	s->objects += objects;
	s->bytes += bytes;
	s->moved += objects;
	s->asked_sum_ns += asked_sum_ns;
}

static void class_count(struct hold_class *h, uint32_t from, uint32_t to,
			uint32_t reusable, uint64_t objects, uint64_t bytes,
			sim_ns now)
{
	class_update(h, now);
	if (from == reusable) {
		h->reusable_bytes -= bytes;
	} else if (from != STAGE_NONE) {
		h->objects -= objects;
		h->bytes -= bytes;
	}
	if (to == reusable) {
		h->reusable_bytes += bytes;
	} else if (to != STAGE_NONE) {
		h->objects += objects;
		h->bytes += bytes;
	}
	if (h->objects > h->peak_objects)
		h->peak_objects = h->objects;
	if (h->bytes > h->peak_bytes)
		h->peak_bytes = h->bytes;
}

void hold_move(struct metrics *m, uint32_t hold, const struct hold_tag *tag,
	       uint32_t from, uint32_t to, uint64_t objects, uint64_t bytes,
	       __int128 asked_sum_ns, sim_ns now)
{
	struct hold_class *h = &m->holds[hold];
	struct hold_account *a = account(m->books, hold, tag->mm, tag->op);

	metrics_sample(m, now);
	if (from != STAGE_NONE) {
		stage_take(&h->stage[from], objects, bytes, asked_sum_ns, now);
		stage_take(&a->stage[from], objects, bytes, asked_sum_ns, now);
		a->objects -= objects;
	} else if (to != m->reusable_stage) {
		a->freed += objects;
	}
	if (to != STAGE_NONE) {
		stage_put(&h->stage[to], objects, bytes, asked_sum_ns, now);
		stage_put(&a->stage[to], objects, bytes, asked_sum_ns, now);
		a->objects += objects;
	}
	class_count(h, from, to, m->reusable_stage, objects, bytes, now);
	if (a->forgotten && !a->objects)
		hold_forget(m, a->mm);
	if (__builtin_expect(m->events != NULL, 0))
		event_count(m->events, now,
			    h->address_space ? "hold_va" : "hold", h->name,
			    h->bytes);
}

void hold_waited(struct metrics *m, uint32_t hold, unsigned end,
		 uint64_t objects, __int128 byte_ns)
{
	struct hold_wait *w = &m->holds[hold].wait[end];

	w->objects += objects;
	w->byte_ns += byte_ns;
}

void hold_reusable_stage(struct metrics *m, uint32_t stage)
{
	m->reusable_stage = stage;
}

/* ---- at the end ---- */

static void stages_update(struct hold_stage *stage, sim_ns now)
{
	for (uint32_t s = 0; s < METRIC_STAGES_MAX; s++)
		stage_update(&stage[s], now);
}

void hold_close(struct metrics *m, sim_ns now)
{
	struct hold_books *b = m->books;

	for (uint32_t i = 0; i < m->hold_count; i++) {
		class_update(&m->holds[i], now);
		stages_update(m->holds[i].stage, now);
	}
	for (uint32_t i = 0; i < b->bucket_count; i++)
		for (struct hold_account *a = b->bucket[i].first; a; a = a->next)
			stages_update(a->stage, now);
	hold_parts_close(m, now);
}

uint32_t hold_account_count(const struct metrics *m)
{
	uint32_t n = m->books->count;

	for (uint32_t h = 0; h < m->hold_count; h++)
		n += m->holds[h].ended_count;
	return n;
}

static int compare(const void *x, const void *y, void *m)
{
	return by_weight(m, *(const struct hold_account *const *)x,
			 *(const struct hold_account *const *)y);
}

uint32_t hold_accounts(const struct metrics *m, uint32_t hold,
		       const struct hold_account **list)
{
	const struct hold_class *c = &m->holds[hold];
	const struct hold_books *b = m->books;
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->ended_count; i++)
		list[n++] = c->ended[i];
	for (uint32_t i = 0; i < b->bucket_count; i++)
		for (const struct hold_account *a = b->bucket[i].first; a;
		     a = a->next)
			if (a->hold == hold)
				list[n++] = a;
	qsort_r(list, n, sizeof(*list), compare, (void *)m);
	return n;
}
