/* See study.h. */
#include <stdlib.h>
#include <string.h>
#include "sim/commands/command.h"
#include "sim/commands/input.h"
#include "sim/commands/study.h"
#include "sim/commands/workload_source.h"
#include "sim/results/program.h"

struct scenario *study_load(const struct study *s, uint32_t extra,
			    struct errbuf *e)
{
	struct scenario_overrides over = {
		.set = s->set, .set_count = s->set_count + extra,
		.policy = s->policy, .policy_count = s->policy_count,
		.model_id = program_model_id(), .workloads = &workload_source };

	return scenario_open(s->input, &over, e);
}

int study_run(const struct study *s, const struct scenario *sc,
	      const char *dir, struct errbuf *e)
{
	struct run_options o = { .out_dir = dir, .jobs = s->jobs, .quiet = true };
	struct run_summary sum;

	if (results_run(sc, &o, &sum, e))
		return -1;
	if (sum.failed)
		return err_set(e, -1, "%s: %u of %u cells failed", dir,
			       sum.failed, sum.cells);
	return 0;
}

char *study_vary(struct study *s, uint32_t extra, const char *name,
		 struct errbuf *e)
{
	char *dir = xasprintf("%s/%s", s->dir, name);
	struct scenario *sc = study_load(s, extra, e);
	int r = sc ? study_run(s, sc, dir, e) : -1;

	scenario_free(sc);
	if (!r)
		return dir;
	free(dir);
	return NULL;
}

bool study_wants(const struct study *s, uint32_t i)
{
	for (uint32_t k = 0; k < s->only_count; k++)
		if (!strcmp(s->only[k], profile_cost(i)->key))
			return true;
	return !s->only_count;
}
