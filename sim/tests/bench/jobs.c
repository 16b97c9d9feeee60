/*
 * Two cells at a time against one: wall time of 16 equal cells with --jobs 2,
 * as a share of --jobs 1, in interleaved pairs. Beside it what this machine
 * gives two processes that share nothing: half of that is not the program's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/mem.h"
#include "sim/tests/bench/program.h"

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void spin(void)
{
	volatile uint64_t x = 1;

	for (int i = 0; i < 200000000; i++)
		x += (uint64_t)i;
	_exit(x == 0);
}

static void start(void)
{
	pid_t pid = fork();

	if (pid < 0)
		bench_die("fork failed");
	if (!pid)
		spin();
}

/* Two loops beside each other, against one after the other. */
static double host_share(void)
{
	double both_s, one_s = now_s();

	for (int i = 0; i < 2; i++) {
		start();
		wait(NULL);
	}
	one_s = now_s() - one_s;
	both_s = now_s();
	start();
	start();
	wait(NULL);
	wait(NULL);
	return (now_s() - both_s) / one_s;
}

static double cells_s(struct bench *b, const char *trace, int jobs)
{
	char *folder = xasprintf("%s/jobs.%d", b->dir, (int)getpid());
	struct cost cost, ignored;
	int status = run_words(&cost,
		"%s run %s -o %s -q --jobs %d --set replay.replicates=16"
		" --set machine=threadripper-3970x --set kernel=linux-6.12",
		b->program, trace, folder, jobs);

	run_words(&ignored, "rm -rf %s", folder);
	free(folder);
	if (!status)
		return cost.wall_s;
	b->broken++;
	return 0;
}

void bench_jobs(struct bench *b)
{
	const struct row host = { .name = "jobs-2-bare-loops", .unit = "share" };
	const struct row cells = { .name = "jobs-2-of-16-cells", .unit = "share",
				   .beside = "jobs-2-bare-loops", .target = 0.55 };
	double share[BENCH_RUNS_MAX], bare[BENCH_RUNS_MAX];
	char *trace;

	if (!(bench_wants(b, host.name) | bench_wants(b, cells.name)) ||
	    sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	trace = generate(b, "pft-threads threads=64 pages=1000");
	for (unsigned int i = 0; trace && i < b->runs; i++) {
		double one_s = cells_s(b, trace, 1);
		double two_s = cells_s(b, trace, 2);

		if (!(one_s > 0 && two_s > 0))
			goto out;
		share[i] = two_s / one_s;
		bare[i] = host_share();
	}
	if (trace) {
		bench_add(b, &host, bare, b->runs);
		bench_add(b, &cells, share, b->runs);
	}
out:
	free(trace);
}
