/*
 * Pins: every bundled profile and preset loads whole; what a scenario expands
 * to (cells, labels, refusals, merges, seeds, params); the defaults that a
 * trace decides; what is and what is not part of a cell's id; that the
 * resolved scenario is the scenario. Does not pin: the ids themselves, costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/policy/registry.h"
#include "sim/tests/fixture_scenario.h"

enum { LOCKS = HAVE_SYSCALLS | HAVE_FAULTS | HAVE_MMAP_LOCK | HAVE_DURATIONS };

static char *folder;

static int setup(void **state)
{
	(void)state;
	folder = fixture_folder();
	fixture_trace(folder, "t.mmt", "6.18.44-x", 2, LOCKS);
	fixture_trace(folder, "old.mmt", "5.16.9", 4, HAVE_SYSCALLS | HAVE_FAULTS);
	fixture_trace(folder, "none.mmt", "", 2, HAVE_SYSCALLS | HAVE_FAULTS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_clean(folder);
	return 0;
}

static struct scenario *must_load(const char *text,
				  const struct scenario_overrides *o)
{
	struct errbuf e = { 0 };
	struct scenario *s = scenario_load(fixture_file(folder, "s.yaml", text),
					   o, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

static const struct cell *cell_of(const struct scenario *s, const char *label)
{
	for (uint32_t i = 0; i < s->cell_count; i++)
		if (!strcmp(s->cells[i].label, label))
			return &s->cells[i];
	fail_msg("no cell '%s'", label);
	return NULL;
}

static bool warns(const struct cell *c, const char *part)
{
	for (size_t i = 0; c->warnings[i]; i++)
		if (strstr(c->warnings[i], part))
			return true;
	return false;
}

static const char *value(const struct cell *c, enum axis axis)
{
	return c->kernel.policies.on[axis]->name;
}

static void t_profiles_are_complete(void **state)
{
	struct arena a = { 0 };
	const char **names = profile_names(&a);
	size_t count = 0;

	(void)state;
	for (; names[count]; count++) {
		struct profile p;
		struct errbuf e = { 0 };

		if (profile_load(names[count], &p, &a, &e))
			fail_msg("%s", e.text);
		assert_string_equal(p.name, names[count]);
		assert_int_equal(p.cost_count, MM_COST_END);
		for (uint32_t i = 0; i < p.cost_count; i++) {
			assert_true(strlen(p.cost[i].source) > 3);
			/* what only a guest pays is 0 on bare metal */
			assert_in_range(p.cost[i].value,
					i == COST_WAKE_IDLE ||
					i == COST_IDLE_EXIT_SHORT ||
					i == COST_IDLE_SHORT ||
					i == COST_IPI_RECEIVE ? 0 : 1,
					1000000000);
			assert_true(p.cost[i].cls >= COST_MEASURED);
		}
	}
	assert_int_equal(count, 8);
	arena_release(&a);
}

/* Every axis has a value with a source; stand-ins are only where needed. */
static void t_presets_are_complete(void **state)
{
	struct arena a = { 0 };
	const char **names = preset_names(&a);
	size_t count = 0;

	(void)state;
	for (; names[count]; count++) {
		struct errbuf e = { 0 };
		struct preset p;

		if (preset_info(names[count], (struct loc){ 0 }, &p, &a, &e))
			fail_msg("%s", e.text);
		for (unsigned i = 0; i < AXIS_COUNT; i++) {
			assert_non_null(p.truth[i]);
			assert_non_null(p.source[i]);
			if (!p.stand[i])
				assert_string_equal(p.truth[i],
					p.config.policies.on[i]->name);
		}
	}
	assert_int_equal(count, 34);
	assert_string_equal(names[0], "linux-4.14");
	assert_string_equal(names[33], "linux-6.18");
	arena_release(&a);
}

/* What a process of each release runs on. */
static void t_presets_by_release(void **state)
{
	static const struct {
		const char *preset, *lock, *munmap, *free, *fork, *vmap, *rwsem,
			   *scope, *tlb;
	} rows[] = {
		{ "linux-4.14", "mm-wide", "exclusive", "immediate", "rbtree", "linear", "4.14", "none", "serial" },
		{ "linux-4.19", "mm-wide", "exclusive", "immediate", "rbtree", "linear", "4.14", "none", "serial" },
		{ "linux-4.20", "mm-wide", "downgrade", "immediate", "rbtree", "linear", "4.14", "none", "serial" },
		{ "linux-5.2", "mm-wide", "downgrade", "immediate", "rbtree", "global", "4.14", "none", "serial" },
		{ "linux-5.3", "mm-wide", "downgrade", "immediate", "rbtree", "global", "5.3", "none", "serial" },
		{ "linux-5.10", "mm-wide", "downgrade", "immediate", "rbtree", "global", "5.3", "none", "serial" },
		{ "linux-5.11", "mm-wide", "downgrade", "immediate", "rbtree", "global", "5.11", "none", "serial" },
		{ "linux-5.13", "mm-wide", "downgrade", "immediate", "rbtree", "global", "5.11", "none", "concurrent" },
		{ "linux-6.1", "mm-wide", "downgrade", "immediate", "maple-bulk", "global", "5.11", "none", "concurrent" },
		{ "linux-6.3.11", "mm-wide", "downgrade", "immediate", "maple-bulk", "global", "5.11", "none", "concurrent" },
		{ "linux-6.4.3", "per-vma", "downgrade", "rcu", "maple-bulk", "global", "5.11", "6.4", "concurrent" },
		{ "linux-6.6", "per-vma", "downgrade", "rcu", "maple-bulk", "global", "5.11", "6.6", "concurrent" },
		{ "linux-6.7", "per-vma", "downgrade", "rcu", "maple-bulk", "global", "5.11", "6.7", "concurrent" },
		{ "linux-6.8", "per-vma", "downgrade", "rcu", "mt-dup", "global", "5.11", "6.7", "concurrent" },
		{ "linux-6.9", "per-vma", "downgrade", "rcu", "mt-dup", "nodes", "5.11", "6.7", "concurrent" },
		{ "linux-6.11", "per-vma", "downgrade", "rcu", "mt-dup", "nodes", "5.11", "6.10", "concurrent" },
		{ "linux-6.14", "per-vma", "downgrade", "rcu", "mt-dup", "nodes", "5.11", "6.10", "concurrent" },
		{ "linux-6.15", "per-vma-refcnt", "downgrade", "typesafe", "mt-dup", "nodes", "5.11", "6.10", "concurrent" },
		{ "linux-6.18", "per-vma-refcnt", "downgrade", "typesafe", "mt-dup", "nodes", "5.11", "6.17", "concurrent" },
	};
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct errbuf e = { 0 };
		struct preset p;

		assert_int_equal(preset_info(rows[i].preset, (struct loc){ 0 },
					     &p, &a, &e), 0);
		assert_string_equal(p.truth[AXIS_MM_LOCK], rows[i].lock);
		assert_string_equal(p.truth[AXIS_MUNMAP], rows[i].munmap);
		assert_string_equal(p.truth[AXIS_VMA_FREE], rows[i].free);
		assert_string_equal(p.truth[AXIS_FORK_COPY], rows[i].fork);
		assert_string_equal(p.truth[AXIS_VMAP], rows[i].vmap);
		assert_string_equal(p.truth[AXIS_RWSEM], rows[i].rwsem);
		assert_string_equal(p.truth[AXIS_FAULT_SCOPE], rows[i].scope);
		assert_string_equal(p.truth[AXIS_TLB_FLUSH], rows[i].tlb);
		assert_string_equal(p.truth[AXIS_VMA_INDEX],
				    strcmp(rows[i].fork, "rbtree") ? "maple" :
								     "rbtree");
	}
	arena_release(&a);
}

static void t_nearest_preset(void **state)
{
	static const struct {
		const char *release, *preset;
		bool exact;
	} rows[] = {
		{ "6.18.44-fc", "linux-6.18", true }, { "5.16.9", "linux-5.15", false },
		{ "6.1.0-44-amd64", "linux-6.1", true }, { "6.1.36", "linux-6.1", true },
		{ "6.1.76", "linux-6.1.37", true }, { "6.3.10", "linux-6.3", true },
		{ "6.3.13", "linux-6.3.11", true }, { "6.4.2", "linux-6.4.1", true },
		{ "6.4.16", "linux-6.4.3", true },
		{ "6.1.192", "linux-6.1.37", true }, { "7.2", "linux-6.18", false },
		{ "4.9.79", "linux-4.14", false }, { "5.10.0-41-cloud", "linux-5.10", true },
	};
	struct arena a = { 0 };
	bool exact;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(preset_for_release(rows[i].release, &a, &exact),
				    rows[i].preset);
		assert_int_equal(exact, rows[i].exact);
	}
	assert_null(preset_for_release("unknown", &a, &exact));
	arena_release(&a);
}

/* One with a warning for each policy that stands in, gone once it is set. */
static void t_stand_ins_warn(void **state)
{
	struct scenario *s = must_load("trace: t.mmt\ncompare: [{kernel: linux-4.19},"
				       " {kernel: linux-4.19, rwsem: '5.11', label: set}]\n", NULL);
	struct arena a = { 0 };
	struct errbuf e = { 0 };
	struct preset p;

	(void)state;
	assert_int_equal(preset_info("linux-4.19", (struct loc){ 0 }, &p, &a, &e), 0);
	if (p.stand[AXIS_RWSEM]) {
		assert_true(warns(&s->cells[1], "rwsem: 5.11 stands in for 4.14 of linux-4.19"));
		assert_int_equal(s->cell_count, 2);
		assert_string_equal(s->merged[0].label, "set");
	}
	scenario_free(s);
	arena_release(&a);
}

static void t_expands(void **state)
{
	struct scenario *s = must_load(
		"scenario: all\ntrace: t.mmt\nseed: 7\n"
		"replay: {replicates: 2}\n"
		"baseline: {kernel: linux-6.12, munmap: exclusive}\n"
		"compare:\n  - {munmap: downgrade}\n  - {kernel: linux-6.1}\n"
		"matrix:\n  mm_lock: [mm-wide, per-vma]\n"
		"  vma_free: [immediate, rcu]\n", NULL);
	const struct cell *c;

	(void)state;
	assert_int_equal(s->cell_count, 10);
	assert_int_equal(s->refused_count, 1);
	assert_string_equal(s->refused[0].label, "mm_lock=per-vma vma_free=immediate");
	assert_non_null(strstr(s->refused[0].reason, "immediate"));
	assert_int_equal(s->merged_count, 1);
	assert_string_equal(s->merged[0].into, "linux-6.12 munmap=exclusive");
	assert_true(s->cells[0].baseline && s->cells[1].baseline);
	assert_false(s->cells[2].baseline);
	assert_int_equal(s->cells[0].seed, 7);
	assert_int_equal(s->cells[1].seed, 8);
	assert_int_equal(s->cells[1].replicate, 1);
	c = cell_of(s, "munmap=downgrade");
	assert_string_equal(value(c, AXIS_MM_LOCK), "per-vma");
	c = cell_of(s, "linux-6.1");	/* the baseline's exclusive stays behind */
	assert_string_equal(value(c, AXIS_MUNMAP), "downgrade");
	assert_string_equal(value(c, AXIS_MM_LOCK), "mm-wide");
	assert_string_equal(c->inert[0], "vma_lock_place");
	scenario_free(s);
}

/* Without VMA locks their place has no effect: one cell, not four. */
static void t_inert_differences_collapse(void **state)
{
	struct scenario *s = must_load(
		"trace: t.mmt\nbaseline: {kernel: linux-6.1}\n"
		"matrix: {vma_lock_place: [separate, embedded, embedded-aligned]}\n", NULL);

	(void)state;
	assert_int_equal(s->cell_count, 1);
	assert_int_equal(s->merged_count, 3);
	scenario_free(s);
}

static void t_sweeps(void **state)
{
	struct scenario *s = must_load(
		"trace: t.mmt\nmachine: desktop-8cpu\n"
		"compare: [{munmap: exclusive}]\n"
		"sweep: {machine.cpus: [2, 8], machine.costs.call_rcu_ns: [10, 900]}\n", NULL);
	const struct cell *c = cell_of(s, "munmap=exclusive machine.cpus=8 machine.costs.call_rcu_ns=10");

	(void)state;
	assert_int_equal(s->cell_count, 8);
	assert_true(s->cells[2].baseline);
	assert_int_equal(c->profile.cpus, 8);
	assert_int_equal(c->param_count, 2);
	assert_string_equal(c->params[0].key, "machine.cpus");
	assert_string_equal(c->params[0].value, "8");
	scenario_free(s);
}

static void t_defaults(void **state)
{
	struct scenario *s = must_load("trace: t.mmt\n", NULL);

	(void)state;
	assert_string_equal(s->cells[0].kernel.name, "linux-6.18");
	assert_string_equal(s->cells[0].profile.name, "vm-2cpu");
	assert_int_equal(s->cells[0].replay.costs, COSTS_RECORDED);
	assert_int_equal(s->cells[0].kernel.thp, 1);
	assert_string_equal(s->name, "s");
	assert_false(warns(&s->cells[0], "captured"));
	scenario_free(s);

	s = must_load("trace: old.mmt\n", NULL);
	assert_string_equal(s->cells[0].kernel.name, "linux-5.15");
	assert_int_equal(s->cells[0].replay.costs, COSTS_MODEL);
	assert_int_equal(s->cells[0].profile.cpus, 4);
	assert_true(warns(&s->cells[0], "the trace is of kernel 5.16.9; nearest preset: linux-5.15"));
	assert_true(warns(&s->cells[0], "no machine profile is of the captured host; costs of vm-2cpu, 4 CPUs as captured"));
	scenario_free(s);

	s = must_load("trace: none.mmt\n", NULL);
	assert_string_equal(s->cells[0].kernel.name, "linux-6.18");
	assert_true(warns(&s->cells[0], "does not say its kernel"));
	scenario_free(s);
}

static void t_overrides(void **state)
{
	const char *set[] = { "machine=desktop-8cpu", "machine.cpus=4",
			      "munmap=exclusive", "replay.replicates=2",
			      "machine.hz=1000", "thp=always",
			      "version=6.18.1" };
	const char *policy[] = { "mm_lock=mm-wide,munmap=downgrade",
				 "kernel=linux-6.1" };
	struct scenario_overrides o = { .set = set, .set_count = 7,
					.policy = policy, .policy_count = 2,
					.model_id = "m" };
	struct errbuf e = { 0 };
	char path[4096];
	struct scenario *s;

	(void)state;
	snprintf(path, sizeof(path), "%s/t.mmt", folder);
	s = scenario_for_trace(path, &o, &e);
	assert_non_null(s);
	assert_int_equal(s->cell_count, 6);
	assert_string_equal(s->cells[0].label, "linux-6.18 munmap=exclusive version=6.18.1");
	assert_string_equal(s->cells[2].label, "mm_lock=mm-wide munmap=downgrade");
	assert_string_equal(s->cells[4].label, "linux-6.1");
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(s->cells[i].profile.cpus, 4);
		assert_int_equal(s->cells[i].profile.hz, 1000);
		assert_int_equal(s->cells[i].kernel.thp, 2);
		assert_int_equal(s->cells[i].kernel.version,
				 i < 4 ? 6018001 : 6001000);
	}
	scenario_free(s);
}

/* @text against "trace: t.mmt": is the baseline's id the same? */
static bool same_id(const char *text)
{
	struct scenario *a = must_load("trace: t.mmt\n", NULL);
	struct scenario *b = must_load(text, NULL);
	bool same = !strcmp(a->cells[0].id, b->cells[0].id);

	scenario_free(a);
	scenario_free(b);
	return same;
}

static void t_ids(void **state)
{
	struct scenario_overrides o = { .model_id = "other" };
	struct scenario *a = must_load("trace: t.mmt\n", NULL);
	struct scenario *b = must_load("trace: t.mmt\n", &o);

	(void)state;
	assert_string_not_equal(a->cells[0].id, b->cells[0].id);
	scenario_free(a);
	scenario_free(b);
	assert_true(same_id("scenario: x\ntrace: t.mmt\nbaseline: {label: y}\n"));
	assert_true(same_id("trace: t.mmt\nreplay: {replicates: 3}\ncompare: [{munmap: exclusive}]\n"));
	assert_true(same_id("trace: t.mmt\nmachine: vm-2cpu\nbaseline: {kernel: linux-6.18}\n"));
	assert_false(same_id("trace: none.mmt\n"));
	assert_false(same_id("trace: t.mmt\nseed: 2\n"));
	assert_false(same_id("trace: t.mmt\nreplay: {costs: model}\n"));
	assert_false(same_id("trace: t.mmt\nmachine: {base: vm-2cpu, time_slice_ns: 3000000}\n"));
	assert_false(same_id("trace: t.mmt\nbaseline: {machine.costs.call_rcu_ns: 31}\n"));
	assert_false(same_id("trace: t.mmt\nbaseline: {version: 6.16}\n"));
	assert_false(same_id("trace: t.mmt\nreport: {hung_task_s: 60}\n"));
}

/* The resolved scenario gives the same cells, and resolves to itself. */
static void t_resolved_is_the_scenario(void **state)
{
	struct scenario *a = must_load(
		"trace: t.mmt\nreplay: {replicates: 2}\n"
		"baseline: {kernel: linux-6.12}\n"
		"compare: [{machine: desktop-8cpu, label: \"a \\\"b\\\" \\\\ \\n c\"},"
		" {replay.pacing: open}, {thp: never, machine.hz: 1000},"
		" {version: 6.10}]\n"
		"matrix: {mm_lock: [mm-wide, per-vma], vma_free: [immediate, rcu]}\n"
		"sweep: {machine.costs.call_rcu_ns: [10, 900]}\n", NULL);
	struct scenario *b = must_load(a->resolved_yaml, NULL);

	(void)state;
	assert_int_equal(a->cell_count, b->cell_count);
	for (uint32_t i = 0; i < a->cell_count; i++) {
		assert_string_equal(a->cells[i].label, b->cells[i].label);
		assert_string_equal(a->cells[i].id, b->cells[i].id);
	}
	scenario_free(a);
	scenario_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_profiles_are_complete),
		cmocka_unit_test(t_presets_are_complete),
		cmocka_unit_test(t_presets_by_release),
		cmocka_unit_test(t_nearest_preset),
		cmocka_unit_test(t_stand_ins_warn),
		cmocka_unit_test(t_expands),
		cmocka_unit_test(t_inert_differences_collapse),
		cmocka_unit_test(t_sweeps),
		cmocka_unit_test(t_defaults),
		cmocka_unit_test(t_overrides),
		cmocka_unit_test(t_ids),
		cmocka_unit_test(t_resolved_is_the_scenario),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
