/*
 * tracefs as files. Paths come from the mount table, so that a system with
 * tracefs elsewhere, or only below debugfs, works as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
#include "traces/capture/tfs.h"

#define USUAL_PLACE "/sys/kernel/tracing"

static bool mounted(const char *type, const char *below, char dir[TFS_PATH])
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	while (f && !found && (m = getmntent(f))) {
		if (strcmp(m->mnt_type, type))
			continue;
		snprintf(dir, TFS_PATH, "%.400s%s", m->mnt_dir, below);
		found = !access(dir, F_OK);
	}
	if (f)
		endmntent(f);
	return found;
}

int tfs_find(char dir[TFS_PATH], bool *mountable, struct errbuf *e)
{
	char file[TFS_PATH + 16];

	*mountable = false;
	if (!mounted("tracefs", "", dir) && !mounted("debugfs", "/tracing", dir)) {
		snprintf(dir, TFS_PATH, "%s", USUAL_PLACE);
		if (access(dir, F_OK))
			return err_set(e, -ENOENT, "this kernel has no tracefs (CONFIG_TRACING)");
		if (geteuid())
			return err_set(e, -EPERM, "tracefs is not mounted, and only root may mount it; run as root");
		*mountable = true;
		return 0;
	}
	snprintf(file, sizeof(file), "%s/instances", dir);
	if (access(file, W_OK))
		return err_set(e, -EPERM, "no right to trace: %s is not writable; run as root",
			       file);
	return 0;
}

int tfs_mount(const char *dir, struct errbuf *e)
{
	char file[TFS_PATH + 16];

	if (mount("nodev", dir, "tracefs", 0, NULL))
		return err_set(e, -errno, "%s: mount tracefs: %s",
			       dir, strerror(errno));
	snprintf(file, sizeof(file), "%s/instances", dir);
	if (access(file, W_OK))
		return err_set(e, -EPERM, "%s: %s", file, strerror(errno));
	return 0;
}

static int put(const char *dir, const char *file, const char *text)
{
	char path[2 * TFS_PATH];
	size_t n = strlen(text);
	int fd, code = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n)
		code = errno ? -errno : -EIO;
	close(fd);
	return code;
}

int tfs_write(const char *dir, const char *file, const char *text,
	      struct errbuf *e)
{
	int code = put(dir, file, text);

	if (!code)
		return 0;
	return err_set(e, code, "%s/%s: writing '%.40s': %s", dir, file, text,
		       strerror(-code));
}

bool tfs_try(const char *dir, const char *file, const char *text)
{
	return !put(dir, file, text);
}

bool tfs_read(const char *dir, const char *file, char *buf, size_t bytes)
{
	char path[2 * TFS_PATH];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, buf, bytes - 1);
		close(fd);
	}
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n > 0 ? n : 0] = '\0';
	return n >= 0;
}

uint64_t tfs_number(const char *dir, const char *file, const char *name)
{
	char text[1024];
	const char *at = text;
	size_t n = strlen(name);

	if (!tfs_read(dir, file, text, sizeof(text)))
		return 0;
	while (at && strncmp(at, name, n)) {
		at = strchr(at, '\n');
		at += at != NULL;
	}
	return at && at[n] == ':' ? strtoull(at + n + 1, NULL, 10) : 0;
}
