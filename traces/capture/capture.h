#ifndef MMREPLAY_TRACES_CAPTURE_CAPTURE_H
#define MMREPLAY_TRACES_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/base/errbuf.h"
#include "traces/import/import.h"

/*
 * Capture on the running kernel: a tracefs instance of its own, the events
 * that a replay needs, the layout of every traced process at the start, then
 * the importer. Nothing of the running system's tracing state is changed for
 * longer than the capture, whatever ends it (guard.h).
 */

enum capture_level {
	CAPTURE_CORE,		/* system calls, faults, processes */
	CAPTURE_LOCKS,		/* + mmap_lock, contention, TLB flushes */
	CAPTURE_SCHED,		/* + switches, wakers, migrations */
	CAPTURE_LEVELS
};
extern const char *const capture_level_names[CAPTURE_LEVELS + 1];

enum capture_tool {
	CAPTURE_AUTO,		/* tracefs, or strace where that is refused */
	CAPTURE_TRACEFS, CAPTURE_STRACE, CAPTURE_TOOLS
};
extern const char *const capture_tool_names[CAPTURE_TOOLS + 1];

/* how the buffers are read; both give nanoseconds */
enum capture_reader {
	CAPTURE_READ_AUTO,	/* text where the TSC is steady, else raw */
	CAPTURE_READ_TEXT,	/* the kernel's text, stamped with TSC ticks */
	CAPTURE_READ_RAW,	/* binary, through libtracefs */
	CAPTURE_READERS
};
extern const char *const capture_reader_names[CAPTURE_READERS + 1];

/** struct capture_options - exactly one of command, pid, cgroup, all is set */
struct capture_options {
	char *const *command;		/* NULL-terminated */
	uint32_t pid;			/* with its threads and children */
	const char *cgroup;		/* folder in cgroupfs, subtree included */
	bool all;
	const char *user;		/* run the command as; NULL: as we are */
	int64_t seconds;		/* 0: until it ends, or a signal */
	uint32_t level, tool, reader;
	uint64_t buffer_mib;		/* of all CPUs together; 0: by memory */
	const char *output;		/* .mmt */
	const char *keep;		/* folder for the text; NULL: not kept */
	/* called with words for people while it runs; may be NULL */
	void (*say)(void *arg, const char *text);
	void *say_arg;
};

enum { CAPTURE_NOTES_MAX = 16, CAPTURE_NOTE_BYTES = 200 };

/** struct capture_result - release after use */
struct capture_result {
	struct import_account account;
	char notes[CAPTURE_NOTES_MAX][CAPTURE_NOTE_BYTES];
	unsigned note_count;
	uint64_t lines, lost;
	uint64_t drained;		/* lines read while it ran: perturbs */
	int64_t duration_ns;
	int command_status;		/* as wait() has it; -1: no command */
	bool used_strace;
};

/**
 * capture_run() - capture, import to @o->output
 * SIGINT and SIGTERM end the capture, and what there is is imported; the
 * second one gives up. Handlers are put back on return.
 * Errors: no right to trace (with what to do), unknown pid, empty cgroup,
 *	a command that cannot be run, a full disk, all of the importer's.
 */
int capture_run(const struct capture_options *o, struct capture_result *out,
		struct errbuf *e);
void capture_result_release(struct capture_result *r);

/** capture_possible() - 0, or an error that says why not and what to do */
int capture_possible(struct errbuf *e);

#endif
