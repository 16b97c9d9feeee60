/*
 * Stamps of ns from tracefs text. The text prints microseconds whatever the
 * clock, except for clocks without a unit: x86-tsc prints every tick. Two
 * pairs of (tick, CLOCK_MONOTONIC), one before and one after the capture,
 * turn ticks into time; each pair is the tightest of many tries (about 20 ns).
 * Elsewhere than on x86, or with a TSC that may stop, there is no such clock.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "traces/capture/tracer.h"

#ifdef __x86_64__
#include <x86intrin.h>

enum { TRIES = 200 };

bool stamp_clock_usable(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool steady = false;
	char line[4096];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5))
			continue;
		steady = strstr(line, " constant_tsc") &&
			 strstr(line, " nonstop_tsc");
		break;
	}
	if (f)
		fclose(f);
	return steady;
}

void stamp_clock_read(struct stamp_clock *c, unsigned which)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc(), after;
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		after = __rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		c->tick[which] = before + best / 2;
		c->mono_ns[which] = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	}
}
#else
bool stamp_clock_usable(void)
{
	return false;
}

void stamp_clock_read(struct stamp_clock *c, unsigned which)
{
	c->tick[which] = which;
	c->mono_ns[which] = which;
}
#endif

int64_t stamp_clock_ns(const struct stamp_clock *c, uint64_t tick)
{
	int64_t ticks = (int64_t)(c->tick[1] - c->tick[0]);
	int64_t since = (int64_t)(tick - c->tick[0]);
	int64_t ns = c->mono_ns[1] - c->mono_ns[0];

	if (ticks <= 0)
		return c->mono_ns[0];
	return c->mono_ns[0] + (int64_t)((__int128)since * ns / ticks);
}
