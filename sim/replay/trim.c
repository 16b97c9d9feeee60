/*
 * Times without what a replay makes anew (trim.h).
 *
 * Invariant: a longer time stays longer, or becomes equal.
 */
#include "sim/replay/trim.h"

/* @ns without the wake-up, if it is long enough to have held one. */
static int64_t unwoken_ns(const struct trim *t, int64_t ns)
{
	if (!t->wakes || ns < t->wake_from_ns)
		return ns;
	ns -= t->wake_ns;
	return ns > t->wake_floor_ns ? ns : t->wake_floor_ns;
}

static void wakes_measure(struct trim *t)
{
	uint64_t others;

	if (t->wakes > t->ns.count)
		t->wakes = t->ns.count;
	if (!t->wakes)
		return;
	others = t->ns.count - t->wakes;
	t->wake_ns = t->wakes_ns / (int64_t)t->wakes;
	if (!others)
		return;
	t->wake_from_ns = hist_quantile(&t->ns, (uint32_t)others,
					(uint32_t)t->ns.count) + 1;
	t->wake_floor_ns = hist_quantile(&t->ns, (uint32_t)(others / 2),
					 (uint32_t)t->ns.count);
}

struct unwoken {
	const struct trim *t;
	struct hist ns;
};

static void add_unwoken(void *arg, int64_t lower, int64_t upper, uint64_t count)
{
	struct unwoken *u = arg;

	hist_record_many(&u->ns, unwoken_ns(u->t, lower / 2 + upper / 2), count);
}

static void add_excess(void *trim, int64_t lower, int64_t upper, uint64_t count)
{
	struct trim *t = trim;

	if (lower > t->median_ns + t->least_ns)
		t->excess_ns += (lower / 2 + upper / 2 - t->median_ns) *
				(int64_t)count;
}

void trim_measure(struct trim *t, int64_t least_ns)
{
	struct unwoken u = { .t = t };

	wakes_measure(t);
	hist_each(&t->ns, add_unwoken, &u);
	hist_release(&t->ns);
	t->least_ns = least_ns;
	t->median_ns = hist_quantile(&u.ns, 50, 100);
	hist_each(&u.ns, add_excess, t);
	hist_release(&u.ns);
}

void trim_share(struct trim *t, int64_t irq_ns, int64_t all_ns)
{
	if (irq_ns > all_ns)
		irq_ns = all_ns;
	if (all_ns)
		t->irq_ns = (int64_t)((__int128)irq_ns * t->excess_ns / all_ns);
}

int64_t trim_less(const struct trim *t, int64_t ns)
{
	ns = unwoken_ns(t, ns);
	if (ns <= t->median_ns + t->least_ns || !t->excess_ns)
		return ns;
	return ns - (int64_t)((__int128)(ns - t->median_ns) * t->irq_ns /
			      t->excess_ns);
}
