/*
 * Probes of processes: fork and exit by number of areas and pages, threads,
 * /proc readers, process_vm_readv, the RCU grace period.
 *
 * Slopes are differences of two sizes over the difference in size, so what
 * the probe itself has cancels out.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "traces/calibrate/probe.h"

enum { PAGE = 4096, VMAS = 8000, FORK_PAGES = 16384, FORKS = 5 };
enum { STACK_BYTES = 256 << 10, THREADS = 40, READS = 200, IOV = 512 };

/* @n areas of a page that do not merge; NULL if there is no room. */
static char *many_vmas(size_t n)
{
	char *m = cal_map(2 * n * PAGE, PROT_NONE);

	for (size_t i = 0; m && i < n; i++) {
		if (!mprotect(m + 2 * i * PAGE, PAGE, PROT_READ))
			continue;
		munmap(m, 2 * n * PAGE);
		return NULL;
	}
	return m;
}

/* CPU time of fork() in the parent, and of all that the child does: exit. */
static void fork_once(int64_t *fork_ns, int64_t *exit_ns)
{
	struct rusage u;
	int go[2];
	int64_t t;
	pid_t child;
	char c = 0;

	*fork_ns = *exit_ns = -1;
	if (pipe(go))
		return;
	t = cal_cpu_ns();
	child = fork();
	if (!child) {
		close(go[1]);
		_exit(read(go[0], &c, 1) < 0);
	}
	*fork_ns = cal_cpu_ns() - t;
	close(go[0]);
	close(go[1]);
	if (child > 0 && wait4(child, NULL, 0, &u) == child)
		*exit_ns = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL +
			   (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
	else
		*fork_ns = -1;
}

static int by_ns(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Medians of a few. */
static void forks(int64_t *fork_ns, int64_t *exit_ns)
{
	int64_t f[FORKS], x[FORKS];

	for (int i = 0; i < FORKS; i++)
		fork_once(&f[i], &x[i]);
	qsort(f, FORKS, sizeof(*f), by_ns);
	qsort(x, FORKS, sizeof(*x), by_ns);
	*fork_ns = f[FORKS / 2];
	*exit_ns = x[FORKS / 2];
}

/* Areas and resident pages of this process, as the kernel counts them. */
static void own_size(int64_t *areas, int64_t *resident)
{
	char line[512];
	long size, rss;
	FILE *f = fopen("/proc/self/maps", "re");

	*areas = *resident = 0;
	while (f && fgets(line, sizeof(line), f))
		++*areas;
	if (f)
		fclose(f);
	f = fopen("/proc/self/statm", "re");
	if (f && fscanf(f, "%ld %ld", &size, &rss) == 2)
		*resident = rss;
	if (f)
		fclose(f);
}

void probe_fork(struct probe *p)
{
	int64_t none, vmas, pages, exit_none, exit_vmas, ignored, areas, rss;
	char *m;

	cal_pin(p->cpu);
	own_size(&areas, &rss);
	for (int i = 0; i < CAL_REPEATS; i++) {
		vmas = pages = 0;
		forks(&none, &exit_none);
		m = many_vmas(VMAS / 2);
		if (m) {
			forks(&vmas, &exit_vmas);
			probe_add(p, CAL_FORK_VMA, vmas - none, VMAS);
			probe_add(p, CAL_EXIT_VMA, exit_vmas - exit_none, VMAS);
			munmap(m, (size_t)VMAS * PAGE);
		}
		m = cal_map((size_t)FORK_PAGES * PAGE, PROT_READ | PROT_WRITE);
		for (size_t k = 0; m && k < FORK_PAGES; k++)
			*(volatile char *)(m + k * PAGE) = 1;
		if (m) {
			forks(&pages, &ignored);
			probe_add(p, CAL_FORK_PAGE, pages - none, FORK_PAGES);
			munmap(m, (size_t)FORK_PAGES * PAGE);
		}
		/* file pages are not copied: the part of them is overrated */
		if (vmas > none && pages > none)
			probe_add(p, CAL_FORK, none -
				  (vmas - none) * areas / VMAS -
				  (pages - none) * rss / FORK_PAGES, 1);
	}
	probe_fail(p, CAL_FORK_VMA, "vm.max_map_count leaves no %d areas", VMAS);
	probe_fail(p, CAL_EXIT_VMA, "vm.max_map_count leaves no %d areas", VMAS);
}

/* ---- threads, /proc, process_vm_readv ---- */

static void *nothing(void *arg)
{
	return arg;
}

static void threads(struct probe *p)
{
	void *stack = cal_map(STACK_BYTES, PROT_READ | PROT_WRITE);
	pthread_attr_t attr;
	int64_t sum = 0;
	pthread_t t;

	if (!stack || pthread_attr_init(&attr))
		return;
	pthread_attr_setstack(&attr, stack, STACK_BYTES);
	for (int i = 0; i < THREADS; i++) {
		int64_t start = cal_cpu_ns();

		if (pthread_create(&t, &attr, nothing, NULL))
			break;
		sum += cal_cpu_ns() - start;
		pthread_join(t, NULL);
	}
	probe_add(p, CAL_CLONE, sum, THREADS);
	pthread_attr_destroy(&attr);
	munmap(stack, STACK_BYTES);
}

/* Time to read a file of /proc to its end; -1 if it cannot be read. */
static int64_t read_all(const char *path)
{
	static char buf[1 << 16];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t t = cal_cpu_ns();
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		;
	t = cal_cpu_ns() - t;
	close(fd);
	return n < 0 ? -1 : t;
}

static void maps(struct probe *p)
{
	int64_t few = read_all("/proc/self/maps"), many;
	char *m = many_vmas(VMAS / 4);

	if (!m)
		return;
	many = read_all("/proc/self/maps");
	if (few >= 0 && many > few)
		probe_add(p, CAL_MAPS_LINE, many - few, VMAS / 2);
	munmap(m, (size_t)VMAS / 2 * PAGE);
}

static void smaps(struct probe *p)
{
	char *m = cal_map((size_t)FORK_PAGES * PAGE, PROT_READ | PROT_WRITE);
	int64_t few, many;

	if (!m)
		return;
	few = read_all("/proc/self/smaps");
	for (size_t k = 0; k < FORK_PAGES; k++)
		*(volatile char *)(m + k * PAGE) = 1;
	many = read_all("/proc/self/smaps");
	if (few >= 0 && many > few)
		probe_add(p, CAL_SMAPS_PAGE, many - few, FORK_PAGES);
	munmap(m, (size_t)FORK_PAGES * PAGE);
}

/* Reads of a child that sleeps: its command line, a byte of each page. */
static void of_child(struct probe *p, pid_t child, char *pages)
{
	static struct iovec to[IOV], from[IOV];
	static char bytes[IOV], text[256];
	char path[64];
	int64_t t;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)child);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		t = cal_cpu_ns();
		for (int i = 0; i < READS; i++)
			if (pread(fd, text, sizeof(text), 0) < 0)
				break;
		probe_add(p, CAL_CMDLINE, cal_cpu_ns() - t, READS);
		close(fd);
	} else {
		probe_errno(p, CAL_CMDLINE, "open");
	}
	for (int i = 0; i < IOV; i++) {
		to[i] = (struct iovec){ bytes + i, 1 };
		from[i] = (struct iovec){ pages + i * PAGE, 1 };
	}
	t = cal_cpu_ns();
	if (process_vm_readv(child, to, IOV, from, IOV, 0) == IOV)
		probe_add(p, CAL_GUP, cal_cpu_ns() - t, IOV);
	else
		probe_errno(p, CAL_GUP, "process_vm_readv");
}

static void readers(struct probe *p)
{
	char *pages = cal_map((size_t)IOV * PAGE, PROT_READ | PROT_WRITE);
	pid_t child;

	if (!pages)
		return;
	for (size_t i = 0; i < IOV; i++)
		pages[i * PAGE] = 1;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	if (child > 0) {
		for (int i = 0; i < CAL_REPEATS; i++)
			of_child(p, child, pages);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	munmap(pages, (size_t)IOV * PAGE);
}

void probe_proc(struct probe *p)
{
	cal_pin(p->cpu);
	for (int i = 0; i < CAL_REPEATS; i++) {
		threads(p);
		maps(p);
		smaps(p);
	}
	readers(p);
	probe_fail(p, CAL_MAPS_LINE, "/proc/self/maps cannot be read");
	probe_fail(p, CAL_SMAPS_PAGE, "/proc/self/smaps cannot be read");
}

/* ---- grace period ---- */

void probe_grace(struct probe *p)
{
	for (int i = 0; i < 2 * CAL_REPEATS; i++) {
		int64_t t = cal_now_ns();

		if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) {
			probe_errno(p, CAL_GRACE, "membarrier");
			return;
		}
		probe_add(p, CAL_GRACE, cal_now_ns() - t, 1);
		usleep(1000 * (unsigned)(i % 5));	/* another phase of the tick */
	}
}
