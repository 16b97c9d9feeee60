/*
 * Pins how often chance alone is called a difference (MODEL.md 10): the same
 * policy replayed under two names with independent jitter seeds is flagged by
 * `compare` in 2 to 18 of 200 comparisons of 10 replicates at the 5 % level,
 * and with common seeds every difference is exactly 0. All cells are replays.
 * Without MMREPLAY_LONG=1 there are 40 comparisons of 4 replicates, at most 6 of
 * them flagged, which chance exceeds as rarely. Does not pin that jitter is as
 * large as on real machines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "analysis/table.h"
#include "sim/base/json.h"
#include "sim/results/cell.h"
#include "sim/results/program.h"
#include "sim/tests/fixture_scenario.h"
#include "traces/generate/generate.h"

/* How often chance flags 1 in 20: outside of these once in 150 tries. Of four
 * replicates all have jitter; of ten the first has none, as in a scenario. */
static const struct limits { uint32_t first, replicates, pairs, least, most; }
quick = { 1, 4, 40, 0, 6 }, thorough = { 0, 10, 200, 2, 18 };

/* Thousands of short replays, of which other tests watch the memory: the
 * sanitizer need not fill and keep what they allocate. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_malloc_fill_size=0:quarantine_size_mb=1:malloc_context_size=1";
}

static const char *const names[] = { "left", "right" };

/* Two threads that map, touch and unmap, on two CPUs; with this jitter so short
 * a load comes out differently each time. */
static const char text[] =
	"scenario: twins\ntrace: t.mmt\nmachine: vm-2cpu\n"
	"baseline: {kernel: linux-6.12}\n"
	"replay: {costs: model}\n";

static void write_load(const char *path)
{
	const struct gen_param params[] = {
		{ .key = "threads", .value = "2" }, { .key = "loops", .value = "40" },
		{ .key = "window", .value = "4" }, { .key = "cpus", .value = "2" },
		{ .key = "think_ns", .value = "10000" } };
	struct generate_request q = { .workload = "mmap-churn", .output = path,
				      .params = params, .param_count = 5 };
	struct errbuf e = { 0 };

	if (generate_run(&q, NULL, &e))
		fail_msg("%s", e.text);
}

/** struct twins - a scenario whose one configuration is replayed again and again */
struct twins {
	struct limits limit;
	char *folder, *dir;
	struct scenario *s;
	struct mmt_reader *trace;
	json_t *cells;		/* of results.json */
};

static struct twins twins_open(void)
{
	struct scenario_overrides o = { .model_id = program_model_id() };
	struct twins t = { .folder = fixture_folder(), .cells = json_array(),
			   .limit = getenv("MMREPLAY_LONG") ? thorough : quick };
	struct errbuf e = { 0 };
	char *path;

	path = xasprintf("%s/t.mmt", t.folder);
	write_load(path);
	t.s = scenario_load(fixture_file(t.folder, "s.yaml", text), &o, &e);
	t.trace = mmt_open(path, 0, 0, &e);
	if (!t.s || !t.trace)
		fail_msg("%s", e.text);
	free(path);
	t.dir = xasprintf("%s/r", t.folder);
	path = xasprintf("%s/cells", t.dir);
	assert_int_equal(mkdir(t.dir, 0700) | mkdir(path, 0700), 0);
	free(path);
	return t;
}

static void twins_close(struct twins *t)
{
	json_decref(t->cells);
	mmt_close(t->trace);
	scenario_free(t->s);
	fixture_clean(t->folder);
	free(t->dir);
}

/* The replay of @seed as a cell; @replicate 0 has no jitter. */
static json_t *replayed(const struct twins *t, uint64_t seed, uint32_t replicate)
{
	struct cell c = t->s->cells[0];
	struct digest digest = mmt_digest(t->trace);
	struct replay_config config = {
		.profile = &c.profile, .kernel = &c.kernel,
		.captured = &t->s->captured, .options = c.replay,
		.seed = seed, .replicate = replicate };
	struct replay_result r = { 0 };
	struct errbuf e = { 0 };
	json_t *json;

	c.seed = seed;
	c.replicate = replicate;
	if (replay_run(t->trace, &config, &r, &e))
		fail_msg("%s", e.text);
	json = cell_json(t->s, &c, mmt_header(t->trace), &digest, &r);
	json_object_del(json, "hist");	/* no table reads it */
	replay_result_release(&r);
	return json;
}

/* A cell as the one of @name in comparison @pair, with an id of its own. */
static void save(struct twins *t, json_t *cell, uint32_t pair, const char *name,
		 uint64_t seed)
{
	char *id = xasprintf("%s-%u-%u", name, pair, (unsigned)seed);
	char *path = xasprintf("%s/cells/%s.json", t->dir, id);
	json_t *new = json_pack("{s:s,s:s,s:b,s:{s:i}}", "id", id, "label", name,
				"baseline", name == names[0], "params", "pair", pair);

	json_object_update(cell, new);
	assert_int_equal(json_dump_file(cell, path, JSON_COMPACT), 0);
	json_array_append_new(t->cells, json_pack("{s:s}", "id", id));
	json_decref(new);
	json_decref(cell);
	free(path);
	free(id);
}

/* All replicates of both sides of each pair; with @common seeds both sides have equal ones. */
static void replay_pairs(struct twins *t, uint32_t pairs, bool common)
{
	uint32_t n = t->limit.replicates;

	for (uint32_t i = 0; i < pairs * 2; i++)
		for (uint32_t k = 0; k < n; k++) {
			uint64_t seed = 1 + (uint64_t)(common ? i / 2 : i) * n + k;

			save(t, replayed(t, seed, t->limit.first + k), i / 2, names[i % 2], seed);
		}
}

static struct result_set *twins_load(struct twins *t)
{
	const char *const dirs[] = { t->dir };
	char *path = xasprintf("%s/results.json", t->dir);
	json_t *head = json_pack("{s:i,s:s,s:O}", "format", 1, "scenario", "twins",
				 "cells", t->cells);
	struct errbuf e = { 0 };
	struct result_set *s;

	assert_int_equal(json_dump_file(head, path, JSON_COMPACT), 0);
	s = results_load(dirs, 1, &e);
	if (!s)
		fail_msg("%s", e.text);
	json_decref(head);
	free(path);
	return s;
}

static uint32_t flagged(const struct table *t, uint32_t row,
			const struct limits *limit)
{
	uint32_t n = 0, pairs = 0;

	for (uint32_t g = 0; g < t->set->group_count; g++) {
		const struct entry *x = table_entry(t, row, g);

		if (!x->compared)
			continue;
		assert_int_equal(x->change.pairs, limit->replicates);
		n += x->change.marked;
		pairs++;
	}
	assert_int_equal(pairs, limit->pairs);
	return n;
}

static void t_independent_seeds(void **state)
{
	static const char *const paths[] = {
		"run.makespan_ns", "run.sim_ops_per_s", "latency_ns.fault.mean",
		"locks.mmap_lock.write.spin_ns+locks.mmap_lock.write.sleep_ns" };
	struct compare_options o = { .metrics = paths, .metric_count = 4 };
	struct twins t = twins_open();
	struct errbuf e = { 0 };
	struct result_set *s;
	struct table table;

	(void)state;
	replay_pairs(&t, t.limit.pairs, false);
	s = twins_load(&t);
	assert_int_equal(table_build(&table, s, &o, &e), 0);
	for (uint32_t i = 0; i < table.measures.count; i++) {
		uint32_t n = flagged(&table, i, &t.limit);

		print_message("# %s flagged %u of %u\n", paths[i], n, t.limit.pairs);
		assert_in_range(n, t.limit.least, t.limit.most);
	}
	table_release(&table);
	results_free(s);
	twins_close(&t);
}

/* Every number of every cell, and none of them by luck: the seeds do differ. */
static void t_common_seeds(void **state)
{
	static const char *const all[] = { "all" };
	struct compare_options o = { .metrics = all, .metric_count = 1 };
	struct twins t = twins_open();
	struct errbuf e = { 0 };
	uint32_t compared = 0, spread = 0;
	struct result_set *s;
	struct table table;

	(void)state;
	replay_pairs(&t, 2, true);
	s = twins_load(&t);
	assert_int_equal(table_build(&table, s, &o, &e), 0);
	for (uint32_t i = 0; i < table.measures.count; i++)
		for (uint32_t g = 0; g < s->group_count; g++) {
			const struct entry *x = table_entry(&table, i, g);

			if (!x->compared)
				continue;
			assert_true(x->change.mean == 0);
			/* a pair of blame need not occur in each replicate */
			assert_true(x->change.exact ||
				    x->change.pairs < t.limit.replicates);
			assert_false(x->change.marked);
			compared++;
			spread += !x->value.exact;
		}
	assert_true(compared > 200 && spread > compared / 4);
	table_release(&table);
	results_free(s);
	twins_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_independent_seeds),
		cmocka_unit_test(t_common_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
