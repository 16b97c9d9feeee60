/*
 * Probes of mmap and its relatives on areas without pages, and of what a
 * page that is there adds.
 *
 * Areas that must not merge differ in protection from their neighbours.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "traces/calibrate/probe.h"

enum { PAGE = 4096, MAPS = 512, CALLS = 1000, PAGES = 4096 };

static void map_and_unmap(struct probe *p)
{
	static void *m[MAPS];
	int64_t t = cal_cpu_ns();

	for (int i = 0; i < MAPS; i++)
		m[i] = mmap(NULL, PAGE, i & 1 ? PROT_READ : PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	probe_add(p, CAL_MMAP, cal_cpu_ns() - t, MAPS);
	t = cal_cpu_ns();
	for (int i = 0; i < MAPS; i++)
		munmap(m[i], PAGE);
	probe_add(p, CAL_MUNMAP, cal_cpu_ns() - t, MAPS);
}

static void advise(struct probe *p)
{
	char *m = cal_map(PAGE, PROT_READ | PROT_WRITE);
	int64_t t = cal_cpu_ns();

	if (!m)
		return;
	for (int i = 0; i < CALLS; i++)
		madvise(m, PAGE, MADV_DONTNEED);
	probe_add(p, CAL_MADVISE, cal_cpu_ns() - t, CALLS);
	munmap(m, PAGE);
}

/* This process is a child with a heap of its own; malloc is not called
 * between the two calls. */
static void grow_brk(struct probe *p)
{
	long end = syscall(SYS_brk, 0);
	int64_t sum = 0;

	for (int i = 0; i < CALLS / 4; i++) {
		int64_t t = cal_cpu_ns();
		long got = syscall(SYS_brk, end + PAGE);

		sum += cal_cpu_ns() - t;
		if (got != end + PAGE) {
			probe_fail(p, CAL_BRK, "the heap cannot grow");
			return;
		}
		syscall(SYS_brk, end);
	}
	probe_add(p, CAL_BRK, sum, CALLS / 4);
}

static void lock_page(struct probe *p)
{
	char *m = cal_map(PAGE, PROT_READ | PROT_WRITE);
	int64_t sum = 0;

	if (!m)
		return;
	for (int i = 0; i < CALLS / 4; i++) {
		int64_t t = cal_cpu_ns();

		if (syscall(SYS_mlock2, m, PAGE, 1)) {
			probe_errno(p, CAL_MLOCK, "mlock2");
			sum = 0;
			break;
		}
		sum += cal_cpu_ns() - t;
		munlock(m, PAGE);
	}
	if (sum)
		probe_add(p, CAL_MLOCK, sum, CALLS / 4);
	munmap(m, PAGE);
}

void probe_map(struct probe *p)
{
	cal_pin(p->cpu);
	for (int i = 0; i < CAL_REPEATS; i++) {
		map_and_unmap(p);
		advise(p);
		grow_brk(p);
		lock_page(p);
	}
}

/* ---- mprotect ---- */

/* Three pages between holes, so that nothing outside can merge. */
static char *island(char **all)
{
	char *m = cal_map(5 * PAGE, PROT_READ | PROT_WRITE);

	if (!m)
		return NULL;
	munmap(m, PAGE);
	munmap(m + 4 * PAGE, PAGE);
	*all = m;
	return m + PAGE;
}

static void whole_and_parts(struct probe *p)
{
	char *all = NULL, *m = island(&all);
	int64_t t, split = 0, merge = 0;

	if (!m)
		return;
	t = cal_cpu_ns();
	for (int i = 0; i < CALLS; i++)
		mprotect(m, 3 * PAGE, i & 1 ? PROT_READ | PROT_WRITE : PROT_READ);
	probe_add(p, CAL_MPROTECT, cal_cpu_ns() - t, CALLS);
	for (int i = 0; i < CALLS / 4; i++) {
		t = cal_cpu_ns();
		mprotect(m + PAGE, PAGE, PROT_READ);
		split += cal_cpu_ns() - t;
		t = cal_cpu_ns();
		mprotect(m + PAGE, PAGE, PROT_READ | PROT_WRITE);
		merge += cal_cpu_ns() - t;
	}
	probe_add(p, CAL_SPLIT, split, CALLS / 4);
	probe_add(p, CAL_MERGE, merge, CALLS / 4);
	munmap(all, 5 * PAGE);
}

static void resident(struct probe *p)
{
	char *m = cal_map((size_t)PAGES * PAGE, PROT_READ | PROT_WRITE);
	int64_t t;

	if (!m)
		return;
	for (size_t i = 0; i < PAGES; i++)
		*(volatile char *)(m + i * PAGE) = 1;
	t = cal_cpu_ns();
	mprotect(m, (size_t)PAGES * PAGE, PROT_READ);
	probe_add(p, CAL_PROTECT_PAGE, cal_cpu_ns() - t, PAGES);
	munmap(m, (size_t)PAGES * PAGE);
}

void probe_protect(struct probe *p)
{
	cal_pin(p->cpu);
	for (int i = 0; i < CAL_REPEATS; i++) {
		whole_and_parts(p);
		resident(p);
	}
}

/* ---- mremap ---- */

static void move_untouched(struct probe *p)
{
	char *m = cal_map(8 * PAGE, PROT_NONE), *at, *to;
	int64_t t;

	if (!m)
		return;
	at = m + PAGE;
	to = m + 5 * PAGE;
	mprotect(at, PAGE, PROT_READ | PROT_WRITE);
	munmap(to, PAGE);
	t = cal_cpu_ns();
	for (int i = 0; i < CALLS / 2; i++) {
		char *swap = at;

		if (mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to) {
			probe_errno(p, CAL_MREMAP, "mremap");
			munmap(m, 8 * PAGE);
			return;
		}
		at = to;
		to = swap;
	}
	probe_add(p, CAL_MREMAP, cal_cpu_ns() - t, CALLS / 2);
	munmap(m, 8 * PAGE);
}

/* One page off a 2 MiB boundary on one side only: whole tables cannot move. */
static void move_resident(struct probe *p)
{
	size_t bytes = (size_t)PAGES * PAGE;
	char *m = cal_map_huge(3 * bytes), *from, *to;
	int64_t t;

	if (!m)
		return;
	madvise(m, 3 * bytes, MADV_NOHUGEPAGE);
	from = m;
	to = m + 2 * bytes - PAGE;
	for (size_t i = 0; i < PAGES; i++)
		*(volatile char *)(from + i * PAGE) = 1;
	t = cal_cpu_ns();
	if (mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to)
		probe_add(p, CAL_MOVE_PAGE, cal_cpu_ns() - t, PAGES);
	else
		probe_errno(p, CAL_MOVE_PAGE, "mremap");
	munmap(m, 3 * bytes);
}

void probe_move(struct probe *p)
{
	cal_pin(p->cpu);
	for (int i = 0; i < CAL_REPEATS; i++) {
		move_untouched(p);
		move_resident(p);
	}
}
