#ifndef MMREPLAY_ENGINE_DIAL_H
#define MMREPLAY_ENGINE_DIAL_H

#include <stdint.h>
#include "sim/base/units.h"

/*
 * A dial: whose event is in which of the next DIAL_NS nanoseconds.
 *
 *   occupied  one bit a place, which is a nanosecond: at_ns modulo DIAL_NS
 *   word      of each place, one bit a number that has its event then
 *
 * Invariant: whatever is on it lies in [now, now + DIAL_NS), so a place is one
 * time, and the first one from now on, around once, is the earliest. Nobody is
 * on it twice.
 *
 * Cost: O(1) to put and drop, without a branch; to find the first O(gap / 64),
 * and O(numbers / 64) in one place. Memory: 8 bytes a nanosecond and 64 numbers.
 */
enum { DIAL_NS = 1024, DIAL_WORDS = DIAL_NS / 64 };

struct dial {
	uint64_t occupied[DIAL_WORDS];
	uint16_t count[DIAL_NS];
	uint32_t pending;
	uint32_t words;		/* of a place */
	uint64_t *word;
};

static inline uint32_t dial_place(sim_ns at_ns)
{
	return (uint64_t)at_ns % DIAL_NS;
}

static inline void dial_put(struct dial *d, sim_ns at_ns, uint32_t number)
{
	uint32_t place = dial_place(at_ns);

	d->word[place * d->words + number / 64] |= 1ULL << number % 64;
	d->occupied[place / 64] |= 1ULL << place % 64;
	d->count[place]++;
	d->pending++;
}

static inline void dial_drop(struct dial *d, sim_ns at_ns, uint32_t number)
{
	uint32_t place = dial_place(at_ns);

	d->word[place * d->words + number / 64] &= ~(1ULL << number % 64);
	d->pending--;
	d->count[place]--;
	d->occupied[place / 64] &= ~((uint64_t)!d->count[place] << place % 64);
}

/** dial_first() - the earliest from @now_ns on, of one time the lowest number;
 *  INT64_MAX: there is none */
static inline sim_ns dial_first(const struct dial *d, sim_ns now_ns, uint32_t *number)
{
	uint32_t place = dial_place(now_ns), i = place / 64;
	uint64_t bits = d->occupied[i] >> place % 64;
	const uint64_t *word;

	if (!d->pending)
		return INT64_MAX;
	while (!bits) {
		i = (i + 1) % DIAL_WORDS;
		bits = d->occupied[i];
		place = i * 64;
	}
	place += (uint32_t)__builtin_ctzll(bits);
	word = &d->word[place * d->words];
	for (i = 0; !word[i]; )
		i++;
	*number = i * 64 + (uint32_t)__builtin_ctzll(word[i]);
	return now_ns + (sim_ns)((place - (uint64_t)now_ns) % DIAL_NS);
}

#endif
