/*
 * Files that appear whole or not at all. Invariant: the target is only ever
 * changed by rename(2), after everything was written and synced.
 *
 * What is stale. The writer locks its temporary file as soon as it is there,
 * and unlocks it when it has its name: so one whose lock is free and whose pid
 * is gone has nobody. A pid that lives may be another process by now: then the
 * file has had time to be locked. A pid says something where it was given only:
 * on one host, since one start of it, in one pid namespace; these stand in the
 * name. What is from elsewhere may be locked where this process cannot see it
 * (locks kept local, or the folder exported from here) and is left alone until
 * it is older than any job.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/digest.h"
#include "sim/base/file.h"
#include "sim/base/mem.h"

enum { MAX_LEVELS_UP = 8, READ_STEP_BYTES = 64 * 1024,
       SEALED_BUFFER_BYTES = 64 * 1024 };

/* A temporary file is locked right after it is made, and no job takes a month. */
enum { LOCKED_BY_S = 60, OLDER_THAN_JOBS_S = 30 * 24 * 3600,
       TEMP_TRIES = 100 };

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

/* Where pids mean what they mean here, as temporary files name it. */
static uint32_t pid_place(void)
{
	static uint32_t place;
	struct utsname u = { 0 };
	char boot[64] = "", ns[64] = "";
	struct digest d;
	FILE *f;

	if (place)
		return place;
	f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (f && !fgets(boot, sizeof(boot), f))
		*boot = '\0';
	if (f)
		fclose(f);
	if (readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) < 0)
		*ns = '\0';
	uname(&u);
	digest_init(&d);
	digest_add_str(&d, u.nodename);
	digest_add_str(&d, boot);
	digest_add_str(&d, ns);
	place = (uint32_t)(d.lo ^ d.lo >> 32) | 1;
	return place;
}

/** struct owner - who writes a temporary file */
struct owner {
	pid_t pid;
	bool here;		/* the pid is one of here */
};

/* The owner in `.NAME.PLACE.PID.tmp`; false if @name is no such thing. */
static bool temp_owner(const char *name, struct owner *out)
{
	size_t len = strlen(name), i = len - 4;
	unsigned long place;
	char *end;
	long pid;

	if (len < 8 || name[0] != '.' || strcmp(name + len - 4, ".tmp"))
		return false;
	while (isdigit((unsigned char)name[i - 1]))
		i--;
	if (i == len - 4 || name[i - 1] != '.' || len - i > 14 || i < 11 ||
	    name[i - 10] != '.' || !isxdigit((unsigned char)name[i - 9]))
		return false;
	pid = strtol(name + i, NULL, 10);
	place = strtoul(name + i - 9, &end, 16);
	out->pid = (pid_t)pid;
	out->here = place == pid_place();
	return end == name + i - 1 && pid > 0 && pid <= INT_MAX;
}

/* No such process, or only a zombie that nobody has waited for. */
static bool is_gone(pid_t pid)
{
	char *path, state = 0;
	FILE *f;

	if (kill(pid, 0) && errno == ESRCH)
		return true;
	path = xasprintf("/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (f)
		fclose(f);
	free(path);
	return state == 'Z';
}

/* Has nobody written to it, and will nobody? See the top. */
static bool is_stale(int fd, const struct owner *o)
{
	bool gone = o->here && is_gone(o->pid);
	time_t patience_s = gone ? 0 : o->here ? LOCKED_BY_S : OLDER_THAN_JOBS_S;
	struct stat st;

	return (!o->here || o->pid != getpid()) && !fstat(fd, &st) &&
	       S_ISREG(st.st_mode) && time(NULL) - st.st_mtime >= patience_s &&
	       !flock(fd, LOCK_SH | LOCK_NB);	/* network files need no write access */
}

void file_sweep(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	struct owner owner;

	while (d && (entry = readdir(d))) {
		int fd;

		if (!temp_owner(entry->d_name, &owner))
			continue;
		fd = openat(dirfd(d), entry->d_name,
			    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (is_stale(fd, &owner))
			unlinkat(dirfd(d), entry->d_name, 0);
		close(fd);
	}
	if (d)
		closedir(d);
}

static ssize_t write_sealed(void *cookie, const char *data, size_t bytes)
{
	struct atomic_file *a = cookie;
	size_t done = 0;
	ssize_t n = 0;

	while (done < bytes && n >= 0) {
		n = write(a->fd, data + done, bytes - done);
		if (n < 0 && errno == EINTR)
			n = 0;
		done += n > 0 ? (size_t)n : 0;
	}
	seal_add(a->seal, data, done);
	return (ssize_t)done;
}

static int close_sealed(void *cookie)
{
	return close(((struct atomic_file *)cookie)->fd);
}

/* The stream over a->fd; through the digest if there is to be a seal. */
static FILE *stream_of(struct atomic_file *a)
{
	static const cookie_io_functions_t through = {
		.write = write_sealed, .close = close_sealed };
	FILE *f;

	if (!a->seal)
		return fdopen(a->fd, "w");
	seal_init(a->seal);
	f = fopencookie(a, "w", through);
	if (f)
		setvbuf(f, NULL, _IOFBF, SEALED_BUFFER_BYTES);
	return f;
}

/* @a->fd is open, or could not be */
static int open_stream(struct atomic_file *a, struct errbuf *e)
{
	int code;

	if (a->fd < 0)
		return err_sys(e, a->path, "cannot write");
	a->f = stream_of(a);
	if (!a->f) {
		code = err_sys(e, a->path, "cannot write");
		close(a->fd);
		return code;
	}
	return 0;
}

/*
 * A temporary file of our own. One that is there has our pid and our place: from
 * before the pid was ours, or of a namespace that had the number of this one.
 */
static void open_temp(struct atomic_file *a, const char *folder)
{
	for (uint32_t k = 0; k < TEMP_TRIES; k++) {
		free(a->tmp_path);
		a->tmp_path = xasprintf("%s.%s.%08" PRIx32 ".%d.tmp", folder,
					name_of(a->path), pid_place() + k,
					(int)getpid());
		a->fd = open(a->tmp_path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
			     0666);
		if (a->fd >= 0)
			flock(a->fd, LOCK_EX | LOCK_NB);	/* a hint: see the top */
		if (a->fd >= 0)
			return;
		if (errno != EEXIST)
			break;
	}
	free(a->tmp_path);	/* it is not ours */
	a->tmp_path = NULL;
}

/* Into *@a, where there may be room for a seal already. */
static int open_into(struct atomic_file *a, const char *path, struct errbuf *e)
{
	char *folder = NULL, *real;
	struct stat st;
	int code;

	/* through a link, so that the link survives the rename */
	real = lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ?
		realpath(path, NULL) : NULL;
	a->path = real ? real : xstrdup(path);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		code = err_sys(e, path, "cannot write");
	} else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		a->fd = open(path, O_WRONLY | O_CLOEXEC);
		code = open_stream(a, e);
	} else {
		folder = folder_of(a->path);
		file_sweep(*folder ? folder : ".");
		open_temp(a, folder);
		code = open_stream(a, e);
	}
	if (code)
		atomic_abort(a);
	free(folder);
	return code;
}

int atomic_open(struct atomic_file *a, const char *path, struct errbuf *e)
{
	*a = (struct atomic_file){ 0 };
	return open_into(a, path, e);
}

int atomic_open_sealed(struct atomic_file *a, const char *path,
		       struct errbuf *e)
{
	*a = (struct atomic_file){ .seal = xcalloc(1, sizeof(*a->seal)) };
	return open_into(a, path, e);
}

const struct seal *atomic_seal(struct atomic_file *a)
{
	fflush(a->f);	/* an error is found by the commit */
	return a->seal;
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
	else if (a->tmp_path && fsync(a->fd))
		code = err_sys(e, a->path, "cannot sync");
	else if (a->tmp_path && rename(a->tmp_path, a->path))	/* still locked */
		code = err_sys(e, a->path, "cannot rename into place");
	if (!code) {
		free(a->tmp_path);
		a->tmp_path = NULL;
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
	free(a->seal);
	*a = (struct atomic_file){ 0 };
}

static int open_regular(const char *path, struct errbuf *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_sys(e, path, "cannot open");
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return err_set(e, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
		       "%s: is %s, expected a file", path,
		       S_ISDIR(st.st_mode) ? "a folder" :
		       S_ISFIFO(st.st_mode) ? "a pipe" : "a device");
}

FILE *file_stream(const char *path, struct errbuf *e)
{
	int fd = open_regular(path, e);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !f)
		no_memory(1, sizeof(*f));
	return f;
}

static int too_large(const char *path, size_t limit_bytes, struct errbuf *e)
{
	return err_set(e, -EFBIG, "%s: larger than %zu bytes", path, limit_bytes);
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
			return too_large(path, limit_bytes, e);
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

/* Takes @fd, or the error that it is. */
static int read_and_close(int fd, const char *path, size_t limit_bytes,
			  char **text, size_t *bytes, struct errbuf *e)
{
	struct stat st;
	int code;

	*text = NULL;
	*bytes = 0;
	if (fd < 0)
		return fd;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size > limit_bytes)
		code = too_large(path, limit_bytes, e);
	else
		code = read_all(fd, path, limit_bytes, text, bytes, e);
	close(fd);
	return code;
}

int file_read(const char *path, size_t limit_bytes, char **text, size_t *bytes,
	      struct errbuf *e)
{
	return read_and_close(open_regular(path, e), path, limit_bytes,
			      text, bytes, e);
}

int file_read_given(const char *path, size_t limit_bytes, char **text,
		    size_t *bytes, struct errbuf *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return read_and_close(fd < 0 ? err_sys(e, path, "cannot open") : fd,
			      path, limit_bytes, text, bytes, e);
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

const char *temp_folder(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

int file_spool(struct errbuf *e)
{
	char *name = xasprintf("%s/mmreplay.XXXXXX", temp_folder());
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
