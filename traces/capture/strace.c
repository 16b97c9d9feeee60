/*
 * Capture through strace, for whoever may not use tracefs. strace follows
 * children, stamps with nanoseconds and writes to a file (its stderr output
 * is torn by its own messages).
 *
 * Limits: no page faults, no lock times, no vmalloc, no schedule; every
 * traced call is stretched by two stops, and threads are serialised.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/mem.h"
#include "traces/capture/signals.h"
#include "traces/capture/tracer.h"
#include "traces/capture/strace.h"

enum { WORDS_MAX = 24 };

static const char calls[] =
	"trace=mmap,munmap,mremap,mprotect,madvise,brk,mlock,mlock2,munlock,"
	"clone,clone3,fork,vfork,execve,exit,exit_group";

static bool installed(void)
{
	const char *path = getenv("PATH"), *end;

	for (; path && *path; path = *end ? end + 1 : end) {
		char file[TFS_PATH];

		end = strchrnul(path, ':');
		snprintf(file, sizeof(file), "%.*s/strace", (int)(end - path),
			 path);
		if (!access(file, X_OK))
			return true;
	}
	return false;
}

static void arguments(const struct capture_options *o, const char *file,
		      char *pid, const char **word)
{
	/* -I 2: with a command and -o it would block every signal */
	static const char *const fixed[] = {
		"strace", "-I", "2", "-f", "-ttt", "-T", "-s", "64", "-e", calls,
		"-e", "signal=none", "-o"
	};
	unsigned n = 0;

	while (n < sizeof(fixed) / sizeof(fixed[0])) {
		word[n] = fixed[n];
		n++;
	}
	word[n++] = file;
	if (o->user) {
		word[n++] = "-u";
		word[n++] = o->user;
	}
	if (o->pid) {
		word[n++] = "-p";
		word[n++] = pid;
	} else {
		word[n++] = "--";
		for (char *const *w = o->command; *w; w++)
			word[n++] = *w;
	}
	word[n] = NULL;
}

static unsigned words(const struct capture_options *o)
{
	unsigned n = WORDS_MAX;

	for (char *const *w = o->command; w && *w; w++)
		n++;
	return n;
}

/*
 * At SIGTERM strace lets go of a process, or ends the command that it started.
 * The deadline is ours to keep, and so is a signal that only we got.
 */
static int run_to_end(const struct capture_options *o, pid_t child,
		      int *status)
{
	struct timespec nap = { .tv_nsec = 20000000 }, now;
	time_t end = 0;
	bool told = false;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (o->seconds)
		end = now.tv_sec + o->seconds;
	for (;;) {
		pid_t got = waitpid(child, status, WNOHANG);

		if (got == child)
			return 0;
		if (got < 0 && errno != EINTR)
			return -errno;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (!told && (stop_asked() || (end && now.tv_sec >= end))) {
			kill(child, SIGTERM);
			told = true;
		}
		nanosleep(&nap, NULL);
	}
}

static int run(const struct capture_options *o, const char *file,
	       struct capture_result *out, struct errbuf *e)
{
	const char **word = xcalloc(words(o), sizeof(*word));
	pid_t child, parent = getpid();
	int status = 0, code;
	struct stat st;
	char pid[16];

	snprintf(pid, sizeof(pid), "%" PRIu32, o->pid);
	arguments(o, file, pid, word);
	child = fork();
	if (!child) {
		/* whatever ends us, nobody stays traced */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(127);
		signal(SIGXFSZ, SIG_DFL);	/* as main() found it */
		execvp(word[0], (char *const *)(uintptr_t)word);
		_exit(127);
	}
	free(word);
	if (child < 0)
		return err_sys(e, "strace", "fork");
	code = run_to_end(o, child, &status);
	if (code)
		return err_set(e, code, "strace: %s", strerror(-code));
	out->command_status = o->command ? status : -1;
	if (stat(file, &st) || !st.st_size)
		return err_set(e, -EIO, "strace ended with status %d and wrote nothing",
			       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}

int capture_strace(const struct capture_options *o, struct capture_result *out,
		   struct errbuf *e)
{
	char work[TFS_PATH] = "/tmp/mmreplay-capture.XXXXXX", *file;
	struct guard folder = { .pid = -1 };
	struct sigaction old[STOP_SIGNALS];
	int code;

	if (o->all || o->cgroup)
		return err_usage(e, "strace follows a command or a process, no %s",
				 o->all ? "whole system" : "cgroup");
	if (!installed())
		return err_set(e, -ENOENT, "strace is not installed; install it, or run as root for a capture through tracefs");
	capture_note(out, "through strace: system calls only, no faults, no lock times; threads are slowed down and serialised");
	out->used_strace = true;
	if (o->keep) {
		snprintf(work, sizeof(work), "%.400s", o->keep);
		if (mkdir(work, 0777) && errno != EEXIST)
			return err_sys(e, work, "make folder");
	} else {
		if (guard_start(&folder, e))
			return e->code;
		if (!mkdtemp(work)) {
			guard_finish(&folder, &(struct errbuf){ 0 });
			return err_sys(e, work, "make folder");
		}
		guard_folder(&folder, work);
	}
	file = xasprintf("%s/strace.txt", work);
	stop_signals_take(old);
	code = run(o, file, out, e);
	stop_signals_back(old);
	if (!code)
		code = capture_import(o, work, "strace.txt", &folder, out, e);
	free(file);
	guard_finish(&folder, &(struct errbuf){ 0 });
	return code;
}
