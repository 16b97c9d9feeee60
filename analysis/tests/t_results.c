/*
 * Pins how cells become columns: groups, blocks, baselines, folders, order,
 * failed and absent values, and the paths that find a number. Does not pin
 * the numbers of a table (t_compare.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "analysis/tests/fixture.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

static const struct fixture usual = {
	.scenario = "four policies", .policies = 4, .replicates = 5, .ops = 60,
	.seed = 11, .jitter = true,
};

static void t_groups(void **state)
{
	struct fixture f = usual;
	struct room r;

	(void)state;
	f.points = 3;
	r = room_open(&f);
	assert_int_equal(r.s->cell_count, 60);
	assert_int_equal(r.s->group_count, 12);
	assert_int_equal(r.s->block_count, 3);
	for (uint32_t i = 0; i < 12; i++) {
		const struct result_group *g = &r.s->groups[i];

		assert_int_equal(g->cell_count, 5);
		/* each sweep point is measured against its own baseline */
		assert_int_equal(r.s->groups[g->base].block, g->block);
		for (uint32_t k = 1; k < 5; k++)
			assert_true(r.s->cells[g->cells[k - 1]].replicate <
				    r.s->cells[g->cells[k]].replicate);
	}
	room_close(&r);
}

static void t_baseline(void **state)
{
	struct room r = room_open(&usual);
	struct compare_options o = { 0 };
	struct errbuf e = { 0 };
	char *text;

	(void)state;
	assert_int_equal(results_baseline(r.s, "munmap=downgrade", &e), 0);
	text = fixture_compare(r.s, &o);
	assert_non_null(strstr(text, "[1] munmap=downgrade"));
	free(text);
	assert_int_equal(results_baseline(r.s, r.s->cells[0].id, &e), 0);
	assert_int_equal(r.s->blocks[0].base, 0);
	assert_true(results_baseline(r.s, "munmap=downgrad", &e) < 0);
	assert_non_null(strstr(e.text, "munmap=downgrade"));
	assert_int_equal(e.exit_status, 2);
	room_close(&r);
}

/* The same folder twice counts once; two folders stand side by side. */
static void t_folders(void **state)
{
	struct fixture other = usual;
	struct room r = room_open(&usual), q;
	struct errbuf e = { 0 };
	struct result_set *s;

	(void)state;
	other.seed = 99;
	q = room_open(&other);
	s = results_load((const char *const[]){ r.dir, r.dir }, 2, &e);
	assert_int_equal(s->cell_count, 20);
	results_free(s);
	s = results_load((const char *const[]){ r.dir, q.dir }, 2, &e);
	assert_int_equal(s->cell_count, 40);
	/* equal configurations of two folders are one column: more replicates */
	assert_int_equal(s->group_count, 4);
	results_free(s);
	room_close(&r);
	room_close(&q);
}

static void t_sort(void **state)
{
	struct compare_options o = { .sort = "-run.makespan_ns" };
	struct room r = room_open(&usual);
	struct errbuf e = { 0 };
	double last = INFINITY, v;
	struct table t;

	(void)state;
	assert_int_equal(table_build(&t, r.s, &o, &e), 0);
	assert_int_equal(t.order[0], 0);	/* the baseline stays first */
	for (uint32_t k = 1; k < 4; k++) {
		assert_true(group_mean(r.s, t.order[k], "run.makespan_ns", &v));
		assert_true(v <= last);
		last = v;
	}
	table_release(&t);
	o.sort = "no.such";
	assert_true(table_build(&t, r.s, &o, &e) < 0);
	room_close(&r);
}

/* One replicate: a change, no spread, no mark. Equal ones: exact. */
static void t_spread_names(void **state)
{
	struct fixture f = usual;
	struct compare_options o = { 0 };
	struct room r;
	char *text;

	(void)state;
	f.replicates = 1;
	r = room_open(&f);
	text = fixture_compare(r.s, &o);
	assert_non_null(strstr(text, "no spread claimed"));
	assert_null(strstr(text, "*"));
	assert_null(strstr(text, "\u00b1"));
	free(text);
	room_close(&r);
	f.replicates = 3;
	f.jitter = false;
	r = room_open(&f);
	text = fixture_compare(r.s, &o);
	assert_non_null(strstr(text, " exact*"));
	free(text);
	room_close(&r);
}

/* Absent is not zero: it is a dash, and JSON has no entry for it. */
static void t_absent(void **state)
{
	static const char *const paths[] = { "hold.vma.peak_bytes" };
	struct compare_options o = { .metrics = paths, .metric_count = 1 };
	struct room r = room_open(&usual);
	json_t *root = room_compare_json(&r, o);
	const json_t *row = json_array_get(json_object_get(root, "rows"), 0);
	char *text = fixture_compare(r.s, &o);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(row, "columns")), 1);
	assert_non_null(strstr(text, " - "));
	json_decref(root);
	free(text);
	room_close(&r);
}

/* A failed replicate is named and left out; a group of failures is empty. */
static void t_failed(void **state)
{
	struct room r = room_open(&usual);
	struct compare_options o = { 0 };
	char *path = xasprintf("%s/cells/%s.json", r.dir, r.s->cells[6].id);
	struct errbuf e = { 0 };
	json_t *cell = json_deep_copy(r.s->cells[6].json);
	struct result_set *s;
	char *text;

	(void)state;
	json_object_set_new(cell, "failed", json_string("fiber stack overflow"));
	json_object_del(cell, "run");
	assert_int_equal(json_save(path, cell, &e), 0);
	s = results_load((const char *const[]){ r.dir }, 1, &e);
	assert_int_equal(s->groups[1].cell_count, 4);
	text = fixture_compare(s, &o);
	assert_non_null(strstr(text, "[2] 1 of 5 replicates failed: fiber stack overflow"));
	free(text);
	results_free(s);
	json_decref(cell);
	free(path);
	room_close(&r);
}

static void t_paths(void **state)
{
	json_t *cell = json_pack("{s:{s:i,s:{s:i}},s:[i,i],s:[{s:s,s:s,s:s,s:i}]}",
		"params", "machine.cpus", 8, "a", "b", 2, "list", 1, 2, "blame",
		"lock", "l", "waiter", "w", "holder", "h", "wait_ns", 7);
	bool integral;
	double v;

	(void)state;
	assert_true(result_number(cell, "params.machine.cpus", &v, NULL) && v == 8);
	assert_true(result_number(cell, "params.a.b", &v, NULL) && v == 2);
	assert_true(result_number(cell, "list", &v, NULL) && v == 2);
	assert_true(result_number(cell, "blame[l,w,h].wait_ns", &v, &integral) && v == 7);
	assert_true(result_number(cell, "params.a.b+no.such", &v, NULL) && v == 2);
	assert_false(result_number(cell, "params.a", &v, NULL));
	assert_false(result_number(cell, "", &v, NULL));
	assert_false(result_number(cell, "blame[l,w", &v, NULL));
	assert_false(result_number(cell, "blame[l,w,x].wait_ns", &v, NULL));
	assert_false(result_number(cell, "....", &v, NULL));
	json_decref(cell);
}

/* An entry is found again under the path that it is given. */
static void t_entries(void **state)
{
	json_t *cell = json_pack("{s:{s:{s:[{s:i,s:s,s:f},{s:s,s:s,s:f},{s:s,s:f}]}},s:[{s:i}]}",
		"hold", "vma", "owners", "mm", 5, "op", "munmap", "byte_seconds",
		2.5, "mm", "kernel", "op", "munmap", "byte_seconds", 4.0,
		"mm", "others", "byte_seconds", 8.0, "hung_tasks", "wait_ns", 3);
	static const char *const want[] = {
		"hold.vma.owners[5,munmap].byte_seconds",
		"hold.vma.owners[kernel,munmap].byte_seconds",
		"hold.vma.owners[others,*].byte_seconds",
	};
	const json_t *entry, *list = result_at(cell, "hold.vma.owners");
	double v;
	size_t i;

	(void)state;
	json_array_foreach(list, i, entry) {
		char *path = result_entry_path("hold.vma.owners", entry);

		assert_string_equal(path, want[i]);
		assert_true(result_number(cell, path, &v, NULL));
		assert_true(v == json_number_value(json_object_get(entry, "byte_seconds")));
		free(path);
	}
	assert_int_equal(i, 3);
	assert_true(result_number(cell, "hold.vma.owners[*,munmap].byte_seconds",
				  &v, NULL) && v == 6.5);
	assert_false(result_number(cell, "hold.vma.owners[6,munmap].byte_seconds",
				   &v, NULL));
	assert_false(result_number(cell, "hung_tasks[3].wait_ns", &v, NULL));
	assert_null(result_entry_path("hung_tasks", json_array_get(
			json_object_get(cell, "hung_tasks"), 0)));
	json_decref(cell);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_groups),  cmocka_unit_test(t_baseline),
		cmocka_unit_test(t_folders), cmocka_unit_test(t_sort),
		cmocka_unit_test(t_spread_names), cmocka_unit_test(t_absent),
		cmocka_unit_test(t_failed),  cmocka_unit_test(t_paths),
		cmocka_unit_test(t_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
