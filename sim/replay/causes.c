/*
 * Who acted last on the pages of an address space, by task.
 *
 *   last    AAAAAA BBBB AA      the last op, as task << 32 | epoch
 *   other   BB     AAAA         the last one by another task than that
 *
 * Invariant: where a page has a value in `other`, it has one of another task
 * in `last`. So the last op of anybody but a given task is one of the two.
 *
 * Cost: O(log runs) a run that is touched. Memory: by runs; neighbouring
 * pages of one task and epoch are one run.
 */
#include "sim/base/mem.h"
#include "sim/replay/causes.h"

static uint64_t actor_of(uint32_t task, uint32_t epoch)
{
	return (uint64_t)task << 32 | epoch;
}

static uint32_t actor_task(uint64_t actor)
{
	return (uint32_t)(actor >> 32);
}

/* splitmix64: spreads neighbouring numbers over all bits. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

void causes_release(struct causes *c)
{
	rangemap_release(&c->last);
	rangemap_release(&c->other);
	*c = (struct causes){ 0 };
}

static struct range cut(struct range r, struct range to)
{
	if (r.start < to.start)
		r.start = to.start;
	if (r.end > to.end)
		r.end = to.end;
	return r;
}

/* A set of pages has the sum of its pages: no order, no boundaries of runs. */
static uint64_t pages_value(struct range r, uint64_t actor)
{
	return (range_bytes(r) >> PAGE_SHIFT) * mix(actor);
}

static uint64_t others_of(const struct causes *c, struct range r)
{
	struct range_run run;
	uint64_t sum = 0;

	for (uint64_t a = r.start; a < r.end &&
	     rangemap_next(&c->other, a, &run) && run.r.start < r.end;
	     a = run.r.end)
		sum += pages_value(cut(run.r, r), run.value);
	return sum;
}

static uint64_t range_cause(const struct causes *c, uint32_t task,
			    struct range r)
{
	struct range_run run;
	uint64_t sum = 0;

	for (uint64_t a = r.start; a < r.end &&
	     rangemap_next(&c->last, a, &run) && run.r.start < r.end;
	     a = run.r.end) {
		struct range part = cut(run.r, r);

		sum += actor_task(run.value) == task ?
		       others_of(c, part) : pages_value(part, run.value);
	}
	return sum;
}

static void range_done(struct causes *c, uint64_t actor, struct range r)
{
	struct range_run run;

	if (!r.end)
		return;		/* most ops have one of the four ranges */
	for (uint64_t a = r.start; a < r.end &&
	     rangemap_next(&c->last, a, &run) && run.r.start < r.end;
	     a = run.r.end)
		if (actor_task(run.value) != actor_task(actor))
			rangemap_set(&c->other, cut(run.r, r), run.value);
	rangemap_set(&c->last, r, actor);
}

static uint32_t cause_number(uint64_t sum)
{
	uint32_t cause = (uint32_t)(sum ^ sum >> 32);

	return cause || !sum ? cause : 1;
}

uint32_t cause_page(struct causes *c, uint32_t task, uint32_t epoch,
		    uint64_t page, uint32_t *near)
{
	const struct range r = { page, page + PAGE_BYTES };
	uint64_t actor = actor_of(task, epoch), before, further;
	uint32_t far = 0;

	if (!c->shared || !rangemap_touch(&c->last, r, actor, &before, near))
		return 0;
	if (actor_task(before) != task) {
		rangemap_touch(&c->other, r, before, &further, &far);
		return cause_number(pages_value(r, before));
	}
	return c->other.count ? cause_number(others_of(c, r)) : 0;
}

uint32_t cause_begun(struct causes *c, uint32_t task, uint32_t epoch,
		     const struct cause_ranges *r, bool over)
{
	uint64_t sum;

	if (!c->shared)
		return 0;
	sum = range_cause(c, task, r->use) + range_cause(c, task, r->change) +
	      range_cause(c, task, r->remove) + range_cause(c, task, r->create);
	range_done(c, actor_of(task, epoch), r->remove);
	if (over)
		cause_done(c, task, epoch, r);
	return cause_number(sum);
}

void cause_done(struct causes *c, uint32_t task, uint32_t epoch,
		const struct cause_ranges *r)
{
	uint64_t actor = actor_of(task, epoch);

	if (!c->shared)
		return;
	range_done(c, actor, r->use);
	range_done(c, actor, r->change);
	range_done(c, actor, r->create);
}
