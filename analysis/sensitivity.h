#ifndef MMREPLAY_ANALYSIS_SENSITIVITY_H
#define MMREPLAY_ANALYSIS_SENSITIVITY_H

#include <stdbool.h>
#include <stdio.h>
#include "analysis/results.h"

/*
 * Which cost would flip a conclusion. A conclusion is the sign of the change
 * of one metric between a cell and its baseline. The driver varies costs and
 * runs cells; this part reads the result folders and judges.
 */

/** struct effect - one conclusion in one result folder: change = value/base - 1
 *  @label, @baseline: group_title(); @cell: label of its cells */
struct effect {
	char *label, *baseline, *cell;
	double change;
};

struct effects {
	struct effect *e;
	uint32_t count;
	char *model_id;
};

/** effects_read() - the change of @metric of every cell that has a baseline */
int effects_read(const char *dir, const char *metric, struct effects *out,
		 struct errbuf *e);
void effects_release(struct effects *f);

/** effects_find() - the change named @label; false if the folder has none */
bool effects_find(const struct effects *f, const char *label, double *change);

/**
 * struct swing - what one cost does to one conclusion
 * @at_low, @at_high: the change with the cost at either end of its range
 * @flips: the sign differs from the base at one end
 * @flip_value: the cost beyond which it differs, to a 64th of the range
 */
struct swing {
	const char *cost, *cls;
	int64_t value, low, high;
	double at_low, at_high;
	bool flips, flips_below;
	int64_t flip_value;
};

/** struct conclusion - a change, and every cost's swing on it, widest first */
struct conclusion {
	const char *label, *baseline, *cell;	/* as of struct effect */
	double change;
	struct swing *swings;
	uint32_t swing_count;
	uint32_t joint_runs, joint_same;	/* Latin hypercube */
};

void conclusion_sort(struct conclusion *c);

/** sensitivity_text() - per conclusion: what flips it, and the widest swings */
void sensitivity_text(const struct conclusion *c, uint32_t count,
		      const char *metric, FILE *out);

/** sensitivity_json() - the same for programs, and what the tornado plot reads */
json_t *sensitivity_json(const struct conclusion *c, uint32_t count,
			 const char *metric, const char *model_id);

#endif
