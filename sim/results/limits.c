/* What one cell may use of the host: looked at by the parent, now and then. */
#include <stdio.h>
#include <unistd.h>
#include "sim/results/limits.h"

static uint64_t own_bytes(pid_t pid)
{
	unsigned long long size, resident, shared;
	char path[64];
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fscanf(f, "%llu %llu %llu", &size, &resident, &shared);
	fclose(f);
	return n == 3 && resident > shared ?
	       (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

bool limit_passed(const struct run_options *o, pid_t pid, int64_t ran_ns,
		  char *why)
{
	uint64_t bytes;

	if (o->cell_seconds && ran_ns > (int64_t)o->cell_seconds * NSEC_PER_SEC) {
		snprintf(why, LIMIT_BYTES, "took longer than --cell-seconds %u",
			 o->cell_seconds);
		return true;
	}
	bytes = o->cell_bytes ? own_bytes(pid) : 0;
	if (bytes <= o->cell_bytes)
		return false;
	snprintf(why, LIMIT_BYTES, "used more than --cell-bytes %llu: %llu bytes",
		 (unsigned long long)o->cell_bytes, (unsigned long long)bytes);
	return true;
}
