#ifndef MMREPLAY_COMMANDS_PUBLISHED_H
#define MMREPLAY_COMMANDS_PUBLISHED_H

#include <jansson.h>
#include "analysis/validate.h"
#include "sim/scenario/scenario.h"

/*
 * The folder of published results: scenarios with `published:`, and two lists.
 *
 *   out-of-reach.yaml  results that are not modelled, each with its reason
 *   fits.txt           MACHINE NUMBERS FITTED_TO: digests of profile_digests()
 *
 * A number of a profile may not change unless its `fitted_to` says what it was
 * fitted to: the list has both digests as they were when the rows were last
 * checked, and what differs fails, with the line to write once they were.
 */

/** published_files() - paths of the scenarios in @dir, sorted; in @a */
const char **published_files(const char *dir, uint32_t *count, struct arena *a,
			     struct errbuf *e);

/** published_save() - reference.json of @dir: what was published, and what is
 *  predicted where @r has that */
int published_save(const struct vresult *r, const char *dir, struct errbuf *e);

/**
 * published_beside() - reference.json of @dir, which has the cells of @s
 * Without predictions where the cells are not those of the points.
 */
int published_beside(const struct scenario *s, const char *dir,
		     struct errbuf *e);

/** published_json() - reference.json of a scenario without predictions */
json_t *published_json(const struct published *p);

/** published_out_of_reach() - [{"result", "source", "reason"}] of @dir */
json_t *published_out_of_reach(const char *dir, struct errbuf *e);

/**
 * published_check_fits() - every bundled profile against @dir/fits.txt
 * Return: a list of complaints, one text each; empty: all as listed. NULL
 *	with @e set if the list or a profile cannot be read.
 */
json_t *published_check_fits(const char *dir, struct errbuf *e);

/**
 * published_check_class() - does a fit stand in the profile's fitted_to?
 * A row names a result as `RESULT:` at its start. Of class fitted: it must;
 * of any other class: it must not. Errors name the file.
 */
int published_check_class(const struct scenario *s, struct errbuf *e);

#endif
