/*
 * Varint streams: what is kept per op of a trace (costs of the captured
 * policy, counts of what came before) at one or two bytes an op.
 * Invariant: a stream holds whole numbers only. O(bytes) each way.
 * Limits: 4 GiB a task; more is a BUG.
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/replay/stream.h"

enum { VARINT_MAX = 10 };

void stream_put(struct stream *s, uint64_t value)
{
	if (s->room - s->used < VARINT_MAX) {
		BUG_ON(s->room > UINT32_MAX / 2);
		s->room = s->room ? s->room * 2 : 32;
		s->data = xrealloc(s->data, s->room, 1);
	}
	while (value > 0x7f) {
		s->data[s->used++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	s->data[s->used++] = (uint8_t)value;
}

uint64_t stream_get(const struct stream *s, uint32_t *pos)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; *pos < s->used; shift += 7) {
		uint8_t byte = s->data[(*pos)++];

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

void stream_release(struct stream *s)
{
	free(s->data);
	*s = (struct stream){ 0 };
}
