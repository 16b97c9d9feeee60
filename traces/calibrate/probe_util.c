/*
 * What probes are made of: samples, clock, pinning, threads, mappings.
 * Invariant: nothing here outlives the probe's process.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "traces/calibrate/probe.h"

enum { THREAD_FAILED = 3, HUGE_BYTES = 2 << 20 };

static void sample(struct cal_samples *s, int64_t ps)
{
	if (s->n < CAL_SAMPLES)
		s->ps[s->n++] = ps;
}

void probe_add(struct probe *p, enum cal_reading r, int64_t total_ns,
	       int64_t count)
{
	if (count > 0)
		sample(&p->out->reading[r], total_ns * 1000 / count);
}

void probe_fail(struct probe *p, enum cal_reading r, const char *fmt, ...)
{
	struct cal_samples *s = &p->out->reading[r];
	va_list ap;

	if (*s->why)
		return;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
}

void probe_errno(struct probe *p, enum cal_reading r, const char *call)
{
	probe_fail(p, r, "%s: %s", call, strerror(errno));
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

struct cal_value cal_median(const struct cal_samples *s)
{
	int64_t ps[CAL_SAMPLES];
	uint32_t n = s->n < CAL_SAMPLES ? s->n : CAL_SAMPLES;
	/* an eighth off each end: a repeat that was disturbed is no spread */
	uint32_t off = n > 4 ? (n + 7) / 8 : 0;
	struct cal_value v = { 0 };

	if (!n) {
		snprintf(v.why, sizeof(v.why), "%s",
			 *s->why ? s->why : "the probe gave no value");
		return v;
	}
	memcpy(ps, s->ps, n * sizeof(*ps));
	qsort(ps, n, sizeof(*ps), by_value);
	v.known = true;
	v.median_ps = ps[n / 2];
	v.low_ps = ps[off];
	v.high_ps = ps[n - 1 - off];
	return v;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t cal_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t cal_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void cal_pin(int cpu)
{
	size_t bytes = CPU_ALLOC_SIZE((size_t)cpu + 1);
	cpu_set_t *set = CPU_ALLOC((size_t)cpu + 1);

	if (!set)
		return;
	CPU_ZERO_S(bytes, set);
	CPU_SET_S((size_t)cpu, bytes, set);
	sched_setaffinity(0, bytes, set);
	CPU_FREE(set);
}

void cal_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void *thread_main(void *arg)
{
	struct cal_thread *t = arg;

	cal_pin(t->cpu);
	t->fn(t->arg);
	return NULL;
}

void cal_thread_start(struct cal_thread *t, int cpu, void (*fn)(void *),
		      void *arg)
{
	*t = (struct cal_thread){ .cpu = cpu, .fn = fn, .arg = arg };
	if (pthread_create(&t->thread, NULL, thread_main, t))
		_exit(THREAD_FAILED);
}

void cal_thread_join(struct cal_thread *t)
{
	pthread_join(t->thread, NULL);
}

int cal_futex_wait(atomic_uint *word, unsigned value)
{
	return (int)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL,
			    NULL, 0);
}

int cal_futex_wake(atomic_uint *word)
{
	return (int)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL,
			    0);
}

void *cal_map(size_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

void *cal_map_huge(size_t bytes)
{
	char *p = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *start;

	if (p == MAP_FAILED)
		return NULL;
	start = (char *)(((uintptr_t)p + HUGE_BYTES - 1) &
			 ~(uintptr_t)(HUGE_BYTES - 1));
	if (start != p)
		munmap(p, (size_t)(start - p));
	munmap(start + bytes, (size_t)(p + HUGE_BYTES - start));
	madvise(start, bytes, MADV_HUGEPAGE);
	return start;
}
