/*
 * Pins: the files of a run and their schema; that two runs differ in
 * host.json alone, whatever the jobs and with --eager; what is reused, what
 * is run again, and that a run goes on after a kill; that one cell's failure
 * or crash is its own. Does not pin numbers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/results/program.h"
#include "sim/results/results.h"
#include "sim/tests/fixture_scenario.h"
#include "sim/tests/json_schema.h"

static const char text[] =
	"scenario: results\ntrace: t.mmt\nreplay: {costs: model, replicates: 2}\n"
	"baseline: {kernel: linux-6.12}\n"
	"compare: [{munmap: exclusive}]\n"
	"matrix: {mm_lock: [mm-wide, per-vma], vma_free: [rcu]}\n"
	"sweep: {machine.costs.call_rcu_ns: [10, 900]}\n";

/* where the number of cells is of no interest */
static const char few[] =
	"scenario: results\ntrace: t.mmt\nreplay: {costs: model, replicates: 2}\n"
	"baseline: {kernel: linux-6.12}\n"
	"compare: [{kernel: linux-6.1}, {munmap: exclusive}]\n";

static char *folder;

static int setup(void **state)
{
	(void)state;
	folder = fixture_folder();
	fixture_trace(folder, "t.mmt", "6.18.44-x", 2,
		      HAVE_SYSCALLS | HAVE_FAULTS | HAVE_MMAP_LOCK);
	return chdir(folder);
}

static int teardown(void **state)
{
	(void)state;
	if (chdir("/"))
		return -1;
	fixture_clean(folder);
	return 0;
}

static struct scenario *load(const char *yaml)
{
	struct scenario_overrides o = { .model_id = program_model_id() };
	struct errbuf e = { 0 };
	struct scenario *s = scenario_load(fixture_file(folder, "s.yaml", yaml),
					   &o, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

static struct run_summary run(const char *yaml, const char *dir, uint32_t jobs,
			      bool eager)
{
	struct run_options o = { .out_dir = dir, .jobs = jobs, .eager = eager,
				 .quiet = true };
	struct scenario *s = load(yaml);
	struct run_summary sum;
	struct errbuf e = { 0 };

	if (results_run(s, &o, &sum, &e))
		fail_msg("%s", e.text);
	scenario_free(s);
	return sum;
}

/* `diff -r` of two folders finds @expected files, "host.json" among them. */
static void assert_same(const char *a, const char *b)
{
	char *command = xasprintf("test \"$(diff -rq %s %s)\" = "
				  "'Files %s/host.json and %s/host.json differ' -o "
				  "-z \"$(diff -rq %s %s)\"", a, b, a, b, a, b);

	assert_int_equal(system(command), 0);
	free(command);
}

static json_t *must_read(const char *path)
{
	struct errbuf e = { 0 };
	json_t *j = json_read(path, &e);

	if (!j)
		fail_msg("%s", e.text);
	return j;
}

static void check_schema(const json_t *schema, const char *def, json_t *value,
			 const char *name)
{
	char why[512];
	const json_t *s = def ? json_object_get(json_object_get(schema, "$defs"),
						def) : schema;

	assert_non_null(s);
	if (!schema_check(schema, s, value, name, why, sizeof(why)))
		fail_msg("%s", why);
	json_decref(value);
}

/* One uninterrupted run by one worker, made once: what others compare with. */
static struct run_summary whole(void)
{
	static struct run_summary sum;

	if (!sum.ran)
		sum = run(text, "whole", 1, false);
	return sum;
}

/* Of each lock, what is blamed on somebody is what was waited, to the ns. */
static size_t check_blame(const json_t *cell)
{
	const json_t *lock, *side, *entry;
	json_int_t total = 0;
	const char *name, *key;
	size_t i;

	json_object_foreach(json_object_get(cell, "locks"), name, lock) {
		json_int_t rest = 0;

		json_object_foreach((json_t *)lock, key, side) {
			json_int_t waited = json_integer_value(
				json_object_get(side, "waited_ns"));

			assert_true(waited >= json_integer_value(
				json_object_get(side, "spin_ns")) +
				json_integer_value(
				json_object_get(side, "sleep_ns")));
			rest += waited;
			total += waited;
		}
		json_array_foreach(json_object_get(cell, "blame"), i, entry)
			if (!strcmp(name, json_string_value(
				    json_object_get(entry, "lock"))))
				rest -= json_integer_value(
					json_object_get(entry, "wait_ns"));
		assert_int_equal(rest, 0);
	}
	json_array_foreach(json_object_get(cell, "blame"), i, entry)
		total -= json_integer_value(json_object_get(entry, "wait_ns"));
	assert_int_equal(total, 0);
	return json_array_size(json_object_get(cell, "blame"));
}

/* The same of few cells, in the folder "few". */
static void few_cells(void)
{
	static bool made;

	if (!made)
		run(few, "few", 1, false);
	made = true;
}

static void t_schema(void **state)
{
	char *path = data_path("analysis/results.schema.json");
	json_t *schema = must_read(path);
	struct scenario *s = load(text);
	struct run_summary sum = whole();
	size_t blamed = 0;
	json_t *cell;

	(void)state;
	assert_int_equal(sum.cells, s->cell_count);
	assert_int_equal(sum.ran, s->cell_count);
	assert_int_equal(sum.failed, 0);
	check_schema(schema, NULL, must_read("whole/results.json"), "results");
	check_schema(schema, "host_file", must_read("whole/host.json"), "host");
	for (uint32_t i = 0; i < s->cell_count; i++) {
		char *file = xasprintf("whole/cells/%s.json", s->cells[i].id);

		cell = must_read(file);
		assert_string_equal(json_string_value(json_object_get(cell, "id")),
				    s->cells[i].id);
		blamed += check_blame(cell);
		check_schema(schema, "cell_file", cell, s->cells[i].label);
		free(file);
	}
	assert_true(blamed > 0);
	json_decref(schema);
	scenario_free(s);
	free(path);
}

static void t_same_bytes(void **state)
{
	(void)state;
	few_cells();
	run(few, "two", 2, false);
	assert_same("few", "two");
	run(few, "eager", 2, true);
	assert_same("few", "eager");
}

static void t_reuse(void **state)
{
	char *other = xasprintf("%s", few), *at;
	struct scenario *s = load(few);
	char *path = xasprintf("again/cells/%s.json", s->cells[2].id);
	char *from = xasprintf("again/cells/%s.json", s->cells[3].id);
	char *copy = xasprintf("cp %s %s", from, path);
	uint32_t all = s->cell_count;
	struct run_summary sum;

	(void)state;
	few_cells();
	assert_int_equal(system("cp -r few again"), 0);
	assert_int_equal(run(few, "again", 2, false).reused, all);
	assert_int_equal(truncate(path, 300), 0);	/* truncated */
	sum = run(few, "again", 2, false);
	assert_int_equal(sum.ran, 1);
	assert_int_equal(sum.damaged, 1);
	assert_same("few", "again");
	assert_int_equal(system(copy), 0);		/* foreign */
	sum = run(few, "again", 2, false);
	assert_int_equal(sum.ran, 1);
	assert_int_equal(sum.damaged, 1);
	assert_same("few", "again");
	at = strstr(other, "{munmap: exclusive}");	/* a label is no change */
	memcpy(at, "{munmap: exclusive,", 19);
	at = xasprintf("%.*s label: new}%s", (int)(at + 19 - other), other,
		       at + 19);
	assert_int_equal(run(at, "again", 2, false).reused, all);
	run(at, "labelled", 2, false);
	assert_same("labelled", "again");
	scenario_free(s);
	free(at);
	free(other);
	free(path);
	free(from);
	free(copy);
}

/* The parent is killed while cells run; the next run keeps what is whole. */
static void t_resume_after_kill(void **state)
{
	struct scenario *s = load(few);
	uint32_t there = 0;
	char *first = xasprintf("killed/cells/%s.json", s->cells[0].id);
	struct run_summary sum;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		struct run_options o = { .out_dir = "killed", .jobs = 1,
					 .quiet = true };
		struct errbuf e = { 0 };

		results_run(s, &o, &sum, &e);
		_exit(0);
	}
	for (int i = 0; i < 20000 && access(first, R_OK); i++)
		usleep(1000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	usleep(100000);		/* its worker ends with it */
	for (uint32_t i = 0; i < s->cell_count; i++) {
		char *file = xasprintf("killed/cells/%s.json", s->cells[i].id);

		there += !access(file, R_OK);
		free(file);
	}
	sum = run(few, "killed", 2, false);
	assert_int_equal(sum.reused, there);
	assert_true(there >= 1);
	few_cells();
	assert_same("killed", "few");
	scenario_free(s);
	free(first);
}

/* What a writer of @path that was killed half-way leaves. */
static void leave_half(const char *path)
{
	pid_t pid = fork();

	if (!pid) {
		struct atomic_file a;
		struct errbuf e = { 0 };

		_exit(!!atomic_open(&a, path, &e));
	}
	waitpid(pid, NULL, 0);
}

/* A run that finds every cell there has nothing to write, and still clears up;
 * that nobody has written the traces it wants is said. */
static void t_leftovers(void **state)
{
	static const char *const path[] = { "left/cells/a.json",
		"left/cells/a.events", "left/series/a.csv", "left/traces/a.mmt",
		"left/results.json", "left/slurm/jobs", "runs/a.mmt" };
	static const char find[] = "test -z \"$(find left runs -name '.*.tmp')\"";
	struct run_options o = { .out_dir = "left", .quiet = true,
				 .missing_because = "nothing is", .export_dir = "runs" };
	struct scenario *s = load(few);
	uint32_t *todo = calloc(s->cell_count, sizeof(*todo)), count;
	struct run_summary sum;
	struct errbuf e = { 0 };

	(void)state;
	few_cells();
	assert_int_equal(system("cp -r few left && mkdir left/series "
				"left/traces left/slurm runs"), 0);
	for (int only_ask = 0; only_ask < 2; only_ask++) {
		for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++)
			leave_half(path[i]);
		assert_int_not_equal(system(find), 0);
		assert_int_equal(only_ask ?
			results_missing(s, &o, true, todo, &count, &sum, &e) :
			results_run(s, &o, &sum, &e), only_ask ? 0 : -EIO);
		assert_int_equal(system(find), 0);
	}
	scenario_free(s);
	free(todo);
}

static const char *failed_of(const json_t *results, const char *label)
{
	const json_t *cells = json_object_get(results, "cells"), *c;
	size_t i;

	json_array_foreach(cells, i, c)
		if (!strcmp(json_string_value(json_object_get(c, "label")), label))
			return json_string_value(json_object_get(c, "failed"));
	fail_msg("no cell '%s'", label);
	return NULL;
}

/* A worker that dies is one failed cell; it is run again next time. */
static void t_crash(void **state)
{
	static const char yaml[] =
		"trace: t.mmt\nreplay: {costs: model}\nbaseline: {kernel: linux-6.12}\n"
		"compare: [{munmap: exclusive, label: crash}, {mm_lock: mm-wide}]\n";
	struct run_summary sum;
	json_t *results;

	(void)state;
	setenv("MMREPLAY_TEST_CRASH", "crash", 1);
	sum = run(yaml, "crash", 2, false);
	unsetenv("MMREPLAY_TEST_CRASH");
	assert_int_equal(sum.failed, 1);
	results = must_read("crash/results.json");
	assert_non_null(strstr(failed_of(results, "crash"), "ended by signal 6 (Aborted)"));
	assert_null(failed_of(results, "mm_lock=mm-wide"));
	assert_null(failed_of(results, "linux-6.12"));
	json_decref(results);
	sum = run(yaml, "crash", 2, false);
	assert_int_equal(sum.reused, 2);
	assert_int_equal(sum.failed, 0);
}

/* A damaged chunk is found by the cell that reads it: a clear line, exit 1. */
static void t_damaged_trace(void **state)
{
	static const char yaml[] = "trace: bad.mmt\nreplay: {costs: model}\n";
	struct run_summary sum;
	json_t *results;
	FILE *f;

	(void)state;
	fixture_trace(folder, "bad.mmt", "6.18", 2, HAVE_SYSCALLS);
	f = fopen("bad.mmt", "r+");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	fseek(f, ftell(f) / 4, SEEK_SET);	/* tables stand at the end */
	fputs("damage", f);
	fclose(f);
	sum = run(yaml, "bad", 1, false);
	assert_int_equal(sum.failed, 1);
	results = must_read("bad/results.json");
	assert_non_null(strstr(failed_of(results, "linux-6.18"), "bad.mmt: offset "));
	json_decref(results);
}

/* A folder that cannot be written is an error of the run, not of a cell. */
static void t_cannot_write(void **state)
{
	struct run_options o = { .out_dir = "file/out", .jobs = 1, .quiet = true };
	struct scenario *s;
	struct run_summary sum;
	struct errbuf e = { 0 };

	(void)state;
	fixture_file(folder, "file", "");
	s = load(text);
	assert_true(results_run(s, &o, &sum, &e) < 0);
	assert_non_null(strstr(e.text, "file"));
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_schema), cmocka_unit_test(t_same_bytes),
		cmocka_unit_test(t_reuse), cmocka_unit_test(t_resume_after_kill),
		cmocka_unit_test(t_leftovers), cmocka_unit_test(t_crash), cmocka_unit_test(t_damaged_trace),
		cmocka_unit_test(t_cannot_write),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
