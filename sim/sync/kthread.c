/*
 * Threads of the kernel, see kthread.h.
 *
 * Invariant: a thread that is wanted runs or is on its way to: `wanted` is
 * looked at when fn() has returned, in the instant in which it would sleep.
 */
#include "sim/sync/kthread.h"

static struct kthread *kthread_of(struct task *t)
{
	return (struct kthread *)(void *)t;
}

static void kthread_fiber(void *task)
{
	struct kthread *k = kthread_of(task);

	k->fn(task, k);
	settle(task);
}

static void kthread_step(struct task *t)
{
	struct kthread *k = kthread_of(t);

	if (!k->wanted) {
		task_sleep(t);
		return;
	}
	k->wanted = false;
	task_start_fiber(t, kthread_fiber, k->name);
}

void kthread_init(struct machine *m, struct kthread *k, uint32_t id,
		  const char *name, void (*fn)(struct task *, struct kthread *),
		  int cpu, uint8_t op_kind)
{
	*k = (struct kthread){ .fn = fn, .name = name };
	task_init(m, &k->task, id, kthread_step, NULL);
	k->task.affinity = (uint64_t)(cpu + 1);
	k->task.op_kind = op_kind;
}

void kthread_want(struct task *by, struct kthread *k)
{
	if (by)
		settle(by);
	k->wanted = true;
	if (k->launched) {
		task_wake(by, &k->task);
		return;
	}
	k->launched = true;
	task_launch(by, &k->task, cost_take(k->task.m, COST_WAKE_LATENCY, 1));
	k->task.m->tasks_alive--;	/* nobody waits for its end */
	if (by)
		work(by, COST_WAKE_LOCAL, 1);
}
