/*
 * Who is traced. The kernel filters by thread (set_event_pid), and with
 * event-fork it adds what traced threads start; so the set has to be whole
 * at one moment only: threads are listed again until no new one turns up.
 *
 * Invariant: set_event_pid is never empty while tracing is on, unless all
 * tasks are meant; it is only appended to.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim/base/mem.h"
#include "traces/capture/tracer.h"

enum { ROUNDS = 8, DEPTH_MAX = 32 };

int follow_task(const struct tracer *s, uint32_t tid, struct errbuf *e)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, tid);
	return tfs_write(s->main, "set_event_pid", text, e);
}

static bool known(const struct tracer *s, uint32_t pid)
{
	for (unsigned i = 0; i < s->process_count; i++)
		if (s->process[i] == pid)
			return true;
	return false;
}

static void remember(struct tracer *s, uint32_t pid)
{
	if (known(s, pid))
		return;
	s->process = xrealloc(s->process, s->process_count + 1,
			      sizeof(*s->process));
	s->process[s->process_count++] = pid;
}

/* Adds the threads of @pid; false if it is gone. */
static bool add_threads(struct tracer *s, uint32_t pid)
{
	struct errbuf ignored = { 0 };
	struct dirent *t;
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", pid);
	d = opendir(path);
	if (!d)
		return false;
	remember(s, pid);
	while ((t = readdir(d)))
		if (isdigit((unsigned char)t->d_name[0]))	/* may be gone */
			follow_task(s, (uint32_t)strtoul(t->d_name, NULL, 10),
				    &ignored);
	closedir(d);
	return true;
}

static uint32_t parent_of(uint32_t pid)
{
	char path[64], text[512];
	const char *p;

	snprintf(path, sizeof(path), "%" PRIu32 "/stat", pid);
	if (!tfs_read("/proc", path, text, sizeof(text)))
		return 0;
	p = strrchr(text, ')');		/* behind the comm, whatever is in it */
	return p && strlen(p) > 4 ? (uint32_t)strtoul(p + 4, NULL, 10) : 0;
}

/* Processes whose parent is traced; returns how many are new. */
static unsigned add_children(struct tracer *s)
{
	DIR *d = opendir("/proc");
	unsigned before = s->process_count;
	struct dirent *f;

	while (d && (f = readdir(d))) {
		uint32_t pid = (uint32_t)strtoul(f->d_name, NULL, 10);

		if (pid && known(s, parent_of(pid)) && pid != (uint32_t)getpid())
			add_threads(s, pid);
	}
	if (d)
		closedir(d);
	return s->process_count - before;
}

/* Lists again until nothing is new: what starts meanwhile is event-fork's. */
static void settle(struct tracer *s)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned count = s->process_count;

		for (unsigned k = 0; k < count; k++)
			add_threads(s, s->process[k]);
		if (!add_children(s) && i)
			break;
	}
}

int follow_pid(struct tracer *s, uint32_t pid, struct errbuf *e)
{
	if (!add_threads(s, pid))
		return err_set(e, -ESRCH, "--pid %" PRIu32 ": there is no such process",
			       pid);
	settle(s);
	return 0;
}

static void add_cgroup(struct tracer *s, const char *path, int depth)
{
	char file[TFS_PATH], line[32];
	struct dirent *sub;
	FILE *f;
	DIR *d;

	snprintf(file, sizeof(file), "%.480s/cgroup.procs", path);
	f = fopen(file, "re");
	while (f && fgets(line, sizeof(line), f))
		add_threads(s, (uint32_t)strtoul(line, NULL, 10));
	if (f)
		fclose(f);
	d = depth < DEPTH_MAX ? opendir(path) : NULL;
	while (d && (sub = readdir(d))) {
		if (sub->d_name[0] == '.' || sub->d_type != DT_DIR)
			continue;
		snprintf(file, sizeof(file), "%.250s/%.250s", path, sub->d_name);
		add_cgroup(s, file, depth + 1);
	}
	if (d)
		closedir(d);
}

int follow_cgroup(struct tracer *s, const char *path, struct errbuf *e)
{
	char dir[TFS_PATH];
	struct stat st;

	snprintf(dir, sizeof(dir), "%.500s", path);
	if (stat(dir, &st) && path[0] != '/')
		snprintf(dir, sizeof(dir), "/sys/fs/cgroup/%.480s", path);
	if (stat(dir, &st) || !S_ISDIR(st.st_mode))
		return err_set(e, -ENOENT, "--cgroup %s: no such folder, here or in /sys/fs/cgroup",
			       path);
	add_cgroup(s, dir, 0);
	if (!s->process_count)
		return err_set(e, -ESRCH, "--cgroup %s: no process is in it",
			       path);
	for (int i = 0; i < 3; i++)
		add_cgroup(s, dir, 0);
	return 0;
}

int follow_all(struct tracer *s, struct errbuf *e)
{
	DIR *d = opendir("/proc");
	struct dirent *f;
	char self[16];

	while (d && (f = readdir(d))) {
		uint32_t pid = (uint32_t)strtoul(f->d_name, NULL, 10);

		if (pid && pid != (uint32_t)getpid())
			remember(s, pid);
	}
	if (d)
		closedir(d);
	/* an empty set_event_pid means everybody; this one reads the buffers */
	snprintf(self, sizeof(self), "%ld", (long)getpid());
	if (!tfs_try(s->main, "set_event_notrace_pid", self))
		capture_note(s->out, "this process is in the trace as well");
	return e->code;
}

/* ---- a command ---- */

static void become(const char *user)
{
	const struct passwd *p = getpwnam(user);

	if (!p) {
		errno = ENOENT;
		return;
	}
	if (initgroups(user, p->pw_gid) || setgid(p->pw_gid) ||
	    setuid(p->pw_uid))
		return;
	setenv("HOME", p->pw_dir, 1);
	setenv("USER", user, 1);
	setenv("LOGNAME", user, 1);
	errno = 0;
}

/* In the child: wait to be let go, stop at the exec, be the command. */
_Noreturn static void child(const struct tracer *s, int go, int sorry)
{
	char c;
	int why;

	if (read(go, &c, 1) != 1)
		_exit(127);
	errno = 0;
	if (s->o->user)
		become(s->o->user);
	if (!errno) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		signal(SIGXFSZ, SIG_DFL);	/* as main() found it */
		execvp(s->o->command[0], s->o->command);
	}
	why = errno;
	if (write(sorry, &why, sizeof(why)) < 0)
		_exit(126);
	_exit(127);
}

/* Both pipes close at exec; what is read from the second is why it failed. */
int follow_fork(const struct tracer *s, struct follow_command *c,
		struct errbuf *e)
{
	int go[2], sorry[2];

	*c = (struct follow_command){ .pid = -1, .go = -1 };
	if (pipe2(go, O_CLOEXEC))
		return err_sys(e, "capture", "pipe");
	if (pipe2(sorry, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return err_sys(e, "capture", "pipe");
	}
	c->pid = fork();
	if (!c->pid) {
		close(go[1]);
		child(s, go[0], sorry[1]);
	}
	close(go[0]);
	close(sorry[1]);
	c->go = go[1];
	c->sorry = sorry[0];
	if (c->pid < 0)
		return err_sys(e, "capture", "fork");
	return follow_task(s, (uint32_t)c->pid, e);
}

static int why_not(const struct tracer *s, const struct follow_command *c,
		   struct errbuf *e)
{
	const char *what = s->o->user ? s->o->user : s->o->command[0];
	int why = 0;

	if (read(c->sorry, &why, sizeof(why)) != sizeof(why))
		why = ECHILD;
	return err_set(e, -why, "cannot run %s%s%s: %s", s->o->command[0],
		       s->o->user ? " as " : "", s->o->user ? what : "",
		       strerror(why));
}

int follow_exec(struct tracer *s, struct follow_command *c, struct errbuf *e)
{
	int status = 0, code = 0;

	if (write(c->go, "g", 1) != 1)
		code = err_sys(e, "capture", "pipe");
	while (!code && waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	/* signals before the exec stop it as well, now that it is traced */
	while (!code && WIFSTOPPED(status) && WSTOPSIG(status) != SIGTRAP) {
		ptrace(PTRACE_CONT, c->pid, NULL,
		       (void *)(uintptr_t)WSTOPSIG(status));
		if (waitpid(c->pid, &status, 0) < 0 && errno != EINTR)
			break;
	}
	if (!code && !WIFSTOPPED(status)) {
		c->ended = true;
		code = why_not(s, c, e);
	}
	if (!code) {
		code = snapshot_process(s, (uint32_t)c->pid, e);
		ptrace(PTRACE_DETACH, c->pid, NULL, NULL);
	}
	close(c->go);
	close(c->sorry);
	c->go = c->sorry = -1;
	return code;
}
