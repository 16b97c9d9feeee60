/* See study.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
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

void study_choose(const struct study *s, struct scenario *sc)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; s->label && i < sc->cell_count; i++)
		if (sc->cells[i].baseline || !strcmp(sc->cells[i].label, s->label))
			sc->cells[kept++] = sc->cells[i];
	if (s->label)
		sc->cell_count = kept;
}

int study_run(const struct study *s, const struct scenario *sc,
	      const char *dir, struct errbuf *e)
{
	struct run_options o = { .out_dir = dir, .jobs = s->jobs, .quiet = true };
	struct run_summary sum;

	if (results_run(sc, &o, &sum, e))
		return -1;
	say_mended(&sum, dir);
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
	int r = sc ? 0 : -1;

	if (!r)
		study_choose(s, sc);
	if (!r)
		r = study_run(s, sc, dir, e);
	scenario_free(sc);
	if (!r)
		return dir;
	free(dir);
	return NULL;
}

static void ahead_child(struct study *s, uint32_t i, pid_t parent,
			void (*one)(void *arg, uint32_t i), void *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	s->jobs = 1;
	one(arg, i);
	_exit(0);
}

/* One child that is over; false if there is none. */
static bool ahead_wait(struct study *s)
{
	pid_t pid;

	do
		pid = wait(NULL);
	while (pid < 0 && errno == EINTR);
	if (pid > 0)
		progress_set(&s->progress, ++s->done);
	return pid > 0;
}

void study_ahead(struct study *s, uint32_t n,
		 void (*one)(void *arg, uint32_t i), void *arg)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t most = s->jobs ? s->jobs : cpus > 1 ? (uint32_t)cpus : 1;
	uint32_t active = 0;
	pid_t parent = getpid();

	for (uint32_t i = 0; i < n && most > 1; i++) {
		pid_t pid;

		if (active == most)
			active -= ahead_wait(s);
		pid = fork();
		if (pid < 0)
			break;
		if (!pid)
			ahead_child(s, i, parent, one, arg);
		active++;
	}
	while (active && ahead_wait(s))
		active--;
}

bool study_asks(const struct study *s, uint32_t i)
{
	for (uint32_t k = 0; k < s->ran->cell_count; k++) {
		const json_t *costs = json_object_get(s->ran->cells[k].json,
						      "costs");

		if (json_object_get(costs, profile_cost(i)->key))
			return true;
	}
	return false;
}

double study_share(const struct study *s, uint32_t i)
{
	double most = 0;

	for (uint32_t k = 0; k < s->ran->cell_count; k++) {
		const json_t *cell = s->ran->cells[k].json, *cost;
		double span = (double)json_integer_value(
			result_at(cell, "run.makespan_ns"));
		double share;

		cost = json_object_get(json_object_get(cell, "costs"),
				       profile_cost(i)->key);
		share = span ? (double)json_integer_value(json_object_get(
				       cost, "total_ns")) / span : 0;
		most = share > most ? share : most;
	}
	return most;
}

bool study_wants(const struct study *s, uint32_t i)
{
	for (uint32_t k = 0; k < s->only_count; k++)
		if (!strcmp(s->only[k], profile_cost(i)->key))
			return true;
	return !s->only_count;
}
