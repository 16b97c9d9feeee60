/*
 * Callbacks on lists and segments, and where what they free is in the ledger.
 *
 * Invariant: a callback is on exactly one list of its CPU. wait and ready are
 * waited for in that order: wait_seq < ready_seq.
 * Cost: O(1), but for the ledger, which follows each callback; neighbours of
 * one account move together.
 */
#include "sim/sync/rcu_impl.h"

void rcu_list_init(struct rcu_list *l)
{
	*l = (struct rcu_list){ 0 };
	l->tail = &l->head;
}

void rcu_list_add(struct rcu_list *l, struct rcu_head *h)
{
	h->next = NULL;
	*l->tail = h;
	l->tail = &h->next;
	l->count++;
}

void rcu_count_in(struct rcu_cpu *c)
{
	c->queued++;
	c->r->pending++;
	c->r->stats.called++;
}

void rcu_next_add(struct rcu_cpu *c, struct rcu_head *h, uint32_t from)
{
	struct rcu_state *r = c->r;

	rcu_head_move(r, h, from, r->s.stage_gp);
	rcu_list_add(&c->next, h);
	rcu_count_in(c);
}

void rcu_list_append(struct rcu_list *l, struct rcu_list *from)
{
	if (!from->head)
		return;
	*l->tail = from->head;
	l->tail = from->tail;
	l->count += from->count;
	rcu_list_init(from);
}

struct rcu_head *rcu_list_pop(struct rcu_list *l)
{
	struct rcu_head *h = l->head;

	if (!h)
		return NULL;
	l->head = h->next;
	if (!l->head)
		l->tail = &l->head;
	l->count--;
	return h;
}

/* ---- ledger ---- */

/** struct run - neighbours of one account */
struct run {
	const struct rcu_head *first;
	uint64_t objects, bytes;
	__int128 asked_ns;
};

static void run_move(struct rcu_state *r, struct run *run, uint32_t from,
		     uint32_t to)
{
	if (run->objects)
		hold_move(r->m->metrics, run->first->hold, run->first->tag,
			  from, to, run->objects, run->bytes, run->asked_ns,
			  r->m->engine.now_ns);
	*run = (struct run){ 0 };
}

static bool run_fits(const struct run *run, const struct rcu_head *h)
{
	const struct rcu_head *f = run->first;

	return f && f->hold == h->hold && f->tag->mm == h->tag->mm &&
	       f->tag->op == h->tag->op;
}

/* Adds @h to @run, which is moved when another account follows. */
static void run_add(struct rcu_state *r, struct run *run, struct rcu_head *h,
		    uint32_t from, uint32_t to)
{
	if (!h->objects || from == to)
		return;
	if (to == r->s.stage_gp)
		h->since_ns = r->m->engine.now_ns;
	if (h->move) {
		h->move(h, from, to);
		return;
	}
	if (!run_fits(run, h))
		run_move(r, run, from, to);
	if (!run->first)
		run->first = h;
	run->objects += h->objects;
	run->bytes += h->bytes;
	run->asked_ns += (__int128)h->objects * h->tag->asked_ns;
}

void rcu_list_move(struct rcu_state *r, struct rcu_list *l, uint32_t from,
		   uint32_t to)
{
	struct run run = { 0 };

	for (struct rcu_head *h = l->head; h; h = h->next)
		run_add(r, &run, h, from, to);
	run_move(r, &run, from, to);
}

void rcu_head_move(struct rcu_state *r, struct rcu_head *h, uint32_t from,
		   uint32_t to)
{
	struct run run = { 0 };

	run_add(r, &run, h, from, to);
	run_move(r, &run, from, to);
}

/* ---- segments ---- */

bool rcu_has_pending(const struct rcu_cpu *c)
{
	return c->wait.count || c->ready.count || c->next.count;
}

/* A period that began before them does not do: it is the next one. */
bool rcu_assign(struct rcu_cpu *c)
{
	uint64_t seq = c->r->started + 1;

	if (mutated(MUTATE_RCU_LATE_RIDES) && rcu_period_runs(c->r))
		seq = c->r->started;
	if (!c->next.count)
		return c->ready.count && c->ready_seq == seq;
	if (c->ready.count && c->ready_seq != seq) {
		BUG_ON(c->wait.count || c->ready_seq > seq);
		rcu_list_append(&c->wait, &c->ready);
		c->wait_seq = c->ready_seq;
	}
	rcu_list_append(&c->ready, &c->next);
	c->ready_seq = seq;
	return true;
}

/* The period is over: who held them up, and on to the callback. */
static void release(struct rcu_cpu *c, struct rcu_list *l, unsigned ended_by)
{
	struct rcu_state *r = c->r;
	sim_ns now = r->m->engine.now_ns;

	for (const struct rcu_head *h = l->head; h; h = h->next)
		if (h->objects)
			hold_waited(r->m->metrics, h->hold, ended_by,
				    h->objects, (__int128)h->bytes *
						(now - h->since_ns));
	rcu_list_move(r, l, r->s.stage_gp, r->s.stage_callback);
	rcu_list_append(&c->done, l);
}

void rcu_advance(struct rcu_cpu *c, unsigned ended_by)
{
	uint64_t completed = c->r->completed;

	if (c->wait.count && c->wait_seq <= completed)
		release(c, &c->wait, ended_by);
	if (c->ready.count && c->ready_seq <= completed)
		release(c, &c->ready, ended_by);
}

int64_t rcu_invoke(struct rcu_cpu *c, struct rcu_head *h, struct cpu *on)
{
	struct rcu_state *r = c->r;

	rcu_head_move(r, h, r->s.stage_callback, STAGE_NONE);
	r->pending--;
	r->stats.invoked++;
	return h->fn(h, on);
}
