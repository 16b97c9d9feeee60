/*
 * Running cells: one forked worker process (worker.h) each, at most `jobs` at
 * a time.
 * A worker
 * that fails or dies is that cell's `failed`; the others go on. Workers die
 * with their parent, so a kill at any moment leaves only whole files.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/base/progress.h"
#include "sim/results/cell.h"
#include "sim/results/folder.h"
#include "sim/results/program.h"
#include "sim/results/sinks.h"
#include "sim/results/worker.h"

enum { JOBS_MAX = 1024, STDERR_BYTES = 512, LOOK_MS = 20, WHY_BYTES = 2048 };

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

/** struct crew - one run in the parent */
struct crew {
	const struct scenario *s;
	const struct run_options *o;
	struct ready *ready;	/* by source */
	struct worker *w;
	struct pollfd *poll;
	uint32_t jobs, active;
	uint64_t finished_ops;
	struct progress progress;
	struct host_cost *cost;		/* by cell */
	json_t **entry;			/* by cell, for the index; NULL: not read */
	uint32_t *ended, ended_count;	/* cells whose worker has written them */
	struct run_summary *sum;
};

/* ---- in the parent ---- */

static int start_worker(struct crew *w, uint32_t cell, struct errbuf *e)
{
	struct worker *slot = w->w;
	pid_t parent = getpid();
	int fd[2];

	while (slot->pid)
		slot++;
	*slot = (struct worker){ .cell = cell, .started_ns = host_now_ns() };
	slot->err = fdopen(memfd_create("stderr", MFD_CLOEXEC), "w+");
	if (!slot->err || pipe(fd))
		return err_sys(e, "worker", "cannot start");
	slot->pid = fork();
	if (slot->pid < 0) {
		slot->pid = 0;
		return err_sys(e, "worker", "cannot start");
	}
	if (slot->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		dup2(fileno(slot->err), STDERR_FILENO);
		close(fd[0]);
		_exit(worker_run(w->s, w->o, &w->s->cells[cell],
				 &w->ready[w->s->cells[cell].source->index],
				 fd[1]));
	}
	close(fd[1]);
	slot->fd = fd[0];
	w->active++;
	return 0;
}

static void show_progress(struct crew *w)
{
	uint64_t done = w->finished_ops;

	for (uint32_t i = 0; i < w->jobs; i++)
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

	for (uint32_t i = 0; i < w->jobs; i++) {
		struct worker *k = &w->w[i];

		if (!k->pid || k->late || k->ended ||
		    host_now_ns() - k->started_ns <= most_ns)
			continue;
		k->late = true;
		kill(k->pid, SIGKILL);
	}
}

static int wait_for_news(struct crew *w, struct errbuf *e)
{
	bool limited = w->o->cell_seconds;
	int r = 0;

	for (uint32_t i = 0; i < w->jobs; i++)
		w->poll[i] = (struct pollfd){
			.fd = w->w[i].pid ? w->w[i].fd : -1, .events = POLLIN };
	if (poll(w->poll, w->jobs, limited ? LOOK_MS : -1) < 0)
		return errno == EINTR ? 0 : err_sys(e, "workers", "cannot wait");
	for (uint32_t i = 0; i < w->jobs; i++) {
		if (w->poll[i].revents && w->w[i].pid)
			r = listen_to(w, &w->w[i], e);
		if (r)
			break;
	}
	if (limited)
		end_late(w);
	show_progress(w);
	return r;
}

static void stop_all(struct crew *w)
{
	for (uint32_t i = 0; i < w->jobs; i++) {
		if (!w->w[i].pid)
			continue;
		kill(w->w[i].pid, SIGKILL);
		waitpid(w->w[i].pid, NULL, 0);
		close(w->w[i].fd);
		fclose(w->w[i].err);
	}
}

/* For the index, while the last workers run: no fork copies what is read. */
static int read_one(struct crew *w, struct errbuf *e)
{
	uint32_t cell = w->ended[--w->ended_count];

	w->entry[cell] = folder_entry(w->o->out_dir, &w->s->cells[cell], e);
	return w->entry[cell] ? 0 : -EIO;
}

/* The cells that are not there, in the order of the scenario. */
static int run_missing(struct crew *w, const uint32_t *todo, uint32_t count,
		       struct errbuf *e)
{
	uint32_t next = 0;
	uint64_t ops = 0;
	int r = 0;

	for (uint32_t i = 0; i < count; i++)
		ops += w->ready[w->s->cells[todo[i]].source->index].ops;
	if (!w->o->quiet)
		progress_start(&w->progress, "cells", "ops", ops);
	while (!r && (next < count || w->active)) {
		if (next < count && w->active < w->jobs)
			r = start_worker(w, todo[next++], e);
		else if (next == count && w->ended_count && !w->o->only_count)
			r = read_one(w, e);
		else
			r = wait_for_news(w, e);
	}
	if (!w->o->quiet)
		progress_end(&w->progress);
	if (r)
		stop_all(w);
	return r;
}

static uint32_t job_count(const struct run_options *o, uint32_t cells)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t jobs = o->jobs ? o->jobs : cpus > 0 ? (uint32_t)cpus : 1;

	if (jobs > JOBS_MAX)
		jobs = JOBS_MAX;
	return jobs < cells ? jobs : cells ? cells : 1;
}

static bool is_wanted(const struct run_options *o, const char *id)
{
	for (uint32_t i = 0; i < o->only_count; i++)
		if (!strcmp(o->only[i], id))
			return true;
	return !o->only_count;
}

static int check_only(const struct scenario *s, const struct run_options *o,
		      struct errbuf *e)
{
	for (uint32_t k = 0; k < o->only_count; k++) {
		uint32_t i = 0;

		while (i < s->cell_count && strcmp(s->cells[i].id, o->only[k]))
			i++;
		if (i == s->cell_count)
			return err_usage(e, "--cell %s: this scenario has no such cell with this program; see `mmreplay run -n`",
					 o->only[k]);
	}
	return 0;
}

/* Fills @todo with the cells that must be run. */
static int find_missing(struct crew *w, uint32_t *todo, uint32_t *count,
			struct errbuf *e)
{
	*count = 0;
	for (uint32_t i = 0; i < w->s->cell_count; i++) {
		const struct cell *c = &w->s->cells[i];
		json_t *series = NULL;
		enum side side;
		bool changed;
		int r;

		if (!is_wanted(w->o, c->id))
			continue;
		r = cell_reuse(w->o->out_dir, c, &series, &changed, e);
		side = r > 0 ? sinks_there(w->s, w->o, c, series) :
		       changed ? SIDE_DAMAGED : SIDE_OTHER;
		json_decref(series);
		if (r < 0)
			return r;
		w->sum->damaged += side == SIDE_DAMAGED;
		if (side == SIDE_THERE)
			w->sum->reused++;
		else
			todo[(*count)++] = i;
	}
	return 0;
}

/* Digest and size of the trace at @r->path; false if it is no whole trace. */
static bool look_at(struct ready *r, struct errbuf *e)
{
	struct mmt_reader *trace = mmt_open(r->path, 0, 0, e);
	const struct trace_header *h;

	if (!trace)
		return false;
	h = mmt_header(trace);
	r->digest = mmt_digest(trace);
	r->ops = 0;
	for (unsigned i = 0; i < OP_KIND_COUNT; i++)
		if (op_kinds[i].cls == OP_CLASS_REPLAY)
			r->ops += h->ops[i];
	mmt_close(trace);
	return true;
}

/* The seal comes last: one that is there is of a whole trace. */
static int generate(struct crew *w, const struct source *from,
		    const char *path, const char *seal, struct errbuf *e)
{
	char *dir = xasprintf("%s/traces", w->o->out_dir);
	int r = make_dirs(dir, e);

	free(dir);
	if (!r)
		r = w->s->workloads->write(&from->workload, path, e);
	return r ? r : seal_beside(path, seal, e);
}

/*
 * A generated trace has its name from its parameters, and NAME.json beside it
 * says what was made: without it, or if it says otherwise, this is another one.
 */
static int make_ready(struct crew *w, const struct source *from,
		      struct errbuf *e)
{
	struct ready *r = &w->ready[from->index];
	char name[DIGEST_TEXT_BYTES], *seal;
	struct errbuf ignored = { 0 };
	bool there;
	int err = 0;

	if (r->path)
		return 0;
	if (from->path) {
		r->path = xstrdup(from->path);
		return look_at(r, e) ? 0 : -EIO;
	}
	digest_text(&from->digest, name);
	r->path = xasprintf("%s/traces/%s.mmt", w->o->out_dir, name);
	seal = xasprintf("%s/traces/%s.json", w->o->out_dir, name);
	there = !access(r->path, F_OK);
	if (!there || !seal_holds(r->path, seal) || !look_at(r, &ignored)) {
		w->sum->remade += there;
		err = generate(w, from, r->path, seal, e);
		if (!err && !look_at(r, e))
			err = -EIO;
	}
	free(seal);
	return err;
}

static int make_all_ready(struct crew *w, const uint32_t *todo, uint32_t count,
			  struct errbuf *e)
{
	int r = 0;

	for (uint32_t i = 0; i < count && !r; i++)
		r = make_ready(w, w->s->cells[todo[i]].source, e);
	return r;
}

/* Traces that several cells replay are decoded once, while there is room. */
static void decode_shared(struct crew *w, const uint32_t *todo, uint32_t count)
{
	uint32_t *cells = xcalloc(w->s->source_count + 1, sizeof(*cells));
	uint64_t left = w->o->decode_cache_bytes;

	for (uint32_t i = 0; i < count; i++) {
		struct ready *r = &w->ready[w->s->cells[todo[i]].source->index];
		struct errbuf ignored = { 0 };
		struct mmt_reader *trace;

		if (++cells[r - w->ready] != 2)
			continue;
		trace = mmt_open(r->path, 0, 0, &ignored);
		if (trace)
			r->share = mmt_share_new(trace, left);
		left -= mmt_share_bytes(r->share);
		mmt_close(trace);
	}
	free(cells);
}

static void crew_release(struct crew *w)
{
	for (uint32_t i = 0; i < w->s->source_count; i++) {
		free(w->ready[i].path);
		mmt_share_free(w->ready[i].share);
	}
	for (uint32_t i = 0; i < w->s->cell_count; i++)
		json_decref(w->entry[i]);
	free(w->ready);
	free(w->w);
	free(w->poll);
	free(w->cost);
	free(w->entry);
	free(w->ended);
}

/* What others should have run and did not: failed, unless they said why. */
static int mark_missing(struct crew *w, const uint32_t *todo, uint32_t count,
			struct errbuf *e)
{
	int r = 0;

	for (uint32_t i = 0; i < count && !r; i++) {
		const struct cell *c = &w->s->cells[todo[i]];
		char *path = cell_path(w->o->out_dir, c->id);
		json_t *json;

		if (access(path, R_OK)) {
			json = cell_failed_json(c, &w->ready[c->source->index].digest,
						w->o->missing_because);
			r = cell_save(w->o->out_dir, c->id, json, e);
			json_decref(json);
		}
		free(path);
	}
	return r;
}

static void crew_init(struct crew *w, const struct scenario *s)
{
	w->w = xcalloc(w->jobs, sizeof(*w->w));
	w->poll = xcalloc(w->jobs, sizeof(*w->poll));
	w->cost = xcalloc(s->cell_count + 1, sizeof(*w->cost));
	w->entry = xcalloc(s->cell_count + 1, sizeof(*w->entry));
	w->ended = xcalloc(s->cell_count + 1, sizeof(*w->ended));
	w->ready = xcalloc(s->source_count + 1, sizeof(*w->ready));
}

int results_missing(const struct scenario *s, const struct run_options *o,
		    bool prepare, uint32_t *todo, uint32_t *count,
		    struct run_summary *sum, struct errbuf *e)
{
	struct crew w = { .s = s, .o = o, .sum = sum, .jobs = 1 };
	int r = 0;

	*sum = (struct run_summary){ .cells = s->cell_count };
	crew_init(&w, s);
	if (prepare)
		r = folder_prepare(s, o->out_dir, e);
	if (!r && prepare)
		r = sinks_prepare(s, o, e);
	if (!r)
		r = find_missing(&w, todo, count, e);
	if (!r && prepare)
		r = make_all_ready(&w, todo, *count, e);
	crew_release(&w);
	return r;
}

/* The cells of --cell are there: index and host.json are for who collects. */
static int finish(struct crew *w, int64_t start_ns, struct errbuf *e)
{
	int r;

	if (w->o->only_count)
		return 0;
	r = folder_index(w->s, w->o->out_dir, w->entry, &w->sum->failed, e);
	return r ? r : folder_host(w->s, w->o->out_dir, w->cost, w->jobs,
				   host_now_ns() - start_ns, e);
}

int results_run(const struct scenario *s, const struct run_options *o,
		struct run_summary *sum, struct errbuf *e)
{
	struct crew w = { .s = s, .o = o, .sum = sum };
	uint32_t *todo = xcalloc(s->cell_count + 1, sizeof(*todo)), count = 0;
	int64_t start_ns = host_now_ns();
	int r = check_only(s, o, e);

	if (strcmp(s->model_id, program_model_id()))
		BUG("scenario was loaded without program_model_id()");
	*sum = (struct run_summary){ .cells = o->only_count ? o->only_count :
							      s->cell_count };
	w.jobs = job_count(o, s->cell_count);
	crew_init(&w, s);
	if (!r)
		r = folder_prepare(s, o->out_dir, e);
	if (!r)
		r = sinks_prepare(s, o, e);
	if (!r)
		r = find_missing(&w, todo, &count, e);
	if (!r)
		r = make_all_ready(&w, todo, count, e);
	if (!r && !o->missing_because)
		decode_shared(&w, todo, count);
	if (!r)
		r = o->missing_because ? mark_missing(&w, todo, count, e) :
					 run_missing(&w, todo, count, e);
	if (!r)
		r = finish(&w, start_ns, e);
	crew_release(&w);
	free(todo);
	return r;
}
