/*
 * Replay: whole runs of the program on generated traces, start to result
 * folder, in CPU time. What a row is called after is what its trace does most.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/tests/bench/program.h"

#define CPUS_64 "--set machine=threadripper-3970x --set kernel=linux-6.12"

/** struct load - a trace and how it is replayed */
struct load {
	const char *name, *workload, *sets;
	double ops_target, contacts_target;	/* millions a second */
};

/* the null kernel takes no time: a long trace, so that the start does not count */
static const struct load loads[] = {
	{ "null-64cpu", "pft-threads threads=64 pages=40000",
	  "--set machine=threadripper-3970x --set kernel=null", 10, 0 },
	{ "per-vma-64cpu", "pft-threads threads=64 pages=8000",
	  CPUS_64 " --set mm_lock=per-vma", 5, 25 },
	{ "mm-wide-64cpu", "pft-threads threads=64 pages=8000",
	  CPUS_64 " --set mm_lock=mm-wide", 0, 0 },
	{ "churn-64cpu", "mmap-churn threads=64 loops=1200", CPUS_64, 0, 0 },
	{ "vmalloc-64cpu", "vmalloc-pairs jobs=64 loops=3000", CPUS_64, 0, 0 },
};

/* All figures of a load come from the same runs. */
static void measure(struct bench *b, const struct load *l, const char *trace)
{
	double ops[BENCH_RUNS_MAX], contacts[BENCH_RUNS_MAX];
	double per_op = 0, events = 0;
	struct row row = { .unit = "Mops/s", .target = l->ops_target };
	struct outcome o;

	for (unsigned int i = 0; i < b->runs; i++) {
		if (!replay(b, trace, l->sets, &o))
			return;
		ops[i] = o.ops / o.cost.cpu_s / 1e6;
		contacts[i] = o.contacts / o.cost.cpu_s / 1e6;
		per_op = o.contacts / o.ops;
		events = o.events / o.contacts;
	}
	snprintf(row.name, sizeof(row.name), "ops-%s", l->name);
	snprintf(row.beside, sizeof(row.beside), "queue-heap-1e2");
	bench_add(b, &row, ops, b->runs);
	row = (struct row){ .unit = "M/s", .target = l->contacts_target };
	snprintf(row.name, sizeof(row.name), "contacts-%s", l->name);
	snprintf(row.beside, sizeof(row.beside), "queue-heap-1e2");
	bench_add(b, &row, contacts, b->runs);
	row = (struct row){ .unit = "per op" };
	snprintf(row.name, sizeof(row.name), "contacts-per-op-%s", l->name);
	bench_add(b, &row, &per_op, 1);
	row = (struct row){ .unit = "share" };
	snprintf(row.name, sizeof(row.name), "events-per-contact-%s", l->name);
	bench_add(b, &row, &events, 1);
}

static bool wants_load(struct bench *b, const char *load)
{
	static const char *const figures[] = {
		"ops", "contacts", "contacts-per-op", "events-per-contact" };
	char name[BENCH_NAME_BYTES];
	bool wanted = false;

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		snprintf(name, sizeof(name), "%s-%s", figures[i], load);
		wanted |= bench_wants(b, name);
	}
	return wanted;
}

static void one_load(struct bench *b, const struct load *l)
{
	char *trace;

	if (!wants_load(b, l->name))
		return;
	trace = generate(b, l->workload);
	if (trace)
		measure(b, l, trace);
	free(trace);
}

void bench_replay(struct bench *b)
{
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		one_load(b, &loads[i]);
	if (wants_load(b, "capture") &&
	    !access("traces/samples/churn2.mmt", R_OK))
		measure(b, &(struct load){ .name = "capture", .sets = "" },
			"traces/samples/churn2.mmt");
}

/* ---- growth: CPU time an op against the size of something ---- */

/** struct growth - @words and @sets take the size, twice each */
struct growth {
	const char *what;
	double size[4];		/* ends with 0 */
	void (*load)(double size, char *workload, char *sets, size_t bytes);
};

static void load_cpus(double size, char *workload, char *sets, size_t bytes)
{
	double sockets = fmax(2, size / 128);

	snprintf(workload, bytes, "pft-threads think=exponential threads=%.0f pages=%.0f", size,
		 ceil(400000 / size));
	snprintf(sets, bytes, "--set machine=zen5-64core-2s --set machine.topology.sockets=%.0f"
		 " --set machine.cpus_possible=%.0f --set machine.cpus=%.0f",
		 sockets, fmax(256, size), size);
}

/* Turns of a task, at least: of one, most of the time were that it begins. */
enum { TURNS = 4 };

static void churn_of(double tasks, double turns, char *workload, char *sets,
		     size_t bytes)
{
	snprintf(workload, bytes, "mmap-churn threads=%.0f window=1 loops=%.0f",
		 tasks, turns);
	snprintf(sets, bytes, CPUS_64 " --set max_map_count=4000000");
}

static void load_tasks(double size, char *workload, char *sets, size_t bytes)
{
	churn_of(size, fmax(TURNS, ceil(60000 / size)), workload, sets, bytes);
}

static void load_new_tasks(double size, char *workload, char *sets, size_t bytes)
{
	churn_of(size, ceil(60000 / size), workload, sets, bytes);
}

static void load_vmas(double size, char *workload, char *sets, size_t bytes)
{
	double threads = size > 1000 ? 20 : 2;

	/* every turn fills a random slot: three turns a slot fill 95 % */
	snprintf(workload, bytes, "mmap-churn threads=%.0f touch_pages=1 window=%.0f loops=%.0f",
		 threads, size / threads, ceil(fmax(100000, 3 * size) / threads));
	snprintf(sets, bytes, CPUS_64 " --set max_map_count=4000000");
}

/* What a cost that follows the logarithm may grow by. */
static double log_allows(double from, double to)
{
	return (1 + log2(to)) / (1 + log2(from));
}

static bool one_size(struct bench *b, const struct growth *g, double size)
{
	char workload[256], sets[256], *trace;
	double ns[BENCH_RUNS_MAX];
	struct row row = { .unit = "ns" };
	unsigned int got = 0, runs = b->runs < 3 ? b->runs : 3;
	struct outcome o;

	g->load(size, workload, sets, sizeof(sets));
	trace = generate(b, workload);
	if (!trace)
		return false;
	for (unsigned int i = 0; i < runs && replay(b, trace, sets, &o); i++)
		ns[got++] = o.cost.cpu_s / o.ops * 1e9;
	free(trace);
	if (got < runs)
		return false;
	snprintf(row.name, sizeof(row.name), "op-%s-%.0f", g->what, size);
	snprintf(row.beside, sizeof(row.beside), "op-%s-%.0f", g->what,
		 g->size[0]);
	bench_add(b, &row, ns, runs);
	return true;
}

static void one_growth(struct bench *b, const struct growth *g)
{
	struct row row = { .unit = "x" };
	char name[BENCH_NAME_BYTES];
	double x, size = 0;
	bool wanted = false;

	for (int i = 0; i < 4 && g->size[i] > 0; i++) {
		size = g->size[i];
		snprintf(name, sizeof(name), "op-%s-%.0f", g->what, size);
		wanted |= bench_wants(b, name);
	}
	snprintf(row.name, sizeof(row.name), "growth-%s-%.0f-%.0f", g->what,
		 g->size[0], size);
	wanted |= bench_wants(b, row.name);
	if (!wanted)
		return;
	for (int i = 0; i < 4 && g->size[i] > 0; i++)
		if (!one_size(b, g, g->size[i]))
			return;
	snprintf(name, sizeof(name), "op-%s-%.0f", g->what, size);
	x = bench_value(b, name);
	snprintf(name, sizeof(name), "op-%s-%.0f", g->what, g->size[0]);
	x /= bench_value(b, name);
	row.target = log_allows(g->size[0], size);
	bench_add(b, &row, &x, 1);
}

void bench_growth(struct bench *b)
{
	const struct growth growth[] = {
		{ "cpus", { 1, 16, 256, 4096 }, load_cpus },
		{ "tasks", { 10, 1000, 100000, 0 }, load_tasks },
		{ "new-tasks", { 10, 100000, 0 }, load_new_tasks },
		{ "vmas", { 10, 1000, 100000, b->full ? 1000000 : 0 },
		  load_vmas },
	};

	for (size_t i = 0; i < sizeof(growth) / sizeof(growth[0]); i++)
		one_growth(b, &growth[i]);
}

/* ---- memory against the length of the trace ---- */

void bench_memory(struct bench *b)
{
	for (int digits = 6; digits <= (b->full ? 8 : 7); digits++) {
		struct row mib = { .unit = "MiB", .target = 256 };
		struct row ns = { .unit = "ns", .beside = "op-length-1e6" };
		struct outcome o;
		char words[128], *trace;
		double x;

		snprintf(mib.name, sizeof(mib.name), "memory-1e%d-ops", digits);
		snprintf(ns.name, sizeof(ns.name), "op-length-1e%d", digits);
		if (!(bench_wants(b, mib.name) | bench_wants(b, ns.name)))
			continue;
		/* a turn is munmap, mmap, four faults and now and then more */
		snprintf(words, sizeof(words), "mmap-churn threads=1000 window=8 loops=%.0f",
			 ceil(pow(10, digits) / 1000 / 6));
		trace = generate(b, words);
		if (!trace)
			return;
		if (!replay(b, trace, CPUS_64, &o))	/* once: it takes long */
			return;
		bench_add(b, &mib, &o.cost.peak_mib, 1);
		x = o.cost.cpu_s / o.ops * 1e9;
		bench_add(b, &ns, &x, 1);
		if (digits > 6)
			unlink(trace);
		free(trace);
	}
}
