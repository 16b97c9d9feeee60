/*
 * Pins the exact line and exit status of everything that a scenario, a
 * machine or the command line can have wrong. Lists of known names are cut:
 * they grow with the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "sim/tests/fixture_scenario.h"

static char *folder;

static int setup(void **state)
{
	(void)state;
	folder = fixture_folder();
	fixture_trace(folder, "t.mmt", "6.18.44-x", 2,
		      HAVE_SYSCALLS | HAVE_FAULTS | HAVE_MMAP_LOCK);
	fixture_trace(folder, "bare.mmt", "6.18.44-x", 2, HAVE_SYSCALLS);
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

/* @expected may end in "*": the rest of the line is free. */
static void check_line(const struct errbuf *e, const char *expected, int status)
{
	size_t n = strlen(expected);

	if (expected[n - 1] == '*' ? strncmp(e->text, expected, n - 1) :
				     strcmp(e->text, expected))
		fail_msg("got      %s\nexpected %s", e->text, expected);
	assert_null(strchr(e->text, '\n'));
	assert_int_equal(e->exit_status, status);
}

static void refuse(const char *text, const char *expected)
{
	struct errbuf e = { 0 };

	fixture_file(folder, "s.yaml", text);
	if (scenario_load("s.yaml", NULL, &e))
		fail_msg("was not refused: %s", text);
	check_line(&e, expected, 1);
}

static void refuse_set(const char *set, const char *expected)
{
	struct scenario_overrides o = { .set = &set, .set_count = 1 };
	struct errbuf e = { 0 };

	assert_null(scenario_for_trace("t.mmt", &o, &e));
	check_line(&e, expected, 2);
}

static void refuse_policy(const char *policy, const char *expected)
{
	struct scenario_overrides o = { .policy = &policy, .policy_count = 1 };
	struct errbuf e = { 0 };

	assert_null(scenario_for_trace("t.mmt", &o, &e));
	check_line(&e, expected, 2);
}

static void t_document(void **state)
{
	(void)state;
	refuse("", "s.yaml: empty document");
	refuse("[1]\n", "s.yaml:1:1: expected a map with scenario, trace, baseline, ...");
	refuse("trace: t.mmt\ntrace: t.mmt\n",
	       "s.yaml:2:1: duplicate key 'trace', first at line 1, column 1");
	refuse("trace: &a [*a]\n",
	       "s.yaml:1:12: cyclic alias 'a' inside its own anchor at line 1");
	refuse("trace: t.mmt\n  bad: [1\n",
	       "s.yaml:2:6: mapping values are not allowed in this context");
	refuse("trace: t.mmt\nbaselin: {}\n",
	       "s.yaml:2:1: unknown key of a scenario 'baselin'; did you mean 'baseline'? known: scenario,*");
	refuse("scenario: x\n", "s.yaml: expected trace: FILE.mmt, or generate: {workload: NAME}");
	refuse("generate: {workload: x}\n",
	       "s.yaml:1:11: generate: cannot be used here; expected trace: FILE.mmt");
	refuse("trace: [t.mmt]\n", "s.yaml:1:8: trace: expected one value, not a list");
	refuse("trace: nope.mmt\n", "nope.mmt: open: No such file or directory");
	refuse("trace: t.mmt\nseed: -1\n",
	       "s.yaml:2:7: seed: expected a whole number from 0 to 9223372036854775807, got '-1'");
	refuse("trace: t.mmt\nreport: {hung_task: 1}\n",
	       "s.yaml:2:10: unknown key 'hung_task'; did you mean 'hung_task_s'? known: hung_task_s, series_ms");
}

static void t_no_file(void **state)
{
	struct errbuf e = { 0 };

	(void)state;
	assert_null(scenario_load("nope.yaml", NULL, &e));
	check_line(&e, "nope.yaml: cannot open: No such file or directory", 1);
}

static void t_truncated_trace(void **state)
{
	struct errbuf e = { 0 };

	(void)state;
	fixture_trace(folder, "cut.mmt", "6.18", 2, HAVE_SYSCALLS);
	assert_int_equal(truncate("cut.mmt", 200), 0);
	assert_null(scenario_for_trace("cut.mmt", NULL, &e));
	check_line(&e, "cut.mmt: offset *", 1);
	fixture_file(folder, "text.mmt", "hello\n");
	memset(&e, 0, sizeof(e));
	assert_null(scenario_for_trace("text.mmt", NULL, &e));
	check_line(&e, "text.mmt: offset 0: not a native trace*", 1);
}

static void t_cells(void **state)
{
	(void)state;
	refuse("trace: t.mmt\nbaseline: {mm_lok: per-vma}\n",
	       "s.yaml:2:12: unknown key of a cell 'mm_lok'; did you mean 'mm_lock'? known: mm_lock,*");
	refuse("trace: t.mmt\nbaseline: {mm_lock: per-vmaa}\n",
	       "s.yaml:2:21: unknown mm_lock 'per-vmaa'; did you mean 'per-vma'? known: mm-wide,*");
	refuse("trace: t.mmt\nbaseline: {mm_lock: [per-vma]}\n",
	       "s.yaml:2:21: mm_lock: expected a policy, or {policy: NAME, OPTION: VALUE}");
	refuse("trace: t.mmt\nbaseline: {kernel: linux-6.22}\n",
	       "s.yaml:2:20: unknown kernel 'linux-6.22'; did you mean 'linux-6.2'? known: linux-4.14,*");
	refuse("trace: t.mmt\nbaseline: {version: new}\n",
	       "s.yaml:2:21: version: expected a release like 6.12 or 6.4.3, not 'new'");
	refuse("trace: t.mmt\nbaseline: {fork_copy.batch: 3}\n",
	       "s.yaml:2:12: fork_copy: mt-dup has no options");
	refuse("trace: t.mmt\nbaseline: [munmap]\n",
	       "s.yaml:2:11: expected a map like {munmap: downgrade}");
	refuse("trace: t.mmt\ncompare: {vma_free: immediate}\n",
	       "s.yaml:2:10: compare: expected a list of cells, like - {munmap: downgrade}");
	refuse("trace: t.mmt\nmatrix: {vma_free: immediate}\n",
	       "s.yaml:2:20: matrix: vma_free: expected a list of values, like [a, b]");
	refuse("trace: t.mmt\nmatrix: {seed: [1]}\n",
	       "s.yaml:2:10: unknown key of a cell 'seed'*");
	refuse("trace: t.mmt\nsweep: {machine.cpus: [1, 2, 4]}\n",
	       "s.yaml:2:9: cpus: 4; expected 1 to 2, which is what the topology holds");
	refuse("trace: t.mmt\ncompare:\n - {munmap: exclusive, label: a}\n - {mm_lock: mm-wide, label: a}\n",
	       "s.yaml:4:4: two different cells are labelled 'a'; expected a label: of its own");
}

/* No scenario eats the memory: cells are bounded before they are made. */
static void t_too_many(void **state)
{
	static const char list[] = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text),
		 "trace: t.mmt\nmatrix: {machine.costs.tick_ns: %s, machine.costs.syscall_ns: %s,\n"
		 " machine.costs.atomic_rmw_ns: %s, machine.costs.fault_cow_ns: %s,\n"
		 " machine.costs.call_rcu_ns: %s}\n", list, list, list, list, list);
	refuse(text, "s.yaml:2:9: matrix: more than 10000 combinations");
	refuse("scenario: big\ntrace: t.mmt\nreplay: {replicates: 1000}\n"
	       "matrix: {machine.costs.tick_ns: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10,\n"
	       " 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]}\n",
	       "big: 21000 cells with their replicates; expected at most 20000");
}

static void t_forbidden(void **state)
{
	static const char why[] =
		"mm_lock: per-vma looks areas up without mmap_lock, so an area must outlive an RCU read section; vma_free: immediate does not give that";
	char line[512];

	(void)state;
	snprintf(line, sizeof(line), "s.yaml:2:12: linux-6.12 vma_free=immediate: %s", why);
	refuse("trace: t.mmt\nbaseline: {kernel: linux-6.12, vma_free: immediate}\n", line);
	snprintf(line, sizeof(line), "s.yaml:4:4: vma_free=immediate: %s", why);
	refuse("trace: t.mmt\nbaseline: {kernel: linux-6.12}\ncompare:\n - {vma_free: immediate}\n", line);
	snprintf(line, sizeof(line), "mm_lock=per-vma vma_free=immediate: %s", why);
	refuse_policy("mm_lock=per-vma,vma_free=immediate", line);
	refuse("trace: t.mmt\nbaseline: {rwsem.mmap_lock: 5.1}\n",
	       "s.yaml:2:29: unknown rwsem.mmap_lock '5.1'; did you mean *");
}

static void t_replay(void **state)
{
	(void)state;
	refuse("trace: t.mmt\nreplay: {pacing: openn}\n",
	       "s.yaml:2:18: unknown pacing 'openn'; did you mean 'open'? known: closed, open");
	refuse("trace: t.mmt\nreplay: {pace: open}\n",
	       "s.yaml:2:10: unknown key 'pace'*");
	refuse("trace: t.mmt\nreplay: {replicates: 0}\n",
	       "s.yaml:2:22: replicates: expected a whole number*");
	refuse("trace: bare.mmt\nreplay: {costs: recorded}\n",
	       "s.yaml:2:17: costs: recorded cannot be used with bare.mmt: without mmap_lock events a duration cannot be split into waiting and work; expected costs: model");
}

static void refuse_machine(const char *fields, const char *expected)
{
	char text[1024];

	snprintf(text, sizeof(text), "trace: t.mmt\nmachine: {base: vm-2cpu, %s}\n",
		 fields);
	refuse(text, expected);
}

static void t_machine(void **state)
{
	(void)state;
	refuse("trace: t.mmt\nmachine: vm-3cpu\n",
	       "s.yaml:2:10: unknown machine 'vm-3cpu'; did you mean 'vm-2cpu'? known: desktop-8cpu,*");
	refuse("trace: t.mmt\nmachine: {machine: x, cpus: 1}\n",
	       "s.yaml:2:10: machine: expected description as well");
	refuse_machine("cpus: 0", "s.yaml:2:32: cpus: expected a whole number*");
	refuse_machine("cpus: 3",
		       "s.yaml:2:32: cpus: 3; expected 1 to 2, which is what the topology holds");
	refuse_machine("cpus_possible: 1",
		       "s.yaml:2:41: cpus_possible: 1; expected at least the 2 of cpus");
	refuse_machine("topology: {sockets: 4000}",
		       "s.yaml:2:36: topology: 8000 CPUs; expected 1 to 4096");
	refuse_machine("topology: {sockets: 0}",
		       "s.yaml:2:46: sockets: expected a whole number*");
	refuse_machine("topology: {cores_per_llc: 1}",
		       "s.yaml:2:36: cpus: 2; expected 1 to 1, which is what the topology holds");
	refuse_machine("topology: {socket: 1}",
		       "s.yaml:2:37: unknown key 'socket'; did you mean 'sockets'?*");
	refuse_machine("line_bytes: 96", "s.yaml:2:38: line_bytes: 96; expected 64 or 128");
	refuse_machine("speed: 3", "s.yaml:2:26: unknown key of a machine 'speed'*");
	refuse_machine("costs: {tick_ns: 3}",
		       "s.yaml:2:43: tick_ns: expected {value: N, source: \"...\", class: measured | published | derived | assumed}");
	refuse_machine("costs: {tick_ns: {value: -3, class: measured, source: x}}",
		       "s.yaml:2:51: tick_ns: expected nanoseconds, 0 to 10^12, not '-3'");
	refuse_machine("costs: {tick_n: {value: 3, class: measured, source: x}}",
		       "s.yaml:2:34: unknown cost 'tick_n'; did you mean 'tick_ns'?*");
	refuse_machine("costs: {tick_ns: {value: 3, class: guessed, source: x}}",
		       "s.yaml:2:61: unknown class of a cost 'guessed'; known: measured, published, derived, assumed");
	refuse_machine("costs: {tick_ns: {value: 3, class: measured, source: ' '}}",
		       "s.yaml:2:79: tick_ns: expected where the value comes from, not nothing");
	refuse_machine("costs: {tick_ns: {value: 3, class: measured}}",
		       "s.yaml:2:43: tick_ns: expected a source");
	refuse_machine("costs: {tick_ns: {value: 3, class: assumed, source: x}}",
		       "s.yaml:2:43: tick_ns: expected range: [low, high], as the class is assumed");
	refuse_machine("costs: {tick_ns: {value: 3, class: assumed, source: x, range: [4, 5]}}",
		       "s.yaml:2:88: tick_ns: expected a range around the value, 3");
}

/* A profile file that lacks one cost names it. */
static void t_missing_cost(void **state)
{
	struct scenario *s;
	struct errbuf e = { 0 };
	char *text, *from, *to;

	(void)state;
	fixture_file(folder, "s.yaml", "trace: t.mmt\n");
	s = scenario_load("s.yaml", NULL, &e);
	assert_non_null(s);
	text = strdup(strstr(s->resolved_yaml, "\nmachine:\n") + 1);
	scenario_free(s);
	from = strstr(text, "    tick_ns:");
	assert_non_null(from);
	to = strchr(from, '\n') + 1;
	memmove(from, to, strlen(to) + 1);
	memmove(text, text + 9, strlen(text + 9) + 1);	/* its own document */
	fixture_file(folder, "m.yaml", text);
	free(text);
	refuse("trace: t.mmt\nmachine: ./m.yaml\n",
	       "./m.yaml:13:5: costs: expected tick_ns as well (scheduler tick)");
}

static void t_command_line(void **state)
{
	(void)state;
	refuse_set("munmap", "--set munmap: expected key=value");
	refuse_set("foo=1", "--set foo=1: unknown key 'foo'; known: scenario,*");
	refuse_set("replay.foo=1", "--set replay.foo=1: unknown key 'foo'; known: *");
	refuse_set("mm_lock=x", "--set mm_lock=x: unknown mm_lock 'x'; known: mm-wide,*");
	refuse_set("machine=x", "--set machine=x: unknown machine 'x'; known: desktop-8cpu,*");
	refuse_set("machine.cpus=9",
		   "--set machine.cpus=9: cpus: 9; expected 1 to 2, which is what the topology holds");
	refuse_set("seed=x", "--set seed=x: seed: expected a whole number*");
	refuse_set("report.x=1", "--set report.x=1: unknown key 'x'; known: hung_task_s, series_ms");
	refuse_set("version=new", "--set version=new: version: expected a release like 6.12 or 6.4.3, not 'new'");
	refuse_set("kernel=linux-9", "--set kernel=linux-9: unknown kernel 'linux-9'*");
	refuse_policy("mm_lock=x", "--policy mm_lock=x: unknown mm_lock 'x'; known: mm-wide,*");
	refuse_policy("foo=x", "--policy foo=x: unknown key of a cell 'foo'; known: mm_lock,*");
	refuse_policy("mm_lock", "--policy mm_lock: expected key=value");
	refuse_policy("", "--policy: expected axis=value,...");
}

/* A machine's file: beside the scenario that names it, or where --set is typed. */
static void t_machine_by_file(void **state)
{
	static const char *const set = "machine=./none.yaml";
	struct scenario_overrides o = { .set = &set, .set_count = 1 };
	struct errbuf e = { 0 };

	(void)state;
	assert_int_equal(mkdir("sub", 0777), 0);
	fixture_file(folder, "sub/s.yaml", "trace: ../t.mmt\nmachine: ./none.yaml\n");
	assert_null(scenario_load("sub/s.yaml", NULL, &e));
	check_line(&e, "sub/./none.yaml: cannot open: No such file or directory", 1);
	memset(&e, 0, sizeof(e));
	assert_null(scenario_load("sub/s.yaml", &o, &e));
	check_line(&e, "--set machine=./none.yaml: ./none.yaml: cannot open: No such file or directory", 2);
	assert_int_equal(unlink("sub/s.yaml"), 0);
	assert_int_equal(rmdir("sub"), 0);
}

/* The block of another file: its points, or what is wrong with it. */
static void t_published_by_file(void **state)
{
	struct errbuf e = { 0 };
	struct scenario *s;

	(void)state;
	fixture_file(folder, "p.yaml",
		     "published: {result: r, family: f, source: s, quantity: run.makespan_ns, points: [{x: 1, before: 2, after: 3}]}\n");
	fixture_file(folder, "q.yaml", "trace: t.mmt\n");
	fixture_file(folder, "s.yaml", "trace: t.mmt\npublished: p.yaml\n");
	s = scenario_load("s.yaml", NULL, &e);
	assert_non_null(s);
	assert_int_equal(s->published->point_count, 1);
	assert_true(s->published->points[0].after == 3);
	scenario_free(s);
	refuse("trace: t.mmt\npublished: q.yaml\n",
	       "s.yaml:2:12: published: expected 'q.yaml' to be a scenario with published:");
	refuse("trace: t.mmt\npublished: none.yaml\n", "./none.yaml: *");
	refuse("trace: t.mmt\npublished: [p.yaml]\n",
	       "s.yaml:2:12: published: expected a map of result*");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_document), cmocka_unit_test(t_no_file),
		cmocka_unit_test(t_truncated_trace), cmocka_unit_test(t_cells),
		cmocka_unit_test(t_too_many), cmocka_unit_test(t_forbidden), cmocka_unit_test(t_replay),
		cmocka_unit_test(t_machine), cmocka_unit_test(t_missing_cost),
		cmocka_unit_test(t_command_line),
		cmocka_unit_test(t_machine_by_file),
		cmocka_unit_test(t_published_by_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
