#ifndef MMREPLAY_MM_RANGE_LOCK_H
#define MMREPLAY_MM_RANGE_LOCK_H

#include "sim/mm/book.h"
#include "sim/mm/mm.h"

/*
 * The list-based range lock of Kogan, Dice and Issa (EuroSys'20, arXiv
 * 2006.12144): a list, sorted by address, of the ranges that are held. Who finds
 * no conflict links its node behind the last one below it with one
 * compare-and-swap; who finds one waits for that node.
 *
 *   |--W--|   |-R-|        |----W----|       held
 *          |W|        |-R-|                  may come in
 *                |---R---|                   may not: waits for the writer
 *
 * Its nodes are objects of kernel.lock_node_cache (mm_lock_ops.node_bytes), the
 * head of the list is at mmap_lock's place. Costs: a read of each node that is
 * passed, one atomic at the place, one when it is marked as gone.
 */

struct rl_node {
	struct range r;
	bool write;
	struct task *t;
	struct place place;
	TAILQ_ENTRY(rl_node) link;
};

TAILQ_HEAD(rl_nodes, rl_node);

struct rl_waiter {
	struct task *t;
	const struct rl_node *on;	/* the range in the way; NULL: try again */
	bool wake;
	TAILQ_ENTRY(rl_waiter) link;
};

/** struct range_lock - of the address space @mm */
struct range_lock {
	struct mm *mm;
	struct rl_nodes held, unused;
	TAILQ_HEAD(, rl_waiter) waiters;
	struct book book;
};

void range_lock_init(struct range_lock *l, struct mm *mm);
void range_lock_release(struct range_lock *l);
/** range_lock() - wait until nothing that is held conflicts with @r.
 *  Return: 0, or -EINTR if @killable and @t was killed. One range a task. */
int range_lock(struct task *t, struct range_lock *l, struct range r, bool write,
	       bool killable);
/** range_downgrade() - what @t has for writing it has for reading now */
void range_downgrade(struct task *t, struct range_lock *l);
void range_unlock(struct task *t, struct range_lock *l, bool write);
/** range_held_by() - what @t holds, or NULL */
const struct rl_node *range_held_by(const struct range_lock *l,
				    const struct task *t);

#endif
