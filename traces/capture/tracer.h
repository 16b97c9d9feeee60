#ifndef MMREPLAY_TRACES_CAPTURE_TRACER_H
#define MMREPLAY_TRACES_CAPTURE_TRACER_H

#include <stdio.h>
#include "traces/capture/capture.h"
#include "traces/capture/guard.h"
#include "traces/capture/tfs.h"

/*
 * Two instances (the traced tasks; vmalloc of the whole system), set up,
 * switched on and off, read. Changes go through the guard.
 */

enum { TRACER_EVENTS_MAX = 80 };

/* how stamps of the text become CLOCK_MONOTONIC ns */
struct stamp_clock {
	bool ticks;			/* x86-tsc: whole numbers of the TSC */
	uint64_t tick[2];		/* at start and end */
	int64_t mono_ns[2];
};

struct tracer {
	const struct capture_options *o;
	struct capture_result *out;
	struct guard guard;
	struct guard *folder;		/* removes the folder of the text */
	char tracing[TFS_PATH];		/* where tracefs is */
	char main[TFS_PATH], vmalloc[TFS_PATH];	/* instances */
	char work[TFS_PATH];		/* folder for the text, or "" */
	struct raw_reader *raw;		/* reads through libtracefs; or NULL */
	FILE *text[2];			/* raw text: main, vmalloc */
	int pipe[2];			/* trace_pipe of each; -1: none */
	uint64_t buffer_kib;		/* per CPU, of main */
	unsigned cpus;
	struct stamp_clock clock;
	uint64_t lost_in_text;		/* of out->lost: the importer finds them */
	char event[TRACER_EVENTS_MAX][48];	/* enabled ones */
	unsigned event_count;
	uint32_t *process;		/* that are traced from the start */
	unsigned process_count;
	int64_t until_ns;		/* --seconds, of CLOCK_MONOTONIC; or 0 */
};

/** capture_asked_to_end() - a signal came, or the time is over */
bool capture_asked_to_end(const struct tracer *s);

/** tracer_open() - instances with events, clock and buffers; tracing is off */
int tracer_open(struct tracer *s, struct errbuf *e);

/** tracer_on() - vmalloc first, so that no event of the main one is alone */
int tracer_on(struct tracer *s, struct errbuf *e);
int tracer_off(struct tracer *s, struct errbuf *e);

/** tracer_drain() - what is in the buffers to the raw text; @all: to the end */
int tracer_drain(struct tracer *s, bool all, struct errbuf *e);

/** tracer_full() - is a buffer more than half full? */
bool tracer_full(const struct tracer *s);

/** tracer_lost() - events lost since the start, both instances */
uint64_t tracer_lost(const struct tracer *s);

/** tracer_text() - raw text to WORK/trace.txt and WORK/vmalloc.txt, in ns */
int tracer_text(struct tracer *s, struct errbuf *e);

/** tracer_close() - close what is open, let the guard undo all */
int tracer_close(struct tracer *s, struct errbuf *e);

/** capture_note() - a line for the account */
void capture_note(struct capture_result *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- clock.c ---- */

/** stamp_clock_usable() - TSC that ticks at one rate and never stops */
bool stamp_clock_usable(void);
/** stamp_clock_read() - pair @which (0 start, 1 end) of tick and time */
void stamp_clock_read(struct stamp_clock *c, unsigned which);
/** stamp_clock_ns() - time of a tick */
int64_t stamp_clock_ns(const struct stamp_clock *c, uint64_t tick);

/* ---- raw.c: through libtracefs ---- */

bool raw_usable(void);			/* false: built without it */
int raw_open(struct tracer *s, struct errbuf *e);
/** raw_drain() - what is in the buffers of instance @i, as text */
int raw_drain(struct tracer *s, int i, bool during, struct errbuf *e);
void raw_close(struct tracer *s);

/* ---- text.c ---- */

/**
 * stamp_rewrite() - copy a text, ticks to seconds with nine places
 * @lost: events that lines of the text say are lost
 */
int stamp_rewrite(const struct stamp_clock *c, FILE *from, FILE *to,
		  uint64_t *lines, uint64_t *lost);

/* ---- follow.c: who is traced ---- */

/** follow_task() - trace @tid and what it starts from now on */
int follow_task(const struct tracer *s, uint32_t tid, struct errbuf *e);
/** follow_pid() - all threads of a process and of its children's */
int follow_pid(struct tracer *s, uint32_t pid, struct errbuf *e);
int follow_cgroup(struct tracer *s, const char *path, struct errbuf *e);
/** follow_all() - everybody but this process */
int follow_all(struct tracer *s, struct errbuf *e);

/** struct follow_command - a child that waits to be let go */
struct follow_command {
	int pid, go, sorry;
	int status;			/* of wait(), once it has ended */
	bool ended;
};
int follow_fork(const struct tracer *s, struct follow_command *c,
		struct errbuf *e);
/**
 * follow_exec() - let it go; stops it at its exec to read its layout
 * Errors: the command cannot be run.
 */
int follow_exec(struct tracer *s, struct follow_command *c, struct errbuf *e);

/* ---- snapshot.c: layout and facts ---- */

/**
 * snapshot_process() - append the areas of a process to WORK/maps.txt
 * As /proc/PID/maps has them, behind a line `# pid N comm NAME mono SECONDS`;
 * each followed by `# resident PAGES` where smaps can be read.
 */
int snapshot_process(const struct tracer *s, uint32_t pid, struct errbuf *e);
/** snapshot_all() - of every process that is traced from the start */
int snapshot_all(const struct tracer *s, struct errbuf *e);
/** snapshot_facts() - WORK/capture.json */
int snapshot_facts(const struct tracer *s, struct errbuf *e);

#endif
