#ifndef MMREPLAY_TRACES_CALIBRATE_PROBE_H
#define MMREPLAY_TRACES_CALIBRATE_PROBE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include "traces/calibrate/calibrate.h"

/* What probes share. A probe runs in a child and leaves samples in memory
 * that the parent sees; the parent makes medians of them. */

enum { CAL_SAMPLES = 32 };

struct cal_samples {
	uint32_t n;
	int64_t ps[CAL_SAMPLES];
	char why[CAL_WHY_BYTES];
};

/** struct cal_shared - mapped by parent and probe */
struct cal_shared {
	struct cal_samples reading[CAL_READINGS];
	struct cal_samples pair[CAL_PAIRS_MAX];
};

/** struct probe - what a probe gets */
struct probe {
	struct cal_shared *out;
	const struct cal_machine *machine;
	const struct cal_pair *pair;
	unsigned pairs;
	int cpu, other;			/* to be pinned to; other is -1 on one CPU */
};

/** probe_add() - one repeat: @total_ns for @count of what the reading is */
void probe_add(struct probe *p, enum cal_reading r, int64_t total_ns,
	       int64_t count);
/** probe_fail() - why there is no such reading; the first reason stays */
void probe_fail(struct probe *p, enum cal_reading r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** probe_errno() - probe_fail() with "CALL: strerror(errno)" */
void probe_errno(struct probe *p, enum cal_reading r, const char *call);

/** cal_median() - of samples; picoseconds */
struct cal_value cal_median(const struct cal_samples *s);

int64_t cal_now_ns(void);		/* CLOCK_MONOTONIC */
/** cal_cpu_ns() - CPU time of the calling thread: other load does not count */
int64_t cal_cpu_ns(void);
void cal_pin(int cpu);			/* the calling thread */
void cal_relax(void);			/* pause */

/* A thread on CPU @cpu; ends the process if it cannot be made. */
struct cal_thread {
	pthread_t thread;
	int cpu;
	void (*fn)(void *arg);
	void *arg;
};
void cal_thread_start(struct cal_thread *t, int cpu, void (*fn)(void *),
		      void *arg);
void cal_thread_join(struct cal_thread *t);

/* futex words */
int cal_futex_wait(atomic_uint *word, unsigned value);
int cal_futex_wake(atomic_uint *word);

/* anonymous mappings; NULL with errno set on failure */
void *cal_map(size_t bytes, int prot);		/* 4 KiB pages only */
void *cal_map_huge(size_t bytes);		/* 2 MiB aligned, MADV_HUGEPAGE */

#define PROBE(id) void probe_##id(struct probe *p);
#include "traces/calibrate/probes.def"
#undef PROBE

#endif
