/*
 * Books of a hold class by place, see hold.h: which node's list or pool the
 * bytes of a stage stand in. Places are few and known at the start.
 *
 * Invariant: over all places, a stage sums to what the class has in it, as long
 * as each hold_move() of the class comes with a hold_part_move().
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/metrics/metrics.h"

void hold_parts(struct metrics *m, uint32_t hold, uint32_t count)
{
	struct hold_class *h = &m->holds[hold];

	BUG_ON(h->part);
	h->parts = count;
	h->part = xcalloc((count + 1) * (size_t)METRIC_STAGES_MAX,
			  sizeof(*h->part));
}

static void update(struct hold_part *p, sim_ns now)
{
	p->byte_ns += (__int128)p->bytes * (now - p->since_ns);
	p->since_ns = now;
}

static void take(struct hold_part *p, uint64_t bytes, sim_ns now)
{
	BUG_ON(p->bytes < bytes);
	update(p, now);
	p->bytes -= bytes;
}

static void put(struct hold_part *p, uint64_t bytes, sim_ns now)
{
	update(p, now);
	p->bytes += bytes;
	if (p->bytes > p->peak_bytes)
		p->peak_bytes = p->bytes;
}

void hold_part_move(struct metrics *m, uint32_t hold, uint32_t part,
		    uint32_t from, uint32_t to, uint64_t bytes, sim_ns now)
{
	struct hold_class *h = &m->holds[hold];

	BUG_ON(part >= h->parts);
	metrics_sample(m, now);
	if (from != STAGE_NONE) {
		take(hold_part_at(h, part, from), bytes, now);
		take(hold_part_at(h, h->parts, from), bytes, now);
	}
	if (to != STAGE_NONE) {
		put(hold_part_at(h, part, to), bytes, now);
		put(hold_part_at(h, h->parts, to), bytes, now);
	}
}

void hold_parts_close(struct metrics *m, sim_ns now)
{
	for (uint32_t i = 0; i < m->hold_count; i++) {
		struct hold_class *h = &m->holds[i];

		for (uint32_t k = 0; h->part &&
		     k < (h->parts + 1) * METRIC_STAGES_MAX; k++)
			update(&h->part[k], now);
	}
}

void hold_parts_free(struct metrics *m)
{
	for (uint32_t i = 0; i < m->hold_count; i++)
		free(m->holds[i].part);
}
