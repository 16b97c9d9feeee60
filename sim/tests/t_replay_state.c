/*
 * The state at the end of a replay against /proc/PID/maps as the captured
 * kernel printed it: sim/tests/data/state/NAME.mmt are captures cut at the
 * instant at which NAME.maps was read (README there). Every range with its
 * protection must be the recorded one, under every kernel and lock.
 *
 * Pinned: ranges, protection, private or shared; residency is the same under
 * every configuration. Not pinned: residency against the kernel (maps has
 * none), file names, where one area ends and an equal one begins.
 */
#include <unistd.h>
#include "sim/policy/registry.h"
#include "sim/tests/t_replay_run.h"

#define DATA "sim/tests/data/state/"

enum { TEXT_MAX = 4 << 20 };

static char *read_text(const char *path)
{
	char *text = xcalloc(1, TEXT_MAX);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	text[fread(text, 1, TEXT_MAX - 1, f)] = '\0';
	fclose(f);
	return text;
}

/** struct joined - equal neighbours made one line */
struct joined {
	FILE *f;
	unsigned long long start, end;
	char prot[5];
};

static void joined_put(struct joined *m, unsigned long long start,
		       unsigned long long end, const char *prot)
{
	if (m->end == start && m->end && !strcmp(m->prot, prot)) {
		m->end = end;
		return;
	}
	if (m->end)
		fprintf(m->f, "%llx-%llx %s\n", m->start, m->end, m->prot);
	m->start = start;
	m->end = end;
	snprintf(m->prot, sizeof(m->prot), "%s", prot);
}

/* The lines of @at up to the next that is no range, as canonical text; what
 * both /proc/PID/maps and mm_final_state() begin with. */
static char *canonical(const char *at)
{
	char *text = NULL;
	size_t bytes;
	struct joined m = { .f = open_memstream(&text, &bytes) };

	while (at && *at) {
		unsigned long long start, end;
		char prot[5] = "";

		if (sscanf(at, "%llx-%llx %4s", &start, &end, prot) != 3)
			break;
		if (start < 1ULL << 47)		/* not the vsyscall page */
			joined_put(&m, start, end, prot);
		at = strchr(at, '\n');
		at += at ? 1 : 0;
	}
	joined_put(&m, 1, 0, "");
	fclose(m.f);
	return text;
}

/* Is there an address space in @state like @maps? */
static bool has_like(const char *state, const char *maps)
{
	bool found = false;

	for (const char *mm = strstr(state, "mm "); mm && !found;
	     mm = strstr(mm + 1, "mm ")) {
		char *mine = canonical(strchr(mm, '\n') + 1);

		found = !strcmp(mine, maps);
		free(mine);
	}
	return found;
}

static unsigned as_recorded(const char *state, const char *maps,
			    const char *what)
{
	unsigned processes = 0;

	for (const char *pid = maps; pid; processes++) {
		char *want = canonical(strchr(pid, '\n') + 1);

		if (!has_like(state, want))
			fail_msg("%s: no address space is as recorded: %.24s",
				 what, pid);
		free(want);
		pid = strstr(pid, "\n# pid");
		if (pid)
			pid++;
	}
	return processes;
}

/* The final state with one value of an axis, or the preset's; NULL: it does not
 * go with the rest of the preset. */
static char *final_state(const char *trace, const char *kernel, enum axis axis,
			 const char *value)
{
	struct tb b = { 0 };
	char path[96], *text;
	struct errbuf e = { 0 };
	struct rig g;

	snprintf(path, sizeof(path), "%.40s/t_replay_state.%ld.txt",
		 getenv("BUILD") ? getenv("BUILD") : "build", (long)getpid());
	b.reader = mmt_open(trace, 0, 0, &e);
	if (!b.reader)
		fail_msg("%s", e.text);
	rig_init(&g, kernel, "linux-6.18");
	if (value) {
		g.kernel.policies.on[axis] = policy_find(axis, value);
		g.kernel.policies.options[axis] = NULL;
	}
	if (policy_check(&g.kernel.policies, &e)) {
		rig_release(&g);
		mmt_close(b.reader);
		return NULL;
	}
	g.c.final_state_path = path;
	rig_run(&g, &b);
	text = read_text(path);
	unlink(path);
	rig_release(&g);
	mmt_close(b.reader);
	return text;
}

/*
 * Between them the captures meet every configuration, one each; with
 * MMREPLAY_LONG each meets all of them.
 */
static const struct run {
	const char *kernel, *lock;
} runs[] = {
	{ "linux-6.18", NULL }, { "linux-4.19", NULL },
	{ "linux-6.12", "range" }, { "linux-6.12", "speculative" },
	{ "linux-6.1", NULL }, { "linux-6.6", NULL },
};

enum { RUNS = sizeof(runs) / sizeof(runs[0]) };

/* @count of the runs, from @first on */
static void each_like(const char *name, unsigned processes, size_t first_run,
		      size_t count)
{
	char trace[128], maps_path[128], *maps, *first = NULL;

	if (getenv("MMREPLAY_LONG"))
		count = RUNS;
	snprintf(trace, sizeof(trace), DATA "%s.mmt", name);
	snprintf(maps_path, sizeof(maps_path), DATA "%s.maps", name);
	maps = read_text(maps_path);
	for (size_t i = 0; i < count; i++) {
		const struct run *run = &runs[(first_run + i) % RUNS];
		char *state = final_state(trace, run->kernel, AXIS_MM_LOCK,
					  run->lock);

		assert_non_null(state);
		assert_int_equal(as_recorded(state, maps, run->kernel),
				 processes);
		if (first && strcmp(first, state))
			fail_msg("%s: other residency under %s", name,
				 run->kernel);
		free(first ? state : NULL);
		first = first ? first : state;
	}
	free(first);
	free(maps);
}

/* Every value of every axis that goes with one of three presets, and the recorded
 * maps at the end of each; without MMREPLAY_LONG the values of munmap alone. */
static void t_every_policy(void **state)
{
	static const char *const presets[] = { "linux-4.19", "linux-6.6",
					       "linux-6.18" };
	char *maps = read_text(DATA "thrstorm2.maps");
	bool all = getenv("MMREPLAY_LONG") != NULL;
	unsigned met = 0, values = 0;

	(void)state;
	for (unsigned a = all ? 0 : AXIS_MUNMAP;
	     a < (all ? AXIS_COUNT : AXIS_MUNMAP + 1); a++) {
		size_t count;
		const char *const *names = policy_names((enum axis)a, &count);

		for (size_t i = 0; i < count; i++) {
			unsigned before = met;

			for (int k = all ? 0 : 2; k < 3; k++) {
				char *end = final_state(DATA "thrstorm2.mmt",
							presets[k],
							(enum axis)a, names[i]);

				if (!end)
					continue;
				assert_int_equal(as_recorded(end, maps,
							     presets[k]), 1);
				met++;
				free(end);
			}
			if (met == before)
				fail_msg("%s=%s goes with none of the presets",
					 axis_names[a], names[i]);
			values++;
		}
	}
	print_message("%u values, %u runs end as recorded\n", values, met);
	free(maps);
}

static void t_threads(void **state)
{
	(void)state;
	each_like("mixtouch", 1, 0, 1);
	each_like("thrstorm2", 1, 1, 1);
	each_like("churn2", 1, 2, 1);
	each_like("pingpong", 1, 3, 1);
}

static void t_forked_processes(void **state)
{
	(void)state;
	each_like("python", 5, 0, 2);
	each_like("redis", 6, 4, 1);
	each_like("make", 9, 5, 1);
}

/* Where a switch takes 50 us, tasks are preempted before they are switched in;
 * time on the run queue is still counted once (checked at each op). */
static void t_preempted_while_switching(void **state)
{
	struct tb b = { 0 };
	struct errbuf e = { 0 };
	struct rig g;

	(void)state;
	b.reader = mmt_open(DATA "thrstorm2.mmt", 0, 0, &e);
	if (!b.reader)
		fail_msg("%s", e.text);
	rig_init(&g, "linux-6.18", "linux-6.18");
	g.profile.cost[COST_CONTEXT_SWITCH].value = 50000;
	rig_run(&g, &b);
	rig_accounts(&g);
	rig_release(&g);
	mmt_close(b.reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_threads),
		cmocka_unit_test(t_every_policy),
		cmocka_unit_test(t_forked_processes),
		cmocka_unit_test(t_preempted_while_switching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
