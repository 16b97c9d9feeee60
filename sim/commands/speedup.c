/*
 * mmreplay sensitivity --speedup: shorten one lock's critical sections, or one
 * cost, at a time, and rank by what that gains.
 *
 * Costs that come to less than a thousandth of the makespan are not tried, and
 * what changes next to nothing when it is gone altogether not in between.
 * Cost: one to five runs of the chosen cells for each lock and cost.
 */
#include <stdlib.h>
#include "analysis/speedup.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "sim/commands/study.h"

/* Smaller changes are what another interleaving makes of the same run. */
static const double least = 0.005;

static int try_step(struct study *s, struct speedups *all, const char *kind,
		    const char *name, int64_t value, unsigned step,
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
	r = dir ? speedups_add(all, dir, kind, name, value, step, e) : -1;
	for (uint32_t i = 0; i < 2; i++)
		free((char *)(uintptr_t)s->set[s->set_count + i]);
	free(dir);
	free(below);
	return r;
}

static bool varies(const struct study *s, uint32_t i)
{
	return s->base->cells[0].profile.cost[i].value > 0 &&
	       (s->only_count || !s->lock_count) && study_wants(s, i) &&
	       study_share(s, i) >= least / 5;
}

/** struct shortening - the things to shorten, locks first, and what of them now
 *  @todo: those of this round; @first: the first round, without them altogether */
struct shortening {
	struct study *s;
	struct speedups *all;
	char *const *locks;
	uint32_t lock_count, *costs, cost_count, *todo, todo_count;
	bool first;
};

static const char *nth_name(const struct shortening *w, uint32_t i)
{
	return i < w->lock_count ? w->locks[i] :
				   profile_cost(w->costs[i - w->lock_count])->key;
}

static const char *nth_kind(const struct shortening *w, uint32_t i)
{
	return i < w->lock_count ? "lock" : "cost";
}

static int try_nth(const struct shortening *w, uint32_t n, struct errbuf *e)
{
	uint32_t i = w->todo[n];
	int64_t value = 0;
	int r = 0;

	if (i >= w->lock_count)
		value = w->s->base->cells[0].profile
				.cost[w->costs[i - w->lock_count]].value;
	for (unsigned step = 0; step < SPEEDUP_STEPS && !r; step++)
		if (w->first == (step == SPEEDUP_STEPS - 1))
			r = try_step(w->s, w->all, nth_kind(w, i),
				     nth_name(w, i), value, step, e);
	return r;
}

static void try_ahead(void *arg, uint32_t n)
{
	struct errbuf ignored = { 0 };

	if (try_nth(arg, n, &ignored))
		return;
}

static int try_round(struct shortening *w, struct errbuf *e)
{
	struct study *s = w->s;
	int r = 0;

	s->done = 0;
	progress_start(&s->progress, w->first ? "without them" : "by part",
		       "locks and costs", w->todo_count);
	study_ahead(s, w->todo_count, try_ahead, w);
	for (uint32_t n = 0; n < w->todo_count && !r; n++)
		r = try_nth(w, n, e);
	progress_end(&s->progress);
	return r;
}

/* The second round is for those that will have a row. */
static void keep_best(struct shortening *w)
{
	uint32_t kept = 0;

	for (uint32_t n = 0; n < w->todo_count; n++)
		if (speedups_shown(w->all, nth_kind(w, w->todo[n]),
				   nth_name(w, w->todo[n]), least))
			w->todo[kept++] = w->todo[n];
	w->todo_count = kept;
	w->first = false;
}

static int try_all(struct study *s, struct speedups *all, char *const *locks,
		   struct errbuf *e)
{
	uint32_t n = s->base->cells[0].profile.cost_count;
	struct shortening w = { .s = s, .all = all, .locks = locks,
				.first = true };
	int r;

	while (locks[w.lock_count])
		w.lock_count++;
	w.costs = xcalloc(n, sizeof(*w.costs));
	for (uint32_t i = 0; i < n; i++)
		if (varies(s, i))
			w.costs[w.cost_count++] = i;
	w.todo_count = w.lock_count + w.cost_count;
	w.todo = xcalloc(w.todo_count + 1, sizeof(*w.todo));
	for (uint32_t i = 0; i < w.todo_count; i++)
		w.todo[i] = i;
	r = try_round(&w, e);
	if (!r) {
		keep_best(&w);
		r = try_round(&w, e);
	}
	free(w.costs);
	free(w.todo);
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
