/*
 * One capture: set up, let the command go or wait, read, import, put back.
 *
 * Order matters: the guard is there before anything changes; a command is in
 * the filter before tracing is on, and runs only after that; the buffers are
 * read after tracing is off, with tracing state still in place (names of
 * tasks); everything is undone before the import, which may take longer than
 * the capture.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/mem.h"
#include "traces/capture/signals.h"
#include "traces/capture/tracer.h"
#include "traces/capture/strace.h"

enum {
	POLL_NS = 20000000,
	AFTERMATH_NS = 300000000,	/* frees that come a grace period later */
};

const char *const capture_tool_names[CAPTURE_TOOLS + 1] = {
	"auto", "tracefs", "strace", NULL
};

/* ---- running ---- */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void nap(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000,
			      .tv_nsec = ns % 1000000000 };

	nanosleep(&t, NULL);		/* a signal ends it early */
}

bool capture_asked_to_end(const struct tracer *s)
{
	return stop_asked() || (s->until_ns && now_ns() >= s->until_ns);
}

static bool over(const struct tracer *s, struct follow_command *c)
{
	if (capture_asked_to_end(s))
		return true;
	if (s->o->command) {
		c->ended |= waitpid(c->pid, &c->status, WNOHANG) == c->pid;
		return c->ended;
	}
	return s->o->pid && kill((pid_t)s->o->pid, 0) && errno == ESRCH;
}

static int wait_for_end(struct tracer *s, struct follow_command *c,
			int64_t start, struct errbuf *e)
{
	s->until_ns = s->o->seconds ? start + s->o->seconds * 1000000000 : 0;
	while (!over(s, c)) {
		nap(POLL_NS);
		if (tracer_full(s) && tracer_drain(s, false, e))
			return e->code;
	}
	if (c->ended || (s->o->command && stop_asked()))
		nap(AFTERMATH_NS);
	return 0;
}

/* A command that outlives the capture: a signal was meant for it as well. */
static void leave_command(struct tracer *s, struct follow_command *c)
{
	if (c->pid <= 0 || !s->o->command)
		return;
	if (!c->ended && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->ended = true;
	if (!c->ended && stop_asked()) {
		kill(c->pid, SIGTERM);
		for (int i = 0; i < 50 && !c->ended; i++) {
			nap(POLL_NS);
			c->ended = waitpid(c->pid, &c->status, WNOHANG) == c->pid;
		}
	}
	s->out->command_status = c->ended ? c->status : -1;
	if (!c->ended)
		capture_note(s->out, "the command still runs, as process %d",
			     c->pid);
}

static int follow(struct tracer *s, struct follow_command *c,
		  struct errbuf *e)
{
	if (s->o->command)
		return follow_fork(s, c, e);
	if (s->o->pid)
		return follow_pid(s, s->o->pid, e);
	if (s->o->cgroup)
		return follow_cgroup(s, s->o->cgroup, e);
	return follow_all(s, e);
}

static int trace(struct tracer *s, struct follow_command *c,
		 struct errbuf *e)
{
	int64_t start;
	int code;

	if (tracer_open(s, e) || follow(s, c, e) || tracer_on(s, e))
		return e->code;
	start = now_ns();
	code = s->o->command ? follow_exec(s, c, e) : snapshot_all(s, e);
	if (!code)
		code = wait_for_end(s, c, start, e);
	s->out->duration_ns = now_ns() - start;
	if (tracer_off(s, code ? &(struct errbuf){ 0 } : e) && !code)
		code = e->code;
	leave_command(s, c);
	if (code)
		return code;
	s->out->lost = tracer_lost(s);
	if (tracer_drain(s, true, e) || tracer_text(s, e))
		return e->code;
	return snapshot_facts(s, e);
}

/* ---- import ---- */

static char *in_work(const char *work, const char *name)
{
	char *path = xasprintf("%s/%s", work, name);

	if (!access(path, F_OK))
		return path;
	free(path);
	return NULL;
}

int capture_import(const struct capture_options *o, const char *work,
		   const char *text, struct guard *folder,
		   struct capture_result *out, struct errbuf *e)
{
	char *main_text = in_work(work, text);
	char *vmalloc = in_work(work, "vmalloc.txt");
	char *maps = in_work(work, "maps.txt");
	char *facts = in_work(work, "capture.json");
	struct import_options im = {
		.inputs = (const char *const[]){ main_text }, .input_count = 1,
		.output = o->output, .vmalloc = vmalloc, .maps = maps,
		.header = facts,
	};
	int code = main_text ? import_run(&im, &out->account, e) :
			       err_set(e, -EIO, "%s: the tool wrote no text", work);

	/* a capture that took an hour is not thrown away */
	if (code && main_text && !o->keep) {
		guard_forget(folder);
		capture_note(out, "what was captured is kept in %s; see `mmreplay import`",
			     work);
	}
	free(main_text);
	free(vmalloc);
	free(maps);
	free(facts);
	return code;
}

static int with_tracefs(const struct capture_options *o,
			struct capture_result *out, struct errbuf *e)
{
	struct tracer s = { .o = o, .out = out, .pipe = { -1, -1 } };
	struct follow_command c = { .pid = -1 };
	struct sigaction old[STOP_SIGNALS];
	struct errbuf undone = { 0 };
	struct guard folder = { .pid = -1 };
	int code;

	/* two guards: the folder is needed until the import is done */
	if (guard_start(&folder, e))
		return e->code;
	if (guard_start(&s.guard, e)) {
		guard_finish(&folder, &undone);
		return e->code;
	}
	s.folder = &folder;
	stop_signals_take(old);
	code = trace(&s, &c, e);
	if (tracer_close(&s, &undone))
		capture_note(out, "%s", undone.text);
	stop_signals_back(old);
	if (!code && out->lost)
		capture_note(out, "%llu events were lost: --buffer-mib, or fewer events by --level",
			     (unsigned long long)out->lost);
	if (!code)
		code = capture_import(o, s.work, "trace.txt", &folder, out, e);
	guard_finish(&folder, &undone);
	free(s.process);
	return code;
}

int capture_possible(struct errbuf *e)
{
	char dir[TFS_PATH];
	bool mountable;

	return tfs_find(dir, &mountable, e);
}

int capture_run(const struct capture_options *o, struct capture_result *out,
		struct errbuf *e)
{
	struct errbuf no_right = { 0 };
	bool may;

	*out = (struct capture_result){ .command_status = -1 };
	if (o->tool == CAPTURE_STRACE)
		return capture_strace(o, out, e);
	may = !capture_possible(&no_right);
	if (may || o->tool == CAPTURE_TRACEFS || o->all || o->cgroup) {
		if (!may)
			return err_set(e, no_right.code, "%s%s", no_right.text,
				       o->all || o->cgroup ?
				       " (strace follows a command or a PID only)" :
				       "; `--tool strace` works without");
		return with_tracefs(o, out, e);
	}
	capture_note(out, "%s", no_right.text);
	return capture_strace(o, out, e);
}

void capture_result_release(struct capture_result *r)
{
	import_account_release(&r->account);
}
