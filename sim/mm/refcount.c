/*
 * See refcount.h.
 *
 * Invariant: decided and changed in the instant in which the atomic is paid;
 * never below 0.
 * Cost: one contended line each.
 */
#include "sim/mm/refcount.h"

/* Load, then compare-and-exchange: one that fails has the line and the new
 * value, so the next try follows before anybody else gets at it. */
bool refcount_inc_not_zero_limited(struct task *t, struct line *l, uint32_t *r,
				   uint32_t limit, uint32_t *old)
{
	bool again, got;

	line_read(t, l);
	settle(t);
	*old = *r;
	if (!*old || *old > limit)
		return false;
	line_rmw(t, l);
	settle(t);
	again = *r != *old;
	*old = *r;
	got = *old && *old <= limit;
	*r += got;
	if (again)
		work(t, COST_ATOMIC, 1);
	return got;
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
