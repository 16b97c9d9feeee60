/*
 * A record becomes a call of the simulated kernel.
 *
 * Invariant: every op of the trace is done once or counted as unreplayed, and
 * its seq takes effect in either case. Latency is from the call's entry to its
 * return, both settled; what the capture charged in a segment that this
 * policy never enters is charged before the return, so no recorded time is
 * lost. User addresses are the recorded ones.
 */
#include <string.h>
#include "sim/replay/run.h"

enum { MAP_ANONYMOUS_FLAG = 0x20, FAULT_WRITE_BIT = 2, FAULT_USER_BIT = 4,
       FAULT_FETCH_BIT = 16 };

static uint64_t alloc_key(uint32_t task, uint32_t seq)
{
	return ((uint64_t)task << 32 | seq) + 1;
}

/* ---- may it be replayed ---- */

static const char *refuse_fork(struct rtask *rt)
{
	struct replay *r = rt->r;
	uint64_t child = rt->op.arg[0];
	const struct task_order *o;

	if (rt->op.flags & OPF_FAILED)
		return NULL;
	if (child >= r->h->task_count)
		return "the child is not in the trace";
	o = &r->order->tasks[child];
	if (o->creator != rt->trace || o->creator_seq != rt->seq)
		return "the child was there before";
	if (rt->op.kind == OP_FORK &&
	    !rmm_of(r, rt->instance, r->h->tasks[child].mm))
		return "the child has no address space";
	if (rt->op.kind == OP_FORK &&
	    rmm_of(r, rt->instance, r->h->tasks[child].mm)->mm)
		return "the child's address space was there before";
	return NULL;
}

static const char *refuse_exec(struct rtask *rt)
{
	struct rmm *fresh;

	if (rt->op.flags & OPF_FAILED)
		return NULL;
	fresh = rmm_of(rt->r, rt->instance, rt->op.arg[0]);
	if (!fresh)
		return "the new address space is not in the trace";
	return fresh->mm ? "the new address space was there before" : NULL;
}

static const char *refuse_vfree(struct rtask *rt)
{
	const struct note *n = rtask_note(rt, NOTE_ALLOC);

	if (!n)
		return "the area was allocated before the trace";
	return NULL;
}

static const char *refuse_proc(struct rtask *rt)
{
	struct rmm *target = rmm_of(rt->r, rt->instance, rt->op.arg[0]);

	if (!target)
		return "the target is not in the trace";
	return target->mm ? NULL : "the target is gone, or not there yet";
}

/* Faults inside exec may still be on the old address space. */
static const char *refuse_foreign(struct rtask *rt)
{
	if (!rt->mm)
		return "the task has no address space";
	if (rt->op.mm != TRACE_NO_MM &&
	    rmm_of(rt->r, rt->instance, rt->op.mm) != rt->mm)
		return "it acts on an address space that its task is not in";
	return NULL;
}

const char *op_refusal(struct rtask *rt)
{
	const struct op *op = &rt->op;

	switch (op->kind) {
	case OP_VMALLOC: case OP_VMAP: case OP_VM_MAP_RAM:
	case OP_VM_UNMAP_ALIASES:
		return NULL;
	case OP_VFREE: case OP_VUNMAP: case OP_VM_UNMAP_RAM:
		return refuse_vfree(rt);
	case OP_EXIT:
		return NULL;
	case OP_PROC_MAPS: case OP_PROC_SMAPS: case OP_PROC_CMDLINE:
		return refuse_proc(rt);
	case OP_FORK: case OP_VFORK: case OP_CLONE_THREAD:
		if (!rt->mm)
			return "the parent has no address space";
		return refuse_fork(rt);
	case OP_EXIT_MM:
		/* exec leaves the old address space by itself */
		if (!rt->mm || (op->mm != TRACE_NO_MM &&
				rmm_of(rt->r, rt->instance, op->mm) != rt->mm))
			return "";
		return NULL;
	case OP_EXEC:
		if (!rt->mm)
			return "the task has no address space";
		return refuse_exec(rt);
	case OP_MMAP: case OP_MREMAP: case OP_BRK:
		if (!(op->flags & OPF_RESULT_KNOWN))
			return "the trace ends before its result";
		break;
	default:
		break;
	}
	return refuse_foreign(rt);
}

/* ---- calls ---- */

static int64_t call_brk(struct rtask *rt)
{
	struct rmm *mm = rt->mm;
	uint64_t now = (uint64_t)rt->op.result;
	uint64_t old = mm->brk ? mm->brk : now;
	int64_t ret = sys_brk(&rt->task, mm->mm, old, now);

	mm->brk = now;
	return ret;
}

static int64_t call_fault(struct rtask *rt)
{
	const struct op *op = &rt->op;
	struct fault f = { .addr = op->arg[0],
			   .write = op->arg[2] & FAULT_WRITE_BIT,
			   .user = op->arg[2] & FAULT_USER_BIT,
			   .instruction = op->arg[2] & FAULT_FETCH_BIT };
	int64_t ret = do_fault(&rt->task, rt->mm->mm, &f);

	if (ret < 0)
		rt->r->out->faults_outside++;
	return ret;
}

static int64_t call_fork(struct rtask *rt)
{
	struct replay *r = rt->r;
	struct rtask *child = rtask_peer(rt, (uint32_t)rt->op.arg[0]);
	struct rmm *mm = rmm_of(r, rt->instance, r->h->tasks[child->trace].mm);
	struct mm *fresh = NULL;
	int64_t ret = do_fork(&rt->task, rt->mm->mm, mm->id, &fresh);

	if (ret < 0)
		return ret;
	mm->mm = fresh;
	mm->users = 1;
	mm->brk = rt->mm->brk;
	mm->causes.brk = rt->mm->causes.brk;
	rtask_launch(rt, child, mm);
	return ret;
}

static int64_t call_clone(struct rtask *rt)
{
	struct rtask *child = rtask_peer(rt, (uint32_t)rt->op.arg[0]);
	int64_t ret = do_clone_thread(&rt->task, rt->mm->mm);

	if (ret < 0)
		return ret;
	rt->mm->users++;
	rtask_launch(rt, child, rt->mm);
	return ret;
}

static int64_t call_exec(struct rtask *rt)
{
	struct replay *r = rt->r;
	struct rmm *old = rt->mm;
	struct rmm *mm = rmm_of(r, rt->instance, rt->op.arg[0]);
	struct mm *fresh = NULL;
	int64_t ret;

	rmm_closing(r, old);
	ret = do_exec(&rt->task, old->mm, mm->id, &fresh);
	if (ret < 0)
		return ret;
	rtask_leave(rt);
	mm->users = 1;
	rmm_fill(r, mm, fresh);
	rtask_enter(rt, mm);
	return ret;
}

static void leave_mm(struct rtask *rt)
{
	rmm_closing(rt->r, rt->mm);
	do_exit_mm(&rt->task, rt->mm->mm);
	rtask_leave(rt);
}

/* A task whose trace has no exit-mm of its own leaves its mm here. */
static int64_t call_exit(struct rtask *rt)
{
	if (rt->mm && !rt->order->exit_mm)
		leave_mm(rt);
	do_exit(&rt->task);
	return 0;
}

static int64_t call_take(struct rtask *rt)
{
	const uint64_t *a = rt->op.arg;
	struct vmap_request rq = { .size = a[1], .align = a[2], .vstart = a[3],
				   .vend = a[4] };
	struct vmap_mapping map = { 0 };
	int64_t ret;

	if (rt->op.kind == OP_VM_MAP_RAM)
		ret = do_vm_map_ram(&rt->task, a[1], &map);
	else if (rt->op.kind == OP_VMAP)
		ret = do_vmap(&rt->task, &rq, &map.area);
	else
		ret = do_vmalloc(&rt->task, &rq, &map.area);
	if (ret >= 0)
		live_alloc_put(rt->r, alloc_key(rt->task.id, rt->seq),
			       rt->op.kind, &map);
	return ret;
}

/* As it was taken: a trace that frees it in another way is wrong. */
static int64_t call_give(struct rtask *rt)
{
	const struct note *n = rtask_note(rt, NOTE_ALLOC);
	const struct rtask *by = rtask_peer(rt, n->task);
	struct live_alloc l;

	if (!live_alloc_take(rt->r, alloc_key(by->task.id, n->value), &l) ||
	    !l.map.area)
		return 0;
	if (l.kind == OP_VM_MAP_RAM)
		do_vm_unmap_ram(&rt->task, &l.map);
	else if (l.kind == OP_VMAP)
		do_vunmap(&rt->task, l.map.area);
	else
		do_vfree(&rt->task, l.map.area);
	return 0;
}

static int64_t call_proc(struct rtask *rt, enum proc_file what)
{
	struct rmm *target = rmm_of(rt->r, rt->instance, rt->op.arg[0]);
	int64_t ret;

	target->readers++;
	ret = do_proc_read(&rt->task, target->mm, what);
	if (!--target->readers && !target->users)
		rmm_forget(target);
	return ret;
}

static bool is_mm_call(uint8_t kind)
{
	switch (kind) {
	case OP_FAULT: case OP_EXIT: case OP_EXIT_MM: case OP_VMALLOC:
	case OP_VFREE: case OP_VMAP: case OP_VUNMAP: case OP_VM_MAP_RAM:
	case OP_VM_UNMAP_RAM: case OP_VM_UNMAP_ALIASES: case OP_PROC_MAPS: case OP_PROC_SMAPS:
	case OP_PROC_CMDLINE:
		return false;
	default:
		return true;
	}
}

static int64_t call_failed(struct rtask *rt)
{
	bool locked = false;

	for (uint16_t i = 0; i < rt->op.segs; i++)
		locked |= rt->op.seg[i].kind == SEG_W;
	return sys_failed(&rt->task, rt->mm->mm, locked, rt->op.result);
}

static int64_t call_area(struct rtask *rt)
{
	const uint64_t *a = rt->op.arg;
	struct mm *mm = rt->mm->mm;
	struct task *t = &rt->task;

	switch (rt->op.kind) {
	case OP_MMAP:
		return sys_mmap(t, mm, (uint64_t)rt->op.result, a[1], a[2],
				a[3], !(a[3] & MAP_ANONYMOUS_FLAG));
	case OP_MUNMAP:
		return sys_munmap(t, mm, a[0], a[1]);
	case OP_MREMAP:
		return sys_mremap(t, mm, a[0], a[1], a[2], a[3],
				  (uint64_t)rt->op.result);
	case OP_MPROTECT:
		return sys_mprotect(t, mm, a[0], a[1], a[2]);
	case OP_MADVISE:
		return sys_madvise(t, mm, a[0], a[1], a[2]);
	case OP_MLOCK:
		return sys_mlock(t, mm, a[0], a[1], !a[3]);
	default:
		return do_gup(t, mm, a[0], a[1]);
	}
}

static int64_t call(struct rtask *rt)
{
	if (rt->op.flags & OPF_FAILED && is_mm_call(rt->op.kind))
		return call_failed(rt);
	switch (rt->op.kind) {
	case OP_FAULT:
		return call_fault(rt);
	case OP_BRK:
		return call_brk(rt);
	case OP_FORK:
		return call_fork(rt);
	case OP_VFORK: case OP_CLONE_THREAD:
		return call_clone(rt);
	case OP_EXEC:
		return call_exec(rt);
	case OP_EXIT:
		return call_exit(rt);
	case OP_EXIT_MM:
		leave_mm(rt);
		return 0;
	case OP_VMALLOC: case OP_VMAP: case OP_VM_MAP_RAM:
		return call_take(rt);
	case OP_VFREE: case OP_VUNMAP: case OP_VM_UNMAP_RAM:
		return call_give(rt);
	case OP_VM_UNMAP_ALIASES:
		do_vm_unmap_aliases(&rt->task);
		return 0;
	case OP_PROC_MAPS:
		return call_proc(rt, PROC_FILE_MAPS);
	case OP_PROC_SMAPS:
		return call_proc(rt, PROC_FILE_SMAPS);
	case OP_PROC_CMDLINE:
		return call_proc(rt, PROC_FILE_CMDLINE);
	default:
		return call_area(rt);
	}
}

/* ---- around the call ---- */

static void on_effect(struct task *t, struct kop *op)
{
	(void)op;
	rtask_effect(rtask_of(t));
}

/* Array by array: of a whole the compiler makes one instruction, which takes as
 * long as the rest of a short op. */
static void clear_kop(struct kop *k)
{
	_Static_assert(sizeof(*k) == 248, "a new field has to be cleared here");

	memset(k->charged, 0, sizeof(k->charged));
	memset(k->seg_ns, 0, sizeof(k->seg_ns));
	memset(k->sleep_ns, 0, sizeof(k->sleep_ns));
	memset(k->tax_ns, 0, sizeof(k->tax_ns));
	memset(k->model_ns, 0, sizeof(k->model_ns));
	memset(k->prim_ns, 0, sizeof(k->prim_ns));
	memset(k->wake_ns, 0, sizeof(k->wake_ns));
	k->recorded = k->effected = k->area_locked = false;
	k->seg = k->path = k->present = 0;
	k->rest_ns = k->effect_ns = 0;
	k->arg = NULL;
}

/* What it cost the captured policy, if the op has no recorded end. */
static int64_t prepare_kop(struct rtask *rt)
{
	struct replay *r = rt->r;
	struct kop *k = &rt->kop;
	uint64_t clipped_ns = 0;
	int64_t p_ns = -1;
	bool tax = r->o->tracing == TRACING_AS_CAPTURED;

	clear_kop(k);
	k->kind = rt->op.kind;
	k->effect = on_effect;
	k->woken_ns = rt->task.wakeups_ns;
	if (rt->op.segs || tax)
		costs_segments(&rt->op, tax, r->h->lock_event_tax_ns, k);
	if (!r->costs || r->preparing)
		return p_ns;
	p_ns = costs_take(r->costs, &rt->op, &rt->cost_pos, k, &clipped_ns);
	if (measuring(r))
		r->out->clipped_ns += clipped_ns;
	return p_ns;
}

/* Waits and sleep inside a fault: no user time, and not in the model's P. */
static int64_t fault_wait_ns(const struct op *op)
{
	int64_t ns = 0;

	for (uint16_t i = 0; i < op->segs; i++)
		ns += op->seg[i].wait_ns + op->seg[i].sleep_ns;
	return ns;
}

/* The recorded time up to which this op has brought its task. */
static void advance(struct rtask *rt, int64_t p_ns)
{
	const struct op *op = &rt->op;
	int64_t end_ns = op->start_ns + op->duration_ns;

	rt->last_start_ns = op->start_ns;
	rt->last_fault = rt->fault_open = false;
	if (op->duration_ns < 0) {
		if (p_ns < 0)
			p_ns = kop_own_ns(&rt->kop);
		end_ns = op->start_ns + p_ns;
		if (op->kind == OP_FAULT) {
			int64_t wait_ns = fault_wait_ns(op);

			end_ns += rt->r->h->lock_event_tax_ns + wait_ns;
			rt->fault_end_ns = end_ns;
			/* waits say nothing of what a fault costs */
			rt->last_fault = !wait_ns &&
				!(op->flags & (OPF_IN_CALL | OPF_SLEPT));
			rt->fault_open = op_slept_locked(op);
		}
	} else if (end_ns > rt->busy_until_ns) {
		rt->busy_until_ns = end_ns;
	}
	if (end_ns > rt->at_ns)
		rt->at_ns = end_ns;
}

static void compare(struct rtask *rt, int64_t ret)
{
	bool failed = rt->op.flags & OPF_FAILED;

	if (rt->op.flags & OPF_RESULT_KNOWN && rt->op.kind != OP_FAULT &&
	    (ret < 0) != failed && measuring(rt->r))
		rt->r->out->result_differs++;
}

/* Recorded time of segments that this policy did not pass through. */
static void charge_rest(struct rtask *rt)
{
	struct kop *k = &rt->kop;
	int64_t ns = 0;

	for (int i = 0; i < KOP_SEGS; i++) {
		if (k->charged[i])
			continue;
		if (k->recorded)
			ns += k->seg_ns[i];
	}
	if (!ns || rt->r->kernel->null_kernel)
		return;
	task_set_mode(&rt->task, MODE_SYSTEM);
	work_ns(&rt->task, ns, COST_RECORDED);
	task_set_mode(&rt->task, MODE_USER);
}

void op_skip(struct rtask *rt)
{
	struct replay *r = rt->r;
	int64_t p_ns = prepare_kop(rt);

	if (r->preparing)
		costs_put(r->costs, &rt->op, &rt->kop, 0);
	advance(rt, p_ns < 0 ? 0 : p_ns);
	rtask_op_done(rt);
}

void op_fiber(void *task)
{
	struct task *t = task;
	struct rtask *rt = rtask_of(t);
	struct replay *r = rt->r;
	int64_t p_ns = prepare_kop(rt), ret;

	t->op = &rt->kop;
	t->op_kind = rt->op.kind;
	settle(t);
	op_clock_start(rt);
	mmt_ahead(rt->cursor);
	ret = call(rt);
	charge_rest(rt);
	settle(t);
	kop_effect(t);
	op_clock_end(rt);
	t->op = NULL;
	if (__builtin_expect(r->export != NULL, 0))
		export_op(rt);
	compare(rt, ret);
	if (r->preparing)
		costs_put(r->costs, &rt->op, &rt->kop,
			  rtask_ipis(rt) - rt->clock.ipis);
	advance(rt, p_ns);
	rtask_op_done(rt);
}
