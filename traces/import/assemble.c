/*
 * The assembler: events in, ops out. This file has the tasks and the order of
 * events; what the events mean stands in assemble_op.c (calls, faults, life),
 * assemble_lock.c and assemble_seg.c (mmap_lock), assemble_sched.c,
 * assemble_lost.c, assemble_mm.c (identity of address spaces) and layout.c.
 *
 * Invariant: every event has one fate. Records of a task leave in start
 * order; a record waits for the ops that were open when it began, at most
 * PENDING_MAX of them. Memory is live tasks, live mms with what is known of
 * their layout, and the two tables.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "traces/import/assemble_int.h"

struct atask *task_find(struct assembler *a, uint32_t tid)
{
	uint64_t slot = idmap_find(&a->by_tid, tid, UINT64_MAX);

	return slot == UINT64_MAX ? NULL : a->tasks[slot];
}

struct trace_task *task_row(struct assembler *a, const struct atask *t)
{
	return &a->h->tasks[t->id];
}

static uint32_t free_slot(struct assembler *a)
{
	uint32_t i = a->task_slots;

	if (a->free_slot_count)
		return a->free_slots[--a->free_slot_count];
	a->task_slots = i ? i * 2 : 64;
	a->tasks = xrealloc(a->tasks, a->task_slots, sizeof(*a->tasks));
	a->free_slots = xrealloc(a->free_slots, a->task_slots,
				 sizeof(*a->free_slots));
	memset(a->tasks + i, 0, (a->task_slots - i) * sizeof(*a->tasks));
	for (uint32_t s = a->task_slots - 1; s > i; s--)
		a->free_slots[a->free_slot_count++] = s;
	return i;
}

struct atask *task_new(struct assembler *a, uint32_t tid, uint32_t tgid,
		       uint32_t parent, uint32_t mm)
{
	struct trace_header *h = a->h;
	struct atask *t = xcalloc(1, sizeof(*t));
	uint32_t slot = free_slot(a);

	if (h->task_count == a->rows_size) {
		a->rows_size = a->rows_size ? a->rows_size * 2 : 64;
		h->tasks = xrealloc(h->tasks, a->rows_size, sizeof(*h->tasks));
	}
	h->tasks[h->task_count] = (struct trace_task){ .tid = tid,
		.tgid = tgid == TGID_UNKNOWN ? tid : tgid, .parent = parent,
		.mm = mm, .first_ns = a->now_ns, .last_ns = a->now_ns };
	t->id = h->task_count++;
	t->tid = tid;
	t->mm = TRACE_NO_MM;
	t->new_mm = TRACE_NO_MM;
	t->call = t->fault = NO_CALL;
	t->last_ns = a->now_ns;
	a->tasks[slot] = t;
	t->slot = slot;
	idmap_set(&a->by_tid, tid, slot);
	tgid = h->tasks[t->id].tgid;
	if (idmap_find(&a->by_tgid, tgid, UINT64_MAX) == UINT64_MAX)
		idmap_set(&a->by_tgid, tgid, slot);
	if (mm != TRACE_NO_MM)
		mm_switch(a, t, mm);
	return t;
}

void task_end(struct assembler *a, struct atask *t)
{
	struct amm *m = t->mm == TRACE_NO_MM ? NULL : mm_live(a, t->mm);

	fault_close(a, t, false);
	if (t->call != NO_CALL && t->dead)
		exit_done(a, t);
	if (t->call != NO_CALL)
		call_abandon(a, t);
	ring_flush(a, t);
	task_row(a, t)->last_ns = t->last_ns;
	task_row(a, t)->exited = t->dead;
	if (m && !--m->users)
		mm_dissolve(a, m);
	if (task_find(a, t->tid) == t)
		idmap_remove(&a->by_tid, t->tid);
	if (idmap_find(&a->by_tgid, task_row(a, t)->tgid, UINT64_MAX) == t->slot)
		idmap_remove(&a->by_tgid, task_row(a, t)->tgid);
	a->tasks[t->slot] = NULL;
	a->free_slots[a->free_slot_count++] = t->slot;
	ring_release(a, t);
	free(t);
}

/*
 * With sched_switch a task ends when it leaves its CPU for the last time.
 * Without, lines of exit_mm may follow its exit, for a while.
 */
void task_reap_later(struct assembler *a, const struct atask *t)
{
	uint32_t at = (a->dead_at + a->dead_count) % DEAD_MAX;
	struct atask *oldest;

	if (a->dead_count == DEAD_MAX) {
		at = a->dead_at;
		a->dead_at = (a->dead_at + 1) % DEAD_MAX;
		oldest = task_find(a, a->dead[at]);
		if (oldest && oldest->dead && oldest != t)
			task_end(a, oldest);
	} else {
		a->dead_count++;
	}
	a->dead[at] = t->tid;
}

/* a thread that execs takes over the pid of its leader, which is gone */
void task_rename(struct assembler *a, struct atask *t, uint32_t tid)
{
	struct atask *leader = task_find(a, tid);

	if (leader && leader != t) {
		leader->dead = true;
		task_end(a, leader);
	}
	idmap_remove(&a->by_tid, t->tid);
	t->tid = tid;
	idmap_set(&a->by_tid, tid, t->slot);
}

/* threads of one process that was running when the trace began */
static uint32_t mm_of_process(struct assembler *a, const struct raw_event *ev)
{
	uint64_t slot = ev->tgid == TGID_UNKNOWN ? UINT64_MAX :
			idmap_find(&a->by_tgid, ev->tgid, UINT64_MAX);

	if (slot == UINT64_MAX || a->tasks[slot]->dead)
		return TRACE_NO_MM;
	return mm_find(a, task_mm(a, a->tasks[slot]));
}

/*
 * What no task does behind its sched_process_exit: after one, the number was
 * given to another task, whose birth the capture does not show.
 */
static bool only_alive(const struct raw_event *ev)
{
	enum { PF_USER = 4 };

	return ev->type == RAW_CALL || ev->type == RAW_ENTER ||
	       ev->type == RAW_NEWTASK || ev->type == RAW_EXECED ||
	       (ev->type == RAW_FAULT_USER && ev->v[2] & PF_USER);
}

struct atask *task_get(struct assembler *a, const struct raw_event *ev)
{
	struct atask *t = task_find(a, ev->tid);

	if (t && t->dead && only_alive(ev)) {
		task_end(a, t);
		t = NULL;
		a->counts.tids_again++;
	}
	if (!t && a->calls_tell_tasks)
		t = child_of_open_call(a, ev->tid);
	if (!t)
		t = task_new(a, ev->tid, ev->tgid, TRACE_NO_TASK,
			     mm_of_process(a, ev));
	return t;
}

static void name_task(struct assembler *a, struct atask *t,
		      const struct raw_event *ev)
{
	struct trace_task *row = task_row(a, t);
	size_t n = ev->comm_bytes;

	if (!n || (n == 5 && !memcmp(ev->comm, "<...>", 5)))
		return;
	if (n >= sizeof(row->comm))
		n = sizeof(row->comm) - 1;
	memcpy(row->comm, ev->comm, n);
	row->comm[n] = 0;
	t->named = true;
}

/* before any event of @t is handled */
static void task_step(struct assembler *a, struct atask *t,
		      const struct raw_event *ev)
{
	if (a->now_ns < t->last_ns)
		a->now_ns = t->last_ns;
	t->last_ns = a->now_ns;
	t->cpu = ev->cpu;
	if (!t->named)
		name_task(a, t, ev);
	if (t->out)
		sched_infer_in(a, t);
}

struct assembler *assemble_new(const struct assemble_setup *s,
			       struct errbuf *e)
{
	struct assembler *a = xcalloc(1, sizeof(*a));

	a->writer = s->writer;
	a->h = s->header;
	a->floor = s->floor;
	a->have_before = s->have;
	a->units = s->units;
	a->tax = s->tax;
	a->calls_tell_tasks = s->calls_tell_tasks;
	a->faults = s->faults;
	a->kernel = kernel_version(s->header->kernel);
	/* "mmap_lock: emit before unlock": 5.15; events exist since 5.11 */
	a->release_late = a->kernel && a->kernel < KVER(5, 15, 0);
	pool_init(&a->few, FEW_SEGS * sizeof(struct op_segment));
	pool_init(&a->many, OP_SEGS_MAX * sizeof(struct op_segment));
	if (s->maps && layout_read_maps(a, s->maps, e)) {
		assemble_free(a);
		return NULL;
	}
	return a;
}

void assemble_free(struct assembler *a)
{
	if (!a)
		return;
	for (uint32_t i = 0; i < a->task_slots; i++) {
		if (a->tasks[i]) {
			ring_release(a, a->tasks[i]);
			free(a->tasks[i]);
		}
	}
	for (uint32_t i = 0; i < a->h->mm_count; i++) {
		if (a->mms && a->mms[i]) {
			rangemap_release(&a->mms[i]->known);
			rangemap_release(&a->mms[i]->gone);
			rangemap_release(&a->mms[i]->first_prot);
			free(a->mms[i]);
		}
	}
	free(a->mms);
	free(a->alias);
	free(a->tasks);
	free(a->free_slots);
	idmap_release(&a->by_tid);
	idmap_release(&a->by_tgid);
	idmap_release(&a->by_ptr);
	idmap_release(&a->vmalloc_bytes);
	pool_release(&a->few);
	pool_release(&a->many);
	hist_release(&a->waits);
	free(a->maps);
	free(a->map_areas);
	free(a);
}

static struct fate on_tlb_flush(struct assembler *a, const struct raw_event *ev)
{
	enum { TASK_SWITCH, REMOTE_SHOOTDOWN, LOCAL, LOCAL_MM, REMOTE_IPI };
	struct atask *t = task_find(a, ev->tid);
	struct builder *b;
	struct record *r;

	if (!t)
		return LOSS("event of a task outside the trace");
	/* after the switch the old task is still the one that prints */
	if (ev->v[1] != TASK_SWITCH || !t->out)
		task_step(a, t, ev);
	else if (a->now_ns < t->last_ns)
		a->now_ns = t->last_ns;
	b = builder_of(t, &r);
	builder_event(t);
	if (b) {
		b->tlb_local += ev->v[1] == LOCAL || ev->v[1] == LOCAL_MM;
		b->tlb_ipi += ev->v[1] == REMOTE_IPI;
	}
	a->have |= HAVE_TLB;
	add_instant(a, t, OP_TLB_FLUSH, ev->v[0], ev->v[1], 0, 0);
	return MEASURED;
}

static struct fate on_vmalloc(struct assembler *a, struct atask *t,
			      const struct raw_event *ev)
{
	struct op op;

	a->have |= HAVE_VMALLOC;
	builder_event(t);
	if (ev->type == RAW_VMAP_PURGE) {
		add_instant(a, t, OP_VMAP_PURGE, ev->v[0], ev->v[1], ev->v[2],
			    0);
		return MEASURED;
	}
	op_init(a, t, &op, ev->type == RAW_VMAP_ALLOC ? OP_VMALLOC : OP_VFREE);
	op.mm = TRACE_NO_MM;
	op.flags |= OPF_RESULT_KNOWN;
	op.arg[0] = ev->v[0];
	if (ev->type == RAW_VMAP_ALLOC) {
		for (int i = 1; i < 5; i++)
			op.arg[i] = ev->v[i];
		if (ev->v[5]) {
			op.flags |= OPF_FAILED;
			op.result = -ENOMEM;
		} else {
			idmap_set(&a->vmalloc_bytes, ev->v[0], ev->v[1]);
		}
	} else {	/* 0: allocated before the trace */
		op.arg[1] = idmap_find(&a->vmalloc_bytes, ev->v[0], 0);
		idmap_remove(&a->vmalloc_bytes, ev->v[0]);
		op.arg[2] = ev->v[1];
		op.arg[3] = ev->v[2];
	}
	ring_add(a, t, &op, true);
	ring_flush(a, t);
	return JOINED;
}

static struct fate on_freed(struct assembler *a, const struct raw_event *ev)
{
	struct atask *t = task_find(a, (uint32_t)ev->v[0]);

	if (!t || !t->dead)
		return LOSS("sched_process_free: that task has ended already");
	task_end(a, t);
	return JOINED;
}

static struct fate on_migrate(struct assembler *a, const struct raw_event *ev)
{
	struct atask *t = task_find(a, (uint32_t)ev->v[0]);

	if (!t)
		return LOSS("event of a task outside the trace");
	if (a->now_ns < t->last_ns)
		a->now_ns = t->last_ns;
	t->last_ns = a->now_ns;
	add_instant(a, t, OP_MIGRATE, ev->v[1], ev->v[2], 0, 0);
	return MEASURED;
}

/* events that make a task known: only what it does itself */
static struct fate own_event(struct assembler *a, struct atask *t,
			     const struct raw_event *ev)
{
	switch ((enum raw_type)ev->type) {
	case RAW_ENTER:
		return on_call_enter(a, t, ev);
	case RAW_EXIT:
		return on_call_exit(a, t, ev);
	case RAW_CALL:
		return on_whole_call(a, t, ev);
	case RAW_AREA:
		/* inside a call it is what the call makes */
		if (t->call == NO_CALL || is_exec_call(t->call_id))
			layout_area(a, task_mm(a, t), ev->v[0], ev->v[1],
				    (uint32_t)ev->v[2]);
		return MEASURED;
	case RAW_FAULT_USER:
	case RAW_FAULT_KERNEL:
		return on_fault(a, t, ev);
	case RAW_LOCK_START:
		return on_lock_start(a, t, ev);
	case RAW_LOCK_ACQUIRED:
		return on_lock_acquired(a, t, ev);
	case RAW_LOCK_RELEASED:
		return on_lock_released(a, t, ev);
	case RAW_VMAP_ALLOC:
	case RAW_VMAP_FREE:
	case RAW_VMAP_PURGE:
		return on_vmalloc(a, t, ev);
	case RAW_EXIT_MMAP:
		return on_exit_mmap(a, t);
	case RAW_NEWTASK:
		return on_newtask(a, t, ev);
	case RAW_FORKED:
		return on_forked(a, t, ev);
	case RAW_EXECED:
		return on_execed(a, t, ev);
	case RAW_EXITED:
		return on_exited(a, t);
	case RAW_RSS_STAT:
		a->have |= HAVE_RSS;
		add_instant(a, t, OP_RSS_STAT, ev->v[0], ev->v[1], ev->v[2],
			    0);
		return MEASURED;
	default:
		BUG("event type %u", ev->type);
	}
}

static struct fate not_used(const struct raw_event *ev)
{
	return (struct fate){ FATE_LOSS, ev->name, ev->name_bytes,
			      "event not used: " };
}

static struct fate dispatch(struct assembler *a, const struct raw_event *ev)
{
	struct atask *t;

	switch ((enum raw_type)ev->type) {
	case RAW_OTHER:
		return not_used(ev);
	case RAW_WAKEUP:
	case RAW_WAKEUP_NEW:
		return LOSS("sched_wakeup: names no waker (sched_waking does)");
	case RAW_LOST:
		return on_lost(a, ev);
	case RAW_SWITCH:
		return on_switch(a, ev);
	case RAW_WAKING:
		return on_waking(a, ev);
	case RAW_MIGRATE:
		return on_migrate(a, ev);
	case RAW_FREED:
		return on_freed(a, ev);
	case RAW_TLB_FLUSH:
		return on_tlb_flush(a, ev);
	case RAW_CONTENTION_BEGIN:
	case RAW_CONTENTION_END:
		t = task_find(a, ev->tid);
		if (!t)
			return LOSS("event of a task outside the trace");
		task_step(a, t, ev);
		return on_contention(a, t, ev);
	default:
		if (ev->tid == TID_GONE)
			return LOSS("event of a task that is gone already");
		t = task_get(a, ev);
		task_step(a, t, ev);
		return own_event(a, t, ev);
	}
}

struct fate assemble_event(struct assembler *a, const struct raw_event *ev,
			   struct errbuf *e)
{
	struct fate f;

	a->e = e;
	if (ev->type != RAW_LOST) {
		if (!a->started) {
			a->started = true;
			a->epoch_ns = a->raw_now_ns = ev->ts;
		}
		if (ev->ts < a->raw_now_ns)
			a->counts.clock_steps++;
		a->raw_now_ns = ev->ts;
	}
	a->now_ns = a->raw_now_ns - a->epoch_ns;
	if (a->now_ns < 0)
		a->now_ns = 0;
	if (a->now_ns > 1LL << 59)	/* 18 years: a damaged stamp */
		return LOSS("impossible time stamp");
	if (a->now_ns > a->h->span_ns)
		a->h->span_ns = a->now_ns;
	if (a->maps_left)
		layout_apply_maps(a, false);
	f = dispatch(a, ev);
	return a->failed ? (struct fate){ .kind = FATE_ERROR } : f;
}

static void fill_aliases(struct assembler *a)
{
	struct trace_header *h = a->h;
	uint32_t *final = xcalloc((size_t)h->mm_count + 1, sizeof(*final));
	uint32_t kept = 0;

	for (uint32_t i = 0; i < h->mm_count; i++) {
		if (a->alias[i] == i)
			final[i] = kept++;
	}
	h->mm_alias = xcalloc((size_t)h->mm_count + 1, sizeof(uint32_t));
	h->mm_alias_count = h->mm_count;
	for (uint32_t i = 0; i < h->mm_count; i++) {
		h->mm_alias[i] = final[mm_find(a, i)];
		if (a->alias[i] == i)
			h->mms[final[i]] = h->mms[i];
	}
	h->mm_count = kept;
	for (uint32_t i = 0; i < kept; i++) {
		if (h->mms[i].parent != TRACE_NO_MM)
			h->mms[i].parent = h->mm_alias[h->mms[i].parent];
	}
	for (uint32_t i = 0; i < h->task_count; i++) {
		if (h->tasks[i].mm != TRACE_NO_MM)
			h->tasks[i].mm = h->mm_alias[h->tasks[i].mm];
	}
	if (kept == h->mm_alias_count) {	/* ids are final as they are */
		free(h->mm_alias);
		h->mm_alias = NULL;
		h->mm_alias_count = 0;
	}
	free(final);
}

int assemble_finish(struct assembler *a, struct assemble_counts *c,
		    struct errbuf *e)
{
	a->e = e;
	layout_apply_maps(a, true);
	for (uint32_t i = 0; i < a->task_slots; i++) {
		if (a->tasks[i])
			task_end(a, a->tasks[i]);
	}
	for (uint32_t i = 0; i < a->h->mm_count; i++) {
		if (a->mms[i])
			mm_dissolve(a, a->mms[i]);
	}
	a->h->epoch_ns = a->epoch_ns;
	a->h->lock_event_tax_ns = a->floor.tax_ns;
	a->h->lock_wait_floor_ns = a->floor.floor_ns;
	a->h->have |= a->have;
	memcpy(a->h->ops, a->counts.ops, sizeof(a->h->ops));
	fill_aliases(a);
	*c = a->counts;
	/* mm_count is that of the header now: nothing live is left to free */
	free(a->mms);
	a->mms = NULL;
	return a->failed ? -EIO : 0;
}

struct fault_locks assemble_faults(const struct assembler *a)
{
	return a->faults;
}

uint32_t assemble_have(const struct assembler *a)
{
	return a->have;
}
