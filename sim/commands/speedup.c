/*
 * mmreplay sensitivity --speedup: shorten one lock's critical sections, or one
 * cost, at a time, and rank by what that gains.
 *
 * What changes nothing when it is gone altogether is not tried in between.
 * Cost: one to five runs of all cells for each lock and cost.
 */
#include <stdlib.h>
#include "analysis/speedup.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "sim/commands/study.h"

/* Smaller changes are what another interleaving makes of the same run. */
static const double least = 0.005;

static int try_step(struct study *s, struct speedups *all, const char *kind,
		    const char *name, int64_t value, unsigned step, bool *any,
		    struct errbuf *e)
{
	char *below = xasprintf("speedup/%s-%s-%u", kind, name,
				speedup_pct[step]);
	char *dir;
	int r;

	s->set[s->set_count] = xasprintf("replay.speedup_%s=%s", kind, name);
	s->set[s->set_count + 1] = xasprintf("replay.speedup_pct=%u",
					     speedup_pct[step]);
	dir = study_vary(s, 2, below, e);
	r = dir ? speedups_add(all, dir, kind, name, value, step, least, any, e) :
		  -1;
	for (uint32_t i = 0; i < 2; i++)
		free((char *)(uintptr_t)s->set[s->set_count + i]);
	free(dir);
	free(below);
	return r;
}

static int try_one(struct study *s, struct speedups *all, const char *kind,
		   const char *name, int64_t value, struct errbuf *e)
{
	bool any, ignored;
	int r = try_step(s, all, kind, name, value, SPEEDUP_STEPS - 1, &any, e);

	for (unsigned i = 0; !r && any && i < SPEEDUP_STEPS - 1; i++)
		r = try_step(s, all, kind, name, value, i, &ignored, e);
	progress_set(&s->progress, ++s->done);
	return r;
}

static bool varies(const struct study *s, uint32_t i)
{
	return s->base->cells[0].profile.cost[i].value > 0 &&
	       (s->only_count || !s->lock_count) && study_wants(s, i);
}

static int try_all(struct study *s, struct speedups *all, char *const *locks,
		   struct errbuf *e)
{
	uint32_t costs = s->base->cells[0].profile.cost_count, todo = 0;
	int r = 0;

	for (uint32_t i = 0; locks[i]; i++)
		todo++;
	for (uint32_t i = 0; i < costs; i++)
		todo += varies(s, i);
	progress_start(&s->progress, "speeding up", "locks and costs", todo);
	for (uint32_t i = 0; locks[i] && !r; i++)
		r = try_one(s, all, "lock", locks[i], 0, e);
	for (uint32_t i = 0; i < costs && !r; i++)
		if (varies(s, i))
			r = try_one(s, all, "cost", profile_cost(i)->key,
				    s->base->cells[0].profile.cost[i].value, e);
	progress_end(&s->progress);
	return r;
}

static int print_all(const struct study *s, struct speedups *all,
		     struct errbuf *e)
{
	char *path = xasprintf("%s/speedup.json", s->dir);
	json_t *root;
	int r;

	speedups_sort(all);
	root = speedups_json(all);
	r = json_save(path, root, e);
	if (!r && s->json) {
		json_dumpf(root, stdout, JSON_INDENT(1));
		putchar('\n');
	} else if (!r) {
		speedups_text(all, least, stdout);
	}
	json_decref(root);
	free(path);
	return r;
}

/* Is @wanted one of @names, or one side of it? Nothing is said of the side. */
static bool is_lock(const char *wanted, char *const *names)
{
	for (; *names; names++) {
		size_t n = strlen(*names);

		if (!strncmp(wanted, *names, n) &&
		    (!wanted[n] || !strcmp(wanted + n, ".read") ||
		     !strcmp(wanted + n, ".write")))
			return true;
	}
	return false;
}

/* Those of --lock instead of all there are; none with --cost alone. */
static int choose_locks(const struct study *s, char ***names, struct errbuf *e)
{
	char **all = *names;
	uint32_t n = 0;
	int r = 0;

	while (all[n])
		n++;
	for (uint32_t i = 0; i < s->lock_count && !r; i++)
		if (!is_lock(s->locks[i], all))
			r = err_unknown(e, (struct loc){ 0 }, "lock",
					s->locks[i], (const char *const *)all, n);
	if (r || (!s->lock_count && !s->only_count))
		return r;
	for (uint32_t i = 0; i < n; i++)
		free(all[i]);
	free(all);
	*names = xcalloc(s->lock_count + 1, sizeof(**names));
	for (uint32_t i = 0; i < s->lock_count; i++)
		(*names)[i] = xstrdup(s->locks[i]);
	return 0;
}

int speedup_run(struct study *s, struct errbuf *e)
{
	char **locks = speedups_locks(s->dir, e);
	struct speedups all = { 0 };
	int r = locks ? choose_locks(s, &locks, e) : -1;

	if (!r)
		r = speedups_read(s->dir, &all, e);
	if (!r && !all.count)
		r = err_set(e, -1, "%s: no cell has done an op", s->input);
	if (!r)
		r = try_all(s, &all, locks, e);
	if (!r)
		r = print_all(s, &all, e);
	speedups_release(&all);
	for (uint32_t i = 0; locks && locks[i]; i++)
		free(locks[i]);
	free(locks);
	return r;
}
