/*
 * The crew: one forked worker process (worker.h) a cell, at most `jobs` at a
 * time. A worker that fails or dies is that cell's `failed`; the others go on.
 * Workers die with their parent, so a kill at any moment leaves only whole
 * files; what the parent kills it clears up after.
 *
 * Where the system starts no more of them, those that run are the crew. When a
 * result cannot be written no more are started, and those that run end theirs.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/base/stop.h"
#include "sim/results/cell.h"
#include "sim/results/crew.h"

enum { STDERR_BYTES = 512, LOOK_MS = 20, STOP_LOOK_MS = 500, WHY_BYTES = 2048,
       FILES_A_WORKER = 2, FILES_BESIDE = 32 };

/** struct worker - a running process, in the parent */
struct worker {
	pid_t pid;		/* 0: free */
	int fd;
	FILE *err;		/* its stderr */
	uint32_t cell;
	uint64_t done;
	int64_t started_ns;
	bool late;		/* ended by --cell-seconds */
	struct message last;	/* any but progress */
	bool ended;		/* last is valid */
};

/* How many workers the files that may be open are enough for; at most @jobs. */
static uint32_t enough_files(uint32_t jobs)
{
	struct rlimit limit;
	rlim_t need = FILES_A_WORKER * (rlim_t)jobs + FILES_BESIDE, most;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
		return jobs;
	limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	most = limit.rlim_cur < FILES_BESIDE ? 0 :
	       (limit.rlim_cur - FILES_BESIDE) / FILES_A_WORKER;
	return most < 1 ? 1 : most < jobs ? (uint32_t)most : jobs;
}

/* In the new process: it ends with its parent, and by it. */
_Noreturn static void be_worker(struct crew *w, const struct worker *k,
				pid_t parent, int fd)
{
	const struct cell *c = &w->s->cells[k->cell];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	stop_ignore();
	for (uint32_t i = 0; i < w->slots; i++) {
		if (!w->w[i].pid)
			continue;
		close(w->w[i].fd);
		fclose(w->w[i].err);
	}
	dup2(fileno(k->err), STDERR_FILENO);
	_exit(worker_run(w->s, w->o, c, &w->ready[c->source->index], fd));
}

static int start_worker(struct crew *w, uint32_t cell, struct errbuf *e)
{
	struct worker *slot = w->w;
	pid_t parent = getpid();
	int fd[2], memory = memfd_create("stderr", MFD_CLOEXEC);

	while (slot->pid)
		slot++;
	*slot = (struct worker){ .cell = cell, .started_ns = host_now_ns() };
	slot->err = memory < 0 ? NULL : fdopen(memory, "w+");
	if (!slot->err)
		return err_sys(e, "worker", "cannot start");
	if (pipe(fd)) {
		err_sys(e, "worker", "cannot start");
		fclose(slot->err);
		return e->code;
	}
	slot->pid = fork();
	if (slot->pid == 0) {
		close(fd[0]);
		be_worker(w, slot, parent, fd[1]);
	}
	if (slot->pid < 0) {
		slot->pid = 0;
		err_sys(e, "worker", "cannot start");
		close(fd[0]);
		fclose(slot->err);
	}
	close(fd[1]);
	slot->fd = fd[0];
	if (!slot->pid)
		return e->code;
	w->active++;
	if (w->slots <= slot - w->w)
		w->slots++;
	return 0;
}

/* One that cannot start is no error while others run: they are the crew. */
static int start_next(struct crew *w, uint32_t cell, uint32_t *next,
		      struct errbuf *e)
{
	struct errbuf why = { 0 };

	if (!start_worker(w, cell, &why)) {
		++*next;
		return 0;
	}
	if (!w->active)
		return err_set(e, why.code, "%s", why.text);
	w->jobs_now = w->active;
	return 0;
}

static void show_progress(struct crew *w)
{
	uint64_t done = w->finished_ops;

	for (uint32_t i = 0; i < w->slots; i++)
		if (w->w[i].pid)
			done += w->w[i].done;
	if (!w->o->quiet)
		progress_set(&w->progress, done);
}

/* The first line that a worker that died had written to its stderr. */
static void first_words(FILE *f, char *out, size_t bytes)
{
	size_t n;

	rewind(f);
	n = fread(out, 1, bytes - 1, f);
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

/* Why the worker has no cell file, as the cell's `failed`. */
static void death_text(const struct run_options *o, const struct worker *k,
		       int status, char *out)
{
	char said[STDERR_BYTES];
	const char *words = said;

	first_words(k->err, said, sizeof(said));
	if (k->ended && k->last.kind == MESSAGE_FAILED)
		words = k->last.text;
	if (k->late)
		snprintf(out, WHY_BYTES, "took longer than --cell-seconds %u",
			 o->cell_seconds);
	else if (o->cell_bytes && strstr(words, OUT_OF_MEMORY))
		snprintf(out, WHY_BYTES, "needs more than --cell-bytes %llu: %s",
			 (unsigned long long)o->cell_bytes, words);
	else if (words != said)
		snprintf(out, WHY_BYTES, "%s", words);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		snprintf(out, WHY_BYTES, "ended by signal 9 (Killed): by somebody, or by the kernel because memory ran out (--jobs 1 needs less)");
	else if (WIFSIGNALED(status))
		snprintf(out, WHY_BYTES, "ended by signal %d (%s)%s%s",
			 WTERMSIG(status), strsignal(WTERMSIG(status)),
			 *said ? ": " : "", said);
	else
		snprintf(out, WHY_BYTES, "ended with status %d%s%s",
			 WEXITSTATUS(status), *said ? ": " : "", said);
}

/* Its file is whole; one that its time limit met after that has done its work. */
static bool is_done(const struct worker *k, int status)
{
	return k->ended && k->last.kind == MESSAGE_DONE && (!status || k->late);
}

static int reap(struct crew *w, struct worker *k, struct errbuf *e)
{
	const struct cell *c = &w->s->cells[k->cell];
	const struct ready *from = &w->ready[c->source->index];
	char why[WHY_BYTES];
	int status = 0, r = 0;
	json_t *json;

	while (waitpid(k->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(k->fd);
	w->killed |= WIFSIGNALED(status);
	if (k->ended && k->last.kind == MESSAGE_CANNOT_WRITE) {
		r = err_set(e, -EIO, "%s", k->last.text);
	} else if (is_done(k, status)) {
		w->cost[k->cell] = k->last.cost;
		w->ended[w->ended_count++] = k->cell;
	} else {
		death_text(w->o, k, status, why);
		w->sum->failed++;
		json = cell_failed_json(c, &from->digest, why);
		r = cell_save(w->o->out_dir, c->id, json, e);
		json_decref(json);
	}
	fclose(k->err);
	k->pid = 0;
	w->active--;
	w->jobs_now = w->jobs;
	w->sum->ran++;
	w->finished_ops += from->ops;
	return r;
}

/* Read what one worker has to say; reap it at the end of its pipe. */
static int listen_to(struct crew *w, struct worker *k, struct errbuf *e)
{
	struct message m;
	ssize_t n = read(k->fd, &m, sizeof(m));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n != (ssize_t)sizeof(m))
		return reap(w, k, e);
	if (m.kind == MESSAGE_PROGRESS) {
		k->done = m.done;
		return 0;
	}
	k->last = m;
	k->ended = true;
	return 0;
}

/* End the workers that are past their time; their cells are failed. */
static void end_late(struct crew *w)
{
	int64_t most_ns = w->o->cell_seconds * NSEC_PER_SEC;

	for (uint32_t i = 0; i < w->slots; i++) {
		struct worker *k = &w->w[i];

		if (!k->pid || k->late || k->ended ||
		    host_now_ns() - k->started_ns <= most_ns)
			continue;
		k->late = true;
		kill(k->pid, SIGKILL);
	}
}

static int wait_for_news(struct crew *w, bool idle, struct errbuf *e)
{
	bool limited = w->o->cell_seconds;
	/* a signal just before is seen after it */
	int wait_ms = !idle ? 0 : limited ? LOOK_MS : STOP_LOOK_MS;
	int r = 0;

	for (uint32_t i = 0; i < w->slots; i++)
		w->poll[i] = (struct pollfd){
			.fd = w->w[i].pid ? w->w[i].fd : -1, .events = POLLIN };
	if (poll(w->poll, w->slots, wait_ms) < 0)
		return 0;
	for (uint32_t i = 0; i < w->slots && !r; i++)
		if (w->poll[i].revents && w->w[i].pid)
			r = listen_to(w, &w->w[i], e);
	if (limited)
		end_late(w);
	show_progress(w);
	return r;
}

/* What they were writing is swept once nobody has it locked. */
static void stop_all(struct crew *w)
{
	for (uint32_t i = 0; i < w->slots; i++)
		if (w->w[i].pid)
			kill(w->w[i].pid, SIGKILL);
	for (uint32_t i = 0; i < w->slots; i++) {
		if (!w->w[i].pid)
			continue;
		while (waitpid(w->w[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
		close(w->w[i].fd);
		fclose(w->w[i].err);
		w->w[i].pid = 0;
		w->active--;
		w->killed = true;
	}
}

static int stopped(struct crew *w, struct errbuf *e)
{
	uint32_t there = w->sum->reused + w->sum->ran - w->sum->failed;

	return err_set(e, -EINTR, "stopped by signal %d (%s): %u of %u cells are there; the same command goes on from here",
		       stop_signal(), strsignal(stop_signal()), there,
		       w->sum->cells);
}

/* For the index, in the place of a worker that has ended once no more are to be
 * started: no fork copies what is read. */
static int read_one(struct crew *w, struct errbuf *e)
{
	uint32_t cell = w->ended[--w->ended_count];

	return index_read(&w->entry[cell], w->o->out_dir, &w->s->cells[cell], e);
}

/* Returns with nobody running; the first error wins. */
static int run_all(struct crew *w, const uint32_t *todo, uint32_t count,
		   struct errbuf *e)
{
	uint32_t next = 0;
	int r = 0;

	while (w->active || (!r && next < count)) {
		bool idle = true;

		if (stop_signal()) {
			stop_all(w);
			return stopped(w, e);
		}
		if (!r && next < count && w->active < w->jobs_now) {
			r = start_next(w, todo[next], &next, e);
			continue;
		}
		if (next == count && w->ended_count && w->active < w->jobs_now &&
		    !w->o->only_count) {
			idle = false;
			r = read_one(w, e) ? e->code : r;
		}
		r = wait_for_news(w, idle, e) ? e->code : r;
	}
	return r;
}

int crew_run(struct crew *w, const uint32_t *todo, uint32_t count,
	     struct errbuf *e)
{
	uint64_t ops = 0;
	int r;

	w->w = xcalloc(w->jobs, sizeof(*w->w));
	w->poll = xcalloc(w->jobs, sizeof(*w->poll));
	w->ended = xcalloc(count + 1, sizeof(*w->ended));
	w->jobs = enough_files(w->jobs);
	w->jobs_now = w->jobs;
	for (uint32_t i = 0; i < count; i++)
		ops += w->ready[w->s->cells[todo[i]].source->index].ops;
	if (!w->o->quiet)
		progress_start(&w->progress, "cells", "ops", ops);
	stop_catch();
	r = run_all(w, todo, count, e);
	stop_release();
	if (!w->o->quiet)
		progress_end(&w->progress);
	if (w->killed)
		folder_sweep(w->o);
	free(w->w);
	free(w->poll);
	free(w->ended);
	return r;
}
