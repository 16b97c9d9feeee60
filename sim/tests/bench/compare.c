/*
 * make bench-compare: two files of `make bench`, figure by figure. Speeds are
 * held against the machine's own (row `host-loop`); sizes and shares are not.
 * Figures that one file lacks are named. Limits: BENCH_ROWS_MAX figures.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/tests/bench/bench.h"

/** struct figures - one file; names of units point into @root */
struct figures {
	const char *path, *machine;
	json_t *root;
	struct bench b;
};

static void load(const char *path, struct figures *f)
{
	struct errbuf e = { 0 };
	json_t *list, *item;
	size_t i;

	f->path = path;
	f->root = json_read(path, &e);
	if (!f->root)
		bench_die("%s", e.text);
	f->machine = json_string_value(json_object_get(f->root, "machine"));
	list = json_object_get(f->root, "results");
	if (!json_array_size(list))
		bench_die("%s: no figures; expected a bench.json of `make bench`", path);
	json_array_foreach(list, i, item) {
		struct row *r = &f->b.row[f->b.rows];
		const char *name = NULL;

		if (f->b.rows == BENCH_ROWS_MAX ||
		    json_unpack(item, "{s:s, s:F, s:s, s?F}", "name", &name,
				"value", &r->value, "unit", &r->unit,
				"spread_pct", &r->spread_pct))
			bench_die("%s: entry %zu of results is no figure", path, i + 1);
		snprintf(r->name, sizeof(r->name), "%s", name);
		f->b.rows++;
	}
}

static const struct row *find(const struct figures *f, const struct row *like)
{
	for (unsigned int i = 0; i < f->b.rows; i++)
		if (!strcmp(f->b.row[i].name, like->name) &&
		    !strcmp(f->b.row[i].unit, like->unit))
			return &f->b.row[i];
	return NULL;
}

static bool is_speed(const char *unit)
{
	return bench_higher_is_better(unit) || !strcmp(unit, "ns");
}

/* What chance may change, as a share; long runs are made once and have no spread. */
static double noise(const struct row *old, const struct row *now)
{
	double spread_pct = old->spread_pct + now->spread_pct;

	if (spread_pct <= 0 && is_speed(now->unit))
		return 0.2;
	return fmax(10, 2 * spread_pct) / 100;
}

/* How much better @now is than @old: 2 is twice as good. */
static double gain(const struct row *old, const struct row *now, double host)
{
	double g = now->value / old->value;

	if (!bench_higher_is_better(now->unit))
		g = 1 / g;
	/* sizes and shares do not follow the speed of the machine */
	return is_speed(now->unit) ? g / host : g;
}

static double print_machine(const struct figures *old, const struct figures *now)
{
	double was = bench_value(&old->b, "host-loop");
	double is = bench_value(&now->b, "host-loop");

	if (old->machine && now->machine && strcmp(old->machine, now->machine))
		printf("another machine: %s; now %s\n"
		       "its caches and memory are not allowed for: a change may be the machine's\n",
		       old->machine, now->machine);
	if (!(was > 0 && is > 0)) {
		printf("no row host-loop in both: speeds as they are\n");
		return 1;
	}
	printf("the machine itself: x %.2f (host-loop); speeds are held against it\n",
	       is / was);
	return is / was;
}

static void print_missing(const struct figures *from, const struct figures *in,
			  const char *only)
{
	unsigned int missing = 0;

	for (unsigned int i = 0; i < from->b.rows; i++) {
		const struct row *r = &from->b.row[i];

		if ((only && !strstr(r->name, only)) || find(in, r))
			continue;
		if (!missing++)
			printf("not in %s: %s", in->path, r->name);
		else
			printf(", %s", r->name);
	}
	if (missing)
		printf("\n");
}

int bench_compare(const char *old_path, const char *new_path, const char *only)
{
	static struct figures old, now;
	unsigned int slower = 0, faster = 0, shared = 0;
	double host;

	load(old_path, &old);
	load(new_path, &now);
	host = print_machine(&old, &now);
	for (unsigned int i = 0; i < now.b.rows; i++) {
		const struct row *n = &now.b.row[i], *o = find(&old, n);
		double g, chance;

		if (!o || o->value <= 0 || n->value <= 0 || !strcmp(n->name, "host-loop") ||
		    (only && !strstr(n->name, only)))
			continue;
		shared++;
		g = gain(o, n, host);
		chance = noise(o, n);
		slower += g < 1 - chance;
		faster += g > 1 + chance;
		printf("%-36s %10.4g -> %-10.4g %-9s x %.2f  %s\n", n->name,
		       o->value, n->value, n->unit, g,
		       g < 1 - chance ? "SLOWER" : g > 1 + chance ? "faster" : "");
	}
	print_missing(&old, &now, only);
	print_missing(&now, &old, only);
	printf("%u figures in both, %u slower, %u faster (x: how much better; slower: by"
	       " more than 10 %% and twice both spreads,\n20 %% where a figure is one run)\n", shared, slower, faster);
	if (!shared)
		bench_die("%s and %s have no figure in common", old_path, new_path);
	json_decref(old.root);
	json_decref(now.root);
	return slower > 0;
}
