/*
 * The progress line. Nothing here may reach a result: it reads the host's
 * clock. Prints only on a terminal, at most ten times a second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/progress.h"
#include "sim/base/units.h"

enum { DRAW_EVERY_MS = 100 };

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

void progress_start(struct progress *p, const char *what, const char *unit,
		    uint64_t total)
{
	*p = (struct progress){ .what = what, .unit = unit, .total = total };
	p->tty = isatty(STDERR_FILENO);
	p->started_ns = p->tty ? now_ns() : 0;
}

static void render(const struct progress *p, int64_t now)
{
	int64_t ms = (now - p->started_ns) / NSEC_PER_MSEC;
	uint64_t rate, left;

	if (ms < 1)
		ms = 1;
	rate = (uint64_t)((unsigned __int128)p->done * 1000 / (uint64_t)ms);
	fprintf(stderr, "\r\033[K%s: ", p->what);
	if (p->total)
		fprintf(stderr, "%3u%%, ", (unsigned int)
			((unsigned __int128)p->done * 100 / p->total));
	fprintf(stderr, "%" PRIu64 " %s/s", rate, p->unit);
	if (p->total > p->done && rate) {
		left = (p->total - p->done) / rate;
		fprintf(stderr, ", %" PRIu64 ":%02" PRIu64 " left", left / 60,
			left % 60);
	}
	fflush(stderr);
}

void progress_set(struct progress *p, uint64_t done)
{
	int64_t now;

	p->done = done;
	if (!p->tty)
		return;
	now = now_ns();
	if (now - p->last_ns < DRAW_EVERY_MS * NSEC_PER_MSEC)
		return;
	p->last_ns = now;
	render(p, now);
}

void progress_end(struct progress *p)
{
	if (p->tty && p->last_ns)
		fputs("\r\033[K", stderr);
	p->tty = false;
}
