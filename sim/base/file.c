/*
 * Files that appear whole or not at all. Invariant: the target is only ever
 * changed by rename(2), after everything was written and synced. The writer
 * holds a lock on its temporary file; another's is stale when its pid is gone
 * here and its lock is free (a writer on another host still holds it).
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"

enum { MAX_LEVELS_UP = 8, READ_STEP_BYTES = 64 * 1024 };

/* The folder of @path with its last slash, "" for none; caller frees. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xasprintf("%.*s", slash ? (int)(slash - path + 1) : 0, path);
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The pid in `.NAME.PID.tmp`, 0 if @name is no such thing. */
static pid_t temp_owner(const char *name)
{
	size_t len = strlen(name), i = len - 4;
	long pid;

	if (len < 8 || name[0] != '.' || strcmp(name + len - 4, ".tmp"))
		return 0;
	while (isdigit((unsigned char)name[i - 1]))
		i--;
	if (i == len - 4 || name[i - 1] != '.' || len - i > 14)
		return 0;
	pid = strtol(name + i, NULL, 10);
	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

static void remove_stale_temps(const char *path)
{
	char *folder = folder_of(path);
	DIR *dir = opendir(*folder ? folder : ".");
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		pid_t pid = temp_owner(d->d_name);
		int fd;

		if (!pid || pid == getpid() || kill(pid, 0) == 0 ||
		    errno != ESRCH)
			continue;
		fd = openat(dirfd(dir), d->d_name,
			    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlinkat(dirfd(dir), d->d_name, 0);
		close(fd);
	}
	if (dir)
		closedir(dir);
	free(folder);
}

static int open_stream(struct atomic_file *a, const char *name, int flags,
		       struct errbuf *e)
{
	int fd = open(name, flags | O_WRONLY | O_CLOEXEC, 0666);
	int code;

	if (fd < 0)
		return err_sys(e, a->path, "cannot write");
	if (a->tmp_path)
		flock(fd, LOCK_EX | LOCK_NB);	/* a hint: see the top */
	a->f = fdopen(fd, "w");
	if (!a->f) {
		code = err_sys(e, a->path, "cannot write");
		close(fd);
		return code;
	}
	return 0;
}

int atomic_open(struct atomic_file *a, const char *path, struct errbuf *e)
{
	struct stat st;
	char *folder, *real;
	int code;

	*a = (struct atomic_file){ 0 };
	/* through a link, so that the link survives the rename */
	real = lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ?
		realpath(path, NULL) : NULL;
	a->path = real ? real : xstrdup(path);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		code = err_sys(e, path, "cannot write");
	} else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		code = open_stream(a, path, 0, e);
	} else {
		remove_stale_temps(a->path);
		folder = folder_of(a->path);
		a->tmp_path = xasprintf("%s.%s.%d.tmp", folder,
					name_of(a->path), (int)getpid());
		free(folder);
		unlink(a->tmp_path);	/* of a dead process with our pid */
		code = open_stream(a, a->tmp_path, O_CREAT | O_EXCL, e);
	}
	if (code)
		atomic_abort(a);
	return code;
}

int err_stream(struct errbuf *e, FILE *f, const char *name)
{
	if (!ferror(f))
		return 0;
	clearerr(f);
	if (fputc('\n', f) != EOF && !fflush(f))
		errno = EIO;	/* the cause is gone, what was lost is not back */
	return err_sys(e, name, "cannot write");
}

int atomic_commit(struct atomic_file *a, struct errbuf *e)
{
	int code = 0;

	fflush(a->f);
	if (ferror(a->f))
		code = err_stream(e, a->f, a->path);
	else if (a->tmp_path && fsync(fileno(a->f)))
		code = err_sys(e, a->path, "cannot sync");
	if (fclose(a->f) && !code)
		code = err_sys(e, a->path, "cannot close");
	a->f = NULL;
	if (!code && a->tmp_path) {
		if (rename(a->tmp_path, a->path)) {
			code = err_sys(e, a->path, "cannot rename into place");
		} else {
			free(a->tmp_path);
			a->tmp_path = NULL;
		}
	}
	atomic_abort(a);
	return code;
}

void atomic_abort(struct atomic_file *a)
{
	if (a->f)
		fclose(a->f);
	if (a->tmp_path)
		unlink(a->tmp_path);
	free(a->tmp_path);
	free(a->path);
	*a = (struct atomic_file){ 0 };
}

/* Reads to the end of @fd, whatever size the file claims to have. */
static int read_all(int fd, const char *path, size_t limit_bytes, char **text,
		    size_t *bytes, struct errbuf *e)
{
	size_t used = 0, room = 0;
	char *buf = NULL, *bigger;
	ssize_t n;

	for (;;) {
		if (used + 1 >= room) {
			room = room ? room * 2 : READ_STEP_BYTES;
			bigger = realloc(buf, room);
			if (!bigger) {
				free(buf);
				errno = ENOMEM;
				return err_sys(e, path, "cannot read");
			}
			buf = bigger;
		}
		n = read(fd, buf + used, room - used - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
		if (used > limit_bytes) {
			free(buf);
			return err_set(e, -EFBIG, "%s: larger than %zu bytes",
				       path, limit_bytes);
		}
	}
	if (n < 0) {
		int code = err_sys(e, path, "cannot read");

		free(buf);
		return code;
	}
	buf[used] = '\0';
	*text = buf;
	*bytes = used;
	return 0;
}

int file_read(const char *path, size_t limit_bytes, char **text, size_t *bytes,
	      struct errbuf *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int code;

	*text = NULL;
	*bytes = 0;
	if (fd < 0)
		return err_sys(e, path, "cannot open");
	code = read_all(fd, path, limit_bytes, text, bytes, e);
	close(fd);
	return code;
}

/* A folder that is there will do, whatever mkdir() says of it. */
static int make_dir(const char *path, struct errbuf *e)
{
	struct stat st;
	int code;

	if (!mkdir(path, 0777))
		return 0;
	code = errno;
	if (!stat(path, &st)) {
		if (S_ISDIR(st.st_mode))
			return 0;
		code = ENOTDIR;
	}
	errno = code;
	return err_sys(e, path, "cannot make folder");
}

int file_spool(struct errbuf *e)
{
	const char *dir = getenv("TMPDIR");
	char *name = xasprintf("%s/mmreplay.XXXXXX", dir && *dir ? dir : "/tmp");
	int fd = mkostemp(name, O_CLOEXEC);

	if (fd < 0)
		fd = err_sys(e, name, "create");
	else
		unlink(name);
	free(name);
	return fd;
}

int make_dirs(const char *path, struct errbuf *e)
{
	char *copy = xstrdup(path);
	int code = 0;

	for (char *p = copy; *p && !code; p++) {
		if (*p != '/' || p == copy)
			continue;
		*p = '\0';
		code = make_dir(copy, e);
		*p = '/';
	}
	if (!code)
		code = make_dir(path, e);
	free(copy);
	return code;
}

static bool is_dir(const char *folder, const char *below)
{
	char *path = xasprintf("%s/%s", folder, below);
	struct stat st;
	bool yes = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

	free(path);
	return yes;
}

/*
 * Found from where the program stands, so an installed tree can be moved:
 * PREFIX/bin/mmreplay has PREFIX/share/mmreplay beside it, and a program in
 * a build folder has the source tree above it.
 */
char *data_path(const char *relative)
{
	const char *env = getenv("MMREPLAY_DATA");
	char exe[PATH_MAX] = "";
	char *slash;

	if (env && *env)
		return xasprintf("%s/%s", env, relative);
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) <= 0)
		return xstrdup(relative);
	slash = strrchr(exe, '/');
	*slash = '\0';
	if (is_dir(exe, "../share/mmreplay/scenarios"))
		return xasprintf("%s/../share/mmreplay/%s", exe, relative);
	for (int up = 0; up < MAX_LEVELS_UP && (slash = strrchr(exe, '/'));
	     up++) {
		*slash = '\0';
		if (is_dir(exe, "scenarios/machines"))
			return xasprintf("%s/%s", exe, relative);
	}
	return xstrdup(relative);
}
