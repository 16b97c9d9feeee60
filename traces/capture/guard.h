#ifndef MMREPLAY_TRACES_CAPTURE_GUARD_H
#define MMREPLAY_TRACES_CAPTURE_GUARD_H

#include "sim/base/errbuf.h"

/*
 * The guard puts back what a capture changes: a child process that waits for
 * its parent's end of a pipe to close. It does so when the capture is over,
 * fails, or is killed in any way, SIGKILL included. It is told of each change
 * before the change is made.
 */
struct guard {
	int pipe;
	int pid;
};

int guard_start(struct guard *g, struct errbuf *e);

/* what is to be undone, last told first */
void guard_instance(struct guard *g, const char *dir);	/* rmdir */
void guard_value(struct guard *g, const char *file, const char *value);
void guard_mount(struct guard *g, const char *dir);	/* umount */
void guard_folder(struct guard *g, const char *dir);	/* files in it, and it */

/** guard_forget() - all that was told so far stays as it is */
void guard_forget(struct guard *g);

/**
 * guard_finish() - undo all; waits until it is done
 * Return: 0, or -EBUSY with what could not be put back.
 */
int guard_finish(struct guard *g, struct errbuf *e);

#endif
