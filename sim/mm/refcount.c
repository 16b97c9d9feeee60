/*
 * See refcount.h.
 *
 * Invariant: decided and changed in the instant in which the atomic is paid;
 * never below 0.
 * Cost: one contended line each.
 */
#include "sim/mm/refcount.h"

bool refcount_inc_not_zero_limited(struct task *t, struct line *l, uint32_t *r,
				   uint32_t limit, uint32_t *old)
{
	line_rmw(t, l);
	settle(t);
	*old = *r;
	if (!*r || *r > limit)
		return false;
	++*r;
	return true;
}

bool refcount_add_not_zero(struct task *t, struct line *l, uint32_t *r,
			   uint32_t n)
{
	line_rmw(t, l);
	settle(t);
	if (!*r)
		return false;
	*r += n;
	return true;
}

uint32_t refcount_sub(struct task *t, struct line *l, uint32_t *r, uint32_t n)
{
	line_rmw(t, l);
	settle(t);
	BUG_ON(*r < n);
	return *r -= n;
}
