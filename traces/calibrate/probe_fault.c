/*
 * Probes of page faults and of zapping, 4 KiB pages unless said otherwise.
 * Each repeat maps a fresh region, touches it in order and unmaps it; the
 * first repeat of each only warms up the page allocator.
 * Limits: a hypervisor may back pages only now; the spread shows it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "traces/calibrate/probe.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, PAGES = 4096, TABLE_BYTES = 2 << 20, SPARSE = 2048 };
enum { FIRST_VMAS = 512, HUGE_PAGES = 24, AROUND = 16 };

static int64_t minor_faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

static int64_t touch(char *p, size_t step, size_t count)
{
	int64_t t = cal_cpu_ns();

	for (size_t i = 0; i < count; i++)
		*(volatile char *)(p + i * step) = 1;
	return cal_cpu_ns() - t;
}

static int64_t look(const char *p, size_t step, size_t count)
{
	int64_t t = cal_cpu_ns();

	for (size_t i = 0; i < count; i++)
		(void)*(const volatile char *)(p + i * step);
	return cal_cpu_ns() - t;
}

static int64_t unmap(char *p, size_t bytes)
{
	int64_t t = cal_cpu_ns();

	munmap(p, bytes);
	return cal_cpu_ns() - t;
}

static void anonymous(struct probe *p, bool warm)
{
	char *m = cal_map((size_t)PAGES * PAGE, PROT_READ | PROT_WRITE);
	int64_t ns;

	if (!m)
		return;
	ns = touch(m, PAGE, PAGES);
	if (!warm)
		probe_add(p, CAL_FAULT_ANON, ns, PAGES);
	ns = unmap(m, (size_t)PAGES * PAGE);
	if (!warm)
		probe_add(p, CAL_ZAP, ns, PAGES);
}

static void populate(struct probe *p)
{
	char *m = cal_map((size_t)PAGES * PAGE, PROT_READ | PROT_WRITE);
	int64_t t = cal_cpu_ns();

	if (!m)
		return;
	if (!madvise(m, (size_t)PAGES * PAGE, MADV_POPULATE_WRITE))
		probe_add(p, CAL_POPULATE, cal_cpu_ns() - t, PAGES);
	else
		probe_errno(p, CAL_POPULATE, "MADV_POPULATE_WRITE");
	munmap(m, (size_t)PAGES * PAGE);
}

static void zero_page(struct probe *p)
{
	char *m = cal_map((size_t)PAGES * PAGE, PROT_READ | PROT_WRITE);

	if (!m)
		return;
	probe_add(p, CAL_FAULT_READ, look(m, PAGE, PAGES), PAGES);
	munmap(m, (size_t)PAGES * PAGE);
}

/* A page in each 2 MiB: every fault needs a page table, every zap drops one. */
static void sparse(struct probe *p)
{
	size_t bytes = (size_t)SPARSE * TABLE_BYTES;
	char *m = cal_map(bytes, PROT_READ | PROT_WRITE);

	if (!m)
		return;
	probe_add(p, CAL_FAULT_SPARSE, touch(m, TABLE_BYTES, SPARSE), SPARSE);
	probe_add(p, CAL_ZAP_SPARSE, unmap(m, bytes), SPARSE);
}

void probe_fault(struct probe *p)
{
	cal_pin(p->cpu);
	anonymous(p, true);
	for (int i = 0; i < CAL_REPEATS; i++) {
		anonymous(p, false);
		populate(p);
		zero_page(p);
		sparse(p);
	}
}

/* ---- copy on write, files, first fault of a VMA ---- */

static void cow(struct probe *p)
{
	char *m = cal_map((size_t)PAGES * PAGE, PROT_READ | PROT_WRITE);
	pid_t child;

	if (!m)
		return;
	touch(m, PAGE, PAGES);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	if (child > 0) {
		probe_add(p, CAL_FAULT_COW, touch(m, PAGE, PAGES), PAGES);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	munmap(m, (size_t)PAGES * PAGE);
}

static void file(struct probe *p, int fd)
{
	char *m = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd,
		       0);
	int64_t faults = minor_faults(), ns;

	if (m == MAP_FAILED)
		return;
	ns = look(m, PAGE, PAGES);
	faults = minor_faults() - faults;
	if (faults > 0 && faults <= PAGES / 2)
		probe_add(p, CAL_FAULT_FILE, ns, faults);
	else
		probe_fail(p, CAL_FAULT_FILE, "%lld faults for %d pages: no fault-around",
			   (long long)faults, PAGES);
	munmap(m, (size_t)PAGES * PAGE);
}

/* Two touches in each of many VMAs: what the first one costs more. */
static void first(struct probe *p)
{
	size_t step = 3 * PAGE;
	char *m = cal_map(FIRST_VMAS * step, PROT_NONE);
	int64_t one, two;

	if (!m)
		return;
	for (size_t i = 0; i < FIRST_VMAS; i++)
		mprotect(m + i * step, 2 * PAGE, PROT_READ | PROT_WRITE);
	one = touch(m, step, FIRST_VMAS);
	two = touch(m + PAGE, step, FIRST_VMAS);
	probe_add(p, CAL_FAULT_FIRST, one - two, FIRST_VMAS);
	munmap(m, FIRST_VMAS * step);
}

static int page_cache_file(void)
{
	static char page[PAGE];
	int fd = memfd_create("calibrate", MFD_CLOEXEC);

	for (int i = 0; fd >= 0 && i < PAGES; i++) {
		if (write(fd, page, PAGE) != PAGE) {
			close(fd);
			return -1;
		}
	}
	return fd;
}

void probe_fault_special(struct probe *p)
{
	int fd = page_cache_file();

	cal_pin(p->cpu);
	for (int i = 0; i < CAL_REPEATS; i++) {
		cow(p);
		first(p);
		if (fd >= 0)
			file(p, fd);
	}
	if (fd < 0)
		probe_fail(p, CAL_FAULT_FILE, "no memory file of 16 MiB");
	else
		close(fd);
}

/* ---- 2 MiB pages ---- */

void probe_huge(struct probe *p)
{
	size_t bytes = (size_t)HUGE_PAGES * TABLE_BYTES;
	int64_t ns, faults;
	char *m;

	cal_pin(p->cpu);
	for (int i = 0; i <= CAL_REPEATS; i++) {
		m = cal_map_huge(bytes);
		if (!m)
			break;
		faults = minor_faults();
		ns = touch(m, TABLE_BYTES, HUGE_PAGES);
		look(m, PAGE, bytes / PAGE);
		faults = minor_faults() - faults;
		/* were they small pages, the look would have faulted */
		if (i && faults <= HUGE_PAGES + 2)
			probe_add(p, CAL_FAULT_HUGE, ns, HUGE_PAGES);
		ns = unmap(m, bytes);
		if (i && faults <= HUGE_PAGES + 2)
			probe_add(p, CAL_ZAP_HUGE, ns, HUGE_PAGES);
	}
	probe_fail(p, CAL_FAULT_HUGE, "the kernel gave no transparent huge pages");
	probe_fail(p, CAL_ZAP_HUGE, "the kernel gave no transparent huge pages");
}
