/*
 * Binary captures that a library turns into text: the stream's bytes go into
 * an unlinked file, a child process converts that, and the stream goes on with
 * what the child writes into a pipe.
 *
 * Invariant: whatever the library does to its process, this one goes on: text
 * that ends early is an early end with a reason. The child is waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "traces/import/stream.h"

/* 4 GiB: a hostile file makes a library ask for more */
#define CHILD_BYTES (4ULL << 30)

static void become_converter(int file, int out, convert_fn convert)
{
	const struct rlimit limit = { CHILD_BYTES, CHILD_BYTES };
	int null = open("/dev/null", O_RDWR);
	char path[64];
	FILE *f;
	int ret;

	/* sanitizers reserve more address space than that */
#ifdef MMREPLAY_TEST
	(void)limit;
#else
	setrlimit(RLIMIT_AS, &limit);
#endif
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);		/* the library has its own words */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	f = fdopen(out, "w");
	ret = f ? convert(path, f) : -1;
	if (f && fclose(f))
		ret = -1;
	_exit(ret ? 1 : 0);
}

int convert_start(struct line_stream *s, convert_fn convert, pid_t *child,
		  struct errbuf *e)
{
	int file = file_spool(e), ends[2], ret;

	if (file < 0)
		return -1;
	ret = stream_spool(s, file, e);
	if (!ret && pipe2(ends, O_CLOEXEC))
		ret = err_sys(e, stream_path(s), "make a pipe for");
	if (ret) {
		close(file);
		return -1;
	}
	*child = fork();
	if (!*child) {
		close(ends[0]);
		become_converter(file, ends[1], convert);
	}
	close(ends[1]);
	close(file);
	if (*child > 0)
		return ends[0];
	close(ends[0]);
	err_sys(e, stream_path(s), "fork for");
	return -1;
}

bool convert_end(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status);
}
