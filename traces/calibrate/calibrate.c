/*
 * Runs the probes, each in a child of its own with a time limit, and makes
 * medians of what they leave in shared memory.
 *
 * Invariant: a probe that crashes, hangs or is killed costs its own readings
 * only; children die with this process (PR_SET_PDEATHSIG), so nothing is
 * left running and nothing of this process (affinity, heap, mappings) is
 * changed. Time: about 20 s on two CPUs that are otherwise idle; at most LIMIT_MS a probe.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/mem.h"
#include "traces/calibrate/costs.h"
#include "traces/calibrate/topology.h"

enum { LIMIT_MS = 12000, POLL_MS = 5, CPUS_MAX = 4096 };

static const struct {
	const char *name;
	void (*run)(struct probe *p);
} probes[] = {
#define PROBE(id) { #id, probe_##id },
#include "traces/calibrate/probes.def"
#undef PROBE
};

enum { PROBES = sizeof(probes) / sizeof(probes[0]) };

static const struct {
	const char *probe, *key, *what;
} readings[CAL_READINGS] = {
#define READING(id, probe, key, what) { #probe, key, what },
#include "traces/calibrate/readings.def"
#undef READING
};

const char *calibrate_reading(enum cal_reading r, const char **what)
{
	if (what)
		*what = readings[r].what;
	return readings[r].key;
}

/* ---- CPUs ---- */

static unsigned usable_cpus(unsigned *cpu, unsigned max)
{
	size_t bytes = CPU_ALLOC_SIZE(CPUS_MAX);
	cpu_set_t *set = CPU_ALLOC(CPUS_MAX);
	unsigned n = 0;

	if (!set)
		return 0;
	CPU_ZERO_S(bytes, set);
	if (!sched_getaffinity(0, bytes, set))
		for (unsigned i = 0; i < CPUS_MAX && n < max; i++)
			if (CPU_ISSET_S(i, bytes, set))
				cpu[n++] = i;
	CPU_FREE(set);
	return n;
}

/* The nearest CPU that is a core of its own; an SMT sibling only if need be. */
static int nearest_other(const unsigned *cpu, unsigned n)
{
	static const enum cal_distance order[] = { CAL_LLC, CAL_SOCKET,
						   CAL_REMOTE, CAL_SMT };

	for (unsigned d = 0; d < 4; d++)
		for (unsigned i = 1; i < n; i++)
			if (cal_distance(cpu[0], cpu[i]) == order[d])
				return (int)cpu[i];
	return -1;
}

/* All pairs of few CPUs; of many, pairs with steps through all distances. */
static void choose_pairs(struct calibration *c, const unsigned *cpu, unsigned n)
{
	for (unsigned far = 1; far < n && c->pairs < CAL_PAIRS_MAX; far++) {
		/* of 64 pairs each distance in CPU number gets its part */
		unsigned step = n <= 11 ? 1 : n / 2;

		for (unsigned i = 0; i + far < n && c->pairs < CAL_PAIRS_MAX;
		     i += step) {
			struct cal_pair *p = &c->pair[c->pairs++];

			*p = (struct cal_pair){ .a = cpu[i], .b = cpu[i + far] };
			p->distance = cal_distance(p->a, p->b);
		}
		if (n > 11 && far > 4)
			far += n / 24;
	}
}

/* ---- running a probe ---- */

static void in_child(unsigned i, struct probe *p)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	probes[i].run(p);
	_exit(0);
}

/* Empty if the child went well, else what became of it. */
static const char *reap(pid_t child, char *why, size_t bytes)
{
	struct timespec nap = { .tv_nsec = POLL_MS * 1000000 };
	int status = 0;

	for (int ms = 0; waitpid(child, &status, WNOHANG) == 0; ms += POLL_MS) {
		if (ms >= LIMIT_MS) {
			kill(child, SIGKILL);
			waitpid(child, NULL, 0);
			snprintf(why, bytes, "took more than %d s", LIMIT_MS / 1000);
			return why;
		}
		nanosleep(&nap, NULL);
	}
	if (WIFSIGNALED(status))
		snprintf(why, bytes, "killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		snprintf(why, bytes, "ended with status %d", WEXITSTATUS(status));
	else
		return "";
	return why;
}

static bool run_probe(unsigned i, struct probe *p)
{
	char why[64];
	const char *bad;
	pid_t child = fork();

	if (!child)
		in_child(i, p);
	if (child < 0)
		snprintf(why, sizeof(why), "fork: %s", strerror(errno));
	bad = child < 0 ? why : reap(child, why, sizeof(why));
	for (int r = 0; *bad && r < CAL_READINGS; r++) {
		struct cal_samples *s = &p->out->reading[r];

		if (!strcmp(readings[r].probe, probes[i].name) && !s->n && !*s->why)
			snprintf(s->why, sizeof(s->why), "the probe %s", bad);
	}
	return !*bad;
}

static void collect(struct calibration *c, const struct cal_shared *s)
{
	const struct cal_value *near = &c->reading[CAL_NEIGHBOUR_64];
	const struct cal_value *far = &c->reading[CAL_NEIGHBOUR_256];

	for (int r = 0; r < CAL_READINGS; r++)
		c->reading[r] = cal_median(&s->reading[r]);
	for (unsigned i = 0; i < c->pairs; i++)
		c->pair[i].transfer = cal_median(&s->pair[i]);
	/* neighbours slow each other down: lines are fetched in pairs */
	if (near->known && far->known && near->median_ps > 3 * far->median_ps / 2)
		c->machine.line_bytes = 128;
}

int calibrate_run(const struct calibrate_options *o, struct calibration *out,
		  struct errbuf *e)
{
	struct cal_shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned *cpu, n, good = 0;
	struct probe p = { 0 };

	*out = (struct calibration){ 0 };
	if (s == MAP_FAILED)
		return err_sys(e, "calibrate", "shared memory");
	cpu = xcalloc(CPUS_MAX, sizeof(*cpu));
	n = usable_cpus(cpu, CPUS_MAX);
	cal_machine_read(&out->machine);
	choose_pairs(out, cpu, n);
	p = (struct probe){ .out = s, .machine = &out->machine,
			    .pair = out->pair, .pairs = out->pairs,
			    .cpu = n ? (int)cpu[0] : 0,
			    .other = nearest_other(cpu, n) };
	for (unsigned i = 0; i < PROBES; i++) {
		if (o->progress)
			o->progress(o->progress_arg, probes[i].name, i, PROBES);
		good += run_probe(i, &p);
	}
	collect(out, s);
	munmap(s, sizeof(*s));
	free(cpu);
	cal_costs(out, o);
	if (!good)
		return err_set(e, -EIO, "calibrate: no probe could run");
	return 0;
}

void calibrate_release(struct calibration *c)
{
	free(c->cost);
	c->cost = NULL;
	c->costs = 0;
}
