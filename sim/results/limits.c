/* The memory of one cell: a limit that the kernel keeps, set by the worker. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#include "sim/results/limits.h"

/* What counts against RLIMIT_DATA already: the heap of the parent as well. */
static uint64_t data_bytes(void)
{
	unsigned long long data = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%*s %*s %*s %*s %*s %llu", &data) != 1)
		data = 0;
	fclose(f);
	return data * (uint64_t)sysconf(_SC_PAGESIZE);
}

int limit_memory(uint64_t bytes, struct errbuf *e)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit))
		return err_sys(e, "--cell-bytes", "cannot read the limit");
	bytes += data_bytes();
	if (bytes < limit.rlim_max)
		limit.rlim_max = bytes;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_DATA, &limit))
		return err_sys(e, "--cell-bytes", "cannot set the limit");
	return 0;
}
