#ifndef MMREPLAY_RESULTS_WORKER_H
#define MMREPLAY_RESULTS_WORKER_H

#include "sim/results/folder.h"

/*
 * The process of one cell. It writes its own cell file and tells the parent,
 * over a pipe in messages that pipes keep whole, how far it is and what it took.
 */

enum { TEXT_BYTES = 1024 };

enum message_kind { MESSAGE_PROGRESS, MESSAGE_DONE, MESSAGE_FAILED,
		    MESSAGE_CANNOT_WRITE };

/** struct message - from worker to parent; smaller than PIPE_BUF */
struct message {
	enum message_kind kind;
	uint64_t done;
	struct host_cost cost;
	char text[TEXT_BYTES];
};

_Static_assert(sizeof(struct message) <= 4096, "writes must be atomic");

/** struct ready - a source of the scenario, as a file to replay */
struct ready {
	char *path;		/* NULL: no cell needs it now */
	struct digest digest;
	uint64_t ops;		/* records that a replay does */
	struct mmt_share *share;	/* decoded for all its cells; or NULL */
};

/** host_now_ns() - monotonic time of the host */
int64_t host_now_ns(void);

/** worker_run() - replay @c, write its files, tell @fd. Return: exit status */
int worker_run(const struct scenario *s, const struct run_options *o,
	       const struct cell *c, const struct ready *from, int fd);

#endif
