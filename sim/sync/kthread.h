#ifndef MMREPLAY_SYNC_KTHREAD_H
#define MMREPLAY_SYNC_KTHREAD_H

#include "sim/machine/machine.h"

/*
 * A thread of the kernel that sleeps until it is wanted, runs fn() once on a
 * fiber, and looks again. It never ends and holds no fiber while it sleeps.
 */
struct kthread {
	struct task task;	/* first: found by its task */
	void (*fn)(struct task *t, struct kthread *k);
	const char *name;
	bool wanted, launched;
};

/** kthread_init() - @cpu: pinned there, or negative; @id: of the task, dense */
void kthread_init(struct machine *m, struct kthread *k, uint32_t id,
		  const char *name, void (*fn)(struct task *, struct kthread *),
		  int cpu, uint8_t op_kind);

/** kthread_want() - run fn() soon, once more if it runs now; @by pays for the
 *  wake-up, NULL from engine context */
void kthread_want(struct task *by, struct kthread *k);

#endif
