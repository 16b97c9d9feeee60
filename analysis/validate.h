#ifndef MMREPLAY_ANALYSIS_VALIDATE_H
#define MMREPLAY_ANALYSIS_VALIDATE_H

#include <stdio.h>
#include "analysis/results.h"

/*
 * Effects of policies, predicted beside published (MODEL.md 12):
 * e = ln(after / before). Per family, skill = 1 - sum|e_pred - e_pub| /
 * sum|e_pub|; the null predictor, "the policy changes nothing", has skill 0.
 */

/**
 * struct vpoint - one published figure
 * @strong: |effect_published| exceeds twice the published noise
 * @x: NAN if the result has one point only
 */
struct vpoint {
	double x, before, after;		/* published, its own unit */
	double predicted_before, predicted_after; /* cell's unit */
	double effect_published, effect_predicted;
	bool strong, sign_right;
};

enum { SWINGS_MAX = 3 };

/** struct vswing - an assumed cost at the low and high end of its range
 *  @effect: predicted with it there, by point; NULL if the end is where it is */
struct vswing {
	const char *cost;	/* a key of vresult.costs */
	int64_t value, end[2];
	double *effect[2];
};

/** struct vresult - one published result; strings belong to @json */
struct vresult {
	json_t *json;		/* what was published: see validation_add() */
	const char *result, *family, *class, *source, *why, *machine;
	const char *quantity, *x;
	uint32_t noise_pct, count;
	struct vpoint *points;
	double assumed_share;	/* of simulated time, of the cells after */
	char *assumed;		/* assumed_report() of the cell with most; or NULL */
	json_t *costs;		/* "costs" of that cell; or NULL */
	struct vswing swings[SWINGS_MAX];
	uint32_t swing_count;	/* 0 if nobody asked */
};

enum vtarget { TARGET_NONE, TARGET_MET, TARGET_MISSED };

/**
 * struct vfamily - score of all points of a curve on a machine
 * @median_pct: of the published effects' size
 * @skill_target: asked of class prediction with a median above 5 %: >= 0.5
 * @sign_target: asked wherever a point is strong, but of class fitted
 */
struct vfamily {
	const char *family, *class;
	double skill, median_pct;
	uint32_t points, strong, sign_right;
	enum vtarget skill_target, sign_target;
};

/** struct validation - zero-initialise; release */
struct validation {
	struct vresult *results;
	uint32_t count;
	struct vfamily *families;
	uint32_t family_count;
};

/** validation_reserve() - room for @count results */
void validation_reserve(struct validation *v, uint32_t count);

/**
 * validation_add() - one result from its folder
 * @s: its cells: a baseline and one other group for each x
 * @published: {"result", "family", "class", "source", "machine", "quantity",
 *	"x", "noise_pct", "why", "points": [{"x", "before", "after"}]}; a
 *	reference is taken
 * @null: predict that nothing changes; @s may be NULL then
 * Errors: a point without cells, a cell that failed or lacks the quantity.
 */
int validation_add(struct validation *v, const struct result_set *s,
		   json_t *published, bool null, struct errbuf *e);

/** validation_score() - the families, from the results added */
void validation_score(struct validation *v);
void validation_release(struct validation *v);

/** validation_missed() - targets missed; every family counts at most twice */
uint32_t validation_missed(const struct validation *v);
/** validation_met() - targets met */
uint32_t validation_met(const struct validation *v);

/** validation_points_json() - "points" of reference.json and of --json */
json_t *validation_points_json(const struct vresult *r);

/** validation_rows_json() - "rows" of reference.json: each figure by its key */
json_t *validation_rows_json(const struct vresult *r);

/** swings_text() - effects with each cost at its ends, and where signs flip */
void swings_text(const struct vresult *r, FILE *out);
/** swings_json() - [{"cost", "value", "ends": [{"at", "effects"}], "flips"}] */
json_t *swings_json(const struct vresult *r);
/** effect_text() - e as what it does to a number: +12 %, x5.5, /310000 */
const char *effect_text(char *out, size_t bytes, double e);

/** validation_json() - "points", "families", "null" (@null: its families) */
json_t *validation_json(const struct validation *v,
			const struct validation *null);

/** validation_text() - every point, then the families beside the null predictor */
void validation_text(const struct validation *v, FILE *out);

#endif
