/*
 * What a record does to an address space, and which earlier records it must
 * therefore follow (MODEL.md 5). A deed is a use, a change, a removal or a
 * creation of page ranges, or something that concerns the whole space:
 *
 *   fault, gup, reading madvise   use
 *   mprotect, mlock, madvise      change
 *   munmap, brk shrink            remove
 *   mmap, brk grow                create      (MAP_FIXED: remove, create)
 *   mremap                        remove old, create new
 *   fork, last exit or exec       whole
 *
 * Invariant: a use follows the last change; change and removal follow the
 * last change and all uses; a creation follows the removal of what was there.
 * Ranges that do not overlap share no edge.
 *
 * Overlapping reuse. The kernel hands out an address only after its remover
 * took effect, even where both calls overlap in the capture (the one waited
 * for the lock that the other held). Programs touch a range neither before
 * its mmap returned nor after its munmap began, so a removal counts from its
 * start and a creation from its end, and the edge is added in this case too:
 * without it the replay could map first and unmap the new mapping then.
 * Order by the time of effect is a topological order still.
 *
 * Cost: O(log runs) a record, O(pages used) for a change.
 * Limits: of one use, the first 256 GiB count.
 */
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/replay/order_build.h"

enum {
	MAP_FIXED_FLAG = 0x10, MREMAP_FIXED_FLAG = 2,
	CLONE_VFORK_FLAG = 0x4000,
};

#define USER_TOP (1ULL << 57)
#define USE_MAX (1ULL << 38)

static struct range pages_of(uint64_t addr, uint64_t len)
{
	if (!len || addr >= USER_TOP || len > USER_TOP - addr)
		return (struct range){ 0, 0 };
	return (struct range){ page_down(addr), page_up(addr + len) };
}

static bool reads_only(uint64_t behavior)
{
	switch (behavior) {
	case 3: case 20: case 21: case 22: case 23: case 25:
		/* WILLNEED COLD PAGEOUT POPULATE_READ POPULATE_WRITE COLLAPSE */
		return true;
	default:
		return false;
	}
}

static void mremap_ranges(const struct op *op, struct cause_ranges *r)
{
	uint64_t from = op->arg[0], old = page_up(op->arg[1]);
	uint64_t to = (uint64_t)op->result, len = page_up(op->arg[2]);

	if (from != to) {
		r->remove = pages_of(from, old);
		r->create = pages_of(to, len);
		if (op->arg[3] & MREMAP_FIXED_FLAG)
			r->change = r->create;
	} else if (len > old) {
		r->create = pages_of(from + old, len - old);
	} else {
		r->remove = pages_of(from + len, old - len);
	}
}

static void brk_ranges(const struct op *op, uint64_t *brk,
		       struct cause_ranges *r)
{
	uint64_t now = (uint64_t)op->result;

	if (*brk && now > *brk)
		r->create = pages_of(page_up(*brk),
				     page_up(now) - page_up(*brk));
	else if (now < *brk)
		r->remove = pages_of(page_up(now),
				     page_up(*brk) - page_up(now));
	*brk = now;
}

static void use_ranges(const struct op *op, struct cause_ranges *r)
{
	if (op->kind == OP_FAULT)
		r->use = pages_of(page_down(op->arg[0]), 1);
	else if (op->arg[1] < USER_TOP >> PAGE_SHIFT)
		r->use = pages_of(page_down(op->arg[0]),
				  op->arg[1] << PAGE_SHIFT);
}

bool op_touches(const struct op *op, uint64_t *page)
{
	*page = page_down(op->arg[0]);
	return op->arg[0] < USER_TOP;
}

struct cause_ranges op_ranges(const struct op *op, uint64_t *brk)
{
	struct cause_ranges r = { 0 };

	switch (op->kind) {
	case OP_MMAP:
		r.create = pages_of((uint64_t)op->result, op->arg[1]);
		if (op->arg[3] & MAP_FIXED_FLAG)
			r.remove = r.create;
		break;
	case OP_MUNMAP:
		r.remove = pages_of(op->arg[0], op->arg[1]);
		break;
	case OP_MREMAP:
		mremap_ranges(op, &r);
		break;
	case OP_MPROTECT:
	case OP_MLOCK:
		r.change = pages_of(op->arg[0], op->arg[1]);
		break;
	case OP_MADVISE:
		*(reads_only(op->arg[2]) ? &r.use : &r.change) =
			pages_of(op->arg[0], op->arg[1]);
		break;
	case OP_BRK:
		brk_ranges(op, brk, &r);
		break;
	case OP_FAULT:
	case OP_GUP:
		use_ranges(op, &r);
		break;
	default:
		break;
	}
	if (range_bytes(r.use) > USE_MAX)
		r.use.end = r.use.start + USE_MAX;
	return r;
}

void deed_of(struct order_build *b, const struct op *op, uint64_t ref,
	     struct deed *d)
{
	*d = (struct deed){ .ref = ref, .mm = op->mm, .kind = op->kind,
			    .start_ns = op->start_ns, .end_ns = op->start_ns,
			    .other = (uint32_t)op->arg[0],
			    .failed = op->flags & OPF_FAILED };
	if (op->duration_ns > 0)
		d->end_ns += op->duration_ns;
	switch (op->kind) {
	case OP_PROC_MAPS: case OP_PROC_SMAPS: case OP_PROC_CMDLINE:
		d->mm = d->other;
		break;
	case OP_VMALLOC: case OP_VMAP: case OP_VM_MAP_RAM:
	case OP_VFREE: case OP_VUNMAP: case OP_VM_UNMAP_RAM:
		d->alloc_addr = op->arg[0];
		break;
	case OP_FORK: case OP_EXIT_MM:
		d->whole = !d->failed;
		break;
	case OP_VFORK:
		d->waits = op->arg[1] & CLONE_VFORK_FLAG;
		break;
	default:
		break;
	}
	if (d->mm >= b->h->mm_count || b->mms[d->mm].over)
		d->mm = TRACE_NO_MM;
	if (d->mm == TRACE_NO_MM || d->failed)
		return;
	d->r = op_ranges(op, &b->mms[d->mm].brk);
	if (op->kind == OP_EXIT || op->kind == OP_EXIT_MM ||
	    op->kind == OP_EXEC) {
		d->drops_user = true;
		d->whole = b->mms[d->mm].alive <= 1 || op->kind == OP_EXIT_MM;
	}
}

/* ---- users of an address space ---- */

static struct mm_user *user_new(struct mm_order *mm, uint32_t task)
{
	if (mm->user_count == mm->user_room) {
		mm->user_room = mm->user_room ? mm->user_room * 2 : 4;
		mm->users = xrealloc(mm->users, mm->user_room,
				     sizeof(*mm->users));
	}
	mm->users[mm->user_count] = (struct mm_user){
		.task = task, .last = NO_REF };
	mm->tracked = mm->user_count > 0;
	return &mm->users[mm->user_count++];
}

static void mm_over(struct order_build *b, struct mm_order *mm)
{
	mm_order_release(b, mm);
	mm->over = true;
}

/* Where the capture has exit_mmap events, one of them ends the mm. */
static void mm_leave(struct order_build *b, uint32_t task)
{
	struct task_build *t = &b->tasks[task];
	struct mm_order *mm;

	if (t->mm == TRACE_NO_MM)
		return;
	mm = &b->mms[t->mm];
	t->mm = TRACE_NO_MM;
	mm->users[t->slot].gone = true;
	if (!--mm->alive && !b->h->ops[OP_EXIT_MM])
		mm_over(b, mm);
}

void mm_enter(struct order_build *b, uint32_t task, uint32_t mm_id)
{
	struct task_build *t = &b->tasks[task];
	struct mm_order *mm;

	if (t->mm == mm_id)
		return;
	mm_leave(b, task);
	if (mm_id >= b->h->mm_count || b->mms[mm_id].over)
		return;
	mm = &b->mms[mm_id];
	t->mm = mm_id;
	t->slot = mm->user_count;
	user_new(mm, task);
	mm->causes.shared |= ++mm->alive > 1;
}

/* A task of another address space that acts on @mm: a reader of /proc. */
static struct mm_user *visitor(struct mm_order *mm, uint32_t task)
{
	struct mm_user *u;

	for (uint32_t i = mm->user_count; i--; )
		if (mm->users[i].task == task)
			return &mm->users[i];
	u = user_new(mm, task);
	u->gone = true;
	return u;
}

static struct mm_user *user_of(struct order_build *b, const struct deed *d)
{
	struct task_build *t = &b->tasks[ref_task(d->ref)];

	if (d->mm == t->mm)
		return &b->mms[d->mm].users[t->slot];
	return visitor(&b->mms[d->mm], ref_task(d->ref));
}

void mm_order_release(struct order_build *b, struct mm_order *mm)
{
	rangemap_release(&mm->changed);
	rangemap_release(&mm->removers);
	uses_release(&b->store, &mm->uses);
	causes_release(&mm->causes);
	free(mm->users);
	*mm = (struct mm_order){ .barrier = NO_REF, .last_brk = NO_REF };
}

/* Those who are gone and were waited for need not be waited for again. */
static void forget_gone(struct order_build *b, struct mm_order *mm)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < mm->user_count; i++) {
		struct mm_user *u = &mm->users[i];

		if (u->gone && u->waited)
			continue;
		if (!u->gone)
			b->tasks[u->task].slot = kept;
		u->waited = false;
		mm->users[kept++] = *u;
	}
	mm->user_count = kept;
}

/* ---- edges to a record, at its start ---- */

static void edge_from(void *arg, uint64_t pred)
{
	struct order_build *b = arg;

	order_edge(b, pred, b->succ, NOTE_ORDER);
}

static void edges_from_map(struct order_build *b, const struct rangemap *m,
			   struct range r)
{
	struct range_run run;

	for (uint64_t a = r.start; a < r.end && rangemap_next(m, a, &run) &&
	     run.r.start < r.end; a = run.r.end)
		edge_from(b, run.value);
}

static void edges_to_change(struct order_build *b, struct mm_order *mm,
			    struct range r)
{
	edges_from_map(b, &mm->changed, r);
	uses_each(&b->store, &mm->uses, r, edge_from, b);
}

static void whole_start(struct order_build *b, struct mm_order *mm)
{
	for (uint32_t i = 0; i < mm->user_count; i++) {
		if (mm->users[i].last != NO_REF)
			edge_from(b, mm->users[i].last);
		mm->users[i].waited = true;
	}
}

/* The child may have records before the call that made it returns. */
static void child_start(struct order_build *b, const struct deed *d)
{
	uint32_t mm;

	if (d->other >= b->h->task_count || d->other == ref_task(d->ref) ||
	    b->o->tasks[d->other].creator != TRACE_NO_TASK ||
	    b->tasks[d->other].seq)
		return;
	mm = b->h->tasks[d->other].mm;
	b->o->tasks[d->other].creator = ref_task(d->ref);
	b->o->tasks[d->other].creator_seq = ref_seq(d->ref);
	b->o->tasks[d->other].start_ns = d->end_ns;
	mm_enter(b, d->other, mm);
	if (d->kind == OP_FORK && mm < b->h->mm_count && mm != d->mm) {
		b->mms[mm].barrier = d->ref;
		if (d->mm != TRACE_NO_MM)
			b->mms[mm].brk = b->mms[d->mm].brk;
	}
	if (d->kind == OP_VFORK && d->waits)
		b->tasks[d->other].vfork = d->ref;
}

/* A vfork child lets its parent go on. */
static void vfork_over(struct order_build *b, const struct deed *d)
{
	struct task_build *t = &b->tasks[ref_task(d->ref)];

	if (t->vfork == NO_REF)
		return;
	order_edge(b, d->ref, t->vfork + 1, NOTE_WAKER);
	t->vfork = NO_REF;
}

void deed_start(struct order_build *b, const struct deed *d)
{
	struct mm_order *mm;

	b->succ = d->ref;
	if (d->failed)
		return;
	if (d->kind == OP_FORK || d->kind == OP_VFORK ||
	    d->kind == OP_CLONE_THREAD)
		child_start(b, d);
	if (d->kind == OP_EXIT || d->kind == OP_EXEC)
		vfork_over(b, d);
	if (op_frees_area(d->kind)) {
		uint64_t from = alloc_take(b, d->alloc_addr);

		if (from != NO_REF) {
			order_note(b, d->ref, NOTE_ALLOC, ref_task(from),
				   ref_seq(from));
			edge_from(b, from);
		}
	}
	if (d->mm == TRACE_NO_MM || b->mms[d->mm].over)
		return;
	mm = &b->mms[d->mm];
	if (mm->barrier != NO_REF)
		edge_from(b, mm->barrier);
	if (!mm->tracked)
		return;
	if (d->whole)
		whole_start(b, mm);
	if (d->kind == OP_BRK && mm->last_brk != NO_REF)
		edge_from(b, mm->last_brk);
	edges_from_map(b, &mm->changed, d->r.use);
	edges_to_change(b, mm, d->r.change);
	edges_to_change(b, mm, d->r.remove);
	if (range_bytes(d->r.remove)) {
		rangemap_clear(&mm->changed, d->r.remove);
		uses_clear(&b->store, &mm->uses, d->r.remove);
		rangemap_set(&mm->removers, d->r.remove, d->ref);
	}
}

/* ---- what it leaves, at its end ---- */

static void create_end(struct order_build *b, struct mm_order *mm,
		       const struct deed *d)
{
	b->succ = d->ref;
	edges_from_map(b, &mm->removers, d->r.create);
	rangemap_clear(&mm->removers, d->r.create);
	rangemap_set(&mm->changed, d->r.create, d->ref);
}

static void ranges_end(struct order_build *b, struct mm_order *mm,
		       const struct deed *d)
{
	if (range_bytes(d->r.use))
		uses_add(&b->store, &mm->uses, d->r.use, d->ref);
	if (range_bytes(d->r.change)) {
		uses_clear(&b->store, &mm->uses, d->r.change);
		rangemap_set(&mm->changed, d->r.change, d->ref);
	}
	if (range_bytes(d->r.create))
		create_end(b, mm, d);
}

static void mm_end(struct order_build *b, const struct deed *d)
{
	uint32_t task = ref_task(d->ref);
	struct mm_order *mm;
	struct mm_user *u;

	if (d->mm == TRACE_NO_MM || b->mms[d->mm].over)
		return;
	mm = &b->mms[d->mm];
	if (d->end_ns > d->start_ns)
		cause_done(&mm->causes, task, d->epoch, &d->r);
	u = user_of(b, d);
	if (u->last == NO_REF || u->last < d->ref)
		u->last = d->ref;
	if (d->failed)
		return;
	if (mm->tracked)
		ranges_end(b, mm, d);
	if (d->kind == OP_BRK)
		mm->last_brk = d->ref;
	if (d->kind == OP_FORK) {
		mm->barrier = d->ref;
		forget_gone(b, mm);
	}
	if (d->drops_user && d->mm == b->tasks[task].mm)
		mm_leave(b, task);
	if (d->kind == OP_EXIT_MM && !mm->over)
		mm_over(b, mm);
}

void deed_touch(struct order_build *b, struct mm_order *mm, struct mm_user *u,
		uint64_t page, uint64_t ref)
{
	struct range_run run;

	b->succ = ref;
	if (mm->barrier != NO_REF)
		edge_from(b, mm->barrier);
	if (mm->tracked) {
		if (rangemap_find_near(&mm->changed, page, &run, &u->near))
			edge_from(b, run.value);
		uses_add_page(&b->store, &mm->uses, page, ref, &u->near_use);
	}
	if (u->last == NO_REF || u->last < ref)
		u->last = ref;
}

void deed_end(struct order_build *b, const struct deed *d)
{
	mm_end(b, d);
	if (d->failed)
		return;
	if (op_takes_area(d->kind))
		alloc_put(b, d->alloc_addr, d->ref);
	if (d->kind == OP_EXEC && d->other < b->h->mm_count) {
		mm_enter(b, ref_task(d->ref), d->other);
		b->mms[d->other].barrier = d->ref;
		b->o->tasks[ref_task(d->ref)].exit_mm = false;
	}
}
