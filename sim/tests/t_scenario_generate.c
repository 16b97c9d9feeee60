/*
 * Pins `generate:` in a scenario: which trace each cell names, sweeps and
 * --set of its parameters, that the resolved scenario is the scenario, and
 * the line for everything that can be wrong. Does not pin what workloads
 * write (traces/tests/t_generate.c), nor ids.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "sim/commands/workload_source.h"
#include "sim/tests/fixture_scenario.h"

static const char head[] =
	"generate: {workload: munmap-large, gib: 2}\n"
	"baseline: {kernel: linux-4.19}\n";

static char *folder;

static int setup(void **state)
{
	(void)state;
	folder = fixture_folder();
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

static struct scenario *load(const char *tail, const char *set,
			     struct errbuf *e)
{
	struct scenario_overrides o = {
		.set = &set, .set_count = set != NULL,
		.workloads = &workload_source };
	char *text = xasprintf("%s%s", head, tail);
	struct scenario *s;

	fixture_file(folder, "s.yaml", text);
	free(text);
	s = scenario_load("s.yaml", &o, e);
	return s;
}

static struct scenario *must_load(const char *tail, const char *set)
{
	struct errbuf e = { 0 };
	struct scenario *s = load(tail, set, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

static const char *resolved(const struct cell *c, const char *key)
{
	for (uint32_t i = 0; i < c->source->resolved_count; i++)
		if (!strcmp(c->source->resolved[i].key, key))
			return c->source->resolved[i].value;
	fail_msg("no parameter %s", key);
	return NULL;
}

/* One trace for each set of parameters; defaults count as written out. */
static void t_sources(void **state)
{
	struct scenario *s = must_load("compare: [{munmap: downgrade}]\n"
				       "sweep: {generate.gib: [1, 2, 80]}\n",
				       NULL);

	(void)state;
	assert_int_equal(s->cell_count, 6);
	assert_int_equal(s->source_count, 3);
	assert_null(s->trace_path);
	assert_null(s->cells[0].source->path);
	assert_ptr_equal(s->cells[0].source, s->cells[1].source);
	assert_string_equal(resolved(&s->cells[2], "gib"), "2");
	assert_string_equal(resolved(&s->cells[2], "readers"), "1");
	assert_string_equal(s->cells[4].source->text, "munmap-large gib=80");
	assert_string_equal(s->cells[4].params[0].key, "generate.gib");
	assert_string_equal(s->cells[4].params[0].value, "80");
	assert_string_not_equal(s->cells[0].id, s->cells[2].id);
	scenario_free(s);
}

static void t_parameter_of_a_cell(void **state)
{
	struct scenario *s = must_load(
		"compare: [{generate.gib: 4}, {generate.readers: 1, munmap: downgrade}]\n",
		NULL);

	(void)state;
	assert_int_equal(s->cell_count, 3);
	assert_int_equal(s->source_count, 2);
	assert_string_equal(resolved(&s->cells[1], "gib"), "4");
	assert_ptr_equal(s->cells[2].source, s->cells[0].source);
	scenario_free(s);
}

/* The same trace asked for in two ways is one source, and merges cells. */
static void t_same_trace_is_one(void **state)
{
	struct scenario *s = must_load(
		"compare: [{label: again, generate.readers: 1}]\n", NULL);

	(void)state;
	assert_int_equal(s->cell_count, 1);
	assert_int_equal(s->merged_count, 1);
	assert_string_equal(s->merged[0].label, "again");
	scenario_free(s);
}

static void t_set_wins(void **state)
{
	struct scenario *s = must_load("", "generate.gib=3");

	(void)state;
	assert_string_equal(resolved(&s->cells[0], "gib"), "3");
	scenario_free(s);
}

static void t_resolved_is_the_scenario(void **state)
{
	struct scenario *s = must_load("sweep: {generate.gib: [1, 4]}\n", NULL);
	struct scenario_overrides o = { .workloads = &workload_source };
	struct scenario *again;
	struct errbuf e = { 0 };

	(void)state;
	fixture_file(folder, "r.yaml", s->resolved_yaml);
	again = scenario_load("r.yaml", &o, &e);
	if (!again)
		fail_msg("%s", e.text);
	assert_int_equal(again->cell_count, 2);
	assert_string_equal(again->cells[0].id, s->cells[0].id);
	assert_string_equal(again->cells[1].id, s->cells[1].id);
	scenario_free(again);
	scenario_free(s);
}

static void refuse(const char *tail, const char *set, const char *expected,
		   int status)
{
	struct errbuf e = { 0 };
	size_t n = strlen(expected);

	if (load(tail, set, &e))
		fail_msg("was not refused: %s", tail);
	if (strncmp(e.text, expected, n))
		fail_msg("got      %s\nexpected %s", e.text, expected);
	assert_null(strchr(e.text, '\n'));
	assert_int_equal(e.exit_status, status);
}

static void t_wrong_input(void **state)
{
	(void)state;
	refuse("sweep: {generate.gibs: [1]}\n", NULL,
	       "s.yaml:3:9: unknown key 'gibs'; did you mean 'gib'?", 1);
	refuse("sweep: {generate.gib: [1, many]}\n", NULL,
	       "s.yaml:3:27: gib: expected a whole number", 1);
	refuse("compare: [{generate.workload: mmap-churn}]\n", NULL,
	       "s.yaml:3:12: generate.workload: all cells replay the same workload",
	       1);
	refuse("trace: t.mmt\n", NULL,
	       "s.yaml:1:11: generate: the scenario has a trace: already", 1);
	refuse("", "generate.gib=0", "gib: expected", 2);
	refuse("replay: {costs: recorded}\n", NULL,
	       "s.yaml:3:17: costs: recorded cannot be used with munmap-large",
	       1);
}

static void t_wrong_section(void **state)
{
	struct scenario_overrides o = { .workloads = &workload_source };
	struct errbuf e = { 0 };

	(void)state;
	fixture_file(folder, "s.yaml", "generate: {workload: mmap-chum}\n");
	assert_null(scenario_load("s.yaml", &o, &e));
	assert_non_null(strstr(e.text, "s.yaml:1:22: unknown workload 'mmap-chum'; did you mean 'mmap-churn'?"));
	e = (struct errbuf){ 0 };
	fixture_file(folder, "s.yaml", "generate: munmap-large\n");
	assert_null(scenario_load("s.yaml", &o, &e));
	assert_non_null(strstr(e.text, "s.yaml:1:11: generate: expected a map"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_sources),
		cmocka_unit_test(t_parameter_of_a_cell),
		cmocka_unit_test(t_same_trace_is_one),
		cmocka_unit_test(t_set_wins),
		cmocka_unit_test(t_resolved_is_the_scenario),
		cmocka_unit_test(t_wrong_input),
		cmocka_unit_test(t_wrong_section),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
