#ifndef MMREPLAY_MM_REFCOUNT_H
#define MMREPLAY_MM_REFCOUNT_H

#include "sim/machine/line.h"

/*
 * refcount_t, as include/linux/refcount.h has it: each call pays for the atomic
 * on @l and then acts on @r in the instant in which it returns.
 */

/** refcount_inc_not_zero_limited() - plus 1, unless it is 0 or above @limit:
 *  a load and a compare-and-exchange, so two transfers if the line is contended.
 *  @old: what it was. Return: true if it was counted. */
bool refcount_inc_not_zero_limited(struct task *t, struct line *l, uint32_t *r,
				   uint32_t limit, uint32_t *old);
/** refcount_add_not_zero() - plus @n, unless it is 0. Return: true if added. */
bool refcount_add_not_zero(struct task *t, struct line *l, uint32_t *r,
			   uint32_t n);
/** refcount_sub() - minus @n. Return: what is left. */
uint32_t refcount_sub(struct task *t, struct line *l, uint32_t *r, uint32_t n);

#endif
