#ifndef MMREPLAY_ANALYSIS_SPEEDUP_H
#define MMREPLAY_ANALYSIS_SPEEDUP_H

#include <stdbool.h>
#include <stdio.h>
#include "analysis/results.h"

/*
 * Virtual speed-up (after Coz): what throughput and tail latency would gain if
 * one lock's critical sections, or one cost, were shorter. The driver runs the
 * cells; this part reads the result folders and ranks.
 */

enum { SPEEDUP_STEPS = 5 };
extern const unsigned speedup_pct[SPEEDUP_STEPS];	/* 10 .. 100 */

/** struct gain - of one variation against the cell as it is; +0.1 is 10 % more */
struct gain {
	bool known;
	double throughput, p99;
};

/**
 * struct speedup - one thing that gets shorter, in one cell
 * @kind: "lock" or "cost"; @name as in `replay.speedup_KIND`
 * @value: of the cost now, in ns; 0 for a lock
 */
struct speedup {
	const char *kind, *name;
	int64_t value;
	struct gain gain[SPEEDUP_STEPS];
};

/** struct sped_cell - a cell as it is, and what shortening does to it
 *  @op: the kind of op with the most time in all; p99 is its */
struct sped_cell {
	char *label, *op;
	int64_t makespan_ns, p99_ns;
	struct speedup *list;
	uint32_t count;
};

struct speedups {
	struct sped_cell *cells;
	uint32_t count;
};

/** speedups_read() - the cells of a folder as they are: replicate 0 of each */
int speedups_read(const char *dir, struct speedups *out, struct errbuf *e);
void speedups_release(struct speedups *s);

/** speedups_add() - the gains of a folder in which @kind @name is @step shorter
 *  Strings stay the caller's. */
int speedups_add(struct speedups *s, const char *dir, const char *kind,
		 const char *name, int64_t value, unsigned step,
		 struct errbuf *e);

/** speedups_shown() - with what is known of it, has @kind @name a row in any cell? */
bool speedups_shown(struct speedups *s, const char *kind, const char *name,
		    double least);

/** speedups_locks() - names of the locks that any cell of a folder took, sorted;
 *  NULL-terminated, each and the list the caller's */
char **speedups_locks(const char *dir, struct errbuf *e);

void speedups_sort(struct speedups *s);

/** speedups_text() - per cell a table, best first; what changes throughput by less
 *  than @least and p99 by less than ten times that is counted */
void speedups_text(const struct speedups *s, double least, FILE *out);

/** speedups_json() - the same for programs, and what the plot reads */
json_t *speedups_json(const struct speedups *s);

#endif
