/*
 * Segments: the time of an op, cut at its mmap_lock events (MODEL.md 3).
 *
 *   op start   start_locking  acquired   downgrade   released      op end
 *      |----- PRE ----|-- wait --|--- W ----|--- R ------|-- POST ---|
 *
 * The tracer's own time stands where it was spent: an event's stamp is taken
 * before the event is written, so its cost falls behind the stamp. Since 5.15
 * `released` is written before the lock is given up, so that the section lasts
 * one tax longer than the stamps say; likewise the downgrade. Cuts are moved
 * by that much, and the segments of an op still add up to its duration.
 *
 * Invariant: no field is negative; what would be is counted as clipped.
 */
#include <string.h>
#include "traces/import/assemble_int.h"

void builder_open(struct builder *b, uint32_t mm, int64_t at_ns)
{
	memset(b, 0, sizeof(*b));
	b->active = true;
	b->kind = SEG_PRE;
	b->mm = mm;
	b->cut_ns = at_ns;
	b->events = 1;		/* the entry event is written behind its stamp */
}

struct builder *builder_of(struct atask *t, struct record **r)
{
	if (t->fault != NO_CALL && t->fault_b.active) {
		*r = ring_at(t, t->fault);
		return &t->fault_b;
	}
	if (t->call != NO_CALL && t->call_b.active) {
		*r = ring_at(t, t->call);
		return &t->call_b;
	}
	return NULL;
}

void builder_event(struct atask *t)
{
	struct record *r;
	struct builder *b = builder_of(t, &r);

	/* inside a wait it is a part of the wait, not of the piece before */
	if (b && !t->wait.active)
		b->events++;
}

static void clip(struct assembler *a, int64_t below)
{
	a->h->clipped_ops++;
	a->h->clipped_ns += (uint64_t)-below;
}

/* the next piece begins where this one ended, with nothing in it */
static void next_piece(struct builder *b, int64_t at_ns)
{
	b->cut_ns = at_ns;
	b->wait_ns = b->sleep_ns = b->idle_ns = b->nested_ns = 0;
	b->spin_ns = TRACE_UNKNOWN_NS;
	b->events = b->tlb_local = b->tlb_ipi = 0;
	b->downgraded = b->contended = b->trylock_failed = false;
}

void builder_close(struct assembler *a, struct builder *b, struct record *r,
		   int64_t at_ns)
{
	int64_t tax = a->floor.tax_ns * (int64_t)b->events;
	struct op_segment *s;
	int64_t work;

	if (at_ns < b->cut_ns)
		at_ns = b->cut_ns;
	work = at_ns - b->cut_ns - b->sleep_ns - b->idle_ns - b->nested_ns -
	       tax;
	if (work < 0) {
		clip(a, work);
		work = 0;
	}
	s = ring_add_segment(a, r);
	if (!s) {		/* OP_SEGS_MAX: the rest is one long piece */
		b->overflow = true;
		s = &r->seg[OP_SEGS_MAX - 1];
		s->work_ns += work;
		s->wait_ns += b->wait_ns;
		s->sleep_ns += b->sleep_ns;
		s->tax_ns += tax;
		next_piece(b, at_ns);
		return;
	}
	b->from_ns[(r->op.segs - 1) & 3] = b->cut_ns - b->wait_ns;
	*s = (struct op_segment){ .kind = b->kind,
		.downgraded = b->downgraded, .contended = b->contended,
		.trylock_failed = b->trylock_failed, .mm = b->mm,
		.work_ns = work, .wait_ns = b->wait_ns,
		.spin_ns = b->kind == SEG_W || b->kind == SEG_R ? b->spin_ns :
							 TRACE_UNKNOWN_NS,
		.sleep_ns = b->sleep_ns, .tax_ns = tax,
		.tlb_local = b->tlb_local, .tlb_ipi = b->tlb_ipi };
	next_piece(b, at_ns);
}

/* the short waits of a histogram: nobody was in the way, nobody spun */
struct short_waits {
	struct hist h;
	int64_t limit_ns;
};

static void keep_short(void *arg, int64_t lower, int64_t upper, uint64_t count)
{
	struct short_waits *s = arg;

	(void)upper;
	for (; count && lower <= s->limit_ns; count--)
		hist_record(&s->h, lower);
}

struct timing_floor assemble_floor(const struct assembler *a)
{
	struct timing_floor f = { 0 };
	struct short_waits s = { 0 };

	if (a->waits.count < 64 || !a->units)
		return f;
	f.known = true;
	/*
	 * Spinning leaves no event, so some of these did wait; twice the
	 * lowest decile parts them (250 ns against 1 us and more in
	 * pin-churn2, where half of the waits are contended).
	 */
	if (a->tax)
		f.tax_ns = hist_quantile(&a->waits, 1, 10);
	s.limit_ns = 2 * hist_quantile(&a->waits, 1, 10);
	hist_each(&a->waits, keep_short, &s);
	f.floor_ns = hist_quantile(&s.h, 1, 2);
	/* half the distance of the quartiles: the deviation's robust twin */
	f.spread_ns = (hist_quantile(&s.h, 3, 4) -
		       hist_quantile(&s.h, 1, 4)) / 2;
	hist_release(&s.h);
	return f;
}
