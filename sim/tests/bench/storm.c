/*
 * Far more tasks than CPUs, and many of both: that such runs finish, how fast,
 * and in how much memory. Each once: they take long.
 */
#include <stdio.h>
#include <stdlib.h>
#include "sim/tests/bench/program.h"

#define CPUS_1024 "--set machine=zen5-64core-2s --set machine.topology.sockets=8" \
	" --set machine.cpus_possible=1024 --set machine.cpus=1024 --set kernel=linux-6.12 --set max_map_count=4000000"

static const struct { const char *name, *workload; } storms[] = {
	/* one address space: all of them want its mmap_lock for writing */
	{ "lock-loop-1024cpu-4096task", "mmap-churn threads=4096 window=1 loops=20" },
	{ "storm-1024cpu-1e5task", "thread-storm threads=1000 batch=100 loops=1" },
};

void bench_storm(struct bench *b)
{
	for (size_t i = 0; i < sizeof(storms) / sizeof(storms[0]); i++) {
		struct row rate = { .unit = "M/s" }, mib = { .unit = "MiB" };
		struct outcome o;
		char *trace;
		double x;

		snprintf(rate.name, sizeof(rate.name), "contacts-%s",
			 storms[i].name);
		snprintf(mib.name, sizeof(mib.name), "memory-%s",
			 storms[i].name);
		if (!(bench_wants(b, rate.name) | bench_wants(b, mib.name)))
			continue;
		trace = generate(b, storms[i].workload);
		if (trace && replay(b, trace, CPUS_1024, &o)) {
			x = o.contacts / o.cost.cpu_s / 1e6;
			bench_add(b, &rate, &x, 1);
			bench_add(b, &mib, &o.cost.peak_mib, 1);
		}
		free(trace);
	}
}
