/*
 * The guard: see guard.h. Messages are lines "X path[\tvalue]" in a pipe;
 * each is shorter than PIPE_BUF, so it arrives whole.
 *
 * Invariant: the guard holds nothing open but the pipe, ignores the signals
 * of its parent's terminal, and belongs to no terminal.
 * Limit: it dies with the machine; tracefs does so as well.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "traces/capture/guard.h"
#include "traces/capture/tfs.h"

enum { CHANGES_MAX = 16, LINE = 1024, TRIES = 40, TRY_NS = 50000000 };

struct change {
	char kind;			/* i, v, m, f: as told; k forgets all */
	char path[TFS_PATH], value[64];
};

/* The reader of an instance may need a moment to be gone. */
static bool again(int (*undo)(const char *), const char *path)
{
	struct timespec nap = { .tv_nsec = TRY_NS };

	for (int i = 0; i < TRIES; i++) {
		if (!undo(path) || errno == ENOENT || errno == EINVAL)
			return true;
		if (errno != EBUSY)
			return false;
		nanosleep(&nap, NULL);
	}
	return false;
}

static int drop_instance(const char *dir)
{
	tfs_try(dir, "tracing_on", "0");
	return rmdir(dir);
}

static int drop_folder(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *f;

	while (d && (f = readdir(d)))
		if (f->d_name[0] != '.' ||
		    (f->d_name[1] && strcmp(f->d_name, "..")))
			unlinkat(dirfd(d), f->d_name, 0);
	if (d)
		closedir(d);
	return rmdir(dir);
}

static int drop_mount(const char *dir)
{
	return umount2(dir, UMOUNT_NOFOLLOW);
}

static bool undo(const struct change *c)
{
	switch (c->kind) {
	case 'i':
		return again(drop_instance, c->path);
	case 'f':
		return again(drop_folder, c->path);
	case 'm':
		return again(drop_mount, c->path);
	default:
		return tfs_try("", c->path, c->value);
	}
}

static void take(struct change *c, char *line)
{
	char *tab = strchr(line, '\t');

	if (tab)
		*tab++ = '\0';
	c->kind = line[0];
	snprintf(c->path, sizeof(c->path), "%.*s", TFS_PATH - 1, line + 2);
	snprintf(c->value, sizeof(c->value), "%.*s", 63, tab ? tab : "");
}

_Noreturn static void watch(int fd)
{
	static struct change change[CHANGES_MAX];
	unsigned n = 0;
	char line[LINE];
	FILE *f = fdopen(fd, "r");
	int status = 0;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == 'k')
			n = 0;
		else if (n < CHANGES_MAX && strlen(line) > 2)
			take(&change[n++], line);
	}
	while (n--)
		if (!undo(&change[n]))
			status = (int)n + 1;
	_exit(status);
}

static void detach(int keep)
{
	setsid();
	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP && s != SIGCHLD)
			signal(s, SIG_IGN);
	for (int fd = 3; fd < 1024; fd++)
		if (fd != keep)
			close(fd);
	for (int fd = 0; fd < 3; fd++) {
		close(fd);
		if (open("/dev/null", O_RDWR) < 0)
			break;
	}
	prctl(PR_SET_NAME, "mmreplay-guard");
	if (chdir("/"))
		return;
}

int guard_start(struct guard *g, struct errbuf *e)
{
	int fd[2];

	g->pid = -1;
	if (pipe2(fd, O_CLOEXEC))
		return err_sys(e, "capture", "pipe");
	g->pid = fork();
	if (g->pid < 0) {
		close(fd[0]);
		close(fd[1]);
		return err_sys(e, "capture", "fork");
	}
	if (!g->pid) {
		detach(fd[0]);
		watch(fd[0]);
	}
	close(fd[0]);
	g->pipe = fd[1];
	return 0;
}

static void tell(struct guard *g, char kind, const char *path,
		 const char *value)
{
	char line[LINE];
	int n = snprintf(line, sizeof(line), "%c %s%s%s\n", kind, path,
			 value ? "\t" : "", value ? value : "");

	if (n > 0 && n < LINE && write(g->pipe, line, (size_t)n) != n)
		BUG("the guard is gone");
}

void guard_instance(struct guard *g, const char *dir)
{
	tell(g, 'i', dir, NULL);
}

void guard_value(struct guard *g, const char *file, const char *value)
{
	tell(g, 'v', file, value);
}

void guard_mount(struct guard *g, const char *dir)
{
	tell(g, 'm', dir, NULL);
}

void guard_folder(struct guard *g, const char *dir)
{
	tell(g, 'f', dir, NULL);
}

void guard_forget(struct guard *g)
{
	tell(g, 'k', "", NULL);
}

int guard_finish(struct guard *g, struct errbuf *e)
{
	int status = 0;

	if (g->pid <= 0)
		return 0;
	close(g->pipe);
	while (waitpid(g->pid, &status, 0) < 0 && errno == EINTR)
		;
	g->pid = -1;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return err_set(e, -EBUSY, "not all tracing state could be put back (change %d): see `ls` of tracefs/instances",
		       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}
