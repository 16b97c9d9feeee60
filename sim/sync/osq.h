#ifndef MMREPLAY_SYNC_OSQ_H
#define MMREPLAY_SYNC_OSQ_H

#include "sim/machine/machine.h"

/*
 * The queue of optimistic spinners of a sleeping lock: FIFO, each burns its CPU
 * on its own node, only the first may poll the lock. The caller pays for the
 * atomic and has preemption off.
 */

/** osq_join() - wait to become first; @may_resched: leave when the CPU is wanted
 *  Return: true: first; false: has left the queue */
bool osq_join(struct task *t, struct task_queue *q, bool may_resched);

/** osq_leave() - the next one becomes first, a line transfer away */
void osq_leave(struct task *t, struct task_queue *q);

#endif
