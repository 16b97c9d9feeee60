/*
 * Calls, faults and the life of tasks.
 *
 * Facts: clone returns twice, the child's return has no entry; the child's
 * mm is the parent's with CLONE_VM (posix_spawn and vfork share it until
 * exec); up to 6.12 sched_process_exit is the last line of a process, from
 * 6.18 on it comes before exit_mmap; sys_exit_group has no return; a fault
 * has no end, only the time to the task's next event (MODEL.md 4).
 *
 * Invariant: a task has at most one open call and one open fault, the fault
 * inside the call; each open op has its record in the task's ring.
 */
#include <stdlib.h>
#include <string.h>
#include "traces/import/assemble_int.h"

#define CLONE_VM 0x100u
#define CLONE_THREAD 0x10000u

enum { PF_WRITE = 2, PF_USER = 4 };

/* a reading of one call: which kind, how many arguments are taken over */
static const struct call_shape {
	uint8_t kind, args;
} shapes[CALL_COUNT] = {
	[CALL_MMAP] = { OP_MMAP, 6 }, [CALL_MUNMAP] = { OP_MUNMAP, 2 },
	[CALL_MREMAP] = { OP_MREMAP, 5 }, [CALL_MPROTECT] = { OP_MPROTECT, 3 },
	[CALL_PKEY_MPROTECT] = { OP_MPROTECT, 3 },
	[CALL_MADVISE] = { OP_MADVISE, 3 }, [CALL_BRK] = { OP_BRK, 1 },
	[CALL_MLOCK] = { OP_MLOCK, 2 }, [CALL_MLOCK2] = { OP_MLOCK, 3 },
	[CALL_MUNLOCK] = { OP_MLOCK, 2 },
	[CALL_CLONE] = { OP_CLONE_THREAD, 0 },
	[CALL_CLONE3] = { OP_CLONE_THREAD, 0 },
	[CALL_FORK] = { OP_FORK, 0 }, [CALL_VFORK] = { OP_VFORK, 0 },
	[CALL_EXECVE] = { OP_EXEC, 0 }, [CALL_EXECVEAT] = { OP_EXEC, 0 },
	[CALL_EXIT] = { OP_EXIT, 0 }, [CALL_EXIT_GROUP] = { OP_EXIT, 0 },
};

bool is_fork_call(int call)
{
	return call == CALL_CLONE || call == CALL_CLONE3 ||
	       call == CALL_FORK || call == CALL_VFORK;
}

bool is_exec_call(int call)
{
	return call == CALL_EXECVE || call == CALL_EXECVEAT;
}

bool is_exit_call(int call)
{
	return call == CALL_EXIT || call == CALL_EXIT_GROUP;
}

static void open_call(struct assembler *a, struct atask *t, int call,
		      const uint64_t *v)
{
	struct op op;

	task_mm(a, t);
	op_init(a, t, &op, shapes[call].kind);
	for (unsigned i = 0; i < shapes[call].args; i++)
		op.arg[i] = v[i];
	op.arg[3] = call == CALL_MUNLOCK ? 1 : op.arg[3];
	if (op.kind == OP_FORK || op.kind == OP_VFORK ||
	    op.kind == OP_CLONE_THREAD)
		op.arg[0] = TRACE_NO_TASK;
	if (op.kind == OP_EXEC)
		op.arg[0] = TRACE_NO_MM;
	if (call == CALL_CLONE)
		op.arg[1] = v[0];
	if (op.kind == OP_EXIT)
		op.arg[0] = call == CALL_EXIT_GROUP;
	t->call = ring_add(a, t, &op, false);
	t->call_id = (uint8_t)call;
	t->effect_done = t->exec_done = false;
	t->new_ptr = 0;
	t->new_mm = TRACE_NO_MM;
	builder_open(&t->call_b, t->mm, a->now_ns);
}

/* the call's record is complete; the last piece ends now */
static void finish_call(struct assembler *a, struct atask *t, bool known)
{
	struct record *r = ring_at(t, t->call);

	if (known && a->units && !a->untimed) {
		a->have |= HAVE_DURATIONS;
		r->op.duration_ns = a->now_ns - r->op.start_ns;
		builder_close(a, &t->call_b, r, a->now_ns);
	}
	if (!((a->have | a->have_before) & HAVE_MMAP_LOCK) || !known ||
	    !a->units)
		r->op.segs = 0;
	if (known)
		r->op.flags |= OPF_RESULT_KNOWN;
	else
		a->counts.open_at_end++;
	r->done = true;
	t->call = NO_CALL;
	t->done_ns = a->now_ns;
	t->call_b.active = false;
	t->wait.active = false;
	ring_flush(a, t);
}

void call_abandon(struct assembler *a, struct atask *t)
{
	finish_call(a, t, false);
}

struct fate on_call_enter(struct assembler *a, struct atask *t,
			  const struct raw_event *ev)
{
	fault_close(a, t, true);
	a->have |= HAVE_SYSCALLS;
	if (t->call != NO_CALL)		/* its return was lost */
		call_abandon(a, t);
	t->other_call = ev->call == CALL_OTHER;
	if (t->other_call)
		return (struct fate){ FATE_LOSS, ev->name, ev->name_bytes,
				      "call not modelled: " };
	open_call(a, t, ev->call, ev->v);
	return JOINED;
}

/* what an op that succeeded did to the layout, as the replay will do it */
static void apply_layout(struct assembler *a, struct atask *t,
			 const struct op *op)
{
	enum { FIXED = 0x10, FIXED_NOREPLACE = 0x100000, MAYMOVE = 1 };
	const uint64_t *v = op->arg;

	switch (op->kind) {
	case OP_MMAP:
		layout_map(a, op->mm, (uint64_t)op->result, v[1],
			   v[3] & (FIXED | FIXED_NOREPLACE));
		break;
	case OP_MUNMAP:
		if (!t->effect_done)
			layout_unmap(a, op->mm, v[0], v[1]);
		break;
	case OP_MREMAP:
		layout_use(a, op->mm, v[0], v[1], 3);
		layout_unmap(a, op->mm, v[0], v[1]);
		layout_map(a, op->mm, (uint64_t)op->result, v[2], true);
		break;
	case OP_MPROTECT:
		layout_protect(a, op->mm, v[0], v[1], v[2]);
		break;
	case OP_MADVISE:
	case OP_MLOCK:
		layout_use(a, op->mm, v[0], v[1], 0);
		break;
	case OP_BRK:
		layout_brk(a, op->mm, (uint64_t)op->result);
		break;
	default:
		break;
	}
}

/* without task_newtask, what the locks and the call itself tell */
static void guess_clone_kind(struct atask *t, struct op *op)
{
	if (op->arg[0] != TRACE_NO_TASK || t->call_id == CALL_FORK ||
	    t->call_id == CALL_VFORK)
		return;
	if (t->call_id == CALL_CLONE)
		op->kind = !(op->arg[1] & CLONE_VM) ? OP_FORK :
			   op->arg[1] & CLONE_THREAD ? OP_CLONE_THREAD :
			   OP_VFORK;
	else if (t->new_ptr)
		op->kind = OP_FORK;
}

static void exec_succeeded(struct assembler *a, struct atask *t,
			   struct record *r)
{
	if (t->exec_done)
		return;
	t->exec_done = true;
	if (t->new_mm == TRACE_NO_MM)
		t->new_mm = mm_add(a, MM_EXEC, TRACE_NO_MM, t->id);
	r->op.arg[0] = t->new_mm;
	mm_switch(a, t, t->new_mm);
	t->named = false;
}

static void child_of(struct assembler *a, struct atask *t, uint32_t pid,
		     uint64_t flags);

static uint64_t flags_of_call(struct atask *t)
{
	switch (t->call_id) {
	case CALL_VFORK:
		return CLONE_VM;
	case CALL_FORK:
		return 0;
	default:
		return ring_at(t, t->call)->op.arg[1];
	}
}

/* where nothing but calls is captured, a clone's result is its child */
static void child_told(struct assembler *a, struct atask *t, struct record *r)
{
	uint32_t pid = (uint32_t)r->op.result;
	struct atask *child = task_find(a, pid);

	if (!pid || child == t)
		return;
	if (!child || task_row(a, child)->parent != t->id)
		child_of(a, t, pid, flags_of_call(t));
	else
		r->op.arg[0] = child->id;
}

/* it runs before the call that made it has returned; the oldest one did */
struct atask *child_of_open_call(struct assembler *a, uint32_t tid)
{
	struct atask *best = NULL;
	const struct op *op, *oldest = NULL;

	for (uint32_t i = 0; i < a->task_slots; i++) {
		struct atask *t = a->tasks[i];

		if (!t || t->call == NO_CALL || !is_fork_call(t->call_id))
			continue;
		op = &ring_at(t, t->call)->op;
		if (op->arg[0] != TRACE_NO_TASK ||
		    (oldest && op->start_ns >= oldest->start_ns))
			continue;
		oldest = op;
		best = t;
	}
	if (best)
		child_of(a, best, tid, flags_of_call(best));
	return task_find(a, tid);
}

struct fate on_call_exit(struct assembler *a, struct atask *t,
			 const struct raw_event *ev)
{
	struct record *r;

	fault_close(a, t, true);
	if (ev->call == CALL_OTHER) {
		t->other_call = false;
		return (struct fate){ FATE_LOSS, ev->name, ev->name_bytes,
				      "call not modelled: " };
	}
	if (t->call == NO_CALL || t->call_id != ev->call) {
		/* the second return of clone, in the child */
		if (is_fork_call(ev->call) && !ev->v[0])
			return JOINED;
		return LOSS("return without entry");
	}
	r = ring_at(t, t->call);
	r->op.result = (int64_t)ev->v[0];
	if (r->op.result < 0 && r->op.result >= -4095) {
		r->op.flags |= OPF_FAILED;
		if (t->new_mm != TRACE_NO_MM)	/* given up again */
			mm_drop_unused(a, t->new_mm);
	} else if (r->op.kind == OP_EXEC) {
		exec_succeeded(a, t, r);
	} else {
		guess_clone_kind(t, &r->op);
		if (a->calls_tell_tasks && is_fork_call(ev->call))
			child_told(a, t, r);
		apply_layout(a, t, &r->op);
	}
	finish_call(a, t, true);
	return JOINED;
}

struct fate on_whole_call(struct assembler *a, struct atask *t,
			  const struct raw_event *ev)
{
	struct raw_event half = *ev;
	int64_t end_ns = a->now_ns, start_ns = ev->start_ts - a->epoch_ns;
	struct fate f;

	/* not before what the task did last, nor after the end */
	if (start_ns > end_ns)
		start_ns = end_ns;
	if (start_ns < t->done_ns)
		start_ns = t->done_ns;
	a->now_ns = start_ns < 0 ? 0 : start_ns;
	f = on_call_enter(a, t, &half);
	a->now_ns = end_ns;
	half.v[0] = (uint64_t)ev->result;
	/* the line has no length, or one below what its stamps can tell */
	a->untimed = ev->start_ts == ev->ts;
	if (f.kind == FATE_OP)
		f = on_call_exit(a, t, &half);
	a->untimed = false;
	t->other_call = false;
	return f;
}

/* a release that is not known shows in faults that take no mmap_lock: at least
 * half of them in all captures of 6.12 and 6.18, none up to 6.1 */
static bool has_vma_locks(const struct assembler *a)
{
	if (a->kernel)
		return a->kernel >= KVER(6, 4, 0);
	return a->faults.without && a->faults.without * 2 >= a->faults.with;
}

/*
 * How the fault took its locks, from kernel version and lock events. Without
 * any it was the VMA lock, where there can be one and no event was missed.
 */
static enum fault_path path_of(struct assembler *a, const struct builder *b,
			       const struct op *op, bool whole)
{
	bool user = !(op->flags & OPF_KERNEL_MODE);
	bool without = whole && user && !b->sections && !b->failures;
	bool per_vma;

	a->faults.without += without;
	a->faults.with += user && b->sections;
	per_vma = has_vma_locks(a);
	if (!((a->have | a->have_before) & HAVE_MMAP_LOCK))
		return FAULT_PATH_UNKNOWN;
	if (!b->sections)
		return per_vma && without ? FAULT_PATH_VMA : FAULT_PATH_UNKNOWN;
	/* the VMA lock is tried for faults of user mode only */
	if (!per_vma || !user)
		return FAULT_PATH_MMAP;
	if (a->kernel && a->kernel < KVER(6, 10, 0))
		return FAULT_PATH_MMAP;
	if (b->wrote)
		return FAULT_PATH_MMAP;		/* stack growth */
	/*
	 * A trylock that failed: under the VMA lock for the anon_vma, then
	 * all is repeated under mmap_lock; a plain miss is some hundred times
	 * rarer (captures/README.md 3).
	 */
	return b->failures ? FAULT_PATH_RETRY : FAULT_PATH_TRYLOCK_OR_MMAP;
}

void fault_close(struct assembler *a, struct atask *t, bool gap_known)
{
	struct builder *b = &t->fault_b;
	struct record *r;
	int64_t end;

	if (t->fault == NO_CALL)
		return;
	r = ring_at(t, t->fault);
	r->op.arg[3] = gap_known && a->units ?
		       (uint64_t)(a->now_ns - r->op.start_ns) : UINT64_MAX;
	r->op.path = (uint8_t)path_of(a, b, &r->op, gap_known);
	if (b->wrote && !(r->op.flags & OPF_IN_CALL))
		layout_grew(a, r->op.mm, r->op.arg[0]);
	if (r->op.flags & OPF_IN_CALL) {
		layout_fault(a, r->op.mm, r->op.arg[0], r->op.arg[2]);
		end = b->sections ? b->section_end_ns : r->op.start_ns;
		if (t->call != NO_CALL && end > r->op.start_ns)
			t->call_b.nested_ns += end - r->op.start_ns;
	}
	if (!a->units)
		r->op.segs = 0;
	r->done = true;
	t->fault = NO_CALL;
	b->active = false;
	if (t->wait.in_fault)
		t->wait.active = false;
	ring_flush(a, t);
}

struct fate on_fault(struct assembler *a, struct atask *t,
		     const struct raw_event *ev)
{
	struct op op;

	fault_close(a, t, true);
	a->have |= HAVE_FAULTS;
	task_mm(a, t);
	op_init(a, t, &op, OP_FAULT);
	op.arg[0] = ev->v[0];
	op.arg[1] = ev->v[1];
	op.arg[2] = ev->v[2];
	op.arg[3] = UINT64_MAX;
	if (ev->sampled)
		op.flags |= OPF_SAMPLED;
	if (ev->type == RAW_FAULT_KERNEL || !(ev->v[2] & PF_USER))
		op.flags |= OPF_KERNEL_MODE;
	/* inside exec its mm shows only when it takes a lock: at the end */
	if (!(op.flags & OPF_IN_CALL))
		layout_fault(a, op.mm, op.arg[0], op.arg[2]);
	if (!(op.flags & OPF_KERNEL_MODE))
		layout_runs(a, op.mm, op.arg[1]);
	if (t->call != NO_CALL)
		t->call_b.events++;
	t->fault = ring_add(a, t, &op, false);
	builder_open(&t->fault_b, t->mm, a->now_ns);
	return JOINED;
}

static uint32_t mm_of_child(struct assembler *a, struct atask *t,
			    uint64_t flags)
{
	uint32_t mm = t->new_mm;

	if (flags & CLONE_VM)
		return task_mm(a, t);
	if (mm == TRACE_NO_MM)
		mm = mm_add(a, MM_FORK, task_mm(a, t), TRACE_NO_TASK);
	t->new_ptr = 0;
	t->new_mm = TRACE_NO_MM;
	layout_fork(a, t->mm, mm);
	return mm;
}

static enum op_kind clone_kind(uint64_t flags)
{
	if (!(flags & CLONE_VM))
		return OP_FORK;
	return flags & CLONE_THREAD ? OP_CLONE_THREAD : OP_VFORK;
}

static struct atask *child_task(struct assembler *a, struct atask *t,
				uint32_t pid, uint64_t flags)
{
	struct atask *old = task_find(a, pid), *child;
	uint32_t mm = mm_of_child(a, t, flags);
	uint32_t tgid = flags & CLONE_THREAD ? task_row(a, t)->tgid : pid;

	/* seen before its birth: stamps of two CPUs, or a reused number */
	if (old && !old->dead && task_row(a, old)->parent == TRACE_NO_TASK &&
	    a->now_ns - task_row(a, old)->first_ns < 1000000) {
		task_row(a, old)->parent = t->id;
		mm_switch(a, old, mm);
		task_row(a, old)->mm = mm;
		return old;
	}
	if (old)
		task_end(a, old);
	child = task_new(a, pid, tgid, t->id, mm);
	memcpy(task_row(a, child)->comm, task_row(a, t)->comm,
	       sizeof(task_row(a, t)->comm));
	return child;
}

static void child_of(struct assembler *a, struct atask *t, uint32_t pid,
		     uint64_t flags)
{
	struct atask *child = child_task(a, t, pid, flags);
	struct op op;

	if (t->call != NO_CALL && is_fork_call(t->call_id)) {
		struct op *open = &ring_at(t, t->call)->op;

		open->arg[0] = child->id;
		open->arg[1] = flags;
		open->kind = (uint8_t)clone_kind(flags);
		return;
	}
	/* made by a call that is not traced */
	op_init(a, t, &op, clone_kind(flags));
	op.flags |= OPF_DERIVED | OPF_RESULT_KNOWN;
	op.arg[0] = child->id;
	op.arg[1] = flags;
	op.result = pid;
	ring_add(a, t, &op, true);
	ring_flush(a, t);
}

/* a side record told of it just before, without the flags */
static bool child_known(struct assembler *a, struct atask *t, uint32_t pid,
			uint64_t flags)
{
	struct atask *child = task_find(a, pid);
	struct op *open;

	if (!child || child->dead || task_row(a, child)->parent != t->id ||
	    task_row(a, child)->records || child->count ||
	    a->now_ns - task_row(a, child)->first_ns > 1000000)
		return false;
	if (flags & CLONE_VM && child->mm != task_mm(a, t))
		mm_was(a, child, t->mm);
	if (t->call != NO_CALL && is_fork_call(t->call_id)) {
		open = &ring_at(t, t->call)->op;
		open->arg[1] = flags;
		open->kind = (uint8_t)clone_kind(flags);
	}
	return true;
}

struct fate on_newtask(struct assembler *a, struct atask *t,
		       const struct raw_event *ev)
{
	if (!t->call_b.active)
		fault_close(a, t, true);
	else
		t->call_b.events++;
	if ((uint32_t)ev->v[0] == t->tid)
		return LOSS("a task that is its own parent");
	a->have |= HAVE_FORK_EXIT;
	if (!child_known(a, t, (uint32_t)ev->v[0], ev->v[1]))
		child_of(a, t, (uint32_t)ev->v[0], ev->v[1]);
	return JOINED;
}

/* repeats task_newtask, without the flags; alone, the locks tell a fork */
struct fate on_forked(struct assembler *a, struct atask *t,
		      const struct raw_event *ev)
{
	struct atask *child = task_find(a, (uint32_t)ev->v[1]);
	uint64_t flags = CLONE_VM | CLONE_THREAD;

	if (child == t)
		return LOSS("a task that is its own parent");
	a->have |= HAVE_FORK_EXIT;
	if (t->call_b.active)
		t->call_b.events++;
	if (child && task_row(a, child)->parent == t->id)
		return JOINED;
	if (ev->v[2])
		flags = ev->v[2] == 1 ? CLONE_VM | CLONE_THREAD : 0;
	else if (t->call != NO_CALL && t->call_id == CALL_CLONE)
		flags = ring_at(t, t->call)->op.arg[1];
	else if (t->new_ptr || (t->call != NO_CALL && t->call_id == CALL_FORK))
		flags = 0;
	else if (t->call != NO_CALL && t->call_id == CALL_VFORK)
		flags = CLONE_VM;
	child_of(a, t, (uint32_t)ev->v[1], flags);
	return JOINED;
}

struct fate on_execed(struct assembler *a, struct atask *t,
		      const struct raw_event *ev)
{
	struct op op;

	fault_close(a, t, true);
	a->have |= HAVE_FORK_EXIT;
	if (t->exec_noted && !ev->v[2]) {
		t->exec_noted = false;
	} else if (t->call != NO_CALL && is_exec_call(t->call_id)) {
		t->call_b.events++;
		exec_succeeded(a, t, ring_at(t, t->call));
	} else {
		uint32_t mm = mm_add(a, MM_EXEC, TRACE_NO_MM, t->id);

		task_mm(a, t);
		op_init(a, t, &op, OP_EXEC);
		op.flags |= OPF_DERIVED | OPF_RESULT_KNOWN;
		op.arg[0] = mm;
		ring_add(a, t, &op, true);
		ring_flush(a, t);
		mm_switch(a, t, mm);
		t->named = false;
		t->exec_noted = ev->v[2];
	}
	if (ev->v[1] && ev->v[1] != ev->v[0] && t->tid == ev->v[1])
		task_rename(a, t, (uint32_t)ev->v[0]);
	return JOINED;
}

struct fate on_exited(struct assembler *a, struct atask *t)
{
	fault_close(a, t, true);
	a->have |= HAVE_FORK_EXIT;
	if (t->dead)		/* perf says it twice */
		return JOINED;
	t->dead = true;
	task_reap_later(a, t);
	if (t->call != NO_CALL && !is_exit_call(t->call_id))
		call_abandon(a, t);	/* killed inside a call */
	if (t->call == NO_CALL)
		open_call(a, t, CALL_EXIT, NULL);
	else
		t->call_b.events++;
	return JOINED;
}

/* the last thing the task did lies at its last line */
void exit_done(struct assembler *a, struct atask *t)
{
	int64_t now = a->now_ns;

	a->now_ns = t->last_ns;
	finish_call(a, t, true);
	a->now_ns = now;
}
