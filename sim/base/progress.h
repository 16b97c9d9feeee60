#ifndef MMREPLAY_BASE_PROGRESS_H
#define MMREPLAY_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A progress line on stderr: share, rate, time left. Silent when stderr is
 * not a terminal. Reads the host's clock, so nothing of it may reach results.
 */
struct progress {
	const char *what, *unit;
	uint64_t total, done;
	int64_t started_ns, last_ns;
	bool tty;
};

void progress_start(struct progress *p, const char *what, const char *unit,
		    uint64_t total);
void progress_set(struct progress *p, uint64_t done);	/* draws at most 10 times a second */
void progress_end(struct progress *p);			/* clears the line */

#endif
