/*
 * Which rows the table has, in the order of what matters. The usual selection
 * looks at the cells: ops by total time, locks and blame by time waited, so
 * that the first screen answers "what got slower, and behind whom". Rows that
 * are left out are counted, never dropped in silence.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { OPS_SHOWN = 5, LOCKS_SHOWN = 4, BLAME_SHOWN = 8, HOLDS_SHOWN = 5,
       NEGLIGIBLE = 1000 };	/* less than this part of the largest */

const char *const section_titles[SECTION_COUNT] = {
	[SECTION_RUN] = "Run",
	[SECTION_LATENCY] = "Latency by op: count, quantiles",
	[SECTION_LOCKS] = "Lock waits: spin, sleep (blame: whole)",
	[SECTION_BLAME] = "Blame: who waited behind whom",
	[SECTION_FAULT] = "Faults by path",
	[SECTION_HOLD] = "Memory hold: freed, not yet reusable",
	[SECTION_HOLD_VA] = "Held address space (no memory)",
	[SECTION_RCU] = "RCU: callbacks, grace periods",
	[SECTION_CPU] = "CPU time, hung tasks",
	[SECTION_DISTORTION] = "Distortion: what the replay adds",
	[SECTION_COST] = "Simulated time by origin of its cost",
	[SECTION_OTHER] = "Further measures",
};

static struct measure *add(struct measure_list *l, enum section section,
			   unsigned indent, char *path, const char *name)
{
	struct measure *m;

	if (l->count == l->room) {
		l->room = l->room * 2 + 32;
		l->m = xrealloc(l->m, l->room, sizeof(*l->m));
	}
	m = &l->m[l->count++];
	*m = (struct measure){
		.path = path, .name = xstrdup(name), .section = section,
		.unit = unit_of_path(path), .indent = indent,
	};
	return m;
}

static struct measure *add_lower(struct measure_list *l, enum section section,
				 unsigned indent, char *path, const char *name)
{
	struct measure *m = add(l, section, indent, path, name);

	m->better = BETTER_LOWER;
	return m;
}

void measures_release(struct measure_list *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		free(l->m[i].path);
		free(l->m[i].name);
		free(l->m[i].group);
	}
	free(l->m);
	*l = (struct measure_list){ 0 };
}

bool group_mean(const struct result_set *s, uint32_t group, const char *path,
		double *mean)
{
	const struct result_group *g = &s->groups[group];
	double sum = 0, v;
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->cell_count; i++) {
		if (!result_number(s->cells[g->cells[i]].json, path, &v, NULL))
			continue;
		sum += v;
		n++;
	}
	*mean = n ? sum / n : 0;
	return n > 0;
}

/* The largest mean of any group: what is big under one policy is shown. */
static double weight(const struct result_set *s, const char *path)
{
	double most = 0, v;

	for (uint32_t i = 0; i < s->group_count; i++)
		if (group_mean(s, i, path, &v) && v > most)
			most = v;
	return most;
}

/** struct ranked - names below an object of the cells, heaviest first */
struct ranked {
	struct rank { char *name; double weight; } *r;
	uint32_t count;
};

static void rank_add(struct ranked *k, const char *name, double w)
{
	uint32_t at = k->count;

	k->r = xrealloc(k->r, k->count + 1, sizeof(*k->r));
	for (; at > 0 && k->r[at - 1].weight < w; at--)
		k->r[at] = k->r[at - 1];
	k->r[at] = (struct rank){ xstrdup(name), w };
	k->count++;
}

static void rank_release(struct ranked *k)
{
	for (uint32_t i = 0; i < k->count; i++)
		free(k->r[i].name);
	free(k->r);
}

static bool seen(json_t *names, const char *name)
{
	if (json_object_get(names, name))
		return true;
	json_object_set_new_nocheck(names, name, json_true());
	return false;
}

/* Keys of the object at @path in any cell, in order of appearance. */
static json_t *keys_below(const struct result_set *s, const char *path)
{
	json_t *names = json_object();

	for (uint32_t i = 0; i < s->cell_count; i++) {
		json_t *o = (json_t *)result_at(s->cells[i].json, path);
		const char *key;
		json_t *v;

		if (s->cells[i].failed)
			continue;
		json_object_foreach(o, key, v)
			seen(names, key);
	}
	return names;
}

static void add_run(struct measure_list *l)
{
	add_lower(l, SECTION_RUN, 0, xstrdup("run.makespan_ns"), "makespan");
	add(l, SECTION_RUN, 0, xstrdup("run.sim_ops_per_s"), "throughput")
		->better = BETTER_HIGHER;
}

static void add_latency(const struct result_set *s, struct measure_list *l)
{
	static const char *const rows[] = { "p50", "p99", "max" };
	json_t *names = keys_below(s, "latency_ns"), *v;
	struct ranked k = { 0 };
	const char *op;

	json_object_foreach(names, op, v) {
		char *mean = xasprintf("latency_ns.%s.mean", op);
		char *count = xasprintf("latency_ns.%s.count", op);

		rank_add(&k, op, weight(s, mean) * weight(s, count));
		free(mean);
		free(count);
	}
	for (uint32_t i = 0; i < k.count && i < OPS_SHOWN; i++) {
		add(l, SECTION_LATENCY, 0,
		    xasprintf("latency_ns.%s.count", k.r[i].name), k.r[i].name)
			->plain = true;
		for (int q = 0; q < 3; q++)
			add_lower(l, SECTION_LATENCY, 1,
				  xasprintf("latency_ns.%s.%s", k.r[i].name,
					    rows[q]), rows[q]);
	}
	l->elided[SECTION_LATENCY] = k.count > OPS_SHOWN ? k.count - OPS_SHOWN : 0;
	rank_release(&k);
	json_decref(names);
}

static void add_lock_side(struct measure_list *l, const char *at)
{
	static const struct { const char *key, *name; } rows[] = {
		{ "spin_ns", "spinning" }, { "sleep_ns", "sleeping" },
		{ "contended", "contended" }, { "wait_ns.p99", "wait p99" },
		{ "hold_ns.p99", "hold p99" },
	};
	const char *dot = strrchr(at, '.');
	char *name = xasprintf("%.*s %s", (int)(dot - at), at, dot + 1);

	add_lower(l, SECTION_LOCKS, 0,
		  xasprintf("locks.%s.spin_ns+locks.%s.sleep_ns", at, at), name);
	free(name);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		add_lower(l, SECTION_LOCKS, 1,
			  xasprintf("locks.%s.%s", at, rows[i].key),
			  rows[i].name);
}

/* A reader waits for the hold of a writer: show that, even where
 * no writer waited itself and so has no rows. */
static void add_write_holds(const struct result_set *s, struct measure_list *l,
			    const struct ranked *k, uint32_t shown)
{
	for (uint32_t i = 0; i < shown; i++) {
		const char *name = k->r[i].name;
		int len = (int)strcspn(name, ".");
		char *path = xasprintf("locks.%.*s.write.hold_ns.max", len, name);
		char *text = xasprintf("%.*s write, hold max", len, name);
		bool write = !strcmp(name + len, ".write");

		for (uint32_t j = 0; j < k->count && !write; j++)
			write = !strncmp(k->r[j].name, name, (size_t)len + 1) &&
				!strcmp(k->r[j].name + len, ".write");
		if (!write && weight(s, path) > 0)
			add_lower(l, SECTION_LOCKS, 0, path, text);
		else
			free(path);
		free(text);
	}
}

static void add_locks(const struct result_set *s, struct measure_list *l)
{
	json_t *names = keys_below(s, "locks"), *v;
	struct ranked k = { 0 };
	const char *lock;
	uint32_t shown = 0;

	json_object_foreach(names, lock, v) {
		static const char *const sides[] = { "write", "read" };

		for (int i = 0; i < 2; i++) {
			char *at = xasprintf("%s.%s", lock, sides[i]);
			char *path = xasprintf("locks.%s.spin_ns+locks.%s.sleep_ns",
					       at, at);
			double w = weight(s, path);

			if (w > 0)
				rank_add(&k, at, w);
			free(path);
			free(at);
		}
	}
	for (; shown < k.count && shown < LOCKS_SHOWN; shown++) {
		if (k.r[shown].weight < k.r[0].weight / NEGLIGIBLE)
			break;
		add_lock_side(l, k.r[shown].name);
	}
	add_write_holds(s, l, &k, shown);
	l->elided[SECTION_LOCKS] = k.count - shown;
	rank_release(&k);
	json_decref(names);
}

/* All that was waited for a lock: spinning, sleeping, and getting in line. */
static void add_blame_total(struct measure_list *l, const char *lock, int len)
{
	char *name = xasprintf("%.*s, all", len, lock);

	add_lower(l, SECTION_BLAME, 0,
		  xasprintf("blame[%.*s,*,*].wait_ns", len, lock), name);
	free(name);
}

/* The @n heaviest pairs, lock by lock under its name. */
static void add_blame_rows(struct measure_list *l, const struct ranked *k,
			   uint32_t n)
{
	bool *done = xcalloc(n + 1, sizeof(*done));

	for (uint32_t i = 0; i < n; i++) {
		const char *lock = k->r[i].name + strlen("blame[");
		size_t len = strcspn(lock, ",") + 1;

		if (!done[i])
			add_blame_total(l, lock, (int)len - 1);
		for (uint32_t j = i; j < n; j++) {
			const char *p = k->r[j].name + strlen("blame[");
			int waiter = (int)strcspn(p + len, ","), holder;
			struct measure *m;
			char *name;

			if (done[j] || strncmp(p, lock, len))
				continue;
			done[j] = true;
			holder = (int)strcspn(p + len + waiter + 1, "]");
			name = xasprintf("%.*s behind %.*s", waiter, p + len,
					 holder, p + len + waiter + 1);
			m = add_lower(l, SECTION_BLAME, 1,
				      xstrdup(k->r[j].name), name);
			m->group = xasprintf("%.*s", (int)len - 1, p);
			free(name);
		}
	}
	free(done);
}

/* The paths of all entries of the list at @path, if they have names. */
static void add_entries(const json_t *list, const char *path, json_t *found)
{
	const json_t *x;
	size_t n;

	json_array_foreach(list, n, x) {
		char *name = result_entry_path(path, x);

		if (name)
			seen(found, name);
		free(name);
	}
}

static void add_blame(const struct result_set *s, struct measure_list *l)
{
	json_t *names = json_object(), *v;
	struct ranked k = { 0 };
	const char *pair;
	uint32_t shown = 0;

	for (uint32_t i = 0; i < s->cell_count; i++)
		add_entries(json_object_get(s->cells[i].json, "blame"), "blame",
			    names);
	json_object_foreach(names, pair, v)
		rank_add(&k, pair, weight(s, pair));
	while (shown < k.count && shown < BLAME_SHOWN)
		shown++;
	add_blame_rows(l, &k, shown);
	l->elided[SECTION_BLAME] = k.count - shown;
	rank_release(&k);
	json_decref(names);
}

static void add_fault_paths(const struct result_set *s, struct measure_list *l)
{
	static const char *const keys[] = { "success", "abort", "retry", "miss" };

	for (int i = 0; i < 4; i++) {
		char *path = xasprintf("vmstat.vma_lock_%s", keys[i]);
		char *name = xasprintf("vma lock %s", keys[i]);

		if (weight(s, path) > 0)
			add(l, SECTION_FAULT, 0, path, name);
		else
			free(path);
		free(name);
	}
}

/* Who freed it: the ops that made a fiftieth of it or more, where it was not one
 * alone. */
static void add_freeing_ops(const struct result_set *s, struct measure_list *l,
			    const char *class_path, enum section section)
{
	char *under = xasprintf("%s.ops", class_path);
	char *whole = xasprintf("%s.byte_seconds", class_path);
	json_t *names = keys_below(s, under), *v;
	const char *op;

	json_object_foreach(names, op, v) {
		char *path = xasprintf("%s.%s.byte_seconds", under, op);
		char *name = xasprintf("freed by %s", op);

		if (json_object_size(names) > 1 && weight(s, path) > 0 &&
		    weight(s, path) >= weight(s, whole) / 50)
			add_lower(l, section, 2, path, name);
		else
			free(path);
		free(name);
	}
	json_decref(names);
	free(under);
	free(whole);
}

static void add_holds(const struct result_set *s, struct measure_list *l,
		      const char *under, enum section section)
{
	json_t *names = keys_below(s, under), *v;
	struct ranked k = { 0 };
	const char *class;
	uint32_t shown = 0;

	json_object_foreach(names, class, v) {
		char *path = xasprintf("%s.%s.byte_seconds", under, class);
		char *peak = xasprintf("%s.%s.peak_bytes", under, class);

		if (weight(s, peak) > 0)
			rank_add(&k, class, weight(s, path));
		free(path);
		free(peak);
	}
	for (; shown < k.count && shown < HOLDS_SHOWN; shown++) {
		const char *c = k.r[shown].name;
		char *name = xasprintf("%s, peak", c);

		add_lower(l, section, 0,
			  xasprintf("%s.%s.peak_bytes", under, c), name);
		free(name);
		add_lower(l, section, 1,
			  xasprintf("%s.%s.byte_seconds", under, c),
			  "byte-seconds");
		name = xasprintf("%s.%s", under, c);
		add_freeing_ops(s, l, name, section);
		free(name);
	}
	l->elided[section] = k.count - shown;
	rank_release(&k);
	json_decref(names);
}

/* Virtual areas: what is lazy and pooled, for whom, and the free space. */
static void add_vmap(struct measure_list *l)
{
	static const struct { const char *path, *name; unsigned indent; } rows[] = {
		{ "vmap.lazy.mean_bytes", "lazily freed, mean", 1 },
		{ "vmap.pool.mean_bytes", "in pools, mean", 1 },
		{ "vmap.pool.end_bytes", "in pools, at the end", 1 },
		{ "vmap.pool.unasked_bytes", "of sizes never asked there", 2 },
		{ "vmap.pool.hit_before_drain_share", "pool hits, before a drain", 1 },
		{ "vmap.pool.hit_after_drain_share", "pool hits, afterwards", 1 },
		{ "vmap.pool.elsewhere_miss_share", "misses, size elsewhere", 1 },
		{ "vmap.free.blocks", "free blocks", 1 },
		{ "vmap.free.largest_bytes", "free, largest block", 1 },
		{ "vmap.free.scattered_bytes", "free, outside of it", 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		add(l, SECTION_HOLD_VA, rows[i].indent, xstrdup(rows[i].path),
		    rows[i].name);
}

static void add_keys(const struct result_set *s, struct measure_list *l,
		     const char *under, enum section section, bool plain)
{
	json_t *names = keys_below(s, under), *v;
	const char *key;

	json_object_foreach(names, key, v)
		add(l, section, 0, xasprintf("%s.%s", under, key), key)->plain =
			plain;
	json_decref(names);
}

static void add_distortion(struct measure_list *l)
{
	static const struct { const char *key, *name; } rows[] = {
		{ "moved_share", "moved ops" },
		{ "drift_ns.p99", "drift p99" },
		{ "order_wait_ns", "waited for order" },
		{ "exogenous_share", "exogenous" },
		{ "max_runnable_per_mm", "max runnable per mm" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		add(l, SECTION_DISTORTION, 0,
		    xasprintf("distortion.%s", rows[i].key), rows[i].name)
			->plain = true;
}

static bool anywhere(const struct result_set *s, const char *path)
{
	bool have = false;
	double v;

	for (uint32_t g = 0; g < s->group_count && !have; g++)
		have = group_mean(s, g, path, &v);
	return have;
}

static void add_rcu(struct measure_list *l)
{
	add(l, SECTION_RCU, 0, xstrdup("rcu.called"), "callbacks queued");
	add_lower(l, SECTION_RCU, 1, xstrdup("rcu.call_ns"), "in call_rcu");
	add_lower(l, SECTION_RCU, 1, xstrdup("rcu.callback_share"),
		  "their CPU time");
	add(l, SECTION_RCU, 0, xstrdup("rcu.period_ns.count"), "grace periods");
	add_lower(l, SECTION_RCU, 1, xstrdup("rcu.period_ns.p50"), "p50");
	add_lower(l, SECTION_RCU, 1, xstrdup("rcu.period_ns.max"), "max");
}

/* Rows that no cell has are no rows. */
static void drop_absent(const struct result_set *s, struct measure_list *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->count; i++) {
		if (anywhere(s, l->m[i].path)) {
			l->m[kept++] = l->m[i];
			continue;
		}
		free(l->m[i].path);
		free(l->m[i].name);
		free(l->m[i].group);
	}
	l->count = kept;
}

void measures_usual(const struct result_set *s, struct measure_list *l)
{
	add_run(l);
	add_latency(s, l);
	add_locks(s, l);
	add_blame(s, l);
	add_fault_paths(s, l);
	add_holds(s, l, "hold", SECTION_HOLD);
	add_holds(s, l, "hold_va", SECTION_HOLD_VA);
	add_vmap(l);
	add_rcu(l);
	add_keys(s, l, "cpu_ns", SECTION_CPU, false);
	add_lower(l, SECTION_CPU, 0, xstrdup("hung_tasks"), "hung tasks");
	add_distortion(l);
	add_keys(s, l, "cost_share", SECTION_COST, true);
	drop_absent(s, l);
}

static enum better better_of(const char *path)
{
	if (!strcmp(path, "run.sim_ops_per_s"))
		return BETTER_HIGHER;
	if (!strcmp(path, "run.makespan_ns") || !strcmp(path, "hung_tasks") ||
	    !strncmp(path, "hold", 4) || !strncmp(path, "blame[", 6))
		return BETTER_LOWER;
	if ((!strncmp(path, "latency_ns.", 11) || !strncmp(path, "locks.", 6)) &&
	    unit_of_path(path) == UNIT_NS)
		return BETTER_LOWER;
	return BETTER_NONE;
}

static void walk(const json_t *at, struct text *path, json_t *found)
{
	size_t len = path->len;
	const char *key;
	json_t *v;

	if (json_is_number(at)) {
		seen(found, text_str(path));
		return;
	}
	if (json_is_array(at))
		add_entries(at, text_str(path), found);
	json_object_foreach((json_t *)at, key, v) {
		if (!len && (!strcmp(key, "hist") || !strcmp(key, "policies")))
			continue;
		text_add(path, "%s%s", len ? "." : "", key);
		walk(v, path, found);
		path->len = len;
		if (path->s)
			path->s[len] = '\0';
	}
}

static void add_found(struct measure_list *l, const char *path)
{
	add(l, SECTION_OTHER, 0, xstrdup(path), path)->better = better_of(path);
}

int measures_named(const struct result_set *s, const char *const *paths,
		   uint32_t count, struct measure_list *l, struct errbuf *e)
{
	for (uint32_t i = 0; i < count; i++) {
		bool all = !strcmp(paths[i], "all");
		json_t *found = json_object(), *v;
		uint32_t before = l->count;
		const char *key;

		for (uint32_t k = 0; k < s->cell_count; k++) {
			const json_t *cell = s->cells[k].json;
			struct text path = { 0 };

			if (!all)
				text_put(&path, paths[i]);
			walk(all ? cell : result_at(cell, paths[i]), &path, found);
			text_release(&path);
		}
		json_object_foreach(found, key, v)
			add_found(l, key);
		json_decref(found);
		if (l->count == before) {
			if (!anywhere(s, paths[i]))
				return err_usage(e, "--metric %s: no cell has such a number",
						 paths[i]);
			add_found(l, paths[i]);
		}
	}
	return 0;
}
