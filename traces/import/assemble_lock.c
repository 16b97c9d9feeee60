/*
 * mmap_lock events of a task: waits, holds, downgrades, failed trylocks, and
 * which open op they belong to.
 *
 * Facts from captures/README.md: `acquire_returned` without `start_locking`
 * is a downgrade; success=false opens no hold; one `released` closes a
 * downgraded hold; fork nests the child's lock inside the parent's.
 *
 * Invariant: a hold that is nested in another one of the same task makes no
 * segment of its own: its time is part of the outer section, which is what a
 * replay does with it, since nobody else can see the inner mm yet.
 */
#include "traces/import/assemble_int.h"

enum { CONTENDED_READ = 2, CONTENDED_WRITE = 4 };

/* does a lock taken while a fault is open still belong to that fault? */
static bool lock_in_fault(const struct atask *t, bool write)
{
	const struct builder *b = &t->fault_b;

	if (t->fault == NO_CALL || !b->active)
		return false;
	if (t->call != NO_CALL)	/* one read section, then it is the call's */
		return !write && !b->sections;
	/* stack growth gives the read lock up and takes it for writing */
	return !write || (b->sections && !b->wrote);
}

static struct builder *owner_of(struct atask *t, bool in_fault,
				struct record **r)
{
	if (in_fault && t->fault != NO_CALL && t->fault_b.active) {
		*r = ring_at(t, t->fault);
		return &t->fault_b;
	}
	if (!in_fault && t->call != NO_CALL && t->call_b.active) {
		*r = ring_at(t, t->call);
		return &t->call_b;
	}
	return NULL;
}

struct fate on_lock_start(struct assembler *a, struct atask *t,
			  const struct raw_event *ev)
{
	struct lock_wait *w = &t->wait;
	struct builder *b;
	struct record *r;

	a->have |= HAVE_MMAP_LOCK;
	if (t->fault != NO_CALL && !lock_in_fault(t, ev->v[1]))
		fault_close(a, t, true);
	w->active = true;
	w->in_fault = t->fault != NO_CALL;
	w->write = ev->v[1];
	w->ptr = ev->v[0];
	w->mm = lock_mm(a, t, ev->v[0], ev->v[1]);
	w->at_ns = a->now_ns;
	w->contended_ns = w->out_ns = -1;
	b = owner_of(t, w->in_fault, &r);
	if (b) {
		b->events++;
		if (w->in_fault)
			r->op.mm = w->mm;
	} else {
		a->counts.lock_outside++;
	}
	add_instant(a, t, OP_LOCK_START, w->mm, ev->v[1], 0, 0);
	return MEASURED;
}

static struct held_lock *held_by_ptr(struct atask *t, uint64_t ptr)
{
	for (uint32_t i = t->held_count; i-- > 0;) {
		if (t->held[i].ptr == ptr)
			return &t->held[i];
	}
	return NULL;
}

/* munmap and its like take effect when the write section ends */
static void take_effect(struct assembler *a, struct atask *t)
{
	struct record *r;

	if (t->call == NO_CALL || t->effect_done)
		return;
	r = ring_at(t, t->call);
	if (r->op.kind != OP_MUNMAP)
		return;
	t->effect_done = true;
	layout_unmap(a, r->op.mm, r->op.arg[0], r->op.arg[1]);
}

static void on_downgrade(struct assembler *a, struct atask *t,
			 struct held_lock *h)
{
	struct builder *b;
	struct record *r;

	take_effect(a, t);
	h->write = false;
	b = h->segment ? owner_of(t, h->in_fault, &r) : NULL;
	if (!b)
		return;
	b->events++;
	builder_close(a, b, r, a->now_ns + a->floor.tax_ns);
	b->kind = SEG_R;
	b->downgraded = true;
}

static void learn_wait(struct assembler *a, const struct lock_wait *w,
		       int64_t raw_ns)
{
	if (w->contended_ns >= 0 || w->out_ns >= 0)
		return;
	hist_record(&a->waits, raw_ns);
	if (!a->floor.known && a->waits.count >= 64)
		a->floor = assemble_floor(a);
}

static void set_wait(struct assembler *a, struct builder *b,
		     const struct lock_wait *w)
{
	int64_t raw = a->now_ns - w->at_ns;
	int64_t wait = raw > a->floor.floor_ns ? raw - a->floor.floor_ns : 0;
	int64_t until = -1, limit = a->floor.spread_ns * 3;
	uint32_t have = a->have | a->have_before;

	b->wait_ns = wait;
	b->contended = w->contended_ns >= 0 ||
		       (a->floor.known && wait > (limit ? limit : 1));
	b->spin_ns = TRACE_UNKNOWN_NS;
	if (have & HAVE_CONTENTION)
		until = w->contended_ns;
	else if (have & HAVE_SCHED)
		until = w->out_ns;
	else
		return;
	b->spin_ns = until < 0 ? wait : until - w->at_ns - a->floor.floor_ns;
	if (b->spin_ns < 0)
		b->spin_ns = 0;
	if (b->spin_ns > wait)
		b->spin_ns = wait;
}

/* the piece before the lock ends where waiting began; a section begins */
static void open_section(struct assembler *a, struct atask *t,
			 struct held_lock *h)
{
	const struct lock_wait *w = &t->wait;
	int64_t from = w->at_ns + a->floor.tax_ns;
	struct builder *b;
	struct record *r;
	bool failed;

	b = owner_of(t, h->in_fault, &r);
	if (!b)
		return;
	if (t->held_count > 1 && t->held[t->held_count - 2].segment) {
		b->events++;	/* nested: part of the outer section */
		return;
	}
	if (b->kind == SEG_POST)
		b->kind = SEG_PRE;
	failed = b->trylock_failed;
	b->trylock_failed = false;
	builder_close(a, b, r, from > a->now_ns ? a->now_ns : from);
	b->cut_ns = a->now_ns;
	b->trylock_failed = failed;
	b->kind = h->write ? SEG_W : SEG_R;
	b->mm = h->mm;
	b->events = 1;
	b->sections++;
	b->wrote |= h->write;
	set_wait(a, b, w);
	h->segment = true;
}

static void on_failed_trylock(struct atask *t)
{
	struct record *r;
	struct builder *b = owner_of(t, t->wait.in_fault, &r);

	if (!b)
		return;
	b->events++;
	b->failures++;
	b->trylock_failed = true;
}

static void push_held(struct assembler *a, struct atask *t)
{
	const struct lock_wait *w = &t->wait;
	struct held_lock *h;

	if (t->held_count == HELD_MAX) {	/* releases were lost */
		for (int i = 1; i < HELD_MAX; i++)
			t->held[i - 1] = t->held[i];
		t->held_count--;
	}
	h = &t->held[t->held_count++];
	*h = (struct held_lock){ .ptr = w->ptr, .mm = w->mm,
		.write = w->write, .in_fault = w->in_fault,
		.wait_ns = w->at_ns };
	open_section(a, t, h);
}

struct fate on_lock_acquired(struct assembler *a, struct atask *t,
			     const struct raw_event *ev)
{
	struct lock_wait *w = &t->wait;
	struct held_lock *h;
	bool downgrade = false;
	uint32_t mm;

	a->have |= HAVE_MMAP_LOCK;
	if (w->active && w->ptr == ev->v[0]) {
		w->active = false;
		mm = w->mm;
		if (ev->v[2]) {
			learn_wait(a, w, a->now_ns - w->at_ns);
			push_held(a, t);
		} else {
			on_failed_trylock(t);
		}
	} else {
		h = held_by_ptr(t, ev->v[0]);
		downgrade = h && h->write && !ev->v[1] && ev->v[2];
		mm = h ? h->mm : lock_mm(a, t, ev->v[0], ev->v[1]);
		if (downgrade)
			on_downgrade(a, t, h);
	}
	add_instant(a, t, OP_LOCK_ACQUIRED, mm, ev->v[1], ev->v[2], downgrade);
	return MEASURED;
}

/* EXIT_MM is what exit_mmap did: its read section, the gap, the write section */
static void cut_exit_mm(struct assembler *a, struct atask *t,
			const struct held_lock *h, struct builder *b,
			struct record *r, int64_t end_ns)
{
	unsigned n = r->op.segs, take = 1;
	struct op op;
	int64_t at;

	if (n >= 3 && r->seg[n - 3].kind == SEG_R && r->seg[n - 3].mm == h->mm)
		take = 3;
	if (take > n || b->overflow)
		return;
	op_init(a, t, &op, OP_EXIT_MM);
	op.mm = h->mm;
	op.flags |= OPF_RESULT_KNOWN | OPF_IN_CALL;
	op.start_ns = b->from_ns[(n - take) & 3];
	if (op.start_ns < r->op.start_ns)
		op.start_ns = r->op.start_ns;
	op.duration_ns = end_ns - op.start_ns;
	for (at = t->call + 1; at < (int64_t)(t->first + t->count); at++) {
		if (ring_at(t, at)->op.start_ns >= op.start_ns)
			break;
	}
	ring_insert(a, t, at, &op);
	r = ring_at(t, t->call);	/* the ring may have moved */
	for (unsigned i = n - take; i < n; i++) {
		struct op_segment s = r->seg[i];

		if (s.kind == SEG_POST)
			s.kind = SEG_PRE;
		*ring_add_segment(a, ring_at(t, at)) = s;
	}
	r->op.segs = (uint16_t)(n - take);
}

static void close_section(struct assembler *a, struct atask *t,
			  const struct held_lock *h)
{
	int64_t end = a->now_ns + (a->release_late ? 0 : a->floor.tax_ns);
	struct builder *b;
	struct record *r;

	b = owner_of(t, h->in_fault, &r);
	if (!b)
		return;
	b->events++;
	if (!h->segment)
		return;
	builder_close(a, b, r, end);
	b->kind = SEG_POST;
	b->section_end_ns = b->cut_ns;
	if (h->teardown && !h->in_fault)
		cut_exit_mm(a, t, h, b, r, b->cut_ns);
}

struct fate on_lock_released(struct assembler *a, struct atask *t,
			     const struct raw_event *ev)
{
	struct held_lock *h = held_by_ptr(t, ev->v[0]), gone;
	uint32_t mm = h ? h->mm : lock_mm(a, t, ev->v[0], ev->v[1]);

	a->have |= HAVE_MMAP_LOCK;
	add_instant(a, t, OP_LOCK_RELEASED, mm, ev->v[1], 0, 0);
	if (!h)
		return MEASURED;
	if (h->write)
		take_effect(a, t);
	gone = *h;
	for (uint32_t i = (uint32_t)(h - t->held); i + 1 < t->held_count; i++)
		t->held[i] = t->held[i + 1];
	t->held_count--;
	close_section(a, t, &gone);
	if (gone.teardown) {
		mm_forget_ptr(a, gone.mm);
		mm_drop_unused(a, gone.mm);
	}
	return MEASURED;
}

struct fate on_contention(struct assembler *a, struct atask *t,
			  const struct raw_event *ev)
{
	bool begin = ev->type == RAW_CONTENTION_BEGIN;

	a->have |= HAVE_CONTENTION;
	/* flags tell a rwsem from a spinlock; the pointer may be hashed */
	if (begin && t->wait.active && t->wait.contended_ns < 0 &&
	    ev->v[1] & (CONTENDED_READ | CONTENDED_WRITE))
		t->wait.contended_ns = a->now_ns;
	builder_event(t);
	add_instant(a, t, begin ? OP_CONTENTION_BEGIN : OP_CONTENTION_END,
		    ev->v[0], ev->v[1], 0, 0);
	return MEASURED;
}

/* the line names the maple tree; the mm is the one that is held for writing */
struct fate on_exit_mmap(struct assembler *a, struct atask *t)
{
	struct op op;

	builder_event(t);
	for (uint32_t i = t->held_count; i-- > 0;) {
		struct held_lock *h = &t->held[i];

		if (!h->write)
			continue;
		h->teardown = true;
		if (h->segment)
			return JOINED;	/* cut out when it is released */
		op_init(a, t, &op, OP_EXIT_MM);
		op.mm = h->mm;
		ring_add(a, t, &op, true);
		ring_flush(a, t);
		return JOINED;
	}
	op_init(a, t, &op, OP_EXIT_MM);
	ring_add(a, t, &op, true);
	ring_flush(a, t);
	return JOINED;
}
