/*
 * Machine profiles: scenarios/machines/NAME.yaml, or inline in a scenario.
 *
 * A profile that comes out of here is complete: every cost of the machine and
 * of the simulated kernel has a value, a source and a class. A missing,
 * unknown or negative cost is an error, never a default.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/option.h"
#include "sim/scenario/draft.h"

enum { CPUS_MAX = 4096 };

static const char *const preempt_names[] = { "none", "voluntary", "full",
					     NULL };

static const char *const line_round_names[] = { "socket", "core", NULL };

#define PROFILE(key, type, field, lo, hi, unit, help) \
	{ key, type, offsetof(struct profile, field), NULL, lo, hi, NULL, unit, help }

const struct option profile_options[] = {
	PROFILE("description", OPT_STR, description, 0, 0, "", "what machine it is"),
	PROFILE("cpus", OPT_U32, cpus, 1, CPUS_MAX, "count", "CPUs online"),
	PROFILE("cpus_possible", OPT_U32, cpus_possible, 1, CPUS_MAX, "count",
		"CPUs that the kernel sizes its per-CPU structures for"),
	PROFILE("line_bytes", OPT_U32, line_bytes, 64, 128, "bytes",
		"unit of transfer between caches: 64, or 128 with adjacent-line prefetch"),
	{ "line_round", OPT_ENUM, offsetof(struct profile, line_round), "socket",
	  0, 0, line_round_names, "",
	  "whose requests for a contended line are served before it leaves" },
	PROFILE("hz", OPT_U32, hz, 24, 10000, "Hz",
		"scheduler ticks a second, where the kernel preset names none"),
	{ "preempt", OPT_ENUM, offsetof(struct profile, preempt), "none", 0, 0,
	  preempt_names, "", "preemption model of the kernel" },
	PROFILE("time_slice_ns", OPT_I64, time_slice_ns, 10000, 10000000000LL, "ns",
		"time after which another runnable task gets the CPU"),
	OPTION_END
};

#define TOPOLOGY(key) \
	{ #key, OPT_U32, offsetof(struct topology, key), NULL, 1, CPUS_MAX, \
	  NULL, "count", "" }

const struct option topology_options[] = {
	TOPOLOGY(sockets), TOPOLOGY(llcs_per_socket), TOPOLOGY(cores_per_llc),
	TOPOLOGY(threads_per_core), OPTION_END
};

static const char *const profile_keys[] = {
	"machine", "base", "description", "host_match", "topology", "cpus",
	"cpus_possible", "line_bytes", "line_round", "hz", "preempt",
	"time_slice_ns", "fitted_to", "costs"
};

enum { PROFILE_KEYS = sizeof(profile_keys) / sizeof(profile_keys[0]) };

_Static_assert((int)MM_COST_END <= (int)PROFILE_COSTS_MAX, "room for all costs");

const struct cost_decl *profile_cost(uint32_t i)
{
	return i < MACHINE_COST_COUNT ? &machine_costs[i] :
					&mm_costs[i - MACHINE_COST_COUNT];
}

static int cost_find(const char *key)
{
	for (uint32_t i = 0; i < MM_COST_END; i++)
		if (!strcmp(profile_cost(i)->key, key))
			return (int)i;
	return -1;
}

static int unknown_cost(const char *key, struct loc at, struct errbuf *e)
{
	const char *names[MM_COST_END];

	for (uint32_t i = 0; i < MM_COST_END; i++)
		names[i] = profile_cost(i)->key;
	return err_unknown(e, at, "cost", key, names, MM_COST_END);
}

int profile_check_cost(const char *key, struct loc at, struct errbuf *e)
{
	return cost_find(key) < 0 ? unknown_cost(key, at, e) : 0;
}

/* A non-negative time in ns. */
static int cost_number(const struct ynode *n, const char *key, int64_t *out,
		       struct errbuf *e)
{
	static const struct option table[] = {
		{ "value", OPT_I64, 0, NULL, 0, 1000000000000LL, NULL, "ns", "" },
		OPTION_END
	};
	const char *text = node_text(n, key, e);
	struct errbuf why = { 0 };

	if (!text)
		return -EINVAL;
	if (option_set(table, out, NULL, "value", text, (struct loc){ 0 }, &why))
		return err_at(e, -EINVAL, n->at,
			      "%s: expected nanoseconds, 0 to 10^12, not '%s'",
			      key, text);
	return 0;
}

static int cost_class(const struct ynode *n, const char *key,
		      enum cost_class *out, struct errbuf *e)
{
	const char *text = node_text(n, key, e);

	if (!text)
		return -EINVAL;
	for (unsigned i = COST_MEASURED; i < COST_CLASS_COUNT; i++) {
		if (!strcmp(text, cost_class_names[i])) {
			*out = (enum cost_class)i;
			return 0;
		}
	}
	return err_unknown(e, n->at, "class of a cost", text,
			   cost_class_names + COST_MEASURED,
			   COST_CLASS_COUNT - COST_MEASURED);
}

static int cost_range(const struct ynode *n, const char *key,
		      struct cost_value *v, struct errbuf *e)
{
	if (n->kind != YNODE_SEQ || n->count != 2)
		return err_at(e, -EINVAL, n->at,
			      "%s: expected range: [low, high]", key);
	if (cost_number(n->items[0], key, &v->low, e) ||
	    cost_number(n->items[1], key, &v->high, e))
		return -EINVAL;
	if (v->low > v->value || v->high < v->value)
		return err_at(e, -EINVAL, n->at,
			      "%s: expected a range around the value, %lld",
			      key, (long long)v->value);
	return 0;
}

/* {value: N, source: "..", class: C, range: [low, high]} */
static int cost_entry(const char *key, const struct ynode *n,
		      struct cost_value *out, struct arena *a, struct errbuf *e)
{
	static const char *const keys[] = { "value", "source", "class", "range" };
	const struct ynode *value, *source, *cls, *range;
	struct cost_value v = { 0 };

	if (n->kind != YNODE_MAP)
		return err_at(e, -EINVAL, n->at,
			      "%s: expected {value: N, source: \"...\", class: measured | published | derived | assumed}",
			      key);
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->keys[i], "value") && strcmp(n->keys[i], "source") &&
		    strcmp(n->keys[i], "class") && strcmp(n->keys[i], "range"))
			return err_unknown(e, n->key_at[i], "key of a cost",
					   n->keys[i], keys, 4);
	value = ynode_get(n, "value");
	source = ynode_get(n, "source");
	cls = ynode_get(n, "class");
	range = ynode_get(n, "range");
	if (!value || !source || !cls)
		return err_at(e, -EINVAL, n->at, "%s: expected %s", key,
			      !value ? "a value" : !source ? "a source" :
			      "a class");
	if (cost_number(value, key, &v.value, e) || !node_text(source, key, e) ||
	    cost_class(cls, key, &v.cls, e))
		return -EINVAL;
	if (!source->scalar[strspn(source->scalar, " ")])
		return err_at(e, -EINVAL, source->at,
			      "%s: expected where the value comes from, not nothing",
			      key);
	v.low = v.high = v.value;
	v.source = arena_strdup(a, source->scalar);
	if (range && cost_range(range, key, &v, e))
		return -EINVAL;
	if (!range && v.cls == COST_ASSUMED)
		return err_at(e, -EINVAL, n->at,
			      "%s: expected range: [low, high], as the class is assumed",
			      key);
	*out = v;
	return 0;
}

static int read_costs(const struct ynode *n, struct profile *p, bool *seen,
		      struct arena *a, struct errbuf *e)
{
	if (n->kind != YNODE_MAP)
		return err_at(e, -EINVAL, n->at,
			      "costs: expected a map of cost names");
	for (size_t i = 0; i < n->count; i++) {
		int at = cost_find(n->keys[i]);

		if (at < 0)
			return unknown_cost(n->keys[i], n->key_at[i], e);
		if (cost_entry(n->keys[i], n->items[i], &p->cost[at], a, e))
			return -EINVAL;
		seen[at] = true;
	}
	p->cost_count = MM_COST_END;
	return 0;
}

static int read_topology(const struct ynode *n, struct profile *p, bool whole,
			 struct arena *a, struct errbuf *e)
{
	if (n->kind != YNODE_MAP)
		return err_at(e, -EINVAL, n->at,
			      "topology: expected {sockets, llcs_per_socket, cores_per_llc, threads_per_core}");
	for (size_t i = 0; i < n->count; i++) {
		const char *text = node_text(n->items[i], n->keys[i], e);

		if (!text || option_set(topology_options, &p->topology, a,
					n->keys[i], text,
					option_find(topology_options, n->keys[i]) ?
					n->items[i]->at : n->key_at[i], e))
			return -EINVAL;
	}
	for (const struct option *o = topology_options; whole && o->key; o++)
		if (!ynode_get(n, o->key))
			return err_at(e, -EINVAL, n->at,
				      "topology: expected %s as well", o->key);
	return 0;
}

/* {kernel: GLOB, cpus: N} is kept as "kernel=GLOB cpus=N". */
static int read_host_match(const struct ynode *n, struct profile *p,
			   struct arena *a, struct errbuf *e)
{
	static const char *const keys[] = { "kernel", "cpus", "host" };
	char buf[256] = "";

	if (n->kind != YNODE_MAP)
		return err_at(e, -EINVAL, n->at,
			      "host_match: expected a map of kernel, cpus, host");
	for (size_t i = 0; i < n->count; i++) {
		const char *text = node_text(n->items[i], "host_match", e);
		size_t used = strlen(buf);

		if (!text)
			return -EINVAL;
		if (strcmp(n->keys[i], "kernel") && strcmp(n->keys[i], "cpus") &&
		    strcmp(n->keys[i], "host"))
			return err_unknown(e, n->key_at[i], "key of host_match",
					   n->keys[i], keys, 3);
		snprintf(buf + used, sizeof(buf) - used, "%s%s=%s",
			 used ? " " : "", n->keys[i], text);
	}
	p->host_match = arena_strdup(a, buf);
	return 0;
}

static int read_fitted_to(const struct ynode *n, struct profile *p,
			  struct arena *a, struct errbuf *e)
{
	const char **rows;

	if (n->kind != YNODE_SEQ)
		return err_at(e, -EINVAL, n->at,
			      "fitted_to: expected a list of published or captured rows");
	rows = arena_alloc(a, (n->count + 1) * sizeof(*rows));
	for (size_t i = 0; i < n->count; i++) {
		const char *text = node_text(n->items[i], "fitted_to", e);

		if (!text)
			return -EINVAL;
		rows[i] = arena_strdup(a, text);
	}
	p->fitted_to = rows;
	return 0;
}

/* Where @key of the map @n has its value, else @other, else @at. */
static struct loc value_at(const struct ynode *n, const char *key,
			   const char *other, struct loc at)
{
	const struct ynode *v = n ? ynode_get(n, key) : NULL;

	if (!v && n)
		v = ynode_get(n, other);
	return v ? v->at : at;
}

int profile_check(const struct profile *p, const struct ynode *n, struct loc at,
		  struct errbuf *e)
{
	const struct topology *t = &p->topology;
	uint64_t room = (uint64_t)t->sockets * t->llcs_per_socket;

	room *= (uint64_t)t->cores_per_llc * t->threads_per_core;
	if (room == 0 || room > CPUS_MAX)
		return err_at(e, -EINVAL, value_at(n, "topology", "cpus", at),
			      "topology: %llu CPUs; expected 1 to %d",
			      (unsigned long long)room, CPUS_MAX);
	if (p->cpus == 0 || p->cpus > room)
		return err_at(e, -EINVAL, value_at(n, "cpus", "topology", at),
			      "cpus: %u; expected 1 to %llu, which is what the topology holds",
			      p->cpus, (unsigned long long)room);
	if (p->cpus_possible < p->cpus)
		return err_at(e, -EINVAL, value_at(n, "cpus_possible", "cpus", at),
			      "cpus_possible: %u; expected at least the %u of cpus",
			      p->cpus_possible, p->cpus);
	if (p->line_bytes != 64 && p->line_bytes != 128)
		return err_at(e, -EINVAL, value_at(n, "line_bytes", "base", at),
			      "line_bytes: %u; expected 64 or 128", p->line_bytes);
	return 0;
}

static int read_key(const struct ynode *n, size_t i, struct profile *p,
		    bool whole, bool *seen, struct arena *a, struct errbuf *e)
{
	const struct ynode *v = n->items[i];
	const char *key = n->keys[i], *text;

	if (!strcmp(key, "topology"))
		return read_topology(v, p, whole, a, e);
	if (!strcmp(key, "costs"))
		return read_costs(v, p, seen, a, e);
	if (!strcmp(key, "host_match"))
		return read_host_match(v, p, a, e);
	if (!strcmp(key, "fitted_to"))
		return read_fitted_to(v, p, a, e);
	if (!strcmp(key, "base"))
		return 0;
	if (!strcmp(key, "machine")) {
		text = node_text(v, key, e);
		p->name = text ? arena_strdup(a, text) : NULL;
		return text ? 0 : -EINVAL;
	}
	if (!option_find(profile_options, key))
		return err_unknown(e, n->key_at[i], "key of a machine", key,
				   profile_keys, PROFILE_KEYS);
	text = node_text(v, key, e);
	return text ? option_set(profile_options, p, a, key, text, v->at, e) :
		      -EINVAL;
}

/* What a profile without `base` must have. */
static int check_whole(const struct ynode *n, const bool *seen,
		       struct errbuf *e)
{
	static const char *const need[] = {
		"machine", "description", "topology", "cpus", "cpus_possible",
		"line_bytes", "hz", "preempt", "time_slice_ns", "fitted_to",
		"costs"
	};
	const struct ynode *costs = ynode_get(n, "costs");

	for (size_t i = 0; i < sizeof(need) / sizeof(need[0]); i++)
		if (!ynode_get(n, need[i]))
			return err_at(e, -EINVAL, n->at,
				      "machine: expected %s as well", need[i]);
	for (uint32_t i = 0; i < MM_COST_END; i++)
		if (!seen[i])
			return err_at(e, -EINVAL, costs->at,
				      "costs: expected %s as well (%s)",
				      profile_cost(i)->key,
				      profile_cost(i)->help);
	return 0;
}

static int read_profile(const struct ynode *n, struct profile *p, bool whole,
			struct arena *a, struct errbuf *e)
{
	bool seen[MM_COST_END] = { false };
	static const char *const none[] = { NULL };
	int r;

	if (n->kind != YNODE_MAP)
		return err_at(e, -EINVAL, n->at, "machine: expected a map");
	if (whole)
		p->fitted_to = none;
	for (size_t i = 0; i < n->count; i++) {
		r = read_key(n, i, p, whole, seen, a, e);
		if (r)
			return r;
	}
	r = whole ? check_whole(n, seen, e) : 0;
	return r ? r : profile_check(p, n, n->at, e);
}

static int profile_open(const char *name, const char *dir, struct loc at,
			struct profile *out, struct arena *a, struct errbuf *e)
{
	bool is_path = strchr(name, '/') || strstr(name, ".yaml");
	char *path, *relative;
	const struct ynode *n;
	int r;

	if (is_path) {
		bool below = dir && strcmp(dir, ".") && name[0] != '/';

		path = below ? xasprintf("%s/%s", dir, name) : xstrdup(name);
	} else {
		relative = xasprintf("scenarios/machines/%s.yaml", name);
		path = data_path(relative);
		free(relative);
		if (access(path, F_OK)) {
			size_t count;
			const char **names = names_of_folder("scenarios/machines",
							     a, &count);

			free(path);
			return err_unknown(e, at, "machine", name, names, count);
		}
	}
	*out = (struct profile){ 0 };
	n = yaml_load(path, a, e);
	r = n ? read_profile(n, out, true, a, e) : -EINVAL;
	free(path);
	return r;
}

int profile_load(const char *name_or_path, struct profile *out,
		 struct arena *a, struct errbuf *e)
{
	return profile_open(name_or_path, NULL, (struct loc){ 0 }, out, a, e);
}

int profile_from_node(const struct ynode *n, const char *dir,
		      struct profile *out, struct arena *a, struct errbuf *e)
{
	const struct ynode *base;
	const char *text;
	int r;

	if (n->kind == YNODE_SCALAR)
		return profile_open(n->scalar, dir, n->at, out, a, e);
	*out = (struct profile){ 0 };
	base = ynode_get(n, "base");
	if (!base)
		return read_profile(n, out, true, a, e);
	text = node_text(base, "base", e);
	r = text ? profile_open(text, dir, base->at, out, a, e) : -EINVAL;
	return r ? r : read_profile(n, out, false, a, e);
}

int profile_set(struct profile *p, const char *key, const struct ynode *value,
		struct loc at, struct arena *a, struct errbuf *e)
{
	const char *text = node_text(value, key, e);
	int cost;

	if (!text)
		return -EINVAL;
	if (!strncmp(key, "topology.", 9))
		return option_set(topology_options, &p->topology, a, key + 9,
				  text, value->at, e);
	if (!strncmp(key, "costs.", 6)) {
		struct cost_value *v;
		int64_t ns;

		cost = cost_find(key + 6);
		if (cost < 0)
			return unknown_cost(key + 6, at, e);
		if (cost_number(value, key + 6, &ns, e))
			return -EINVAL;
		v = &p->cost[cost];
		*v = (struct cost_value){ ns, ns, ns, COST_ASSUMED,
					  "set by the scenario" };
		return 0;
	}
	if (!option_find(profile_options, key))
		return err_unknown(e, at, "key of a machine", key,
				   profile_keys, PROFILE_KEYS);
	return option_set(profile_options, p, a, key, text, value->at, e);
}
