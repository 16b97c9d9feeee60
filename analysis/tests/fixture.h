#ifndef MMREPLAY_ANALYSIS_TESTS_FIXTURE_H
#define MMREPLAY_ANALYSIS_TESTS_FIXTURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "analysis/analysis.h"

/**
 * struct fixture - a made-up result folder in the shape of DESIGN.md 8
 * Every number is drawn from @seed, the policy and the replicate; histograms,
 * quantiles, blame and CPU time agree with each other as in a real folder.
 */
struct fixture {
	const char *scenario;
	uint32_t policies, replicates;
	uint32_t ops;			/* faults a cell; other kinds are fewer */
	uint32_t points;		/* params: that many sweep points; 0 = no sweep */
	uint32_t series_points;		/* 0: no series */
	uint64_t seed;
	bool jitter;			/* else replicates are equal */
	bool hostile;			/* names that want to break out */
	bool lean;			/* no hist, no locks: for many cells */
};

/** fixture_write() - into @dir, which must not exist; aborts on any error */
void fixture_write(const char *dir, const struct fixture *f);

/** fixture_dir() - a new temporary folder; caller frees the name */
char *fixture_dir(void);
/** fixture_remove() - the folder and all below it */
void fixture_remove(const char *dir);

/** struct room - a fixture on disk and loaded; @files: for fixture_values() */
struct room {
	char *dir;
	struct result_set *s;
	json_t **files;
};

struct room room_open(const struct fixture *f);
void room_close(struct room *r);

/**
 * fixture_values() - the numbers at @path in the files below cells/ of the
 * policy @label, in the order of their replicates, read anew, once a room, and
 * walked by no code of the product; returns how many, at most @most
 * @path: dotted, a sum of such, or blame[LOCK,WAITER,HOLDER].KEY with * for any
 */
uint32_t fixture_values(struct room *r, const char *label,
			const char *path, double *v, uint32_t most);

/** fixture_compare() - the table as text; caller frees */
char *fixture_compare(const struct result_set *s, const struct compare_options *o);
/** room_compare_json() - the table as JSON, parsed */
json_t *room_compare_json(const struct room *r, struct compare_options o);

#endif
