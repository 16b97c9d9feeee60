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

/** enum fidelity_kind - what was asked, and so which targets there are */
enum fidelity_kind {
	FIDELITY_IN_SAMPLE,	/* model's costs, fitted to who knows what */
	FIDELITY_RECORDED,	/* recorded costs */
	FIDELITY_SAMPLE,	/* costs fitted to other captures */
	FIDELITY_UNTRACED,	/* against runs without a tracer */
	FIDELITY_KERNELS	/* counts of another kernel's capture */
};

enum { FIDELITY_SAMPLES_MIN = 20, FIDELITY_TARGETS_MAX = 6 };

/**
 * struct check - one quantity
 * @spread: of the capture, as a share of @recorded
 * @error: (predicted - recorded) / recorded; only if @has_error
 * @blame: where it is off, the parts of the op's time that differ most
 */
struct check {
	const char *quantity, *unit;
	double recorded, predicted, error, spread, samples;
	bool has_error;
	enum verdict verdict;
	char blame[96];
};

/** struct fidelity - one folder: one trace under one way of charging */
struct fidelity {
	char *trace, *costs;		/* for people */
	enum fidelity_kind kind;
	struct check *checks;
	uint32_t count;
	uint32_t verdicts[VERDICT_COUNT];
	char *assumed;			/* assumed_report() of the replay */
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
		const char *costs, enum fidelity_kind kind, struct fidelity *f,
		struct errbuf *e);
void fidelity_release(struct fidelity *f);

enum met { MET_YES, MET_NO, MET_NOISE, MET_COUNT };

/**
 * struct target - a limit for the errors of some rows
 * @limit: as a share; 0: exact
 * @rows: how many met it, missed it, or cannot tell
 */
struct target {
	const char *name, *worst;
	double limit, worst_error;
	uint32_t rows[MET_COUNT];
};

/** fidelity_met() - is an error within @limit? Noise: the spread is wider */
enum met fidelity_met(double error, double spread, double samples,
		      double limit);
/** fidelity_targets() - those of the folder's kind. Return: how many */
uint32_t fidelity_targets(const struct fidelity *f,
			  struct target list[FIDELITY_TARGETS_MAX]);
/** target_met() - missed if any row is; noise-limited if all are */
enum met target_met(const struct target *t);

/** fidelity_write() - text, or JSON {"checks", "summary", "targets"} */
void fidelity_write(const struct fidelity *list, uint32_t count, bool json,
		    FILE *out);

#endif
