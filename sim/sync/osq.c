/*
 * Optimistic spinners of a sleeping lock, in order.
 *
 * Invariant: whoever is in the queue is spinning or about to look at its place;
 * a task leaves it before it sleeps. Cost: O(1).
 */
#include "sim/machine/line.h"
#include "sim/sync/osq.h"

void osq_leave(struct task *t, struct task_queue *q)
{
	bool was_first = TAILQ_FIRST(q) == t;
	struct task *next;

	TAILQ_REMOVE(q, t, wait_link);
	next = TAILQ_FIRST(q);
	if (was_first && next)
		task_spin_end(next, transfer_ns(t->m, t->cpu->id,
						next->cpu->id));
}

bool osq_join(struct task *t, struct task_queue *q, bool may_resched)
{
	TAILQ_INSERT_TAIL(q, t, wait_link);
	while (TAILQ_FIRST(q) != t) {
		if (task_spin(t, may_resched, INT64_MAX) != SPIN_RESCHED)
			continue;
		if (TAILQ_FIRST(q) == t)
			break;		/* became first in the same instant */
		TAILQ_REMOVE(q, t, wait_link);
		return false;
	}
	return true;
}
