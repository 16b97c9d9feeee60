/*
 * The list of fuzz targets, and how they give bytes to readers that want a
 * path. Limits: one thread; a folder is made only for targets that need one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/tests/fuzz/fuzz.h"
#include "traces/import/import.h"

enum { TARGETS_MAX = 32 };

static const struct fuzz_target plain[] = {
	{ .name = "mmt", .run = fuzz_mmt, .mutate = fuzz_mmt_mutate,
	  .seeds = "traces/tests/fuzz/mmt" },
	{ .name = "scenario", .run = fuzz_scenario,
	  .seeds = "sim/tests/fuzz/scenario" },
	{ .name = "results", .run = fuzz_results,
	  .seeds = "sim/tests/fuzz/results" },
	/* the format is found from the content, which may be compressed */
	{ .name = "import-any", .run = fuzz_import,
	  .seeds = "traces/tests/fuzz/import-any" },
};

/* One more for each format of the registry: a new one needs seeds only. */
const struct fuzz_target *fuzz_targets(unsigned int *count)
{
	static struct fuzz_target all[TARGETS_MAX];
	unsigned int formats, n = sizeof(plain) / sizeof(plain[0]);
	const struct import_format_info *f = import_formats(&formats);

	*count = n + formats;
	if (*count > TARGETS_MAX)
		BUG("%u fuzz targets", *count);
	if (all[0].name)
		return all;
	memcpy(all, plain, sizeof(plain));
	for (unsigned int i = 0; i < formats; i++)
		all[n + i] = (struct fuzz_target){
			.name = xasprintf("import-%s", f[i].name),
			.variant = f[i].name, .run = fuzz_import,
			.seeds = xasprintf("traces/tests/fuzz/import-%s", f[i].name),
		};
	return all;
}

const char *fuzz_path(const uint8_t *data, size_t bytes)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) ||
	    pwrite(fd, data, bytes, 0) != (ssize_t)bytes)
		BUG("cannot hold %zu bytes of input", bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static char *dir;

static void remove_dir(void)
{
	char *command = xasprintf("rm -rf '%s'", dir);

	if (system(command))
		fprintf(stderr, "%s stays behind\n", dir);
	free(command);
	free(dir);
}

const char *fuzz_dir(void)
{
	if (dir)
		return dir;
	dir = xstrdup("/tmp/fuzz.XXXXXX");
	if (!mkdtemp(dir))
		BUG("no temporary folder");
	atexit(remove_dir);
	return dir;
}

void fuzz_write(const char *name, const uint8_t *data, size_t bytes)
{
	char *path = xasprintf("%s/%s", fuzz_dir(), name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
		BUG("cannot write %s", path);
	close(fd);
	free(path);
}
