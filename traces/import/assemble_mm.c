/*
 * Which address space is which. In order of trust: the mmap_lock's mm pointer
 * that a task takes in a context of its own; CLONE_VM of the call that made
 * it; its process id where the capture has that column. A task of which
 * nothing is known yet has an mm of its own, which becomes an alias when its
 * pointer turns out to be another's.
 *
 * Facts: mms are recycled, so a pointer means a new mm after exit_mmap, in
 * the child of a fork and in exec; readers of /proc/PID take the lock of
 * somebody else's mm.
 *
 * Invariant: alias[] leads to a live or dissolved row without alias; by_ptr
 * holds only rows that are their own alias.
 */
#include <stdlib.h>
#include <string.h>
#include "traces/import/assemble_int.h"

uint32_t mm_find(struct assembler *a, uint32_t id)
{
	while (a->alias[id] != id) {
		a->alias[id] = a->alias[a->alias[id]];
		id = a->alias[id];
	}
	return id;
}

struct amm *mm_live(struct assembler *a, uint32_t id)
{
	return a->mms[mm_find(a, id)];
}

uint32_t mm_add(struct assembler *a, enum mm_origin origin, uint32_t parent,
		uint32_t owner)
{
	struct trace_header *h = a->h;
	uint32_t id = h->mm_count;

	if (id == a->mm_rows_size) {
		a->mm_rows_size = id ? id * 2 : 64;
		h->mms = xrealloc(h->mms, a->mm_rows_size, sizeof(*h->mms));
		a->mms = xrealloc(a->mms, a->mm_rows_size, sizeof(*a->mms));
		a->alias = xrealloc(a->alias, a->mm_rows_size,
				    sizeof(*a->alias));
	}
	h->mm_count++;
	h->mms[id] = (struct trace_mm){ .origin = origin, .parent = parent,
		.owner_task = owner, .first_ns = a->now_ns,
		.last_ns = a->now_ns };
	a->mms[id] = xcalloc(1, sizeof(struct amm));
	a->mms[id]->id = id;
	a->alias[id] = id;
	return id;
}

void mm_dissolve(struct assembler *a, struct amm *m)
{
	struct trace_mm *row = &a->h->mms[m->id];

	mm_forget_ptr(a, m->id);
	row->last_ns = a->now_ns;
	layout_areas(a, m, row);
	rangemap_release(&m->known);
	rangemap_release(&m->gone);
	rangemap_release(&m->first_prot);
	a->mms[m->id] = NULL;
	free(m);
}

void mm_forget_ptr(struct assembler *a, uint32_t id)
{
	struct amm *m = mm_live(a, id);

	if (!m || !m->ptr)
		return;
	idmap_remove(&a->by_ptr, m->ptr);
	m->ptr = 0;
	m->torn_down = true;
}

void mm_drop_unused(struct assembler *a, uint32_t id)
{
	struct amm *m = mm_live(a, id);

	if (m && !m->users)
		mm_dissolve(a, m);
}

static void set_ptr(struct assembler *a, struct amm *m, uint64_t ptr)
{
	m->ptr = ptr;
	idmap_set(&a->by_ptr, ptr, m->id);
}

static uint32_t by_ptr(struct assembler *a, uint64_t ptr)
{
	return (uint32_t)idmap_find(&a->by_ptr, ptr, TRACE_NO_MM);
}

void mm_switch(struct assembler *a, struct atask *t, uint32_t mm)
{
	struct amm *old = t->mm == TRACE_NO_MM ? NULL : mm_live(a, t->mm);
	struct amm *m = mm_live(a, mm);

	if (m)
		m->users++;
	t->mm = mm;
	if (m && a->h->mms[m->id].owner_task == TRACE_NO_TASK)
		a->h->mms[m->id].owner_task = t->id;
	if (old && !--old->users)
		mm_dissolve(a, old);
}

uint32_t task_mm(struct assembler *a, struct atask *t)
{
	if (t->mm == TRACE_NO_MM) {
		mm_switch(a, t, mm_add(a, MM_INITIAL, TRACE_NO_MM, t->id));
		task_row(a, t)->mm = t->mm;
		if (a->maps_waiting)
			layout_first_seen(a, t);
	}
	return t->mm;
}

/* the row of an mm that never was: @id means @into, nothing is kept */
static void unmake(struct assembler *a, uint32_t id, uint32_t into)
{
	struct amm *m = a->mms[id];

	a->alias[id] = mm_find(a, into);
	a->mms[id] = NULL;
	rangemap_release(&m->known);
	rangemap_release(&m->gone);
	rangemap_release(&m->first_prot);
	free(m);
}

void mm_was(struct assembler *a, struct atask *t, uint32_t mm)
{
	uint32_t taken = mm_find(a, t->mm);

	if (a->mms[taken]->users == 1 && !a->mms[taken]->ptr) {
		unmake(a, taken, mm);
		t->mm = TRACE_NO_MM;
	}
	mm_switch(a, t, mm);
	task_row(a, t)->mm = mm;
}

/* two ids turned out to be one mm: @from's users and knowledge go to @into */
static void merge(struct assembler *a, struct amm *from, struct amm *into)
{
	struct trace_mm *f = &a->h->mms[from->id], *i = &a->h->mms[into->id];

	layout_merge(a, from, into);
	into->users += from->users;
	if (f->first_ns < i->first_ns)
		i->first_ns = f->first_ns;
	if (i->owner_task == TRACE_NO_TASK)
		i->owner_task = f->owner_task;
	unmake(a, from->id, into->id);
}

/* @t takes @ptr's lock for itself: that is its mm */
static uint32_t bind_own(struct assembler *a, struct atask *t, uint64_t ptr)
{
	struct amm *own = mm_live(a, task_mm(a, t));
	uint32_t other;

	if (own && own->ptr == ptr)
		return t->mm;
	other = by_ptr(a, ptr);
	if (own && !own->ptr && !own->torn_down) {
		if (other == TRACE_NO_MM)
			set_ptr(a, own, ptr);
		else
			merge(a, own, a->mms[other]);
		return t->mm;
	}
	/* an exec that the capture does not show, or a borrowed mm */
	if (other == TRACE_NO_MM) {
		other = mm_add(a, MM_INITIAL, TRACE_NO_MM, t->id);
		set_ptr(a, a->mms[other], ptr);
	}
	mm_switch(a, t, other);
	return t->mm;
}

/* somebody's mm, nothing said about whose */
static uint32_t bind_any(struct assembler *a, uint64_t ptr)
{
	uint32_t id = by_ptr(a, ptr);

	if (id == TRACE_NO_MM) {
		id = mm_add(a, MM_INITIAL, TRACE_NO_MM, TRACE_NO_TASK);
		set_ptr(a, a->mms[id], ptr);
	}
	return id;
}

/* the mm that fork or exec makes; a known pointer is a recycled one */
static uint32_t bind_new(struct assembler *a, struct atask *t, uint64_t ptr,
			 enum mm_origin origin)
{
	uint32_t stale = by_ptr(a, ptr);

	if (t->new_ptr == ptr)
		return t->new_mm;
	if (stale != TRACE_NO_MM)
		mm_forget_ptr(a, stale);
	t->new_ptr = ptr;
	t->new_mm = mm_add(a, origin, origin == MM_FORK ? task_mm(a, t) :
						      TRACE_NO_MM,
			   TRACE_NO_TASK);
	set_ptr(a, a->mms[t->new_mm], ptr);
	return t->new_mm;
}

static uint64_t own_ptr(struct assembler *a, struct atask *t)
{
	struct amm *own = t->mm == TRACE_NO_MM ? NULL : mm_live(a, t->mm);

	return own ? own->ptr : 0;
}

/*
 * exec writes to its new mm before it looks at the old one, and reads the
 * old one's lock when it lets go of it.
 */
static uint32_t exec_lock(struct assembler *a, struct atask *t, uint64_t ptr,
			  bool write)
{
	if (ptr == t->new_ptr)
		return t->new_mm;
	if (ptr == own_ptr(a, t))
		return t->mm;
	if (write)
		return bind_new(a, t, ptr, MM_EXEC);
	return own_ptr(a, t) ? bind_any(a, ptr) : bind_own(a, t, ptr);
}

/* fork locks the parent's, and inside that the child's, both for writing */
static uint32_t fork_lock(struct assembler *a, struct atask *t, uint64_t ptr,
			  bool write)
{
	uint64_t own = own_ptr(a, t);

	if (ptr == own || !own)
		return bind_own(a, t, ptr);
	if (write && t->held_count && t->held[0].ptr == own)
		return bind_new(a, t, ptr, MM_FORK);
	return ptr == t->new_ptr ? t->new_mm : bind_any(a, ptr);
}

uint32_t lock_mm(struct assembler *a, struct atask *t, uint64_t ptr,
		 bool write)
{
	uint64_t own = own_ptr(a, t);

	if (ptr == own && own)
		return t->mm;
	if (t->call != NO_CALL && is_exec_call(t->call_id))
		return exec_lock(a, t, ptr, write);
	if (t->call != NO_CALL && is_fork_call(t->call_id))
		return fork_lock(a, t, ptr, write);
	if (t->call != NO_CALL && t->call_id != CALL_EXIT &&
	    t->call_id != CALL_EXIT_GROUP)
		return bind_own(a, t, ptr);
	if (t->fault != NO_CALL)	/* a user fault, or copying for itself */
		return ring_at(t, t->fault)->op.flags & OPF_KERNEL_MODE &&
		       own ? bind_any(a, ptr) : bind_own(a, t, ptr);
	if (t->call != NO_CALL && !own)	/* exiting */
		return bind_own(a, t, ptr);
	return bind_any(a, ptr);
}
