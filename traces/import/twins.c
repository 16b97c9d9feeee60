/*
 * vmalloc events that two inputs, or two buffers of one, have. Invariant: only
 * the last TWINS are remembered, which is more than fall into the rounding.
 */
#include "traces/import/twins.h"

bool is_vmalloc(const struct raw_event *ev)
{
	return ev->type == RAW_VMAP_ALLOC || ev->type == RAW_VMAP_FREE ||
	       ev->type == RAW_VMAP_PURGE;
}

bool twins_has(const struct twins *t, const struct raw_event *ev, bool other)
{
	/* one purge event a vmap node: in one file two of them may be alike */
	if (!is_vmalloc(ev) || (!other && ev->type == RAW_VMAP_PURGE))
		return false;
	for (unsigned i = 0; i < TWINS; i++) {
		const struct twin *r = &t->row[i];

		if (r->va == ev->v[0] && r->type == ev->type &&
		    r->tid == ev->tid && ev->ts - r->ts <= 2 * ROUNDING_NS &&
		    r->ts - ev->ts <= 2 * ROUNDING_NS)
			return true;
	}
	return false;
}

void twins_note(struct twins *t, const struct raw_event *ev)
{
	if (is_vmalloc(ev))
		t->row[t->at++ % TWINS] = (struct twin){ ev->v[0], ev->ts,
							 ev->tid, ev->type };
}
