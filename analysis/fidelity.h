#ifndef MMREPLAY_ANALYSIS_FIDELITY_H
#define MMREPLAY_ANALYSIS_FIDELITY_H

#include <stdio.h>
#include "analysis/results.h"

/*
 * Predicted beside recorded: the baseline cell of a result folder against the
 * folder's reference.json of kind "recorded" (MODEL.md 12).
 */

enum verdict {
	VERDICT_WITHIN_10, VERDICT_WITHIN_25, VERDICT_OFF, VERDICT_IDENTITY,
	VERDICT_NOISE, VERDICT_ABSENT, VERDICT_COUNT
};

extern const char *const verdict_names[VERDICT_COUNT];

/**
 * struct check - one quantity
 * @spread: of the capture, as a share of @recorded
 * @error: (predicted - recorded) / recorded; only if @has_error
 * @blame: where it is off, the parts of the op's time that differ most
 */
struct check {
	const char *quantity, *unit;
	double recorded, predicted, error, spread;
	bool has_error;
	enum verdict verdict;
	char blame[96];
};

/** struct fidelity - one folder: one trace under one way of charging */
struct fidelity {
	char *trace, *costs;		/* for people */
	struct check *checks;
	uint32_t count;
	uint32_t verdicts[VERDICT_COUNT];
	const char *spread_of;		/* where the spread of wall time is from */
};

/**
 * fidelity_judge() - verdict of one number
 * Never tighter than the spread: within 10 % is not claimed of a quantity
 * that varies by more than that by itself, and what is off by less than its
 * spread is noise-limited. @samples: behind the recorded number; below 20
 * nothing is claimed. @identity: recorded costs, and next to no waiting.
 */
enum verdict fidelity_judge(double error, double spread, double samples,
			    bool identity);

/** fidelity_of() - all checks of a folder; caller releases
 *  @s: must outlive @f */
int fidelity_of(const struct result_set *s, const char *trace,
		const char *costs, struct fidelity *f, struct errbuf *e);
void fidelity_release(struct fidelity *f);

/** fidelity_write() - text, or JSON {"checks": [...], "summary": [...]} */
void fidelity_write(const struct fidelity *list, uint32_t count, bool json,
		    FILE *out);

#endif
