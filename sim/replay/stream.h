#ifndef MMREPLAY_REPLAY_STREAM_H
#define MMREPLAY_REPLAY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of one task, written once in order and read in order, 7 bits a byte. */
struct stream {
	uint8_t *data;
	uint32_t used, room;
};

void stream_put(struct stream *s, uint64_t value);

/** stream_get() - value at *@pos, which moves on; 0 past the end */
uint64_t stream_get(const struct stream *s, uint32_t *pos);
void stream_release(struct stream *s);

#endif
