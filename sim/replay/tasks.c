/*
 * Tasks and address spaces of a run: made before the start, or by the op that
 * makes them in the trace; gone with their last record.
 *
 * Instances are copies of the workload that share nothing: instance i has
 * tasks [i * n, (i + 1) * n) of the machine and its own address spaces. Each
 * but the first starts later by a drawn phase below INSTANCE_PHASE_NS, since
 * copies in lockstep would meet at every shared lock at the same instant.
 *
 * Invariant: an address space exists from its first user to its last; users
 * are counted here as the kernel counts them.
 * Cost: O(tasks + areas) at the start. Memory: a struct rtask per task of the
 * trace for the whole run, a cursor per task that is alive.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "sim/replay/run.h"

#define INSTANCE_PHASE_NS NSEC_PER_MSEC

struct rmm *rmm_of(struct replay *r, uint32_t instance, uint64_t id)
{
	if (id >= r->h->mm_count)
		return NULL;
	return &r->mms[(size_t)instance * r->h->mm_count + id];
}

struct rtask *rtask_peer(const struct rtask *rt, uint32_t trace_task)
{
	return &rt->r->tasks[(size_t)rt->instance * rt->r->h->task_count +
			     trace_task];
}

/* ---- address spaces ---- */

void rmm_fill(struct replay *r, struct rmm *mm, struct mm *fresh)
{
	const struct trace_mm *tm = &r->h->mms[mm->id % r->h->mm_count];

	mm->mm = fresh;
	for (uint32_t i = 0; i < tm->area_count; i++) {
		const struct trace_area *a = &tm->areas[i];

		mm_start_area(fresh, (struct range){ a->start, a->end },
			      a->flags, a->resident_pages);
		if (a->flags & AREA_HEAP)
			mm->brk = a->end;
	}
}

void rtask_enter(struct rtask *rt, struct rmm *mm)
{
	rt->mm = mm;
	mm->causes.shared |= mm->users > 1;
	if (!rt->asleep) {
		rt->asleep = true;
		mm_awake(rt, true);
	}
}

void rtask_leave(struct rtask *rt)
{
	struct rmm *mm = rt->mm;

	if (!rt->asleep)
		mm->awake--;
	rt->mm = NULL;
	if (!--mm->users && !mm->readers)
		rmm_forget(mm);
}

void rmm_closing(struct replay *r, struct rmm *mm)
{
	if (mm->users == 1 && r->c->final_state_path && !r->preparing)
		mm->final = mm_final_state(mm->mm);
}

void rmm_forget(struct rmm *mm)
{
	mm_forget(mm->mm);
	mm->mm = NULL;
	causes_release(&mm->causes);
}

/* ---- tasks ---- */

static void rtask_init(struct replay *r, struct rtask *rt, uint32_t instance,
		       uint32_t trace)
{
	task_init(&r->m, &rt->task, instance * r->h->task_count + trace,
		  rtask_step, rt);
	rt->r = r;
	rt->order = &r->order->tasks[trace];
	rt->trace = trace;
	rt->instance = instance;
	rt->asleep = true;
	rt->wait_since_ns = rt->gap_since_ns = -1;
	TAILQ_INIT(&rt->waiters);
}

void tasks_init(struct replay *r)
{
	size_t n = r->h->task_count, mms = r->h->mm_count;

	r->task_count = r->instances * r->h->task_count;
	r->tasks = xcalloc(r->task_count, sizeof(*r->tasks));
	mem_touch(r->tasks, r->task_count * sizeof(*r->tasks));
	r->mms = xcalloc(mms * r->instances, sizeof(*r->mms));
	for (size_t i = 0; i < mms * r->instances; i++)
		r->mms[i].id = (uint32_t)i;
	for (size_t i = 0; i < r->task_count; i++)
		rtask_init(r, &r->tasks[i], (uint32_t)(i / n),
			   (uint32_t)(i % n));
}

void rtask_place(struct rtask *rt, uint32_t cpu)
{
	const struct replay *r = rt->r;

	if (r->o->placement == PLACEMENT_CAPTURED && r->instances == 1 &&
	    cpu < r->m.cpu_count)
		rt->task.affinity = cpu + 1;
}

static void open_cursor(struct rtask *rt)
{
	rt->cursor = mmt_cursor(rt->r->trace, rt->trace);
	rt->phase = PHASE_FETCH;
	rt->launched = true;
	rtask_place(rt, rt->order->first_cpu);
	rt->r->live++;
	rt->r->live_users += is_user(rt);
}

void rtask_launch(struct rtask *by, struct rtask *child, struct rmm *mm)
{
	const struct rtask *c = child;

	open_cursor(child);
	/* what it waited for its first CPU is the simulator's business */
	child->at_ns = c->order->start_ns;
	child->off_state = c->order->starts_off ? 'R' : 0;
	rtask_enter(child, mm);
	mm_awake(child, true);
	task_attach_mm(&child->task, mm->mm);
	task_launch(&by->task, &child->task, 0);
}

/* A task that nothing in the trace creates is there, asleep, from the start. */
static void start_task(struct replay *r, struct rtask *rt, int64_t phase_ns)
{
	struct rmm *mm = rmm_of(r, rt->instance, r->h->tasks[rt->trace].mm);

	open_cursor(rt);
	rt->off_state = 'S';
	if (mm) {
		if (mm->mm)
			mm_get(mm->mm);
		else
			rmm_fill(r, mm, mm_new(r->k, mm->id));
		mm->users++;
		rtask_enter(rt, mm);
		task_attach_mm(&rt->task, mm->mm);
	}
	task_launch(NULL, &rt->task, phase_ns);
}

void tasks_start(struct replay *r)
{
	for (uint32_t i = 0; i < r->task_count; i++) {
		struct rtask *rt = &r->tasks[i];
		int64_t phase_ns = 0;

		if (rt->order->creator != TRACE_NO_TASK || !rt->order->records)
			continue;
		if (rt->instance)
			phase_ns = (int64_t)draw_below(
				draw(r->c->seed, rt->instance, DRAW_START_PHASE,
				     r->c->replicate), INSTANCE_PHASE_NS);
		start_task(r, rt, phase_ns);
	}
}

void tasks_release(struct replay *r)
{
	for (uint32_t i = 0; i < r->task_count; i++)
		if (r->tasks[i].cursor)
			mmt_cursor_free(r->tasks[i].cursor);
	for (size_t i = 0; i < (size_t)r->h->mm_count * r->instances; i++)
{
		free(r->mms[i].final);
		causes_release(&r->mms[i].causes);
	}
	free(r->tasks);
	free(r->mms);
	free(r->allocs);
}

/* ---- the state of all address spaces at their end ---- */

int final_state_write(struct replay *r)
{
	struct atomic_file a;
	int ret = atomic_open(&a, r->c->final_state_path, r->e);

	if (ret)
		return ret;
	for (size_t i = 0; i < (size_t)r->h->mm_count * r->instances; i++) {
		struct rmm *mm = &r->mms[i];

		if (mm->mm && !mm->final)
			mm->final = mm_final_state(mm->mm);
		fprintf(a.f, "mm %u\n%s", mm->id, mm->final ? mm->final : "");
	}
	return atomic_commit(&a, r->e);
}
