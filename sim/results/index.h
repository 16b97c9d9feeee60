#ifndef MMREPLAY_RESULTS_INDEX_H
#define MMREPLAY_RESULTS_INDEX_H

#include "sim/results/results.h"

/* results.json: all cells of a scenario, without their histograms. */

/** struct index_entry - one cell as text; 15 KB */
struct index_entry {
	char *text;		/* NULL: not read */
	bool failed;
};

/** index_read() - the entry of @c from its file; the caller frees the text */
int index_read(struct index_entry *out, const char *dir, const struct cell *c,
	       struct errbuf *e);

/**
 * index_write() - results.json from the cell files; counts the failed ones
 * @entries: by cell; what has no text is read now and not kept, so that memory
 *           does not follow the number of cells
 */
int index_write(const struct scenario *s, const char *dir,
		const struct index_entry *entries, uint32_t *failed,
		struct errbuf *e);

#endif
