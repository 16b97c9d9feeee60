/*
 * mmreplay run --slurm: the missing cells as Slurm job arrays over a shared
 * folder. One array task a cell; DIR/slurm/ holds the script of each array,
 * the output of its tasks, and in `jobs` the arrays that are not over, so that
 * an interrupted call finds them again.
 *
 * A task that dies is Slurm's to requeue; a cell that is still missing when no
 * job is left is failed. Cost here: one squeue a second.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/progress.h"
#include "sim/commands/batch.h"
#include "sim/commands/input.h"
#include "sim/results/folder.h"

enum { ARRAY_MOST = 1000, ANSWER_BYTES = 4096, SILENT_MOST = 60 };

struct cluster {
	const struct batch *b;
	const struct scenario *s;
	const struct run_options *o;
	const char *options;
	char *dir, *jobs_path;
	char *jobs;			/* ids with commas; "" = none */
	uint32_t *todo, count;
	uint32_t arrays;
};

/* Run a shell command; its standard output, cut at the end of the first line. */
static int ask(const char *command, char *answer, struct errbuf *e)
{
	FILE *f = popen(command, "re");
	size_t n;
	int status;

	if (!f)
		return err_sys(e, "slurm", "cannot start a command");
	n = fread(answer, 1, ANSWER_BYTES - 1, f);
	answer[n] = '\0';
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* One script for cells [@first, @first + @n) of those to do. */
static int write_script(const struct cluster *c, const char *path,
			uint32_t first, uint32_t n, struct errbuf *e)
{
	struct atomic_file f;
	int r = atomic_open(&f, path, e);

	if (r)
		return r;
	fputs("#!/bin/sh\ncase $SLURM_ARRAY_TASK_ID in\n", f.f);
	for (uint32_t i = 0; i < n; i++) {
		const char *id = c->s->cells[c->todo[first + i]].id;
		char *command = batch_command(c->b, id, e);

		if (!command) {
			atomic_abort(&f);
			return e->code;
		}
		fprintf(f.f, "%u) %s ;;\n", i + 1, command);
		free(command);
	}
	fputs("esac\n", f.f);
	return atomic_commit(&f, e);
}

static int remember_job(struct cluster *c, const char *id, struct errbuf *e)
{
	struct atomic_file f;
	char *jobs = *c->jobs ? xasprintf("%s,%s", c->jobs, id) : xstrdup(id);
	int r = atomic_open(&f, c->jobs_path, e);

	free(c->jobs);
	c->jobs = jobs;
	if (r)
		return r;
	fprintf(f.f, "%s\n", jobs);
	return atomic_commit(&f, e);
}

/* "123" or "123;cluster"; empty if sbatch said something else. */
static void cut_to_id(char *answer)
{
	size_t n = strspn(answer, "0123456789");

	answer[answer[n] == '\n' || answer[n] == ';' || !answer[n] ? n : 0] = '\0';
}

static int submit(struct cluster *c, uint32_t first, uint32_t n,
		  struct errbuf *e)
{
	char *script = xasprintf("%s/array-%u.sh", c->dir, ++c->arrays);
	char answer[ANSWER_BYTES], *command;
	struct memtext t;
	FILE *out = memtext_open(&t);
	int r = write_script(c, script, first, n, e);

	fprintf(out, "sbatch --parsable --requeue --job-name=mmreplay --array=1-%u --output=",
		n);
	shell_quote(out, c->dir);
	fprintf(out, "/%%A_%%a.log %s ", c->options);
	shell_quote(out, script);
	command = memtext_close(&t);
	if (!r)
		r = ask(command, answer, e);
	if (!r)
		cut_to_id(answer);
	if (r > 0 || (!r && !*answer))
		r = err_set(e, -EIO, "sbatch refused the cells (exit status %d): %s",
			    r, command);
	else if (!r)
		r = remember_job(c, answer, e);
	free(command);
	free(script);
	return r;
}

static uint64_t count_done(const struct cluster *c)
{
	uint64_t done = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		char *path = xasprintf("%s/cells/%s.json", c->o->out_dir,
				       c->s->cells[c->todo[i]].id);

		done += !access(path, F_OK);
		free(path);
	}
	return done;
}

/* Wait until Slurm knows no unfinished task of the jobs any more. */
static int wait_for_jobs(struct cluster *c, struct errbuf *e)
{
	char *command = xasprintf("squeue -h -o %%i -j %s 2>&1", c->jobs);
	char answer[ANSWER_BYTES];
	struct progress p;
	unsigned silent = 0;
	int r = 0;

	if (!c->o->quiet && c->count)
		progress_start(&p, "slurm", "cells", c->count);
	while (silent < SILENT_MOST) {
		r = ask(command, answer, e);
		if (r < 0 || (!r && !*answer) || strstr(answer, "Invalid job id"))
			break;
		silent = r ? silent + 1 : 0;
		if (!c->o->quiet && c->count)
			progress_set(&p, count_done(c));
		sleep(1);
	}
	if (!c->o->quiet && c->count)
		progress_end(&p);
	free(command);
	if (silent == SILENT_MOST)
		return err_set(e, -EIO, "squeue does not answer: %.200s; the jobs %s go on, run again to collect",
			       answer, c->jobs);
	if (r < 0)
		return r;
	if (unlink(c->jobs_path) && errno != ENOENT)
		return err_sys(e, c->jobs_path, "remove");
	*c->jobs = '\0';
	return 0;
}

/* The jobs of a call that was interrupted. */
static int wait_for_old(struct cluster *c, struct errbuf *e)
{
	char *text;
	size_t bytes, n;

	if (access(c->jobs_path, R_OK))
		return 0;
	if (file_read(c->jobs_path, 1 << 20, &text, &bytes, e))
		return -EIO;
	n = strspn(text, "0123456789,");
	text[n] = '\0';
	free(c->jobs);
	c->jobs = text;
	return n ? wait_for_jobs(c, e) : 0;
}

static int submit_all(struct cluster *c, struct errbuf *e)
{
	int r = 0;

	for (uint32_t i = 0; i < c->count && !r; i += ARRAY_MOST)
		r = submit(c, i, c->count - i < ARRAY_MOST ? c->count - i :
			   ARRAY_MOST, e);
	return r;
}

/*
 * The file of a cell that failed before, or was changed since, would look like one
 * that is done. One that is whole stays: it may only lack events or a trace.
 */
static void forget_failures(const struct cluster *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		const struct cell *cell = &c->s->cells[c->todo[i]];
		char *path = cell_path(c->o->out_dir, cell->id);
		struct errbuf ignored = { 0 };
		json_t *series;
		bool changed;

		if (!cell_reuse(c->o->out_dir, cell, false, &series, &changed,
				&ignored))
			unlink(path);
		json_decref(series);
		free(path);
	}
}

int slurm_run(const struct batch *b, const struct scenario *s,
	      const struct run_options *o, const char *options, struct errbuf *e)
{
	struct cluster c = { .b = b, .s = s, .o = o, .options = options,
			     .dir = xasprintf("%s/slurm", o->out_dir),
			     .jobs = xstrdup(""),
			     .todo = xcalloc(s->cell_count + 1, sizeof(*c.todo)) };
	struct run_summary mended;
	int r;

	c.jobs_path = xasprintf("%s/jobs", c.dir);
	r = make_dirs(c.dir, e);
	if (!r)
		r = wait_for_old(&c, e);
	if (!r)
		r = results_missing(s, o, true, c.todo, &c.count, &mended, e);
	if (!r && !o->quiet)
		say_mended(&mended, o->out_dir);
	if (!r)
		forget_failures(&c);
	if (!r)
		r = submit_all(&c, e);
	if (!r && *c.jobs)
		r = wait_for_jobs(&c, e);
	free(c.todo);
	free(c.jobs);
	free(c.jobs_path);
	free(c.dir);
	return r;
}
