/* The memory of one cell: what the kernel keeps, set by the worker. */
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

enum { ADJ_MORE = 500, ADJ_MAX = 1000 };	/* proc_pid_oom_score_adj(5) */

void first_victim(void)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "r+e");
	int adj;

	if (!f)
		return;
	if (fscanf(f, "%d", &adj) == 1) {
		rewind(f);
		adj = adj < ADJ_MAX - ADJ_MORE ? adj + ADJ_MORE : ADJ_MAX;
		fprintf(f, "%d", adj);
	}
	fclose(f);
}
