/*
 * Probes of one CPU: locked add, loads, stores, memory, zeroing, copying,
 * the empty system call. Loops are long enough that the clock's cost
 * vanishes; dependent chains keep the CPU from overlapping them.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "traces/calibrate/probe.h"

enum { LOOPS = 400000, CHAIN_LINES = 64, STEPS = 100000, PAGE = 4096 };
#define MIB (1ULL << 20)

static void locked_add(struct probe *p)
{
	static atomic_ulong word;
	int64_t t = cal_cpu_ns();

	for (int i = 0; i < LOOPS; i++)
		atomic_fetch_add(&word, 1);
	probe_add(p, CAL_ATOMIC, cal_cpu_ns() - t, LOOPS);
}

static void load(struct probe *p)
{
	static void *ring[CHAIN_LINES];
	void *volatile sink;
	void **at = (void **)&ring[0];
	int64_t t;

	for (int i = 0; i < CHAIN_LINES; i++)
		ring[i] = &ring[(i + 8) % CHAIN_LINES];
	t = cal_cpu_ns();
	for (int i = 0; i < LOOPS; i++) {
		at = *at;
		__asm__ volatile("" : "+r"(at));
	}
	probe_add(p, CAL_LOAD, cal_cpu_ns() - t, LOOPS);
	sink = at;
	(void)sink;
}

static void store(struct probe *p)
{
	static volatile uint64_t word[8] __attribute__((unused));
	int64_t t = cal_cpu_ns();

	for (uint64_t i = 0; i < LOOPS; i++)
		word[i & 7] = i;
	probe_add(p, CAL_STORE, cal_cpu_ns() - t, LOOPS);
}

static void pause_load(struct probe *p)
{
	static atomic_uint word;
	int64_t t = cal_cpu_ns();

	for (int i = 0; i < LOOPS / 8; i++) {
		cal_relax();
		(void)atomic_load(&word);
	}
	probe_add(p, CAL_PAUSE, cal_cpu_ns() - t, LOOPS / 8);
}

static void empty_call(struct probe *p)
{
	int64_t t = cal_cpu_ns();

	for (int i = 0; i < LOOPS / 4; i++)
		syscall(SYS_getppid);
	probe_add(p, CAL_SYSCALL, cal_cpu_ns() - t, LOOPS / 4);
}

void probe_cpu(struct probe *p)
{
	for (int i = 0; i < CAL_REPEATS; i++) {
		locked_add(p);
		load(p);
		store(p);
		pause_load(p);
		empty_call(p);
	}
}

/* ---- memory ---- */

static void zero(void *to, size_t bytes)
{
#ifdef __x86_64__
	/* what the kernel's clear_page does on CPUs with ERMS */
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(0) : "memory");
#else
	memset(to, 0, bytes);
#endif
}

static void zeroing(struct probe *p, char *buf, char *other, size_t bytes)
{
	size_t half = bytes / 2 / (2 * MIB) * (2 * MIB);

	for (int i = 0; i < CAL_REPEATS; i++) {
		int64_t t = cal_cpu_ns();

		for (size_t at = 0; at < half; at += PAGE)
			zero(buf + at, PAGE);
		probe_add(p, CAL_ZERO_4K, cal_cpu_ns() - t,
			  (int64_t)(half / PAGE));
		t = cal_cpu_ns();
		for (size_t at = 0; at < half; at += 2 * MIB)
			zero(buf + at, 2 * MIB);
		probe_add(p, CAL_ZERO_2M, cal_cpu_ns() - t,
			  (int64_t)(half / (2 * MIB)));
		t = cal_cpu_ns();
		for (size_t at = 0; at < half; at += PAGE)
			memcpy(other + at, buf + at, PAGE);
		probe_add(p, CAL_COPY_4K, cal_cpu_ns() - t,
			  (int64_t)(half / PAGE));
	}
}

/* One random cycle through all lines (Sattolo), so no prefetcher helps. */
static void chase(struct probe *p, char *buf, size_t bytes)
{
	size_t lines = bytes / 64;
	uint64_t s = 88172645463325252ULL;
	void **at;

	for (size_t i = 0; i < lines; i++)
		*(size_t *)(void *)(buf + i * 64) = i;
	for (size_t i = lines - 1; i; i--) {
		size_t *a = (size_t *)(void *)(buf + i * 64), *b, swap;

		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		b = (size_t *)(void *)(buf + s % i * 64);
		swap = *a;
		*a = *b;
		*b = swap;
	}
	for (size_t i = 0; i < lines; i++) {
		size_t next = *(size_t *)(void *)(buf + i * 64);

		*(void **)(void *)(buf + i * 64) = buf + next * 64;
	}
	at = (void **)(void *)buf;
	for (int i = 0; i < CAL_REPEATS; i++) {
		int64_t t = cal_cpu_ns();

		for (int k = 0; k < STEPS; k++) {
			at = *at;
			__asm__ volatile("" : "+r"(at));
		}
		probe_add(p, CAL_MEMORY, cal_cpu_ns() - t, STEPS);
	}
}

static uint64_t available_bytes(void)
{
	long pages = sysconf(_SC_AVPHYS_PAGES);

	return pages > 0 ? (uint64_t)pages * PAGE : 0;
}

void probe_memory(struct probe *p)
{
	uint64_t want = 3 * p->machine->llc_bytes, most = available_bytes() / 4;
	size_t bytes;
	char *buf;

	if (want > 384 * MIB)
		want = 384 * MIB;
	if (want < 64 * MIB)
		want = 64 * MIB;
	if (want > most)
		want = most;
	bytes = (size_t)(want / (4 * MIB) * (4 * MIB));
	buf = bytes ? cal_map_huge(bytes) : NULL;
	if (!buf) {
		for (enum cal_reading r = CAL_MEMORY; r <= CAL_COPY_4K; r++)
			probe_fail(p, r, "less than 16 MiB of memory to spare");
		return;
	}
	memset(buf, 1, bytes);
	zeroing(p, buf, buf + bytes / 2, bytes);
	if (bytes < 2 * p->machine->llc_bytes)
		probe_fail(p, CAL_MEMORY, "last-level cache of %llu MiB is too large for a buffer of %zu MiB",
			   (unsigned long long)(p->machine->llc_bytes / MIB),
			   bytes / (size_t)MIB);
	else
		chase(p, buf, bytes);
	munmap(buf, bytes);
}
